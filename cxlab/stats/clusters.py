"""Second moments by site: leave-one-site-out and bootstrap slopes that cost nothing per row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxlab.stats.fixed_effects import Absorption, plan_absorption

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False, kw_only=True)
class SiteMoments:
    """What every reweighting of sites needs to regress J responses on K regressors within sites.

    G sites; every array is in units of the within-site standard deviations ``response_sd`` and
    ``regressor_sd``. A response that is missing in a row takes that row out of its own slopes only.
    """

    #: cross-products of the regressors over the rows of each response, (G, J, K, K)
    regressors: Floats
    #: cross-products of the regressors with each response, (G, J, K)
    crossed: Floats
    #: cross-products of the residuals of two responses over their common rows, (G, J, J)
    residuals: Floats
    #: number of common rows of two responses, (G, J, J)
    pairs: Floats
    response_sd: Floats
    regressor_sd: Floats
    #: rows of each response that tell something: at sites where it was answered twice or more, (J,)
    rows: Integers
    #: sites with such rows, (J,)
    sites: Integers

    @property
    def n_sites(self) -> int:
        """Number of sites G."""
        return len(self.crossed)

    def slopes(self, weights: Floats) -> Floats:
        """Slopes (R, K, J) of every response for R weightings (R, G) of the sites.

        NaN where a weighting leaves no site at which a regressor varies.
        """
        return _solve(
            np.tensordot(weights, self.regressors, axes=1), np.tensordot(weights, self.crossed, axes=1)
        )

    def slopes_left_out(self) -> Floats:
        """Slopes (G, K, J) without each site in turn; exact but for period effects, which are held."""
        return _solve(
            self.regressors.sum(axis=0) - self.regressors, self.crossed.sum(axis=0) - self.crossed
        )

    def residual_covariance(self, weights: Floats) -> Floats:
        """Covariances (R, J, J) of the residuals for R weightings (R, G) of the sites.

        The residuals are those of the unweighted slopes: another weighting moves them only to second
        order, because they are orthogonal to the regressors.
        """
        products = np.tensordot(weights, self.residuals, axes=1)
        return np.asarray(products / np.maximum(np.tensordot(weights, self.pairs, axes=1), 1.0))

    def residual_covariance_left_out(self) -> Floats:
        """Covariances (G, J, J) of the residuals without each site in turn."""
        products = self.residuals.sum(axis=0) - self.residuals
        return np.asarray(products / np.maximum(self.pairs.sum(axis=0) - self.pairs, 1.0))


def site_moments(
    responses: Floats, regressors: Floats, *, sites: Integers, periods: Integers | None = None
) -> SiteMoments:
    """Moments by site after site effects (and period effects) are taken out of both sides.

    Parameters
    ----------
    responses, regressors
        (n, J), NaN where not answered; (n, K), no NaN.
    sites, periods
        Integer codes of each row.

    Raises
    ------
    ValueError
        If a column does not vary within sites, or regressors are collinear there.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [0.0], [2.0]])
    >>> moments = site_moments(3 * x + 5, x, sites=np.array([0, 0, 1, 1]))
    >>> slope = moments.slopes(np.ones((1, 2)))[0, 0] * moments.response_sd / moments.regressor_sd
    >>> slope.round(9).tolist()
    [3.0]
    """
    order = np.argsort(sites, kind="stable")
    responses, regressors, sites = responses[order], regressors[order], sites[order]
    periods = None if periods is None else periods[order]
    plan = plan_absorption(sites, periods)
    if plan.n_owners <= sites[-1]:
        raise ValueError("site codes must be 0 .. G - 1 without gaps")
    degrees = len(sites) - plan.n_owners
    regressor_sd = _within_sd(plan.absorb(regressors), regressors, degrees, "regressor")
    answered = ~np.isnan(responses)
    n_responses, width = responses.shape[1], regressors.shape[1]
    squares = np.zeros((plan.n_owners, n_responses, width, width))
    crossed, residuals = np.zeros(squares.shape[:3]), np.zeros(responses.shape)
    response_sd, (kept, kept_sites) = np.zeros(n_responses), np.zeros((2, n_responses), dtype=np.int64)
    # Items answered by the same rows share one pass: with complete answers there is only one.
    patterns = [column.tobytes() for column in answered.T]
    for pattern in dict.fromkeys(patterns):
        columns = np.flatnonzero([other == pattern for other in patterns])
        rows = answered[:, columns[0]]
        plan_part = plan_absorption(sites[rows], None if periods is None else periods[rows])
        part = _pass(responses[np.ix_(rows, columns)], regressors[rows] / regressor_sd, plan_part)
        where = sites[rows][plan_part.start]
        squares[np.ix_(where, columns)] = part.gram[:, None]
        crossed[np.ix_(where, columns)] = part.crossed
        residuals[np.ix_(rows, columns)], response_sd[columns] = part.residuals, part.sd
        kept[columns], kept_sites[columns] = part.rows, part.sites
    return SiteMoments(
        regressors=squares,
        crossed=crossed,
        residuals=_by_site(residuals, residuals, plan.start),
        pairs=_by_site(1.0 * answered, 1.0 * answered, plan.start),
        response_sd=response_sd,
        regressor_sd=regressor_sd,
        rows=kept,
        sites=kept_sites,
    )


def jackknife_variance(left_out: Floats, estimate: Floats) -> Floats:
    r"""Variance of an estimate from its G values with one site left out each (CR3).

    .. math:: \frac{G-1}{G} \sum_s (\hat\theta_{(s)} - \hat\theta)^2

    Parameters
    ----------
    left_out
        (G, ...) estimates without site s.
    estimate
        (...) the estimate with all sites.

    References
    ----------
    MacKinnon, Nielsen and Webb (2023), Journal of Applied Econometrics 38, 671-694.

    Examples
    --------
    >>> values = np.array([1.0, 2.0, 6.0])
    >>> left_out = (values.sum() - values) / 2
    >>> float(jackknife_variance(left_out, values.mean()).round(9)), float(values.var(ddof=1) / 3)
    (2.333333333, 2.3333333333333335)
    """
    n_sites = len(left_out)
    return np.asarray((n_sites - 1) / n_sites * ((left_out - estimate) ** 2).sum(axis=0))


def _solve(bread: Floats, meat: Floats) -> Floats:
    """Slopes (R, K, J) from cross-products (R, J, K, K) and (R, J, K)."""
    lost = np.diagonal(bread, axis1=-2, axis2=-1).min(axis=-1) <= 1e-9
    bread[lost], meat[lost] = np.eye(bread.shape[-1]), np.nan
    return np.asarray(np.linalg.solve(bread, meat[..., None])[..., 0].swapaxes(1, 2))


@dataclass(frozen=True, eq=False)
class _Part:
    gram: Floats
    crossed: Floats
    residuals: Floats
    sd: Floats
    rows: int
    sites: int


def _pass(responses: Floats, regressors: Floats, plan: Absorption) -> _Part:
    """The moments of responses that the same rows answered."""
    z, x = plan.absorb(regressors), plan.absorb(responses)
    telling = plan.count > 1
    sd = _within_sd(x, responses, len(z) - plan.n_owners, "response")
    x = x / sd
    gram = _by_site(z, z, plan.start)
    _refuse_collinear(gram.sum(axis=0))
    residuals = x - z @ np.linalg.solve(gram.sum(axis=0), z.T @ x)
    rows, sites = int(plan.count[telling].sum()), int(telling.sum())
    return _Part(gram, _by_site(x, z, plan.start), residuals, sd, rows, sites)


def _by_site(left: Floats, right: Floats, start: Integers) -> Floats:
    """Cross-products left' right of the rows of each site, (G, a, b); rows sorted by site."""
    stop = np.r_[start[1:], len(left)]
    return np.stack([left[a:b].T @ right[a:b] for a, b in zip(start, stop, strict=True)])


