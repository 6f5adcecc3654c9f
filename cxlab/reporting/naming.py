"""File names of reports: short, safe on every system, different for different reports."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cxlab.core.errors import ReportError

LONGEST: Final = 60
_HASH_DIGITS: Final = 8
# "index" is the overview page; the others cannot be file names on Windows.
_RESERVED: Final = frozenset(
    {"index", "con", "prn", "aux", "nul", *(f"{device}{n}" for device in ("com", "lpt") for n in range(10))}
)


def slug(text: str) -> str:
    """``text`` in lower-case ASCII letters, digits and single hyphens; may be empty.

    >>> slug("Nord/Ost  Straße")
    'nord-ost-strasse'
    """
    plain = (
        unicodedata.normalize("NFKD", text.lower().replace("ß", "ss")).encode("ascii", "ignore").decode()
    )
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def report_name(stem: str, labels: Sequence[str], identity: Mapping[str, Any]) -> str:
    """The file name (without ending) of a report: notebook, the values it is made for, perhaps a hash.

    A hash of ``identity`` is added where the slug does not hold a whole value: ``Nord/Ost`` and
    ``nord ost`` must not write the same file.

    >>> report_name("02_drivers", ["D001"], {})
    '02-drivers-d001'
    >>> report_name("02_drivers", ["Nord/Ost"], {"region": "Nord/Ost"})
    '02-drivers-nord-ost-66259729'
    """
    short = slug("-".join([stem, *labels]))
    faithful = all(slug(label) == label.lower() for label in labels)
    if short and faithful and len(short) <= LONGEST and short not in _RESERVED:
        return short
    return with_hash(short, identity)


def with_hash(name: str, identity: Mapping[str, Any]) -> str:
    """``name`` cut to fit and followed by a short hash of ``identity``."""
    canonical = json.dumps(identity, sort_keys=True, ensure_ascii=True, default=str)
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:_HASH_DIGITS]
    start = name[: LONGEST - _HASH_DIGITS - 1].strip("-")
    return f"{start}-{digest}" if start else f"report-{digest}"


def inside(folder: Path, relative: str) -> Path:
    """``folder / relative``; ReportError if that leads out of ``folder``, by dots or by a link."""
    root = folder.resolve()
    target = root / relative
    parent = target.parent.resolve()
    if target.name in {"", ".."} or target == root or not parent.is_relative_to(root):
        raise ReportError(
            f"{relative}: this report would be written outside its output folder. Next step: remove the "
            "link or the dots from the name."
        )
    return target
