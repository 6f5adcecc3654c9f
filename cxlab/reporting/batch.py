"""Many reports: what is done stays, the rest is made side by side, and an overview tells of all."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cxlab.core.errors import ParameterError, ReportError
from cxlab.core.version import __version__
from cxlab.reporting.files import complete, output_folder, remove, unfinished_in, write_whole
from cxlab.reporting.hiding import PathHider
from cxlab.reporting.job import Job
from cxlab.reporting.kernel import KernelSet, close_kernels_of, kernels_of
from cxlab.reporting.make import FAILED, Outcome, Task, kept_outcome, make_report
from cxlab.reporting.manifest import (
    RECORDS,
    finished_record,
    hash_files,
    identity_of,
    report_key,
    whole_record,
)
from cxlab.reporting.naming import inside
from cxlab.reporting.overview import Entry, overview_page
from cxlab.reporting.pages import LANGUAGE
from cxlab.reporting.pdf import add_pdfs, require_pdf
from cxlab.reporting.progress import Progress
from cxlab.reporting.recipe import Recipe
from cxlab.reporting.run import DEFAULT_TIMEOUT_SECONDS

RECORD: Final = "run.json"
OVERVIEW: Final = "index.html"
#: A server that loads the libraries once costs as much as two plain kernels.
FAST_FROM: Final = 3
_SHOWN_ERROR = 300
_STOP_EVERY_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class BatchResult:
    """All outcomes in the order of the recipe, and the overview page (None where only some were made)."""

    overview: Path | None
    outcomes: tuple[Outcome, ...]

    @property
    def exit_code(self) -> int:
        """0 if every report is good, 1 otherwise."""
        return int(any(outcome.failure is not None for outcome in self.outcomes))


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a batch is run.

    Parameters
    ----------
    jobs
        Reports at a time, on this machine.
    timeout_seconds
        For one cell.
    retries
        More chances for a report whose kernel died.
    fast
        Fork kernels from a process that has the libraries loaded, where that works.
    fresh
        Make every report, also what nothing has changed since.
    resume
        Go on with a run as it was begun: what is done stays, though a library or the data changed since.
    with_code
        Show each code cell, folded, on the pages: for analysts.
    language
        Of the text on the pages, as a web tag (``de``); empty: as the recipe says, else English.
    pdf
        Make a PDF of each page as well (needs the extra ``pdf``).
    only
        Names, or the start of keys, of the reports to make; no overview is written then, and several such
        runs may work in one folder.
    """

    jobs: int = 2
    timeout_seconds: int = DEFAULT_TIMEOUT_SECONDS
    retries: int = 1
    fast: bool = True
    fresh: bool = False
    resume: bool = False
    with_code: bool = False
    language: str = ""
    pdf: bool = False
    only: tuple[str, ...] = ()


def run_one(job: Job, *, out: Path, options: Options | None = None, title: str = "cxlab report") -> Outcome:
    """Make one report in ``out``: ``NAME.html`` if it is good, ``failed/NAME.html`` if not."""
    with output_folder(out):
        planned = _Plan([job], title, out, options or Options())
        _complete_unfinished(out)
        made = _made(planned.tasks, planned.options, None)
        return made[job.name]


def run_batch(
    recipe: Recipe, *, out: Path, options: Options | None = None, progress: Progress | None = None
) -> BatchResult:
    """Make every report of ``recipe`` in ``out`` that is not done yet.

    Each good page appears under its final name only when it is whole; a report that fails is written to
    ``failed/`` and the others go on. The overview and then the record ``run.json`` come last, and pages of
    the run before that this run does not hold are removed.

    The reports are a list of picklable tasks for joblib: threads here by default, or whatever backend is
    chosen around this call (``with joblib.parallel_config(backend="dask"): run_batch(...)``); ``out`` must
    then be a folder that all workers share.

    Raises
    ------
    ParameterError
        ``only`` names no report of the recipe.
    ReportError
        The output folder cannot be written, or another run is writing to it.
    """
    options = options or Options()
    if options.jobs < 1:
        raise ReportError(f"jobs must be 1 or more, got {options.jobs}. Next step: leave --jobs out.")
    if options.pdf:
        require_pdf()
    with output_folder(out, shared=bool(options.only)):
        # Whole paths for the workers: another machine has another working folder.
        options = replace(options, language=options.language or recipe.language)
        planned = _Plan(recipe.jobs, recipe.title, out.resolve(), options, earlier=recipe.earlier)
        if not options.only:
            _complete_unfinished(out)
        chosen = _chosen(planned.tasks, options.only)
        outcomes = planned.done(chosen)
        to_make = [task for task in chosen if task.job.name not in outcomes]
        if progress is not None:
            progress.begin(len(chosen), kept=len(outcomes))
        outcomes |= _made(to_make, options, progress)
        ordered = tuple(outcomes[task.job.name] for task in chosen)
        if options.pdf:
            add_pdfs(planned.out, [one.job.name for one in ordered if one.failure is None])
        if not options.only:
            _finish(planned, ordered)
    return BatchResult(overview=None if options.only else out / OVERVIEW, outcomes=ordered)


