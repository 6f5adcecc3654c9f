"""Discrete-time hazards of one or several competing causes, fitted without a table of person-periods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Newton steps after which a fit counts as not converged.
MAX_STEPS = 60
#: Person-periods held at a time: about 100 MB of work space.
BLOCK_PERIODS = 2_000_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Periods:
    """Person-periods at risk, in the order of spells; spell i owns ``start[i]:start[i + 1]``.

    Attributes
    ----------
    start
        (n + 1,) places.
    period
        (m,) number of the period, from 1.
    cause
        (m,) 0 where nothing happened in it, else the cause 1..C of the event that ended it.
    weight
        (m,) how many person-periods each stands for; 1 unless thinned.
    """

    start: IntArray
    period: NDArray[np.int32]
    cause: NDArray[np.int8]
    weight: FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class HazardFit:
    """Coefficients of a multinomial logit hazard.

    Attributes
    ----------
    baseline
        (C, q) coefficients of the columns of age.
    effects
        (C, p) coefficients of the covariates.
    log_likelihood
        At the optimum, without the penalty.
    information
        (P, P) negative second derivative with the penalty, ``P = C (q + p)``, cause by cause.
    steps
        Newton steps taken.
    """

    baseline: FloatArray
    effects: FloatArray
    log_likelihood: float
    information: FloatArray
    steps: int

    @property
    def theta(self) -> FloatArray:
        """All coefficients, (P,): for each cause the baseline, then the effects."""
        return np.concatenate([self.baseline, self.effects], axis=1).ravel()


def person_periods(
    entry: IntArray,
    time: IntArray,
    cause: IntArray,
    *,
    event_free_share: float = 1.0,
    rng: np.random.Generator | None = None,
) -> Periods:
    """Spread spells over the periods in which they were at risk: ``entry < k <= time``.

    So a censored spell simply stops, and a customer first seen at age ``entry`` adds nothing before it.

    Parameters
    ----------
    entry, time : (n,)
        Whole periods of age at which a spell comes under observation and at which it ends.
    cause : (n,)
        0 if the spell was censored, else the cause 1..C of the event in period ``time``.
    event_free_share
        Share of event-free person-periods to keep, each with weight 1 / share; every event stays.
    rng
        Source of randomness, needed for a share below 1.

    Returns
    -------
    Periods

    Examples
    --------
    >>> rows = person_periods(np.array([0, 2]), np.array([2, 3]), np.array([0, 1]))
    >>> rows.period.tolist(), rows.cause.tolist(), rows.start.tolist()
    ([1, 2, 3], [0, 0, 1], [0, 2, 3])
    """
    n = len(entry)
    parts: list[tuple[IntArray, NDArray[np.int32], NDArray[np.int8], FloatArray]] = []
    for first, last in _blocks(np.concatenate([[0], np.cumsum(time - entry)])):
        length = (time - entry)[first:last]
        ends = np.cumsum(length)
        spell = np.repeat(np.arange(last - first), length)
        period = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - length, length)
        period = (period + 1 + entry[first:last][spell]).astype(np.int32)
        what = np.zeros(len(period), dtype=np.int8)
        what[ends[length > 0] - 1] = cause[first:last][length > 0]
        weight = np.ones(len(period))
        if event_free_share < 1.0:
            if rng is None:
                raise ValueError("rng: thinning draws at random. Next step: give a numpy Generator.")
            kept = (what > 0) | (rng.random(len(what)) < event_free_share)
            weight = np.where(what > 0, 1.0, 1.0 / event_free_share)[kept]
            spell, period, what = spell[kept], period[kept], what[kept]
        counts = np.bincount(spell, minlength=last - first)
        parts.append((counts, period, what, weight))
    counts = np.concatenate([part[0] for part in parts]) if parts else np.zeros(n, dtype=np.int64)
    return Periods(
        start=np.concatenate([[0], np.cumsum(counts)]),
        period=np.concatenate([part[1] for part in parts]),
        cause=np.concatenate([part[2] for part in parts]),
        weight=np.concatenate([part[3] for part in parts]),
    )


def fit_hazard(
    rows: Periods,
    age_design: FloatArray,
    covariates: FloatArray,
    *,
    causes: int = 1,
    ridge: float = 1.0,
) -> HazardFit:
    """Multinomial logit of leaving by each cause, by Newton's method.

    ``log h_c(k, x) / h_0(k, x) = a_c(k) + b_c' x``, ``h_0`` the chance to stay through period k.

    Parameters
    ----------
    rows
        From :func:`person_periods`.
    age_design : (K + 1, q)
        Columns of age for the periods 0..K, the constant among them.
    covariates : (n, p)
        One row per spell, centred and scaled.
    causes
        Number of causes C.
    ridge
        Penalty ``ridge / 2 * sum b^2`` on the effects: a level without any event stays finite. With E
        events it shrinks a standardised effect by about ``ridge / E``.

    Returns
    -------
    HazardFit

    Raises
    ------
    ValueError
        If a cause has no event, columns are collinear, or the search does not converge.

    Notes
    -----
    No table of person-periods times covariates is built. With ``v_ik`` the logit weight of spell i in
    period k, the second derivative needs ``V A``, ``A' diag(V'1) A`` and ``X' diag(V1) X`` only, so a step
    costs one exponential per person-period and one (n, p) product.

    Source: Allison (1982), Sociological Methodology 13; Tutz and Schmid (2016), Modeling Discrete
    Time-to-Event Data, chapters 3 and 8.

    Examples
    --------
    >>> rows = person_periods(np.zeros(4, int), np.array([1, 2, 2, 2]), np.array([1, 1, 0, 0]))
    >>> fit = fit_hazard(rows, np.ones((3, 1)), np.zeros((4, 0)))
    >>> round(float(1 / (1 + np.exp(-fit.baseline[0, 0]))), 4)  # 2 events in 7 periods
    0.2857
    """
    events = np.bincount(rows.cause, minlength=causes + 1)[1:]
    if (events == 0).any():
        raise ValueError(f"cause {int(np.argmin(events)) + 1} has no event")
    q, p = age_design.shape[1], covariates.shape[1]
    penalty = np.tile(np.concatenate([np.zeros(q), np.full(p, ridge)]), causes)
    theta = np.zeros((causes, q + p))
    level = np.linalg.lstsq(age_design, np.ones(len(age_design)), rcond=None)[0]
    theta[:, :q] = np.log(events / rows.weight.sum())[:, None] * level
    return _climb(rows, age_design, covariates, theta, penalty)


def _climb(
    rows: Periods, age_design: FloatArray, covariates: FloatArray, theta: FloatArray, penalty: FloatArray
) -> HazardFit:
    """Newton's method with halved steps from ``theta`` to the optimum of the penalised likelihood."""
    q = age_design.shape[1]
    value, score, information = _derivatives(rows, age_design, covariates, theta)
    for step in range(1, MAX_STEPS + 1):
        flat = theta.ravel()
        inside, slope = information + np.diag(penalty), score - penalty * flat
        try:
            move = _solve(inside, slope)
        except np.linalg.LinAlgError as error:
            raise ValueError("columns of the hazard are collinear") from error
        # The Newton decrement: twice the log-likelihood that is still to be gained.
        if float(move @ slope) < 1e-10:
            return HazardFit(
                baseline=theta[:, :q],
                effects=theta[:, q:],
                log_likelihood=value,
                information=inside,
                steps=step,
            )
        best = value - 0.5 * float(penalty @ flat**2)
        for halving in range(30):
            tried = (flat + move * 0.5**halving).reshape(theta.shape)
            found = _derivatives(rows, age_design, covariates, tried)
            if found[0] - 0.5 * float(penalty @ tried.ravel() ** 2) >= best - 1e-9:
                break
        else:
            raise ValueError("no step raises the likelihood: some group leaves at once or never")
        theta, (value, score, information) = tried, found
    raise ValueError("the search does not converge: some group leaves at once or never")


