"""Effects of several arms by cross-fitted, doubly robust scores, with overlap and balance beside them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.multinomial import (
    ClassFit,
    Codes,
    Floats,
    class_probabilities,
    quadratic_terms,
    solve_classes,
)
from cxlab.stats.response import kish_sample_size, mean_from_influence, standardised_differences

#: Chances of an arm below this are raised to it: one row may then speak for at most a hundred.
CLIP = 0.01
#: Ridge penalties of all three learners, on the scale of the log-likelihood of standardised columns:
#: of features and arms, and of squares and products, which are believed only when many rows say so.
PENALTY = 1.0
PENALTY_QUADRATIC = 30.0


@dataclass(frozen=True, eq=False, kw_only=True)
class CrossFit:
    """Out-of-fold predictions of S random splits for n rows and K arms.

    Attributes
    ----------
    arm
        Shape (n,), codes 0..K-1.
    outcome
        Shape (n,), NaN where it was not observed.
    chance
        Shape (S, n, K): chance of each arm, at least :data:`CLIP`.
    expected
        Shape (S, n, K): expected outcome had the row been in each arm.
    reach
        Shape (S, n): chance that the outcome is observed in the row's own arm; 1 where all are.
    """

    arm: Codes
    outcome: Floats
    chance: Floats
    expected: Floats
    reach: Floats

    @property
    def residual(self) -> Floats:
        """(S, n): outcome minus expectation in the own arm over the chance to see it; 0 where unseen."""
        rows = np.arange(len(self.arm))
        seen = np.isfinite(self.outcome)
        gap = np.where(seen, self.outcome, 0.0) - self.expected[:, rows, self.arm]
        return np.asarray(np.where(seen, gap, 0.0) / self.reach)

    @property
    def own_chance(self) -> Floats:
        """(S, n): chance of the arm the row is in."""
        return np.asarray(self.chance[:, np.arange(len(self.arm)), self.arm])

    def scores(self) -> Floats:
        """(S, n, K): ``m_a(X) + c_a 1[A = a] (Y - m_a(X)) / e_a(X)``, whose mean is the arm's mean outcome.

        ``c_a`` makes the weights of the rows seen in an arm add up to n (Hajek). Without it a few small
        chances stretch all weights of their split: standard errors were up to 15 per cent too large.
        """
        own = (self.arm[:, None] == np.arange(self.chance.shape[2]))[None]
        seen = np.isfinite(self.outcome) / (self.own_chance * self.reach)
        total = (own * seen[:, :, None]).sum(axis=1, keepdims=True)
        scale = np.divide(len(self.arm), total, out=np.zeros_like(total), where=total > 0)
        return np.asarray(self.expected + scale * own * (self.residual / self.own_chance)[:, :, None])


@dataclass(frozen=True, eq=False, kw_only=True)
class Effect:
    """An estimate over S splits: the median, its standard error, and the influences (n,) of one split."""

    estimate: float
    std_error: float
    degrees_of_freedom: int
    between_splits: float
    influence: Floats


def split_folds(arm: Codes, *, units: Codes, folds: int, rng: np.random.Generator) -> Codes:
    """A fold 0..folds-1 for each row: units (customers) stay whole, and every arm is spread evenly.

    >>> arm = np.array([0, 0, 1, 1])
    >>> found = split_folds(arm, units=np.arange(4), folds=2, rng=np.random.default_rng(1))
    >>> sorted(found[:2].tolist()), sorted(found[2:].tolist())
    ([0, 1], [0, 1])
    """
    _, first, member = np.unique(units, return_index=True, return_inverse=True)
    fold = np.empty(len(first), dtype=np.intp)
    for code in range(int(arm.max()) + 1):
        chosen = rng.permutation(np.flatnonzero(arm[first] == code))
        fold[chosen] = (np.arange(len(chosen)) + code) % folds
    return np.asarray(fold[member.reshape(-1)])


def cross_fit(
    features: Floats,
    arm: Codes,
    outcome: Floats,
    *,
    arms: int,
    binary: bool,
    rng: np.random.Generator,
    curved: NDArray[np.bool_] | None = None,
    units: Codes | None = None,
    folds: int = 5,
    splits: int = 3,
) -> CrossFit:
    """Predict arm, outcome and response for every row from the other folds.

    Chances of the arms: multinomial logit on quadratic terms. Expected outcome: ridge (or logit, if
    ``binary``) on the same terms, the arm, and arm times feature. Response, where outcomes are missing:
    logit of the same form.

    Parameters
    ----------
    features
        Shape (n, p), known before the arm was; no missing values.
    arm, outcome
        Shapes (n,); NaN in ``outcome`` where nobody answered.
    arms, binary
        Number of arms K, and whether the outcome is 0/1.
    rng
        Deals the folds.
    curved
        Shape (p,): features with squares and products, None for all.
    units
        Shape (n,), rows of one unit share a fold; None where each row is its own.
    folds, splits
        Folds of a split, and how often rows are dealt anew.

    Returns
    -------
    CrossFit

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(800, 1))
    >>> arm = (rng.random(800) < 1 / (1 + np.exp(-x[:, 0]))).astype(int)
    >>> fit = cross_fit(x, arm, 2.0 * arm + x[:, 0] + rng.normal(size=800), arms=2, binary=False, rng=rng)
    >>> found = arm_contrast(fit, 1, 0)
    >>> abs(found.estimate - 2.0) < 3 * found.std_error
    True
    """
    terms, mains = quadratic_terms(features, curved=curved)
    own = np.arange(len(arm)) if units is None else units
    deals = [split_folds(arm, units=own, folds=folds, rng=rng) for _ in range(splits)]
    return _predict(_Learner(terms, mains, arm, arms), outcome, deals, binary=binary)


def _predict(learner: _Learner, outcome: Floats, deals: list[Codes], *, binary: bool) -> CrossFit:
    arm, arms, n = learner.arm, learner.count, len(outcome)
    seen = np.isfinite(outcome)
    # Fits of all rows, from which the folds start: they differ little.
    some = np.ones(n, dtype=np.bool_)
    start = learner.fit_arms(some, None)
    whole = learner.fit_shares(seen, outcome, near=None) if binary else None
    answered = seen.astype(np.float64)
    silent = None if seen.all() else learner.fit_shares(some, answered, near=None)
    shape = (len(deals), n, arms)
    chance, expected, reach = np.empty(shape), np.empty(shape), np.ones(shape[:2])
    for split, fold in enumerate(deals):
        for number in range(int(fold.max()) + 1):
            test = fold == number
            chance[split, test] = learner.arms(~test, test, start)
            if whole is None:
                expected[split, test] = learner.means(~test & seen, test, outcome)
            else:
                fitted = learner.fit_shares(~test & seen, outcome, near=whole)
                expected[split, test] = learner.shares(test, fitted)
            if silent is not None:
                fitted = learner.fit_shares(~test, answered, near=silent)
                answering = learner.shares(test, fitted)
                reach[split, test] = answering[np.arange(test.sum()), arm[test]]
    return CrossFit(
        arm=arm,
        outcome=outcome,
        chance=np.maximum(chance, CLIP),
        expected=expected,
        reach=np.maximum(reach, CLIP),
    )


@dataclass(frozen=True, eq=False)
class _Learner:
    """The terms of all rows, from which a fold's models are fitted and used."""

    terms: Floats
    mains: int
    arm: Codes
    count: int

    def fit_arms(self, train: NDArray[np.bool_], near: ClassFit | None) -> ClassFit:
        """Coefficients of the chances of the arms."""
        return solve_classes(
            self.terms[train], self.arm[train], classes=self.count, penalty=self._ridge(0), near=near
        )

    def arms(self, train: NDArray[np.bool_], test: NDArray[np.bool_], near: ClassFit) -> Floats:
        """Chances of the arms in the test rows."""
        return class_probabilities(self.terms[test], self.fit_arms(train, near).coefficients)

    def fit_shares(self, train: NDArray[np.bool_], outcome: Floats, *, near: ClassFit | None) -> ClassFit:
        """Coefficients of the chance of a 0/1 outcome on terms, arms and their crossings."""
        codes = outcome[train].astype(np.intp)
        return solve_classes(self.design[train], codes, classes=2, penalty=self._outcome_ridge, near=near)

    def shares(self, test: NDArray[np.bool_], fitted: ClassFit) -> Floats:
        """Chance of the outcome of the test rows in every arm, (rows, K)."""
        return 1.0 / (1.0 + np.exp(-self._in_every_arm(test, fitted.coefficients[:, 0])))

    def means(self, train: NDArray[np.bool_], test: NDArray[np.bool_], outcome: Floats) -> Floats:
        """Expected outcome of the test rows in every arm, by ridge regression, (rows, K)."""
        design = self.design[train]
        gram = design.T @ design + np.diag(self._outcome_ridge)
        fitted = np.linalg.solve(gram, design.T @ outcome[train])
        return self._in_every_arm(test, np.asarray(fitted, dtype=np.float64))

    @cached_property
    def design(self) -> Floats:
        """Terms, arms 1..K-1 as dummies, and features times these, (n, q)."""
        dummies = (self.arm[:, None] == np.arange(1, self.count)).astype(np.float64)
        main = self.terms[:, 1 : 1 + self.mains]
        crossed = (main[:, :, None] * dummies[:, None, :]).reshape(len(main), -1)
        return np.hstack([self.terms, dummies, crossed])

    def _in_every_arm(self, rows: NDArray[np.bool_], coefficients: Floats) -> Floats:
        """Linear predictor (rows, K) had the rows been in arm 0, in arm 1, ..."""
        terms, others = self.terms[rows], self.count - 1
        size = terms.shape[1]
        shift, slopes = coefficients[size : size + others], coefficients[size + others :]
        added = terms[:, 1 : 1 + self.mains] @ slopes.reshape(self.mains, others) + shift
        base = terms @ coefficients[:size]
        return np.column_stack([base, base[:, None] + added])

    @property
    def _outcome_ridge(self) -> Floats:
        return self._ridge((self.count - 1) * (1 + self.mains))

    def _ridge(self, crossed: int) -> Floats:
        """Penalty of each column: constant, features, squares and products, arms and their crossings."""
        quadratic = self.terms.shape[1] - 1 - self.mains
        sizes = (1, self.mains, quadratic, crossed)
        return np.repeat([0.0, PENALTY, PENALTY_QUADRATIC, PENALTY], sizes)


