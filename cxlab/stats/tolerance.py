"""Zone of tolerance: two bends of a line from cross-products, with calibrated profile limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxlab.stats.regression import FloatArray, cluster_codes, fit_linear

#: Candidate thresholds, and the share of answers that must lie beyond the outermost ones.
CANDIDATES = 80
REPLICATES = 199
#: Loss of fit at which the ends of an interval are first looked for: a little above the chi-square's 3.84.
FIRST_CUT = 5.0
EDGE_SHARE = 0.02
#: A pair of thresholds closer than this share of the range has no middle of its own.
NARROWEST = 0.04
LINEAR, ONE_KINK, ZONE = "linear", "one kink", "zone"


@dataclass(frozen=True, eq=False, kw_only=True)
class ZoneFit:
    """A zone between two thresholds.

    Attributes
    ----------
    lower, upper
        Best pair of thresholds.
    lower_limits, upper_limits
        Profile-likelihood limits (low, high) of each.
    lower_open, upper_open
        Whether a limit reaches the outermost candidate: the threshold is not bounded by the data.
    slopes, slope_errors
        Shape (3,): below, inside, above; errors at the best pair, thresholds held.
    covariance
        Shape (3, 3), of the slopes.
    constant
        Fitted outcome at ``lower``.
    bic
        Bayesian information criterion of ``linear``, ``one kink`` and ``zone``: the smallest is preferred.
    kink
        Best single threshold, for the one-kink form.
    cuts
        Loss of fit at which a threshold leaves its interval: low and high end of the lower one, low and
        high end of the upper one (chi-square: 3.84).
    degrees_of_freedom
        Of the slopes' t reference.
    """

    lower: float
    upper: float
    lower_limits: tuple[float, float]
    upper_limits: tuple[float, float]
    lower_open: bool
    upper_open: bool
    slopes: FloatArray
    slope_errors: FloatArray
    covariance: FloatArray
    constant: float
    bic: dict[str, float]
    kink: float
    cuts: tuple[float, float, float, float]
    degrees_of_freedom: int

    @property
    def preferred(self) -> str:
        """The form with the smallest criterion."""
        return min(self.bic, key=lambda form: self.bic[form])


def zone_columns(gap: FloatArray, lower: float, upper: float) -> FloatArray:
    """Columns (n, 3): ``min(g - L, 0)``, ``clip(g, L, U) - L``, ``max(g - U, 0)``.

    >>> zone_columns(np.array([-3.0, 0.0, 2.0]), -1.0, 1.5).tolist()
    [[-2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 2.5, 0.5]]
    """
    inside = np.clip(gap, lower, upper) - lower
    return np.column_stack([np.minimum(gap - lower, 0.0), inside, np.maximum(gap - upper, 0.0)])


def candidate_thresholds(gap: FloatArray, *, count: int = CANDIDATES) -> FloatArray:
    """Evenly spaced thresholds with at least :data:`EDGE_SHARE` of the answers outside either end.

    Evenly, not at quantiles: the thresholds lie where few answers are, and a grid that is coarse there
    would make limits jump.

    >>> candidate_thresholds(np.linspace(-3, 3, 601), count=3).round(2).tolist()
    [-2.88, 0.0, 2.88]
    """
    low, high = np.quantile(gap, [EDGE_SHARE, 1.0 - EDGE_SHARE])
    return np.linspace(low, high, count)


def fit_zone(
    gap: FloatArray,
    outcome: FloatArray,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    clusters: ArrayLike | None = None,
    candidates: int = CANDIDATES,
    replicates: int = REPLICATES,
) -> ZoneFit:
    r"""Least squares over all pairs of thresholds, and the pairs that the data cannot tell from the best.

    .. math:: y = c + b_1 \min(g - L, 0) + b_2 (\mathrm{clip}(g, L, U) - L) + b_3 \max(g - U, 0)

    L is in its interval if the best fit with that L, over all U, has ``n ln(RSS_L / RSS_best) <= cut``; U
    alike. The cut is what a zone with its threshold at that end of the interval loses in ``confidence`` of
    ``replicates`` wild bootstrap samples: the chi-square quantile is too small for a corner, and how much
    too small depends on where the corner lies. Limits are interpolated.

    Parameters
    ----------
    gap, outcome
        Shapes (n,): perceived minus expected, and what it moves; no missing values.
    confidence
        Of the limits.
    clusters
        Shape (n,), labels of rows that belong together; widens the limits where they are alike.
    candidates, replicates
        Number of thresholds tried, and of bootstrap samples behind the cut.
    rng
        Draws the signs of the bootstrap.

    Returns
    -------
    ZoneFit

    Raises
    ------
    ValueError
        If there are fewer than 50 rows, or the gap takes fewer than six values.

    Notes
    -----
    Textbook errors of thresholds cover far too little: the sum of squares has corners. All pairs come
    from one matrix of cross-products. Source of the cuts: Hansen (1999), Rev. Econ. Stat. 81, 594-607.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> g = rng.normal(0, 2, 4000)
    >>> y = zone_columns(g, -1.0, 1.5) @ [1.2, 0.15, 0.6] + rng.normal(0, 0.5, 4000)
    >>> fit = fit_zone(g, y, rng=rng)
    >>> fit.preferred, fit.lower_limits[0] <= -1.0 <= fit.lower_limits[1]
    ('zone', True)
    """
    n = len(gap)
    if n < 50 or len(np.unique(gap)) < 6:
        raise ValueError(f"{n} rows with {len(np.unique(gap))} different gaps cannot show two thresholds")
    grid = candidate_thresholds(gap, count=candidates)
    return _fit_on(grid, gap, outcome, confidence, clusters, replicates, rng)


def _fit_on(
    grid: FloatArray,
    gap: FloatArray,
    outcome: FloatArray,
    confidence: float,
    clusters: ArrayLike | None,
    replicates: int,
    rng: np.random.Generator,
) -> ZoneFit:
    n = len(gap)
    plan = _Candidates.of(gap, grid)
    straight, single, pairs = plan.sums_of_squares(outcome)
    at = np.unravel_index(int(pairs.argmin()), pairs.shape)
    best = (int(at[0]), int(at[1]))
    lower, upper = float(grid[best[0]]), float(grid[best[1]])
    design = np.column_stack([np.ones(n), zone_columns(gap, lower, upper)])
    fit = fit_linear(design, outcome, clusters=clusters)
    codes = np.arange(n) if clusters is None else cluster_codes(clusters)[0]
    rss = float(pairs[best])
    search = _EndSearch(plan, grid, pairs, gap, outcome, codes, confidence, replicates, rng)
    limits = [search.limits(side) for side in (0, 1)]
    bic = {
        form: n * np.log(value / n) + size * np.log(n)
        for form, value, size in ((LINEAR, straight, 2), (ONE_KINK, float(single.min()), 4), (ZONE, rss, 6))
    }
    return ZoneFit(
        lower=lower,
        upper=upper,
        lower_limits=limits[0][:2],
        upper_limits=limits[1][:2],
        lower_open=limits[0][2],
        upper_open=limits[1][2],
        slopes=fit.coefficients[1:],
        slope_errors=np.sqrt(np.diag(fit.covariance)[1:]),
        covariance=fit.covariance[1:, 1:],
        constant=float(fit.coefficients[0]),
        bic={form: float(value) for form, value in bic.items()},
        kink=float(grid[int(single.argmin())]),
        cuts=(*limits[0][3], *limits[1][3]),
        degrees_of_freedom=fit.degrees_of_freedom,
    )


@dataclass(frozen=True, eq=False)
class _Candidates:
    """The rows in order of the gap, and the cross-products of all hinges, less what the line explains.

    The cross-products of ``max(g - a, 0)`` come from sums over the rows beyond each candidate: one sort of
    the rows, whatever the number of candidates; another outcome costs one pass.
    """

    order: NDArray[np.intp]
    gap: FloatArray
    at: FloatArray
    cut: NDArray[np.intp]
    gram: FloatArray
    slope: FloatArray
    allowed: NDArray[np.bool_]
    determinant: FloatArray

    @classmethod
    def of(cls, gap: FloatArray, grid: FloatArray) -> _Candidates:
        centre = gap.mean()
        order = np.argsort(gap, kind="stable")
        g, at = gap[order] - centre, grid - centre
        cut = np.searchsorted(g, at, side="right")
        n0, n1, n2 = (_beyond(g**power, cut) for power in range(3))
        later = np.maximum.outer(np.arange(len(at)), np.arange(len(at)))
        gram = n2[later] - (at[:, None] + at) * n1[later] + np.outer(at, at) * n0[later]
        level, slope = n1 - at * n0, n2 - at * n1
        gram = gram - np.outer(level, level) / len(g) - np.outer(slope, slope) / float(g @ g)
        return cls(order, g, at, cut, gram, slope, *allowed_pairs(gram, at))

    def crossed(self, outcome: FloatArray) -> tuple[float, FloatArray]:
        """Residual sum of squares of the line; what it leaves of each hinge times the outcome, (m,)."""
        y = outcome[self.order] - outcome.mean()
        along, spread = float(self.gap @ y), float(self.gap @ self.gap)
        crossed = _beyond(self.gap * y, self.cut) - self.at * _beyond(y, self.cut)
        return float(y @ y) - along**2 / spread, crossed - self.slope * along / spread

    def sums_of_squares(self, outcome: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Residual sums of squares of the line, of each single kink (m,), and of each pair L < U (m, m)."""
        total, crossed = self.crossed(outcome)
        single = total - crossed**2 / np.maximum(np.diag(self.gram), 1e-300)
        explained = explained_by_pairs(self.gram, crossed, self.determinant)
        return total, single, np.where(self.allowed, total - explained, np.inf)

    def most_explained(self, crossed: FloatArray, side: int, place: int) -> tuple[FloatArray, FloatArray]:
        """What the best pair explains of R outcomes, (R, m) in; and the best with one end at ``place``.

        A pair explains what its first hinge does alone, and what the rest of the second adds to it.
        """
        own = np.diag(self.gram)
        second = np.where(self.allowed, np.sqrt(own[:, None] / self.determinant), 0.0)
        first = second * self.gram / own[:, None]
        barred = np.where(self.allowed, 0.0, -np.inf)
        best, beside = np.empty(len(crossed)), np.empty(len(crossed))
        for number, row in enumerate(crossed):
            found = second * row
            found -= first * row[:, None]
            found *= found
            found += (row**2 / own)[:, None]
            found += barred
            best[number] = found.max()
            beside[number] = (found[place] if side == 0 else found[:, place]).max()
        return best, beside


