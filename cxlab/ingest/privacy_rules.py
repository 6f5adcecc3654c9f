"""Columns that identify a person are refused or left out, comments redacted; no value is ever echoed."""

from __future__ import annotations

import re

import pandas as pd

from cxlab.core.personal_text import redact
from cxlab.ingest.config import COMMENTS
from cxlab.ingest.contracts import contract_of
from cxlab.ingest.personal_forms import personal_form
from cxlab.ingest.selection import ALL, snake_case, text_of
from cxlab.ingest.state import TableState

_SAMPLE_ROWS = 500
#: Names of columns that hold personal data whatever stands in them.
PERSONAL_NAMES = re.compile(
    r"(?:.*_)?(?:e_?mail|mail_address|phone|telephone|telefon|mobile|handy|fax|first_?name|last_?name|"
    r"full_?name|surname|vorname|nachname|customer_name|kundenname|street|strasse|straße|address|adresse|"
    r"anschrift|postal_address|birth_?(?:date|day)|date_of_birth|geburts(?:datum|tag)|iban|vin|fin|"
    r"license_plate|number_plate|kennzeichen|ip_?address|ipaddr|recipient_email|passport|"
    r"social_security.*|tax_id)(?:_address)?"
)


def _looks_like(values: pd.Series, *, key: bool) -> str:
    """The personal form of a column by a sample over the whole of it; empty if harmless."""
    text = text_of(values.iloc[:: max(1, len(values) // _SAMPLE_ROWS)])
    return personal_form([str(cell) for cell in text[text != ""]], key=key)


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
        form = _looks_like(values, key=column is not None and column.kind == "id")
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
    """Addresses and numbers in free text give way to ``[e-mail]``, ``[phone]``; counts are said (104).

    No limit turns this repair into an error: however many comments hold an address, all must go.
    """
    texts = [name for name, kind in state.kinds.items() if kind == "text" and name in state.frame.columns]
    for name in texts:
        written = state.frame[name]
        filled = written.notna().to_numpy(dtype=bool)
        found = redact([str(text) for text in written[filled]])
        if not found.changed:
            continue
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in found.counts.items())
        if state.data.privacy.comments == COMMENTS[1]:
            message = f"texts hold personal data ({kinds}); kept, as declared: never publish them."
            state.say("note", "personal data", message, column=name, rows=found.changed)
            continue
        cleaned = pd.Series(list(found.texts), index=written.index[filled], dtype="str")
        state.frame[name] = written.astype("str").where(~filled, cleaned.reindex(written.index))
        message = f"taken out of the texts ({kinds}); names cannot be found by rules and stay."
        state.say("repair", "personal data", message, column=name, rows=found.changed)
