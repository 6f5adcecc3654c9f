"""The rules that compete to explain the overall answer, fitted, compared on unseen sites, and judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cxlab.core.errors import NotAnswerableError
from cxlab.core.verdicts import NOT_IDENTIFIED
from cxlab.models.drivers.chain_rows import ChainAnswers
from cxlab.stats.regression import LinearFit, cluster_codes, fit_linear, sum_by_cluster
from cxlab.stats.softmin import SoftMinFit, fit_soft_min, soft_min
from cxlab.stats.softmin_search import CAP

Array = NDArray[np.float64]

PLAIN_MEAN: Final = "plain mean"
WEIGHTED_MEAN: Final = "weighted mean"
BENT_MEAN: Final = "bent mean"
BENT_WEIGHTED: Final = "bent weighted mean"
MINIMUM: Final = "minimum"
PEAK_END: Final = "peak-end"
TOGETHER: Final = "mean + worst + last"
SOFT_MIN: Final = "soft-min"
RULES: Final = (PLAIN_MEAN, WEIGHTED_MEAN, BENT_MEAN, BENT_WEIGHTED, MINIMUM, PEAK_END, TOGETHER, SOFT_MIN)

CUMULATIVE: Final = "cumulative"
WEAKEST_LINK: Final = "weakest link"
BEST_MOMENT: Final = "best moment"
NOT_DISTINGUISHABLE: Final = "not distinguishable"
#: p-value (one-sided) below which the ratings carry the outcome.
GATE: Final = 0.005
#: An exponent times the standard deviation of the ratings that would matter: such a moment counts e times.
STRONG: Final = 1.0


def journey_features(ratings: Array) -> Array:
    """Mean, worst, last, best and mean squared experienced rating of each row, (n, 5), in journey order.

    >>> journey_features(np.array([[8.0, 2.0, np.nan]])).tolist()
    [[5.0, 2.0, 2.0, 8.0, 34.0]]
    """
    seen = ~np.isnan(ratings)
    last = ratings.shape[1] - 1 - np.argmax(seen[:, ::-1], axis=1)
    return np.column_stack(
        [
            np.nanmean(ratings, axis=1),
            np.nanmin(ratings, axis=1),
            ratings[np.arange(len(ratings)), last],
            np.nanmax(ratings, axis=1),
            np.nanmean(ratings**2, axis=1),
        ]
    )


# Columns of journey_features that the linear rules use.
_LINEAR: Final = {PLAIN_MEAN: [0], BENT_MEAN: [0, 4], MINIMUM: [1], PEAK_END: [1, 2], TOGETHER: [0, 1, 2]}


def linear_rule(
    rule: str, features: Array, outcome: Array, clusters: NDArray[np.int64] | None
) -> LinearFit:
    """One of the linear rules with a leave-one-cluster-out covariance; column 0 is the constant."""
    design = np.column_stack([np.ones(len(outcome)), features[:, _LINEAR[rule]]])
    return fit_linear(design, outcome, clusters=clusters, leave_one_out=True)


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison:
    """Explained variance on unseen folds, per rule in the order of RULES.

    ``r_squared`` and ``r_squared_error`` are (8,); ``gap[i, j]`` is rule i's minus rule j's and
    ``gap_error`` its standard error, paired by answer and summed by site, (8, 8).
    """

    r_squared: Array
    r_squared_error: Array
    gap: Array
    gap_error: Array


def compare_rules(
    ratings: Array, outcome: Array, *, clusters: NDArray[np.int64] | None, folds: int, seed: int
) -> Comparison:
    """Grouped cross-validation of all rules on the same folds; whole sites are held out."""
    from sklearn.model_selection import GroupKFold

    n = len(outcome)
    groups = np.arange(n) if clusters is None else clusters
    features = journey_features(ratings)
    losses, null = np.empty((n, len(RULES))), np.empty(n)
    splitter = GroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    for train, test in splitter.split(ratings, groups=groups):
        if np.isnan(ratings[train]).all(axis=0).any():
            raise NotAnswerableError(
                "Which rule predicts best at unseen dealers?",
                reason="A moment is rated at so few dealers that a fold has none of its ratings.",
                next_step="leave this moment out of drivers, or raise folds.",
            )
        for column, rule in enumerate(RULES):
            if rule in _LINEAR:
                chosen = np.column_stack([np.ones(n), features[:, _LINEAR[rule]]])
                slopes = np.linalg.lstsq(chosen[train], outcome[train], rcond=None)[0]
                predicted = chosen[test] @ slopes
            else:
                predicted = _predicted(rule, ratings[train], outcome[train], ratings[test])
            losses[test, column] = (outcome[test] - predicted) ** 2
        null[test] = (outcome[test] - outcome[train].mean()) ** 2
    return _compared(losses, null, groups)


def _predicted(rule: str, ratings: Array, outcome: Array, unseen: Array) -> Array:
    """Outcome at unseen ratings by a rule that has weights to estimate."""
    fit = fit_soft_min(ratings, outcome, tau=None if rule == SOFT_MIN else 0.0)
    if rule != BENT_WEIGHTED:
        return fit.predict(unseen)

    def columns(rated: Array) -> Array:
        means = [soft_min(power, weights=fit.weights, tau=0.0) for power in (rated, rated**2)]
        return np.column_stack([np.ones(len(rated)), *means])

    slopes = np.linalg.lstsq(columns(ratings), outcome, rcond=None)[0]
    return np.asarray(columns(unseen) @ slopes)


def ahead_of_curves(comparison: Comparison) -> float:
    """How much more the soft minimum explains than moments that add up along a curve (share)."""
    soft = RULES.index(SOFT_MIN)
    return float(min(comparison.gap[soft, RULES.index(rule)] for rule in (BENT_MEAN, BENT_WEIGHTED)))


def _compared(losses: Array, null: Array, groups: NDArray[np.int64]) -> Comparison:
    total = null.sum()
    r_squared = 1 - losses.sum(axis=0) / total
    # A ratio's error comes from loss - (1 - R2) * null, summed over sites that are independent units.
    influence = (losses - (1 - r_squared) * null[:, None]) / total
    codes, count = cluster_codes(groups)
    sums = sum_by_cluster(influence, codes, count)
    covariance = count / (count - 1) * (sums.T @ sums)
    variance = np.diag(covariance)
    paired = variance[:, None] + variance[None, :] - 2 * covariance
    return Comparison(
        r_squared=r_squared,
        r_squared_error=np.sqrt(variance),
        gap=r_squared[:, None] - r_squared[None, :],
        gap_error=np.sqrt(np.maximum(paired, 0.0)),
    )


def rivals(
    soft: SoftMinFit,
    peak_end: LinearFit,
    together: LinearFit,
    comparison: Comparison,
    *,
    level: float,
    negligible: float = 0.0,
) -> list[str]:
    """The family that each rule speaks for, in the order of RULES; empty where a rule speaks for none.

    A rule that contains another speaks for its own family only if what it adds is beyond chance (p below
    ``level``): otherwise it is the smaller rule with a little noise. The plain mean stands beside the
    weighted one because mean + worst + last has no weights to estimate, a head start in small surveys;
    the bent means (mean and mean square) because a curve of each single rating, or noise in skewed
    ratings, also makes low ratings weigh more although moments simply add up.
    An exponent that surely lies within plus or minus ``negligible`` speaks for moments that add up: in a
    large survey the ends of the scale alone make it differ from 0. A soft minimum whose exponent may be 0
    counts as the weighted mean, unless it predicts better: then nobody can tell.
    """
    ahead = bool(comparison.gap[RULES.index(SOFT_MIN), RULES.index(WEIGHTED_MEAN)] > 0)
    open_question = not (soft.tau_low > 0 or soft.tau_high < 0)
    tilt = WEAKEST_LINK if soft.tau > 0 else BEST_MOMENT
    if -negligible < soft.tau_low and soft.tau_high < negligible:
        tilt = CUMULATIVE
    worst, last = directions(peak_end, level)
    _, mixed_worst, mixed_last = directions(together, level)
    if mixed_worst > 0:
        mixed = PEAK_END if mixed_last > 0 else WEAKEST_LINK
    else:
        mixed = BEST_MOMENT if mixed_worst < 0 else CUMULATIVE
    return [
        CUMULATIVE,
        CUMULATIVE,
        CUMULATIVE,
        CUMULATIVE,
        WEAKEST_LINK,
        (PEAK_END if last > 0 else WEAKEST_LINK) if worst > 0 else "",
        mixed,
        CUMULATIVE if open_question and not ahead else tilt,
    ]


def too_vague(soft: SoftMinFit) -> bool:
    """Whether the interval of the exponent holds 0 and also an exponent that would matter."""
    strong = STRONG * soft.limit / CAP
    return soft.tau_low <= 0 <= soft.tau_high and (soft.tau_high >= strong or soft.tau_low <= -strong)


def directions(fit: LinearFit, level: float) -> list[int]:
    """Sign of each slope without the constant, 0 where it is not beyond chance."""
    from scipy import stats

    slopes, errors = fit.coefficients[1:], np.sqrt(np.diag(fit.covariance))[1:]
    sure = np.abs(slopes) > stats.t.ppf(1 - level / 2, fit.degrees_of_freedom) * errors
    return [int(sign) for sign in np.where(sure, np.sign(slopes), 0)]


def leader(comparison: Comparison, families: list[str]) -> int:
    """The rule that predicts best among those that speak for a family, by its place in RULES."""
    speaking = [index for index, family in enumerate(families) if family]
    return max(speaking, key=lambda index: float(comparison.r_squared[index]))


def judge(comparison: Comparison, families: list[str]) -> str:
    """The family of the rule that predicts best, unless a rule of another family is within one error."""
    best = leader(comparison, families)
    for other, family in enumerate(families):
        behind = comparison.gap[best, other] > comparison.gap_error[best, other]
        if family not in ("", families[best]) and not behind:
            return NOT_DISTINGUISHABLE
    return families[best]


@dataclass(frozen=True, eq=False, kw_only=True)
class ChainFit:
    """Everything fitted to one table: the soft minimum, the linear rules, the comparison, the verdict."""

    rule: str
    families: list[str]
    soft: SoftMinFit
    together: LinearFit
    with_best: LinearFit
    comparison: Comparison
    #: p-value of the slope of the outcome on the mean rating: without it there is nothing to divide
    carried: float
    #: correlation of the mean and the worst rating
    overlap: float


def fit_chain(
    answers: ChainAnswers, *, folds: int, confidence: float, negligible: float, seed: int
) -> ChainFit:
    """Fit all rules and judge them; *not identified* unless better ratings go with a better outcome."""
    from scipy import stats

    ratings, outcome, clusters = answers.ratings, answers.outcome, answers.clusters
    features = journey_features(ratings)
    line = linear_rule(PLAIN_MEAN, features, outcome, clusters)
    t = line.coefficients[1] / np.sqrt(line.covariance[1, 1])
    carried = float(stats.t.sf(t, line.degrees_of_freedom))
    # Without an effect the surface is flat and its interval the whole range: not worth the search.
    asked = confidence if carried < GATE else None
    soft = fit_soft_min(ratings, outcome, clusters=clusters, confidence=asked)
    fits = {rule: linear_rule(rule, features, outcome, clusters) for rule in (PEAK_END, TOGETHER)}
    comparison = compare_rules(ratings, outcome, clusters=clusters, folds=folds, seed=seed)
    families = rivals(
        soft, fits[PEAK_END], fits[TOGETHER], comparison, level=1 - confidence, negligible=negligible
    )
    rule = judge(comparison, families) if carried < GATE else NOT_IDENTIFIED
    if rule == CUMULATIVE and too_vague(soft):
        rule = NOT_DISTINGUISHABLE
    everything = np.column_stack([np.ones(len(outcome)), features[:, :4]])
    return ChainFit(
        rule=rule,
        families=families,
        soft=soft,
        together=fits[TOGETHER],
        with_best=fit_linear(everything, outcome, clusters=clusters, leave_one_out=True),
        comparison=comparison,
        carried=carried,
        overlap=float(np.corrcoef(features[:, 0], features[:, 1])[0, 1]),
    )
