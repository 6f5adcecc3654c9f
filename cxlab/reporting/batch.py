"""Making reports, one or many: run, publish what is good, keep what failed apart with its error."""

from __future__ import annotations

import hashlib
import json
import traceback
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from cxlab.core.errors import ReportError
from cxlab.core.version import __version__
from cxlab.reporting.files import output_folder, remove, write_whole
from cxlab.reporting.hiding import PathHider
from cxlab.reporting.kernel import KernelSet
from cxlab.reporting.naming import inside
from cxlab.reporting.notebooks import Notebook
from cxlab.reporting.overview import Entry, overview_page, small_picture
from cxlab.reporting.pages import fill
from cxlab.reporting.progress import Progress
from cxlab.reporting.publish import MadeOf, first_figure, headline_of, parameter_rows, render
from cxlab.reporting.recipe import Job, Recipe
from cxlab.reporting.run import DEFAULT_TIMEOUT_SECONDS, Executed, Failure, execute

RECORD: Final = "run.json"
OVERVIEW: Final = "index.html"
_SHOWN_ERROR = 300


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one report: its page, relative to the output folder, and its error if it failed."""

    job: Job
    status: Literal["ok", "failed"]
    seconds: float
    page: str
    parameters: tuple[tuple[str, str, str], ...] = ()
    headline: str = ""
    thumbnail: str = ""
    failure: Failure | None = None


@dataclass(frozen=True, kw_only=True)
class BatchResult:
    """All outcomes in the order of the recipe, and the overview page."""

    overview: Path
    outcomes: tuple[Outcome, ...]

    @property
    def exit_code(self) -> int:
        """0 if every report was made, 1 otherwise."""
        return 0 if all(outcome.status == "ok" for outcome in self.outcomes) else 1


def run_one(
    job: Job, *, out: Path, timeout_seconds: int = DEFAULT_TIMEOUT_SECONDS, title: str = "cxlab report"
) -> Outcome:
    """Make one report in ``out``: ``NAME.html`` if it is good, ``failed/NAME.html`` if not."""
    with output_folder(out):
        maker = _Maker([job], title, out, KernelSet(), timeout_seconds)
        outcome = maker.make(job)
        remove(inside(out, f"{job.name}.html" if outcome.failure else f"failed/{job.name}.html"))
        remove(
            inside(out, f"notebooks/{job.name}.ipynb" if outcome.failure else f"failed/{job.name}.ipynb")
        )
        return outcome


def run_batch(
    recipe: Recipe,
    *,
    out: Path,
    jobs: int = 2,
    timeout_seconds: int = DEFAULT_TIMEOUT_SECONDS,
    progress: Progress | None = None,
) -> BatchResult:
    """Make every report of ``recipe`` in ``out``, ``jobs`` at a time.

    Each good page appears under its final name only when it is whole; a report that fails is written to
    ``failed/`` and the others go on. The overview and then the record ``run.json`` come last, and pages of
    the run before that this run did not make are removed.

    Raises
    ------
    ReportError
        The output folder cannot be written, or another run is writing to it.
    """
    if jobs < 1:
        raise ReportError(f"jobs must be 1 or more, got {jobs}. Next step: leave --jobs out.")
    kernels = KernelSet()
    with output_folder(out):
        maker = _Maker(recipe.jobs, recipe.title, out, kernels, timeout_seconds)
        pool = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="report")
        pending: dict[Future[Outcome], int] = {}
        try:
            for position, job in enumerate(recipe.jobs):
                pending[pool.submit(maker.make, job)] = position
            done = _collect(pending, progress)
        except BaseException:
            # Ctrl-C, or a fault of ours: end the kernels, or the pool would wait for its reports.
            pool.shutdown(wait=False, cancel_futures=True)
            while not all(future.done() for future in pending):
                kernels.stop()
                wait(pending, timeout=0.5)
            raise
        pool.shutdown()
        outcomes = tuple(done[position] for position in range(len(recipe.jobs)))
        overview = _finish(out, recipe.title, outcomes, maker)
    return BatchResult(overview=overview, outcomes=outcomes)


def _collect(pending: dict[Future[Outcome], int], progress: Progress | None) -> dict[int, Outcome]:
    done: dict[int, Outcome] = {}
    waiting = set(pending)
    while waiting:
        finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in finished:
            outcome = future.result()
            done[pending[future]] = outcome
            if progress is not None:
                progress.step(outcome.job.name, good=outcome.status == "ok", seconds=outcome.seconds)
    return done


class _Maker:
    """Makes one report after the other into one folder; shared by the threads of a batch."""

    def __init__(
        self, jobs: Sequence[Job], title: str, out: Path, kernels: KernelSet, timeout_seconds: int
    ) -> None:
        data_paths = {path for job in jobs if (path := job.data_path()) is not None}
        folders = [out, *data_paths, *{job.path.parent for job in jobs}]
        self.hider = PathHider(folders)
        self.data_hashes = {path: hash_files(path) for path in data_paths}
        self.made_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        self._title, self._out, self._kernels = title, out, kernels
        self._timeout_seconds = timeout_seconds

    def data_hash(self, job: Job) -> str:
        path = job.data_path()
        return self.data_hashes.get(path, "") if path is not None else ""

    def make(self, job: Job) -> Outcome:
        """Run ``job`` and publish its page, or keep it apart; never raises for a fault of the report."""
        rows = tuple(parameter_rows(job.declared, job.given, self.hider))
        executed = execute(
            job.notebook,
            job.given,
            folder=job.path.parent,
            kernels=self._kernels,
            timeout_seconds=self._timeout_seconds,
        )
        self.hider.notebook(executed.notebook)
        failure = executed.failure
        if failure is None:
            try:
                return self._publish(job, executed, rows)
            except ReportError as error:
                failure = Failure(message=str(error))
            except Exception as error:
                failure = Failure(
                    message=f"The page was not made, a fault of cxlab: {type(error).__name__}: {error}",
                    trace=self.hider.text(traceback.format_exc()),
                )
        return self._keep_apart(job, executed, failure, rows)

    def _publish(self, job: Job, executed: Executed, rows: tuple[tuple[str, str, str], ...]) -> Outcome:
        notebook = executed.notebook
        page = render(notebook, title=job.title, folder=job.path.parent, made_of=self._made_of(job, rows))
        outcome = Outcome(
            job=job,
            status="ok",
            seconds=executed.seconds,
            page=f"{job.name}.html",
            parameters=rows,
            headline=headline_of(notebook),
            thumbnail=small_picture(first_figure(notebook)),
        )
        write_whole(inside(self._out, f"notebooks/{job.name}.ipynb"), _notebook_text(notebook))
        write_whole(inside(self._out, outcome.page), page)
        return outcome

    def _keep_apart(
        self, job: Job, executed: Executed, failure: Failure, rows: tuple[tuple[str, str, str], ...]
    ) -> Outcome:
        hidden = replace(
            failure, message=self.hider.text(failure.message), trace=self.hider.text(failure.trace)
        )
        page = fill("failed.html.j2", title=job.title, failure=hidden, made_of=self._made_of(job, rows))
        outcome = Outcome(
            job=job,
            status="failed",
            seconds=executed.seconds,
            page=f"failed/{job.name}.html",
            parameters=rows,
            failure=hidden,
        )
        if self._kernels.stopped.is_set():
            return replace(outcome, page="")
        try:
            write_whole(inside(self._out, f"failed/{job.name}.ipynb"), _notebook_text(executed.notebook))
            write_whole(inside(self._out, outcome.page), page)
        except ReportError as error:
            # A full disk: the outcome still tells the first error, and the batch goes on.
            return replace(
                outcome, page="", failure=replace(hidden, message=f"{hidden.message} Also: {error}")
            )
        return outcome

    def _made_of(self, job: Job, rows: tuple[tuple[str, str, str], ...]) -> MadeOf:
        return MadeOf(
            collection=self._title,
            notebook=job.path.name,
            made_at=self.made_at,
            rows=rows,
            labels={name: self.hider.text(value) for name, value in job.labels.items()},
            data_hash=self.data_hash(job),
        )


def _finish(out: Path, title: str, outcomes: tuple[Outcome, ...], maker: _Maker) -> Path:
    """Write the overview, remove what the run before left and this one did not make, write the record."""
    kept = {OVERVIEW, RECORD}
    for outcome in outcomes:
        folder = "failed" if outcome.failure else "notebooks"
        kept |= {outcome.page, f"{folder}/{outcome.job.name}.ipynb"}
    earlier = _files_of_earlier_run(out)
    entries = [_entry(outcome, maker) for outcome in outcomes]
    hashes = sorted(set(maker.data_hashes.values()))
    page = overview_page(title, entries, made_at=maker.made_at, data_hash=", ".join(hashes))
    write_whole(inside(out, OVERVIEW), page)
    for name in sorted(earlier - kept):
        remove(inside(out, name))
    record = {
        "cxlab": __version__,
        "title": title,
        "made_at": maker.made_at,
        "status": "ok" if all(outcome.status == "ok" for outcome in outcomes) else "failed",
        "files": sorted(kept - {""}),
        "reports": [_record(outcome, maker) for outcome in outcomes],
    }
    write_whole(inside(out, RECORD), json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    return out / OVERVIEW


def _files_of_earlier_run(out: Path) -> set[str]:
    """The files that the last record in ``out`` names, as far as they are ours by name."""
    try:
        record = json.loads((out / RECORD).read_text(encoding="utf-8"))
        names = {str(name) for name in record["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    ours = {name for name in names if name.endswith((".html", ".ipynb")) and ".." not in name}
    return {name for name in ours if not Path(name).is_absolute()}


def _entry(outcome: Outcome, maker: _Maker) -> Entry:
    job = outcome.job
    error = outcome.failure.message.splitlines()[0][:_SHOWN_ERROR] if outcome.failure else ""
    given = {name for name in job.given if name not in job.labels and name != "data"}
    return Entry(
        title=job.title,
        page=outcome.page,
        good=outcome.failure is None,
        labels={name: maker.hider.text(value) for name, value in job.labels.items()},
        settings=", ".join(f"{name} {value}" for name, value, _ in outcome.parameters if name in given),
        headline=outcome.headline,
        thumbnail=outcome.thumbnail,
        error=error,
        seconds=outcome.seconds,
    )


def _record(outcome: Outcome, maker: _Maker) -> dict[str, Any]:
    return {
        "name": outcome.job.name,
        "status": outcome.status,
        "notebook": outcome.job.path.name,
        "title": outcome.job.title,
        "parameters": {name: value for name, value, _ in outcome.parameters},
        "data_hash": maker.data_hash(outcome.job),
        "seconds": round(outcome.seconds, 1),
        "page": outcome.page,
        "headline": outcome.headline,
        "error": outcome.failure.message if outcome.failure else None,
        "cell": outcome.failure.cell if outcome.failure else None,
    }


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
    return digest.hexdigest()[:16]


def _notebook_text(notebook: Notebook) -> str:
    import nbformat

    return str(nbformat.writes(notebook)) + "\n"  # type: ignore[no-untyped-call]
