"""Made-up comments that hold one personal item each, and harmless ones full of digits; nobody is real."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator

from cxlab.core.personal_text import IBAN_LENGTHS, luhn

Chance = random.Random
_FRAMES = (
    "{}",
    "Bitte melden: {}",
    "Please write to {} today.",
    "Ich warte seit 3 Wochen ({}), keiner antwortet",
    "my details, {}, were lost twice",
    "Service 10/10. {}!",
    "wait was 45 min; {}; never again",
    "Danke!\n{}",
)


def _digits(chance: Chance, count: int, *, first: str = string.digits) -> str:
    return chance.choice(first) + "".join(chance.choice(string.digits) for _ in range(count - 1))


def _grouped(text: str, size: int, by: str) -> str:
    return by.join(text[place : place + size] for place in range(0, len(text), size))


def email(chance: Chance) -> str:
    name = chance.choice(("anna", "j.schmidt", "Müller_77", "o'neil", "max+shop", "a-b.c"))
    host = chance.choice(("example.org", "mail.example.co.uk", "web-example.de", "EXAMPLE.COM"))
    sign = chance.choice(("@", "@", "@", "@", " (at) ", "[at]"))
    return f"{name}{chance.randrange(1000)}{sign}{host}"


def link(chance: Chance) -> str:
    path = f"{chance.randrange(10_000)}"
    forms = ("https://example.org/u/{}", "http://shop.example.com/?id={}", "www.example.de/kunde/{}")
    return chance.choice((*forms, "facebook.com/anna.m.{}", "example.net/profile-{}")).format(path)


def iban(chance: Chance) -> str:
    country = chance.choice(("DE", "AT", "CH", "FR", "NL", "IT", "ES", "GB", "PL"))
    letters = 4 if country in ("NL", "GB") else 0
    bank = "".join(chance.choice(string.ascii_uppercase) for _ in range(letters))
    body = bank + _digits(chance, IBAN_LENGTHS[country] - 4 - letters)
    number = int("".join(str(int(letter, 36)) for letter in body + country + "00"))
    whole = f"{country}{98 - number % 97:02d}{body}"
    return chance.choice((whole, _grouped(whole, 4, " "), _grouped(whole, 4, "-"), whole.lower()))


def vin(chance: Chance) -> str:
    letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
    maker = chance.choice(("WVW", "WBA", "WDB", "VF3", "ZFA", "1HG", "TMB"))
    middle = "".join(chance.choice(letters + string.digits) for _ in range(9))
    whole = f"{maker}Z{middle[1:]}{chance.choice(string.digits)}{_digits(chance, 4)}"
    return chance.choice((whole, whole, whole.lower(), f"{whole[:3]} {whole[3:9]} {whole[9:]}"))


def card(chance: Chance) -> str:
    start, size = chance.choice((("4", 16), ("51", 16), ("2221", 16), ("37", 15), ("6011", 16)))
    body = start + _digits(chance, size - 1 - len(start))
    whole = next(body + digit for digit in string.digits if luhn(body + digit))
    return chance.choice((whole, _grouped(whole, 4, " "), _grouped(whole, 4, "-")))


def phone(chance: Chance) -> str:
    """The eight forms of the specification, among them 0049-89-566703, and six more."""
    forms = (
        "+49 89 {6}", "+4915{9}", "0049-89-{6}", "0049 171 {7}", "089/{7}", "089 {6}", "0171-{7}",
        "(0151) {3} {4}", "+49 (0) 30 {7}", "0664 {7}", "01 {2} {2} {2} {2}", "+44 7700 {6}",
        "+1 555 {3} {4}", "(555) {3}-{4}",
    )  # fmt: skip
    parts = chance.choice(forms)
    for size in "234679":
        while f"{{{size}}}" in parts:
            parts = parts.replace(f"{{{size}}}", _digits(chance, int(size), first="23456789"), 1)
    return parts


def plate(chance: Chance) -> str:
    district = chance.choice(("M", "B", "HH", "KA", "FFB", "LÖ", "MYK", "S"))
    pair = "".join(chance.choice(string.ascii_uppercase) for _ in range(chance.choice((1, 2))))
    number = _digits(chance, chance.randint(2, 4), first="123456789")
    british = f"{chance.choice(('AB', 'LK'))}{chance.choice(('12', '69'))} {chance.choice(('CDE', 'XYZ'))}"
    german = f"{district}-{pair} {number}"
    return chance.choice(
        (german, german, f"{district}-{pair}{number}", f"{district} {pair} {number}E", british, "AB-123-CD")
    )


PERSONAL: dict[str, Callable[[Chance], str]] = {
    "e-mail": email,
    "link": link,
    "IBAN": iban,
    "VIN": vin,
    "card": card,
    "phone": phone,
    "plate": plate,
}


def personal_comments(kind: str, count: int, *, seed: int) -> list[tuple[str, str]]:
    """(comment, the personal item in it)."""
    chance = Chance(f"{kind} {seed}")
    made = []
    for _ in range(count):
        item = PERSONAL[kind](chance)
        made.append((chance.choice(_FRAMES).format(item), item))
    return made


_HARMLESS = (
    "Rechnung über 1.249,90 EUR statt 1.149,90 EUR",
    "wait of {2} minutes on 12.03.2024 at 14:35, then again 03/04/2024",
    "Order 4{9} was delivered on 2024-05-1{1}",
    "Auftragsnummer 0{2} {3} {3} immer noch offen",
    "article 0{2}-{3}-{3} was out of stock",
    "Artikel 0{3} {3} {3} passt nicht",
    "Teilenummer 0{1} {3} {3} {3} fehlt",
    "Ersatzteil-Nr. 06A 115 {3} B nicht lieferbar",
    "tyres 205/55 R16 91V and 5W-30 oil, mileage 123.456 km",
    "parcel 00340{9} lost, tracking 1Z999AA1{9}5",
    "EAN 40{9}21 stands on the box",
    "Invoice no. 2024-0{5}, customer since 200{1}",
    "paid 3x 49.99 = 149.97, refunded 20 %",
    "Modell X5 40d, Baujahr 201{1}, 2.0 TDI 150 PS, VW ID 4",
    "von 8:00-16:30 Uhr gewartet, 2 1/2 Stunden!!!",
    "Ref. 0{2} {2} {2} {2} {2} from April",
    "called on 01.02.2024 and on 05 06 2024",
    "rated 8 of 10, before it was 9/10; 100 % sure",
    "version 10.0.1{1}.{2}, error 0x80070{2}7",
    "room 0{2}, floor 3, ticket #00{6}",
    "PLZ 80{2}1 and 10{2}5, both wrong",
    "Vertrag 0{4}/{4} endet 31.12.2025",
    "gate A12 - B{2}, flight LH {4}, seat 14C",
    "A-Klasse, C-Klasse, E-Tron, T5, i3s, DSG 7",
)
#: Grouped article numbers with a leading 0 and no word that says so: they cannot be told from a phone.
_BARE = (
    "0{3} {3} {3} is missing",
    "got 0{2}-{3}-{3} twice",
    "0{3}/{4} wrong again",
    "waiting for 0{2} {3} {3}",
)


def harmless_comments(count: int, *, seed: int, bare: bool = False) -> list[str]:
    """Comments full of digits that identify nobody; ``bare`` for article numbers without a word."""
    chance = Chance(f"harmless {bare} {seed}")
    return [_filled(chance.choice(_BARE if bare else _HARMLESS), chance) for _ in range(count)]


def _filled(form: str, chance: Chance) -> str:
    def parts() -> Iterator[str]:
        rest = form
        while "{" in rest:
            before, _, after = rest.partition("{")
            yield before + _digits(chance, int(after[0]), first="123456789")
            rest = after[2:]
        yield rest

    return "".join(parts())
