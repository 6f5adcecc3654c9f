"""Did satisfaction change between two periods, and did customers change their mind or the mix change?"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from cxlab.core.columns import LOCATION_ID, OVERALL
from cxlab.core.errors import ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.core.verdicts import SUPPORTED, UNDETERMINED
from cxlab.models.survey.change_result import AFTER, BEFORE, CHANGE, MIX, RATE, ChangeResult
from cxlab.models.survey.change_rows import OTHERS, ChangeRows, read_periods
from cxlab.models.survey.score_estimates import FEWEST_CLUSTERS
from cxlab.stats.change import ChangeFit, split_change
from cxlab.stats.intervals import student_interval


@dataclass(frozen=True, kw_only=True)
class ChangeModel:
    """Change of a mean between two periods, split into rates and mix.

    ``change = sum_s (p0 + p1)/2 (m1 - m0) + sum_s (m0 + m1)/2 (p1 - p0)`` over segments s with shares p and
    means m: the first part (rate) is what segments would have changed at the same mix, the second (mix)
    what other customers in the sample changed; they add up without a rest.

    Parameters
    ----------
    before, after
        The periods to compare: parts of the calendar such as ``"2024"``, ``"2025-03"`` or ``"2025Q1"``
        where ``period_column`` holds moments, else values of that column.
    outcome
        Column of the answers.
    period_column
        Moment or wave of each answer.
    segment_column
        Column of the mix; None for the change alone.
    cluster_column
        Dealer of each answer; with 10 dealers or more intervals respect that a dealer in both periods keeps
        its level. None, or a table without the default column, takes answers as independent.
    minimum_n
        Segments with fewer answers in a period join the others; 5 or more.
    confidence
        Confidence of intervals, 0..1.

    Raises
    ------
    ParameterError
        If a setting is out of range, or the periods are equal.

    Examples
    --------
    >>> table = pd.DataFrame({"wave": ["spring"] * 40 + ["autumn"] * 40,
    ...     "segment": ["fleet"] * 10 + ["private"] * 30 + ["fleet"] * 30 + ["private"] * 10,
    ...     "overall": [5.0, 7.0] * 5 + [7.0, 9.0] * 15 + [5.0, 7.0] * 15 + [7.0, 9.0] * 5})
    >>> model = ChangeModel(before="spring", after="autumn", period_column="wave", segment_column="segment")
    >>> model.fit(table).table().set_index("term")["estimate"].round(2).to_dict()
    {'before': 7.5, 'after': 6.5, 'change': -1.0, 'rate': 0.0, 'mix': -1.0}
    """

    before: str
    after: str
    outcome: str = OVERALL
    period_column: str = "answered_at"
    segment_column: str | None = None
    cluster_column: str | None = LOCATION_ID
    minimum_n: int = 10
    confidence: float = 0.95

    def __post_init__(self) -> None:
        require_share("ChangeModel", "confidence", self.confidence)
        require_at_least("ChangeModel", "minimum_n", self.minimum_n, 5)
        if self.before == self.after:
            raise ParameterError(
                f"ChangeModel: before and after are both {self.before!r}. Next step: name two periods."
            )

    def fit(self, table: pd.DataFrame) -> ChangeResult:
        """Compare the two periods.

        Parameters
        ----------
        table
            Survey answers, one row each, with the columns that the settings name.

        Returns
        -------
        ChangeResult

        Raises
        ------
        NotAnswerableError
            If a column is absent, a period has fewer than ``minimum_n`` answers, or small segments together
            still have too few in a period.
        ParameterError
            If a period is no part of the calendar, or the periods overlap.
        FitError
            If an answer is no number.
        """
        rows = read_periods(
            table,
            outcome=self.outcome,
            period_column=self.period_column,
            periods=(self.before, self.after),
            segment_column=self.segment_column,
            cluster_column=self.cluster_column,
            minimum_n=self.minimum_n,
        )
        clusters = rows.clusters if rows.repeated + rows.alone >= FEWEST_CLUSTERS else None
        fit = split_change(rows.values, rows.later, rows.segments, clusters=clusters)
        return ChangeResult(
            estimates=self._estimates(fit),
            diagnostics=checks_table(_checks(rows, fit)),
            provenance=Provenance(
                model="ChangeModel",
                n_rows=len(table),
                n_used=len(rows.values),
                n_set_aside=rows.set_aside,
                settings=asdict(self),
                input_hash=hash_frame(table[rows.columns]),
            ),
            outcome=self.outcome,
            confidence=self.confidence,
            periods=(self.before, self.after),
            segment_column=self.segment_column,
            clusters=rows.repeated + rows.alone if clusters is not None else 0,
            parts=_parts(fit, rows.names),
        )

    def _estimates(self, fit: ChangeFit) -> pd.DataFrame:
        from scipy import stats

        chosen = {BEFORE: fit.before, AFTER: fit.after, CHANGE: fit.change}
        if self.segment_column is not None:
            chosen |= {RATE: fit.rate, MIX: fit.mix}
        counts = fit.rows.sum(axis=1).astype(int)
        table = []
        for term, found in chosen.items():
            interval = student_interval(
                found.estimate,
                found.std_error,
                degrees_of_freedom=found.degrees_of_freedom,
                confidence=self.confidence,
            )
            p_value, verdict = np.nan, ""
            if term not in (BEFORE, AFTER):
                ratio = abs(found.estimate) / found.std_error if found.std_error > 0 else np.nan
                p_value = 2.0 * float(stats.t.sf(ratio, found.degrees_of_freedom))
                verdict = SUPPORTED if p_value < 1.0 - self.confidence else UNDETERMINED
            n = {BEFORE: counts[0], AFTER: counts[1]}.get(term, counts.sum())
            row = {"term": term, **asdict(interval), "p_value": p_value, "n": int(n), "verdict": verdict}
            table.append(row)
        return pd.DataFrame(table)


def _parts(fit: ChangeFit, names: tuple[str, ...]) -> pd.DataFrame:
    """Per segment: shares, means, and its part of rate and mix; the parts add up to the change."""
    (share_before, share_after), (mean_before, mean_after) = fit.shares, fit.means
    middle = (mean_before + mean_after) / 2
    rate = (share_before + share_after) / 2 * (mean_after - mean_before)
    # Taken from the common level, a growing segment counts as good only if it is better than the others.
    level = (fit.before.estimate + fit.after.estimate) / 2
    mix = (middle - level) * (share_after - share_before)
    return pd.DataFrame(
        {
            "segment": names,
            "n_before": fit.rows[0].astype(int),
            "n_after": fit.rows[1].astype(int),
            "share_before": share_before,
            "share_after": share_after,
            "mean_before": mean_before,
            "mean_after": mean_after,
            "rate": rate,
            "mix": mix,
            "total": rate + mix,
        }
    )


def _checks(rows: ChangeRows, fit: ChangeFit) -> list[Check]:
    gap = abs(fit.change.estimate - fit.rate.estimate - fit.mix.estimate)
    return [
        Check(
            check="rate and mix add up to the change",
            value=f"{gap:.0e}",
            threshold="<= 1e-12",
            passed=gap <= 1e-12,
            meaning="the split leaves no rest",
        ),
        Check(
            check="dealers",
            value=rows.repeated + rows.alone,
            threshold=f">= {FEWEST_CLUSTERS}",
            passed=rows.repeated + rows.alone >= FEWEST_CLUSTERS,
            meaning="with fewer, intervals take answers as independent and speak about these dealers only",
        ),
        Check(
            check="dealers in one period only",
            value=rows.alone,
            threshold="0",
            passed=rows.alone == 0,
            meaning="part of the change may be that other dealers were asked",
        ),
        Check(
            check="segments joined",
            value=", ".join(rows.joined) or "none",
            threshold="none",
            passed=not rows.joined,
            meaning=f"too few answers in one of the periods; together they are {OTHERS}",
        ),
    ]
