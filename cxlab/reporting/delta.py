"""What changed since an earlier run of the same report, and whether the change is more than noise."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cxlab.core.publishing import minimum_in_force
from cxlab.reporting.manifest import finished_record
from cxlab.reporting.notebooks import Notebook

_NEEDED: Final = ("estimate", "conf_low", "conf_high")
#: Columns that say which row it is; every other column may move with the data.
_LABELS: Final = ("term", "segment", "item", "kpi", "driver", "outcome", "touchpoint", "measure", "arm")
_HEADING: Final = re.compile(r"^##[ \t]+(.+?)[ \t]*$", re.MULTILINE)
MORE_THAN_NOISE: Final = "more than noise"
WITHIN_NOISE: Final = "within noise"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One estimate of a report with its limits."""

    estimate: float
    conf_low: float
    conf_high: float
    n: float = math.nan


@dataclass(frozen=True, kw_only=True)
class Change:
    """One estimate then and now; ``verdict`` says whether the interval of the change holds 0."""

    section: str
    label: str
    then: float
    now: float
    change: float
    conf_low: float
    conf_high: float
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Delta:
    """All changes of one report since ``since``; ``note`` says why there are none, if so."""

    since: str
    changes: tuple[Change, ...] = ()
    note: str = ""

    @property
    def counted(self) -> str:
        """How many moved, beside how many would by chance."""
        moved = sum(change.verdict == MORE_THAN_NOISE for change in self.changes)
        chance = 0.05 * len(self.changes)
        return (
            f"{moved} of {len(self.changes)} estimates moved by more than noise; about {chance:.0f} would "
            "by chance alone if nothing had changed."
        )


def change_of(then: Figure, now: Figure) -> tuple[float, float, float]:
    """The difference d = now - then and its limits, from two independent intervals.

    low = d - sqrt((now - now_low)^2 + (then_high - then)^2)
    high = d + sqrt((now_high - now)^2 + (then - then_low)^2)

    Zou and Donner (2008), Statistics in Medicine 27, 1693-1702: the limits need not be symmetric, and the
    interval has the confidence of the two.

    >>> then = Figure(estimate=7.0, conf_low=6.7, conf_high=7.3)
    >>> now = Figure(estimate=7.6, conf_low=7.2, conf_high=8.0)
    >>> [round(number, 3) for number in change_of(then, now)]
    [0.6, 0.1, 1.1]
    """
    difference = now.estimate - then.estimate
    low = math.hypot(now.estimate - now.conf_low, then.conf_high - then.estimate)
    high = math.hypot(now.conf_high - now.estimate, then.estimate - then.conf_low)
    return difference, difference - low, difference + high


def delta_of(notebook: Notebook, *, earlier: Path, name: str, data_hash: str) -> Delta:
    """The changes of an executed ``notebook`` since the good report ``name`` in the folder ``earlier``."""
    record = finished_record(earlier, name)
    if record is None:
        return Delta(since="", note="The earlier run holds no such report.")
    since = str(record["made_at"])
    if data_hash and record.get("data_hash") == data_hash:
        return Delta(since=since, note="The earlier run used the same data: there is nothing to compare.")
    then = figures_of(json.loads((earlier / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")))
    now = figures_of(notebook)
    both = [key for key in now if key in then]
    told = [key for key in both if _differ_by_few(then[key], now[key])]
    changes = tuple(_change(key, then[key], now[key]) for key in both if key not in told)
    note = "" if both else "The two runs share no estimate with an interval."
    if told:
        few = minimum_in_force()
        note = f"Estimates not compared: {len(told)}, whose groups differ by fewer than {few} persons."
    return Delta(since=since, changes=changes, note=note)


def figures_of(notebook: Mapping[str, Any]) -> dict[tuple[str, str], Figure]:
    """Every row of every table with estimate and limits: (section, label) to its figure.

    A label that stands twice in a section says nothing about which row is meant: it is left out.
    """
    found: dict[tuple[str, str], Figure] = {}
    twice: set[tuple[str, str]] = set()
    section = ""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            headings = _HEADING.findall("".join(cell["source"]))
            section = headings[-1] if headings else section
            continue
        for html in _tables(cell):
            for label, figure in _rows(html):
                twice |= {(section, label)} & found.keys()
                found.setdefault((section, label), figure)
    return {key: figure for key, figure in found.items() if key not in twice}


def _tables(cell: Mapping[str, Any]) -> Iterator[str]:
    for output in cell.get("outputs", []):
        html = output.get("data", {}).get("text/html", "")
        text = html if isinstance(html, str) else "".join(html)
        if all(name in text for name in _NEEDED):
            yield text


def _rows(html: str) -> Iterator[tuple[str, Figure]]:
    from bs4 import BeautifulSoup

    for table in BeautifulSoup(html, "html.parser").find_all("table"):
        header = [cell.get_text().strip() for cell in table.select("thead tr:first-child > *")]
        if not set(_NEEDED) <= set(header):
            continue
        for row in table.select("tbody tr"):
            cells = [cell.get_text().strip() for cell in row.find_all(["th", "td"])]
            if len(cells) != len(header):
                continue
            values = dict(zip(header, cells, strict=True))
            figure = _figure(values)
            if figure is not None:
                yield ", ".join(values[name] for name in _LABELS if values.get(name)), figure


def _figure(values: Mapping[str, str]) -> Figure | None:
    try:
        numbers = {name: float(values[name].replace(",", "")) for name in _NEEDED}
    except ValueError:
        return None
    try:
        persons = float(values["n"].replace(",", "")) if "n" in values else math.nan
    except ValueError:
        persons = math.nan
    return Figure(**numbers, n=persons) if all(map(math.isfinite, numbers.values())) else None


def _differ_by_few(then: Figure, now: Figure) -> bool:
    """Whether the difference of the two groups may be a group that is too small to be shown."""
    return 0 < abs(now.n - then.n) < minimum_in_force()


def _change(key: tuple[str, str], then: Figure, now: Figure) -> Change:
    difference, low, high = change_of(then, now)
    verdict = MORE_THAN_NOISE if low > 0 or high < 0 else WITHIN_NOISE
    return Change(
        section=key[0],
        label=key[1],
        then=then.estimate,
        now=now.estimate,
        change=difference,
        conf_low=low,
        conf_high=high,
        verdict=verdict,
    )