def _within_sd(within: Floats, raw: Floats, degrees: int, what: str) -> Floats:
    sd = np.sqrt((within**2).sum(axis=0) / max(degrees, 1))
    if np.any(sd <= 1e-9 * np.abs(raw).max(axis=0)):
        raise ValueError(f"{what} {int(np.argmin(sd))} does not vary within sites")
    return np.asarray(sd)


def _refuse_collinear(gram: Floats) -> None:
    scale = np.sqrt(np.diag(gram))
    if np.any(scale == 0) or np.linalg.eigvalsh(gram / np.outer(scale, scale))[0] < 1e-8:
        raise ValueError("regressors are collinear within sites")


def between_share(values: Floats, groups: Integers) -> Floats:
    """Share of the variance of each column (n, k) that lies between groups, (k,), 0..1.

    The intraclass correlation by analysis of variance, 0 where chance explains the spread of the groups:
    ``(B - W) / (B + (m - 1) W)`` with mean squares B between and W within and the effective size m of a
    group. Missing values are left out; ``groups`` (n,) are numbered from 0.

    Source: Donner (1986), International Statistical Review 54.

    >>> groups = np.array([0, 0, 1, 1])
    >>> between_share(np.array([[1.0, 1.0], [1.0, 2.0], [5.0, 1.0], [5.0, 2.0]]), groups)
    array([1., 0.])
    """
    count = int(groups.max()) + 1
    shares = np.zeros(values.shape[1])
    for place, column in enumerate(values.T):
        known = ~np.isnan(column)
        rows = int(known.sum())
        sizes = np.bincount(groups[known], minlength=count)
        filled = int((sizes > 0).sum())
        if filled < 2 or rows <= filled:
            continue
        centred = column[known] - column[known].mean()
        sums = np.bincount(groups[known], weights=centred, minlength=count)
        explained = float(np.sum(sums**2 / np.maximum(sizes, 1)))
        between = explained / (filled - 1)
        within = max(float(centred @ centred) - explained, 0.0) / (rows - filled)
        size = (rows - float(np.sum(sizes.astype(np.float64) ** 2)) / rows) / (filled - 1)
        total = between + (size - 1) * within
        shares[place] = max((between - within) / total, 0.0) if total > 0 else 0.0
    return shares
