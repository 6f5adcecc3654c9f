"""The list of whom to call: pseudonyms, what is at stake, why, and how old the knowledge is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.pseudonyms import Pseudonyms
from cxlab.models.churn.decision_rows import OPEN_COMPLAINTS, REASONS, VALUE_BASIS
from cxlab.models.churn.features import CUT_AT
from cxlab.models.churn.reason_words import in_plain_words

NO_REASON: Final = "no stable reason"
#: The fixed form of the list; a column that is not known is there and empty.
CALL_COLUMNS: Final = (
    "customer_pseudonym",
    "probability",
    "probability_low",
    "probability_high",
    "value",
    VALUE_BASIS,
    "value_at_risk",
    "expected_profit",
    "expected_profit_low",
    "expected_profit_high",
    "decision",
    *REASONS,
    OPEN_COMPLAINTS,
    "model_id",
    CUT_AT,
)
_SHOWN: Final = ("probability", "value", "value_at_risk", "expected_profit", *REASONS, OPEN_COMPLAINTS)


def call_list(
    decided: pd.DataFrame, pseudonyms: Pseudonyms, *, model_id: str, opted_out: Iterable[str]
) -> pd.DataFrame:
    """The customers to contact, in their order, reasons in plain words, columns :data:`CALL_COLUMNS`.

    Loaded tables hold pseudonyms already: these stay, and who objected is left out under either name.
    """
    chosen = in_plain_words(_contacts(decided))
    chosen = chosen[~_is_out(chosen, both_names(opted_out, pseudonyms))]
    table = pd.DataFrame({"customer_pseudonym": pseudonyms.once(chosen[CUSTOMER_ID].astype(str))})
    for name in CALL_COLUMNS[1:]:
        if name == "model_id":
            table[name] = model_id
        elif name in chosen:
            table[name] = _rounded(name, chosen[name]).to_numpy()
        else:
            table[name] = None if name in (*REASONS, VALUE_BASIS) else np.nan
    for name in REASONS:
        table[name] = table[name].astype(object).where(table[name].notna(), "")
    table.loc[(table[list(REASONS)] == "").all(axis=1), REASONS[0]] = NO_REASON
    return table


def _rounded(name: str, column: pd.Series) -> pd.Series:
    """Money in cents and probabilities to four digits: what a caller can read and no false precision."""
    if not pd.api.types.is_float_dtype(column):
        return column
    return column.round(4 if name.startswith("probability") else 2)


def both_names(customers: Iterable[str], pseudonyms: Pseudonyms) -> list[str]:
    """Each customer under the given name and under its pseudonym."""
    given = list(customers)
    return [*given, *pseudonyms.once(given)]


def removed(decided: pd.DataFrame, opted_out: Iterable[str]) -> int:
    """How many of those to contact are left out because they objected."""
    return int(_is_out(_contacts(decided), opted_out).sum())


def shown_calls(decided: pd.DataFrame, *, rows: int) -> pd.DataFrame:
    """The first ``rows`` calls, numbered instead of named, money rounded to tens."""
    first = in_plain_words(_contacts(decided).head(rows))
    table = pd.DataFrame({"call": np.arange(1, len(first) + 1)})
    for name in _SHOWN:
        if name in first and first[name].notna().any():
            table[name] = first[name].to_numpy()
    table["probability"] = table["probability"].round(2)
    for name in ("value", "value_at_risk", "expected_profit"):
        table[name] = (table[name] / 10.0).round() * 10.0
    return table


def _contacts(decided: pd.DataFrame) -> pd.DataFrame:
    return decided[decided["decision"] == "contact"]


def _is_out(chosen: pd.DataFrame, opted_out: Iterable[str]) -> pd.Series:
    names = {str(name).strip() for name in opted_out}
    return chosen[CUSTOMER_ID].astype(str).str.strip().isin(names)
