"""Churn snapshots: each customer at risk at several cut-offs, with what was known strictly before each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import take

from cxlab.core.columns import COMPLAINTS, CONTRACTS, CUSTOMER_ID, CUSTOMERS, EVENTS, LOCATION_ID, SURVEYS
from cxlab.core.errors import LinkError, NotAnswerableError, ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import checks_table
from cxlab.engine.macros import moment
from cxlab.ingest.tables import Tables
from cxlab.linking.cross_section import CHURNED, cross_section
from cxlab.linking.event_features import PERSON_ID, PERSON_PLACE, PERSONS, measure_events, view_persons
from cxlab.linking.features import Feature, blocks_of, features_table, filled, select_list
from cxlab.linking.keys import (
    customer_matches,
    event_rules,
    loss_counts,
    losses_frame,
    require_columns,
    require_whole_days,
)
from cxlab.linking.labels import (
    FIXED_AT_JOINING,
    LOST_REASONS,
    QUESTION,
    default_cuts,
    judge,
    parse_cuts,
    people,
    record_span,
)
from cxlab.linking.linked import MATCH_COLUMNS, Linked
from cxlab.linking.snapshot_features import FeatureSource, feature_sources
from cxlab.linking.snapshot_report import Plan, snapshot_checks, snapshot_words

#: Cut-offs in one scan: one pass over the events serves them all, and memory per customer stays bounded.
CUTS_PER_SCAN = 6
TENURE = "contract_tenure_days"
SECONDS_PER_DAY = 86_400
BLOCKS = ("contract", "usage", "experience", "survey")
#: Shown last of its block: it sums up the others.
WEAKEST = "experience_weakest_link"


def snapshots(
    tables: Tables,
    *,
    cuts: Sequence[str | pd.Timestamp] = (),
    lead_days: int = 30,
    horizon_days: int = 180,
    full_experience: bool = False,
) -> Linked:
    """One row per customer and cut-off with outcome and features, for every customer then at risk.

    ``churned = 1`` if the customer left in ``[cut + lead, cut + lead + horizon)``, 0 if that window closed
    within the records without it, ``<NA>`` if it is still open: an unknown outcome is never a 0.

    Parameters
    ----------
    tables
        Customers with joined_at and left_at (either may come from contracts), or with a 0/1 column churned
        instead of dates (a cross-section); events, surveys, complaints and contracts give features.
    cuts
        Cut-offs (naive UTC). Default: four, evenly placed from a year after the first record to the last
        day whose outcome window closes at the end of the data.
    lead_days, horizon_days
        Days from cut-off to outcome window (time to act; 0 or more), and its length (1 or more).
    full_experience
        More stocks, last, mean and slope of outcomes, weakest link, expectation gap.

    ``table()`` has customer_id, cut_at (NaT: cross-section), churned (Int8), location_id, then features
    named by their block: contract_, usage_, experience_, survey_ (``blocks``, ``feature_blocks()``).

    Raises
    ------
    NotAnswerableError, ParameterError, LinkError
        No way to tell who left, or too short records; a wrong setting; a customer_id that occurs twice.

    Notes
    -----
    At risk: joined before the cut-off, not left before cut-off + lead. Features use only records known
    before the cut-off; a complaint resolved later is open; missing stays missing. Of customers only what
    is fixed at joining is taken; contracts with valid_from give all their terms as of the cut-off.

    Examples
    --------
    >>> customers = pd.DataFrame({"customer_id": ["C1", "C2"], "left_at": [None, "2025-09-01"],
    ...     "joined_at": ["2024-01-01", "2024-01-01"]}).astype({"left_at": "datetime64[us]"})
    >>> events = pd.DataFrame({"customer_id": ["C1", "C2"], "outcome": [1, -1],
    ...     "occurred_at": pd.to_datetime(["2025-06-01", "2025-12-31"])})
    >>> tables = Tables.of({"customers": customers, "events": events}, None, title="two customers")
    >>> linked = snapshots(tables, cuts=("2025-07-01",), lead_days=30, horizon_days=90)
    >>> linked.table()[["customer_id", "churned", "usage_events_90d"]]
      customer_id  churned  usage_events_90d
    0          C1        0                 1
    1          C2        1                 0
    """
    require_whole_days("snapshots", "lead_days", lead_days, least=0)
    require_whole_days("snapshots", "horizon_days", horizon_days, least=1)
    require_columns(tables, CUSTOMERS, [CUSTOMER_ID], question=QUESTION)
    _refuse_twins(tables)
    if not _has_dates(tables):
        return _without_dates(tables, cuts)
    return _link(tables, _plan(tables, cuts, lead_days, horizon_days), full=full_experience)


def _plan(tables: Tables, cuts: Sequence[str | pd.Timestamp], lead_days: int, horizon_days: int) -> Plan:
    span = record_span(tables)
    chosen = parse_cuts(cuts, span=span)
    if not chosen:
        chosen = default_cuts(span, lead_days=lead_days, horizon_days=horizon_days)
    return Plan(cuts=chosen, lead_days=lead_days, horizon_days=horizon_days, span=span)


def _has_dates(tables: Tables) -> bool:
    """Whether someone's joining and leaving can be dated, from customers or from contracts."""
    joined = tables.has(CUSTOMERS, "joined_at") or tables.has(CONTRACTS, CUSTOMER_ID, "started_at")
    left = tables.has(CUSTOMERS, "left_at") or tables.has(CONTRACTS, CUSTOMER_ID, "started_at", "ended_at")
    return joined and left


