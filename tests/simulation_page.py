"""The page of measured figures: one section for each test file, renewed by whichever run included it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

HEAD = """\
# Simulations: what the long tests measured

Written by `make test-statistics`; do not edit. Worlds with known truth; `bound` is what the test asserts,
and a figure that missed it stays here. Each section says when it was run:
`make test-statistics ONLY=tests/stats` renews those files only.
"""


@dataclass
class Section:
    """What one file's long tests came to: rows (what, measured, runs, bound, outcome), tests by outcome."""

    rows: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    passed: int = 0
    failed: int = 0


def collect(reports: Iterable[tuple[str, str, list[tuple[str, str, str, str]]]]) -> dict[str, Section]:
    """Sections by file of (file, outcome, figures) triples, one for each test that ran to its end."""
    sections: dict[str, Section] = defaultdict(Section)
    for file, outcome, figures in reports:
        section = sections[file]
        section.passed += outcome == "passed"
        section.failed += outcome == "failed"
        section.rows += [(*figure, "held" if outcome == "passed" else "failed") for figure in figures]
    return dict(sections)


def renewed(page: str, sections: dict[str, Section], *, stamp: str) -> str:
    """``page`` with the sections of the files in ``sections`` replaced; others stay as they were."""
    old = {
        match[1]: match[0]
        for match in re.finditer(r"## `([^`]+)`\n.*?(?=\n## `|\Z)", page, flags=re.DOTALL)
    }
    new = {file: _section(file, section, stamp) for file, section in sections.items()}
    bodies = {**old, **new}
    return "\n".join([HEAD, *(bodies[file].rstrip() + "\n" for file in sorted(bodies))])


def _section(file: str, section: Section, stamp: str) -> str:
    tests = section.passed + section.failed
    lines = [
        f"## `{file}`",
        "",
        f"{stamp}: {tests} long test{'s' * (tests != 1)}, {section.failed} failed.",
        "",
        "| what | measured | runs | bound | test |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in sorted(section.rows)]
    return "\n".join(lines if section.rows else lines[:3])
