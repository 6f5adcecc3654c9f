"""The command line: a thin skin over demo data, the data check and reports; errors without a traceback."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cxlab.calls import add_calls
from cxlab.core.errors import CxlabError, ParameterError
from cxlab.core.version import __version__
from cxlab.privacy import add_privacy

_NOTEBOOKS = Path("notebooks")
_RUNS = Path("reports/runs")
#: Above this the demo network is written in blocks, because its tables would not fit into memory.
_BLOCKS_ABOVE = 200_000
_INTERRUPTED = 130
_TERMINATED = 143


class _Terminated(KeyboardInterrupt):
    """SIGTERM: the same orderly end as Ctrl-C, with its own exit code."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0 for good, 1 for a report that failed, 2 for wrong input."""
    options = _parser().parse_args(arguments)
    before = signal.signal(signal.SIGTERM, _terminate) if _in_main_thread() else None
    try:
        code: int = options.command(options)
    except CxlabError as error:
        print(f"cxlab: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as interrupt:
        print(
            "cxlab: interrupted; finished pages are kept, the overview is the one from before. "
            "Next step: the same command makes what is missing.",
            file=sys.stderr,
        )
        return _TERMINATED if isinstance(interrupt, _Terminated) else _INTERRUPTED
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)
    return code


def _terminate(number: int, frame: object) -> None:
    raise _Terminated


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cxlab", description="Customer experience research: surveys beside the operational facts."
    )
    parser.add_argument("--version", action="version", version=f"cxlab {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="make the demo network, whose truth is known")
    demo.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for the tables and cxlab.toml"
    )
    demo.add_argument(
        "--customers", type=_positive, default=10_000, metavar="N", help="customers (default 10000)"
    )
    demo.add_argument(
        "--seed", type=int, metavar="S", help="another random network (default: the documented one)"
    )
    demo.set_defaults(command=_demo)

    _add_check(commands)

    init = commands.add_parser("init", help="propose a cxlab.toml for a folder, for you to correct")
    init.add_argument("folder", type=Path, metavar="DIR")
    init.add_argument("--dry-run", action="store_true", help="print the proposal and write nothing")
    init.set_defaults(command=_init)

    run = commands.add_parser("run", help="make one report from a notebook")
    run.add_argument("notebook", metavar="NOTEBOOK", help="path, or name in the folder notebooks")
    _add_parameter_options(run)
    run.add_argument(
        "--out", type=Path, default=_RUNS, metavar="DIR", help=f"folder for pages (default {_RUNS})"
    )
    _add_code(run)
    _add_language(run)
    run.set_defaults(command=_run)

    _add_batch(commands)

    pdf = commands.add_parser("pdf", help="make a PDF on A4 of finished pages, beside them")
    pdf.add_argument("pages", type=Path, nargs="+", metavar="PAGE.html")
    pdf.set_defaults(command=_pdf)

    listing = commands.add_parser("list", help="print the notebooks, or one notebook's parameters")
    listing.add_argument("notebook", nargs="?", metavar="NOTEBOOK")
    listing.set_defaults(command=_list)

    add_calls(commands.add_parser("calls", help="write the list of whom to call, outside the reports"))

    add_privacy(commands)

    lint = commands.add_parser("lint", help="hold notebooks against the house rules")
    lint.add_argument("notebooks", nargs="+", metavar="NOTEBOOK")
    lint.set_defaults(command=_lint)
    return parser


def _add_check(commands: Any) -> None:
    check = commands.add_parser("check", help="say what is in a data folder and what is wrong with it")
    check.add_argument("folder", type=Path, metavar="DIR")
    check.add_argument(
        "--config", type=Path, metavar="FILE", help="mapping of columns (default DIR/cxlab.toml)"
    )
    check.add_argument("--json", action="store_true", help="print the report as JSON")
    check.add_argument(
        "--write-manifest",
        action="store_true",
        help="write SHA256SUMS beside the files: a byte that changes later is an error",
    )
    check.set_defaults(command=_check)


