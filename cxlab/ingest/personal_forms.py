"""What a whole cell of personal data looks like: address, number, birth date, name; patterns, no table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from cxlab.core.personal_text import CARD, EMAIL, IBAN, PHONE, PLATE, VIN, personal_kinds, redact
from cxlab.ingest.first_names import FIRST_NAMES

#: Share of the filled cells of a column that must look personal.
PERSONAL_SHARE: Final = 0.2
#: Years in which adults are born: records of customers hardly begin before the last one.
BIRTH_YEARS: Final = (1905, 1990)
_WORDS: Final = {
    EMAIL: "e-mail address",
    PHONE: "phone number",
    IBAN: "IBAN",
    CARD: "card number",
    VIN: "vehicle number (VIN)",
    PLATE: "number plate",
}
# The last four places of a VIN are digits nearly everywhere; a column of other 17 letters is one as well.
_VIN: Final = re.compile(r"(?=.*[A-Z])(?=.*[0-9])[A-HJ-NPR-Z0-9]{17}")
_IP: Final = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}")
_DATE: Final = re.compile(
    r"(?P<first>(?:19|20)\d\d)[-/.]\d{1,2}[-/.]\d{1,2}(?:[ T]00:00(?::00(?:\.0+)?)?)?"
    r"|\d{1,2}[-/. ]\d{1,2}[-/. ](?P<last>(?:19|20)\d\d)"
)
_STREET: Final = re.compile(
    r"[A-ZÄÖÜ][\w.' -]{1,40}?(?:stra(?:ß|ss)e|str\.|weg|platz|allee|gasse|ring|damm|ufer)\s*\d{1,4}"
    r"\s?[a-z]?\b.*"
    r"|\d{1,5}[a-z]? [A-Z][\w.' -]{1,40} (?:street|st\.?|road|rd\.?|avenue|ave\.?|lane|drive|close|way)\b.*"
    r"|\d{1,4},? (?:rue|avenue|boulevard|place) [\w' -]{2,40}.*",
    re.IGNORECASE,
)
_WORD: Final = r"[^\W\d_'-]{2,}(?:-[^\W\d_]+)?"
_NAME: Final = re.compile(
    r"(?:(?:Dr|Prof|Mr|Mrs|Ms|Herr|Frau)\.? )*(?P<first>[^\W\d_]+)(?:[- ][^\W\d_.]+\.?)* " + _WORD
)
_LISTED: Final = re.compile(_WORD + r", ?(?P<first>[^\W\d_]+)(?:[- ][^\W\d_]+)*")
_PLAIN: Final = str.maketrans(
    {"ä": "a", "ö": "o", "ü": "u", "é": "e", "è": "e", "ç": "c", "ş": "s", "ã": "a"}
)


def personal_form(cells: Iterable[str], *, key: bool = False) -> str:
    """What a column looks like where at least a fifth of its filled cells do; empty if harmless.

    Parameters
    ----------
    cells
        Its filled cells.
    key
        The column is an id. Of an id only the unmistakable forms are asked: e-mail, phone with a country,
        IBAN, card, VIN, IP, name.

    >>> personal_form(["anna@example.org", "x"]), personal_form(["Anna Schmidt", "Jens Meier"])
    ('e-mail address', 'name')
    >>> personal_form(["1961-05-30", "1984-11-02"]), personal_form(["2021-05-30", "2022-11-02"])
    ('birth date', '')
    """
    listed = list(cells)
    if not listed:
        return ""
    counts: dict[str, int] = {}
    for cell in listed:
        form = _form(cell.strip(), key=key)
        if form:
            counts[form] = counts.get(form, 0) + 1
    found = max(counts, key=lambda form: counts[form], default="")
    return found if counts.get(found, 0) >= PERSONAL_SHARE * len(listed) else ""


def _form(cell: str, *, key: bool) -> str:
    """The form of one cell, the whole of it."""
    if len(cell) > 120:
        return ""
    kinds = personal_kinds(cell) if any(map(str.isdigit, cell)) or "@" in cell else ()
    for kind in kinds:
        # A number of nothing but digits is a number of the house as well: 0012345678.
        unclear = (kind == PHONE and cell.isdigit()) or (kind == PLATE and key)
        if kind in _WORDS and not unclear and _fills(cell, kind):
            return _WORDS[kind]
    return next((form for form, fits in _FORMS if not (key and form in _NOT_OF_KEYS) and fits(cell)), "")


def _fills(cell: str, kind: str) -> bool:
    """Whether a number is the cell and not part of a longer one; an address counts wherever it stands."""
    left = redact([cell]).texts[0].replace(f"[{kind}]", "")
    return kind == EMAIL or sum(map(str.isalnum, left)) <= 4


def _vehicle(cell: str) -> bool:
    return _VIN.fullmatch(cell) is not None


def _ip(cell: str) -> bool:
    return _IP.fullmatch(cell) is not None


def _birth_date(cell: str) -> bool:
    found = _DATE.fullmatch(cell)
    return found is not None and BIRTH_YEARS[0] <= int(found["first"] or found["last"]) <= BIRTH_YEARS[1]


def _address(cell: str) -> bool:
    return _STREET.fullmatch(cell) is not None


def _name(cell: str) -> bool:
    found = _NAME.fullmatch(cell) or _LISTED.fullmatch(cell)
    if found is None or not found["first"][0].isupper() or not cell.split()[-1][0].isupper():
        return False
    return found["first"].lower().translate(_PLAIN) in FIRST_NAMES


_FORMS: Final[tuple[tuple[str, Callable[[str], bool]], ...]] = (
    (_WORDS[VIN], _vehicle),
    ("IP address", _ip),
    ("birth date", _birth_date),
    ("postal address", _address),
    ("name", _name),
)
_NOT_OF_KEYS: Final = frozenset({"birth date", "postal address"})