def _without_dates(tables: Tables, cuts: Sequence[str | pd.Timestamp]) -> Linked:
    if not tables.has(CUSTOMERS, CHURNED):
        raise NotAnswerableError(
            QUESTION,
            reason="The data hold neither dates of joining and leaving nor a 0/1 column churned.",
            next_step="map joined_at and left_at of [customers], or ended_at of [contracts].",
        )
    if cuts:
        raise ParameterError(
            f"snapshots: cuts={tuple(map(str, cuts))}, but {tables.title} has no dates of joining and "
            "leaving. Next step: leave cuts away (a cross-section), or map joined_at and left_at."
        )
    return cross_section(tables)


def _refuse_twins(tables: Tables) -> None:
    identity = tables.frames[CUSTOMERS][CUSTOMER_ID].dropna()
    twins = int(identity.duplicated().sum())
    if twins:
        raise LinkError(
            f"{tables.title}: {twins:,} rows of customers repeat a customer_id, so a snapshot would count "
            "a customer twice. Next step: run cxlab check and keep one row per customer."
        )


def _link(tables: Tables, plan: Plan, *, full: bool) -> Linked:
    customers = people(tables, data_end=plan.span.end)
    panel, set_aside = _at_risk(customers, plan)
    if panel.empty:
        raise NotAnswerableError(
            QUESTION,
            reason="No customer is at risk at any cut-off: "
            f"{', '.join(f'{n:,} {reason}' for reason, n in set_aside.items())}.",
            next_step="check joined_at and left_at of [customers], or choose other cut-offs.",
        )
    view_persons(tables, customers[CUSTOMER_ID])
    columns = _static_columns(tables, panel)
    for feature, values in measure_events(tables, plan.cuts, persons=len(customers), full=full):
        columns.append((feature, values[panel["cut_place"], panel["place"]]))
    for source in feature_sources(tables, full=full):
        columns += _measure(tables, source, plan.cuts, panel, persons=len(customers))
    columns.sort(key=lambda one: (BLOCKS.index(one[0].block), one[0].name == WEAKEST))
    features = [feature for feature, _ in columns]
    linked = panel[[CUSTOMER_ID, "cut_at", CHURNED, LOCATION_ID]].assign(
        **{feature.name: values for feature, values in columns}
    )
    provenance = Provenance(
        model="snapshots",
        n_rows=len(customers) * len(plan.cuts),
        n_used=len(linked),
        n_set_aside=set_aside,
        settings=plan.settings(),
        input_hash=hash_frame(customers),
    )
    rates = customer_matches(tables, (EVENTS, SURVEYS, COMPLAINTS, CONTRACTS))
    losses = {CUSTOMERS: set_aside}
    if tables.has(EVENTS, CUSTOMER_ID, "occurred_at"):
        losses[EVENTS] = loss_counts(tables, EVENTS, event_rules(tables))
    return Linked(
        estimates=linked,
        diagnostics=checks_table(snapshot_checks(tables, plan)),
        provenance=provenance,
        match_rates=pd.DataFrame(rates, columns=pd.Index(MATCH_COLUMNS)),
        loss_rows=losses_frame(losses),
        words=snapshot_words(linked, provenance, plan),
        features=features_table(features),
        blocks=blocks_of(features),
    )


