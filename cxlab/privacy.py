"""`cxlab key`, `cxlab erase`, `cxlab purge`: what a data protection officer asks for."""

from __future__ import annotations

import argparse
import datetime
import getpass
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from cxlab.core.errors import ParameterError
from cxlab.core.pseudonyms import KEY_VARIABLE, Pseudonyms, is_pseudonym, make_key

#: Who erased or purged what and when: counts and reasons, never an id or a pseudonym.
ACCESS_LOG: Final = "access-log.jsonl"
_EXPIRY: Final = re.compile(r"expires-(\d{4}-\d{2}-\d{2})")
_ABOUT: Final = ".about.json"


def add_privacy(commands: Any) -> None:
    """The commands `cxlab key`, `cxlab erase` and `cxlab purge`."""
    key = commands.add_parser("key", help="make a key for pseudonyms, outside the project")
    key.add_argument("file", type=Path, metavar="FILE", help="a new file, for example ~/.config/cxlab/key")
    key.set_defaults(command=_key)

    erase = commands.add_parser("erase", help="take one customer out of the data and the lists")
    erase.add_argument("customer", metavar="CUSTOMER", help="the customer id, or its pseudonym")
    erase.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with the tables")
    erase.add_argument("--config", type=Path, metavar="FILE", help="default DIR/cxlab.toml")
    erase.add_argument(
        "--lists",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="folder of lists (repeatable)",
    )
    erase.add_argument("--dry-run", action="store_true", help="count only, write nothing")
    erase.set_defaults(command=_erase)

    purge = commands.add_parser("purge", help="delete lists that are past their date")
    purge.add_argument("folder", type=Path, metavar="DIR", help="folder of lists")
    purge.add_argument("--dry-run", action="store_true", help="name them only, delete nothing")
    purge.set_defaults(command=_purge)


def _key(options: argparse.Namespace) -> int:
    names = make_key(options.file)
    print(
        f"{options.file}: a new key, key id {names.key_id}; only you can read it. Without it nobody can "
        f"find a customer\nagain: keep a copy where you keep passwords. Next step: "
        f"export {KEY_VARIABLE}={options.file}"
    )
    return 0


def _erase(options: argparse.Namespace) -> int:
    """Exit code 0 if every file is clean, 2 if one has to be mended by hand."""
    from cxlab.ingest.config import CONFIG_NAME
    from cxlab.ingest.config_reader import read_config
    from cxlab.ingest.erasing import erase_in_file, erase_in_folder
    from cxlab.ingest.manifest import changed_files, renew_sums

    for folder in (options.data, *options.lists):
        _check_folder(folder)
    config = options.config or options.data / CONFIG_NAME
    settings = read_config(config, required=options.config is not None)
    if settings.problems:
        raise ParameterError("\n".join(line for problem in settings.problems for line in problem.lines()))
    given = options.customer.strip()
    if not given:
        raise ParameterError("The customer is empty. Next step: give the customer id or its pseudonym.")
    named = _Named(given)
    dry = options.dry_run
    damaged = {finding.file for finding in changed_files(options.data)}
    found = erase_in_folder(options.data, settings, named, dry_run=dry, traces=named.known)
    if not dry:  # a file that was not what the list says before stays an error
        renew_sums(options.data, {one.file for one in found if one.rows} - damaged)
    for folder in options.lists:
        for path in _lists(folder):
            columns = {"customer_pseudonym", "customer_id"}
            one = erase_in_file(path, columns, named, dry_run=dry, shown=path.name, traces=named.known)
            if one.rows and not dry:
                _mend_note(path, one.rows)
            found.append(one)
    for one in found:
        if one.rows or one.problem:
            counted = f"{one.rows:,} row{'' if one.rows == 1 else 's'} {'to go' if dry else 'gone'}"
            print(f"  {one.file}: {'; '.join(part for part in (counted, one.problem) if part)}")
    rows = sum(one.rows for one in found)
    undone = [one.file for one in found if one.problem]
    if not dry:
        entry = {"rows": {one.file: one.rows for one in found if one.rows}, "by_hand": undone}
        _log(options.data, "erase", entry)
    said = "would be erased; nothing was written" if dry else "erased"
    print(f"{rows:,} rows of the customer {said}, in {len(found)} files. {named.about}")
    print("Reports made earlier hold no ids; make them again so that their figures leave the customer out.")
    if undone:
        print(f"Not done: {', '.join(undone)}. Next step: take the customer out there by hand.")
    return 2 if undone else 0


