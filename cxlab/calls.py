"""The road to a call list: data in, forecast, decision, and a pseudonymous file outside the reports."""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cxlab.core.columns import LIFETIME_VALUE
from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.core.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    import pandas as pd

    from cxlab.ingest.tables import Tables
    from cxlab.models.churn.decision import DecisionModel
    from cxlab.models.churn.decision_result import DecisionResult

#: A list is for one campaign.
EXPIRES_DAYS: Final = 90


@dataclass(frozen=True, kw_only=True)
class CallOrder:
    """What is asked for: data, place of the list, purpose, time window, worth of a customer.

    ``declared_value`` stands in where a lifetime value cannot be told; None refuses instead.
    """

    data: str
    out: Path
    purpose: str
    config: str | None = None
    location_id: str = ""
    lead_days: int = 30
    horizon_days: int = 180
    opted_out: Sequence[str] = ()
    accept_failed_gate: bool = False
    declared_value: float | None = None


def write_calls(order: CallOrder, decision: DecisionModel) -> tuple[DecisionResult, Path]:
    """Forecast churn from the end of the records, decide, and write the list.

    Place, purpose and key are checked before anything is computed.

    Returns
    -------
    The decision, and the path of the list.

    Raises
    ------
    CxlabError
        For a closed place, no purpose, no key, data that hold no answer, or a failed gate.
    """
    from cxlab.core.person_files import check_place, check_purpose
    from cxlab.ingest.load import load
    from cxlab.linking.snapshots import snapshots
    from cxlab.models.churn.decision_rows import decision_tables
    from cxlab.models.churn.horizon import ChurnModel

    out = _dated(order.out)
    check_place(out)
    check_purpose(order.purpose)
    names = Pseudonyms.from_environment()
    lead, horizon = order.lead_days, order.horizon_days
    tables = load(order.data, config=order.config).only(location_id=order.location_id)
    panel = snapshots(tables, lead_days=lead, horizon_days=horizon)
    end = panel.provenance.settings.get("data_end")
    if end is None:
        raise ParameterError(
            f"{order.data}: a list needs dates of joining and leaving, this is a cross-section. "
            "Next step: map joined_at and left_at of [customers]."
        )
    current = snapshots(tables, cuts=(str(end),), lead_days=lead, horizon_days=horizon)
    churn = ChurnModel(lead_days=lead, horizon_days=horizon).fit(panel.table())
    history, now = decision_tables(churn, panel.table(), current.table())
    if decision.value_column == LIFETIME_VALUE:
        history, now = valued(tables, history, now, declared=order.declared_value)
    result = decision.fit(history, now)
    place = result.write_list(
        out,
        expires_days=EXPIRES_DAYS,
        purpose=order.purpose,
        pseudonyms=names,
        opted_out=order.opted_out,
        accept_failed_gate=order.accept_failed_gate,
    )
    return result, place


def _dated(out: Path) -> Path:
    """The name with the day of deletion in it, where everybody and ``cxlab purge`` see it."""
    if "expires-" in out.name:
        return out
    today = datetime.datetime.now(datetime.UTC).date()
    last = today + datetime.timedelta(days=EXPIRES_DAYS)
    return out.with_name(f"{out.stem}-expires-{last.isoformat()}{out.suffix}")


def valued(
    tables: Tables, history: pd.DataFrame, now: pd.DataFrame, *, declared: float | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables with lifetime values; with the declared amount for all where no lifetime can be told."""
    from cxlab.values import declared_values, lifetime_values

    try:
        past, today = (lifetime_values(tables, one, otherwise=declared) for one in (history, now))
    except NotAnswerableError as error:
        if declared is None:
            raise ParameterError(
                f"No lifetime value can be told. {error} Or declare an amount: --value 300, or name a "
                "column of your own: --value-column NAME."
            ) from error
        print(f"No lifetime value can be told, {declared:g} stands for every customer. {error}")
        return declared_values(history, declared), declared_values(now, declared)
    return past, today


def read_identifiers(path: Path | None) -> list[str]:
    """One customer id a line, blank lines left out; none without a file."""
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(
            f"{path.name}: the file of those who objected cannot be read. Next step: one customer id a "
            "line, UTF-8; nobody is called while it is unreadable."
        ) from error
    return [line.strip() for line in lines if line.strip()]


def add_calls(command: argparse.ArgumentParser) -> None:
    """The options of `cxlab calls`."""
    command.add_argument("--data", required=True, metavar="DIR", help="folder with the tables")
    command.add_argument("--config", metavar="FILE", help="mapping of columns (default DIR/cxlab.toml)")
    command.add_argument("--location", default="", metavar="ID", help="one dealer (default: all)")
    command.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help=".csv or .parquet, outside the reports"
    )
    command.add_argument("--purpose", required=True, metavar="WORDS", help="what the calls are for")
    command.add_argument(
        "--opted-out", type=Path, metavar="FILE", help="customer ids that objected, one a line: left out"
    )
    money = (
        ("--save-share", 0.3, "of those who would leave, the share a contact keeps"),
        ("--offer-cost", 20.0, "cost of the offer where it is taken"),
        ("--contact-cost", 2.0, "cost of one contact"),
        ("--loyal-take-share", 1.0, "of those who stay anyway, the share that takes the offer"),
        ("--margin-share", 1.0, "share of the value which is margin"),
    )
    for name, default, meaning in money:
        command.add_argument(
            name, type=float, default=default, metavar="X", help=f"{meaning} (default {default:g})"
        )
    command.add_argument(
        "--value-column",
        default=LIFETIME_VALUE,
        metavar="NAME",
        help="what a kept customer is worth: a column of the snapshots, such as contract_value_per_year "
        "(default: what a customer would still pay in three years, from its contract and expected life)",
    )
    command.add_argument(
        "--value",
        type=float,
        metavar="X",
        help="declared worth of a customer for whom no lifetime value can be told (default: left out)",
    )
    for name, default in (("--lead-days", 30), ("--horizon-days", 180)):
        command.add_argument(name, type=int, default=default, metavar="N", help=f"(default {default})")
    command.add_argument(
        "--accept-failed-gate", action="store_true", help="write although the probabilities are off"
    )
    command.set_defaults(command=_calls)


def _calls(options: argparse.Namespace) -> int:
    from cxlab.models.churn.decision import DecisionModel

    decision = DecisionModel(
        value_column=options.value_column,
        save_share=options.save_share,
        offer_cost=options.offer_cost,
        contact_cost=options.contact_cost,
        loyal_take_share=options.loyal_take_share,
        margin_share=options.margin_share,
    )
    order = CallOrder(
        data=options.data,
        out=options.out,
        purpose=options.purpose,
        config=options.config,
        location_id=options.location,
        lead_days=options.lead_days,
        horizon_days=options.horizon_days,
        opted_out=read_identifiers(options.opted_out),
        accept_failed_gate=options.accept_failed_gate,
        declared_value=options.value,
    )
    result, place = write_calls(order, decision)
    print(result.summary())
    print(f"{place} (only you can read it; purpose and date of deletion in {place.name}.about.json)")
    return 0
