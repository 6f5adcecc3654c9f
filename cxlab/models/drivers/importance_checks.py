"""What could be wrong with an importance analysis, said with a number and a threshold."""

from __future__ import annotations

import numpy as np

from cxlab.core.result import Check
from cxlab.models.drivers.importance_fit import ImportanceFit, without_probe
from cxlab.models.drivers.resampling import WARN_BELOW_CLUSTERS, Resampling
from cxlab.models.drivers.rows import CompleteAnswers

# Above this a slope's variance is ten times what independent drivers would give it.
_LARGE_INFLATION = 10.0


def importance_checks(
    fitted: ImportanceFit, answers: CompleteAnswers, plan: Resampling, *, drivers: tuple[str, ...]
) -> list[Check]:
    """Checks of resampling, completeness, collinearity, signs and weights, in that order."""
    checks = [_resampling_check(plan), *_missing_checks(answers), *_collinearity_checks(fitted, drivers)]
    by_chance = fitted.shares.size / max(1, len(answers.values) - 1)
    checks.append(
        Check(
            check="explained variance",
            value=float(fitted.shares.sum()),
            threshold=f"> {2 * by_chance:.3f}, twice what as many random drivers would explain",
            passed=bool(fitted.shares.sum() > 2 * by_chance),
            meaning="shares of an explained variance near chance are shares of noise",
        )
    )
    checks.append(_sign_check(fitted, drivers))
    checks += _option_checks(fitted)
    if np.unique(answers.values[:, -1]).size == 2:
        checks.append(
            Check(
                check="values of the outcome",
                value=2,
                threshold="2 makes it a linear probability model",
                passed=True,
                meaning="shares are of the variance of the 0/1 outcome",
            )
        )
    if plan.merged_strata:
        checks.append(
            Check(
                check="strata with a single group",
                value=plan.merged_strata,
                threshold="0",
                passed=False,
                meaning="they were merged with another stratum, which makes intervals wider",
            )
        )
    if np.ptp(answers.weights) > 0.0:
        checks.append(_weight_check(answers))
    return checks


def _resampling_check(plan: Resampling) -> Check:
    if plan.unit == "clusters":
        return Check(
            check="clusters",
            value=plan.clusters,
            threshold=f">= {WARN_BELOW_CLUSTERS}",
            passed=plan.clusters >= WARN_BELOW_CLUSTERS,
            meaning="whole clusters are resampled; with fewer, intervals may still be too narrow",
        )
    if plan.unit == "one cluster":
        return Check(
            check="clusters",
            value=1,
            threshold=f">= {WARN_BELOW_CLUSTERS} to speak about a network",
            passed=False,
            meaning="answers are resampled: intervals speak about this one cluster only",
        )
    return Check(
        check="clusters",
        value="no cluster column",
        threshold=f">= {WARN_BELOW_CLUSTERS}",
        passed=False,
        meaning="answers are resampled as independent; if they share dealers, intervals are too narrow",
    )


def _option_checks(fitted: ImportanceFit) -> list[Check]:
    """Of EM, latent outcomes and sampled orders, where they were asked for."""
    checks = []
    if fitted.converged < 1.0:
        checks.append(
            Check(
                check="share of EM fits that converged",
                value=fitted.converged,
                threshold="1",
                passed=False,
                meaning="too much is missing together: leave out the items that few answer",
            )
        )
    beyond = float((fitted.replicates.sum(axis=1) > 1.0).mean())
    if beyond > 0.0:
        checks.append(
            Check(
                check="replicates that explain more than everything",
                value=beyond,
                threshold="0",
                passed=False,
                meaning="the latent correlations are no correlations there: use outcome_kind='linear'",
            )
        )
    without = float((np.linalg.eigvalsh(without_probe(fitted.resampled))[:, 0] < -1e-8).mean())
    if without > 0.0:
        checks.append(
            Check(
                check="replicates whose latent correlations contradict each other",
                value=without,
                threshold="<= 0.01",
                passed=without <= 0.01,
                meaning="pairs are estimated one by one; too few answers for it: use rating_kind='linear'",
            )
        )
    if fitted.sampling_error.max() > 0.0:
        worst = float(fitted.sampling_error.max() / max(fitted.shares.max(), 1e-12))
        checks.append(
            Check(
                check="error from sampling orders of entry, in units of the largest share",
                value=worst,
                threshold="<= 0.05",
                passed=worst <= 0.05,
                meaning="too many drivers to visit all orders; intervals hold this error as well",
            )
        )
    return checks


