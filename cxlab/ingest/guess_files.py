"""What the files of a folder may be: each tried as every table, the best kept, the rest named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cxlab.core.columns import CUSTOMERS, SURVEYS, TABLE_NAMES
from cxlab.core.errors import TableError
from cxlab.ingest.bytes_rules import UnreadableError
from cxlab.ingest.config import Dialect
from cxlab.ingest.contracts import contract_of
from cxlab.ingest.guess_columns import Looks, TableGuess, guess_columns
from cxlab.ingest.guess_names import FILE_HINTS, folded
from cxlab.ingest.limits import Limits
from cxlab.ingest.platforms import PLATFORMS_KNOWN, arrange
from cxlab.ingest.readers import read_source
from cxlab.ingest.sources import FORMATS, Source, format_of

#: Fewer points and a file is not proposed as a table: a name alone is worth three.
FEWEST_POINTS = 3.0
_MOST_FILES = 60
_MOST_SHEETS = 12
#: A column that only this tool writes.
_TOOL_MARKS = {
    "typeform": ("Submit Date (UTC)",),
    "limesurvey": ("submitdate. Date submitted", "submitdate"),
}


@dataclass(kw_only=True)
class FolderGuess:
    """The tables that were recognised, and every file that was not used, with the reason."""

    tables: list[TableGuess] = field(default_factory=list)
    unused: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    """A file, the files of a pattern or a sub-folder that may be one table."""

    file: str
    path: Path
    count: int = 1
    sheet: str = ""


def guess_folder(folder: Path) -> FolderGuess:
    """Look at every data file of ``folder``; TableError where there is no folder or no data file."""
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise TableError(
            f"{folder.name or folder}: {what}. Next step: name the folder that holds the files."
        )
    found = FolderGuess()
    candidates = _candidates(folder, found)
    if not candidates:
        raise TableError(
            f"{folder.resolve().name}: holds no data file. Next step: put {', '.join(FORMATS)} files there."
        )
    tried: list[TableGuess] = []
    for candidate in candidates:
        tried += _tried(candidate, found)
    _assign(tried, found)
    return found


def _candidates(folder: Path, found: FolderGuess) -> list[_Candidate]:
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    files = [path for path in entries if path.is_file() and format_of(path.name)]
    listed: dict[str, list[Path]] = {}
    for path in files:
        listed.setdefault(re.sub(r"[0-9]+(?:[-_.][0-9]+)*", "*", path.name), []).append(path)
    candidates = []
    for pattern, paths in listed.items():
        if len(paths) > 1 and "*" in pattern and sorted(folder.glob(pattern)) == paths:
            candidates.append(_Candidate(file=pattern, path=paths[0], count=len(paths)))
        else:
            candidates += [_Candidate(file=path.name, path=path) for path in paths]
    for path in entries:
        if path.is_dir() and path.name != "truth":
            inside = sorted(one for one in path.iterdir() if one.is_file() and format_of(one.name))
            if inside:
                candidates.append(_Candidate(file=path.name, path=inside[0], count=len(inside)))
    for one in candidates[_MOST_FILES:]:
        found.unused.append((one.file, f"not looked at: more than {_MOST_FILES} files"))
    return candidates[:_MOST_FILES]


def _tried(candidate: _Candidate, found: FolderGuess) -> list[TableGuess]:
    """The candidate as each table; a workbook of several sheets sheet by sheet."""
    try:
        source = _read(candidate)
    except UnreadableError as error:
        sheets = _sheets(candidate) if error.finding.rule == "sheet" and not candidate.sheet else []
        if sheets:
            parts = [
                _Candidate(file=candidate.file, path=candidate.path, count=candidate.count, sheet=sheet)
                for sheet in sheets[:_MOST_SHEETS]
            ]
            return [guess for part in parts for guess in _tried(part, found)]
        found.unused.append((_name(candidate), error.finding.message))
        return []
    except OSError as error:
        found.unused.append((candidate.file, f"cannot be opened: {error.strerror or type(error).__name__}"))
        return []
    looks = Looks(source)
    guesses = [_as_table(table, candidate, source, looks) for table in TABLE_NAMES]
    if all(guess.score < FEWEST_POINTS for guess in guesses):
        found.unused.append((_name(candidate), "neither name nor columns look like one of the tables"))
    return [guess for guess in guesses if guess.score >= FEWEST_POINTS]


def _read(candidate: _Candidate) -> Source:
    source = read_source(
        candidate.path, file=candidate.path.name, dialect=Dialect(sheet=candidate.sheet), limits=Limits()
    )
    header = [str(name) for name in source.frame.columns]
    tool = next((name for name, marks in _TOOL_MARKS.items() if set(marks) & set(header)), "")
    if tool in PLATFORMS_KNOWN:
        arrange(source, declared=tool)
    else:
        arrange(source, declared="")
    single = ~source.frame.columns.duplicated(keep=False)
    source.frame = source.frame.loc[:, single & (source.frame.columns.astype(str).str.strip() != "")]
    return source


def _as_table(table: str, candidate: _Candidate, source: Source, looks: Looks) -> TableGuess:
    guess = TableGuess(table=table, file=candidate.file, source=source, looks=looks, sheet=candidate.sheet)
    guess_columns(guess)
    stem = folded(f"{candidate.file.split('.')[0]} {candidate.sheet}")
    if stem.strip("_") == table:
        guess.score += 3
        guess.evidence.append(f"it is called {table}")
    elif re.search(FILE_HINTS[table], stem):
        guess.score += 3
        guess.evidence.append(f"its name speaks of {table}")
    if table == SURVEYS and source.arrangement is not None and source.arrangement.platform:
        guess.score += 6
        guess.evidence.append(f"an export of {source.arrangement.platform}")
    required = contract_of(table).required
    held = [column.ours for column in guess.columns]
    key = contract_of(table).key
    guess.score += sum(2.0 if name in required else 1.0 for name in held)
    guess.score -= sum(2.0 if name == key else 1.0 for name in guess.absent)
    ratings = sum(name == "overall" or name.startswith("rating_") for name in held)
    guess.score -= 2.0 if table == SURVEYS and not ratings else 0.0
    if table == CUSTOMERS and "customer_id" not in held:
        guess.score = 0.0
    if candidate.count > 1:
        guess.evidence.append(f"{candidate.count} files, looked at: {candidate.path.name}")
    guess.evidence.append(f"{len(held)} columns known")
    return guess


def _assign(tried: Sequence[TableGuess], found: FolderGuess) -> None:
    """The best pairs of file and table first; one file per table, one table per file."""
    order = sorted(tried, key=lambda guess: (-guess.score, TABLE_NAMES.index(guess.table), guess.file))
    files: set[tuple[str, str]] = set()
    chosen: dict[str, TableGuess] = {}
    for guess in order:
        place = (guess.file, guess.sheet)
        if guess.table not in chosen and place not in files:
            chosen[guess.table] = guess
            files.add(place)
    for place in dict.fromkeys((guess.file, guess.sheet) for guess in order):
        if place not in files:
            best = next(guess for guess in order if (guess.file, guess.sheet) == place)
            other = chosen[best.table].file if best.table in chosen else ""
            reason = f"could be {best.table}, but {other} fits better" if other else "fits no free table"
            found.unused.append((f"{place[0]} {place[1]}".strip(), reason))
    found.tables = [chosen[name] for name in TABLE_NAMES if name in chosen]


def _sheets(candidate: _Candidate) -> list[str]:
    import openpyxl

    book = openpyxl.load_workbook(candidate.path, read_only=True)
    names = list(book.sheetnames)
    book.close()
    return names


def _name(candidate: _Candidate) -> str:
    return f"{candidate.file} {candidate.sheet}".strip()
