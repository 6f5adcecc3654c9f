"""Finds and takes out what identifies a person inside free text, by its form; no table, no library.

E-mail addresses, links, IBANs, vehicle numbers (VIN), card numbers, phone numbers, number plates. Names
cannot be found by rules, so redacted text is still personal data: see ``docs/privacy.md``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cxlab.core.plates import DISTRICTS

EMAIL: Final = "e-mail"
LINK: Final = "link"
IBAN: Final = "IBAN"
VIN: Final = "VIN"
CARD: Final = "card"
PHONE: Final = "phone"
PLATE: Final = "plate"

# No pattern may cross this sign: it stands between two texts that are searched in one pass.
_BETWEEN: Final = "\x00"
#: Letters in front of a number in which a word says what the number is.
_NEAR: Final = 28

#: Length of an IBAN by country (ISO 13616 registry).
IBAN_LENGTHS: Final = {
    "AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18,
    "EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GI": 23, "GR": 27, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31, "NL": 18,
    "NO": 15, "PL": 28, "PT": 25, "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27,
    "TR": 26, "UA": 29,
}  # fmt: skip

_EMAIL: Final = re.compile(
    r"(?<![\w.+%-])[\w.+%'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,6}\.[^\W\d_]{2,24}"
    r"|(?<![\w.+%-])[\w.+%'-]{1,64} ?[(\[{] ?(?:at|ät) ?[)\]}] ?[\w-]{1,63}"
    r"(?: ?(?:\.|[(\[{] ?(?:dot|punkt) ?[)\]}]) ?[\w-]{2,63}){1,4}",
    re.IGNORECASE,
)
_LINK: Final = re.compile(
    r"(?<!\w)(?:https?|ftp)://[^\s\x00<>\"']{2,2000}|(?<![\w.@-])www\.[\w-]{1,63}\.[^\s\x00<>\"']{2,2000}"
    r"|(?<![\w.@/-])(?:[a-z0-9-]{1,63}\.){1,4}(?:com|de|net|org|io|eu|at|ch|fr|it|nl|uk|info|me|ly|tv|app)"
    r"/[^\s\x00<>\"']{1,2000}",
    re.IGNORECASE,
)
_IBAN: Final = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}(?!\w)", re.IGNORECASE)
_VIN: Final = re.compile(
    r"(?<!\w)[A-HJ-NPR-Z0-9]{3}(?P<by>[ -]?)[A-HJ-NPR-Z0-9]{6}(?P=by)[A-HJ-NPR-Z0-9]{4}\d{4}(?!\w)",
    re.IGNORECASE,
)
_CARD: Final = re.compile(r"(?<![\w,.+-])[2-6]\d{3}(?:[ -]?\d){9,15}(?![\w-])")
_PHONE: Final = re.compile(
    # with a country, +49 89 566703 or 0049-89-566703
    r"(?<![\w+])(?:\+|00(?=[ \-/(]?[1-9]))[ \-/(]?\d[\d \-/().]{5,20}\d(?!\w)"
    # with a trunk zero, 089/566703, (0151) 234 567 89; pairs, 01 23 45 67 89
    r"|(?<![\w.,:/+-])(?:\(0[1-9]\d{0,4}\)|0[1-9]\d{0,4})(?: ?[/-] ?| |)"
    r"\d(?:[ /-]?\d){3,10}(?!\w|[.,:]\d|-\w)"
    r"|(?<![\w.,:/+-])0[1-9](?:[ .]\d\d){4}(?!\w|[.,]\d)"
    # North American, (555) 123-4567
    r"|(?<![\w.,:/+-])(?:\([2-9]\d\d\) ?|[2-9]\d\d[-.])\d{3}[-.]\d{4}(?!\w|[-.,]\d)"
    # Brazilian, (11) 99992-9867; without brackets only after a word that calls
    r"|(?<![\w.,:/+-])\([1-9]\d\) ?9?\d{4}[ -]?\d{4}(?!\w|[-.,]\d)"
    r"|(?<![\w.,:/+-])(?P<bare>[1-9]\d[ -]?9?\d{4}[ -]?\d{4})(?!\w|[-.,]\d)"
)
_PLATE: Final = re.compile(
    r"(?<![\w-])(?P<where>[A-ZÄÖÜ]{1,3})-[A-Z]{1,2}[ -]?[1-9]\d{0,3}[EH]?(?![\w-]|[.,]\d)"
    r"|(?<![\w-])(?-i:(?P<spaced>[A-ZÄÖÜ]{1,3}) [A-Z]{1,2} ?[1-9]\d{1,3}[EH]?)(?![\w-]|[.,]\d)"
    r"|(?<![\w-])(?-i:[A-HJ-PR-Y]{2}(?:0[1-9]|[12]\d|5[1-9]|[67]\d) ?[A-HJ-PR-Z]{3})(?![\w-])"
    r"|(?<![\w-])(?-i:[A-HJ-NP-TV-Z]{2}(?P<mark>[ -])\d{3}(?P=mark)[A-HJ-NP-TV-Z]{2})(?![\w-])",
    re.IGNORECASE,
)
_CALLS: Final = re.compile(
    r"tel|phone|fon\b|fon:|mobil|handy|call|ruf|fax|cell|whats|sms|erreich|reach|ring me|"
    r"meine nummer|my number|\bcel\b|celular|contato|\bligar?\b|\bme lig",
    re.IGNORECASE,
)
_GOODS: Final = re.compile(
    r"art(?:ikel|\.|icle|-|nr)|teil|part|item|order|auftrag|rechnung|invoice|bestell|kunden|vertrag|contract|"
    r"case|ticket|vorgang|seri|ref\b|ref\.|referenz|reference|model|typ\b|type|sku|ean|code|tracking|sendung|"
    r"paket|parcel|beleg|gutschein|voucher|claim|schaden|lot\b|charge|batch|pedido|protocolo|compra|nota|nf-e|c[oó]digo",
    re.IGNORECASE,
)
_DATE_LIKE: Final = re.compile(
    r"\(?(?:0?[1-9]|[12]\d|3[01])[ /-](?:0?[1-9]|1[0-2])[ /-](?:19|20)\d\d|0\d[ /-]20\d\d"
)
#: Country codes of one and two digits, and the first two digits of those with three (ITU E.164).
_CODES: Final = """
1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81
82 84 86 90 91 92 93 94 95 98 21 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 80 85 87 88 96 97 99
"""
_COUNTRIES: Final = frozenset(_CODES.split())


@dataclass(frozen=True, kw_only=True)
class Redacted:
    """Texts after redaction, how much of each kind was taken out, and how many texts changed."""

    texts: tuple[str, ...]
    counts: Mapping[str, int]
    changed: int


def redact(texts: Sequence[str]) -> Redacted:
    """Each text with ``[e-mail]``, ``[phone]``, ``[IBAN]`` ... in the place of what identifies a person.

    All texts are searched in one pass, which is several times faster than one by one.

    >>> redact(["Call 0049-89-566703 or anna@example.org", "Article 0123 456 789, 12,50 EUR"]).texts
    ('Call [phone] or [e-mail]', 'Article 0123 456 789, 12,50 EUR')
    """
    given = tuple(texts)
    if any(_BETWEEN in text for text in given):
        # A zero byte inside a text would look like the end of it: these are split and mended one by one.
        alone = [redact(text.split(_BETWEEN)) for text in given]
        counts: Counter[str] = Counter()
        for one in alone:
            counts.update(one.counts)
        joined = tuple(_BETWEEN.join(one.texts) for one in alone)
        return Redacted(texts=joined, counts=dict(counts), changed=_changed(given, joined))
    cleaned, found = list(given), Counter[str]()
    for kind, pattern, judge, worth in _KINDS:
        places = [place for place, text in enumerate(cleaned) if worth(text)]
        if places:
            whole = _BETWEEN.join([cleaned[place] for place in places])
            parts = pattern.sub(_replacer(kind, judge, found), whole).split(_BETWEEN)
            for place, text in zip(places, parts, strict=True):
                cleaned[place] = text
    return Redacted(texts=tuple(cleaned), counts=dict(found), changed=_changed(given, cleaned))


def personal_kinds(text: str) -> tuple[str, ...]:
    """Which kinds of personal data a text holds, in the order of the module; empty for none.

    >>> personal_kinds("M-AB 1234, IBAN DE89 3704 0044 0532 0130 00")
    ('IBAN', 'plate')
    """
    found = redact([text]).counts
    return tuple(kind for kind, *_ in _KINDS if kind in found)


def luhn(digits: str) -> bool:
    """Whether the check digit of a card number is right (ISO/IEC 7812).

    >>> luhn("4111111111111111"), luhn("4111111111111112")
    (True, False)
    """
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def _changed(before: Sequence[str], after: Sequence[str]) -> int:
    return sum(old != new for old, new in zip(before, after, strict=True))


def _enough(digits: int) -> Callable[[str], object]:
    """Whether a text holds so many digits at all."""
    return re.compile(rf"(?:[^0-9]*[0-9]){{{digits}}}").match


#: How many letters of a match are personal; 0 for a false alarm.
Judge = Callable[["re.Match[str]"], int]


def _replacer(kind: str, judge: Judge, found: Counter[str]) -> Callable[[re.Match[str]], str]:
    def replaced(match: re.Match[str]) -> str:
        letters = judge(match)
        if not letters:
            return match.group()
        found[kind] += 1
        return f"[{kind}]{match.group()[letters:]}"

    return replaced


def _all(match: re.Match[str]) -> int:
    return len(match.group())


def _link(match: re.Match[str]) -> int:
    return len(match.group().rstrip(".,;:!?)"))


def _iban(match: re.Match[str]) -> int:
    """The letters up to the length of the country; a wrong check digit is a typing error of a real one."""
    text = match.group()
    length = IBAN_LENGTHS.get(text[:2].upper(), 0)
    places = [place for place, letter in enumerate(text) if letter.isalnum()]
    if not length or len(places) < length:
        return 0
    end = places[length - 1] + 1
    body = [text[place] for place in places[:length]]
    right = int("".join(str(int(letter, 36)) for letter in body[4:] + body[:4])) % 97 == 1
    alone = end == len(text) or not text[end].isalnum()
    return end if right or (alone and sum(map(str.isdigit, body)) >= 0.7 * length) else 0


def _vin(match: re.Match[str]) -> int:
    text = match.group()
    letters, digits = sum(map(str.isalpha, text)), sum(map(str.isdigit, text))
    return len(text) if letters >= 3 and digits >= 5 else 0


def _card(match: re.Match[str]) -> int:
    """Prefix and length of a card scheme, and the check digit."""
    digits = re.sub(r"\D", "", match.group())
    size, two, four = len(digits), int(digits[:2]), int(digits[:4])
    scheme = (
        (digits[0] == "4" and size in (16, 19))
        or (size == 16 and (51 <= two <= 55 or 2221 <= four <= 2720 or two in (35, 60, 62, 64, 65)))
        or (size == 15 and two in (34, 37))
        or (size == 14 and two in (30, 36, 38))
        or (size in (16, 18, 19) and two in (50, 56, 57, 58, 63, 67))
    )
    return len(match.group()) if scheme and luhn(digits) else 0


def _phone(match: re.Match[str]) -> int:
    """A word in front decides between a phone and an article number; without one it counts as a phone."""
    text = match.group()
    digits = re.sub(r"\D", "", text)
    before = match.string[max(0, match.start() - _NEAR) : match.start()].rpartition(_BETWEEN)[2]
    calls, goods = _last(_CALLS, before), _last(_GOODS, before)
    if text.startswith("+") or digits.startswith("00"):
        national = digits.removeprefix("00") if not text.startswith("+") else digits
        known = national[:1] in ("1", "7") or national[:2] in _COUNTRIES
        if not known or not 8 <= len(national) <= 15 or (national[0] == "1" and len(national) != 11):
            return 0
        return len(text) if text.startswith("+") or calls >= goods else 0
    if _DATE_LIKE.match(text) or goods > calls:
        return 0
    if match["bare"]:
        return len(text) if calls >= 0 else 0
    if text.lstrip("(")[0] != "0":
        return len(text)
    return len(text) if 9 <= len(digits) <= 12 or (calls >= 0 and len(digits) >= 7) else 0


def _last(pattern: re.Pattern[str], text: str) -> int:
    """Where the last fit begins; -1 for none."""
    return max((fit.start() for fit in pattern.finditer(text)), default=-1)


def _plate(match: re.Match[str]) -> int:
    """A German plate begins with the letters of a district that exists."""
    where = match["where"] or match["spaced"]
    return len(match.group()) if where is None or where.upper() in DISTRICTS else 0


#: Kind, form, judge of a fit, and whether a text is worth the search: most comments hold no digit and no @.
_KINDS: Final[tuple[tuple[str, re.Pattern[str], Judge, Callable[[str], object]], ...]] = (
    (EMAIL, _EMAIL, _all, re.compile(r"[@(\[{]").search),
    (LINK, _LINK, _link, re.compile(r"/|www\.", re.IGNORECASE).search),
    (IBAN, _IBAN, _iban, _enough(11)),
    (VIN, _VIN, _vin, _enough(5)),
    (CARD, _CARD, _card, _enough(14)),
    (PHONE, _PHONE, _phone, _enough(7)),
    (PLATE, _PLATE, _plate, _enough(1)),
)