def _solve(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    """Solve a positive definite system after scaling; LinAlgError where it is singular to rounding."""
    scale = np.sqrt(np.diag(matrix))
    if not (scale > 0).all():
        raise np.linalg.LinAlgError("a column carries nothing")
    scaled = matrix / np.outer(scale, scale)
    if np.linalg.eigvalsh(scaled)[0] < 1e-11:
        raise np.linalg.LinAlgError("singular")
    return np.asarray(np.linalg.solve(scaled, vector / scale) / scale)


def _blocks(start: IntArray) -> Iterator[tuple[int, int]]:
    """(first, last) spells of consecutive blocks of at most about BLOCK_PERIODS person-periods."""
    first, n = 0, len(start) - 1
    while first < n:
        last = int(np.searchsorted(start, start[first] + BLOCK_PERIODS, side="right")) - 1
        last = min(max(last, first + 1), n)
        yield first, last
        first = last


@dataclass(frozen=True, eq=False, kw_only=True)
class Block:
    """Some spells with their person-periods and the chance of each cause in each of them.

    ``chance`` is (m, C); ``local`` gives the spell of each person-period, counted within the block.
    """

    first: int
    last: int
    start: IntArray
    local: IntArray
    period: NDArray[np.int32]
    cause: NDArray[np.int8]
    weight: FloatArray
    chance: FloatArray
    log_stay: FloatArray


def blocks_with_chances(
    rows: Periods, age_design: FloatArray, covariates: FloatArray, theta: FloatArray
) -> Iterator[Block]:
    """Blocks of spells with the hazards that coefficients ``theta`` (C, q + p) give them."""
    q = age_design.shape[1]
    base = age_design @ theta[:, :q].T
    for first, last in _blocks(rows.start):
        cells = slice(int(rows.start[first]), int(rows.start[last]))
        start = rows.start[first : last + 1] - rows.start[first]
        local = np.repeat(np.arange(last - first), np.diff(start))
        linear = covariates[first:last] @ theta[:, q:].T
        chance = base[rows.period[cells]] + linear[local]
        np.clip(chance, -500.0, 500.0, out=chance)
        np.exp(chance, out=chance)
        stay = 1.0 + chance.sum(axis=1)
        chance /= stay[:, None]
        yield Block(
            first=first,
            last=last,
            start=start,
            local=local,
            period=rows.period[cells],
            cause=rows.cause[cells],
            weight=rows.weight[cells],
            chance=chance,
            log_stay=-np.log(stay),
        )


def curvature(block: Block, one: int, other: int) -> FloatArray:
    """Second-derivative weights (m,) of causes ``one`` and ``other`` (from 0) in each person-period."""
    p = block.chance[:, one]
    return np.asarray(block.weight * p * ((1.0 if one == other else 0.0) - block.chance[:, other]))


def surprise(block: Block, cause: int) -> FloatArray:
    """Weighted outcome minus chance, (m,), of one cause (from 0) in each person-period."""
    return np.asarray(block.weight * ((block.cause == cause + 1) - block.chance[:, cause]))


def _derivatives(
    rows: Periods, age_design: FloatArray, covariates: FloatArray, theta: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Log-likelihood, its gradient (P,) and its negative second derivative (P, P)."""
    from scipy.sparse import csr_array

    causes, width = theta.shape
    q = age_design.shape[1]
    value, score = 0.0, np.zeros((causes, width))
    information = np.zeros((causes, width, causes, width))
    for block in blocks_with_chances(rows, age_design, covariates, theta):
        shape = (block.last - block.first, len(age_design))
        x = covariates[block.first : block.last]
        value += float(block.weight @ block.log_stay)
        for one in range(causes):
            hit = block.cause == one + 1
            # log(chance / stay) of what happened, from the chances themselves.
            value += float(block.weight[hit] @ (np.log(block.chance[hit, one]) - block.log_stay[hit]))
            left = surprise(block, one)
            score[one, :q] += np.bincount(block.period, left, len(age_design)) @ age_design
            score[one, q:] += np.bincount(block.local, left, shape[0]) @ x
            for other in range(one, causes):
                weight = curvature(block, one, other)
                by_age = np.bincount(block.period, weight, len(age_design))
                by_spell = np.bincount(block.local, weight, shape[0])
                part = np.zeros((width, width))
                part[:q, :q] = (age_design * by_age[:, None]).T @ age_design
                if width > q:
                    spread = csr_array((weight, block.period, block.start), shape=shape) @ age_design
                    part[:q, q:] = spread.T @ x
                    part[q:, :q] = part[:q, q:].T
                    part[q:, q:] = (x * by_spell[:, None]).T @ x
                information[one, :, other, :] += part
                if other != one:
                    information[other, :, one, :] += part.T
    size = causes * width
    return value, score.ravel(), information.reshape(size, size)