def combine_splits(estimates: Floats, influences: Floats, *, clusters: Codes | None = None) -> Effect:
    """One estimate from S splits: the median, with ``median_s(V_s + (theta_s - median)^2)`` as variance.

    Parameters
    ----------
    estimates, influences
        Shapes (S,) and (S, n); influences have mean 0.
    clusters
        Shape (n,): rows whose influences are added up before their spread is taken.

    Returns
    -------
    Effect

    Notes
    -----
    Source: Chernozhukov et al. (2018), The Econometrics Journal 21, equation 3.14.
    """
    middle = float(np.median(estimates))
    fits = [
        mean_from_influence(value, influence, clusters=clusters)
        for value, influence in zip(estimates, influences, strict=True)
    ]
    variances = np.array([fit.std_error**2 for fit in fits]) + (estimates - middle) ** 2
    nearest = int(np.abs(estimates - middle).argmin())
    return Effect(
        estimate=middle,
        std_error=float(np.sqrt(np.median(variances))),
        degrees_of_freedom=fits[0].degrees_of_freedom,
        between_splits=float(estimates.std()),
        influence=influences[nearest],
    )


def arm_mean(fit: CrossFit, arm: int, *, clusters: Codes | None = None) -> Effect:
    """Mean outcome had everybody been in one arm."""
    scores = fit.scores()[:, :, arm]
    means = scores.mean(axis=1)
    return combine_splits(means, scores - means[:, None], clusters=clusters)


