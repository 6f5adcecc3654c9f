"""Pages in a real browser: nothing is asked for, nothing complains, and everybody can read them."""

from pathlib import Path

import pytest

from cxlab.reporting.notebooks import read_notebook, title_of
from cxlab.reporting.overview import Entry, overview_page, small_picture
from cxlab.reporting.parameters import read_parameters
from cxlab.reporting.publish import MadeOf, first_figure, headline_of, parameter_rows, render

ROOT = Path(__file__).resolve().parents[2]
REPORT = "02_drivers"
#: WCAG 2.2 level AA, contrast and alternative text among it, and the good practice of axe itself.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = {"desk": 1280, "phone": 390}


class Plain:
    """Shows values as they are."""

    value = staticmethod(lambda given: given)


def build(folder, name):
    """The page of a committed notebook as a batch makes it, without a run; and its card."""
    made = read_notebook(ROOT / "notebooks" / f"{name}.ipynb")
    rows = parameter_rows(read_parameters(made, where=name), {}, Plain())
    made_of = MadeOf(
        collection="Demo dealer network",
        notebook=f"{name}.ipynb",
        made_at="2026-01-01 10:00 UTC",
        rows=rows,
        labels={"location_id": "D001"},
        data_hash="0123456789abcdef",
    )
    page = render(made, title=title_of(made, name), folder=folder, made_of=made_of, with_code=True)
    (folder / f"{name.replace('_', '-')}.html").write_text(page, encoding="utf-8")
    return Entry(
        title=title_of(made, name),
        page=f"{name.replace('_', '-')}.html",
        good=True,
        seconds=12,
        labels={"location_id": "D001"},
        headline=headline_of(made),
        thumbnail=small_picture(first_figure(made)),
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """An overview with good and failed reports, and one report."""
    folder = tmp_path_factory.mktemp("site")
    card = build(folder, REPORT)
    failed = Entry(title="Who will leave?", page="", good=False, seconds=1, error="KeyError: 'left_at'")
    other = Entry(title=card.title, page=card.page, good=True, seconds=120, headline="Short.")
    page = overview_page("Demo dealer network", [card, other, failed], made_at="now", data_hash="abc")
    (folder / "index.html").write_text(page, encoding="utf-8")
    return folder


@pytest.fixture(params=["index", REPORT.replace("_", "-")])
def address(request, site):
    return f"file://{site / request.param}.html"


@pytest.fixture(params=list(WIDTHS))
def tab(request, browser):
    opened = browser.page(width=WIDTHS[request.param], height=900)
    yield opened
    opened.close()


def test_no_request_leaves_the_page_and_the_console_is_silent(tab, address):
    tab.open(address)
    assert [asked for asked in tab.requests if not asked.startswith("data:image/")] == [address]
    assert tab.complaints == []
    assert tab.run("[...document.images].every(image => image.complete && image.naturalWidth > 0)")


def test_the_browser_itself_would_refuse_a_script_or_a_request(tab, address):
    tab.open(address)
    tab.run("document.body.insertAdjacentHTML('beforeend', '<img src=\"https://example.org/x.png\">')")
    tab.run(
        "document.body.appendChild(Object.assign(document.createElement('script'),"
        " {text: 'window.ran = 1'})) && 0"
    )
    assert tab.run("window.ran === undefined")
    tab.wait("document.querySelector('img[src^=https]').complete")
    assert sum("Content Security Policy" in said for said in tab.complaints) >= 2, tab.complaints


def test_the_page_fits_its_window_and_only_tables_scroll(tab, address):
    tab.open(address)
    assert tab.run("document.documentElement.scrollWidth <= window.innerWidth")
    out = tab.run(
        "[...document.querySelectorAll('main *, header *, footer *')].filter(one => !one.closest('.scroll')"
        " && !one.closest('pre') && one.getBoundingClientRect().right > window.innerWidth + 1)"
        ".map(one => one.outerHTML.slice(0, 80))"
    )
    assert out == []


def test_contrast_alternative_text_and_structure_pass_axe(tab, address, axe_source):
    tab.send("Page.setBypassCSP", enabled=True)
    tab.open(address)
    tab.run(f"{axe_source}; 0")
    found = tab.run(
        f"axe.run(document, {{runOnly: {RULES}}}).then(done => ({{passed: done.passes.map(one => one.id),"
        " violations: done.violations.map(one => one.id + ': ' + one.nodes[0].html.slice(0, 120)"
        " + ' ' + one.nodes[0].failureSummary)}))"
    )
    assert found["violations"] == []
    assert {"color-contrast", "html-has-lang", "document-title"} <= set(found["passed"])


def test_axe_sees_what_is_planted(browser, axe_source, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(
        "<!DOCTYPE html><html><title>t</title><main><h1>t</h1><p style='color: #aaa'>pale</p>"
        "<img src='data:image/png;base64,AAAA'></main></html>"
    )
    tab = browser.page()
    tab.open(f"file://{page}")
    tab.run(f"{axe_source}; 0")
    found = tab.run(
        f"axe.run(document, {{runOnly: {RULES}}}).then(done => done.violations.map(one => one.id))"
    )
    tab.close()
    assert {"color-contrast", "image-alt", "html-has-lang"} <= set(found)
