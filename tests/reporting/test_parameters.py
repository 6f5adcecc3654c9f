"""Parameters are read without running them, and values are held against their types before any kernel."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from notebook_builder import notebook
from papermill.translators import PythonTranslator

from cxlab.core.errors import ParameterError
from cxlab.reporting.parameters import absolute_paths, check_values, read_parameters

CELL = """\
from typing import Literal
data: str = "../data"  # folder of the tables
confidence: float = 0.95  # share, below 1
days: int = 90  # window
strict: bool = False  # stop at the first finding
items: list[str] = ["rating_a", "rating_b"]  # drivers
cuts: list[int] = [1, 2]  # days
weights: list[float] = [0.5]  # sum to 1
mode: Literal["share", "points"] = "share"  # unit
dealer: str | None = None  # one dealer
"""


def declared(cell=CELL):
    return read_parameters(notebook(parameters=cell), where="test")


def test_every_offered_type_is_read_with_default_and_comment():
    found = {item.name: item for item in declared()}
    assert list(found) == [
        "data",
        "confidence",
        "days",
        "strict",
        "items",
        "cuts",
        "weights",
        "mode",
        "dealer",
    ]
    assert found["confidence"].default == 0.95
    assert found["confidence"].comment == "share, below 1"
    assert found["items"].default == ["rating_a", "rating_b"]
    assert found["mode"].choices == ("share", "points")
    assert found["dealer"].default is None
    assert found["dealer"].annotation == "str | None"


def test_nothing_in_the_cell_is_run(tmp_path):
    target = tmp_path / "ran"
    cell = f'name: str = str(open({str(target)!r}, "w"))  # runs if evaluated'
    with pytest.raises(ParameterError, match="not a plain value"):
        declared(cell)
    assert not target.exists()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("days", "30", 30),
        ("days", "-3", -3),
        ("confidence", "0.9", 0.9),
        ("confidence", "1", 1.0),
        ("confidence", "1e-3", 0.001),
        ("strict", "true", True),
        ("strict", "False", False),
        ("data", "none", "none"),
        ("dealer", "none", None),
        ("dealer", "D001", "D001"),
        ("items", "a, b", ["a", "b"]),
        ("items", '["a,b", "c"]', ["a,b", "c"]),
        ("items", "", []),
        ("cuts", "1,2,3", [1, 2, 3]),
        ("weights", "1,0.5", [1.0, 0.5]),
        ("mode", "points", "points"),
    ],
)
def test_text_from_the_command_line_becomes_the_declared_type(name, text, value):
    found = check_values(declared(), {name: text}, where="test", typed_text=True)
    assert found == {name: value}
    assert type(found[name]) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("days", "30.0"),
        ("days", "1_000"),
        ("days", "٣"),
        ("days", ""),
        ("days", "none"),
        ("confidence", "nan"),
        ("confidence", "1e999"),
        ("confidence", "0,95"),
        ("strict", "1"),
        ("strict", "yes"),
        ("cuts", "1,x"),
        ("cuts", "[1, 2"),
        ("cuts", "[1, true]"),
        ("mode", "Share"),
        ("data", "\udc80"),
    ],
)
def test_text_of_another_type_is_refused(name, text):
    with pytest.raises(ParameterError, match=name):
        check_values(declared(), {name: text}, where="test", typed_text=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("days", True),
        ("days", 1.0),
        ("days", "1"),
        ("confidence", True),
        ("confidence", float("inf")),
        ("confidence", "0.9"),
        ("strict", 1),
        ("data", False),
        ("data", None),
        ("items", "a"),
        ("items", [1]),
        ("cuts", [True]),
        ("mode", ["share"]),
        ("dealer", {"a": 1}),
    ],
)
def test_a_yaml_value_of_another_type_is_refused(name, value):
    with pytest.raises(ParameterError, match=name):
        check_values(declared(), {name: value}, where="test")


def test_a_whole_number_is_a_float_and_null_is_none_where_that_is_declared():
    assert check_values(declared(), {"confidence": 1, "dealer": None}, where="test") == {
        "confidence": 1.0,
        "dealer": None,
    }


def test_all_problems_come_at_once_and_name_the_nearest_parameter():
    with pytest.raises(ParameterError) as caught:
        check_values(declared(), {"confidance": 0.9, "days": "x", "mode": "other"}, where="report 2")
    message = str(caught.value)
    assert message.startswith("report 2:")
    assert "did you mean confidence?" in message
    assert "days: got 'x' (text); must be int" in message
    assert "must be one of 'share', 'points'" in message


@pytest.mark.parametrize(
    "name", ["n=1;open('x','w');m", "days\nimport os", "days ", "__class__", "días", 7, None, True]
)
def test_a_name_that_is_not_declared_never_reaches_the_kernel(name):
    with pytest.raises(ParameterError, match="no such parameter"):
        check_values(declared(), {name: 1}, where="test")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("x = 1", "is not `name: type = default`"),
        ("x: int", "is not `name: type = default`"),
        ("x.y: int = 1", "does not declare a plain name"),
        ("x: dict = {}", "is not offered"),
        ("x: int | str = 1", "only `| None`"),
        ("x: list[bool] = [True]", "is not offered"),
        ("x: 'int' = 1", "is not offered"),
        ("x: Literal[1.5] = 1.5", "plain texts or whole numbers"),
        ("x: int = 1.5", "does not fit its own type"),
        ("x: float = True", "does not fit its own type"),
        ("x: str = None", "does not fit its own type"),
        ("x: int = 1\nx: int = 2", "declared twice"),
        ("import os", "is not `name: type = default`"),
        ("x: int = (", "is not Python"),
    ],
)
def test_a_parameters_cell_that_is_not_plain_is_refused(line, why):
    with pytest.raises(ParameterError, match=why):
        declared(line)


def test_two_parameters_cells_are_refused():
    made = notebook(parameters="x: int = 1")
    made.cells.append(made.cells[1])
    with pytest.raises(ParameterError, match="2 cells"):
        read_parameters(made, where="test")


def test_paths_are_made_absolute_and_must_exist(tmp_path):
    (tmp_path / "mine").mkdir()
    assert absolute_paths(declared(), {"data": "mine", "mode": "share"}, base=tmp_path, where="test") == {
        "data": str(tmp_path / "mine"),
        "mode": "share",
    }
    with pytest.raises(ParameterError, match="no file or folder 'other'"):
        absolute_paths(declared(), {"data": "other"}, base=tmp_path, where="test")


PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(max_examples=150, deadline=None)
@given(
    text=PLAIN, many=st.lists(PLAIN, max_size=4), number=st.floats(allow_nan=False, allow_infinity=False)
)
def test_an_accepted_value_reaches_the_kernel_as_it_is(text, many, number):
    values = check_values(declared(), {"data": text, "items": many, "confidence": number}, where="test")
    namespace = {}
    exec(PythonTranslator.codify(values), namespace)
    assert {name: namespace[name] for name in values} == {"data": text, "items": many, "confidence": number}
