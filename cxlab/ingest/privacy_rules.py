"""Columns that identify a person: found by name and by form, refused or left out, never echoed.

Redaction of comments and pseudonyms of keys are later steps; what is found here is only counted.
"""

from __future__ import annotations

import re

import pandas as pd

from cxlab.ingest.contracts import contract_of
from cxlab.ingest.selection import ALL, snake_case, text_of
from cxlab.ingest.state import TableState

#: Share of the filled cells of a column that must look personal.
PERSONAL_SHARE = 0.2
_SAMPLE_ROWS = 500
#: What a personal value looks like, whole cell.
PERSONAL_FORMS = {
    "e-mail address": re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"),
    "phone number": re.compile(
        r"(?:\+|00)[0-9][0-9 ()/.-]{7,18}[0-9]|0[1-9][0-9]{1,4}[ /-][0-9 -]{5,12}[0-9]"
    ),
    "IBAN": re.compile(r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?"),
    "card number": re.compile(r"(?:[0-9]{4}[ -]){3}[0-9]{4}"),
    "vehicle number (VIN)": re.compile(r"(?=.*[A-Z])(?=.*[0-9])[A-HJ-NPR-Z0-9]{17}"),
    "IP address": re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}"),
}
#: Names of columns that hold personal data whatever stands in them.
PERSONAL_NAMES = re.compile(
    r"(?:.*_)?(?:e_?mail|mail_address|phone|telephone|telefon|mobile|handy|fax|first_?name|last_?name|"
    r"full_?name|surname|vorname|nachname|customer_name|kundenname|street|strasse|straße|address|adresse|"
    r"anschrift|postal_address|birth_?(?:date|day)|date_of_birth|geburts(?:datum|tag)|iban|vin|fin|"
    r"license_plate|number_plate|kennzeichen|ip_?address|ipaddr|recipient_email|passport|"
    r"social_security.*|tax_id)(?:_address)?"
)
_ANY_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")


def personal_form(values: pd.Series) -> str:
    """What a column looks like, where at least a fifth of its filled cells do; empty if harmless.

    >>> personal_form(pd.Series(["anna@example.org", "", "x"]))
    'e-mail address'
    """
    text = text_of(values.iloc[:: max(1, len(values) // _SAMPLE_ROWS)])
    filled = text[text != ""]
    for form, pattern in PERSONAL_FORMS.items():
        fits = [pattern.fullmatch(str(cell)) is not None for cell in filled]
        if fits and sum(fits) >= PERSONAL_SHARE * len(fits):
            return form
    return ""


def personal_columns(state: TableState, columns: dict[str, pd.Series]) -> dict[str, pd.Series]:
    """The selected columns without those that identify a person (103, 105).

    A column carried by ``carry = ["all"]`` is left out with a line; one that the user names is refused:
    no analysis here needs it. A key that is an e-mail address is refused in every case.
    """
    known = {column.name for column in contract_of(state.name).columns}
    kept: dict[str, pd.Series] = {}
    for name, values in columns.items():
        column = state.column(name)
        if column is not None and column.kind in ("text", "number", "score", "flag", "sign", "time"):
            kept[name] = values
            continue
        form = personal_form(values)
        theirs = {snake_case(source) for source in state.origin.get(name, (name,))}
        by_name = name not in known and any(PERSONAL_NAMES.fullmatch(one) for one in {name, *theirs})
        if not form and not by_name:
            kept[name] = values
            continue
        what = f"looks like {_article(form)}" if form else "is personal by its name"
        if column is not None and column.kind == "id":
            step = "Use a number of your own as key: an address changes, and it names the person."
            state.say("error", "personal key", f"{what}.", column=name, next_step=step)
            kept[name] = values
        elif state.config.carry == (ALL,) and name not in state.config.columns:
            state.say("repair", "personal data", f"{what}: left out.", column=name)
        else:
            step = "Take it out of  columns  and  carry: no analysis here needs it."
            state.say("error", "personal data", f"{what}.", column=name, next_step=step)
    return kept


def _article(form: str) -> str:
    return f"an {form}" if form[0] in "eI" else f"a {form}"


def personal_comments(state: TableState) -> None:
    """Comments with an address in them are counted (104); nothing of them is printed."""
    if "comment" not in state.frame.columns:
        return
    text = state.frame["comment"].dropna()
    rows = int(text.str.contains(_ANY_ADDRESS.pattern, regex=True).sum())
    if rows:
        message = "comments hold an e-mail address; never publish them as they are."
        state.say("note", "personal data", message, column="comment", rows=rows)
