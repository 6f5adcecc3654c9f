"""What a report was made of, as one key, and the record that says that it is done and whole."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

from cxlab.core.pseudonyms import key_id_in_force
from cxlab.core.version import __version__
from cxlab.reporting.job import Job
from cxlab.reporting.naming import inside
from cxlab.reporting.notebooks import Notebook

#: Below the output folder: one record for each good report, written when page and notebook are whole.
RECORDS: Final = "records"
_SHOWN_DIGITS: Final = 16
_SOURCE_KINDS: Final = frozenset({".py", ".j2", ".css", ".json", ".toml"})


def report_key(job: Job, data_hash: str, *, page: Mapping[str, Any] | None = None) -> str:
    """One hash of everything that a report depends on.

    The notebook's cells without outputs, all parameter values (of a path, what lies there), the data, the
    source of cxlab, the versions of all packages, and how the ``page`` is set: with an equal key a new run
    gives an equal report.
    """
    values = {item.name: job.given.get(item.name, item.default) for item in job.declared}
    for item in job.declared:
        if item.is_path and values[item.name]:
            values[item.name] = hash_files((job.path.parent / str(values[item.name])).resolve())
    parts = {
        "notebook": _source(job.notebook),
        "parameters": values,
        "identity": dict(job.identity),
        "data": data_hash,
        "page": dict(page or {}),
        "environment": environment_hash(),
        "pseudonym_key_id": key_id_in_force(),
    }
    return _digest(json.dumps(parts, sort_keys=True, default=str).encode())


@functools.cache
def environment_hash() -> str:
    """A hash of cxlab's own source files and of the name and version of every installed package."""
    package = Path(__file__).parents[1]
    sources = sorted(path for path in package.rglob("*") if path.suffix in _SOURCE_KINDS)
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    installed = {
        _name_and_version(one.read_text("METADATA") or one.read_text("PKG-INFO") or "")
        for one in distributions()
    }
    digest.update("\n".join(sorted(installed)).encode())
    return digest.hexdigest()


def hash_files(path: Path) -> str:
    """A short hash of a file, or of all files below a folder with their names; empty if there is none."""
    files = [path] if path.is_file() else sorted(found for found in path.rglob("*") if found.is_file())
    if not files:
        return ""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:_SHOWN_DIGITS]


def record_name(report: str) -> str:
    """Where the record of a report stands, below the output folder."""
    return f"{RECORDS}/{report}.json"


def record_text(facts: Mapping[str, Any], *, key: str, identity: str, files: Mapping[str, str]) -> str:
    """The record of a finished report: ``facts`` for the overview, and a hash of each of its ``files``."""
    content = {
        **facts,
        "cxlab": __version__,
        # Says which key the pseudonyms of this run were made under, and nothing about the key.
        "pseudonym_key_id": key_id_in_force(),
        "key": key,
        "identity": identity,
        "files": {name: _digest(text.encode()) for name, text in files.items()},
    }
    return json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def identity_of(job: Job) -> str:
    """A hash of what was asked for: the notebook's name and the values as they were written."""
    return _digest(json.dumps(dict(job.identity), sort_keys=True, default=str).encode())


def finished_record(out: Path, report: str) -> dict[str, Any] | None:
    """The record of ``report`` in ``out`` if every file it names is there and whole, else None."""
    return whole_record(out, out / record_name(report))


def whole_record(folder: Path, path: Path) -> dict[str, Any] | None:
    """The record at ``path`` if the files it names, below ``folder``, have their hashes, else None."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        for name, expected in record["files"].items():
            if _digest(inside(folder, name).read_bytes()) != expected:
                return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return dict(record)


def _source(notebook: Notebook) -> list[list[Any]]:
    return [[cell.cell_type, cell.source, sorted(_tags(cell))] for cell in notebook.cells]


def _name_and_version(metadata: str) -> str:
    """The two lines of a package's metadata; parsing all of 200 packages takes a third of a second."""
    head = metadata.partition("\n\n")[0].splitlines()
    return " ".join(sorted(line for line in head if line.startswith(("Name:", "Version:"))))


def _tags(cell: Any) -> Iterable[str]:
    return [str(tag) for tag in cell.metadata.get("tags", [])]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
