"""A page is whole, readable and inert, whatever a notebook shows."""

import base64
import io
from pathlib import Path

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_markdown_cell, new_output
from notebook_builder import display, notebook, shown, stream
from PIL import Image

from cxlab.core.errors import ReportError
from cxlab.reporting.hiding import PathHider
from cxlab.reporting.overview import small_picture
from cxlab.reporting.pages import require_inert
from cxlab.reporting.publish import MadeOf, headline_of, render

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)>"
MADE_OF = MadeOf(
    collection="Demo <network>",
    notebook="02_drivers.ipynb",
    made_at="2026-01-01 10:00 UTC",
    rows=[("confidence", "0.95", "share"), ("dealer", ATTACK, "one dealer")],
    labels={"dealer": ATTACK},
    data_hash="abc123",
)


def png(width=900, height=400):
    file = io.BytesIO()
    Image.new("RGB", (width, height), "#0072B2").save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()


def page_of(made, *, title="Does it work?", folder=Path()):
    return render(made, title=title, folder=folder, made_of=MADE_OF)


def soup_of(made, **options):
    return BeautifulSoup(page_of(made, **options), "html.parser")


def text_of(made):
    return soup_of(made).get_text(" ", strip=True)


def table(**columns):
    return display(html=pd.DataFrame(columns).to_html(border=1))


def test_a_page_says_what_it_is_and_how_it_was_made():
    soup = soup_of(shown(stream("The answer is 42."), before="## How much?\nWords."))
    assert soup.html["lang"] == "en"
    assert soup.title.string == "Does it work?"
    assert [heading.get_text() for heading in soup.find_all("h1")] == ["Does it work?"]
    text = soup.get_text(" ", strip=True)
    for part in ("Demo <network>", "How much?", "The answer is 42.", "02_drivers.ipynb", "abc123", "0.95"):
        assert part in text
    policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:"


def test_no_code_is_shown():
    made = notebook("secret_name = 1", parameters="other_name: int = 1  # its comment")
    assert "secret_name" not in page_of(made)
    assert "other_name" not in page_of(made)


def test_data_that_looks_like_markup_is_shown_as_text():
    hostile = table(**{ATTACK: [ATTACK], "dealer": [ATTACK]})
    made = shown(hostile, stream(ATTACK), stream(ATTACK, name="stderr"), display(plain=f"'{ATTACK}'"))
    page = page_of(made, title=ATTACK)
    soup = BeautifulSoup(page, "html.parser")
    assert not soup.find_all("script")
    assert not soup.find_all("img")
    assert soup.get_text().count("<script>alert(1)</script>") >= 6