class _Plan:
    """The tasks of a run and what they share."""

    def __init__(
        self, jobs: Sequence[Job], title: str, out: Path, options: Options, *, earlier: Path | None = None
    ) -> None:
        data_paths = {path for job in jobs if (path := job.data_path()) is not None}
        folders = (out, *sorted(data_paths), *sorted({job.path.parent for job in jobs}))
        self.title, self.out, self.options = title, out, options
        self.batch = uuid.uuid4().hex
        self.hider = PathHider(folders)
        self.made_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        self.data_hashes = {path: hash_files(path) for path in data_paths}
        shared = Task(
            job=jobs[0],
            key="",
            collection=title,
            out=out,
            made_at=self.made_at,
            timeout_seconds=options.timeout_seconds,
            batch=self.batch,
            folders=folders,
            retries=options.retries,
            with_code=options.with_code,
            language=options.language or LANGUAGE,
            earlier=earlier,
        )
        self.tasks = tuple(self._task(shared, job) for job in jobs)

    def data_hash(self, job: Job) -> str:
        path = job.data_path()
        return self.data_hashes.get(path, "") if path is not None else ""

    def labels(self, job: Job) -> dict[str, str]:
        return {name: self.hider.text(value) for name, value in job.labels.items()}

    def done(self, tasks: Sequence[Task]) -> dict[str, Outcome]:
        """The good reports of earlier runs that need not be made again."""
        found: dict[str, Outcome] = {}
        for task in [] if self.options.fresh else tasks:
            record = finished_record(self.out, task.job.name)
            if record is None:
                continue
            same = record.get("identity") == identity_of(task.job) if self.options.resume else False
            if same or record.get("key") == task.key:
                found[task.job.name] = kept_outcome(task.job, record)
        return found

    def _task(self, shared: Task, job: Job) -> Task:
        data_hash = self.data_hash(job)
        before = finished_record(shared.earlier, job.name) if shared.earlier else None
        page = {"with_code": shared.with_code, "language": shared.language}
        page["earlier"] = (before or {}).get("key")
        key = report_key(job, data_hash, page=page)
        return replace(shared, job=job, key=key, data_hash=data_hash, labels=self.labels(job))


def _complete_unfinished(out: Path) -> None:
    """Put in place what a killed run had written whole, remove the rest of what it left."""
    for leftover in unfinished_in(out):
        markers = sorted(leftover.glob(f"{RECORDS}/*.json"))
        record = whole_record(leftover, markers[0]) if markers else None
        names = [*record["files"], markers[0].relative_to(leftover).as_posix()] if record else []
        if leftover.is_dir():
            complete(leftover, out, names)
        else:
            remove(leftover)


def _chosen(tasks: Sequence[Task], only: Sequence[str]) -> list[Task]:
    """The tasks that ``only`` names, all without it; ParameterError for a name that meets none."""
    if not only:
        return list(tasks)
    unknown = [name for name in only if not any(_meets(task, name) for task in tasks)]
    if unknown:
        names = ", ".join(task.job.name for task in tasks[:8]) + (", ..." if len(tasks) > 8 else "")
        raise ParameterError(
            f"--only {', '.join(unknown)}: the recipe has no such report. Next step: take from {names}."
        )
    return [task for task in tasks if any(_meets(task, name) for name in only)]


def _meets(task: Task, name: str) -> bool:
    return task.job.name == name or (len(name) >= 8 and task.key.startswith(name))


def _made(tasks: Sequence[Task], options: Options, progress: Progress | None) -> dict[str, Outcome]:
    """The outcomes of ``tasks`` by name; whatever ends the run early ends its kernels first."""
    if not tasks:
        return {}
    from joblib import Parallel, delayed

    fast = options.fast and len(tasks) >= FAST_FROM
    tasks = [replace(task, fast=fast) for task in tasks]
    batch = tasks[0].batch
    kernels = kernels_of(batch, fast=fast)
    outcomes: dict[str, Outcome] = {}
    workers = Parallel(n_jobs=options.jobs, prefer="threads", batch_size=1, return_as="generator_unordered")
    try:
        with _ended_by_signal(kernels):
            for outcome in workers(delayed(make_report)(task) for task in tasks):
                outcomes[outcome.job.name] = outcome
                if progress is not None:
                    progress.step(outcome.job.name, good=outcome.failure is None, seconds=outcome.seconds)
    finally:
        _wait_until_idle(kernels)
        close_kernels_of(batch)
    return outcomes


