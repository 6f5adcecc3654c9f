"""How an anchored split may be read: shares with intervals, told apart or not, other anchor sets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxlab.stats.anchored import LEAST_ANCHORS, Anchored, anchored, one_factor, split_slopes, two_sided
from cxlab.stats.bootstrap import rescaled_multipliers
from cxlab.stats.clusters import SiteMoments

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

#: From this share of hit items on, nobody can say which group of items is the mood.
MOST_FLAGGED = 1.0 / 3.0
#: A single cell may move against the mood by chance; one this sure takes the whole measurement down.
OPPOSED_LEVEL = 0.001
#: Columns of :class:`Shares`.
PARTS = ("halo", "home", "misattributed", "index")


@dataclass(frozen=True, eq=False, kw_only=True)
class Readable:
    """Whether the mood effect and the specific effects of a measurement can be told apart (K,)."""

    #: share of flagged items that are not negligible among those that are not the measurement's own
    flagged_share: Floats
    #: a flagged item moves against a mood effect that is itself significant
    opposed: Booleans
    told_apart: Booleans
    #: flagged cells (K, J) of told-apart measurements that move the way of its surest raw slope
    claimable: Booleans


def readable(
    split: Anchored,
    flagged: Booleans,
    *,
    negligible: float = 0.0,
    level: float = 0.05,
    anchors_known: bool = False,
) -> Readable:
    """Judge whether the majority rule behind the anchors is believable, measurement by measurement.

    Two signs say that it is not. More than a third of the items are flagged: then the hit items and
    the anchors could change places. Or a flagged item *rises* while the mood falls: this is what a
    few untouched items look like when most of the others were hit and were taken for the mood. For the
    same reason a single cell is claimable only if it moves the way of the measurement's surest raw slope.

    Parameters
    ----------
    split
        From :func:`cxlab.stats.anchored.anchored`.
    flagged
        (K, J) cells called different from zero.
    negligible
        Smaller effects (in standard deviations of an item) neither count against the rule nor can be
        claimed: in large samples trifles are flagged too, among them those of bent scales.
    level
        Level of the test that the mood effect is there at all.
    anchors_known
        True where the anchors come from knowledge, not from the data: the majority rule is not used.

    Examples
    --------
    >>> MOST_FLAGGED < 3 / 7
    True
    """
    flagged = flagged & (np.abs(split.specific) >= negligible)
    other = flagged & split.candidates
    share = other.sum(axis=1) / split.candidates.sum(axis=1)
    mood = two_sided(split.halo, split.halo_se, np.full(len(split.halo), split.degrees.max())) <= level
    mood &= np.abs(split.halo) * split.loadings.mean() >= negligible
    against = np.sign(split.specific) == -np.sign(split.halo)[:, None]
    sure = split.p_values <= OPPOSED_LEVEL
    opposed = (other & against & sure).any(axis=1) & mood
    told_apart = np.ones_like(mood) if anchors_known else (share <= MOST_FLAGGED) & ~opposed
    along = np.sign(split.specific) == _direction(split)[:, None]
    return Readable(
        flagged_share=share,
        opposed=opposed,
        told_apart=told_apart,
        claimable=flagged & along & told_apart[:, None],
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class Shares:
    """Where the effect of each measurement lands: parts (K, 4) in the order of :data:`PARTS`."""

    estimate: Floats
    low: Floats
    high: Floats
    #: the same by item: shares (K + 1, J) of what the measurements do to it, the mood in the last row
    behind: Floats
    behind_low: Floats
    behind_high: Floats


def landing_shares(
    moments: SiteMoments,
    split: Anchored,
    *,
    home: Booleans,
    rng: np.random.Generator,
    replicates: int = 1000,
    confidence: float = 0.95,
) -> Shares:
    r"""Shares of a measurement's effect that are mood, its own item, and other items.

    .. math:: H_k = (h_k^2 - s^2(h_k)) \sum_j \lambda_j^2, \quad
              O_k = \sum_{j \in home} (A_{kj}^2 - s^2_{kj}), \quad
              M_k = \sum_{j \notin home} (A_{kj}^2 - s^2_{kj})

    each at least 0 and divided by their sum; the index is ``M / (O + M)``, NaN where both are 0. By
    item: the specific effect of each measurement and the mood of all, divided by their sum.

    Parameters
    ----------
    moments, split
        The moments and the split made from them; the anchors are held in every replicate.
    home
        (K, J), True where the item is the measurement's own.
    replicates, confidence
        Of the percentile interval.

    Returns
    -------
    Shares

    Notes
    -----
    All cells enter, flagged or not: squares of flagged cells alone are biased upwards and their
    intervals cover 0.61 instead of 0.95 at n = 500. Sites are redrawn (Rao and Wu). A redrawn square
    carries the noise twice, once from the sample and once from the redraw, so it is removed twice.
    Percentiles are cut where Student's t with G - 1 degrees of freedom would (Hesterberg 2015).
    """
    from scipy.special import ndtr, stdtrit

    one_stratum = np.zeros(moments.n_sites, dtype=np.int64)
    weights = rescaled_multipliers(one_stratum, replicates=replicates, rng=rng)
    slopes = moments.slopes(weights)[:, : len(home)]
    loadings = one_factor(moments.residual_covariance(weights), tolerance=1e-7)
    halo, specific = split_slopes(slopes, loadings, split.anchors)
    noise, halo_noise = split.specific_se**2, split.halo_se**2
    cell, mood = split.specific**2 - noise, split.halo**2 - halo_noise
    cells, moods = specific**2 - 2.0 * noise, halo**2 - 2.0 * halo_noise
    tail = float(ndtr(-stdtrit(moments.n_sites - 1, (1.0 + confidence) / 2.0)))
    tails = [tail, 1.0 - tail]
    low, high = _quantiles(_parts(moods, cells, loadings, home), tails)
    behind_low, behind_high = _quantiles(_behind(moods, cells, loadings), tails)
    return Shares(
        estimate=_parts(mood, cell, split.loadings, home),
        low=low,
        high=high,
        behind=_behind(mood, cell, split.loadings),
        behind_low=behind_low,
        behind_high=behind_high,
    )


def anchor_sets(split: Anchored) -> dict[str, Booleans]:
    """Named anchor sets to hold a finding against: all candidates, the strictest, each one left out.

    ``all items`` does not purify; ``strictest`` keeps the half of the anchors (at least three) with
    the smallest specific effects in standard errors; ``without j`` drops item j where enough remain.

    Returns
    -------
    dict
        Name to anchors (K, J); the item of ``without j`` is its number.
    """
    sets = {"all items": split.candidates, "strictest": _strictest(split)}
    for j in range(split.anchors.shape[1]):
        left = split.anchors.copy()
        enough = left.sum(axis=1) > LEAST_ANCHORS
        left[enough, j] = False
        if not np.array_equal(left, split.anchors):
            sets[f"without {j}"] = left
    return sets


def under_anchors(moments: SiteMoments, *, home: Booleans, anchors: Booleans) -> Anchored:
    """The split with given anchors (K, J) instead of purified ones."""
    return anchored(moments, judged=len(home), home=home, fixed_anchors=anchors)


def _direction(split: Anchored) -> Floats:
    """Sign of the surest raw slope: it needs no anchor, so wrong anchors cannot turn it round, (K,)."""
    surest = np.abs(split.slopes / split.slopes_se).argmax(axis=1)
    return np.asarray(np.sign(split.slopes[np.arange(len(surest)), surest]))


def _strictest(split: Anchored) -> Booleans:
    se = np.where(split.specific_se > 0, split.specific_se, 1.0)
    distance = np.where(split.anchors, np.abs(split.specific) / se, np.inf)
    strict = np.zeros_like(split.anchors)
    for k, order in enumerate(np.argsort(distance, axis=1, kind="stable")):
        strict[k, order[: max(LEAST_ANCHORS, int(split.anchors[k].sum()) // 2)]] = True
    return strict


def _parts(mood: Floats, cell: Floats, loadings: Floats, home: Booleans) -> Floats:
    """Mood, own item, other items and the index, (..., K, 4)."""
    own = np.maximum((cell * home).sum(axis=-1), 0.0)
    other = np.maximum((cell * ~home).sum(axis=-1), 0.0)
    size = np.maximum(mood, 0.0) * (loadings**2).sum(axis=-1)[..., None]
    total, specific = size + own + other, own + other
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = [size / total, own / total, other / total, other / specific]
    return np.stack(parts, axis=-1)


def _behind(mood: Floats, cell: Floats, loadings: Floats) -> Floats:
    """Share of each measurement's specific effect, and of the mood, in each item, (..., K + 1, J)."""
    specific = np.maximum(cell, 0.0)
    carried = np.maximum(mood, 0.0).sum(axis=-1)[..., None] * loadings**2
    parts = np.concatenate([specific, carried[..., None, :]], axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(parts / parts.sum(axis=-2, keepdims=True))


def _quantiles(replicates: Floats, tails: list[float]) -> Floats:
    """Percentiles over the replicates that have a value; NaN where none has one."""
    some = ~np.isnan(replicates).all(axis=0)
    result = np.full((2, *replicates.shape[1:]), np.nan)
    result[:, some] = np.nanquantile(replicates[:, some], tails, axis=0)
    return result
