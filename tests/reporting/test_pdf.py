"""The PDF of a page: A4, numbered, nothing cut, nothing fetched; one clear message without the extra."""

import json
import sys

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from notebook_builder import display, notebook, save, shown, stream
from test_publish import png

from cxlab.cli import main
from cxlab.core.errors import ParameterError, ReportError
from cxlab.reporting import make, pdf
from cxlab.reporting.publish import MadeOf, render
from cxlab.reporting.run import Executed

MILLIMETRES = 96 / 25.4


def can_make_pdfs():
    try:
        pdf.require_pdf()
    except ParameterError:
        return False
    return True


needs_weasyprint = pytest.mark.skipif(
    not can_make_pdfs(), reason="needs the extra `pdf` (WeasyPrint) and the system library Pango"
)


def page(*outputs):
    made = shown(stream("The answer is 42."), *outputs, before="## How much?\nWords.")
    made_of = MadeOf(collection="Demo", notebook="01.ipynb", made_at="now")
    return render(made, title="Does it work?", folder=None, made_of=made_of)


def texts(sheet):
    """Every text on a sheet with its left and right edge, in CSS pixels."""
    return [
        (box.text, box.position_x, box.position_x + box.width)
        for box in sheet._page_box.descendants()
        if type(box).__name__ == "TextBox"
    ]


@needs_weasyprint
def test_sheets_are_a4_with_the_title_and_their_number():
    long = pd.DataFrame({"check": [f"check {n}" for n in range(90)], "value": range(90)})
    sheets = pdf._document(page(display(html=long.to_html()), display(png=png()))).pages
    assert len(sheets) > 2
    assert all(round(sheet.width / MILLIMETRES) == 210 for sheet in sheets)
    assert all(round(sheet.height / MILLIMETRES) == 297 for sheet in sheets)
    for number, sheet in enumerate(sheets, start=1):
        words = [text for text, _, _ in texts(sheet)]
        assert f"{number} / {len(sheets)}" in words
        assert "Does it work?" in words
        # The names of the columns stand on every sheet that the table goes on to.
        assert "check" in words or number == len(sheets)


@needs_weasyprint
def test_no_table_is_cut_and_the_widest_turn_the_sheet():
    wide = pd.DataFrame({f"a_long_name_of_column_{n}": ["a value of words", "-0.123"] for n in range(16)})
    narrow = pd.DataFrame({f"conf_low_{n}": [0.123456] * 3 for n in range(9)})
    sheets = pdf._document(page(display(html=narrow.to_html()), display(html=wide.to_html()))).pages
    assert any(sheet.width > sheet.height for sheet in sheets)
    for sheet in sheets:
        margin = 10 * MILLIMETRES
        assert all(margin < left and right < sheet.width - margin for _, left, right in texts(sheet))


@needs_weasyprint
def test_the_same_page_gives_the_same_bytes_and_no_path_or_time():
    first, second = (pdf.pdf_of(page(display(png=png()))) for _ in "ab")
    assert first == second
    assert first.startswith(b"%PDF-")
    assert b"CreationDate" not in first


@needs_weasyprint
@pytest.mark.parametrize("address", ["https://example.org/x.png", "file:///etc/hostname", "x.png"])
def test_nothing_is_fetched_whatever_asks(address):
    with pytest.raises(ReportError, match="active or external"):
        pdf.pdf_of(page().replace("<main>", f"<main><img src='{address}'>"))
    from weasyprint.urls import FatalURLFetchingError

    with pytest.raises(FatalURLFetchingError):
        pdf._nothing_fetched().fetch(address)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A recipe of two reports, made without a kernel."""
    made = notebook("1", parameters='who: str = ""  # whose', headline="print(who)")
    save(made, tmp_path / "notebooks" / "01_who.ipynb")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "two.yml").write_text("reports: [{notebook: 01_who, grid: {who: [a, b]}}]")

    def execute(made, values, **_):
        done = notebook("1", headline="print(who)")
        done.cells[-1].outputs = [stream(f"The answer of {values['who']}.")]
        return Executed(notebook=done, seconds=1.0)

    monkeypatch.setattr(make, "execute", execute)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def batch(*more):
    return main(["batch", "reports/two.yml", "--out", "out", *more])


@needs_weasyprint
def test_a_batch_makes_links_and_keeps_a_pdf_of_each_page_and_removes_it_with_the_page(project):
    out = project / "out"
    assert batch("--pdf") == 0
    first = (out / "01-who-a.pdf").read_bytes()
    links = {
        link["href"]
        for link in BeautifulSoup((out / "index.html").read_text(), "html.parser").find_all("a")
    }
    assert {"01-who-a.pdf", "01-who-b.pdf"} <= links
    assert "01-who-a.pdf" in json.loads((out / "run.json").read_text())["files"]
    before = (out / "01-who-a.pdf").stat().st_mtime_ns
    assert batch("--pdf") == 0
    assert (out / "01-who-a.pdf").stat().st_mtime_ns == before, "a page that stays keeps its PDF"
    assert batch("--fresh", "--language", "de") == 0
    assert not list(out.glob("*.pdf")), "a PDF never stands beside another page than its own"
    (project / "reports" / "two.yml").write_text("reports: [{notebook: 01_who, grid: {who: [a]}}]")
    assert batch("--pdf") == 0
    assert [path.name for path in out.glob("*.pdf")] == ["01-who-a.pdf"]
    assert first.startswith(b"%PDF-")


@needs_weasyprint
def test_the_pdf_of_one_page_is_written_beside_it(project, capsys):
    assert batch() == 0
    assert main(["pdf", "out/01-who-a.html"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("01-who-a.pdf")
    assert main(["pdf", "out/none.html"]) == 2
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("fault", ["missing", "no Pango"])
def test_without_the_extra_there_is_one_clear_message_and_nothing_is_made(
    project, monkeypatch, capsys, fault
):
    if fault == "missing":
        monkeypatch.setitem(sys.modules, "weasyprint", None)
    else:
        for name in [name for name in sys.modules if name.split(".")[0] == "weasyprint"]:
            monkeypatch.delitem(sys.modules, name)
        (project / "weasyprint.py").write_text("raise OSError('cannot load library libgobject-2.0-0')")
        monkeypatch.syspath_prepend(project)
    assert batch("--pdf") == 2
    said = capsys.readouterr().err
    assert ("pip install 'cxlab[pdf]'" if fault == "missing" else "libpango") in said
    assert "Traceback" not in said
    assert not (project / "out").exists()
