"""A list of check sums beside the data: any byte that changes afterwards is an error when they are loaded.

CSV, SPSS and plain Parquet hold no check sum over their cells, so no reader can tell a damaged digit from
another answer. The list is a ``SHA256SUMS`` as ``sha256sum`` writes and checks it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Final

from cxlab.core.errors import Finding, ParameterError
from cxlab.core.result import save_text
from cxlab.ingest.sources import format_of

MANIFEST: Final = "SHA256SUMS"
_RULE: Final = "check sum"


def write_manifest(folder: Path) -> tuple[Path, int]:
    """Write the check sums of all data files below ``folder``; returns the list and how many these are."""
    files = _data_files(folder)
    if not files:
        raise ParameterError(f"{folder.name}: holds no data file. Next step: name the folder of the data.")
    lines = [f"{_sum(folder / name)}  {name}\n" for name in files]
    save_text(folder / MANIFEST, "".join(lines))
    return folder / MANIFEST, len(files)


def renew_sums(folder: Path, names: Collection[str]) -> None:
    """Renew the lines of files that cxlab itself rewrote; every other line of the list stays as it is."""
    path = folder / MANIFEST
    if not names or not path.is_file():
        return
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    renewed = [f"{_sum(folder / one[66:])}  {one[66:]}" if one[66:] in names else one for one in lines]
    save_text(path, "\n".join(renewed) + "\n")


def changed_files(folder: Path) -> list[Finding]:
    """What differs from the list, if there is one: changed or missing is an error, new a note."""
    path = folder / MANIFEST
    if not path.is_file():
        return []
    listed: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        digest, gap, name = line[:64], line[64:66], line[66:]
        if gap not in ("  ", " *") or len(digest) != 64 or not name:
            return [_said(MANIFEST, "holds a line that is no check sum.", "Write the list again.")]
        listed[name] = digest
    held = _data_files(folder)
    findings = []
    for name, digest in listed.items():
        if name not in held:
            message = f"is in {MANIFEST}, but not in the folder."
            findings.append(_said(name, message, "Copy the file again, or write the list again."))
        elif _sum(folder / name) != digest.lower():
            message = f"is not the file that {MANIFEST} was written for: a byte or more changed since."
            step = "Copy the file again. If the change is meant:  cxlab check DIR --write-manifest."
            findings.append(_said(name, message, step))
    new = [name for name in held if name not in listed]
    if new:
        message = f"{', '.join(new[:5])} {'is' if len(new) == 1 else 'are'} not in the list, not compared."
        findings.append(Finding(level="note", rule=_RULE, file=MANIFEST, message=message))
    return findings


def _data_files(folder: Path) -> list[str]:
    """The files that a load may read, from the folder down; not the truth of simulated data."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(p.as_posix() for p in found if format_of(p.name) and p.parts[0] != "truth")


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _said(file: str, message: str, step: str) -> Finding:
    return Finding(level="error", rule=_RULE, file=file, message=message, next_step=step)
