"""Where the rows of a table come from: its file, its files, or a query; two candidates are an error."""

from __future__ import annotations

from pathlib import Path

from cxlab.core.columns import SURVEYS
from cxlab.core.errors import Finding
from cxlab.ingest.bytes_rules import UnreadableError, refuse
from cxlab.ingest.config import DataConfig, TableConfig
from cxlab.ingest.platforms import arrange
from cxlab.ingest.read_database import read_database
from cxlab.ingest.readers import read_parts, read_source
from cxlab.ingest.sources import FORMATS, Source, format_of


def source_of(name: str, folder: Path, settings: DataConfig) -> Source | None:
    """The rows of one table; None if there is no file of it and none was declared.

    Raises ``UnreadableError`` with the finding that says why its file or query gives no rows.
    """
    declared = settings.table(name)
    if declared.query:
        source = read_database(
            settings.url, declared.query, file=f"query of {name}", limits=settings.limits
        )
        _rename_aliases(source, declared)
        return source
    paths = _paths(name, folder, declared.file)
    if not paths:
        if name not in settings.tables and not declared.file:
            return None
        raise _missing(name, folder, declared.file)

    def arrange_file(source: Source) -> None:
        if name == SURVEYS:
            arrange(source, declared=declared.platform)
        _rename_aliases(source, declared)

    if len(paths) > 1:
        shown = declared.file or f"{name}/"
        return read_parts(
            paths, file=shown, dialect=declared.dialect, limits=settings.limits, arrange=arrange_file
        )
    shown = declared.file or paths[0].name
    source = read_source(paths[0], file=shown, dialect=declared.dialect, limits=settings.limits)
    arrange_file(source)
    return source


def _rename_aliases(source: Source, declared: TableConfig) -> None:
    """Wordings of one question get our name; a file that has two of them is not settled by chance."""
    for ours, wordings in declared.aliases.items():
        held = [name for name in dict.fromkeys(map(str, source.frame.columns)) if name in wordings]
        if len(held) > 1:
            step = (
                f"Name the one that counts under  columns, and take the other out of  aliases  of {ours}."
            )
            raise refuse(source.file, "aliases", f"holds {' and '.join(map(repr, held[:3]))}.", step)
        if held and ours not in source.frame.columns:
            source.frame = source.frame.rename(columns={held[0]: ours})
            if held[0] in source.labels:
                source.labels = {**source.labels, ours: source.labels[held[0]]}


def _missing(name: str, folder: Path, file: str) -> UnreadableError:
    target = folder / (file or f"{name}.csv")
    if target.is_symlink():
        step = "Put the file itself there, or mend the link."
        return refuse(target.name, "link", "is a link that leads nowhere or in a circle.", step)
    if target.is_dir():
        step = f'Name the file itself: declare  file = "..."  under [{name}].'
        return refuse(target.name, "folder for a file", "is a folder that holds no data file.", step)
    there = ", ".join(sorted(path.name for path in folder.iterdir() if format_of(path.name))[:8])
    return UnreadableError(
        Finding(
            level="error",
            rule="missing file",
            file=file or f"{name}.csv",
            table=name,
            message=f"is not in the folder. There: {there or 'no data file'}.",
            next_step=f'Declare  file = "..."  under [{name}].',
        )
    )


def _paths(name: str, folder: Path, file: str) -> list[Path]:
    """The files of a table: as declared, else by its canonical name; two candidates are an error."""
    if file:
        target = folder / file
        if target.is_dir():
            return _files_in(target)
        found = sorted(folder.glob(file)) if "*" in file else [target]
        return [path for path in found if path.is_file()]
    there = [folder / f"{name}{ending}" for ending in FORMATS]
    broken = [path for path in there if path.is_dir() or (path.is_symlink() and not path.exists())]
    if broken:
        raise _missing(name, folder, broken[0].name)
    found = [path for path in there if path.is_file()]
    blocks = _files_in(folder / name)
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


def _files_in(folder: Path) -> list[Path]:
    """Files of one table in a folder of their own, in the order of their names."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and format_of(path.name))
