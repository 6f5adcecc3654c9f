"""Misattribution: which rating absorbs a bad experience that happened somewhere else."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxlab.core.columns import LOCATION_ID, rating_columns
from cxlab.core.errors import FitError, NotAnswerableError, ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.settings import require_at_least, require_share
from cxlab.models.drivers.misattribution_checks import (
    Guard,
    Guards,
    checks,
    control_guard,
    placebo_guard,
    sensitivity_table,
    shape_guard,
)
from cxlab.models.drivers.misattribution_result import MisattributionResult
from cxlab.models.drivers.misattribution_rows import LEAST_ROWS, QUESTION, RatedVisits, rated_visits
from cxlab.models.drivers.misattribution_tables import (
    Evidence,
    cells,
    mood_table,
    shares_by_item,
    shares_by_kpi,
)
from cxlab.stats.anchored import LEAST_ANCHORS, anchored
from cxlab.stats.anchored_reading import landing_shares, readable
from cxlab.stats.clusters import site_moments
from cxlab.stats.multiplicity import benjamini_hochberg

_NAME = "MisattributionModel"


@dataclass(frozen=True, kw_only=True)
class MisattributionModel:
    r"""Find the rating that absorbs a bad experience which belongs to something else.

    .. math:: x_{ij} = \mu_{s(i)} + \lambda_j g_i + \sum_k A_{kj} z_{ik} + e_{ij},
              \qquad g_i = \sum_k h_k z_{ik} + u_i

    x is a rating, z a measured fact before the answer, g the mood that all ratings share, h the effect
    on the mood and A the specific effect that is looked for; all within site (and period). The mood is
    read off anchors, items on which the measurement has no specific effect, found by purification.

    Parameters
    ----------
    kpis
        Columns of measured facts before the answer, for instance ``wait_minutes``. Points are per
        standard deviation, or per yes instead of no where there are two values.
    home
        Pairs (kpi, item): the rating that asks about what the measurement measures. A measurement
        without a pair has no rating of its own.
    items
        Rating columns; all ``rating_*`` columns if empty.
    site_column, period_column
        Answers are compared within sites, and within periods (calendar months of a time) if given.
        Without a site column (None) answers are taken as independent, as for a single dealer.
    quality_kpis
        Measured quality of operations that could absorb the blame (duration, rework); held equal, not
        judged. Each needs its pair in ``home``.
    placebo_kpis
        The same measurements at a later time (next visit, next day): they must show nothing.
    negative_control_items
        Items answered before the experience: they must not move.
    anchor_items
        At least three items known to be untouched; replaces purification and its majority rule.
    false_discovery_rate
        Over all cells, Benjamini and Hochberg.
    negligible_sd
        An interval within plus or minus this many standard deviations rejects an effect; smaller
        estimates are neither claimed nor counted against the majority rule.
    confidence, replicates, seed
        Of the intervals; ``replicates`` and ``seed`` of the bootstrap of the shares.

    Notes
    -----
    Intervals: Student's t on G - 1 degrees of freedom with errors from leaving out one site at a time;
    shares by redrawing sites. Right while most items are not hit by the same measurement; otherwise the
    verdict is "not identified". Read ``checks()`` before ``table()``.

    References
    ----------
    Wang, Shih and Yang (2009), Educational and Psychological Measurement 69, 713-731.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> full, mood = rng.normal(size=2000), rng.normal(size=2000)
    >>> noise = rng.normal(size=(2000, 5))
    >>> names = [f"rating_{name}" for name in ("booking", "reception", "workshop", "pickup", "billing")]
    >>> table = pd.DataFrame(7 + mood[:, None] + noise, columns=names)
    >>> table["rating_workshop"] -= 0.5 * full
    >>> table = table.assign(parking_occupancy=full, location_id=np.arange(2000) % 40)
    >>> result = MisattributionModel(kpis=("parking_occupancy",)).fit(table)
    >>> row = result.table().set_index("item").loc["rating_workshop"]
    >>> row["verdict"], round(float(row["points"]), 1)
    ('supported', -0.5)
    """

    kpis: tuple[str, ...]
    home: tuple[tuple[str, str], ...] = ()
    items: tuple[str, ...] = ()
    site_column: str | None = LOCATION_ID
    period_column: str | None = None
    quality_kpis: tuple[str, ...] = ()
    placebo_kpis: tuple[str, ...] = ()
    negative_control_items: tuple[str, ...] = ()
    anchor_items: tuple[str, ...] = ()
    false_discovery_rate: float = 0.05
    negligible_sd: float = 0.05
    confidence: float = 0.95
    replicates: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        require_share(_NAME, "false_discovery_rate", self.false_discovery_rate)
        require_share(_NAME, "confidence", self.confidence)
        require_at_least(_NAME, "replicates", self.replicates, 200)
        require_at_least(_NAME, "negligible_sd", self.negligible_sd, 0.0)
        _check_names(self)

    def fit(self, table: pd.DataFrame) -> MisattributionResult:
        """Split the effect of every measurement on every item of ``table`` (one row per answer).

        Raises
        ------
        NotAnswerableError
            If a column is absent, or rows, sites or items are too few.
        FitError
            If a column holds no numbers, or measurements are constant or collinear within sites.
        """
        items = self.items or tuple(
            name
            for name in rating_columns([str(c) for c in table.columns])
            if name not in self.negative_control_items
        )
        self._require_known(items)
        visits = self._visits(table, items, (*self.kpis, *self.quality_kpis), self._least_items(items))
        evidence = self._evidence(visits)
        guards = self._guards(table, visits.items, evidence)
        columns = [*visits.items, *visits.measurements, *([self.site_column] if self.site_column else [])]
        return MisattributionResult(
            estimates=cells(evidence, alarm=guards.alarm, bent=guards.bent),
            diagnostics=checks(evidence, guards, by_site=self.site_column is not None),
            provenance=Provenance(
                model=_NAME,
                n_rows=visits.n_rows,
                n_used=visits.n_used,
                n_set_aside=visits.n_set_aside,
                settings=dataclasses.asdict(self),
                seed=self.seed,
                input_hash=hash_frame(table[columns]),
            ),
            kpi_shares=shares_by_kpi(evidence),
            item_shares=shares_by_item(evidence),
            moods=mood_table(evidence),
            anchor_sensitivity=guards.sensitivity,
            n_sites=visits.n_sites if self.site_column else None,
            confidence=self.confidence,
            false_discovery_rate=self.false_discovery_rate,
        )

    def _visits(
        self, table: pd.DataFrame, items: tuple[str, ...], measurements: tuple[str, ...], least_items: int
    ) -> RatedVisits:
        return rated_visits(
            table,
            items=items,
            measurements=measurements,
            site_column=self.site_column,
            period_column=self.period_column,
            least_items=least_items,
            seed=self.seed,
        )

    def _least_items(self, items: tuple[str, ...]) -> int:
        own = max(sum(pair[0] == kpi and pair[1] in items for pair in self.home) for kpi in self.kpis)
        # One item more than the anchors, or purification has nothing to choose from.
        return LEAST_ANCHORS + 1 + own

    def _evidence(self, visits: RatedVisits) -> Evidence:
        moments = site_moments(visits.ratings, visits.values, sites=visits.sites, periods=visits.periods)
        together = moments.pairs.sum(axis=0)
        if together.min() < LEAST_ROWS:
            first, second = np.unravel_index(int(np.argmin(together)), together.shape)
            pair = f"{visits.items[int(first)]} and {visits.items[int(second)]}"
            raise NotAnswerableError(
                QUESTION,
                reason=f"{pair} were answered together in {int(together.min())} rows, "
                f"{LEAST_ROWS} are needed.",
                next_step="leave one of them out of items.",
            )
        home = np.array([[(kpi, item) in self.home for item in visits.items] for kpi in self.kpis])
        known = np.array([[item in self.anchor_items for item in visits.items]] * len(self.kpis))
        self._require_anchors(known & ~home)
        split = anchored(
            moments, judged=len(self.kpis), home=home, fixed_anchors=known if known.any() else None
        )
        q_values = benjamini_hochberg(split.p_values)
        flagged = q_values <= self.false_discovery_rate
        shares = landing_shares(
            moments,
            split,
            home=home,
            rng=np.random.default_rng(self.seed),
            replicates=self.replicates,
            confidence=self.confidence,
        )
        return Evidence(
            visits=visits,
            moments=moments,
            split=split,
            shares=shares,
            readable=readable(
                split, flagged, negligible=self.negligible_sd, anchors_known=bool(known.any())
            ),
            q_values=q_values,
            flagged=flagged,
            home=home,
            judged=self.kpis,
            measured_items=frozenset(item for kpi, item in self.home),
            negligible_sd=self.negligible_sd,
            confidence=self.confidence,
        )

    def _require_known(self, items: tuple[str, ...]) -> None:
        named = {item for _, item in self.home} | set(self.anchor_items)
        if unknown := named - set(items):
            raise ParameterError(
                f"{_NAME}: home or anchor_items name {', '.join(sorted(unknown))}, which is not among the "
                f"items {', '.join(items)}. Next step: name a rating column of the table."
            )

    def _require_anchors(self, anchors: npt.NDArray[np.bool_]) -> None:
        least = int(anchors.sum(axis=1).min())
        if self.anchor_items and least < LEAST_ANCHORS:
            raise FitError(
                f"{_NAME}: {LEAST_ANCHORS} usable anchor_items that are not the measurement's own are "
                f"needed for each kpi, got {least}. Next step: name more, or leave anchor_items empty."
            )

    def _guards(self, table: pd.DataFrame, items: tuple[str, ...], evidence: Evidence) -> Guards:
        facts = (*self.kpis, *self.quality_kpis)
        placebo: Guard | None = None
        control: Guard | None = None
        if self.placebo_kpis:
            later = self._visits(table, items, (*self.placebo_kpis, *facts), LEAST_ANCHORS + 1)
            placebo = placebo_guard(later, n_placebo=len(self.placebo_kpis))
        if self.negative_control_items:
            before = self._visits(table, self.negative_control_items, facts, 1)
            control = control_guard(before, n_judged=len(self.kpis))
        shapes = {
            kpi: shape_guard(evidence.visits, k=k, home=evidence.home, negligible=self.negligible_sd)
            for k, kpi in enumerate(self.kpis)
        }
        sensitivity = sensitivity_table(evidence)
        return Guards(placebo=placebo, control=control, shapes=shapes, sensitivity=sensitivity)


def _check_names(model: MisattributionModel) -> None:
    groups = {
        "kpis": model.kpis,
        "quality_kpis": model.quality_kpis,
        "placebo_kpis": model.placebo_kpis,
        "items": model.items,
        "negative_control_items": model.negative_control_items,
    }
    for name, group in {**groups, "anchor_items": model.anchor_items}.items():
        if not isinstance(group, tuple) or not all(isinstance(column, str) for column in group):
            raise ParameterError(
                f"{_NAME}: {name} must be a tuple of column names, got {group!r}. Next step: ('column',)."
            )
    if not model.kpis:
        raise ParameterError(f"{_NAME}: kpis is empty. Next step: name at least one measured column.")
    columns = [column for group in groups.values() for column in group]
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise ParameterError(
            f"{_NAME}: {', '.join(twice)} named twice. Next step: give each column one part."
        )
    paired = {kpi for kpi, _ in model.home}
    if unknown := paired - {*model.kpis, *model.quality_kpis}:
        raise ParameterError(
            f"{_NAME}: home names {', '.join(sorted(unknown))}, which is neither in kpis nor in "
            f"quality_kpis. Next step: home=(('kpi', 'rating_item'),)."
        )
    if unpaired := set(model.quality_kpis) - paired:
        raise ParameterError(
            f"{_NAME}: {', '.join(sorted(unpaired))} measures the quality of which rating? "
            f"Next step: add its pair to home."
        )
