"""What to report: one notebook with its values, or a recipe that lists many; checked before any run."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from cxlab.core.errors import CxlabError, ParameterError
from cxlab.reporting.grids import Count, combinations, mapping
from cxlab.reporting.job import Job
from cxlab.reporting.naming import report_name, slug, with_hash
from cxlab.reporting.notebooks import find_notebook, read_notebook
from cxlab.reporting.pages import LANGUAGE, is_language
from cxlab.reporting.parameters import absolute_paths, check_values, read_parameters

_RECIPE_KEYS: Final = ("title", "language", "notebooks", "reports", "compare_with")
_REPORT_KEYS: Final = ("notebook", "name", "parameters", "grid", "grid_file", "every", "minimum_answers")
_PLACEHOLDER = re.compile(r"\{(data|recipe)\}")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A title and the reports to make, in order; ``earlier`` is the folder of a run to compare with.

    ``language`` is that of the pages, as a web tag; empty for English.
    """

    title: str
    jobs: tuple[Job, ...]
    earlier: Path | None = None
    language: str = ""


def plan_one(notebook: str, texts: Mapping[str, str], *, folder: Path, base: Path) -> Job:
    """One report from the command line.

    Parameters
    ----------
    notebook
        A path, or a name in ``folder``.
    texts
        Parameter name to text as typed.
    folder
        The project's notebooks.
    base
        From where relative paths in values count: the user's working folder.

    Raises
    ------
    ParameterError
        For an unknown notebook or name, a wrong type, a path that does not exist: before any kernel.
    """
    job = _read_job(find_notebook(notebook, folder))
    where = f"{job.path.stem}"
    values = check_values(job.declared, texts, where=where, typed_text=True)
    values = absolute_paths(job.declared, values, base=base, where=where)
    labels = {name: text for name, text in texts.items() if name != "data"}
    identity = {"notebook": job.path.stem, **texts}
    name = report_name(job.path.stem, list(labels.values()), identity)
    return replace(job, name=name, given=values, labels=labels, identity=identity)


def read_recipe(path: Path, *, data: Path | None = None, count: Count | None = None) -> Recipe:
    """The reports of a recipe file, each checked against its notebook.

    ``{data}`` in a text value becomes the ``data`` folder, ``{recipe}`` the folder of the recipe; other
    relative paths count from the recipe's folder. :func:`cxlab.reporting.grids.combinations` says how one
    entry becomes many reports.

    Parameters
    ----------
    path
        The recipe.
    data
        The folder that ``{data}`` stands for.
    count
        Tells how many answers each value of a column has; asked for ``every:`` only.

    Raises
    ------
    ParameterError
        With every fault of every report at once, before any kernel starts.
    """
    content = _load(path)
    where = path.name
    folder = path.resolve().parent
    problems = _unknown_keys(content, _RECIPE_KEYS, where)
    reports = content.get("reports")
    if not isinstance(reports, list) or not reports:
        raise ParameterError(
            f"{where}: there is no list `reports:`. Next step: add one with a `- notebook: name`."
        )
    notebooks = content.get("notebooks", "../notebooks")
    title = content.get("title", path.stem)
    if not isinstance(notebooks, str) or not isinstance(title, str):
        raise ParameterError(
            f"{where}: `title` and `notebooks` must be text. Next step: put them in quotes."
        )
    language = content.get("language", LANGUAGE)
    if not is_language(language):
        problems.append(
            f"{where}: `language` must be a web tag such as en, de or pt-BR, got {language!r}. "
            "Next step: write no in quotes, YAML reads it as false."
        )
    places = {"recipe": str(folder)} | ({"data": str(data.resolve())} if data is not None else {})
    jobs: list[Job] = []
    for number, entry in enumerate(reports, start=1):
        try:
            jobs += _jobs_of(entry, f"{where}, report {number}", folder / notebooks, folder, places, count)
        except CxlabError as error:
            problems.append(str(error))
    if data is not None and "{data}" not in str(reports):
        problems.append(
            f'{where}: --data is given, but no report uses {{data}}. Next step: write `data: "{{data}}"`.'
        )
    earlier = _earlier(content, folder, where, problems)
    if problems:
        raise ParameterError("\n".join(dict.fromkeys(problems)))
    return Recipe(title=title, jobs=_distinct(jobs, where), earlier=earlier, language=str(language))


