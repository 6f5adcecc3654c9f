"""The house rules for notebooks, each a function that returns what breaks it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cxlab.core.errors import ParameterError
from cxlab.reporting.notebooks import (
    HEADLINE_TAG,
    PARAMETERS_TAG,
    Notebook,
    read_notebook,
    tags,
)
from cxlab.reporting.parameters import read_parameters

MOST_CODE_CELLS: Final = 15
MOST_LINES_IN_A_CELL: Final = 12
MOST_CODE_LINES: Final = 80
MOST_LINES_IN_A_LOOP: Final = 4
#: A model cell's checks stand in it or in one of so many code cells after it.
CHECKS_WITHIN: Final = 2
LONGEST_HEADLINE: Final = 700

_NAME = re.compile(r"[0-9]{2}_[a-z0-9]+(_[a-z0-9]+)*")
_QUESTION = re.compile(r"#[ \t]+\S.*\?[ \t]*$")
_NOT_SHOWN = re.compile(r"^#{1,6}[ \t]+What this does not show\b", re.IGNORECASE | re.MULTILINE)
_ABSOLUTE = re.compile(r"(~|[A-Za-z]:[\\/]|/[A-Za-z]|\\\\)")
_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_SHELL_OR_MAGIC = re.compile(r"^\s*[%!]", re.MULTILINE)
_PATH_SHOWN = re.compile(r"(?<![\w.:/<-])(/(?:[\w.+-]+/)+[\w.+-]*|[A-Za-z]:\\[\w\\.-]+)")
# A time after a date is a value of the data; a bare clock time is the time of the run.
_TIME_SHOWN = re.compile(
    r"(?<!\d{4}-\d{2}-\d{2}[ T])\b\d{1,2}:\d{2}:\d{2}\b|\b(wall time|cpu times)\b", re.IGNORECASE
)
_ADDRESS_SHOWN = re.compile(r"\b(at )?0x[0-9a-f]{6,}\b", re.IGNORECASE)
_NETWORK_OR_SHELL: Final = frozenset(
    ["requests", "urllib", "http", "socket", "ftplib", "httpx", "aiohttp", "subprocess", "shutil"]
)
_UNSAFE_DISPLAY: Final = frozenset({"HTML", "Markdown", "Javascript", "Latex", "IFrame"})
_NOT_PLAIN: Final = {
    ast.FunctionDef: "def",
    ast.AsyncFunctionDef: "async def",
    ast.ClassDef: "class",
    ast.Try: "try",
    ast.While: "while",
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One broken rule; ``cell`` counts all cells from 1, 0 means the whole notebook."""

    rule: str
    message: str
    cell: int = 0

    def __str__(self) -> str:
        place = f"cell {self.cell}: " if self.cell else ""
        return f"{place}{self.message} [{self.rule}]"


def lint_notebook(path: Path) -> list[Problem]:
    """Everything in the notebook at ``path`` that breaks a rule of :data:`RULES`; empty if nothing does."""
    notebook = read_notebook(path)
    return [problem for rule in RULES for problem in rule(path, notebook)]


def named_by_number_and_question(path: Path, notebook: Notebook) -> Iterator[Problem]:
    """The file is NN_words.ipynb and the first cell is text titled by a question."""
    if not _NAME.fullmatch(path.stem):
        yield Problem(rule="name", message=f"the file name {path.name!r} is not NN_question.ipynb")
    first = notebook.cells[0] if notebook.cells else None
    lines = first.source.splitlines() if first is not None and first.cell_type == "markdown" else []
    if not lines or not _QUESTION.match(lines[0]):
        yield Problem(
            rule="question", cell=1, message="the first cell must be text that starts with `# A question?`"
        )


def parameters_declared(path: Path, notebook: Notebook) -> Iterator[Problem]:
    """One parameters cell; every line typed, defaulted and commented, with no = or # in a comment."""
    tagged = [number for number, cell in _code(notebook) if PARAMETERS_TAG in tags(cell)]
    if len(tagged) != 1:
        yield Problem(
            rule="parameters", message=f"{len(tagged)} code cells are tagged 'parameters', must be one"
        )
        return
    try:
        parameters = read_parameters(notebook, where=path.name)
    except ParameterError as error:
        yield Problem(rule="parameters", cell=tagged[0], message=" ".join(str(error).split()))
        return
    for parameter in parameters:
        if not parameter.comment:
            yield Problem(rule="parameters", cell=tagged[0], message=f"{parameter.name} has no comment")
        if set("=#") & set(parameter.comment):
            message = f"the comment of {parameter.name} holds = or #, which papermill cannot read"
            yield Problem(rule="parameters", cell=tagged[0], message=message)


