"""Writing into an output folder: all of a file or nothing, one run at a time."""

from __future__ import annotations

import contextlib
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

from cxlab.core.errors import ReportError

_LOCK_NAME = ".cxlab-lock"
_UNFINISHED = ".cxlab-unfinished-"


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that a reader, a crash or a full disk never meets half of it.

    A new file beside ``path`` is written, flushed to the disk and renamed; a link at ``path`` is replaced,
    not followed. ReportError if the folder cannot be written.
    """
    unfinished = path.parent / f"{_UNFINISHED}{uuid.uuid4().hex}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise ReportError(
            f"{path.name}: cannot be written ({error.strerror or error}). Next step: free space in the "
            "output folder, or name another one with --out."
        ) from error


def remove(path: Path) -> None:
    """Remove a file that may be gone; ReportError if it cannot be removed."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ReportError(
            f"{path.name}: the page of an earlier run cannot be removed ({error.strerror})."
        ) from error


@contextlib.contextmanager
def output_folder(folder: Path) -> Iterator[Path]:
    """The folder, made if needed and locked against a second run; what a killed run left is removed.

    ReportError if it cannot be written or another run is writing to it. The lock is the operating
    system's, so a killed run leaves none; on Windows no lock is taken.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / _LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise ReportError(
            f"The output folder {str(folder)!r} cannot be written ({error.strerror or error}). Next step: "
            "name another one with --out."
        ) from error
    try:
        if sys.platform != "win32":
            _lock(lock, folder)
        for place in (folder, folder / "notebooks", folder / "failed"):
            for leftover in place.glob(f"{_UNFINISHED}*"):
                leftover.unlink(missing_ok=True)
        yield folder
    finally:
        os.close(lock)


def _lock(descriptor: int, folder: Path) -> None:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ReportError(
            f"Another run is writing to {str(folder)!r}. Next step: wait for it, or name another folder "
            "with --out."
        ) from error
