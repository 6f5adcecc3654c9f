"""Comments: what identifies a person by its form is found and taken out, and harmless numbers stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from comment_strings import PERSONAL, harmless_comments, personal_comments
from hypothesis import given, settings
from hypothesis import strategies as st

import cxlab
from cxlab.core.personal_text import luhn, personal_kinds, redact

STRINGS = 1500
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
OLIST = SHARED / "olist_sample" / "olist_order_reviews_dataset.csv"
COMCAST = SHARED / "comcast_complaints" / "Comcast_telecom_complaints_data.csv"
OFF = '[privacy]\npseudonyms = "off"\n'


@pytest.mark.parametrize("kind", PERSONAL)
def test_each_kind_is_found_in_1500_comments_and_only_it_is_taken_out(
    kind: str, record_figure: Callable[..., None]
) -> None:
    made = personal_comments(kind, STRINGS, seed=1)
    found = redact([comment for comment, _ in made])
    right = [comment.replace(item, f"[{kind}]") for comment, item in made]
    recall = sum(text == wanted for text, wanted in zip(found.texts, right, strict=True)) / STRINGS
    record_figure(f"recall of redaction, {kind}", recall, runs=STRINGS, bound=">= 0.99")
    assert recall >= 0.99
    assert set(found.counts) == {kind}


def test_harmless_comments_full_of_digits_stay(record_figure: Callable[..., None]) -> None:
    harmless = harmless_comments(STRINGS, seed=2)
    share = redact(harmless).changed / STRINGS
    record_figure(
        "false alarms of redaction, comments full of digits", share, runs=STRINGS, bound="<= 0.01"
    )
    assert share <= 0.01


def test_article_numbers_without_a_word_are_given_up_and_with_a_word_kept(
    record_figure: Callable[..., None],
) -> None:
    bare = harmless_comments(STRINGS, seed=3, bare=True)
    share = redact(bare).changed / STRINGS
    what = "false alarms of redaction, grouped numbers with a leading 0 and no word"
    record_figure(what, share, runs=STRINGS, bound="<= 0.80, on purpose")
    assert share <= 0.80
    assert redact([f"Artikel {comment}" for comment in bare]).changed == 0
    called = redact(
        [f"Artikel kam nie, bitte Rueckruf 0{number}" for number in ("89 566703", "151 2345678")]
    )
    assert called.counts == {"phone": 2}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0049-89-566703", "[phone]"),
        ("mail a@b.de, c@d.org.", "mail [e-mail], [e-mail]."),
        ("see https://x.org/a?b=c.", "see [link]."),
        ("IBAN DE89 3704 0044 0532 0130 00 bitte", "IBAN [IBAN] bitte"),
        ("de89370400440532013001 mistyped", "[IBAN] mistyped"),
        ("card 4111 1111 1111 1112", "card 4111 1111 1111 1112"),
        ("WVWZZZ1KZ6W000001 and WVWZZZ1KZ6WXXXXX", "[VIN] and WVWZZZ1KZ6WXXXXX"),
        ("QQ-AB 123 is no district, M-AB 123 is", "QQ-AB 123 is no district, [plate] is"),
        ("+49 89 566703 or (0151) 234 5678", "[phone] or [phone]"),
        ("0012 345 678 is nowhere", "0012 345 678 is nowhere"),
        ("01/2024 and 2024-01-02 08:30", "01/2024 and 2024-01-02 08:30"),
        ("a\x00b@c.de", "a\x00[e-mail]"),
        ("", ""),
    ],
)
def test_single_cases(text: str, wanted: str) -> None:
    assert redact([text]).texts == (wanted,)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=6))
def test_texts_are_searched_together_as_they_are_alone(texts: list[str]) -> None:
    together = redact(texts)
    assert together.texts == tuple(redact([text]).texts[0] for text in texts)
    assert redact(together.texts).changed == 0
    assert together.changed == sum(a != b for a, b in zip(texts, together.texts, strict=True))


def test_no_form_is_slow_on_a_long_cell() -> None:
    """No timing: a form that looks back from every place would not end while a test run is waited for."""
    for form in ("a", "1", "a@", "0 ", "A1", "(0", "a.", "0-0/"):
        assert isinstance(redact([form * 100_000]).texts[0], str)


def test_the_check_digit_of_a_card_catches_every_single_wrong_digit() -> None:
    good = "4539148803436467"
    assert luhn(good)
    wrong = [
        good[:at] + str(d) + good[at + 1 :] for at in range(16) for d in range(10) if str(d) != good[at]
    ]
    assert not any(map(luhn, wrong))


#: Known by looking at what the forms and a search for eight digits turn up; not every comment was read.
OLIST_PERSONAL = {"e-mail": 3, "phone": 6}


def test_real_comments_of_a_shop_are_found_and_nothing_else_is_taken_out(
    record_figure: Callable[..., None],
) -> None:
    """5,093 Portuguese titles and texts of reviews, for which no form was made, and 2,224 complaints."""
    if not OLIST.is_file() or not COMCAST.is_file():
        pytest.skip("the public data sets are not beside the project")
    reviews = pd.read_csv(OLIST, dtype="str")
    columns = ("review_comment_title", "review_comment_message")
    texts = [text for name in columns for text in reviews[name].dropna()]
    texts += pd.read_csv(COMCAST, dtype="str")["Customer Complaint"].dropna().tolist()
    found = redact(texts)
    known = sum(OLIST_PERSONAL.values())
    right = sum(min(found.counts.get(kind, 0), number) for kind, number in OLIST_PERSONAL.items())
    recall, wrong = right / known, sum(found.counts.values()) - right
    record_figure("recall of redaction, real comments", recall, runs=known, bound="1, on known cases")
    record_figure("false alarms of redaction, real comments", wrong, runs=len(texts), bound="0")
    assert found.counts == OLIST_PERSONAL


def card(prefix: str, size: int) -> str:
    """A number of this length that begins so, with the right check digit."""
    body = prefix.ljust(size - 1, "0")
    return next(body + str(digit) for digit in range(10) if luhn(body + str(digit)))


@pytest.mark.parametrize(
    ("prefix", "sizes"),
    [
        ("4", {16, 19}),
        ("51", {16}), ("55", {16}), ("2221", {16}), ("2720", {16}),
        ("35", {16}), ("60", {16}), ("62", {16}), ("64", {16}), ("65", {16}),
        ("34", {15}), ("37", {15}),
        ("30", {14}), ("36", {14}), ("38", {14}),
        *((two, {16, 18, 19}) for two in ("50", "56", "57", "58", "63", "67")),
        ("2220", set()), ("2721", set()), ("31", set()), ("39", set()), ("66", set()), ("61", set()),
    ],
)  # fmt: skip
def test_a_card_has_the_lengths_of_its_scheme(prefix: str, sizes: set[int]) -> None:
    for size in range(14, 20):
        number = card(prefix, size)
        assert redact([f"x {number} y"]).texts == (f"x {'[card]' if size in sizes else number} y",)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        # IBAN: a country that exists, its length, the check digits, or nearly all digits.
        ("XX89370400440532013000", "XX89370400440532013000"),
        ("DE8937040044053201", "DE8937040044053201"),
        ("DE89370400440532013000 7X", "[IBAN] 7X"),
        ("DE89370400440532013000AB", "[IBAN]AB"),
        ("DE88370400440532013000AB", "DE88370400440532013000AB"),
        ("IE29AIBK93115212345678", "[IBAN]"),
        ("IE28AIBK93115212345678", "[IBAN]"),  # 18 of 22 are digits
        ("GB82WEST12345698765432", "[IBAN]"),
        ("GB81WESTABCDE698765432", "GB81WESTABCDE698765432"),  # 11 of 22 are digits
        ("NO8386011117947", "[IBAN]"),
        ("BG18BNBG96611020345679", "[IBAN]"),
        ("DK5000400440116ABCDE43", "DK5000400440116ABCDE43"),
        ("EE38ABCD123456789012", "[IBAN]"),  # just seven tenths are digits
        # VIN: three letters and five digits or more.
        ("ABC00000000000001", "[VIN]"),
        ("AB000000000000001", "AB000000000000001"),
        ("ABCDEFGHJKLMN0001", "ABCDEFGHJKLMN0001"),
        ("ABCDEFGHJKLM10001", "[VIN]"),
        # Phone: country code, 8 to 15 digits, a word that calls or names goods.
        ("+4912345678", "[phone]"),
        ("+491234", "+491234"),
        ("+4912345", "+4912345"),
        ("+49123456", "[phone]"),
        ("+491234567890123", "[phone]"),
        ("+4912345678901234", "+4912345678901234"),
        ("+7 912 345 67 89", "[phone]"),
        ("+83 12345678", "+83 12345678"),
        ("+1 212 555 0123", "[phone]"),
        ("+1 212 555 012", "+1 212 555 012"),
        ("Artikel +49 89 566703", "Artikel [phone]"),
        ("Artikel 0049 89 566703", "Artikel 0049 89 566703"),
        ("+00 49 89 566703", "+00 49 89 566703"),
        ("(0151) 2345678", "[phone]"),
        ("(555) 123-4567", "[phone]"),
        ("Tel 0891234", "Tel [phone]"),
        ("tel089123456", "tel089123456"),
        ("0891234", "0891234"),
        ("Tel 089123", "Tel 089123"),
        ("089123456", "[phone]"),
        ("089123456789", "[phone]"),
        ("0891234567890", "0891234567890"),
        ("CEL (11) 999929867", "CEL [phone]"),
        ("meu tel. 7599207310", "meu tel. [phone]"),
        ("podem me ligar 71-99135-5551", "podem me ligar [phone]"),
        ("tel 7599207310", "tel [phone]"),
        ("(089) 1234", "(089) 1234"),
        ("codigo 7599207310", "codigo 7599207310"),
        ("7599207310", "7599207310"),
        ("Pedido 02-662119905", "Pedido 02-662119905"),
    ],
)
def test_borders_of_each_form(text: str, wanted: str) -> None:
    assert redact([text]).texts == (wanted,)


def test_a_zero_byte_inside_a_text_changes_neither_texts_nor_counts() -> None:
    found = redact(["ring 089123456\x00mail a@b.de and c@d.de", "fine"])
    assert found.texts == ("ring [phone]\x00mail [e-mail] and [e-mail]", "fine")
    assert found.counts == {"phone": 1, "e-mail": 2}
    assert found.changed == 1


def surveys(folder: Path, comments: list[str], config: str = OFF) -> Path:
    lines = [f'R{i},C{i},2024-03-0{i + 1},{5 + i},"{text}"' for i, text in enumerate(comments)]
    header = "response_id,customer_id,answered_at,overall,comment"
    (folder / "surveys.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    (folder / "cxlab.toml").write_text(config, encoding="utf-8")
    return folder


SECRETS = ["write anna@example.org", "ring 0151 2345678 or 089/1234567", "fine, thank you"]


def test_loaded_comments_are_redacted_counted_and_never_echoed(tmp_path: Path) -> None:
    tables = cxlab.load(surveys(tmp_path, SECRETS))
    assert tables.surveys["comment"].tolist() == [
        "write [e-mail]",
        "ring [phone] or [phone]",
        "fine, thank you",
    ]
    found = [f for f in tables.quality.findings if f.rule == "personal data"]
    assert [(f.level, f.rows) for f in found] == [("repair", 2)]
    assert "1 e-mail, 2 phone" in found[0].message
    printed = "\n".join(tables.quality.lines()) + tables.quality.to_json()
    assert "anna" not in printed
    assert "0151" not in printed
    assert tables.engine.frame("SELECT comment FROM surveys")["comment"].tolist()[0] == "write [e-mail]"


def test_comments_stay_only_where_it_is_declared_and_the_report_says_so(tmp_path: Path) -> None:
    tables = cxlab.load(surveys(tmp_path, SECRETS, OFF + 'comments = "as written"\n'))
    assert tables.surveys["comment"].tolist() == SECRETS
    found = [f for f in tables.quality.findings if f.rule == "personal data"]
    assert [(f.level, f.rows) for f in found] == [("note", 2)]


def test_a_personal_value_in_a_wrong_column_is_not_repeated_in_the_message(tmp_path: Path) -> None:
    folder = surveys(tmp_path, SECRETS)
    text = (folder / "surveys.csv").read_text().replace("2024-03-02", "+49 151 2345678")
    (folder / "surveys.csv").write_text(text)
    printed = "\n".join(cxlab.check(folder).lines())
    assert "151" not in printed
    assert "(personal text)" in printed
    assert personal_kinds("+49 151 2345678") == ("phone",)
