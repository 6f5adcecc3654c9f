"""Rules on cells before typing: what people and spreadsheets write where a number or a key should stand.

Each rule looks at the distinct texts of one column, mends what has one reading only, counts it, and leaves
everything else to typing, which reports it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import pandas as pd

from cxlab.ingest.contracts import Kind
from cxlab.ingest.distinct import Distinct
from cxlab.ingest.state import TableState

NUMBER_KINDS = ("number", "score", "sign", "flag")
#: What a spreadsheet shows where a formula failed.
ERROR_CELLS = (
    "#N/A", "#NV", "#DIV/0!", "#REF!", "#BEZUG!", "#VALUE!", "#WERT!", "#NAME?", "#NUM!", "#ZAHL!",
    "#NULL!", "#SPILL!", "#CALC!", "#ERROR!",
)  # fmt: skip
#: Words for no answer, lower case, with the reason they give.
NO_ANSWER = {
    **dict.fromkeys(("don't know", "dont know", "do not know", "dk", "not sure", "weiß nicht",
                     "weiss nicht", "weiß ich nicht", "ne sait pas", "nsp", "no sé"), "don't know"),
    **dict.fromkeys(("n/a", "not applicable", "does not apply", "not experienced", "not used",
                     "trifft nicht zu", "nicht zutreffend", "nicht genutzt", "keine erfahrung",
                     "sans objet", "no aplica"), "not experienced"),
    **dict.fromkeys(("refused", "no answer", "prefer not to say", "prefer not to answer", "not answered",
                     "keine angabe", "k.a.", "k. a.", "na", "sans réponse"), "no answer"),
    **dict.fromkeys(("-", "--", ".", "?", "null", "none", "nan", "nil", "missing"), "left blank"),
}  # fmt: skip
_LABELLED = re.compile(r"(-?[0-9]{1,3})\s*(?:[-–—=:.)]\s*|\(\s*|\s+)[^\d\s.,)(].*", re.DOTALL)
_LABELLED_AFTER = re.compile(r"[^\d]*[^\d\s][^\d]*[\s(=:-](-?[0-9]{1,3})\)?")
#: A currency or percent sign says a unit: such a number is never read as a plain one.
UNITS = re.compile(r"[€$£¥%]|\b(?:EUR|USD|GBP|CHF)\b")
#: A column of more different words holds names or texts, not kinds of something.
_MOST_SPELLINGS = 2_000
#: Letters of other alphabets that look like Latin ones.
_LOOKALIKES = re.compile("[АВЕКМНОРСТУХаеорсухіјѕΑΒΕΖΗΙΚΜΝΟΡΤΥΧο]")


def mended(state: TableState, name: str, kind: Kind, column: Distinct) -> pd.Series:
    """The distinct texts of a column after every rule for its kind; each repair is said once."""
    texts = column.texts.str.strip()
    for kinds, rule in CELL_RULES:
        if kind in kinds:
            texts = rule(state, name, column, texts)
    return texts


def _error_cells(state: TableState, name: str, column: Distinct, texts: pd.Series) -> pd.Series:
    """A failed formula is no value and no empty cell (101)."""
    failed = texts.isin(ERROR_CELLS)
    if not failed.any():
        return texts
    records = column.index[column.rows(failed)]
    state.unread[name] = records
    state.say(
        "error",
        "error cell",
        "a formula failed there.",
        column=name,
        rows=len(records),
        examples=state.examples(list(records), list(column.spread(column.texts)[records])),
        next_step=f"Mend the sheet, or declare  missing_codes = {{{name} = [{texts[failed].iloc[0]!r}]}}.",
    )
    return texts.mask(failed)


def _other_digits(state: TableState, name: str, column: Distinct, texts: pd.Series) -> pd.Series:
    """Digits of another script, and full-width ones, name the same number (70)."""
    foreign = [str(text) for text in texts.dropna() if not str(text).isascii()]
    plain = {text: _ascii_digits(text) for text in foreign}
    plain = {text: new for text, new in plain.items() if new != text and re.fullmatch(r"[-+0-9.,]+", new)}
    if not plain:
        return texts
    changed = texts.isin(list(plain))
    message = "written in digits of another script; read as the same numbers."
    state.repaired("other digits", message, column=name, rows=column.count(changed))
    return texts.replace(plain)


def _ascii_digits(text: str) -> str:
    return "".join(
        str(unicodedata.digit(letter))
        if letter.isdigit() and not letter.isascii() and unicodedata.category(letter) == "Nd"
        else letter
        for letter in text
    )


def _no_answer(state: TableState, name: str, column: Distinct, texts: pd.Series) -> pd.Series:
    """Words for no answer in a column of numbers: emptied, with their reason kept (63)."""
    reasons = texts.str.lower().map(NO_ANSWER)
    for reason in sorted(set(reasons.dropna())):
        said = reasons == reason
        words = " or ".join(repr(str(text)) for text in texts[said].unique()[:3])
        rows = column.rows(said)
        state.give_reason(name, column.index[rows], reason)
        state.repaired(
            "no answer in words",
            f"{words} read as no answer ({reason}).",
            column=name,
            rows=int(rows.sum()),
            next_step="If so declare  missing_codes = "
            f'{{{name} = {{"{texts[said].iloc[0]}" = "{reason}"}}}}',
        )
    return texts.mask(reasons.notna())


def _labelled(state: TableState, name: str, column: Distinct, texts: pd.Series) -> pd.Series:
    """``10 - very satisfied``: the end points of a scale carry their words (64)."""
    numbers = {}
    for text in texts.dropna().unique():
        found = _LABELLED.fullmatch(str(text)) or _LABELLED_AFTER.fullmatch(str(text))
        if found and not UNITS.search(str(text)):
            numbers[str(text)] = found[1]
    # Two texts for one number, or a number far beyond the others, is no labelled scale.
    if not numbers or len(set(numbers.values())) < len(numbers):
        return texts
    changed = texts.isin(list(numbers))
    shown = ", ".join(f"{text!r} as {number}" for text, number in list(numbers.items())[:2])
    recode = ", ".join(f'"{text}" = {number}' for text, number in list(numbers.items())[:3])
    state.repaired(
        "labelled points",
        f"read {shown}.",
        column=name,
        rows=column.count(changed),
        next_step=f"To make this certain declare  recode = {{{name} = {{{recode}}}}}",
    )
    return texts.replace(numbers)


def _float_ids(state: TableState, name: str, column: Distinct, texts: pd.Series) -> pd.Series:
    """Keys that went through a column of floats: ``123.0`` everywhere (45)."""
    filled = texts[texts.notna() & (texts != "")]
    if filled.empty or not str(filled.iloc[0]).endswith(".0"):
        return texts
    if not filled.str.fullmatch(r"[0-9]+\.0").all():
        return texts
    rows = column.count(texts.str.endswith(".0"))
    state.say("repair", "id with decimals", "written as whole numbers.", column=name, rows=rows)
    return texts.str.removesuffix(".0")


def _lookalikes(state: TableState, name: str, column: Distinct, texts: pd.Series) -> pd.Series:
    """A Cyrillic or Greek letter in a Latin key finds no partner, and no eye sees why (59)."""
    foreign = texts.str.contains(_LOOKALIKES.pattern)
    if foreign.any() and texts.str.contains("[A-Za-z]").any():
        message = "letters of another alphabet look like Latin ones; such keys match nothing."
        state.say("note", "look-alike letters", message, column=name, rows=column.count(foreign))
    return texts


def _spellings(state: TableState, name: str, column: Distinct, texts: pd.Series) -> pd.Series:
    """Spellings that differ only in case and blanks become the most frequent one (78)."""
    filled = texts[texts.notna() & (texts != "")]
    folded = filled.str.casefold().str.replace(r"\s+", " ", regex=True)
    if folded.is_unique or len(texts) > _MOST_SPELLINGS:
        return texts
    sizes = pd.Series(column.sizes)[filled.index]
    usual = filled[sizes.groupby(folded).transform("idxmax")].set_axis(filled.index)
    known = _declared_values(state, name)
    if known:
        # A declared spelling is what it says; another one of the same letters is the declared one.
        folds = {value.casefold(): value for value in known}
        usual = filled.where(filled.isin(known), folded.map(folds).fillna(usual))
    changed = filled.index[usual != filled]
    if len(changed):
        shown = ", ".join(f"{texts[place]!r} as {usual[place]!r}" for place in changed[:3])
        state.repaired(
            "spelling",
            f"read {shown}.",
            column=name,
            rows=column.count(texts.index.isin(changed)),
            next_step=f"If they differ in fact declare  categories = {{{name} = [...]}} with each of them.",
        )
    return usual.reindex(texts.index)


def _declared_values(state: TableState, name: str) -> tuple[str, ...]:
    """Allowed values, where the user or the contract lists them."""
    column = state.column(name)
    return state.config.categories.get(name) or (column.values if column else ())


Rule = Callable[[TableState, str, Distinct, pd.Series], pd.Series]
#: Kinds -> rule, in this order; a new rule on cells is one more entry.
CELL_RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    ((*NUMBER_KINDS, "id", "category"), _error_cells),
    (NUMBER_KINDS, _other_digits),
    (NUMBER_KINDS, _no_answer),
    (("score",), _labelled),
    (("id",), _float_ids),
    (("id",), _lookalikes),
    (("category",), _spellings),
)