def _add_batch(commands: Any) -> None:
    batch = commands.add_parser("batch", help="make every report of a recipe, and an overview page")
    batch.add_argument("recipe", type=Path, metavar="RECIPE.yml")
    batch.add_argument(
        "--data", type=Path, metavar="DIR", help="folder that {data} stands for in the recipe"
    )
    batch.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for pages (default: runs/NAME beside it)"
    )
    batch.add_argument(
        "--jobs", type=_positive, default=min(4, os.cpu_count() or 1), metavar="N", help="at a time"
    )
    _add_timeout(batch)
    batch.add_argument(
        "--retries", type=int, default=1, metavar="N", help="more tries after a kernel died (default 1)"
    )
    batch.add_argument("--fresh", action="store_true", help="make every report, also what has not changed")
    batch.add_argument(
        "--resume", action="store_true", help="finish a run as begun: what is done stays, whatever changed"
    )
    batch.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="make this report only (repeatable); no overview; several processes may share one folder",
    )
    _add_code(batch)
    _add_language(batch)
    batch.add_argument("--pdf", action="store_true", help="also a PDF of each page (needs the extra pdf)")
    batch.add_argument("--plain", action="store_true", help="start every kernel as a new interpreter")
    batch.add_argument("--names", action="store_true", help="print the names of the reports and stop")
    batch.set_defaults(command=_batch)


def _add_parameter_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-p",
        "--parameter",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="a value for a declared parameter; lists as a,b or JSON; `none` where None is allowed",
    )
    command.add_argument("--data", metavar="DIR", help="short for -p data DIR")
    _add_timeout(command)


def _add_timeout(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--timeout", type=_positive, default=600, metavar="SECONDS", help="for one cell (default 600)"
    )


def _add_code(command: argparse.ArgumentParser) -> None:
    command.add_argument("--code", action="store_true", help="show each code cell, folded, on the page")


def _add_language(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--language",
        type=_language,
        metavar="TAG",
        help="of the text: en, de, pt-BR (default en)",
    )


def _language(text: str) -> str:
    from cxlab.reporting.pages import is_language

    if not is_language(text):
        raise argparse.ArgumentTypeError(f"must be a web tag such as en, de or pt-BR, got {text!r}")
    return text


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {value}")
    return value


def _demo(options: argparse.Namespace) -> int:
    from cxlab.simulation.simulate import simulate, simulate_to

    seed = {} if options.seed is None else {"seed": options.seed}
    try:
        if options.customers > _BLOCKS_ABOVE:
            simulate_to(options.out, customers=options.customers, **seed)
        else:
            simulate(customers=options.customers, **seed).write(options.out)
    except OSError as error:
        raise ParameterError(
            f"The folder {str(options.out)!r} cannot be written ({error.strerror or error}). "
            "Next step: name another."
        ) from error
    print(f"{options.customers:,} customers in {options.out}. Next step: cxlab check {options.out}")
    return 0


def _check(options: argparse.Namespace) -> int:
    from cxlab.ingest.load import check
    from cxlab.ingest.manifest import write_manifest

    if options.write_manifest:
        path, files = write_manifest(Path(options.folder))
        print(
            f"{path}: check sums of {files} files. From now on a changed byte in one of them is an error."
        )
    report = check(options.folder, config=options.config)
    print(report.to_json() if options.json else "\n".join(report.lines()))
    return 0 if report.ok else 2


def _init(options: argparse.Namespace) -> int:
    from cxlab.ingest.proposal import propose, write_proposal

    if options.dry_run:
        print(propose(options.folder), end="")
        return 0
    target = write_proposal(options.folder)
    lines = target.read_text(encoding="utf-8").splitlines()
    guesses, open_choices = (sum(mark in line for line in lines) for mark in ("# guess:", "# CHOOSE:"))
    print(
        f"{target}: {guesses} guesses to read, {open_choices} choices to make. Nothing of it counts yet. "
        f"Next step: correct it, write  confirmed = true, then  cxlab check {options.folder}"
    )
    return 0