@contextlib.contextmanager
def _ended_by_signal(kernels: KernelSet) -> Iterator[None]:
    """While this holds, Ctrl-C and SIGTERM first end the kernels: joblib waits for reports that run."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def end(number: int, frame: Any) -> None:
        kernels.stop()
        threading.Thread(target=_wait_until_idle, args=(kernels,), daemon=True).start()
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)
        raise KeyboardInterrupt

    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait_until_idle(kernels: KernelSet) -> None:
    """End kernels until no report of this process runs; one may just be starting its kernel."""
    while kernels.reports:
        kernels.stop()
        time.sleep(_STOP_EVERY_SECONDS)


def _finish(planned: _Plan, outcomes: tuple[Outcome, ...]) -> None:
    """Write the overview, remove what the run before left and this one does not hold, write the record."""
    out = planned.out
    kept = {OVERVIEW, RECORD}
    for outcome in outcomes:
        name = outcome.job.name
        folder = FAILED if outcome.failure else "notebooks"
        kept |= {outcome.page, f"{folder}/{name}.ipynb"} - {""}
        kept |= {pdf for pdf in [_pdf_of(outcome, out)] if pdf}
        kept |= set() if outcome.failure else {f"{RECORDS}/{name}.json"}
    earlier = _files_of_earlier_run(out)
    entries = [_entry(outcome, planned) for outcome in outcomes]
    hashes = sorted(set(planned.data_hashes.values()))
    page = overview_page(
        planned.title,
        entries,
        made_at=planned.made_at,
        data_hash=", ".join(hashes),
        language=planned.options.language or LANGUAGE,
    )
    write_whole(inside(out, OVERVIEW), page)
    for name in sorted(earlier - kept):
        remove(inside(out, name))
    record = {
        "cxlab": __version__,
        "title": planned.title,
        "made_at": planned.made_at,
        "status": FAILED if any(outcome.failure for outcome in outcomes) else "ok",
        "files": sorted(kept),
        "reports": [_record(outcome, planned) for outcome in outcomes],
    }
    write_whole(inside(out, RECORD), json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def _files_of_earlier_run(out: Path) -> set[str]:
    """The files that the last record in ``out`` names, as far as they are ours by name."""
    try:
        record = json.loads((out / RECORD).read_text(encoding="utf-8"))
        names = {str(name) for name in record["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    ours = {name for name in names if name.endswith((".html", ".ipynb", ".pdf")) and ".." not in name}
    ours |= {name for name in names if name.startswith(f"{RECORDS}/") and ".." not in name}
    return {name for name in ours if not Path(name).is_absolute()}


def _pdf_of(outcome: Outcome, out: Path) -> str:
    """The name of the PDF beside a good page, or nothing."""
    name = f"{outcome.job.name}.pdf"
    return name if outcome.failure is None and inside(out, name).exists() else ""


def _entry(outcome: Outcome, planned: _Plan) -> Entry:
    job = outcome.job
    error = outcome.failure.message.splitlines()[0][:_SHOWN_ERROR] if outcome.failure else ""
    given = {name for name in job.given if name not in job.labels and name != "data"}
    return Entry(
        title=job.title,
        page=outcome.page,
        pdf=_pdf_of(outcome, planned.out),
        good=outcome.failure is None,
        labels=planned.labels(job),
        settings=", ".join(f"{name} {value}" for name, value, _ in outcome.parameters if name in given),
        headline=outcome.headline,
        thumbnail=outcome.thumbnail,
        error=error,
        seconds=outcome.seconds,
    )


def _record(outcome: Outcome, planned: _Plan) -> dict[str, Any]:
    key = next(task.key for task in planned.tasks if task.job.name == outcome.job.name)
    return {
        "name": outcome.job.name,
        "status": outcome.status,
        "key": key,
        "notebook": outcome.job.path.name,
        "title": outcome.job.title,
        "parameters": {name: value for name, value, _ in outcome.parameters},
        "data_hash": planned.data_hash(outcome.job),
        "seconds": round(outcome.seconds, 1),
        "attempts": outcome.attempts,
        "page": outcome.page,
        "headline": outcome.headline,
        "error": outcome.failure.message if outcome.failure else None,
        "cell": outcome.failure.cell if outcome.failure else None,
    }
