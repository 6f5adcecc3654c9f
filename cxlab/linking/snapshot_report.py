"""What a set of snapshots says about itself: its plan, its checks, its summary."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from cxlab.core.columns import CUSTOMER_ID, CUSTOMERS, EVENTS
from cxlab.core.provenance import Provenance
from cxlab.core.result import Check
from cxlab.ingest.tables import Tables
from cxlab.linking.cross_section import CHURNED
from cxlab.linking.keys import account_check, set_aside_words, visibility_check
from cxlab.linking.labels import FIXED_AT_JOINING, HISTORY_DAYS, Span
from cxlab.linking.sources import event_accounts


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The settings of one call, worked out: cut-offs, outcome window, span of the records."""

    cuts: tuple[pd.Timestamp, ...]
    lead_days: int
    horizon_days: int
    span: Span

    def open_cuts(self) -> list[pd.Timestamp]:
        """Cut-offs whose outcome window closes after the end of the data."""
        reach = pd.Timedelta(days=self.lead_days + self.horizon_days)
        return [cut for cut in self.cuts if cut + reach > self.span.end]

    def settings(self) -> dict[str, object]:
        """The plan as plain values for the provenance."""
        return {
            "cuts": [f"{cut}" for cut in self.cuts],
            "lead_days": self.lead_days,
            "horizon_days": self.horizon_days,
            "data_end": f"{self.span.end}",
        }


def snapshot_words(linked: pd.DataFrame, provenance: Provenance, plan: Plan) -> tuple[str, ...]:
    """The sentences of the summary."""
    unknown, left = int(linked[CHURNED].isna().sum()), int(linked[CHURNED].sum())
    customers = linked[CUSTOMER_ID].nunique()
    return (
        f"{len(linked):,} snapshots of {customers:,} customers at {len(plan.cuts)} cut-offs from "
        f"{plan.cuts[0]:%Y-%m-%d} to {plan.cuts[-1]:%Y-%m-%d}: {left:,} left in the {plan.horizon_days} "
        f"days after a lead time of {plan.lead_days} days, {len(linked) - left - unknown:,} stayed, "
        f"{unknown:,} are unknown because the window is open at the end of the data "
        f"({plan.span.end:%Y-%m-%d}).",
        set_aside_words(provenance),
        "Features use only what was known before the cut-off; a feature that predicts leaving need not "
        "cause it.",
    )


def snapshot_checks(tables: Tables, plan: Plan) -> list[Check]:
    """Time order, closed windows, history, refused columns, and what the events say of themselves."""
    known = {CUSTOMER_ID, "joined_at", "left_at", *FIXED_AT_JOINING}
    refused = [str(column) for column in tables.frames[CUSTOMERS] if column not in known]
    history = (plan.cuts[0] - plan.span.start).days
    still_open = plan.open_cuts()
    names = ", ".join(f"{cut:%Y-%m-%d}" for cut in still_open) or "none"
    checks = [
        Check(
            check="time order",
            value=len(plan.cuts),
            threshold="2 or more cut-offs",
            passed=len(plan.cuts) >= 2,
            meaning="cut-offs; only with several can a model be tested on later days than it learned from",
        ),
        Check(
            check="outcome windows closed",
            value=len(still_open),
            threshold="0",
            passed=not still_open,
            meaning="cut-offs with an open window: who stays is unknown there and only leavers are known, "
            f"so do not learn from them ({names}); the records end on {plan.span.end:%Y-%m-%d} "
            f"({plan.span.source})",
        ),
        Check(
            check="history before the first cut-off",
            value=history,
            threshold=f"{HISTORY_DAYS} days or more",
            passed=history >= HISTORY_DAYS,
            meaning="days of records before the first cut-off; with fewer its 365-day counts are too low",
        ),
        Check(
            check="columns of customers as of today",
            value=", ".join(refused) or "none",
            threshold="none",
            passed=not refused,
            meaning="left out: without a date of validity they may hold what happened after the cut-off",
        ),
    ]
    if tables.has(EVENTS, CUSTOMER_ID, "occurred_at"):
        checks += [
            visibility_check(tables),
            account_check(event_accounts(tables)),
        ]
    return checks