def _run(options: argparse.Namespace) -> int:
    from cxlab.reporting.batch import Options, run_one
    from cxlab.reporting.recipe import plan_one

    pairs = [*options.parameter, *([("data", options.data)] if options.data is not None else [])]
    texts = dict(pairs)
    if len(texts) < len(pairs):
        raise ParameterError("A parameter is given twice. Next step: give each name once.")
    job = plan_one(options.notebook, texts, folder=_NOTEBOOKS, base=Path.cwd())
    how = Options(timeout_seconds=options.timeout, with_code=options.code, language=options.language or "")
    outcome = run_one(job, out=options.out, options=how)
    if outcome.failure is not None:
        cell = f" (code cell {outcome.failure.cell})" if outcome.failure.cell else ""
        print(f"cxlab: {job.path.name} failed{cell}: {outcome.failure.message}", file=sys.stderr)
        if outcome.page:
            print(f"cxlab: kept apart in {options.out / outcome.page}", file=sys.stderr)
        return 1
    print(options.out / outcome.page)
    return 0


def _batch(options: argparse.Namespace) -> int:
    from cxlab.reporting.batch import Options, run_batch
    from cxlab.reporting.progress import Progress
    from cxlab.reporting.recipe import read_recipe

    if options.data is not None and not options.data.is_dir():
        raise ParameterError(
            f"--data {str(options.data)!r} is no folder. Next step: `cxlab demo --out {options.data}`."
        )
    recipe = read_recipe(options.recipe, data=options.data, count=_answers_by)
    if options.names:
        print("\n".join(job.name for job in recipe.jobs))
        return 0
    out = options.out if options.out is not None else options.recipe.parent / "runs" / options.recipe.stem
    how = Options(
        jobs=options.jobs,
        timeout_seconds=options.timeout,
        retries=options.retries,
        fast=not options.plain,
        fresh=options.fresh,
        resume=options.resume,
        with_code=options.code,
        language=options.language or "",
        pdf=options.pdf,
        only=tuple(options.only),
    )
    progress = Progress(stream=sys.stderr)
    try:
        result = run_batch(recipe, out=out, options=how, progress=progress)
    finally:
        progress.close()
    for outcome in result.outcomes:
        if outcome.failure is not None:
            print(
                f"cxlab: {outcome.job.name} failed: {outcome.failure.message.splitlines()[0]}",
                file=sys.stderr,
            )
    print(result.overview or out)
    return result.exit_code


def _pdf(options: argparse.Namespace) -> int:
    from cxlab.reporting.pdf import write_pdf

    for page in options.pages:
        print(write_pdf(page))
    return 0


def _answers_by(data: Path, config: Path | None, column: str) -> dict[str, int]:
    """How many answers each value of ``column`` has, for recipes that make a report for each of them."""
    from cxlab.ingest.answer_counts import answer_counts

    return answer_counts(data, config=config, by=column)


def _list(options: argparse.Namespace) -> int:
    from cxlab.reporting.notebooks import find_notebook, read_notebook, title_of
    from cxlab.reporting.parameters import read_parameters

    if options.notebook is None:
        paths = sorted(_NOTEBOOKS.glob("*.ipynb"))
        if not paths:
            raise ParameterError(
                "There is no notebook in the folder notebooks. Next step: change to the project folder."
            )
        width = max(len(path.stem) for path in paths)
        for path in paths:
            print(f"{path.stem:<{width}}  {title_of(read_notebook(path), '')}")
        return 0
    path = find_notebook(options.notebook, _NOTEBOOKS)
    notebook = read_notebook(path)
    parameters = read_parameters(notebook, where=path.name)
    print(title_of(notebook, path.stem))
    if not parameters:
        print("  no parameters")
    rows = [(item.name, item.annotation, repr(item.default), item.comment) for item in parameters]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for name, annotation, default, comment in rows:
        shown = f"  {name:<{widths[0]}}  {annotation:<{widths[1]}}  {default:<{widths[2]}}  {comment}"
        print(shown.rstrip())
    return 0


def _lint(options: argparse.Namespace) -> int:
    from cxlab.reporting.lint import lint_notebook
    from cxlab.reporting.notebooks import find_notebook

    problems = [
        f"{path.name}: {problem}"
        for path in (find_notebook(name, _NOTEBOOKS) for name in options.notebooks)
        for problem in lint_notebook(path)
    ]
    print("\n".join(problems) if problems else f"{len(options.notebooks)} notebooks hold the rules.")
    return 1 if problems else 0
