"""`load(folder)` and `check(folder)`: find the files, read, type, check; all findings together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from cxlab.core.columns import SURVEYS, TABLE_NAMES
from cxlab.core.errors import Finding, TableError
from cxlab.engine.duck import DuckEngine, connect
from cxlab.ingest.bytes_rules import UnreadableError
from cxlab.ingest.config import CONFIG_NAME, DataConfig, TableConfig
from cxlab.ingest.config_reader import nearest, read_config
from cxlab.ingest.contracts import contract_of
from cxlab.ingest.cross_rules import CROSS_RULES
from cxlab.ingest.header_rules import HEADER_RULES
from cxlab.ingest.quality import QualityReport, make_report
from cxlab.ingest.raw_rules import RAW_RULES
from cxlab.ingest.readers import FORMATS, Source, format_of, read_blocks, read_source
from cxlab.ingest.selection import add_lookups, add_row_ids, keep_rows, say_unused_options, select
from cxlab.ingest.state import TableState, by_pattern
from cxlab.ingest.table_rules import TABLE_RULES
from cxlab.ingest.tables import Tables
from cxlab.ingest.typing_columns import add_computed, type_columns


def load(folder: str | Path, *, config: str | Path | None = None) -> Tables:
    """Load a data folder: typed tables under the names of the house, with their quality report.

    Parameters
    ----------
    folder
        The folder with the data files. Its sub-folder ``truth/`` is never read.
    config
        A ``cxlab.toml`` elsewhere; default ``folder/cxlab.toml``, and without that file the tables are
        found by their canonical names (``surveys.csv``, ``events.parquet``, ``events/part-*.parquet``).

    Returns
    -------
    Tables
        ``.surveys``, ``.customers``, ``.frame(name)`` ...; ``.quality`` says what was found, mended and
        set aside.

    Raises
    ------
    TableError
        With every finding of every file, if one of them is an error.
    """
    frames, report, settings = _everything(Path(folder), config)
    if not report.ok:
        raise TableError("\n".join(report.lines()), findings=report.findings)
    end = pd.Timestamp(settings.data_end) if settings.data_end is not None else None
    return Tables.of(frames, report, title=report.title, data_end=end, scales=_scales(frames, settings))


def check(folder: str | Path, *, config: str | Path | None = None) -> QualityReport:
    """The quality report of a data folder, good or bad; raises nothing because of the data.

    Parameters are those of :func:`load`. ``.ok`` says whether it would load, ``.lines()`` is the report
    as printed, ``.table()`` has one row per finding.
    """
    return _everything(Path(folder), config)[1]


def _everything(
    folder: Path, config: str | Path | None
) -> tuple[dict[str, pd.DataFrame], QualityReport, DataConfig]:
    settings = read_config(Path(config) if config else folder / CONFIG_NAME, required=config is not None)
    findings = list(settings.problems)
    findings += [
        Finding(level="note", rule="about the data", message=text, file=settings.file)
        for text in settings.notes
    ]
    states: dict[str, TableState] = {}
    if not folder.is_dir():
        findings.append(
            _folder_problem(folder, "is not a folder." if folder.exists() else "does not exist.")
        )
    elif not settings.problems:
        engine = connect()
        for name in TABLE_NAMES:
            state = _one_table(name, folder, settings, findings, engine=engine)
            if state is not None:
                states[name] = state
        engine.close()
        if not states and not any(finding.level == "error" for finding in findings):
            findings.append(_folder_problem(folder, _nothing_found(folder)))
    for state in states.values():
        findings += state.findings
    between = [finding for rule in CROSS_RULES for finding in rule(states)]
    title = settings.title or folder.resolve().name
    report = make_report(title=title, states=states, findings=[*findings, *between])
    return {name: state.frame.reset_index(drop=True) for name, state in states.items()}, report, settings


def _scales(frames: Mapping[str, pd.DataFrame], settings: DataConfig) -> dict[str, tuple[float, float]]:
    """The declared scale of each survey column: the user's, else the contract's."""
    declared, contract = settings.table(SURVEYS).scale, contract_of(SURVEYS)
    scales = {}
    for name in frames[SURVEYS].columns if SURVEYS in frames else ():
        column, key = contract.column(name), by_pattern(declared, name)
        if key:
            scales[name] = declared[key]
        elif column is not None and column.low is not None and column.high is not None:
            scales[name] = (column.low, column.high)
    return scales


def _folder_problem(folder: Path, message: str) -> Finding:
    return Finding(
        level="error",
        rule="folder",
        file=folder.name or str(folder),
        message=message,
        next_step="Name the folder that holds the files; data/README.md shows how to lay it out.",
    )


def _nothing_found(folder: Path) -> str:
    files = sorted(path.name for path in folder.iterdir() if format_of(path.name))
    if not files:
        return f"holds no {', '.join(FORMATS)} file."
    stems = {file.split(".")[0]: file for file in files}
    close = next((hint for stem in stems if (hint := nearest(stem, TABLE_NAMES))), "")
    return (
        f"holds {', '.join(files[:6])}, none named after a table ({', '.join(TABLE_NAMES)}).{close} "
        f'Write a {CONFIG_NAME} with  [surveys]  file = "{files[0]}".'
    )


def _one_table(
    name: str, folder: Path, settings: DataConfig, findings: list[Finding], *, engine: DuckEngine
) -> TableState | None:
    """One table through all its steps; None if there is no file of it or the file cannot be read."""
    declared = settings.table(name)
    try:
        source = _read(name, folder, declared, optional=name not in settings.tables)
    except UnreadableError as error:
        findings.append(replace(error.finding, table=name))
        return None
    except OSError as error:
        message = f"cannot be opened: {error.strerror or type(error).__name__}."
        file = declared.file or name
        findings.append(Finding(level="error", rule="file", file=file, table=name, message=message))
        return None
    if source is None:
        return None
    state = TableState(
        name=name,
        contract=contract_of(name),
        config=declared,
        data=settings,
        source=source,
        raw=source.frame,
        engine=engine,
        rows_read=len(source.frame) + sum(f.rows for f in source.findings if f.rule == "fields"),
        findings=[replace(finding, table=name) for finding in source.findings],
    )
    ragged = state.rows_read - len(source.frame)
    if ragged:
        state.set_aside["other number of fields than the header"] = ragged
    for rule in (*HEADER_RULES, *RAW_RULES):
        rule(state)
    add_lookups(state, folder)
    keep_rows(state)
    columns = select(state)
    typed = type_columns(state, columns)
    state.frame = add_row_ids(state, typed)
    add_computed(state)
    say_unused_options(state)
    for check_of_table in TABLE_RULES:
        check_of_table.run(state)
    return state


def _read(name: str, folder: Path, declared: TableConfig, *, optional: bool) -> Source | None:
    paths = _paths(name, folder, declared.file)
    if not paths:
        if optional and not declared.file:
            return None
        there = ", ".join(sorted(path.name for path in folder.iterdir() if format_of(path.name))[:8])
        missing = declared.file or f"{name}.csv"
        raise UnreadableError(
            Finding(
                level="error",
                rule="missing file",
                file=missing,
                table=name,
                message=f"is not in the folder. There: {there or 'no data file'}.",
                next_step=f'Declare  file = "..."  under [{name}].',
            )
        )
    shown = declared.file or (paths[0].name if len(paths) == 1 else f"{name}/")
    if len(paths) > 1:
        return read_blocks(paths, file=shown, wanted=None)
    return read_source(paths[0], file=shown, dialect=declared.dialect)


def _paths(name: str, folder: Path, file: str) -> list[Path]:
    """The files of a table: as declared, else by its canonical name; two candidates are an error."""
    if file:
        target = folder / file
        if target.is_dir():
            return sorted(target.glob("*.parquet"))
        found = sorted(folder.glob(file)) if "*" in file else [target]
        return [path for path in found if path.is_file()]
    found = [folder / f"{name}{ending}" for ending in FORMATS if (folder / f"{name}{ending}").is_file()]
    blocks = sorted((folder / name).glob("*.parquet"))
    if len(found) + bool(blocks) > 1:
        names = ", ".join([path.name for path in found] + ([f"{name}/"] if blocks else []))
        raise UnreadableError(
            Finding(
                level="error",
                rule="two files",
                file=found[0].name,
                table=name,
                message=f"the folder holds {names}: which one is meant is not guessed.",
                next_step=f'Declare  file = "{found[0].name}"  under [{name}].',
            )
        )
    return found or blocks