def _static_columns(tables: Tables, panel: pd.DataFrame) -> list[tuple[Feature, Any]]:
    """Tenure, and the columns of customers that are fixed at joining."""
    tenure = Feature(name=TENURE, block="contract", sql="", meaning="days since the customer joined")
    days = (panel["cut_at"] - panel["joined_at"]).dt.total_seconds() / SECONDS_PER_DAY
    held = [name for name in FIXED_AT_JOINING if name != LOCATION_ID and tables.has(CUSTOMERS, name)]
    fixed = [
        Feature(name=f"contract_{name}", block="contract", sql="", meaning=f"{name}, fixed at joining")
        for name in held
    ]
    return [(tenure, days), *((one, panel[name]) for one, name in zip(fixed, held, strict=True))]


def _at_risk(customers: pd.DataFrame, plan: Plan) -> tuple[pd.DataFrame, dict[str, int]]:
    """The customers at risk at each cut-off with their outcome, cut-off by cut-off; the others by reason.

    ``place`` and ``cut_place`` are the numbers of the customer and of the cut-off.
    """
    parts, reasons = [], []
    for number, cut in enumerate(plan.cuts):
        judged = judge(
            customers,
            cut,
            lead_days=plan.lead_days,
            horizon_days=plan.horizon_days,
            data_end=plan.span.end,
        )
        at_risk = judged["reason"].isna()
        reasons.append(judged["reason"])
        parts.append(
            customers[at_risk].assign(
                cut_at=pd.Series(cut, index=customers.index[at_risk], dtype="datetime64[us]"),
                churned=judged.loc[at_risk, CHURNED],
                place=np.flatnonzero(at_risk),
                cut_place=number,
            )
        )
    counted = pd.concat(reasons).value_counts()
    set_aside = {reason: int(counted[reason]) for reason in LOST_REASONS if reason in counted}
    return pd.concat(parts, ignore_index=True), set_aside


def _measure(
    tables: Tables,
    source: FeatureSource,
    cuts: Sequence[pd.Timestamp],
    panel: pd.DataFrame,
    *,
    persons: int,
) -> list[tuple[Feature, Any]]:
    """The features that SQL computes, one value per row of the panel."""
    parts: list[list[pd.Series]] = [[] for _ in source.features]
    for first in range(0, len(cuts), CUTS_PER_SCAN):
        together = cuts[first : first + CUTS_PER_SCAN]
        aggregates = [
            select_list(source.features, prefix=f"c{place}_", cut=moment(cut.isoformat()))
            for place, cut in enumerate(together)
        ]
        wide = tables.engine.frame(
            f"SELECT {PERSON_PLACE}, {', '.join(aggregates)} FROM ({source.source}) AS source "
            f"JOIN {PERSONS} ON {PERSON_ID} = source.{CUSTOMER_ID} "
            f"WHERE visible_at < {moment(together[-1].isoformat())} GROUP BY {PERSON_PLACE}"
        )
        row_of = np.full(persons, -1)
        row_of[wide[PERSON_PLACE]] = np.arange(len(wide))
        for place in range(len(together)):
            rows = row_of[panel.loc[panel["cut_place"] == first + place, "place"]]
            for number, found in enumerate(parts):
                found.append(_taken(wide[f"c{place}_{number}"], rows))
    return [
        (feature, filled(pd.concat(found, ignore_index=True), feature.empty))
        for feature, found in zip(source.features, parts, strict=True)
    ]


def _taken(column: pd.Series, rows: NDArray[np.int64]) -> pd.Series:
    """The values at ``rows``, missing where that is -1."""
    values = column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array
    return pd.Series(take(values, rows, allow_fill=True))
