"""Writing into an output folder: all of a file or nothing, one run at a time."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from cxlab.core.errors import ReportError
from cxlab.reporting.naming import inside

_LOCK_NAME = ".cxlab-lock"
UNFINISHED: Final = ".cxlab-unfinished-"


def write_whole(path: Path, content: str | bytes) -> None:
    """Write ``content`` to ``path`` so that a reader, a crash or a full disk never meets half of it.

    A new file beside ``path`` is written, flushed to the disk and renamed; a link at ``path`` is replaced,
    not followed. ReportError if the folder cannot be written.
    """
    unfinished = path.parent / f"{UNFINISHED}{uuid.uuid4().hex}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_flushed(unfinished, content)
        unfinished.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise _unwritable(path.name, error) from error


def publish(out: Path, files: Mapping[str, str], *, marker: str) -> None:
    """Put ``files`` (name below ``out`` to text) in their places together, the ``marker`` last.

    All are first written whole into a folder of their own and flushed to the disk; then each is renamed to
    its final name. A run that is killed before the marker is written leaves nothing under a final name; one
    that is killed while it renames leaves whole files, which :func:`output_folder` completes.
    """
    folder = out / f"{UNFINISHED}{uuid.uuid4().hex}"
    order = [*(name for name in files if name != marker), marker]
    try:
        for name in order:
            target = inside(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            _write_flushed(target, files[name])
        _put_in_place(folder, out, order)
    except OSError as error:
        raise _unwritable(marker, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def complete(folder: Path, out: Path, names: list[str]) -> None:
    """Rename what a killed run had written whole but not yet put in place; see :func:`publish`."""
    with contextlib.suppress(OSError):
        _put_in_place(folder, out, [name for name in names if (folder / name).is_file()])
    shutil.rmtree(folder, ignore_errors=True)


def remove(path: Path) -> None:
    """Remove a file that may be gone; ReportError if it cannot be removed."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ReportError(
            f"{path.name}: the page of an earlier run cannot be removed ({error.strerror})."
        ) from error


@contextlib.contextmanager
def output_folder(folder: Path, *, shared: bool = False) -> Iterator[Path]:
    """The folder, made if needed and locked against a second run.

    Parameters
    ----------
    folder
        Where pages go.
    shared
        Several processes make single reports here at the same time; they shut out a whole run, not each
        other.

    Raises
    ------
    ReportError
        It cannot be written, or another run is writing to it. The lock is the operating system's, so a
        killed run leaves none; on Windows no lock is taken.
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
            _lock(lock, folder, shared=shared)
        yield folder
    finally:
        os.close(lock)


def unfinished_in(folder: Path) -> list[Path]:
    """What killed runs left in ``folder``: only to be asked for by who holds the lock alone."""
    places = (folder, folder / "notebooks", folder / "failed", folder / "records")
    return [leftover for place in places for leftover in sorted(place.glob(f"{UNFINISHED}*"))]


def _put_in_place(folder: Path, out: Path, order: list[str]) -> None:
    for name in order:
        target = inside(out, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        (folder / name).replace(target)


def _write_flushed(path: Path, content: str | bytes) -> None:
    with path.open("xb") as file:
        file.write(content if isinstance(content, bytes) else content.encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())


def _unwritable(name: str, error: OSError) -> ReportError:
    return ReportError(
        f"{name}: cannot be written ({error.strerror or error}). Next step: free space in the "
        "output folder, or name another one with --out."
    )


def _lock(descriptor: int, folder: Path, *, shared: bool) -> None:
    import fcntl

    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        raise ReportError(
            f"Another run is writing to {str(folder)!r}. Next step: wait for it, or name another folder "
            "with --out."
        ) from error
