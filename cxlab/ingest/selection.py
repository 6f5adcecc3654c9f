"""From the user's columns to ours: look-ups, rows kept, names mapped, missing columns said."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from cxlab.ingest.bytes_rules import UnreadableError
from cxlab.ingest.config import Lookup
from cxlab.ingest.config_section import nearest
from cxlab.ingest.readers import read_source
from cxlab.ingest.state import TableState, shown_name

#: This many found columns are named in a message.
SHOWN_COLUMNS = 12
ALL = "all"
ROW_NUMBER_IDS = ("response_id", "event_id", "complaint_id", "contract_id")


def snake_case(name: str) -> str:
    """A user's column name as ours.

    >>> [snake_case(name) for name in ("Type of Travel", "SeniorCitizen", "StreamingTV", "In-flight Wi%")]
    ['type_of_travel', 'senior_citizen', 'streaming_tv', 'in_flight_wi']
    """
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name))
    return re.sub(r"\W+", "_", split).strip("_").lower()


def text_of(values: pd.Series) -> pd.Series:
    """Stripped text of a column, empty for missing; stored numbers without a decimal point."""
    if pd.api.types.is_float_dtype(values.dtype):
        whole = values.dropna()
        if (whole % 1 == 0).all() and (whole.abs() < 2**53).all():
            values = values.astype("Int64")
    return values.astype("str").where(values.notna(), "").astype("str").str.strip()


def add_lookups(state: TableState, folder: Path) -> None:
    """Bring columns from other files, each row finding at most one row there."""
    for lookup in state.config.lookups:
        if lookup.on not in state.raw.columns:
            state.say(
                "error",
                "look-up",
                f"key {lookup.on!r} is not a column here.",
                next_step=_found(state, lookup.on),
            )
            continue
        try:
            other = read_source(
                folder / lookup.file,
                file=lookup.file,
                dialect=state.config.dialect,
                limits=state.data.limits,
            )
        except (UnreadableError, OSError) as error:
            why = error.finding.message if isinstance(error, UnreadableError) else "cannot be opened."
            state.say("error", "look-up", f"{lookup.file} {why}")
            continue
        _take(state, lookup, other.frame)


def _take(state: TableState, lookup: Lookup, other: pd.DataFrame) -> None:
    taken = [name for name in lookup.columns if name in state.raw.columns]
    if taken:
        message = f"the file has a column {taken[0]!r} of its own."
        state.say("error", "look-up", message, next_step="Give the new column another name.")
        return
    needed = [lookup.key, *lookup.columns.values()]
    missing = [name for name in needed if name not in other.columns]
    if missing:
        known = [str(name) for name in other.columns]
        state.say(
            "error",
            "look-up",
            f"{lookup.file} has no column {', '.join(missing)}.{nearest(missing[0], known)}",
        )
        return
    keys = text_of(other[lookup.key])
    double = int(keys[keys != ""].duplicated().sum())
    if double:
        state.say(
            "error",
            "look-up key",
            f"{lookup.key!r} of {lookup.file} is not unique; a row here would find several.",
            rows=double,
            next_step="A look-up needs one row per key: choose another key or mend the file.",
        )
        return
    here = text_of(state.raw[lookup.on])
    position = pd.Index(keys).get_indexer(pd.Index(here))
    lost = int(((position < 0) | (here == "").to_numpy()).sum())
    position = np.where((here == "").to_numpy(), -1, position)
    state.raw = state.raw.copy()
    for name, source in lookup.columns.items():
        values = pd.concat([text_of(other[source]), pd.Series([""], dtype="str")], ignore_index=True)
        state.raw[name] = values.take(position).set_axis(state.raw.index)
    if lost:
        state.say(
            "note",
            "look-up",
            f"found no row in {lookup.file}; {', '.join(lookup.columns)} are empty there.",
            column=lookup.on,
            rows=lost,
        )


def keep_rows(state: TableState) -> None:
    """Set aside the rows that the user's ``keep`` excludes, each with its reason."""
    for column, values in state.config.keep.items():
        if column not in state.raw.columns:
            state.say("error", "keep", f"column {column!r} is not there.", next_step=_found(state, column))
            continue
        text = text_of(state.raw[column])
        mask = (
            (text == "").to_numpy(dtype=bool)
            if not values
            else ~text.isin(list(values)).to_numpy(dtype=bool)
        )
        wanted = "filled" if not values else " or ".join(values)
        rows = state.leave_out(mask, f"{column} is not {wanted}")
        state.say(
            "note",
            "rows kept",
            f"set aside because {column} is not {wanted}, as declared."
            if rows
            else f"{column} is {wanted} in every row.",
            rows=rows,
        )


