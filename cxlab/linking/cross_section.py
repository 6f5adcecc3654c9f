"""Customers with a 0/1 outcome and no dates: a cross-section, with the claims that it cannot carry."""

from __future__ import annotations

import pandas as pd
from pandas.api.types import is_datetime64_any_dtype

from cxlab.core.columns import CUSTOMER_ID, CUSTOMERS, LOCATION_ID
from cxlab.core.errors import LinkError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.ingest.tables import Tables
from cxlab.linking.features import Feature, blocks_of, features_table
from cxlab.linking.keys import NO_CUSTOMER, losses_frame, set_aside_words
from cxlab.linking.linked import MATCH_COLUMNS, Linked

CHURNED = "churned"


def cross_section(tables: Tables) -> Linked:
    """One row per customer: customer_id, cut_at (NaT), churned, location_id, every other column a feature.

    Dates among the columns are left out (nobody knows the day they would be compared with). The check
    "time order" fails: such data validate by folds only, and no lifetime may be claimed from them.
    """
    customers = tables.frames[CUSTOMERS]
    named = customers[CUSTOMER_ID].notna() & (customers[CUSTOMER_ID] != "")
    kept = customers[named].reset_index(drop=True)
    churned = _flag(kept[CHURNED], title=tables.title)
    dates = [column for column in kept if is_datetime64_any_dtype(kept[column].dtype)]
    fixed = {CUSTOMER_ID, CHURNED, LOCATION_ID, *dates}
    features = [
        Feature(name=str(column), block="contract", sql="", meaning=f"{column}, as the table states it")
        for column in kept
        if column not in fixed
    ]
    location = kept[LOCATION_ID] if LOCATION_ID in kept else pd.Series(pd.NA, index=kept.index, dtype="str")
    head = pd.DataFrame(
        {
            CUSTOMER_ID: kept[CUSTOMER_ID],
            "cut_at": pd.Series(pd.NaT, index=kept.index, dtype="datetime64[us]"),
            CHURNED: churned,
            LOCATION_ID: location,
        }
    )
    linked = pd.concat([head, kept[[feature.name for feature in features]]], axis=1)
    lost = int((~named).sum())
    provenance = Provenance(
        model="snapshots",
        n_rows=len(customers),
        n_used=len(linked),
        n_set_aside={NO_CUSTOMER: lost} if lost else {},
        settings={"cuts": "none: a cross-section"},
        input_hash=hash_frame(customers),
    )
    unknown = int(churned.isna().sum())
    return Linked(
        estimates=linked,
        diagnostics=checks_table(_checks([str(column) for column in dates], unknown)),
        provenance=provenance,
        match_rates=pd.DataFrame(columns=pd.Index(MATCH_COLUMNS)),
        loss_rows=losses_frame({CUSTOMERS: provenance.n_set_aside}),
        words=(
            f"{len(linked):,} customers as a cross-section: {int(churned.sum()):,} left, "
            f"{len(linked) - int(churned.sum()) - unknown:,} did not, {unknown:,} are unknown.",
            set_aside_words(provenance),
            "The table has no dates, so a model can be tested by folds only, not on a later time; whether "
            "a column was known before the customer left cannot be told, and no lifetime may be claimed.",
        ),
        features=features_table(features),
        blocks=blocks_of(features),
    )


def _flag(column: pd.Series, *, title: str) -> pd.Series:
    """0/1/missing as Int8; LinkError for anything else."""
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = (column.notna() & ~numbers.isin([0, 1])).sum()
    if wrong:
        raise LinkError(
            f"{title}: churned of customers must be 0, 1 or empty; {int(wrong):,} values are not. "
            "Next step: declare which words mean yes and no for churned in cxlab.toml."
        )
    return numbers.astype("Int8")


def _checks(dates: list[str], unknown: int) -> list[Check]:
    return [
        Check(
            check="time order",
            value="none: cross-section",
            threshold="2 or more cut-offs",
            passed=False,
            meaning="only a cross-section is possible: validation by folds, no lifetime may be claimed, "
            "and a column written after the customer left would look like a cause",
        ),
        Check(
            check="date columns left out",
            value=", ".join(dates) or "none",
            threshold="none",
            passed=not dates,
            meaning="a date is a feature only together with the day of the snapshot, which is not known",
        ),
        Check(
            check="outcomes known",
            value=unknown,
            threshold="0",
            passed=unknown == 0,
            meaning="customers whose churned is empty; they stay unknown",
        ),
    ]
