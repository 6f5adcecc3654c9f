"""SegmentChurnModel: a churn forecast of one segment, its own from 100 churners on, else the pooled one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.errors import FitError, ParameterError
from cxlab.core.provenance import Provenance
from cxlab.core.result import Check, checks_table
from cxlab.core.settings import require_at_least
from cxlab.models.churn.features import CHURNED, KEYS
from cxlab.models.churn.folds import LEAST_CHURNERS
from cxlab.models.churn.horizon import ChurnModel
from cxlab.models.churn.horizon_result import ChurnResult
from cxlab.models.churn.validation import measure_table

#: Checks of the pooled forecast that are as true of each of its segments.
_SHARED = ("time order", "leak screen", "outcomes known at used cuts")
OTHER_SEGMENT = "of another segment, used for training only"


@dataclass(frozen=True, kw_only=True)
class SegmentChurnModel:
    """A churn forecast for one segment, with a pooled fallback where it holds too few churners.

    With at least ``least_churners`` known churners the segment gets a model of its own. With fewer, one
    model learns from all segments, with the segment's column among its features: its effect is the
    segment's offset on the logit, drawn to 0 by the ridge penalty. That model is then judged on the
    held-out rows of the segment alone. The summary and the check "model of the segment" say which it was.

    Parameters
    ----------
    model
        The settings of the forecast.
    column, segment
        A feature column of the panel, and the level of it that is meant.
    least_churners
        Known churners that a model of the segment's own needs, 30 or more.

    Raises
    ------
    ParameterError
        For settings out of range, or a column that is a key or the outcome.

    Notes
    -----
    The fallback assumes that other features move churn in this segment as they do in all. Fewer than 30
    held-out churners of the segment: the pooled model is there and predicts, but its measures say
    "too few".

    References
    ----------
    Steyerberg (2019), Clinical Prediction Models, chapter 20 (updating a model with a new intercept).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> wait, place = rng.exponential(10.0, 2000), rng.choice(["big", "small"], 2000, p=[0.9, 0.1])
    >>> churned = (rng.random(2000) < 1 / (1 + np.exp(3.0 - 0.15 * wait))).astype(int)
    >>> panel = pd.DataFrame({"customer_id": range(2000), "usage_wait": wait, "contract_place": place,
    ...     "churned": churned})
    >>> forecast = ChurnModel(recipe="curves", replicates=50)
    >>> small = SegmentChurnModel(model=forecast, column="contract_place", segment="small").fit(panel)
    >>> "fewer than 100" in small.summary()
    True
    """

    model: ChurnModel = field(default_factory=ChurnModel)
    column: str
    segment: str
    least_churners: int = 100

    def __post_init__(self) -> None:
        require_at_least("SegmentChurnModel", "least_churners", self.least_churners, LEAST_CHURNERS)
        if self.column in KEYS or self.column == "location_id":
            raise ParameterError(
                f"SegmentChurnModel: {self.column} is no segment. Next step: name a feature column, as "
                "contract_segment; for one dealer load the tables with only(location_id=...)."
            )

    def fit(self, panel: pd.DataFrame) -> ChurnResult:
        """Fit the segment's own forecast, or the pooled one judged on the segment; ``panel`` as there.

        Raises
        ------
        FitError
            For a column or level that the panel does not hold, and as ChurnModel.
        NotAnswerableError
            As ChurnModel.
        """
        member = self._member(panel)
        churners = int((panel.loc[member, CHURNED] == 1).sum()) if CHURNED in panel else 0
        if churners >= self.least_churners:
            basis = f"Segment {self.segment}: a model of its own, {churners} churners are known."
            result = self.model.fit(panel[member])
            own = checks_table([self._check("its own", churners, passed=True)])
            checks = pd.concat([own, result.diagnostics], ignore_index=True)
            return replace(result, diagnostics=checks, basis=basis)
        return self._narrowed(self._pooled(panel), panel, member, churners)

    def _member(self, panel: pd.DataFrame) -> NDArray[np.bool_]:
        if self.column not in panel:
            raise FitError(
                f"SegmentChurnModel: the panel has no column {self.column}. Next step: correct column=."
            )
        texts = panel[self.column].astype(object).map(str)
        member = (texts == self.segment).to_numpy(dtype=bool)
        if not member.any():
            held = ", ".join(sorted(texts.unique())[:12])
            raise FitError(
                f"SegmentChurnModel: no row of {self.column} is {self.segment!r}. It holds {held}. Next "
                "step: correct segment=."
            )
        return member

    def _pooled(self, panel: pd.DataFrame) -> ChurnResult:
        named = self.model.features
        with_segment = named and self.column not in named
        features = (*named, self.column) if with_segment else named
        return replace(self.model, features=features).fit(panel)

    def _narrowed(
        self, pooled: ChurnResult, panel: pd.DataFrame, member: NDArray[np.bool_], churners: int
    ) -> ChurnResult:
        """The pooled result with everything that is measured measured on the segment."""
        inside = pd.Series(member, index=panel.index)
        scored = pooled.scored_rows[inside.loc[pooled.scored_rows.index].to_numpy()]
        if scored.empty:
            raise FitError(f"SegmentChurnModel: no held-out row is of {self.segment}. Next step: add cuts.")
        whole = pooled.provenance
        used = int(inside.loc[pooled.training.rows.index].sum())
        held = pooled.diagnostics[pooled.diagnostics["check"].isin(_SHARED)]
        own = checks_table(
            [
                self._check("pooled, with the segment's offset", churners, passed=False),
                Check(
                    check="churners held out in the segment",
                    value=int(scored[CHURNED].sum()),
                    threshold=f"{LEAST_CHURNERS} or more",
                    passed=bool(scored[CHURNED].sum() >= LEAST_CHURNERS),
                    meaning="with fewer no measure of this segment is given",
                ),
            ]
        )
        return replace(
            pooled,
            estimates=measure_table(
                scored,
                confidence=self.model.confidence,
                replicates=self.model.replicates,
                seed=self.model.seed,
            ),
            diagnostics=pd.concat([own, held], ignore_index=True),
            scored_rows=scored,
            basis=f"Segment {self.segment}: {churners} churners are known, fewer than "
            f"{self.least_churners}, so one model of all segments is used, with this segment's level as an "
            "offset, judged here on the segment's rows alone.",
            provenance=Provenance(
                model="SegmentChurnModel",
                n_rows=whole.n_rows,
                n_used=used,
                n_set_aside={**whole.n_set_aside, OTHER_SEGMENT: whole.n_used - used},
                settings={**whole.settings, "segment_column": self.column, "segment": self.segment},
                seed=whole.seed,
                input_hash=whole.input_hash,
            ),
        )

    def _check(self, which: str, churners: int, *, passed: bool) -> Check:
        return Check(
            check="model of the segment",
            value=f"{which} ({churners} churners)",
            threshold=f"its own, from {self.least_churners} churners on",
            passed=passed,
            meaning="pooled: other features are taken to move churn here as they do in all segments",
        )
