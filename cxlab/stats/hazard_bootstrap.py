"""Bootstrap replicates of hazard coefficients over customers: one weighted Newton step each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.bootstrap import rescaled_multipliers
from cxlab.stats.hazard import Block, HazardFit, Periods, blocks_with_chances, curvature, surprise

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def bootstrap_hazard(
    fit: HazardFit,
    rows: Periods,
    age_design: FloatArray,
    covariates: FloatArray,
    *,
    groups: IntArray,
    replicates: int,
    ridge: float,
    rng: np.random.Generator,
) -> FloatArray:
    """Replicates of all coefficients when whole groups of spells (customers) are drawn again.

    ``theta_b = theta + (sum_g w_gb I_g + R)^-1 (sum_g w_gb s_g - R theta)`` with s_g and I_g the score and
    the information of group g: the first Newton step of the refit on replicate b.

    Parameters
    ----------
    fit, rows, age_design, covariates, ridge
        A fit and what made it.
    groups : (n,)
        Group of each spell, numbered from 0.
    replicates
        Number of replicates B.
    rng
        Source of randomness.

    Returns
    -------
    (B, C, q + p) array

    Notes
    -----
    The step starts at the optimum of all rows, so its distance from the full refit is of second order.
    Source: Rao and Wu (1988), JASA 83; Davison and Hinkley (1997), Bootstrap Methods, section 7.

    Examples
    --------
    >>> from cxlab.stats.hazard import fit_hazard, person_periods
    >>> rows = person_periods(np.zeros(40, int), np.repeat([1, 3], 20), np.tile([1, 0], 20))
    >>> fit = fit_hazard(rows, np.ones((4, 1)), np.zeros((40, 0)))
    >>> options = {"groups": np.arange(40), "replicates": 200, "ridge": 1.0}
    >>> found = bootstrap_hazard(
    ...     fit, rows, np.ones((4, 1)), np.zeros((40, 0)), rng=np.random.default_rng(1), **options)
    >>> found.shape, bool(0.2 < found.std() < 0.35)
    ((200, 1, 1), True)
    """
    causes, q = fit.baseline.shape
    width = q + fit.effects.shape[1]
    theta = np.concatenate([fit.baseline, fit.effects], axis=1)
    score, information = group_sums(rows, age_design, covariates, theta, groups=groups)
    penalty = np.tile(np.concatenate([np.zeros(q), np.full(width - q, ridge)]), causes)
    drawn = rescaled_multipliers(np.zeros(len(score), dtype=np.int64), replicates=replicates, rng=rng)
    upper = np.triu_indices(causes * width)
    inside = np.zeros((replicates, causes * width, causes * width))
    inside[:, upper[0], upper[1]] = drawn @ information
    inside[:, upper[1], upper[0]] = inside[:, upper[0], upper[1]]
    inside += np.diag(penalty)
    moves = np.linalg.solve(inside, (drawn @ score - penalty * theta.ravel())[:, :, None])[:, :, 0]
    return np.asarray((theta.ravel() + moves).reshape(replicates, causes, width))


def group_sums(
    rows: Periods, age_design: FloatArray, covariates: FloatArray, theta: FloatArray, *, groups: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Score (G, P) and information (G, P (P + 1) / 2, upper triangle by rows) of each group.

    Parameters
    ----------
    rows, age_design, covariates
        As for :func:`~cxlab.stats.hazard.fit_hazard`.
    theta : (C, q + p)
        Where to evaluate.
    groups : (n,)
        Group of each spell, from 0.
    """
    from scipy.sparse import csr_array

    count, size = int(groups.max()) + 1, theta.size
    score = np.zeros((count, size))
    information = np.zeros((count, size * (size + 1) // 2))
    # Each spell holds the whole triangle for a moment: so many spells at a time take about 80 MB.
    step = max(1, 10_000_000 // information.shape[1])
    for block in blocks_with_chances(rows, age_design, covariates, theta):
        for low in range(0, block.last - block.first, step):
            part = _cut(block, low, min(low + step, block.last - block.first))
            n = part.last - part.first
            x = covariates[part.first : part.last]
            member = groups[part.first : part.last]
            sums = csr_array((np.ones(n), (member, np.arange(n))), shape=(count, n))
            score += sums @ _scores(part, age_design, x)
            information += sums @ _triangles(part, age_design, x, size)
    return score, information


def _cut(block: Block, low: int, high: int) -> Block:
    """The spells ``low:high`` of a block."""
    if low == 0 and high == block.last - block.first:
        return block
    cells = slice(int(block.start[low]), int(block.start[high]))
    return Block(
        first=block.first + low,
        last=block.first + high,
        start=block.start[low : high + 1] - block.start[low],
        local=block.local[cells] - low,
        period=block.period[cells],
        cause=block.cause[cells],
        weight=block.weight[cells],
        chance=block.chance[cells],
        log_stay=block.log_stay[cells],
    )


def _scores(block: Block, age_design: FloatArray, x: FloatArray) -> FloatArray:
    parts = []
    for cause in range(block.chance.shape[1]):
        left = surprise(block, cause)
        parts += [_by_age(block, left, age_design), np.bincount(block.local, left, len(x))[:, None] * x]
    return np.concatenate(parts, axis=1)


def _triangles(block: Block, age_design: FloatArray, x: FloatArray, size: int) -> FloatArray:
    """Upper triangle of each spell's information matrix, (n, size (size + 1) / 2)."""
    n, q, causes = len(x), age_design.shape[1], block.chance.shape[1]
    width = size // causes
    place = np.zeros((size, size), dtype=np.int64)
    upper = np.triu_indices(size)
    place[upper] = place[upper[1], upper[0]] = np.arange(len(upper[0]))
    found = np.zeros((n, len(upper[0])))
    squares = (age_design[:, :, None] * age_design[:, None, :]).reshape(len(age_design), -1)
    for one in range(causes):
        for other in range(one, causes):
            weight = curvature(block, one, other)
            spread = _by_age(block, weight, age_design)
            square = _by_age(block, weight, squares).reshape(n, q, q)
            total = np.bincount(block.local, weight, n)[:, None] * x
            for a in range(width):
                row = one * width + a
                for b in range(a if one == other else 0, width):
                    if a < q:
                        value = square[:, a, b] if b < q else spread[:, a] * x[:, b - q]
                    else:
                        value = spread[:, b] * x[:, a - q] if b < q else total[:, a - q] * x[:, b - q]
                    found[:, place[row, other * width + b]] = value
    return found


def _by_age(block: Block, weight: FloatArray, columns: FloatArray) -> FloatArray:
    """Sum over each spell's periods of weight times the columns of age, (n, columns)."""
    from scipy.sparse import csr_array

    shape = (block.last - block.first, len(columns))
    return np.asarray(csr_array((weight, block.period, block.start), shape=shape) @ columns)