def arm_contrast(fit: CrossFit, arm: int, base: int, *, clusters: Codes | None = None) -> Effect:
    """Mean outcome had everybody been in ``arm``, minus the same for ``base``."""
    scores = fit.scores()
    gaps = scores[:, :, arm] - scores[:, :, base]
    means = gaps.mean(axis=1)
    return combine_splits(means, gaps - means[:, None], clusters=clusters)


def overlap_contrast(fit: CrossFit, arm: int, base: int, *, clusters: Codes | None = None) -> Effect:
    r"""The contrast among rows for which every arm was possible, by generalised overlap weights.

    .. math:: h = 1 / \sum_k e_k^{-1}, \quad \theta = E[h (m_a - m_b)] / E[h]

    The influence includes that h itself is estimated, which gives weight ``h^2 / e_A^2`` to a row's own
    expected gap.

    Notes
    -----
    Source of the weights: Li and Li (2019), Annals of Applied Statistics 13.
    """
    weight = 1.0 / (1.0 / fit.chance).sum(axis=2)
    gap = fit.expected[:, :, arm] - fit.expected[:, :, base]
    sign = (fit.arm == arm).astype(np.float64) - (fit.arm == base)
    own = (weight / fit.own_chance) ** 2
    raw = weight * sign * fit.residual / fit.own_chance
    means = (raw + own * gap).sum(axis=1) / own.sum(axis=1)
    influences = (raw + own * (gap - means[:, None])) / weight.mean(axis=1)[:, None]
    return combine_splits(means, influences - influences.mean(axis=1, keepdims=True), clusters=clusters)