def _missing_checks(answers: CompleteAnswers) -> list[Check]:
    if np.isnan(answers.values).any():
        blank = float(np.isnan(answers.values[:, :-1]).mean(axis=0).max())
        return [
            Check(
                check="largest share of blank answers to a driver (EM)",
                value=blank,
                threshold="<= 0.5",
                passed=blank <= 0.5,
                meaning="EM assumes that what was left blank depends on the answers given, not on itself",
            )
        ]
    answered = max(1, answers.answered)
    checks = [
        Check(
            check="share of answers complete in all drivers",
            value=len(answers.values) / answered,
            threshold=">= 0.5",
            passed=len(answers.values) >= 0.5 * answered,
            meaning="the result speaks about customers who experienced and answered everything",
        )
    ]
    checks += [
        Check(
            check=f"answers without {name}",
            value=count,
            threshold=f"<= {answers.answered // 2} (half)",
            passed=count <= answers.answered // 2,
            meaning="not experienced or not answered: set aside, nothing is filled in",
        )
        for name, count in answers.missing.items()
        if count
    ]
    return checks


def _collinearity_checks(fitted: ImportanceFit, drivers: tuple[str, ...]) -> list[Check]:
    constant, aliased = _named(drivers, fitted.constant), _named(drivers, fitted.aliased)
    known = ~np.isnan(fitted.inflation)
    inflation = float(fitted.inflation[known].max()) if known.any() else float("nan")
    most = int(fitted.constant_replicates[~fitted.constant].max(initial=0))
    return [
        Check(
            check="drivers that do not vary",
            value=constant or "none",
            threshold="none",
            passed=not constant,
            meaning="their share is 0 and nothing can be said about them",
        ),
        Check(
            check="drivers that are copies or sums of others",
            value=aliased or "none",
            threshold="none",
            passed=not aliased,
            meaning="they share what they explain together; their slopes are not identified",
        ),
        Check(
            check="largest variance inflation",
            value=inflation,
            threshold=f"<= {_LARGE_INFLATION:g}",
            passed=not inflation > _LARGE_INFLATION,
            meaning="above it single slopes and verdicts are unstable; shares are split, not found",
        ),
        Check(
            check="replicates in which a driver does not vary",
            value=most,
            threshold=f"<= {len(fitted.replicates) // 20} (5 %)",
            passed=most <= len(fitted.replicates) // 20,
            meaning="the driver is so rare that some resamples miss it; there its share is 0",
        ),
    ]


def _sign_check(fitted: ImportanceFit, drivers: tuple[str, ...]) -> Check:
    negative = _named(
        drivers, np.nan_to_num(fitted.beta) < 0.0, np.nan_to_num(fitted.p_value, nan=1.0) < 0.05
    )
    return Check(
        check="drivers with a negative slope (p < 0.05)",
        value=negative or "none",
        threshold="none",
        passed=not negative,
        meaning="with the others held fixed, more of it goes with a lower outcome: check scale and wording",
    )


def _weight_check(answers: CompleteAnswers) -> Check:
    effective = float(answers.weights.sum() ** 2 / (answers.weights**2).sum())
    return Check(
        check="effective answers after weighting",
        value=effective,
        threshold=f">= {len(answers.weights) // 2} (half)",
        passed=effective >= len(answers.weights) // 2,
        meaning="uneven weights make intervals wider, as if there were only so many answers",
    )


def _named(drivers: tuple[str, ...], *conditions: np.ndarray) -> str:
    chosen = np.logical_and.reduce(conditions)
    return ", ".join(driver for driver, named in zip(drivers, chosen, strict=True) if named)