def allowed_pairs(gram: FloatArray, at: FloatArray) -> tuple[NDArray[np.bool_], FloatArray]:
    """Which pairs L < U have a middle of their own, (m, m), and their determinants (1 where not)."""
    own = np.diag(gram)
    determinant = own[:, None] * own - gram**2
    apart = at[None, :] - at[:, None] >= NARROWEST * (at[-1] - at[0])
    allowed = apart & (determinant > 1e-9 * np.outer(own, own))
    return allowed, np.where(allowed, determinant, 1.0)


def explained_by_pairs(gram: FloatArray, crossed: FloatArray, determinant: FloatArray) -> FloatArray:
    """Sum of squares that each pair of hinges explains, (m, m), from cross-products (m, m) and (m,)."""
    own = np.diag(gram)
    explained = own[None, :] * crossed[:, None] ** 2 + own[:, None] * crossed[None, :] ** 2
    explained -= 2.0 * gram * np.outer(crossed, crossed)
    return np.asarray(explained / determinant)


def _beyond(values: FloatArray, cut: NDArray[np.intp]) -> FloatArray:
    """Sum of the sorted rows from each cut to the end."""
    return np.asarray(np.append(np.cumsum(values[::-1])[::-1], 0.0)[cut])


@dataclass(frozen=True, eq=False)
class _EndSearch:
    """Both ends of a threshold's interval, each with a cut calibrated at that end."""

    plan: _Candidates
    grid: FloatArray
    pairs: FloatArray
    gap: FloatArray
    outcome: FloatArray
    codes: NDArray[np.intp]
    confidence: float
    replicates: int
    rng: np.random.Generator

    def limits(self, side: int) -> tuple[float, float, bool, tuple[float, float]]:
        """Low and high end of the lower (side 0) or upper threshold, whether one is open, and the cuts."""
        profile = self.pairs.min(axis=1 - side)
        excess = len(self.gap) * np.log(profile / profile.min())
        known = np.flatnonzero(np.isfinite(excess))
        inside = known[excess[known] <= FIRST_CUT]
        cuts = (
            self._cut(side, max(int(inside.min()) - 1, int(known.min()))),
            self._cut(side, min(int(inside.max()) + 1, int(known.max()))),
        )
        first = int(known[excess[known] <= cuts[0]].min())
        last = int(known[excess[known] <= cuts[1]].max())
        low = _crossing(self.grid, excess, cuts[0], first, -1)
        high = _crossing(self.grid, excess, cuts[1], last, +1)
        return low, high, bool(first == known.min() or last == known.max()), cuts

    def _cut(self, side: int, place: int) -> float:
        """What holding a threshold at its candidate loses there, at most, in ``confidence`` of samples.

        Wild bootstrap of the best zone with that threshold: residuals change sign by cluster, so unequal
        spread and answers that are alike stay as they are. Never below the chi-square quantile.
        """
        from scipy.stats import chi2

        n, held = len(self.gap), (place, slice(None)) if side == 0 else (slice(None), place)
        other = int(self.pairs[held].argmin())
        lower, upper = (place, other) if side == 0 else (other, place)
        columns = zone_columns(self.gap, float(self.grid[lower]), float(self.grid[upper]))
        design = np.column_stack([np.ones(n), columns])
        fitted = design @ np.linalg.lstsq(design, self.outcome, rcond=None)[0]
        residuals = (self.outcome - fitted) * np.sqrt(n / (n - 6))
        clusters, drawn = int(self.codes.max()) + 1, []
        for _ in range(self.replicates):
            signs = self.rng.integers(0, 2, clusters) * 2.0 - 1.0
            drawn.append(self.plan.crossed(fitted + residuals * signs[self.codes]))
        total = np.array([line for line, _ in drawn])
        best, beside = self.plan.most_explained(np.array([row for _, row in drawn]), side, place)
        lost = n * np.log((total - beside) / (total - best))
        found = float(np.quantile(lost, self.confidence, method="higher"))
        return max(found, float(chi2.ppf(self.confidence, 1)))


