"""Data folders in an object store (s3://, gs://, abfs://, memory://): only what is needed is fetched."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from cxlab.core.columns import TABLE_NAMES
from cxlab.core.errors import Finding
from cxlab.ingest.config import CONFIG_NAME, DataConfig
from cxlab.ingest.config_reader import read_config
from cxlab.ingest.limits import MEGABYTE
from cxlab.ingest.sources import format_of


def is_remote(folder: str | Path) -> bool:
    """Whether a folder is an address rather than a path.

    >>> is_remote("s3://bucket/surveys"), is_remote("data/demo")
    (True, False)
    """
    return isinstance(folder, str) and "://" in folder


@contextmanager
def fetched(folder: str, *, config: str | Path | None) -> Iterator[tuple[Path, list[Finding]]]:
    """A local copy of what `cxlab.toml` names (or of the canonical names); removed afterwards.

    Gives the folder, and findings where the store cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="cxlab-fetched-") as name:
        local = Path(name) / (PurePosixPath(folder.split("://", 1)[1]).name or "data")
        local.mkdir()
        try:
            problems = _fetch(folder.rstrip("/"), local, config)
        except ImportError as error:
            step = 'Install the extra:  pip install "cxlab[cloud]"  and the package of your store.'
            problems = [_problem(folder, f"reading this address needs {error.name or 'fsspec'}.", step)]
        except Exception as error:  # each store raises its own classes, none of them ours
            message = f"cannot be read: {type(error).__name__}."
            problems = [_problem(folder, message, "Check the address and your access to it.")]
        yield local, problems


def _problem(folder: str, message: str, step: str) -> Finding:
    shown = folder.split("://", 1)[0] + "://" + folder.split("://", 1)[1].rpartition("@")[2]
    return Finding(level="error", rule="folder", file=shown, message=message, next_step=step)


def _fetch(folder: str, local: Path, config: str | Path | None) -> list[Finding]:
    import fsspec

    store, root = fsspec.core.url_to_fs(folder)
    root = root.rstrip("/")
    held = {
        str(path)[len(root) :].lstrip("/"): int(about.get("size") or 0)
        for path, about in store.find(root, detail=True).items()
    }
    if CONFIG_NAME in held:
        _copy(store, f"{root}/{CONFIG_NAME}", local / CONFIG_NAME)
    settings = read_config(Path(config) if config else local / CONFIG_NAME, required=False)
    limit = settings.limits.file_megabytes * MEGABYTE
    for name in sorted(name for name in held if _needed(name, settings)):
        if held[name] > limit:
            step = "If it is right raise  file_megabytes  under  [limits]."
            return [_problem(folder, f"{name} has {held[name] / MEGABYTE:,.0f} MB.", step)]
        _copy(store, f"{root}/{name}", local / name)
    return []


def _copy(store: Any, name: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(store.cat_file(name))


def _needed(name: str, settings: DataConfig) -> bool:
    """Whether a file of the store is named in the configuration, or bears the name of a table."""
    parts = PurePosixPath(name).parts
    if not format_of(name) or "truth" in parts or ".." in parts:
        return False
    tables = settings.tables.values()
    declared = [table.file for table in tables if table.file]
    declared += [lookup.file for table in tables for lookup in table.lookups]
    named = any(fnmatchcase(name, one) or name.startswith(one.rstrip("/") + "/") for one in declared)
    return named or parts[0].split(".")[0] in TABLE_NAMES
