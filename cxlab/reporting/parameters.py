"""The typed parameters of a notebook: read without running it, and values checked against them."""

from __future__ import annotations

import ast
import difflib
import io
import json
import math
import re
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias, cast

from cxlab.core.errors import ParameterError
from cxlab.reporting.notebooks import PARAMETERS_TAG, Notebook, code_cells, tags

Scalar: TypeAlias = str | int | float | bool
Value: TypeAlias = Scalar | list[str] | list[int] | list[float] | None

_BASES: Final[Mapping[str, type[Scalar]]] = {"str": str, "int": int, "float": float, "bool": bool}
#: How a password or a token is called, as a parameter or as a variable of the environment.
SECRET_NAME: Final = re.compile(
    r"(?:^|_)(?:token|secret|password|passwd|pwd|credentials?|(?:api|access|private|secret)_?key)$",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_PATH_NAMES: Final = frozenset({"data", "config"})
_PATH_ENDINGS: Final = ("_folder", "_file", "_path")


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One declared parameter: ``name: annotation = default  # comment``.

    ``base`` is the type of one value, ``many`` says that a list of them is meant, ``choices`` are the
    values of a ``Literal``, and ``optional`` allows None.
    """

    name: str
    annotation: str
    default: Value
    comment: str = ""
    base: type[Scalar] = str
    many: bool = False
    optional: bool = False
    choices: tuple[Scalar, ...] = ()

    @property
    def is_path(self) -> bool:
        """Whether it is a file or folder: ``data``, ``config``, or named *_folder, *_file, *_path."""
        return (
            self.base is str
            and not self.many
            and (self.name in _PATH_NAMES or self.name.endswith(_PATH_ENDINGS))
        )

    def accept(self, value: object) -> Value:
        """``value`` as a plain Python value of the declared type; ValueError says why it is none."""
        if value is None:
            if self.optional:
                return None
            raise ValueError("got nothing (null), but None is not allowed")
        if not self.many:
            return self._one(value)
        if not isinstance(value, list):
            raise ValueError(f"got {_shown(value)}; write a list")
        accepted = [self._one(item) for item in value]
        return cast(Value, accepted)

    def accept_text(self, text: str) -> Value:
        """A value typed on the command line: lists as ``a,b`` or JSON, None as ``none``."""
        if self.optional and text.lower() in {"none", "null"}:
            return None
        if not self.many:
            return self._one(self._typed(text))
        if text.lstrip().startswith("["):
            try:
                return self.accept(json.loads(text))
            except json.JSONDecodeError as error:
                raise ValueError(f"got {_shown(text)}, which is no JSON list ({error.msg})") from error
        parts = [part.strip() for part in text.split(",")] if text.strip() else []
        return self.accept([self._typed(part) for part in parts])

    def _typed(self, text: str) -> object:
        if self.choices:
            return next((choice for choice in self.choices if str(choice) == text), text)
        if self.base is int and _WHOLE.fullmatch(text):
            return int(text)
        if self.base is float and _NUMBER.fullmatch(text):
            return float(text)
        if self.base is bool and text.lower() in {"true", "false"}:
            return text.lower() == "true"
        return text

    def _one(self, value: object) -> Scalar:
        if self.choices:
            for choice in self.choices:
                if type(value) is type(choice) and value == choice:
                    return choice
            raise ValueError(f"got {_shown(value)}; must be one of {', '.join(map(repr, self.choices))}")
        if self.base is float and type(value) is int:
            value = float(value)
        if type(value) is not self.base:
            raise ValueError(f"got {_shown(value)}; must be {self.annotation}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"got {value}; must be a finite number")
        if isinstance(value, str) and not _is_text(value):
            raise ValueError("got bytes that are not valid text")
        return value


def read_parameters(notebook: Notebook, *, where: str) -> tuple[Parameter, ...]:
    """The parameters that the cell tagged ``parameters`` declares, in order, read with ``ast``.

    Nothing is run. ParameterError lists every line that is not ``name: type = default``, where the type
    is str, int, float, bool, list[...] of the first three, Literal[...], or one of them ``| None``.
    """
    cells = [cell for cell in code_cells(notebook) if PARAMETERS_TAG in tags(cell)]
    if not cells:
        return ()
    if len(cells) > 1:
        raise ParameterError(
            f"{where}: {len(cells)} cells are tagged 'parameters'. Next step: keep one of them."
        )
    source = str(cells[0].source)
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError) as error:
        raise ParameterError(
            f"{where}: the parameters cell is not Python ({error}). Next step: keep only lines such as "
            "`confidence: float = 0.95  # share`."
        ) from error
    comments = _comments(source)
    found: dict[str, Parameter] = {}
    problems: list[str] = []
    for statement in body:
        if _imports_literal(statement):
            continue
        try:
            parameter = _declaration(statement, comments)
            if parameter.name in found:
                raise ValueError(f"{parameter.name} is declared twice")
            found[parameter.name] = parameter
        except ValueError as error:
            problems.append(f"line {statement.lineno}: {error}")
    _raise_all(f"{where}, parameters cell", problems, "declare each as `name: type = default  # comment`.")
    return tuple(found.values())


def check_values(
    declared: Sequence[Parameter], given: Mapping[str, object], *, where: str, typed_text: bool = False
) -> dict[str, Value]:
    """The given values as plain Python values of the declared types.

    Parameters
    ----------
    declared
        What :func:`read_parameters` found.
    given
        Name to value, as YAML gives it or, with ``typed_text``, as text from a command line.
    where
        Named in the error: the report that is being planned.
    typed_text
        Whether every value is text to be converted.

    Returns
    -------
    dict
        Only the names that were given.

    Raises
    ------
    ParameterError
        With every unknown name and every wrong value at once.
    """
    by_name = {parameter.name: parameter for parameter in declared}
    values: dict[str, Value] = {}
    problems: list[str] = []
    for name, value in given.items():
        parameter = by_name.get(name) if isinstance(name, str) else None
        if parameter is None:
            problems.append(_unknown(name, by_name))
            continue
        try:
            values[name] = parameter.accept_text(str(value)) if typed_text else parameter.accept(value)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    _raise_all(where, problems, "`cxlab list NOTEBOOK` prints names, types and defaults.")
    return values


def absolute_paths(
    declared: Sequence[Parameter], values: Mapping[str, Value], *, base: Path, where: str
) -> dict[str, Value]:
    """``values`` with paths made absolute from ``base``; ParameterError lists those that do not exist."""
    resolved = dict(values)
    problems: list[str] = []
    for parameter in declared:
        value = values.get(parameter.name)
        if parameter.is_path and isinstance(value, str):
            path = (base / value).expanduser().resolve()
            if not path.exists():
                problems.append(f"{parameter.name}: there is no file or folder {value!r}")
            resolved[parameter.name] = str(path)
    _raise_all(where, problems, "check the path, or make the demo data with `cxlab demo`.")
    return resolved


def _declaration(statement: ast.stmt, comments: Mapping[int, str]) -> Parameter:
    if not isinstance(statement, ast.AnnAssign) or statement.value is None:
        raise ValueError(f"`{_line(statement)}` is not `name: type = default`")
    if not isinstance(statement.target, ast.Name):
        raise ValueError(f"`{_line(statement)}` does not declare a plain name")
    name, annotation = statement.target.id, ast.unparse(statement.annotation)
    if SECRET_NAME.search(name):
        raise ValueError(
            f"{name} looks like a secret, and values of parameters stand in the report: read it from a "
            "variable of the environment"
        )
    base, many, optional, choices = _parse_type(statement.annotation)
    try:
        default = ast.literal_eval(statement.value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(f"the default of {name} is not a plain value") from error
    parameter = Parameter(
        name=name,
        annotation=annotation,
        default=None,
        comment=comments.get(statement.end_lineno or statement.lineno, ""),
        base=base,
        many=many,
        optional=optional,
        choices=choices,
    )
    try:
        return replace(parameter, default=parameter.accept(default))
    except ValueError as error:
        raise ValueError(f"the default of {name} does not fit its own type: {error}") from error


def _parse_type(node: ast.expr) -> tuple[type[Scalar], bool, bool, tuple[Scalar, ...]]:
    """Base type, list or not, optional or not, choices; ValueError for every other annotation."""
    optional = False
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        if not (isinstance(node.right, ast.Constant) and node.right.value is None):
            raise ValueError(
                f"the type {ast.unparse(node)} is not offered: only `| None` may follow a type"
            )
        node, optional = node.left, True
    if isinstance(node, ast.Name) and node.id in _BASES:
        return _BASES[node.id], False, optional, ()
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        inner = node.slice
        if node.value.id == "list" and isinstance(inner, ast.Name) and inner.id in {"str", "int", "float"}:
            return _BASES[inner.id], True, optional, ()
        if node.value.id == "Literal":
            choices = _choices(inner)
            return type(choices[0]), False, optional, choices
    raise ValueError(
        f"the type {ast.unparse(node)} is not offered: use str, int, float, bool, list[str], list[int], "
        "list[float], Literal[...] or one of these | None"
    )


def _choices(node: ast.expr) -> tuple[Scalar, ...]:
    items = node.elts if isinstance(node, ast.Tuple) else [node]
    values = [item.value for item in items if isinstance(item, ast.Constant)]
    plain = [value for value in values if isinstance(value, str | int | bool)]
    if not items or len(plain) != len(items):
        raise ValueError(f"Literal[{ast.unparse(node)}] must list plain texts or whole numbers")
    return tuple(plain)


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def _imports_literal(statement: ast.stmt) -> bool:
    """``from typing import Literal`` is the one statement that a declaration may need."""
    return (
        isinstance(statement, ast.ImportFrom)
        and statement.module == "typing"
        and [alias.name for alias in statement.names] == ["Literal"]
    )


def _unknown(name: object, known: Mapping[str, Parameter]) -> str:
    near = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    guess = f"; did you mean {near[0]}?" if near else "."
    declared = f" The notebook declares {', '.join(known)}." if known else " The notebook declares none."
    return f"{name!r}: no such parameter{guess}{declared}"


def _raise_all(where: str, problems: Sequence[str], next_step: str) -> None:
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise ParameterError(f"{where}:\n{listed}\nNext step: {next_step}")


def _shown(value: object) -> str:
    kinds = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}
    kind = type(value).__name__
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({kinds.get(kind, kind)})"


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _line(statement: ast.stmt) -> str:
    return ast.unparse(statement).splitlines()[0][:60]
