"""Making one report: run the notebook, publish the page whole, or keep what failed apart with its error."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from cxlab.core.errors import ReportError
from cxlab.reporting.delta import Delta, delta_of
from cxlab.reporting.files import publish, remove
from cxlab.reporting.hiding import PathHider
from cxlab.reporting.job import Job
from cxlab.reporting.kernel import KernelSet, kernels_of
from cxlab.reporting.manifest import RECORDS, identity_of, record_name, record_text
from cxlab.reporting.naming import inside
from cxlab.reporting.notebooks import Notebook
from cxlab.reporting.overview import small_picture
from cxlab.reporting.pages import LANGUAGE, fill
from cxlab.reporting.publish import MadeOf, first_figure, headline_of, parameter_rows, render
from cxlab.reporting.run import Executed, Failure, execute

Rows = tuple[tuple[str, str, str], ...]
FAILED: Final = "failed"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one report: its page, relative to the output folder, and its error if it failed.

    ``kept`` is a good report of an earlier run that nothing has changed since.
    """

    job: Job
    status: Literal["ok", "kept", "failed"]
    seconds: float
    page: str
    parameters: Rows = ()
    headline: str = ""
    thumbnail: str = ""
    attempts: int = 1
    failure: Failure | None = None


@dataclass(frozen=True, kw_only=True)
class Task:
    """Everything that a worker, here or on another machine, needs to make one report.

    ``folders`` are paths that no page may show; ``batch`` names the run whose kernels are used.
    """

    job: Job
    key: str
    collection: str
    out: Path
    made_at: str
    timeout_seconds: int
    batch: str
    data_hash: str = ""
    folders: tuple[Path, ...] = ()
    retries: int = 1
    fast: bool = False
    with_code: bool = False
    language: str = LANGUAGE
    earlier: Path | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


def make_report(task: Task) -> Outcome:
    """Run the report of ``task`` and publish its page, or keep it apart.

    Never raises for a fault of the report. A kernel that died is given ``retries`` more chances: it may
    have been a moment of too little memory; an error in a cell would only come again.
    """
    kernels = kernels_of(task.batch, fast=task.fast)
    hider = PathHider(task.folders)
    with kernels.busy():
        try:
            return _make(task, kernels, hider)
        except BaseException:
            # A fault of ours: end the other reports too, or the batch would wait for them.
            kernels.stop()
            raise


def _make(task: Task, kernels: KernelSet, hider: PathHider) -> Outcome:
    job = task.job
    rows = tuple(parameter_rows(job.declared, job.given, hider))
    attempts = 0
    while True:
        attempts += 1
        executed = execute(
            job.notebook,
            job.given,
            folder=job.path.parent,
            kernels=kernels,
            timeout_seconds=task.timeout_seconds,
        )
        failure = executed.failure
        if failure is None or not failure.died or attempts > task.retries or kernels.stopped.is_set():
            break
    hider.notebook(executed.notebook)
    if failure is None:
        try:
            return _publish(task, executed, rows, attempts)
        except ReportError as error:
            failure = Failure(message=str(error))
        except Exception as error:
            failure = Failure(
                message=f"The page was not made, a fault of cxlab: {type(error).__name__}: {error}",
                trace=hider.text(traceback.format_exc()),
            )
    outcome = _keep_apart(task, executed, failure, rows, hider)
    return replace(outcome, attempts=attempts)


def _publish(task: Task, executed: Executed, rows: Rows, attempts: int) -> Outcome:
    job, notebook = task.job, executed.notebook
    page = render(
        notebook,
        title=job.title,
        folder=job.path.parent,
        made_of=replace(_made_of(task, rows), delta=_delta(task, notebook)),
        with_code=task.with_code,
    )
    outcome = Outcome(
        job=job,
        status="ok",
        seconds=executed.seconds,
        page=f"{job.name}.html",
        parameters=rows,
        headline=headline_of(notebook),
        thumbnail=small_picture(first_figure(notebook)),
        attempts=attempts,
    )
    files = {f"notebooks/{job.name}.ipynb": _notebook_text(notebook), outcome.page: page}
    facts = {
        "name": job.name,
        "made_at": task.made_at,
        "seconds": round(outcome.seconds, 1),
        "parameters": [list(row) for row in rows],
        "headline": outcome.headline,
        "thumbnail": outcome.thumbnail,
        "data_hash": task.data_hash,
    }
    # Before the page: a PDF that is there fits its page.
    remove(inside(task.out, f"{job.name}.pdf"))
    marker = record_name(job.name)
    record = record_text(facts, key=task.key, identity=identity_of(job), files=files)
    publish(task.out, {**files, marker: record}, marker=marker)
    for ending in ("html", "ipynb"):
        remove(inside(task.out, f"{FAILED}/{job.name}.{ending}"))
    return outcome


def _delta(task: Task, notebook: Notebook) -> Delta | None:
    if task.earlier is None:
        return None
    return delta_of(notebook, earlier=task.earlier, name=task.job.name, data_hash=task.data_hash)


def _keep_apart(task: Task, executed: Executed, failure: Failure, rows: Rows, hider: PathHider) -> Outcome:
    name = task.job.name
    hidden = replace(failure, message=hider.text(failure.message), trace=hider.text(failure.trace))
    page = f"{FAILED}/{name}.html"
    outcome = Outcome(
        job=task.job, status="failed", seconds=executed.seconds, page="", parameters=rows, failure=hidden
    )
    if kernels_of(task.batch).stopped.is_set():
        return outcome
    files = {
        f"{FAILED}/{name}.ipynb": _notebook_text(executed.notebook),
        page: fill(
            "failed.html.j2",
            language=task.language,
            title=task.job.title,
            failure=hidden,
            made_of=_made_of(task, rows),
        ),
    }
    try:
        publish(task.out, files, marker=page)
        # A page of an earlier run must not stand for a report that fails now.
        for stale in (f"{name}.html", f"{name}.pdf", f"notebooks/{name}.ipynb", f"{RECORDS}/{name}.json"):
            remove(inside(task.out, stale))
    except ReportError as error:
        # A full disk: the outcome still tells the first error, and the batch goes on.
        return replace(outcome, failure=replace(hidden, message=f"{hidden.message} Also: {error}"))
    return replace(outcome, page=page)


def kept_outcome(job: Job, record: Mapping[str, Any]) -> Outcome:
    """The outcome of a report that an earlier run made, from its record."""
    return Outcome(
        job=job,
        status="kept",
        seconds=float(record["seconds"]),
        page=f"{job.name}.html",
        parameters=tuple((str(name), str(value), str(text)) for name, value, text in record["parameters"]),
        headline=str(record["headline"]),
        thumbnail=str(record["thumbnail"]),
        attempts=0,
    )


def _made_of(task: Task, rows: Rows) -> MadeOf:
    return MadeOf(
        collection=task.collection,
        notebook=task.job.path.name,
        made_at=task.made_at,
        rows=rows,
        labels=task.labels,
        data_hash=task.data_hash,
        language=task.language,
    )


def _notebook_text(notebook: Notebook) -> str:
    import nbformat

    return str(nbformat.writes(notebook)) + "\n"  # type: ignore[no-untyped-call]