def select(state: TableState) -> dict[str, pd.Series]:
    """Our name -> untyped column, in the order of the contract, then what the user carries."""
    found: dict[str, pd.Series] = {}
    header = [str(name) for name in state.raw.columns]
    for name, sources in _mapping(state, header).items():
        sources = tuple(_as_written(state, name, source, header) for source in sources)
        missing = [source for source in sources if source not in state.raw.columns]
        if missing:
            if name in state.contract.required or name in state.config.columns:
                wanted = ", ".join(repr(source) for source in missing)
                named = "" if sources == (name,) else f"{wanted}, as declared. "
                state.say(
                    "error",
                    "column is missing",
                    f"{named}{_columns_found(header)}",
                    column=name,
                    next_step=_instead(state, name, missing[0], header),
                )
            continue
        found[name] = _joined(state, sources)
        state.origin[name] = sources
    found |= {
        name: pd.Series(value, index=state.raw.index, dtype="str")
        for name, value in state.config.constant.items()
    }
    _say_uncarried(state, header, found)
    return found


def _as_written(state: TableState, name: str, source: str, header: list[str]) -> str:
    """The header's own spelling of a name, where only case and blanks differ and one column fits (36)."""
    if source in header:
        return source
    taken = {other for sources in state.config.columns.values() for other in sources}
    fits = [other for other in header if other not in taken and _folded(other) == _folded(source)]
    if len(fits) != 1:
        return source
    state.say("repair", "header spelling", f"{fits[0]!r} in the file read as {source!r}.", column=name)
    return fits[0]


def _folded(name: str) -> str:
    return re.sub(r"[\s_]+", "_", name.strip()).casefold()


def _mapping(state: TableState, header: list[str]) -> dict[str, tuple[str, ...]]:
    """Our name -> the user's names: declared ones, contract names found as they are, carried ones."""
    config, contract = state.config, state.contract
    used = {source for sources in config.columns.values() for source in sources}
    computed = {*config.constant, *config.derived, *(["outcome"] if config.outcome else [])}
    suggested = state.source.arrangement.names if state.source.arrangement else {}
    names = [column.name for column in contract.columns if "*" not in column.name]
    names += [name for name in header if contract.recognises(name) and name not in names]
    folded = {_folded(name) for name in header}
    mapping: dict[str, tuple[str, ...]] = {}
    for name in names:
        if name in config.columns:
            mapping[name] = config.columns[name]
        elif name in computed or name in config.absent or name in used:
            continue
        elif name in suggested and name not in header and suggested[name] not in used:
            mapping[name] = (suggested[name],)
            _say_suggested(state, name, suggested[name])
        elif _folded(name) in folded or name in contract.required or name == contract.key:
            if name == "contract_id" and name not in header:
                continue
            mapping[name] = (name,)
    mapping |= {name: (name,) for name in config.aliases if name in header and name not in mapping}
    mapping |= {name: sources for name, sources in config.columns.items() if name not in mapping}
    carried = header if config.carry == (ALL,) else config.carry
    taken = {source for sources in mapping.values() for source in sources}
    for source in carried:
        if source not in taken or config.carry != (ALL,):
            mapping.setdefault(snake_case(source), (source,))
    return mapping


