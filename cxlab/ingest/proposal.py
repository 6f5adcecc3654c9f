"""`cxlab init`: a commented `cxlab.toml` out of what a folder looks like, applied only once confirmed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from cxlab.core.errors import ParameterError
from cxlab.ingest.config import CONFIG_NAME
from cxlab.ingest.contracts import contract_of
from cxlab.ingest.guess_columns import ColumnGuess, TableGuess
from cxlab.ingest.guess_files import FolderGuess, guess_folder

_HEAD = """\
# Proposal of  cxlab init , made from what the files look like. Nothing in it counts before you say so:
#   1. read every line marked  guess:  and correct it; settle every line marked  CHOOSE:
#   2. write  confirmed = true
#   3. run  cxlab check  on this folder: it names what is left to mend or declare
# Every option with its meaning: data/README.md of cxlab.
confirmed = false
"""
_COMMENT_LETTERS = 240


def propose(folder: str | Path) -> str:
    """The text of a ``cxlab.toml`` for a folder: tables, columns, scales, codes, dates, each with evidence.

    Parameters
    ----------
    folder
        The folder with the data files. Nothing in it is changed.

    Returns
    -------
    str
        TOML with ``confirmed = false``: the loader refuses it until the user has confirmed it.

    Raises
    ------
    TableError
        If there is no folder or no data file in it.
    """
    place = Path(folder)
    found = guess_folder(place)
    parts = [_HEAD + f"title = {quoted(place.resolve().name)}\n"]
    parts += [_table_text(guess) for guess in found.tables]
    if not found.tables:
        parts.append(
            "# No file was recognised. Start with:\n# [surveys]\n"
            '# file = "..."\n# columns = { response_id = "...", customer_id = "...", overall = "..." }\n'
        )
    parts += _rest(found)
    return "\n".join(parts)


def write_proposal(folder: str | Path) -> Path:
    """Write :func:`propose` as ``cxlab.toml`` into ``folder``, never through a link, never over a file.

    Raises ParameterError where there is one already or none can be written.
    """
    target = Path(folder) / CONFIG_NAME
    if target.exists() or target.is_symlink():
        raise ParameterError(
            f"{CONFIG_NAME} is there already and is not touched. Next step: cxlab init --dry-run prints a "
            f"proposal to compare with."
        )
    text = propose(folder)
    try:
        with target.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise ParameterError(
            f"{CONFIG_NAME} cannot be written ({error.strerror or error}). Next step: cxlab init --dry-run "
            f"prints it."
        ) from error
    return target


def quoted(text: str) -> str:
    """A TOML string: what JSON writes, and the one control character that JSON leaves as it is.

    >>> print(quoted('Wie "gut"?'))
    "Wie \\"gut\\"?"
    """
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return json.dumps(clean, ensure_ascii=False).replace("\x7f", "\\u007f")


def _said(text: str) -> str:
    """A comment that cannot leave its line, short."""
    plain = re.sub(
        r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text.encode("utf-8", "replace").decode("utf-8")
    )
    return plain if len(plain) <= _COMMENT_LETTERS else plain[: _COMMENT_LETTERS - 3] + "..."


def _guess(line: str, why: str) -> str:
    return f"{line}  # guess: {_said(why)}"


def _table_text(guess: TableGuess) -> str:
    lines = [f"[{guess.table}]", _guess(f"file = {quoted(guess.file)}", "; ".join(guess.evidence))]
    lines += _form(guess)
    if guess.absent:
        listed = _listed(guess.absent)
        lines.append(
            _guess(f"absent = [{listed}]", "no column looks like it; map it under columns if one is")
        )
    if guess.personal:
        lines.append("# personal by name or content, never carried: " + _said(_listed(guess.personal)))
    if guess.unknown:
        lines.append("# not carried: " + _said(_listed(guess.unknown)))
        lines.append('# to carry some of them:  carry = ["...", "..."]')
    arranged = guess.source.arrangement
    tool = set(arranged.names) if arranged and guess.table == "surveys" else set()
    for column in (c for c in guess.columns if c.ours in tool):
        lines.append(
            f"# {column.ours} is taken from {_said(quoted(column.theirs))}, {_said(column.evidence)}"
        )
    named = [c for c in guess.columns if c.ours not in tool and c.theirs != c.ours]
    same = [c.ours for c in guess.columns if c.ours not in tool and c.theirs == c.ours]
    if same:
        lines.append("# already called as here: " + _said(", ".join(same)))
    lines += _section(guess, "columns", {c: quoted(c.theirs) for c in named}, lambda c: c.evidence)
    lines += _scales(guess)
    return "\n".join(lines) + "\n"


def _form(guess: TableGuess) -> list[str]:
    """Sheet, tool, delimiter, decimal mark, dates: how the file is written."""
    source, lines = guess.source, []
    if guess.sheet:
        lines.append(_guess(f"sheet = {quoted(guess.sheet)}", "this sheet fits best"))
    arranged = source.arrangement
    if arranged and arranged.platform in ("typeform", "limesurvey") and guess.table == "surveys":
        lines.append(_guess(f"platform = {quoted(arranged.platform)}", "by the names of its columns"))
    if source.kind == "csv" and source.delimiter != ",":
        lines.append(_guess(f"delimiter = {quoted(source.delimiter)}", "by the first lines"))
    commas = [column.theirs for column in guess.columns if column.decimal == ","]
    if commas:
        lines.append(_guess('decimal = ","', f"numbers in {commas[0]} are written so"))
    orders = {column.date_order: column for column in guess.columns if column.date_order}
    sure = [order for order in orders if order != "?"]
    if len(sure) == 1:
        column = orders[sure[0]]
        lines.append(_guess(f'date_order = "{sure[0]}"', f"{column.theirs}: {column.evidence}"))
    elif orders:
        shown = next(iter(orders.values()))
        lines.append('# CHOOSE: date_order = "DMY"  or  date_order = "MDY"')
        lines.append(f"#   {_said(shown.theirs)}: {_said(shown.evidence)}")
    serial = [column.ours for column in guess.columns if column.serial]
    return lines + [f'# CHOOSE: number_dates = {{ {name} = "excel" }}  or  "excel1904"' for name in serial]


def _scales(guess: TableGuess) -> list[str]:
    """Scales that differ from the contract, codes that are no answers, texts that need a number."""
    contract = contract_of(guess.table)
    scales: dict[ColumnGuess, str] = {}
    codes: dict[ColumnGuess, str] = {}
    words = []
    for column in guess.columns:
        ours = contract.column(column.ours)
        if column.scale and ours is not None and column.scale != (ours.low, ours.high):
            scales[column] = f"[{column.scale[0]:g}, {column.scale[1]:g}]"
        if column.codes:
            codes[column] = f"[{', '.join(map(str, column.codes))}]"
        if column.words:
            pairs = ", ".join(f"{quoted(word)} = ..." for word in column.words if "@" not in word)
            words.append(f"# CHOOSE: {column.ours} = {{ {_said(pairs)} }}")
    lines = _section(guess, "scale", scales, lambda c: c.evidence.split("; ")[-1])
    lines += _section(
        guess,
        "missing_codes",
        codes,
        lambda c: 'no point of the scale; with a reason: {99 = "not experienced"}',
    )
    return lines + ([f"# [{guess.table}.recode]", *words] if words else [])


def _section(
    guess: TableGuess, name: str, values: Mapping[ColumnGuess, str], why: Callable[[ColumnGuess], str]
) -> list[str]:
    if not values:
        return []
    lines = [_guess(f"{column.ours} = {value}", why(column)) for column, value in values.items()]
    return ["", f"[{guess.table}.{name}]", *lines]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(quoted(name) for name in names)


def _rest(found: FolderGuess) -> list[str]:
    if not found.unused:
        return []
    lines = ["# Not used:"]
    lines += [f"#   {_said(file)}: {_said(reason)}" for file, reason in found.unused]
    return ["\n".join(lines) + "\n"]
