"""What the mean would be if everybody had answered: response model, weights, and what they cannot mend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import LOCATION_ID, OVERALL
from cxlab.core.errors import FitError, NotAnswerableError, ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import checks_table
from cxlab.core.settings import require_share
from cxlab.core.verdicts import SUPPORTED, UNDETERMINED
from cxlab.models.survey.coverage_checks import ResponseFacts, coverage_checks, sensitivity_table
from cxlab.models.survey.coverage_margins import Margins, read_margins
from cxlab.models.survey.coverage_result import (
    DIFFERENCE,
    DOUBLY_ROBUST,
    RAKED,
    UNWEIGHTED,
    WEIGHTED,
    NonresponseResult,
)
from cxlab.models.survey.coverage_rows import (
    ANSWERED,
    QUESTION,
    Design,
    build_design,
    cluster_labels,
    feature_columns,
    supported_rows,
)
from cxlab.models.survey.score_estimates import FEWEST_CLUSTERS
from cxlab.stats.classification import area_under_curve
from cxlab.stats.intervals import student_interval
from cxlab.stats.raking import rake, raked_mean
from cxlab.stats.response import (
    MeanFit,
    ResponseFit,
    difference_of_means,
    doubly_robust_mean,
    fit_response,
    kish_sample_size,
    plain_mean,
    standardised_differences,
    weighted_mean,
)

Array = NDArray[np.float64]

#: Where more contacts than this share are of a kind that never answers, "all contacts" would be wrong.
MOST_SET_ASIDE = 0.05
#: Answers needed per column of the response model, and at least.
ANSWERS_PER_COLUMN = 10
FEWEST_ANSWERS = 50


@dataclass(frozen=True, kw_only=True)
class NonresponseModel:
    """The mean of all contacts from the answers of some, by what operations know of everybody.

    ``p_i = P(answered | x_i)`` is logistic in the features; the answer is
    ``mean(m_i + R_i (y_i - m_i) / p_i)`` with a linear ``m = X b`` (AIPW): right if the response model or
    the outcome model is. Beside it stand the plain mean of the answers and the weighted mean (IPW).

    Parameters
    ----------
    outcome
        Column of the answers.
    features
        Facts known of every contact; every such column if empty. Numbers enter standardised with their
        squares, texts as categories, missing values as a category of their own.
    cluster_column
        Dealer of each contact; with 10 dealers or more intervals respect that contacts of a dealer are
        alike (t with dealers - 1 degrees of freedom). None for independent contacts.
    population_margins
        Known shares of the population, column to category to share 0..1, for a raked mean as well.
    scale
        Lowest and highest possible answer, for the worst-case bounds.
    confidence
        Confidence of intervals, 0..1.

    Raises
    ------
    ParameterError
        If a setting is out of range.

    Examples
    --------
    >>> rng = np.random.default_rng(5)
    >>> wait = rng.normal(size=4000)
    >>> answered = rng.random(4000) < 1 / (1 + np.exp(1 + wait))
    >>> overall = np.where(answered, 6 - 0.5 * wait + rng.normal(size=4000) / 2, np.nan)
    >>> table = pd.DataFrame({"wait_minutes": wait, "answered": answered, "overall": overall})
    >>> result = NonresponseModel().fit(table)
    >>> result.table().set_index("term")["estimate"].round(1).to_dict()
    {'unweighted_mean': 6.3, 'weighted_mean': 6.0, 'doubly_robust_mean': 6.0, 'difference': 0.3}
    """

    outcome: str = OVERALL
    features: Sequence[str] = ()
    cluster_column: str | None = LOCATION_ID
    population_margins: Mapping[str, Mapping[str, float]] | None = None
    scale: tuple[float, float] = (1, 10)
    confidence: float = 0.95

    def __post_init__(self) -> None:
        require_share("NonresponseModel", "confidence", self.confidence)
        if isinstance(self.features, str):
            raise ParameterError(
                f"NonresponseModel: features must be a tuple of column names, got the text "
                f"{self.features!r}. Next step: write features=({self.features!r},)."
            )
        object.__setattr__(self, "features", tuple(self.features))
        if not self.scale[0] < self.scale[1]:
            raise ParameterError(
                f"NonresponseModel: scale must be (lowest, highest), got {self.scale!r}. "
                f"Next step: write (1, 10) for answers from 1 to 10."
            )

    def fit(self, table: pd.DataFrame) -> NonresponseResult:
        """Estimate the mean of all contacts.

        Parameters
        ----------
        table
            One row per contact, as ``contacts(tables).table()`` gives them: ``answered`` (bool), the
            outcome where answered, the features.

        Returns
        -------
        NonresponseResult

        Raises
        ------
        NotAnswerableError
            If a column is absent, too few answered, everybody did, or some group (almost) never answers.
        FitError
            If an answer is no number or outside the scale, a feature is known only of those who answered,
            or a margin cannot be met.
        """
        outcome, observed = self._answers(table)
        features = feature_columns(table, outcome=self.outcome, features=tuple(self.features))
        n_rows, used = len(table), [*features, ANSWERED, self.outcome]
        input_hash = hash_frame(table[used])
        kept, set_aside = supported_rows(table, features, observed)
        table, outcome, observed = table[kept], outcome[kept], observed[kept]
        design = build_design(table, features, observed)
        _require_enough(observed, design, set_aside)
        response = _response(design, observed)
        codes, dealers = cluster_labels(table, self._cluster_column(table))
        clusters = codes if dealers >= FEWEST_CLUSTERS else None
        margins = read_margins(table, self.population_margins, observed=observed)
        fits = _fits(outcome, observed, design, response, clusters)
        if margins is not None:
            fits[RAKED] = _raked(outcome, observed, margins, clusters)
        facts = self._facts(table, outcome, observed, design, response, dealers)
        return NonresponseResult(
            estimates=_estimates(fits, observed, confidence=self.confidence),
            diagnostics=checks_table(coverage_checks(facts)),
            provenance=Provenance(
                model="NonresponseModel",
                n_rows=n_rows,
                n_used=len(table),
                n_set_aside=set_aside,
                settings=asdict(self),
                input_hash=input_hash,
            ),
            outcome=self.outcome,
            confidence=self.confidence,
            answers=int(observed.sum()),
            clusters=dealers if clusters is not None else 0,
            differences=facts.balance,
            bounds=sensitivity_table(
                facts,
                fits,
                scale=self.scale,
                confidence=self.confidence,
            ),
        )

    def _cluster_column(self, table: pd.DataFrame) -> str | None:
        column = self.cluster_column
        if column not in (None, LOCATION_ID) and column not in table.columns:
            raise NotAnswerableError(
                QUESTION,
                reason=f"The contacts have no column {column}.",
                next_step="correct cluster_column in the settings, or set it to None.",
            )
        return column

    def _answers(self, table: pd.DataFrame) -> tuple[Array, NDArray[np.bool_]]:
        """The outcome (NaN where there is none) and whether each contact stated it."""
        if not isinstance(table, pd.DataFrame):
            raise FitError(
                f"NonresponseModel.fit: need a table, got {type(table).__name__}. Next step: pass "
                f"contacts(tables).table()."
            )
        absent = [name for name in (ANSWERED, self.outcome) if name not in table.columns]
        if absent:
            raise NotAnswerableError(
                QUESTION,
                reason=f"The table has no column {', '.join(absent)}.",
                next_step="pass contacts(tables).table(), in which every contact has a row.",
            )
        found = table[self.outcome]
        if not pd.api.types.is_numeric_dtype(found) or not pd.api.types.is_bool_dtype(table[ANSWERED]):
            raise FitError(
                f"NonresponseModel.fit: need numbers in {self.outcome} and True or False in {ANSWERED}, "
                f"got {found.dtype} and {table[ANSWERED].dtype}. Next step: recode them in cxlab.toml."
            )
        outcome = found.to_numpy(dtype=np.float64, na_value=np.nan)
        answered = table[ANSWERED].to_numpy(dtype=bool, na_value=False)
        unasked = int((~answered & ~np.isnan(outcome)).sum())
        low, high = self.scale
        outside = int(((outcome < low) | (outcome > high)).sum())
        if unasked or outside:
            what = f"{unasked} contacts have an answer but are not marked as answered"
            raise FitError(
                f"NonresponseModel.fit: "
                f"{what if unasked else f'{outside} answers lie outside {low:g} to {high:g}'}. "
                f"Next step: {'link contacts again' if unasked else 'set scale'}."
            )
        return outcome, answered & ~np.isnan(outcome)

    def _facts(
        self,
        table: pd.DataFrame,
        outcome: Array,
        observed: NDArray[np.bool_],
        design: Design,
        response: ResponseFit,
        dealers: int,
    ) -> ResponseFacts:
        weights = np.where(observed, 1.0 / response.probability, 0.0)
        given = weights[observed]
        before = standardised_differences(design.matrix[:, 1:], observed.astype(np.float64), observed)
        after = standardised_differences(design.matrix[:, 1:], weights, observed)
        balance = pd.DataFrame({"term": design.names, "before": before, "after": after})
        return ResponseFacts(
            contacts=len(table),
            answers=int(observed.sum()),
            blank=int(table[ANSWERED].sum()) - int(observed.sum()),
            effective=kish_sample_size(given),
            largest_weight=float(given.max() / given.mean()),
            smallest_probability=float(response.probability.min()),
            area_under_curve=float(area_under_curve(observed.astype(np.float64), response.probability)[0]),
            balance=balance[design.linear].reset_index(drop=True),
            dealers=dealers,
            design=design,
            deviation=float(np.nanstd(outcome, ddof=1)),
        )


def _require_enough(observed: NDArray[np.bool_], design: Design, set_aside: Mapping[str, int]) -> None:
    lost, contacts = sum(set_aside.values()), len(observed) + sum(set_aside.values())
    if lost > MOST_SET_ASIDE * contacts:
        raise NotAnswerableError(
            QUESTION,
            reason=f"{lost:,} of {contacts:,} contacts are of a kind that never answers "
            f"({'; '.join(set_aside)}).",
            next_step="ask such customers, or leave them out and name the mean after those who remain.",
        )
    answers, silent = int(observed.sum()), int((~observed).sum())
    needed = max(FEWEST_ANSWERS, ANSWERS_PER_COLUMN * design.matrix.shape[1])
    if min(answers, silent) < needed:
        raise NotAnswerableError(
            QUESTION,
            reason=(
                f"{answers} contacts answered and {silent} did not; a response model of "
                f"{design.matrix.shape[1]} columns needs {needed} of each."
            ),
            next_step="name fewer features, or collect more contacts.",
        )


def _response(design: Design, observed: NDArray[np.bool_]) -> ResponseFit:
    try:
        return fit_response(design.matrix, observed)
    except ValueError as error:
        raise NotAnswerableError(
            QUESTION,
            reason=f"The response model has no answer: {error}.",
            next_step="leave such groups out of the contacts (and say so), or name fewer features.",
        ) from error


def _fits(
    outcome: Array,
    observed: NDArray[np.bool_],
    design: Design,
    response: ResponseFit,
    clusters: NDArray[np.int64] | None,
) -> dict[str, MeanFit]:
    plain = plain_mean(outcome, observed, clusters=clusters)
    weighted = weighted_mean(outcome, observed, design=design.matrix, response=response, clusters=clusters)
    robust = doubly_robust_mean(
        outcome, observed, design=design.matrix, response=response, clusters=clusters
    )
    gap = difference_of_means(plain, robust)
    return {UNWEIGHTED: plain, WEIGHTED: weighted, DOUBLY_ROBUST: robust, DIFFERENCE: gap}


def _raked(
    outcome: Array, observed: NDArray[np.bool_], margins: Margins, clusters: NDArray[np.int64] | None
) -> MeanFit:
    try:
        fit = rake(margins.codes, margins.targets)
    except ValueError as error:
        raise FitError(
            f"NonresponseModel: population_margins {', '.join(margins.columns)}: {error}. Next step: join "
            f"categories until each has answers, and check that the shares belong to this population."
        ) from error
    labels = None if clusters is None else clusters[observed]
    return raked_mean(outcome[observed], margins.codes, weights=fit.weights, clusters=labels)


def _estimates(fits: dict[str, MeanFit], observed: NDArray[np.bool_], *, confidence: float) -> pd.DataFrame:
    from scipy import stats

    rows = []
    for term, fit in fits.items():
        interval = student_interval(
            fit.estimate, fit.std_error, degrees_of_freedom=fit.degrees_of_freedom, confidence=confidence
        )
        p_value, verdict = np.nan, ""
        if term == DIFFERENCE:
            p_value = 2.0 * stats.t.sf(abs(fit.estimate) / fit.std_error, fit.degrees_of_freedom)
            verdict = SUPPORTED if p_value < 1.0 - confidence else UNDETERMINED
        n = int(observed.sum()) if term in (UNWEIGHTED, WEIGHTED, RAKED) else len(observed)
        rows.append({"term": term, **asdict(interval), "p_value": p_value, "n": n, "verdict": verdict})
    return pd.DataFrame(rows)
