"""A change of a mean, split into what the groups did and what their shares did, with influences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxlab.stats.regression import FloatArray
from cxlab.stats.response import MeanFit, mean_from_influence


@dataclass(frozen=True, eq=False, kw_only=True)
class ChangeFit:
    """A change of a mean between two periods.

    Attributes
    ----------
    before, after, change, rate, mix
        The two means, ``after - before``, and its two parts, which add up to it.
    shares
        Shape (2, S), of each group before and after.
    means
        Shape (2, S), of each group before and after.
    rows
        Shape (2, S).
    """

    before: MeanFit
    after: MeanFit
    change: MeanFit
    rate: MeanFit
    mix: MeanFit
    shares: FloatArray
    means: FloatArray
    rows: FloatArray


def split_change(
    outcome: FloatArray,
    later: NDArray[np.bool_],
    groups: NDArray[np.intp],
    *,
    clusters: ArrayLike | None = None,
) -> ChangeFit:
    """Kitagawa's split of a change of a mean into rates and mix.

    ``rate = sum_s (p0 + p1)/2 (m1 - m0)`` and ``mix = sum_s (m0 + m1)/2 (p1 - p0)`` over groups s with
    shares p and means m before (0) and after (1): they add up to the change without a rest.

    Parameters
    ----------
    outcome, later, groups
        Shapes (n,): values, True for the later period, 0..S-1; both periods need rows of every group.
    clusters
        Shape (n,), labels across both periods: rows of a site that is in both move together.

    Raises
    ------
    ValueError
        If a group has no row in one of the periods: its mean there is not known.

    Notes
    -----
    Standard errors by linearisation, summed over clusters. Source: Kitagawa (1955), JASA 50.

    Examples
    --------
    >>> later = np.array([False, False, False, True, True, True])
    >>> fit = split_change(np.array([6.0, 8, 8, 7, 7, 9]), later, np.array([0, 1, 1, 0, 0, 1]))
    >>> [round(part.estimate, 2) for part in (fit.change, fit.rate, fit.mix)]
    [0.33, 1.0, -0.67]
    """
    size = int(groups.max()) + 1
    counts = [np.bincount(groups[later == period], minlength=size) for period in (False, True)]
    rows = np.stack(counts).astype(np.float64)
    if np.any(rows == 0):
        raise ValueError("a group has no rows in one of the periods")
    sums = [np.bincount(groups[later == at], outcome[later == at], size) for at in (False, True)]
    means, shares = np.stack(sums) / rows, rows / rows.sum(axis=1, keepdims=True)
    overall = (shares * means).sum(axis=1)
    away = (outcome - overall[later.astype(np.intp)]) / rows.sum(axis=1)[later.astype(np.intp)]
    rate, mix = _part_influences(outcome, later, groups, means=means, rows=rows)

    def fit(estimate: float, influence: FloatArray) -> MeanFit:
        return mean_from_influence(float(estimate), len(outcome) * influence, clusters=clusters)

    return ChangeFit(
        before=fit(overall[0], np.where(later, 0.0, away)),
        after=fit(overall[1], np.where(later, away, 0.0)),
        change=fit(overall[1] - overall[0], np.where(later, away, -away)),
        rate=fit(shares.mean(axis=0) @ (means[1] - means[0]), rate),
        mix=fit(means.mean(axis=0) @ (shares[1] - shares[0]), mix),
        shares=shares,
        means=means,
        rows=rows,
    )


def _part_influences(
    outcome: FloatArray,
    later: NDArray[np.bool_],
    groups: NDArray[np.intp],
    *,
    means: FloatArray,
    rows: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """What every row does to the rate and to the mix, (n,) each."""
    period, sign = later.astype(np.intp), np.where(later, 1.0, -1.0)
    total = rows.sum(axis=1)[period]
    shares = rows / rows.sum(axis=1, keepdims=True)
    rise, move = means[1] - means[0], shares[1] - shares[0]
    middle_share, middle_mean = shares.mean(axis=0), means.mean(axis=0)
    # One row moves its group's mean by (y - m_ts) / n_ts, and every share by (1[s] - p_ts) / n_t.
    to_mean = (outcome - means[period, groups]) / rows[period, groups]
    rate = sign * middle_share[groups] * to_mean
    rate = rate + 0.5 * (rise[groups] - (shares @ rise)[period]) / total
    mix = 0.5 * move[groups] * to_mean
    mix = mix + sign * (middle_mean[groups] - (shares @ middle_mean)[period]) / total
    return rate, mix
