"""How one entry of a recipe becomes many reports: lists, a table of values, every dealer with answers."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from cxlab.core.errors import ParameterError
from cxlab.reporting.job import Job
from cxlab.reporting.parameters import Parameter

#: (data folder, configuration or None, column) -> answers per value of the column.
Count: TypeAlias = Callable[[Path, Path | None, str], Mapping[str, int]]
#: Below this a report would only say "too few" on every line.
LEAST_ANSWERS = 30


def combinations(
    entry: Mapping[str, Any],
    *,
    where: str,
    job: Job,
    fixed: Mapping[str, Any],
    base: Path,
    count: Count | None,
) -> list[dict[str, Any]]:
    """The values that change from report to report, one mapping for each report.

    ``grid: {name: [values]}``: every combination. ``grid_file: FILE.csv``: one report for each line, the
    header names the parameters. ``every: COLUMN`` with ``minimum_answers: N``: one report for each value of
    a survey column that has N answers or more, and the parameter of the same name is set to it. Only one of
    the last two; each may stand beside a grid.

    Raises
    ------
    ParameterError
        With what is wrong, where, and the next step.
    """
    grid = mapping(entry, "grid", where)
    for name, values in grid.items():
        if not isinstance(values, list) or not values:
            raise ParameterError(
                f"{where}: grid {name} must be a list with at least one value, got {values!r}."
            )
    rows = _rows(entry, where, job, fixed, base, count)
    both = sorted({*map(str, fixed)} & {*map(str, grid), *rows[0]} | ({*grid} & {*rows[0]}))
    if both:
        raise ParameterError(
            f"{where}: {', '.join(both)} is given twice (parameters, grid, grid_file or every). "
            "Next step: keep one."
        )
    crossed = [dict(zip(grid, chosen, strict=True)) for chosen in itertools.product(*grid.values())]
    return [{**row, **chosen} for row in rows for chosen in crossed]


def mapping(entry: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    """``entry[key]`` as name-value pairs, empty if it is not there."""
    value = entry.get(key) or {}
    if not isinstance(value, dict):
        raise ParameterError(f"{where}: {key} must be `name: value` pairs, got {value!r}.")
    return value


def _rows(
    entry: Mapping[str, Any],
    where: str,
    job: Job,
    fixed: Mapping[str, Any],
    base: Path,
    count: Count | None,
) -> list[dict[str, Any]]:
    if "grid_file" in entry and "every" in entry:
        raise ParameterError(f"{where}: grid_file and every cannot stand together. Next step: keep one.")
    if "minimum_answers" in entry and "every" not in entry:
        raise ParameterError(f"{where}: minimum_answers needs `every: COLUMN`.")
    if "grid_file" in entry:
        return _from_file(base / str(entry["grid_file"]), where, job)
    if "every" in entry:
        return _from_answers(entry, where, job, fixed, base, count)
    return [{}]


def _from_file(path: Path, where: str, job: Job) -> list[dict[str, Any]]:
    """One mapping for each line of a CSV file; texts are typed as the notebook declares."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            names, lines = list(reader.fieldnames or []), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ParameterError(f"{where}: grid_file {path.name} cannot be read ({error}).") from error
    if not lines or len(set(names)) < len(names):
        raise ParameterError(
            f"{where}: grid_file {path.name} needs a header of different names and one line or more."
        )
    declared = {item.name: item for item in job.declared}
    problems: list[str] = []
    rows = []
    for number, line in enumerate(lines, start=2):
        if None in line or None in line.values():
            problems.append(f"{where}: {path.name}, line {number}: needs {len(names)} values.")
            continue
        rows.append(
            {
                name: _typed(
                    declared.get(name), line[name], f"{where}: {path.name}, line {number}", problems
                )
                for name in names
            }
        )
    if problems:
        raise ParameterError("\n".join(problems))
    return rows


def _typed(parameter: Parameter | None, text: str, where: str, problems: list[str]) -> Any:
    if parameter is None:
        # An unknown name: the check against the notebook says so, with the nearest names.
        return text
    try:
        return parameter.accept_text(text)
    except ValueError as error:
        problems.append(f"{where}: {parameter.name} {error}.")
        return text


def _from_answers(
    entry: Mapping[str, Any],
    where: str,
    job: Job,
    fixed: Mapping[str, Any],
    base: Path,
    count: Count | None,
) -> list[dict[str, Any]]:
    column, least = entry["every"], entry.get("minimum_answers", LEAST_ANSWERS)
    if not isinstance(column, str) or column not in {item.name for item in job.declared}:
        known = ", ".join(item.name for item in job.declared)
        raise ParameterError(
            f"{where}: every must be a column that is a parameter ({known}), got {column!r}."
        )
    if type(least) is not int or least < 1:
        raise ParameterError(f"{where}: minimum_answers must be a whole number from 1, got {least!r}.")
    data, config = fixed.get("data"), fixed.get("config")
    if count is None or not isinstance(data, str):
        raise ParameterError(
            f'{where}: every needs the data. Next step: add `data: "{{data}}"` under parameters.'
        )
    counted = count(base / data, base / config if isinstance(config, str) and config else None, column)
    rows = [{column: value} for value, answers in counted.items() if answers >= least]
    if not rows:
        most = max(counted.values(), default=0)
        raise ParameterError(
            f"{where}: no {column} has {least} answers (the most is {most}). Next step: ask for fewer."
        )
    return rows