def small(path: Path, notebook: Notebook) -> Iterator[Problem]:
    """At most 15 code cells, 12 lines a cell, 80 lines of code; blank lines are not counted."""
    sizes = [(number, _line_count(cell)) for number, cell in _code(notebook)]
    if len(sizes) > MOST_CODE_CELLS:
        yield Problem(rule="size", message=f"{len(sizes)} code cells, at most {MOST_CODE_CELLS}")
    for number, lines in sizes:
        if lines > MOST_LINES_IN_A_CELL:
            yield Problem(
                rule="size", cell=number, message=f"{lines} lines, at most {MOST_LINES_IN_A_CELL}"
            )
    total = sum(lines for _, lines in sizes)
    if total > MOST_CODE_LINES:
        yield Problem(rule="size", message=f"{total} lines of code, at most {MOST_CODE_LINES}")


def plain_code(path: Path, notebook: Notebook) -> Iterator[Problem]:
    """No definitions, try, while, long loops, magics, network, shell, absolute paths, silenced warnings."""
    for number, cell in _code(notebook):
        if _SHELL_OR_MAGIC.search(cell.source):
            yield Problem(
                rule="plain", cell=number, message="a line starts with % or !: no magics, no shell"
            )
            continue
        try:
            tree = ast.parse(cell.source)
        except (SyntaxError, ValueError) as error:
            yield Problem(rule="plain", cell=number, message=f"not Python: {error}")
            continue
        for message in dict.fromkeys(message for node in ast.walk(tree) for message in _not_plain(node)):
            yield Problem(rule="plain", cell=number, message=message)


def models_checked(path: Path, notebook: Notebook) -> Iterator[Problem]:
    """Each result of .fit(...) or cxlab.ask(...) shows its .checks() there or in the next two code cells.

    A linking step, asked without a model, may show its ``.losses()`` or ``.matches()`` instead.
    """
    trees = [(number, tree) for number, cell in _code(notebook) if (tree := _tree(cell)) is not None]
    for position, (number, tree) in enumerate(trees):
        near = [other for _, other in trees[position : position + 1 + CHECKS_WITHIN]]
        for name, members in _results(tree):
            shown = {owner for other in near for owner in _owners_of(other, members)}
            if not (shown if name is None else name in shown):
                wanted = " or ".join(f"{name or 'the model'}.{member}()" for member in members)
                message = f"{wanted} is not shown in this cell or the next {CHECKS_WITHIN} code cells"
                yield Problem(rule="checks", cell=number, message=message)


def ends_with_its_limits(path: Path, notebook: Notebook) -> Iterator[Problem]:
    """The last cell is text with the section "What this does not show"."""
    last = notebook.cells[-1] if notebook.cells else None
    if last is None or last.cell_type != "markdown" or not _NOT_SHOWN.search(last.source):
        message = "the last cell must be text with a heading `## What this does not show`"
        yield Problem(rule="limits", cell=len(notebook.cells), message=message)


def answered_in_a_headline(path: Path, notebook: Notebook) -> Iterator[Problem]:
    """The last code cell is tagged ``headline`` and prints the answer, short and as text."""
    cells = _code(notebook)
    tagged = [number for number, cell in cells if HEADLINE_TAG in tags(cell)]
    if not cells or tagged != [cells[-1][0]]:
        message = "the last code cell, and no other, must be tagged 'headline': it prints the answer"
        yield Problem(rule="headline", message=message)
        return
    text = " ".join(_shown_text(cells[-1][1]).split())
    if not text or len(text) > LONGEST_HEADLINE:
        message = f"the headline has {len(text)} characters, must have 1 to {LONGEST_HEADLINE}"
        yield Problem(rule="headline", cell=tagged[0], message=message)


def run_from_top(path: Path, notebook: Notebook) -> Iterator[Problem]:
    """Outputs are committed and come from one run: counts 1, 2, 3, ...; no error, nothing on stderr."""
    cells = _code(notebook)
    counts = [cell.execution_count for _, cell in cells]
    if counts != list(range(1, len(cells) + 1)):
        yield Problem(
            rule="run",
            message=f"execution counts are {counts}, must be 1 to {len(cells)}: run it from the top",
        )
    if not any(cell.get("outputs") for _, cell in cells):
        yield Problem(rule="run", message="there is no output: run it and save it with its outputs")
    for number, cell in cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                yield Problem(rule="run", cell=number, message=f"an error is committed: {output.ename}")
            if output.output_type == "stream" and output.name == "stderr":
                yield Problem(
                    rule="run", cell=number, message="it writes to stderr: mend the cause of the warning"
                )