class _Named:
    """Whether a cell is the customer, under the number or the pseudonym, whichever was given."""

    def __init__(self, given: str) -> None:
        self._given, self._names = given, None
        self.about = ""
        self.known = {given}
        try:
            self._names = Pseudonyms.from_environment()
        except ParameterError:
            if is_pseudonym(given):
                raise
            self.about = "No key is set: lists that hold pseudonyms were searched for the number only."
            return
        if not is_pseudonym(given):
            self.known.add(self._names.of(given))

    def __call__(self, cell: str) -> bool:
        if cell in self.known:
            return True
        if self._names is None or not is_pseudonym(self._given) or not cell or is_pseudonym(cell):
            return False
        return self._names.of(cell) == self._given


def _purge(options: argparse.Namespace) -> int:
    _check_folder(options.folder)
    today = datetime.datetime.now(datetime.UTC).date()
    gone: list[str] = []
    undone: list[str] = []
    for path in sorted(options.folder.rglob("*")):
        until = _expiry(path)
        if until is None or until >= today or not os.path.lexists(path):
            continue
        if path.is_symlink():
            undone.append(f"{path.name} (a link)")
            continue
        print(f"  {path.name}: {'past' if options.dry_run else 'deleted, past'} {until.isoformat()}")
        gone.append(path.name)
        if not options.dry_run:
            for one in (path, path.with_name(path.name + _ABOUT)):
                _delete(one)
    if gone and not options.dry_run:
        _log(options.folder, "purge", {"files": gone})
    left = "; nothing was deleted" if options.dry_run else ""
    print(f"{len(gone)} file{'' if len(gone) == 1 else 's'} past the date{left}.")
    if undone:
        print(f"Not touched: {', '.join(undone)}. Next step: delete where they point to.")
    return 2 if undone else 0


def _expiry(path: Path) -> datetime.date | None:
    """The date in the name, ``calls-expires-2026-03-31.csv``, else ``delete_on`` of the note beside it."""
    if path.name.endswith(_ABOUT) or not (path.is_file() or path.is_symlink()):
        return None
    found = _EXPIRY.search(path.name)
    text = found[1] if found else ""
    note = path.with_name(path.name + _ABOUT)
    try:
        if not text and note.is_file() and not note.is_symlink():
            text = str(json.loads(note.read_text(encoding="utf-8")).get("delete_on", ""))
        return datetime.date.fromisoformat(text) if text else None
    except (OSError, ValueError, AttributeError):
        return None


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ParameterError(
            f"{path.name}: cannot be deleted ({error.strerror}). Next step: delete it by hand."
        ) from error


def _lists(folder: Path) -> Sequence[Path]:
    """The lists of persons in a folder: CSV and Parquet files."""
    kinds = (".csv", ".parquet")
    return [
        path for path in sorted(folder.rglob("*")) if path.suffix.lower() in kinds and path.name[0] != "."
    ]


def _mend_note(path: Path, rows: int) -> None:
    """The number of rows in the note beside a list."""
    from cxlab.ingest.erasing import replace_file

    note = path.with_name(path.name + _ABOUT)
    if not note.is_file() or note.is_symlink():
        return
    try:
        record = json.loads(note.read_text(encoding="utf-8"))
        record["rows"] = int(record["rows"]) - rows
    except (OSError, ValueError, KeyError, TypeError):
        return
    replace_file(note, (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise ParameterError(
            f"{str(folder)!r} is no folder. Next step: name the folder that holds the files."
        )


def _log(folder: Path, command: str, entry: dict[str, Any]) -> None:
    """One line in the access log of the folder, which only its owner can read; a link is not followed."""
    line = {"at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "command": command}
    try:
        line["by"] = getpass.getuser()
    except (OSError, KeyError):
        line["by"] = "unknown"
    flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)
    try:
        with os.fdopen(os.open(folder / ACCESS_LOG, flags, 0o600), "a", encoding="utf-8") as file:
            file.write(json.dumps({**line, **entry}, ensure_ascii=False) + "\n")
    except OSError as error:
        raise ParameterError(
            f"{ACCESS_LOG}: cannot be written ({error.strerror}); the work itself is done. Next step: mend "
            "the rights of the folder and note it by hand."
        ) from error
