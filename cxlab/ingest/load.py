"""`load(folder)` and `check(folder)`: find the files, read, type, check; all findings together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from cxlab.core.columns import SURVEYS, TABLE_NAMES
from cxlab.core.errors import Finding, TableError
from cxlab.engine.duck import DuckEngine, connect
from cxlab.ingest.bytes_rules import UnreadableError
from cxlab.ingest.config import CONFIG_NAME, DataConfig
from cxlab.ingest.config_reader import read_config
from cxlab.ingest.config_section import nearest
from cxlab.ingest.contracts import contract_of
from cxlab.ingest.cross_rules import CROSS_RULES
from cxlab.ingest.header_rules import HEADER_RULES
from cxlab.ingest.locating import source_of
from cxlab.ingest.manifest import changed_files
from cxlab.ingest.privacy_rules import personal_columns
from cxlab.ingest.pseudonymise import key_or_none, pseudonym_key, pseudonymised, say_pseudonyms
from cxlab.ingest.quality import QualityReport
from cxlab.ingest.quality_making import make_report
from cxlab.ingest.raw_rules import RAW_RULES
from cxlab.ingest.remote import fetched, is_remote
from cxlab.ingest.selection import add_lookups, add_row_ids, keep_rows, say_unused_options, select
from cxlab.ingest.sources import FORMATS, format_of
from cxlab.ingest.state import TableState, by_pattern
from cxlab.ingest.table_rules import TABLE_RULES
from cxlab.ingest.tables import Tables
from cxlab.ingest.typing_columns import add_computed, type_columns


def load(folder: str | Path, *, config: str | Path | None = None) -> Tables:
    """Load a data folder: typed tables under the names of the house, with their quality report.

    Ids of customers and of their records are pseudonyms under the key of ``CXLAB_KEY_FILE``; see
    ``docs/privacy.md``.

    Parameters
    ----------
    folder
        The folder with the data files, or its address in an object store (``s3://bucket/surveys``, with
        the extra ``cxlab[cloud]``). Its sub-folder ``truth/`` is never read.
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
    ParameterError
        Without a pseudonym key, unless ``cxlab.toml`` says that the data hold no persons.
    """
    states, report, settings = _everything(folder, config)
    if not report.ok:
        raise TableError("\n".join(report.lines()), findings=report.findings)
    names = pseudonym_key(settings)
    if names is not None:
        record = replace(report.provenance, settings={"pseudonym_key_id": names.key_id})
        report = replace(report, provenance=record)
    end = pd.Timestamp(settings.data_end) if settings.data_end is not None else None
    frames = {name: state.frame.reset_index(drop=True) for name, state in states.items()}
    return Tables.of(
        frames,
        report,
        title=report.title,
        data_end=end,
        scales=report.scales,
        reasons=report.reasons,
        key_id=names.key_id if names else "",
    )


def check(folder: str | Path, *, config: str | Path | None = None) -> QualityReport:
    """The quality report of a data folder, good or bad; raises nothing because of the data.

    Parameters are those of :func:`load`. ``.ok`` says whether it would load, ``.lines()`` is the report
    as printed, ``.table()`` has one row per finding.
    """
    return _everything(folder, config)[1]


def _everything(
    folder: str | Path, config: str | Path | None
) -> tuple[dict[str, TableState], QualityReport, DataConfig]:
    if is_remote(folder):
        with fetched(str(folder), config=config) as (local, problems):
            return _in_folder(local, config, problems)
    return _in_folder(Path(folder), config, [])


def _in_folder(
    folder: Path, config: str | Path | None, problems: list[Finding]
) -> tuple[dict[str, TableState], QualityReport, DataConfig]:
    settings = read_config(Path(config) if config else folder / CONFIG_NAME, required=config is not None)
    findings = [*problems, *settings.problems]
    findings += [
        Finding(level="note", rule="about the data", message=text, file=settings.file)
        for text in settings.notes
    ]
    states: dict[str, TableState] = {}
    if not folder.is_dir():
        findings.append(
            _folder_problem(folder, "is not a folder." if folder.exists() else "does not exist.")
        )
    elif not findings_are_errors(findings):
        findings += changed_files(folder)
        engine = connect(files=False)
        for name in TABLE_NAMES:
            state = _one_table(name, folder, settings, findings, engine=engine)
            if state is not None:
                states[name] = state
        engine.close()
        if not states and not findings_are_errors(findings):
            findings.append(_folder_problem(folder, _nothing_found(folder)))
    for state in states.values():
        findings += state.findings
    between = [finding for rule in CROSS_RULES for finding in rule(states)]
    names = key_or_none(settings)
    between += say_pseudonyms(settings, states, names)
    # From here on nobody sees an id: the report holds the tables, too.
    states = {name: pseudonymised(state, names, settings) for name, state in states.items()}
    title = settings.title or folder.resolve().name
    scales = _scales({name: state.frame for name, state in states.items()}, settings)
    report = make_report(title=title, states=states, findings=[*findings, *between], scales=scales)
    return states, report, settings


def findings_are_errors(findings: Sequence[Finding]) -> bool:
    """Whether one of the findings keeps the data from loading."""
    return any(finding.level == "error" for finding in findings)


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
    try:
        source = source_of(name, folder, settings)
    except UnreadableError as error:
        findings.append(replace(error.finding, table=name))
        return None
    except OSError as error:
        message = f"cannot be opened: {error.strerror or type(error).__name__}."
        file = settings.table(name).file or name
        findings.append(Finding(level="error", rule="file", file=file, table=name, message=message))
        return None
    if source is None:
        return None
    state = TableState(
        name=name,
        contract=contract_of(name),
        config=settings.table(name),
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
    columns = personal_columns(state, select(state))
    typed = type_columns(state, columns)
    state.frame = add_row_ids(state, typed)
    add_computed(state)
    say_unused_options(state)
    for check_of_table in TABLE_RULES:
        check_of_table.run(state)
    return state
