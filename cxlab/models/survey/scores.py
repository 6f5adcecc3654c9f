"""Satisfaction scores per segment: mean, NPS and top-box share, each with an interval that holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import LOCATION_ID, OVERALL, RECOMMEND
from cxlab.core.errors import FitError, NotAnswerableError, ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.core.verdicts import TOO_FEW
from cxlab.models.survey.score_estimates import (
    FEWEST_CLUSTERS,
    Score,
    mean_score,
    net_score,
    share_score,
)
from cxlab.models.survey.score_result import CSI_MEAN, NPS, TOP_BOX_SHARE, ScoreResult

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

Estimate = Callable[[Array, Codes | None], Score]

_QUESTION = "How satisfied are the customers?"
_EVERYONE = "all"
_NO_ANSWER = "no answer to the questions scored"
_NO_SEGMENT = "no value of the segment column"
_COLUMNS = ["segment", "term", "estimate", "std_error", "conf_low", "conf_high"]
_COLUMNS += ["n", "clusters", "method", "verdict"]


@dataclass(frozen=True, kw_only=True)
class ScoreModel:
    """Mean satisfaction (CSI), NPS and top-box share, overall or by segment.

    ``csi_mean = mean(score)``; ``nps = 100 (share of 9-10 minus share of 0-6)``, -100..100;
    ``top_box_share = share(score >= top_box)``, 0..1. Every answer counts once, so dealers with more
    answers count more.

    Parameters
    ----------
    score_column
        Satisfaction answers on ``scale``; None leaves the mean and the top box out.
    recommend_column
        Likelihood to recommend, 0 to 10; None leaves the NPS out.
    by
        Column whose values are the segments; None for one segment ``all``.
    cluster_column
        Dealer of each answer. With 10 dealers or more in a segment, intervals respect that answers
        of a dealer are alike; with fewer they speak about these dealers only.
    scale
        Lowest and highest possible score.
    top_box
        Lowest score that counts as top box; None for the two highest answers of a scale of seven points
        or more (9 on 1 to 10), the highest of a shorter one.
    minimum_n
        Segments with fewer answers print ``too few`` and no number; 5 or more.
    confidence
        Confidence of intervals, 0..1.

    Raises
    ------
    ParameterError
        If a setting is out of range.

    Examples
    --------
    >>> table = pd.DataFrame({"overall": [9, 8, 10, 7, 9, 8, 10, 9, 6, 9, 3], "market": ["A"] * 10 + ["B"]})
    >>> result = ScoreModel(by="market", recommend_column=None).fit(table)
    >>> result.table()[["segment", "term", "estimate", "n", "verdict"]]
      segment           term  estimate   n  verdict
    0       A       csi_mean       8.5  10
    1       B       csi_mean       NaN   1  too few
    2       A  top_box_share       0.6  10
    3       B  top_box_share       NaN   1  too few
    """

    score_column: str | None = OVERALL
    recommend_column: str | None = RECOMMEND
    by: str | None = None
    cluster_column: str | None = LOCATION_ID
    scale: tuple[float, float] = (1, 10)
    top_box: float | None = None
    minimum_n: int = 10
    confidence: float = 0.95

    def __post_init__(self) -> None:
        require_share("ScoreModel", "confidence", self.confidence)
        require_at_least("ScoreModel", "minimum_n", self.minimum_n, 5)
        low, high = self.scale
        if not -np.inf < low < high < np.inf:
            raise ParameterError(
                f"ScoreModel: scale must be (lowest, highest), got {self.scale!r}. "
                f"Next step: write (1, 10) for answers from 1 to 10."
            )
        if not low < self.lowest_top_box <= high:
            raise ParameterError(
                f"ScoreModel: top_box must lie above {low} and not above {high}, got {self.top_box!r}. "
                f"Next step: set the lowest score that counts as top box on this scale."
            )
        if self.score_column is None and self.recommend_column is None:
            raise ParameterError(
                "ScoreModel: score_column and recommend_column are both None. Next step: name one of them."
            )
        if self.score_column == self.recommend_column and (low, high) != (0, 10):
            raise ParameterError(
                f"ScoreModel: {self.score_column} is score_column and recommend_column, so scale must be "
                f"(0, 10), got {self.scale!r}. Next step: set scale=(0, 10), or one of the columns to None."
            )

    @property
    def lowest_top_box(self) -> float:
        """The lowest score that counts as top box, from ``top_box`` or the scale."""
        if self.top_box is not None:
            return self.top_box
        low, high = self.scale
        return high - 1 if high - low >= 6 else high

    def fit(self, table: pd.DataFrame) -> ScoreResult:
        """Estimate the scores from survey answers, one row each.

        Parameters
        ----------
        table
            Survey answers with the columns that the settings name.

        Returns
        -------
        ScoreResult

        Raises
        ------
        NotAnswerableError
            If no scored question is in the table, a named column is absent, or nobody answered.
        FitError
            If an answer is no number or lies outside its scale.
        """
        scales = self._scales(table)
        answers = {column: _numbers(table, column, scale) for column, scale in scales.items()}
        answered = ~np.logical_and.reduce([np.isnan(values) for values in answers.values()])
        labels = self._segment_labels(table)
        used = answered & labels.notna().to_numpy()
        if not used.any():
            raise NotAnswerableError(
                _QUESTION,
                reason=f"None of the {len(table)} rows answers {' or '.join(scales)} in a segment.",
                next_step="check the mapping of these columns in cxlab.toml.",
            )
        clusters = self._clusters(table)
        estimates = self._estimates(answers, labels.where(used), clusters)
        set_aside = {_NO_ANSWER: int((~answered).sum()), _NO_SEGMENT: int((answered & ~used).sum())}
        involved = [*scales, self.by, self.cluster_column if clusters is not None else None]
        return ScoreResult(
            estimates=estimates,
            diagnostics=checks_table(self._checks(estimates, clusters, answers, used)),
            provenance=Provenance(
                model="ScoreModel",
                n_rows=len(table),
                n_used=int(used.sum()),
                n_set_aside={reason: count for reason, count in set_aside.items() if count},
                settings=asdict(self),
                input_hash=hash_frame(table[[column for column in involved if column is not None]]),
            ),
            confidence=self.confidence,
            scale=self.scale,
            top_box=self.lowest_top_box,
            minimum_n=self.minimum_n,
            by=self.by,
        )

    def _estimates(
        self, answers: dict[str, Array], labels: pd.Series[str], clusters: Codes | None
    ) -> pd.DataFrame:
        rows = []
        for term, (column, estimate) in self._terms(answers).items():
            values = answers[column]
            for segment in sorted(labels.dropna().unique()):
                chosen = (labels == segment).to_numpy() & ~np.isnan(values)
                codes = None if clusters is None else _renumbered(clusters[chosen])
                row = self._row(values[chosen], codes, estimate)
                rows.append({"segment": segment, "term": term, **row})
        return pd.DataFrame(rows, columns=_COLUMNS)

    def _scales(self, table: pd.DataFrame) -> dict[str, tuple[float, float]]:
        """The questions in the table with their scales; a named one that is absent is an error."""
        if not isinstance(table, pd.DataFrame):
            raise FitError(
                f"ScoreModel.fit: need a table, got {type(table).__name__}. Next step: pass a DataFrame "
                f"such as tables.surveys."
            )
        asked = {self.score_column: self.scale, self.recommend_column: (0, 10)}
        found = {column: scale for column, scale in asked.items() if column is not None and column in table}
        absent = [column for column in asked if column is not None and column not in table]
        named = [column for column in absent if column not in (OVERALL, RECOMMEND)]
        if self.by is not None and self.by not in table:
            named.append(self.by)
        if self.cluster_column not in (None, LOCATION_ID) and self.cluster_column not in table:
            named.append(str(self.cluster_column))
        if named or not found:
            raise NotAnswerableError(
                _QUESTION,
                reason=f"The table has no column {', '.join(named or absent)}.",
                next_step="correct the name in the settings, or map the column in cxlab.toml.",
            )
        return found

    def _terms(self, answers: dict[str, Array]) -> dict[str, tuple[str, Estimate]]:
        """Term to its column and estimator, in the order of the table."""

        def mean(values: Array, codes: Codes | None) -> Score:
            return mean_score(values, codes, scale=self.scale, confidence=self.confidence)

        def net(values: Array, codes: Codes | None) -> Score:
            return net_score(values, codes, confidence=self.confidence)

        def top(values: Array, codes: Codes | None) -> Score:
            return share_score(values >= self.lowest_top_box, codes, confidence=self.confidence)

        terms: dict[str, tuple[str | None, Estimate]] = {
            CSI_MEAN: (self.score_column, mean),
            NPS: (self.recommend_column, net),
            TOP_BOX_SHARE: (self.score_column, top),
        }
        return {term: (column, how) for term, (column, how) in terms.items() if column in answers}

    def _segment_labels(self, table: pd.DataFrame) -> pd.Series[str]:
        if self.by is None:
            return pd.Series(_EVERYONE, index=table.index)
        return table[self.by].astype("str").where(table[self.by].notna())

    def _clusters(self, table: pd.DataFrame) -> Codes | None:
        """Cluster of each row; an answer without a cluster id is a cluster of its own."""
        if self.cluster_column is None or self.cluster_column not in table:
            return None
        codes, found = pd.factorize(table[self.cluster_column])
        alone = codes < 0
        codes[alone] = len(found) + np.arange(alone.sum())
        return codes

    def _row(self, values: Array, codes: Codes | None, estimate: Estimate) -> dict[str, object]:
        if len(values) < self.minimum_n:
            clusters = 0 if codes is None or not len(codes) else int(codes.max()) + 1
            return {"n": len(values), "clusters": clusters, "method": "", "verdict": TOO_FEW}
        score = estimate(values, codes)
        return {
            **asdict(score.interval),
            "n": len(values),
            "clusters": score.clusters,
            "method": score.method,
            "verdict": "",
        }

    def _checks(
        self,
        estimates: pd.DataFrame,
        clusters: Codes | None,
        answers: dict[str, Array],
        used: NDArray[np.bool_],
    ) -> list[Check]:
        shown = estimates[estimates["verdict"] != TOO_FEW]
        few = estimates.loc[estimates["verdict"] == TOO_FEW, "segment"].unique()
        checks = [
            Check(
                check="segments with too few answers",
                value=", ".join(few) or "none",
                threshold=f">= {self.minimum_n} answers",
                passed=not len(few),
                meaning="no number is shown: it could be traced to persons and would say little",
            ),
            _cluster_check(shown, clusters),
        ]
        half = int(used.sum()) // 2
        for column in dict.fromkeys((self.score_column, self.recommend_column)):
            if column is None:
                continue
            count = int(np.isnan(answers[column][used]).sum()) if column in answers else None
            checks.append(
                Check(
                    check=f"answers without {column}",
                    value="not in the table" if count is None else count,
                    threshold=f"<= {half} (half)",
                    passed=count is not None and count <= half,
                    meaning="they do not enter that score; nothing is filled in",
                )
            )
        return checks


def _renumbered(codes: Codes) -> Codes:
    return np.unique(codes, return_inverse=True)[1]


def _numbers(table: pd.DataFrame, column: str, scale: tuple[float, float]) -> Array:
    """Answers as floats with NaN for none; FitError for text or values outside the scale."""
    found = table[column]
    if not pd.api.types.is_numeric_dtype(found):
        example = next(iter(found.dropna().astype(str)), "nothing")
        raise FitError(
            f"{column}: a score needs numbers, got {found.dtype} such as {example!r}. "
            f"Next step: recode the answers in cxlab.toml."
        )
    values: Array = found.to_numpy(dtype=np.float64)
    low, high = scale
    outside = (values < low) | (values > high)
    if outside.any():
        examples = ", ".join(f"{value:g}" for value in np.unique(values[outside])[:3])
        raise FitError(
            f"{column}: {int(outside.sum())} answers lie outside {low} to {high}, such as {examples}. "
            f"Next step: declare missing-value codes in cxlab.toml, or set the scale."
        )
    return values


def _cluster_check(shown: pd.DataFrame, clusters: Codes | None) -> Check:
    few = shown.loc[shown["clusters"] < FEWEST_CLUSTERS, "segment"].unique()
    return Check(
        check="segments whose intervals treat answers as independent",
        value="no cluster column" if clusters is None else ", ".join(few) or "none",
        threshold=f">= {FEWEST_CLUSTERS} clusters per segment",
        passed=clusters is not None and not len(few),
        meaning="these intervals speak about the dealers in the data only, not about dealers like them",
    )