def _crossing(grid: FloatArray, excess: FloatArray, cut: float, inside: int, step: int) -> float:
    outside = inside + step
    if not 0 <= outside < len(grid) or not np.isfinite(excess[outside]):
        return float(grid[inside])
    share = (cut - excess[inside]) / (excess[outside] - excess[inside])
    return float(grid[inside] + share * (grid[outside] - grid[inside]))


@dataclass(frozen=True, eq=False, kw_only=True)
class SurfaceMoments:
    """Sums per cluster from which every resampling refits the surface: (G, 6, 6) and (G, 6)."""

    gram: FloatArray
    crossed: FloatArray


def surface_moments(
    expected: FloatArray, perceived: FloatArray, outcome: FloatArray, codes: NDArray[np.intp]
) -> SurfaceMoments:
    """Cross-products of 1, E, P, E^2, EP, P^2 with themselves and the outcome, by cluster 0..G-1."""
    columns = [np.ones(len(expected)), expected, perceived]
    columns += [expected**2, expected * perceived, perceived**2]
    design = np.column_stack(columns)
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(codes.max() + 1))
    rows, answers = design[order], outcome[order]
    products = (rows[:, :, None] * rows[:, None, :]).reshape(len(rows), -1)
    return SurfaceMoments(
        gram=np.add.reduceat(products, starts, axis=0).reshape(-1, 6, 6),
        crossed=np.add.reduceat(rows * answers[:, None], starts, axis=0),
    )


def surface_lines(gram: FloatArray, crossed: FloatArray) -> FloatArray:
    """Slope and curvature along E = P and along E = -P, (..., 4), from total moments (..., 6, 6), (..., 6).

    With ``y = b0 + b1 E + b2 P + b3 E^2 + b4 EP + b5 P^2``: ``b1 + b2``, ``b3 + b4 + b5``, ``b1 - b2``,
    ``b3 - b4 + b5``. A difference score is right only if the first, second and last are 0... and E = P
    stays flat.
    """
    b = np.linalg.solve(gram, crossed[..., None])[..., 0]
    return np.stack(
        [
            b[..., 1] + b[..., 2],
            b[..., 3] + b[..., 4] + b[..., 5],
            b[..., 1] - b[..., 2],
            b[..., 3] - b[..., 4] + b[..., 5],
        ],
        axis=-1,
    )