@pytest.mark.parametrize(
    "content",
    [
        "<script>1</script>",
        "<SCRIPT src=x></SCRIPT>",
        "<img src=x onerror=alert(1)>",
        "<img src='https://example.org/x.png'>",
        "<img src='//example.org/x.png'>",
        "<img srcset='https://example.org/x.png 2x'>",
        "<div onclick='x()'>a</div>",
        "<a href='javascript:alert(1)'>a</a>",
        "<a href='data:text/html,x'>a</a>",
        "<a href=' java\nscript:alert(1)'>a</a>",
        "<iframe src='https://example.org'></iframe>",
        "<link rel=stylesheet href='https://example.org/x.css'>",
        "<style>@import 'https://example.org/x.css';</style>",
        "<style>td { background: url(https://example.org/x.png) }</style>",
        "<p style='background: url(//example.org/x)'>a</p>",
        "<svg><image href='https://example.org/x' xlink:href='https://example.org/x'/></svg>",
        "<svg><script>1</script></svg>",
        "<svg onload=alert(1)></svg>",
        "<form action='https://example.org'></form>",
        "<object data='x'></object>",
        "<base href='https://example.org/'>",
        "<meta http-equiv='refresh' content='0;url=https://example.org'>",
        "<video poster='https://example.org/x'></video>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    ],
)
def test_active_or_external_markup_is_refused_wherever_it_stands(content):
    with pytest.raises(ReportError, match="active or external"):
        page_of(shown(display(html=content)))
    with pytest.raises(ReportError, match="active or external"):
        page_of(notebook(closing=content))


@pytest.mark.parametrize("kind", ["markdown", "javascript"])
def test_markup_made_by_code_is_refused(kind):
    with pytest.raises(ReportError, match="cannot show it safely"):
        page_of(shown(display(plain="x", **{kind: "a"})))


def test_author_text_keeps_its_links_and_its_markup():
    made = notebook(closing="See [the manual](https://example.org/a), <em>please</em>. Price 3 < 5 & $4.")
    soup = soup_of(made)
    assert soup.find("a")["href"] == "https://example.org/a"
    assert soup.find("em").get_text() == "please"
    assert "3 < 5 & $4." in soup.get_text()


def test_a_picture_beside_the_notebook_is_embedded_and_a_missing_one_is_refused(tmp_path):
    (tmp_path / "plan.png").write_bytes(base64.b64decode(png()))
    image = soup_of(notebook(closing="![the plan](plan.png)"), folder=tmp_path).find("img")
    assert image["src"].startswith("data:image/png;base64,")
    assert image["alt"] == "the plan"
    with pytest.raises(ReportError):
        page_of(notebook(closing="![the plan](missing.png)"), folder=tmp_path)


def test_a_stray_end_tag_cannot_close_the_page():
    soup = soup_of(shown(display(html="</div></main></body><p>late</p>")))
    assert soup.find("p", string="late").find_parent("main") is not None


def test_a_figure_is_described_by_the_heading_above_it():
    given = {"image/png": {"alt": "Waiting by dealer", "width": 640}}
    made = shown(
        display(png=png(), plain="<Figure size 900x400>"),
        display(png=png(), metadata=given),
        before="## How **long** do they wait?",
    )
    first, second = soup_of(made).find_all("img")
    assert first["alt"] == "Figure 1: How long do they wait?"
    assert (second["alt"], second["width"]) == ("Waiting by dealer", "640")


def test_a_script_in_a_drawing_stays_inside_an_image():
    soup = soup_of(shown(display(svg="<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>")))
    assert soup.find("img")["src"].startswith("data:image/svg+xml;base64,")
    assert not soup.find_all("script")


def test_the_value_of_a_drawing_call_is_not_shown():
    names = ["<Axes: title={'left': 'x'}>", "[<matplotlib.lines.Line2D at 0x7f>]", "Text(0.5, 1.0, 'kept')"]
    text = text_of(shown(*[new_output("execute_result", data={"text/plain": name}) for name in names]))
    assert "Axes" not in text
    assert "Line2D" not in text
    assert "Text(0.5, 1.0, 'kept')" in text


def test_warnings_are_shown_as_such():
    soup = soup_of(shown(stream("ConvergenceWarning: not converged", name="stderr")))
    assert "not converged" in soup.find("aside").get_text()


def test_the_headline_is_the_text_of_the_tagged_cell_and_stands_first():
    made = notebook("1", headline="print('x')")
    made.cells[-1].outputs = [stream("ignored\n", name="stderr"), stream("Nine in ten\nstay (n = 812).\n")]
    assert headline_of(made) == "Nine in ten stay (n = 812)."
    assert soup_of(made).find("header").find(class_="headline").get_text() == "Nine in ten stay (n = 812)."
    made.cells[-1].outputs = [new_output("execute_result", data={"text/plain": "'It is so.'"})]
    assert headline_of(made) == "It is so."
    assert headline_of(notebook("1")) == ""
    assert soup_of(notebook("1")).find(class_="headline") is None


def test_tables_are_dressed_and_their_values_stay():
    made = shown(
        table(
            term=["rating_advice", "wait_minutes"],
            estimate=[0.412, -1.5],
            verdict=["supported", "too few"],
            passed=[True, False],
            note=["a", "1"],
        )
    )
    found = soup_of(made).find("main").find("table")
    cells = [[cell.get_text() for cell in row.find_all(["td", "th"])] for row in found.select("tbody tr")]
    assert cells[0] == ["rating_advice", "0.412", "supported", "yes", "a"]
    assert cells[1] == ["wait_minutes", "-1.500", "too few", "no", "1"]
    numbers = [[cell.get_text() for cell in found.select(f"{tag}.number")] for tag in ("th", "td")]
    assert numbers == [["estimate"], ["0.412", "-1.500"]]
    pills = {pill.get_text(): pill["class"][1] for pill in found.select(".pill")}
    assert pills == {
        "supported": "supported",
        "too few": "undetermined",
        "yes": "supported",
        "no": "rejected",
    }
    assert found.find_parent(class_="scroll") is not None


def test_only_a_bare_count_of_rows_is_dropped():
    counted = soup_of(shown(table(a=[1, 2])))
    assert counted.find("main").find("table").select("tbody th") == []
    named = pd.DataFrame({"a": [1, 2]}, index=[3, 4]).to_html()
    kept = soup_of(shown(display(html=named))).find("main").find("table")
    assert [cell.get_text() for cell in kept.select("tbody th")] == ["3", "4"]


def test_a_table_with_two_header_rows_or_none_survives():
    wide = pd.DataFrame({("a", "x"): [1], ("a", "y"): [2]})
    text = text_of(
        shown(display(html=wide.to_html()), display(html="<table><tr><td>only</td></tr></table>"))
    )
    assert "only" in text
    assert "x y" in text


def test_folders_of_this_machine_are_hidden_in_code_and_outputs(tmp_path):
    data = tmp_path / "customers & co"
    data.mkdir()
    hider = PathHider([data])
    made = shown(
        stream(f"read {data}/a.csv from {tmp_path}x/{data.name}"),
        display(html=f"<p>{str(data).replace('&', '&amp;')}/b.csv</p>", plain="x"),
        new_output("error", ename="E", evalue=f"{data}", traceback=[f"{data}/c.py"]),
    )
    made.cells[-1].source = f'data = "{data}"'
    hider.notebook(made)
    outputs = made.cells[-1].outputs
    assert outputs[0].text.startswith("read customers & co/a.csv from ")
    assert outputs[1].data["text/html"] == "<p>customers &amp; co/b.csv</p>"
    assert outputs[2].evalue == "customers & co"
    assert outputs[2].traceback == ["customers & co/c.py"]
    assert made.cells[-1].source == 'data = "customers & co"'


def test_only_whole_folder_names_are_hidden():
    hider = PathHider([Path("/srv/data")])
    assert hider.text("/srv/data/x /srv/database /a/srv/data '/srv/data'") == (
        "data/x /srv/database /a/srv/data 'data'"
    )


def test_the_picture_of_the_overview_is_small_and_a_broken_one_is_left_out():
    small = small_picture(png(1600, 800))
    with Image.open(io.BytesIO(base64.b64decode(small))) as picture:
        assert picture.size == (420, 210)
    assert small_picture("") == ""
    assert small_picture("bm90IGEgcGljdHVyZQ==") == ""
    assert small_picture("%%%") == ""


def test_links_to_follow_by_hand_are_inert():
    require_inert("<a href='02-drivers.html'>a</a><a href='failed/x.html'>b</a><a href='#top'>c</a>")
    require_inert("<img src='data:image/png;base64,AAAA'><style>p { color: red }</style>")


def test_attachments_of_a_text_cell_are_embedded():
    made = notebook()
    cell = new_markdown_cell("![plan](attachment:plan.png)", attachments={"plan.png": {"image/png": png()}})
    made.cells.append(cell)
    assert soup_of(made).find("img")["src"].startswith("data:image/png;base64,")
