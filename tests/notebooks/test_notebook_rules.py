"""The committed notebooks hold the house rules, and each rule is seen to catch what it forbids."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from cxlab.reporting.lint import RULES, lint_notebook

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

TITLE = new_markdown_cell("# What drives satisfaction?\n\nQuestion, data, reader.")
PARAMETERS = 'data: str = "../data/demo"  # folder of the tables\nseed: int = 1  # random start'
CLOSING = new_markdown_cell("## What this does not show\nThat it is a cause.")


def code(source, *outputs, tag="", count=None):
    metadata = {"tags": [tag]} if tag else {}
    return new_code_cell(source, metadata=metadata, execution_count=count, outputs=list(outputs))


def said(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def good_cells():
    """A notebook that holds every rule; each test below breaks one thing."""
    return [
        TITLE,
        code(PARAMETERS, tag="parameters"),
        code(
            "import cxlab\n\ntables = cxlab.load(data)",
            said("10,000 customers, 2025-01-01 to 2025-12-31 23:59:00\n"),
        ),
        new_markdown_cell("## Which items go with it?"),
        code("drivers = cxlab.ask(cxlab.ImportanceModel(seed=seed), tables.surveys)\ndrivers"),
        code("drivers.checks()"),
        code("print(drivers.summary())", said("Advice counts most (n = 8,412).\n"), tag="headline"),
        CLOSING,
    ]


def problems(cells, tmp_path, *, name="02_drivers.ipynb", counted=True):
    made = new_notebook(cells=cells)
    if counted:
        for number, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), start=1):
            cell.execution_count = number
    path = tmp_path / name
    nbformat.write(made, path)
    return lint_notebook(path)


def rules_broken(found):
    return {problem.rule for problem in found}


def test_the_project_has_its_notebooks():
    assert len(NOTEBOOKS) >= 4, f"{FOLDER.name}/ holds {len(NOTEBOOKS)} notebooks"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_committed_notebook_holds_every_rule(path):
    assert [str(problem) for problem in lint_notebook(path)] == []


def test_a_good_notebook_breaks_no_rule(tmp_path):
    assert [str(problem) for problem in problems(good_cells(), tmp_path)] == []


@pytest.mark.parametrize(
    "name", ["drivers.ipynb", "2_drivers.ipynb", "02-drivers.ipynb", "02_Drivers.ipynb"]
)
def test_a_name_without_number_and_words_is_caught(tmp_path, name):
    assert rules_broken(problems(good_cells(), tmp_path, name=name)) == {"name"}


@pytest.mark.parametrize("title", ["# Drivers", "What drives it?", "## What drives it?", ""])
def test_a_first_cell_without_a_question_is_caught(tmp_path, title):
    cells = [new_markdown_cell(title), *good_cells()[1:]]
    assert rules_broken(problems(cells, tmp_path)) == {"question"}


@pytest.mark.parametrize(
    "source",
    [
        'data: str = "../data/demo"',
        'data = "../data/demo"  # folder',
        'data: str = "../data/demo"  # folder, as in --data=x',
        'data: str = "../data/demo"  # folder # really',
        "data: object = None  # folder",
    ],
)
def test_a_parameter_that_is_not_typed_defaulted_and_plainly_commented_is_caught(tmp_path, source):
    cells = good_cells()
    cells[1] = code(source, tag="parameters")
    assert rules_broken(problems(cells, tmp_path)) == {"parameters"}


def test_no_parameters_cell_or_two_are_caught(tmp_path):
    cells = good_cells()
    assert rules_broken(problems([cells[0], *cells[2:]], tmp_path)) == {"parameters"}
    twice = good_cells()
    twice.insert(2, code(PARAMETERS, tag="parameters"))
    assert rules_broken(problems(twice, tmp_path)) == {"parameters"}


def test_a_notebook_that_is_too_long_is_caught(tmp_path):
    thirteen = "\n".join(f"a{number} = {number}" for number in range(13))
    for extra in ([code(thirteen)], [code("a = 1")] * 11, [code(thirteen.rsplit("\n", 1)[0])] * 7):
        cells = good_cells()
        cells[2:2] = [code(cell.source) for cell in extra]
        assert rules_broken(problems(cells, tmp_path)) == {"size"}


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    return 1",
        "class A:\n    pass",
        "try:\n    a = 1\nexcept ValueError:\n    pass",
        "while False:\n    pass",
        "for a in range(3):\n    b = 1\n    c = 1\n    d = 1\n    e = 1",
        "%pip install x",
        "!ls",
        "%%time\na = 1",
        'a = open("/home/me/x.csv")',
        'a = "~/x.csv"',
        'a = "C:\\\\data"',
        "import requests",
        "from urllib.request import urlopen",
        "import subprocess",
        'a = "https://example.org/x.csv"',
        "import warnings\nwarnings.filterwarnings('ignore')",
        "from warnings import simplefilter\nsimplefilter('ignore')",
        "from IPython.display import HTML\nHTML('<b>a</b>')",
        "from IPython.display import Markdown\nMarkdown('a')",
        "a = (",
    ],
)
def test_code_that_does_not_belong_into_a_notebook_is_caught(tmp_path, source):
    cells = good_cells()
    cells.insert(2, code(source))
    assert rules_broken(problems(cells, tmp_path)) == {"plain"}


@pytest.mark.parametrize(
    "source",
    [
        "for a in range(3):\n    b = a\n    print(b)",
        'a = "a/b"\nb = "share / points"\nc = "/"',
        "a = [b for b in range(3)]",
    ],
)
def test_plain_code_is_not_caught(tmp_path, source):
    cells = good_cells()
    cells.insert(2, code(source))
    assert problems(cells, tmp_path) == []


@pytest.mark.parametrize(
    ("fit", "checks"),
    [
        ("model = cxlab.ChurnModel().fit(panel)", ""),
        ("model = cxlab.ask(cxlab.ChurnModel(), panel)", "other.checks()"),
        ("cxlab.ChurnModel().fit(panel)", ""),
        ("model = cxlab.ask(cxlab.ChurnModel(), panel)", "model.losses()"),
        ("linked = cxlab.ask(cxlab.exposure, tables)", "linked.plot();"),
    ],
)
def test_a_result_without_its_checks_is_caught(tmp_path, fit, checks):
    cells = good_cells()
    cells[4:4] = [code(fit), code(checks), code("a = 1"), code("model.checks()\nlinked.losses()")]
    assert rules_broken(problems(cells, tmp_path)) == {"checks"}


@pytest.mark.parametrize(
    ("fit", "checks"),
    [
        ("model = cxlab.ChurnModel().fit(panel)\nmodel.checks()", ""),
        ("model = cxlab.ask(\n    cxlab.ChurnModel(),\n    panel,\n)", "model.checks()"),
        ("linked = cxlab.ask(cxlab.exposure, tables)", "linked.losses()"),
    ],
)
def test_a_result_with_its_checks_near_is_not_caught(tmp_path, fit, checks):
    cells = good_cells()
    cells[4:4] = [code(fit), code("a = 1"), code(checks)]
    assert problems(cells, tmp_path) == []


def test_a_notebook_that_does_not_end_with_its_limits_is_caught(tmp_path):
    for last in (
        [],
        [new_markdown_cell("## The end\nAll is clear.")],
        [CLOSING, new_markdown_cell("Bye.")],
    ):
        cells = [*good_cells()[:-1], *last]
        assert rules_broken(problems(cells, tmp_path)) == {"limits"}


def test_an_answer_that_is_missing_or_too_long_is_caught(tmp_path):
    untagged, silent, long, early = good_cells(), good_cells(), good_cells(), good_cells()
    untagged[6] = code("print('x')", said("x\n"))
    silent[6] = code("drivers.plot();", tag="headline")
    long[6] = code("print('x')", said("word " * 200), tag="headline")
    early.insert(7, code("a = 1"))
    for cells in (untagged, silent, long, early):
        assert rules_broken(problems(cells, tmp_path)) == {"headline"}


def test_outputs_that_are_not_of_one_clean_run_are_caught(tmp_path):
    unrun = good_cells()
    assert rules_broken(problems(unrun, tmp_path, counted=False)) == {"run"}
    failed = good_cells()
    failed[4].outputs = [new_output("error", ename="KeyError", evalue="overall", traceback=[])]
    assert rules_broken(problems(failed, tmp_path)) == {"run"}
    warned = good_cells()
    warned[4].outputs = [said("careful", name="stderr")]
    assert rules_broken(problems(warned, tmp_path)) == {"run"}
    empty = good_cells()
    for cell in empty:
        cell.pop("outputs", None)
    for cell in empty:
        if cell.cell_type == "code":
            cell.outputs = []
    assert rules_broken(problems(empty, tmp_path)) == {"run", "headline"}


@pytest.mark.parametrize(
    "text",
    [
        "read /home/me/data/x.csv",
        "C:\\Users\\me\\x.csv",
        "made at 10:12:33",
        "Wall time: 3 s",
        "<object at 0x7f3a5c1b2d90>",
    ],
)
@pytest.mark.parametrize("kind", ["stream", "text/plain", "text/html"])
def test_an_output_that_differs_between_machines_is_caught(tmp_path, text, kind):
    cells = good_cells()
    shown = text.replace("<", "&lt;").replace(">", "&gt;") if kind == "text/html" else text
    output = said(text) if kind == "stream" else new_output("display_data", data={kind: shown})
    cells[4].outputs = [output]
    assert rules_broken(problems(cells, tmp_path)) == {"same"}


def test_each_rule_has_a_sentence():
    assert all(rule.__doc__ and rule.__doc__.strip().endswith(".") for rule in RULES)