def _earlier(content: Mapping[str, Any], folder: Path, where: str, problems: list[str]) -> Path | None:
    """The folder that ``compare_with`` names: a finished run, or a problem."""
    if "compare_with" not in content:
        return None
    earlier = (folder / str(content["compare_with"])).resolve()
    if not (earlier / "run.json").is_file():
        problems.append(
            f"{where}: compare_with {content['compare_with']!r} holds no finished run (no run.json). "
            "Next step: name the output folder of an earlier batch, from the folder of the recipe."
        )
    return earlier


def _jobs_of(
    entry: object,
    where: str,
    notebooks: Path,
    base: Path,
    places: Mapping[str, str],
    count: Count | None,
) -> list[Job]:
    if not isinstance(entry, dict) or not isinstance(entry.get("notebook"), str):
        raise ParameterError(f"{where}: must name a notebook. Next step: write `- notebook: 02_drivers`.")
    unknown = _unknown_keys(entry, _REPORT_KEYS, where)
    if unknown:
        raise ParameterError("\n".join(unknown))
    job = _read_job(find_notebook(entry["notebook"], notebooks))
    where = f"{where} ({job.path.stem})"
    fixed = mapping(entry, "parameters", where)
    ready = {name: _filled(value, places, where) for name, value in fixed.items()}
    chosen_sets = combinations(entry, where=where, job=job, fixed=ready, base=base, count=count)
    stem = entry.get("name", job.path.stem)
    if not isinstance(stem, str) or not slug(stem):
        raise ParameterError(f"{where}: name must be text with a letter or digit, got {stem!r}.")
    jobs: list[Job] = []
    for chosen in chosen_sets:
        given = {name: _filled(value, places, where) for name, value in {**fixed, **chosen}.items()}
        values = check_values(job.declared, given, where=where)
        values = absolute_paths(job.declared, values, base=base, where=where)
        labels = {name: _label(value) for name, value in chosen.items()}
        shown = {"": stem, **labels} if "name" in entry else labels
        identity = {"notebook": job.path.stem, **fixed, **chosen}
        name = report_name(stem, list(labels.values()), identity)
        jobs.append(replace(job, name=name, given=values, labels=shown, identity=identity))
    return jobs


def _read_job(path: Path) -> Job:
    notebook = read_notebook(path)
    declared = read_parameters(notebook, where=path.name)
    return Job(name=slug(path.stem), path=path, notebook=notebook, declared=declared)


def _distinct(jobs: Sequence[Job], where: str) -> tuple[Job, ...]:
    """The jobs with different names; ParameterError if the same report stands twice."""
    counts = Counter(job.name for job in jobs)
    named = [
        job if counts[job.name] == 1 else replace(job, name=with_hash(job.name, job.identity))
        for job in jobs
    ]
    twice = sorted(name for name, count in Counter(job.name for job in named).items() if count > 1)
    if twice:
        raise ParameterError(
            f"{where}: the same report stands twice: {', '.join(twice)}. Next step: remove one, "
            "or give one a `name:`."
        )
    return tuple(named)


def _load(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParameterError(f"The recipe {str(path)!r} cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ParameterError(f"{path.name}: not YAML ({' '.join(str(error).split())}).") from error
    if not isinstance(content, dict):
        raise ParameterError(
            f"{path.name}: must hold `title:` and `reports:`, got {type(content).__name__}."
        )
    return content


def _unknown_keys(content: Mapping[Any, Any], allowed: Sequence[str], where: str) -> list[str]:
    problems: list[str] = []
    for key in content:
        if key not in allowed:
            near = difflib.get_close_matches(str(key), allowed, n=1)
            guess = f"did you mean {near[0]}?" if near else f"known are {', '.join(allowed)}."
            problems.append(f"{where}: unknown key {key!r}; {guess}")
    return problems


def _filled(value: Any, places: Mapping[str, str], where: str) -> Any:
    """``value`` with ``{data}`` and ``{recipe}`` replaced, in texts and in lists of texts."""
    if isinstance(value, list):
        return [_filled(item, places, where) for item in value]
    if not isinstance(value, str):
        return value
    missing = sorted({name for name in _PLACEHOLDER.findall(value) if name not in places})
    if missing:
        raise ParameterError(f"{where}: {value!r} needs the data folder. Next step: add --data DIR.")
    return _PLACEHOLDER.sub(lambda match: places[match.group(1)], value)


def _label(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
