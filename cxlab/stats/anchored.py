"""Anchored slopes: which of many ratings a measurement moves beyond the mood they all share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxlab.stats.clusters import SiteMoments, jackknife_variance
from cxlab.stats.multiplicity import benjamini_hochberg

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

#: Fewer anchors cannot contradict each other, so they could not be purified.
LEAST_ANCHORS = 3
MOST_ROUNDS = 25


@dataclass(frozen=True, eq=False, kw_only=True)
class Anchored:
    """Slopes of J items on K measurements, split into the shared mood and what is specific.

    All slopes are in within-site standard deviations of the item per within-site standard deviation
    of the measurement, all other measurements (and controls) held equal.
    """

    #: raw slopes B (K, J): what regression prints
    slopes: Floats
    slopes_se: Floats
    #: loadings of the items on their common factor after the measurements are taken out (J,)
    loadings: Floats
    #: standard deviation of the item that neither the measurements nor the factor explain (J,)
    unique_sd: Floats
    #: root mean square of the residual correlations that one factor leaves
    misfit: float
    #: effect of each measurement on the mood, in standard deviations of the mood (K,)
    halo: Floats
    halo_se: Floats
    #: specific effects A (K, J) and their covariances over the items (K, J, J)
    specific: Floats
    covariance: Floats
    #: p-values of A = 0 (K, J), t with sites - 1 degrees of freedom
    p_values: Floats
    degrees: Integers
    #: items allowed as anchors and, among them, those that purification kept (K, J)
    candidates: Booleans
    anchors: Booleans
    #: candidates rejected in the last round, before the least number of anchors was restored (K,)
    rejected_share: Floats
    rounds: Integers
    settled: Booleans

    @property
    def specific_se(self) -> Floats:
        """Standard errors of A (K, J)."""
        return np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2))


def one_factor(covariance: Floats, *, rounds: int = 300, tolerance: float = 1e-10) -> Floats:
    r"""Loadings of one common factor by least squares on the covariances off the diagonal (minres).

    .. math:: \min_\lambda \sum_{i<j} (c_{ij} - \lambda_i \lambda_j)^2

    Parameters
    ----------
    covariance
        (..., J, J) with J >= 3; the diagonal is used only to keep communalities below 1.

    Returns
    -------
    numpy.ndarray
        Loadings (..., J) with a positive sum; zeros where the covariances add up to nothing positive
        (no common factor).

    Notes
    -----
    Coordinate descent: with the other loadings fixed, each has a closed form. A loading is held at
    ``sqrt(0.995 c_jj)`` (Heywood case).

    References
    ----------
    Harman and Jones (1966), Psychometrika 31, 351-368.

    Examples
    --------
    >>> truth = np.array([0.5, 0.6, 0.7, 0.8])
    >>> cov = np.outer(truth, truth)
    >>> one_factor(cov + np.diag(1 - truth**2)).round(6).tolist()
    [0.5, 0.6, 0.7, 0.8]
    """
    off = covariance.copy()
    size = off.shape[-1]
    diagonal = np.arange(size)
    most = np.sqrt(0.995 * np.maximum(off[..., diagonal, diagonal], 0.0))
    off[..., diagonal, diagonal] = 0.0
    total = off.sum(axis=(-2, -1))
    start = off.sum(axis=-1) / np.sqrt(np.where(total > 0, total, 1.0))[..., None]
    loadings = np.clip(np.where(total[..., None] > 0, start, 0.0), -most, most)
    for _ in range(rounds):
        before = loadings.copy()
        for j in range(size):
            rest = (loadings**2).sum(axis=-1) - loadings[..., j] ** 2
            move = (off[..., j, :] * loadings).sum(axis=-1) / np.where(rest > 0, rest, 1.0)
            loadings[..., j] = np.clip(move, -most[..., j], most[..., j])
        if np.abs(loadings - before).max() < tolerance:
            break
    sign = np.where(loadings.sum(axis=-1, keepdims=True) < 0, -1.0, 1.0)
    return np.asarray(loadings * sign)


def split_slopes(slopes: Floats, loadings: Floats, anchors: Booleans) -> tuple[Floats, Floats]:
    r"""Mood effect and specific effects, given the items that anchor the mood.

    .. math:: h_k = \frac{\sum_{j \in S_k} \lambda_j B_{kj}}{\sum_{j \in S_k} \lambda_j^2},
              \qquad A_{kj} = B_{kj} - h_k \lambda_j

    Parameters
    ----------
    slopes
        B, (..., K, J).
    loadings
        (..., J).
    anchors
        S, (K, J).

    Returns
    -------
    tuple of numpy.ndarray
        h (..., K) and A (..., K, J).

    Examples
    --------
    >>> h, a = split_slopes(np.array([[-0.1, -0.1, -0.3]]), np.full(3, 0.5), np.array([[1, 1, 0]]) > 0)
    >>> h.round(3).tolist(), a.round(3).tolist()
    ([-0.2], [[0.0, 0.0, -0.2]])
    """
    weight = loadings[..., None, :] * anchors
    scale = (weight * loadings[..., None, :]).sum(axis=-1)
    halo = (weight * slopes).sum(axis=-1) / np.where(scale > 0, scale, 1.0)
    return halo, slopes - halo[..., None] * loadings[..., None, :]


def anchored(
    moments: SiteMoments,
    *,
    judged: int,
    home: Booleans,
    purification_rate: float = 0.10,
    fixed_anchors: Booleans | None = None,
) -> Anchored:
    r"""Split the slopes of items on measurements into a shared mood and specific effects.

    .. math:: x_{ij} = \mu_{s} + \lambda_j g_i + \sum_k A_{kj} z_{ik} + e_{ij},
              \qquad g_i = \sum_k h_k z_{ik} + u_i

    Only ``B_kj = h_k lambda_j + A_kj`` can be seen, so the mood is read off anchors, items on which the
    measurement has no specific effect. Purification finds them: start at the weighted median of
    ``B_kj / lambda_j`` over items that are not its own, drop what a test rejects, refit, repeat.

    Parameters
    ----------
    moments, judged
        The first ``judged`` regressors are split, the others are controls.
    home
        (judged, J), True where the item is the measurement's own: never an anchor.
    purification_rate, fixed_anchors
        Rate at which the test drops anchors; or anchors (judged, J) known beforehand, not purified.

    Notes
    -----
    ValueError below three possible anchors. Standard errors leave out one site at a time (CR3), slopes
    and loadings together, the anchors held. Right while most items have no specific effect; from half
    of them on the answer inverts. Wang, Shih and Yang (2009), Educational and Psychological Measurement
    69, 713-731 (purification); Chen, Li, Ouyang and Xu (2023), Psychometrika 88(4) (median start).
    """
    candidates = ~home if fixed_anchors is None else fixed_anchors & ~home
    if candidates.sum(axis=1).min() < LEAST_ANCHORS:
        raise ValueError(f"each measurement needs {LEAST_ANCHORS} items that are not its own")
    split = _Split.of(moments, judged)
    rate = purification_rate if fixed_anchors is None else 0.0
    anchors, rejected, rounds, settled = _purify(split, candidates, rate)
    halo, specific, halo_out, specific_out = split.by(anchors)
    change = (specific_out - specific) * np.sqrt((moments.n_sites - 1) / moments.n_sites)
    unique = np.diag(split.residual) - split.loadings**2
    return Anchored(
        slopes=split.slopes,
        slopes_se=np.sqrt(jackknife_variance(split.slopes_out, split.slopes)),
        loadings=split.loadings,
        unique_sd=np.sqrt(np.maximum(unique, 0.0)),
        misfit=_misfit(split.residual, split.loadings),
        halo=halo,
        halo_se=np.sqrt(jackknife_variance(halo_out, halo)),
        specific=specific,
        covariance=np.einsum("gki,gkj->kij", change, change),
        p_values=split.p_values(anchors),
        degrees=split.degrees,
        candidates=candidates,
        anchors=anchors,
        rejected_share=rejected,
        rounds=rounds,
        settled=settled,
    )


def two_sided(estimate: Floats, std_error: Floats, degrees: Floats | Integers) -> Floats:
    """P-values of estimate = 0 from Student's t; 1 where the standard error is 0 by construction.

    >>> two_sided(np.array([2.0]), np.array([1.0]), np.array([1e9])).round(4).tolist()
    [0.0455]
    """
    from scipy.special import stdtr

    known = std_error > 0
    ratio = np.abs(estimate) / np.where(known, std_error, 1.0)
    return np.asarray(np.where(known, 2.0 * stdtr(degrees, -ratio), 1.0))


@dataclass(frozen=True, eq=False, kw_only=True)
class _Split:
    """Slopes and loadings with all sites and with each site left out (leading axis G)."""

    slopes: Floats
    loadings: Floats
    slopes_out: Floats
    loadings_out: Floats
    residual: Floats
    degrees: Integers

    @classmethod
    def of(cls, moments: SiteMoments, judged: int) -> _Split:
        everything = np.ones((1, moments.n_sites))
        residual = moments.residual_covariance(everything)[0]
        return cls(
            slopes=moments.slopes(everything)[0, :judged],
            loadings=one_factor(residual),
            slopes_out=moments.slopes_left_out()[:, :judged],
            loadings_out=one_factor(moments.residual_covariance_left_out()),
            residual=residual,
            degrees=moments.sites - 1,
        )

    def by(self, anchors: Booleans) -> tuple[Floats, Floats, Floats, Floats]:
        """Mood and specific effects, and both again without each site."""
        halo, specific = split_slopes(self.slopes, self.loadings, anchors)
        return (halo, specific, *split_slopes(self.slopes_out, self.loadings_out, anchors))

    def p_values(self, anchors: Booleans) -> Floats:
        _, specific, _, out = self.by(anchors)
        return two_sided(specific, np.sqrt(jackknife_variance(out, specific)), self.degrees)


def _misfit(residual: Floats, loadings: Floats) -> float:
    sd = np.sqrt(np.diag(residual))
    left = (residual - np.outer(loadings, loadings)) / np.outer(sd, sd)
    return float(np.sqrt(np.mean(left[np.triu_indices(len(sd), 1)] ** 2)))


def _median_start(slopes: Floats, se: Floats, loadings: Floats, candidates: Booleans) -> Booleans:
    """The half of the candidates nearest to the mood at which the absolute deviations are least."""
    anchors = np.zeros_like(candidates)
    usable = np.abs(loadings) > 1e-9
    for k, allowed in enumerate(candidates):
        items = np.flatnonzero(allowed & usable)
        if len(items) < LEAST_ANCHORS:
            anchors[k] = allowed
            continue
        ratio, weight = slopes[k, items] / loadings[items], np.abs(loadings[items]) / se[k, items]
        order = np.argsort(ratio)
        total = np.cumsum(weight[order])
        middle = ratio[order][np.searchsorted(total, total[-1] / 2)]
        distance = np.abs(slopes[k, items] - middle * loadings[items]) / se[k, items]
        keep = max(LEAST_ANCHORS, (len(items) + 2) // 2)
        anchors[k, items[np.argsort(distance, kind="stable")[:keep]]] = True
    return anchors


def _purify(
    split: _Split, candidates: Booleans, rate: float
) -> tuple[Booleans, Floats, Integers, Booleans]:
    n = len(candidates)
    rejected, rounds, settled = np.zeros(n), np.zeros(n, dtype=np.int64), np.full(n, rate == 0)
    if rate == 0:
        return candidates.copy(), rejected, rounds, settled
    se = np.sqrt(jackknife_variance(split.slopes_out, split.slopes))
    anchors = _median_start(split.slopes, se, split.loadings, candidates)
    seen: list[set[bytes]] = [set() for _ in range(n)]
    for _ in range(MOST_ROUNDS):
        p_values = split.p_values(anchors)
        for k in np.flatnonzero(~settled):
            tested = np.where(candidates[k], p_values[k], np.nan)
            dropped = benjamini_hochberg(tested) <= rate
            kept = candidates[k] & ~dropped
            if kept.sum() < LEAST_ANCHORS:
                best = np.argsort(np.where(candidates[k], -p_values[k], np.inf), kind="stable")
                kept[best[:LEAST_ANCHORS]] = True
            # A cycle between sets ends at what all of them agree on, the stricter reading.
            if kept.tobytes() in seen[k] and (kept & anchors[k]).sum() >= LEAST_ANCHORS:
                kept = kept & anchors[k]
            seen[k].add(kept.tobytes())
            rejected[k] = dropped.sum() / candidates[k].sum()
            rounds[k] += 1
            settled[k] = np.array_equal(kept, anchors[k])
            anchors[k] = kept
        if settled.all():
            break
    return anchors, rejected, rounds, settled
