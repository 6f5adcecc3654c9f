"""Running one notebook with checked parameters: what it made, or why it failed."""

from __future__ import annotations

import copy
import functools
import logging
import re
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxlab.core.errors import ReportError
from cxlab.reporting.kernel import KernelSet, last_words
from cxlab.reporting.notebooks import INJECTED_TAG, Notebook, tags
from cxlab.reporting.parameters import Value

DEFAULT_TIMEOUT_SECONDS = 600
_START_TIMEOUT_SECONDS = 120
# papermill's errors reach the reader once, through Failure. One handler: adding it again changes nothing.
_SILENT = logging.NullHandler()
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a report failed: one clear first line, the code cell (counted from 1), the trace if any.

    ``died`` says that the kernel ended by itself or was killed: another try may do.
    """

    message: str
    cell: int | None = None
    trace: str = ""
    died: bool = False


@dataclass(frozen=True, kw_only=True)
class Executed:
    """A notebook after its run, with the outputs up to the failure if it failed."""

    notebook: Notebook
    seconds: float
    failure: Failure | None = None


def execute(
    notebook: Notebook,
    values: Mapping[str, Value],
    *,
    folder: Path,
    kernels: KernelSet,
    timeout_seconds: int = DEFAULT_TIMEOUT_SECONDS,
) -> Executed:
    """Run a copy of ``notebook`` in a kernel of this interpreter; nothing is written to disk.

    This function is the one place where a kernel is started. A failing, dying or hanging cell is
    returned as a :class:`Failure`, never raised.

    Parameters
    ----------
    notebook
        As :func:`~cxlab.reporting.notebooks.read_notebook` returns it.
    values
        Checked parameter values; they are put in a cell after the declared defaults.
    folder
        The kernel's working folder: the notebook's own, as in JupyterLab, so that relative defaults hold.
    kernels
        Through which a batch can end its kernels.
    timeout_seconds
        For one cell.

    Returns
    -------
    Executed
        Without papermill's metadata, which holds paths and times.
    """
    from papermill.engines import papermill_engines

    logging.getLogger("papermill").addHandler(_SILENT)
    prepared = _prepared(notebook, values)
    started = time.monotonic()
    failure: Failure | None = None
    with tempfile.TemporaryDirectory(prefix="cxlab-", ignore_cleanup_errors=True) as private:
        try:
            if kernels.stopped.is_set():
                raise ReportError("The batch was interrupted before this report started.")
            _off_the_main_thread(
                functools.partial(
                    papermill_engines.execute_notebook_with_engine,
                    None,
                    prepared,
                    "python3",
                    progress_bar=False,
                    kernel_manager_class=kernels.manager_class(Path(private)),
                    resources={"metadata": {"path": str(folder)}},
                    start_timeout=_START_TIMEOUT_SECONDS,
                    execution_timeout=timeout_seconds,
                )
            )
            failure = _failed_cell(prepared)
        except Exception as error:
            said, stopped = last_words(Path(private)), kernels.stopped.is_set()
            failure = _failure_of(error, prepared, timeout_seconds, interrupted=stopped, said=said)
    _strip(prepared)
    return Executed(notebook=prepared, seconds=time.monotonic() - started, failure=failure)


def _off_the_main_thread(call: Callable[[], Any]) -> None:
    """Run ``call`` in another thread: in the main one nbclient would take over Ctrl-C and SIGTERM."""
    if threading.current_thread() is not threading.main_thread():
        call()
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="report") as pool:
        pool.submit(call).result()


def _prepared(notebook: Notebook, values: Mapping[str, Value]) -> Notebook:
    from papermill.parameterize import parameterize_notebook

    prepared = copy.deepcopy(notebook)
    prepared.metadata["papermill"] = {}
    for cell in prepared.cells:
        cell.metadata["tags"] = tags(cell)
        cell.metadata["papermill"] = {}
    if values:
        prepared = parameterize_notebook(
            prepared,
            dict(values),
            comment="Values of this report",
            kernel_name="python3",
            language="python",
        )
        for cell in prepared.cells:
            if INJECTED_TAG in tags(cell):
                # papermill gives it a random one: equal reports would differ.
                cell["id"] = INJECTED_TAG
    return prepared


def _strip(notebook: Notebook) -> None:
    notebook.metadata.pop("papermill", None)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        # Times of day: two runs of the same report must give the same file.
        cell.metadata.pop("execution", None)
        if not cell.metadata.get("tags", True):
            cell.metadata.pop("tags")


def _failed_cell(notebook: Notebook) -> Failure | None:
    for number, cell in _numbered(notebook):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                trace = _ANSI.sub("", "\n".join(output.traceback))
                return Failure(
                    message=f"{output.ename}: {_ANSI.sub('', output.evalue)}", cell=number, trace=trace
                )
        if cell.metadata.get("papermill", {}).get("exception"):
            return Failure(message="The cell failed without a message.", cell=number)
    return None


def _failure_of(
    error: Exception, notebook: Notebook, timeout_seconds: int, *, interrupted: bool, said: str
) -> Failure:
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    cell = _last_started(notebook)
    if interrupted:
        return Failure(message="Interrupted: the batch was stopped before this report was done.", cell=cell)
    if isinstance(error, DeadKernelError):
        return Failure(
            message="The kernel died: it ran out of memory, was killed, or a library crashed. Next step: "
            "run this report alone (`cxlab run`), with fewer rows or fewer --jobs.",
            cell=cell,
            trace=said,
            died=True,
        )
    if isinstance(error, CellTimeoutError):
        return Failure(
            message=f"The cell ran longer than {timeout_seconds} seconds. Next step: raise --timeout, or "
            "make it faster.",
            cell=cell,
        )
    if isinstance(error, RuntimeError | OSError):
        return Failure(message=f"The kernel did not start or stay: {error}", cell=cell, trace=said)
    raise error


def _last_started(notebook: Notebook) -> int | None:
    started = [
        number
        for number, cell in _numbered(notebook)
        if cell.metadata.get("papermill", {}).get("start_time")
    ]
    return started[-1] if started else None


def _numbered(notebook: Notebook) -> list[tuple[int, Any]]:
    """Code cells as the author counts them, from 1: the cell with injected values repeats a number."""
    numbered: list[tuple[int, Any]] = []
    number = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            number += INJECTED_TAG not in tags(cell)
            numbered.append((number, cell))
    return numbered
