"""What leaving out marked rows does to means and importance: all of it on the same bootstrap draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.bootstrap import percentile_interval, resampled_sums
from cxlab.stats.importance import lmg
from cxlab.stats.moments import correlations, group_moments

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Shift:
    """Estimates with all rows and without some, and the difference.

    Attributes
    ----------
    whole, kept : (K,)
        The K estimates with all rows, and without the marked ones.
    change : (K,)
        ``kept - whole``.
    whole_draws, change_draws : (B, K)
        Bootstrap replicates of ``whole`` and of ``change``, drawn together.
    """

    whole: Array
    kept: Array
    whole_draws: Array
    change_draws: Array

    @property
    def change(self) -> Array:
        """``kept - whole``."""
        difference: Array = self.kept - self.whole
        return difference

    def interval(self, *, confidence: float, degrees_of_freedom: float) -> tuple[Array, Array]:
        """Limits of the change, shape (K,) each."""
        return percentile_interval(
            self.change_draws, confidence=confidence, degrees_of_freedom=degrees_of_freedom
        )


def mean_shift(
    values: Array, marked: Mask, groups: Integers, *, replicates: int, rng: np.random.Generator
) -> Shift:
    """How means change when the marked rows are left out.

    ``change = mean(values of unmarked rows) - mean(values of all rows)``, per column, over filled cells.

    Parameters
    ----------
    values : (n, K)
        Quantities; NaN where not given.
    marked : (n,)
        Rows to leave out.
    groups : (n,)
        Group of each row from 0: rows of a group are drawn together.
    replicates
        Bootstrap replicates B.
    rng
        Source of randomness.

    Returns
    -------
    Shift

    Notes
    -----
    Both means of a replicate come from the same draw of groups, so the interval of the change respects
    that they share most rows. The draws are the rescaled multipliers of Rao and Wu (1988).

    Examples
    --------
    >>> values = np.array([[1.0], [1.0], [9.0], [9.0]])
    >>> marked = np.array([True, False, False, False])
    >>> shift = mean_shift(values, marked, np.arange(4), replicates=10, rng=np.random.default_rng(1))
    >>> shift.whole, shift.change.round(3)
    (array([5.]), array([1.333]))
    """
    given = (~np.isnan(values)).astype(np.float64)
    filled = np.where(given > 0, values, 0.0)
    use = (~marked).astype(np.float64)[:, None]
    parts = np.hstack([given, filled, given * use, filled * use])
    draws = _draws(parts, groups, replicates, rng)
    whole, kept = _means(parts.sum(axis=0)[None, :])
    whole_draws, kept_draws = _means(draws)
    return Shift(
        whole=whole[0], kept=kept[0], whole_draws=whole_draws, change_draws=kept_draws - whole_draws
    )


def importance_shift(
    values: Array, marked: Mask, groups: Integers, *, replicates: int, rng: np.random.Generator
) -> Shift:
    """How LMG shares of the explained variance change when the marked rows are left out.

    Parameters
    ----------
    values : (n, p + 1)
        Complete rows: p drivers, the outcome last.
    marked, groups, replicates, rng
        As for :func:`mean_shift`.

    Returns
    -------
    Shift
        With K = p shares, each 0..1 of the variance of the outcome in its own rows.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=(200, 2))
    >>> rows = np.column_stack([x, x[:, 0] + rng.normal(size=200)])
    >>> marked = np.zeros(200, dtype=bool)
    >>> importance_shift(rows, marked, np.arange(200), replicates=10, rng=rng).change
    array([0., 0.])
    """
    # Each row a group of its own: what is left out is chosen row by row.
    moments = group_moments(values, weights=np.ones(len(values)), groups=np.arange(len(values)))
    parts = np.hstack([moments.sums, moments.sums * (~marked)[:, None]])
    draws = np.vstack([parts.sum(axis=0), _draws(parts, groups, replicates, rng)])
    whole, kept = (
        lmg(correlations(side, columns=moments.columns), assume_valid=True)
        for side in np.split(draws, 2, axis=1)
    )
    return Shift(whole=whole[0], kept=kept[0], whole_draws=whole[1:], change_draws=(kept - whole)[1:])


def _draws(parts: Array, groups: Integers, replicates: int, rng: np.random.Generator) -> Array:
    """Sums of every column of ``parts`` in each replicate, shape (B, columns)."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(groups[order]) > 0])
    sums = np.add.reduceat(parts[order], starts, axis=0)
    strata = np.zeros(len(sums), dtype=np.int64)
    return resampled_sums(sums, strata=strata, replicates=replicates, rng=rng)


def _means(sums: Array) -> tuple[Array, Array]:
    given, total, given_kept, total_kept = np.split(sums, 4, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / given, total_kept / given_kept