def _say_suggested(state: TableState, name: str, source: str) -> None:
    arranged = state.source.arrangement
    tool = arranged.platform if arranged else ""
    step = f'Another column is meant? Declare  columns = {{{name} = "..."}}.'
    state.say(
        "note", "survey tool", f"taken from {source!r}, as {tool} names it.", column=name, next_step=step
    )


def _joined(state: TableState, sources: tuple[str, ...]) -> pd.Series:
    if len(sources) == 1:
        return state.raw[sources[0]]
    parts = [text_of(state.raw[source]) for source in sources]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + "|" + part
    blank = np.logical_or.reduce([(part == "").to_numpy(dtype=bool) for part in parts])
    return whole.mask(blank, "")


def add_row_ids(state: TableState, typed: pd.DataFrame) -> pd.DataFrame:
    """A key made of the record number where the user declared that there is none."""
    key = state.contract.key
    if (
        key in typed.columns
        or key not in ROW_NUMBER_IDS
        or (key not in state.config.absent and key != "contract_id")
    ):
        return typed
    state.say("note", "no key", f"{key} is made of the row number, because the file has none.", column=key)
    made = pd.Series(["row-" + str(record + 1) for record in typed.index], index=typed.index, dtype="str")
    return pd.concat([made.rename(key), typed], axis=1)


def _say_uncarried(state: TableState, header: list[str], found: dict[str, pd.Series]) -> None:
    used = {source for sources in state.config.columns.values() for source in sources}
    used |= (
        {lookup.on for lookup in state.config.lookups} | set(state.config.keep) | set(state.config.carry)
    )
    used |= {source for sources in state.origin.values() for source in sources}
    used |= set(found) | {name for lookup in state.config.lookups for name in lookup.columns}
    left = [name for name in header if name not in used and ALL not in state.config.carry]
    if left:
        more = f" and {len(left) - SHOWN_COLUMNS} more" if len(left) > SHOWN_COLUMNS else ""
        listed = ", ".join(map(shown_name, left[:SHOWN_COLUMNS]))
        state.say(
            "note",
            "not carried",
            f"{len(left)} column{'' if len(left) == 1 else 's'}: {listed}{more}.",
            next_step='To carry columns declare  carry = ["name", ...]  or  columns = {our_name = "name"}.',
        )


def _columns_found(header: list[str]) -> str:
    more = ", ..." if len(header) > SHOWN_COLUMNS else ""
    return f"Columns found: {', '.join(map(shown_name, header[:SHOWN_COLUMNS]))}{more}."


def _instead(state: TableState, name: str, missing: str, header: list[str]) -> str:
    close = nearest(missing, header).strip()
    declare = f'Declare  columns = {{{name} = "..."}}'
    absent = (
        f',  or  absent = ["{name}"]  if these data do not have it'
        if name in state.contract.required
        else ""
    )
    return f"{close} {declare}{absent}.".strip()


def _found(state: TableState, name: str) -> str:
    header = [str(column) for column in state.raw.columns]
    return f"{_columns_found(header)}{nearest(name, header)}"


def say_unused_options(state: TableState) -> None:
    """Options for columns that are not there: a typing mistake must not pass as a declaration."""
    config = state.config
    options = {
        "scale": config.scale,
        "missing_codes": config.missing_codes,
        "recode": config.recode,
        "categories": config.categories,
        "types": config.types,
    }
    columns = [str(name) for name in state.frame.columns]
    for option, declared in options.items():
        for key in declared:
            if not any(fnmatchcase(name, key) for name in columns):
                message = (
                    f"{option} names {key!r}, which is no column of this table.{nearest(key, columns)}"
                )
                state.say(
                    "error", "unused option", message, next_step=f"Mend {option} in {state.data.file}."
                )