def same_everywhere(path: Path, notebook: Notebook) -> Iterator[Problem]:
    """No path, clock time or memory address in an output, so that another machine shows the same."""
    looks = (("a path", _PATH_SHOWN), ("a clock time", _TIME_SHOWN), ("a memory address", _ADDRESS_SHOWN))
    for number, cell in _code(notebook):
        text = _shown_text(cell)
        for what, pattern in looks:
            found = pattern.search(text)
            if found:
                yield Problem(
                    rule="same", cell=number, message=f"the output shows {what}: {found.group(0)[:40]!r}"
                )


RULES: Final[tuple[Callable[[Path, Notebook], Iterator[Problem]], ...]] = (
    named_by_number_and_question,
    parameters_declared,
    small,
    plain_code,
    models_checked,
    ends_with_its_limits,
    answered_in_a_headline,
    run_from_top,
    same_everywhere,
)


def _code(notebook: Notebook) -> list[tuple[int, Any]]:
    """Code cells with their place among all cells, counted from 1."""
    return [
        (number, cell) for number, cell in enumerate(notebook.cells, start=1) if cell.cell_type == "code"
    ]


def _line_count(cell: Any) -> int:
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def _tree(cell: Any) -> ast.Module | None:
    try:
        return ast.parse(str(cell.source))
    except (SyntaxError, ValueError):
        return None


def _not_plain(node: ast.AST) -> Iterator[str]:
    for kind, word in _NOT_PLAIN.items():
        if isinstance(node, kind):
            yield f"`{word}` belongs into the package, not into a notebook"
    if (
        isinstance(node, ast.For | ast.AsyncFor)
        and (node.end_lineno or 0) - node.lineno + 1 > MOST_LINES_IN_A_LOOP
    ):
        yield f"a loop of more than {MOST_LINES_IN_A_LOOP} lines belongs into the package"
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = (
            [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        )
        for name in names:
            if name.split(".")[0] in _NETWORK_OR_SHELL:
                yield f"imports {name}: no network and no shell"
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if _ADDRESS.match(node.value):
            yield f"uses the address {node.value[:40]!r}: no network"
        elif _ABSOLUTE.match(node.value):
            yield f"uses the absolute path {node.value[:40]!r}: paths come from parameters"
    called = _called_name(node)
    if called in {"filterwarnings", "simplefilter", "catch_warnings"}:
        yield "silences warnings: mend their cause"
    if called in _UNSAFE_DISPLAY:
        yield f"shows {called}(...): a report refuses markup made by code; print text or show a table"


def _called_name(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _is_model_call(node: ast.AST) -> bool:
    return _called_name(node) in {"fit", "ask"}


def _results(tree: ast.Module) -> list[tuple[str | None, tuple[str, ...]]]:
    """Name of each result that a cell makes (None if it gets no name), and the members that check it."""
    results: list[tuple[str | None, tuple[str, ...]]] = []
    for statement in tree.body:
        calls = [node for node in ast.walk(statement) if _is_model_call(node)]
        if not calls:
            continue
        has_model = any(
            _called_name(node) == "fit" or _called_name(node).endswith("Model")
            for node in ast.walk(statement)
        )
        name = None
        if isinstance(statement, ast.Assign) and statement.value is calls[0]:
            target = statement.targets[0]
            name = target.id if isinstance(target, ast.Name) else None
        results.append((name, ("checks",) if has_model else ("checks", "losses", "matches")))
    return results


def _owners_of(tree: ast.Module, members: tuple[str, ...]) -> set[str]:
    """The names on which one of ``members`` is called."""
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and _called_name(node) in members
    ]
    return {ast.unparse(call.func.value) for call in calls if isinstance(call.func, ast.Attribute)}


def _shown_text(cell: Any) -> str:
    """All text that a code cell shows; HTML without its tags, pictures not."""
    from bs4 import BeautifulSoup

    parts: list[str] = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            parts.append(output.text)
        data = output.get("data", {})
        for kind in ("text/html", "text/plain"):
            if kind in data:
                text = str(data[kind])
                parts.append(
                    BeautifulSoup(text, "html.parser").get_text(" ") if kind == "text/html" else text
                )
                break
    return "\n".join(parts)