def effect_on_treated(fit: CrossFit, *, clusters: Codes | None = None) -> Effect:
    """``E[Y(1) - Y(0) | A = 1]`` for two arms: what being in arm 1 did to those who were in it.

    Notes
    -----
    Score ``(A - (1 - A) e / (1 - e)) (Y - m_0(X)) / P(A = 1)``, with the outcome's chance to be seen.
    Where outcomes of arm 1 are missing too, their own expectation stands in.
    """
    treated = fit.arm == 1
    share = treated.mean()
    odds = fit.chance[:, :, 1] / fit.chance[:, :, 0]
    gap = fit.expected[:, :, 1] - fit.expected[:, :, 0]
    raw = np.where(treated, gap + fit.residual, -odds * fit.residual) / share
    means = raw.mean(axis=1)
    return combine_splits(means, raw - means[:, None] * treated / share, clusters=clusters)


@dataclass(frozen=True, eq=False, kw_only=True)
class Overlap:
    """How well the arms can stand for one another.

    Attributes
    ----------
    rows, effective
        Shape (K,): rows of each arm, and Kish's effective number under weights 1 / e.
    share_rare
        Shape (K,): share of all rows whose chance of the arm is at the clip.
    before, after
        Shape (K, p): weighted mean of the arm minus the mean of all, in standard deviations of all.
    """

    rows: NDArray[np.intp]
    effective: Floats
    share_rare: Floats
    before: Floats
    after: Floats


def measure_overlap(fit: CrossFit, features: Floats) -> Overlap:
    """Effective numbers, shares of rare chances and balance of the arms, averaged over splits.

    Notes
    -----
    Balance is each arm against everybody (McCaffrey et al. 2013, Statistics in Medicine 32).
    """
    count = fit.chance.shape[2]
    chance = fit.chance.mean(axis=0)
    before, after, effective = [], [], []
    for code in range(count):
        chosen = fit.arm == code
        weight = np.where(chosen, 1.0 / chance[:, code], 0.0)
        effective.append(kish_sample_size(weight[chosen]))
        before.append(standardised_differences(features, chosen.astype(np.float64), chosen))
        after.append(standardised_differences(features, weight, chosen))
    return Overlap(
        rows=np.bincount(fit.arm, minlength=count),
        effective=np.array(effective),
        share_rare=(chance <= CLIP).mean(axis=0),
        before=np.array(before),
        after=np.array(after),
    )
