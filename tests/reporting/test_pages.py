"""What a reader finds on a page beside the numbers: contents, folded code, a filter on the overview."""

import pytest
import yaml
from bs4 import BeautifulSoup
from nbformat.v4 import new_markdown_cell
from notebook_builder import notebook, save, shown, stream

from cxlab.cli import main
from cxlab.core.errors import ParameterError
from cxlab.reporting.overview import Entry, overview_page
from cxlab.reporting.publish import MadeOf, render
from cxlab.reporting.recipe import read_recipe


def page(*headings, with_code=False):
    made = shown(stream("An answer."))
    made.cells[-1].source = "print('<b>An answer.</b>')"
    for heading in headings:
        made.cells.insert(1, new_markdown_cell(f"## {heading}\nText."))
    made_of = MadeOf(collection="Demo", notebook="01.ipynb", made_at="now")
    return BeautifulSoup(
        render(made, title="Does it?", folder=None, made_of=made_of, with_code=with_code), "html.parser"
    )


def test_the_contents_list_every_section_and_each_link_meets_one():
    soup = page("How far?", "Straße & Weg", "How far?")
    links = soup.select("nav.contents a")
    assert [link.get_text() for link in links[:3]] == ["How far?", "Straße & Weg", "How far?"]
    targets = [link["href"].removeprefix("#") for link in links]
    assert len(set(targets)) == len(targets)
    assert all(len(soup.select(f"h2#{target}")) == 1 for target in targets)


def test_a_short_page_has_no_contents():
    assert not page("One?").select("nav.contents")


def test_code_is_folded_and_only_there_when_asked_for():
    assert not page("One?").select("details.code")
    (code,) = page("One?", with_code=True).select("details.code")
    assert not code.has_attr("open")
    assert code.pre.get_text() == "print('<b>An answer.</b>')"
    assert not code.pre.find("b")


def entry(question, number):
    return Entry(title=question, page=f"{number}.html", good=number != 3, seconds=1, error="no")


def test_the_overview_can_be_filtered_by_question_without_a_script():
    soup = BeautifulSoup(
        overview_page(
            "Demo", [entry("Drivers?", 1), entry("Drivers?", 2), entry("Churn?", 3)], made_at="now"
        ),
        "html.parser",
    )
    labels = [label.get_text().strip() for label in soup.select(".filter label")]
    assert labels == ["all 3", "Drivers?", "Churn?"]
    assert [item["data-question"] for item in soup.select("[data-question]")] == ["1", "0", "0"]
    assert "#show-1:checked" in str(soup.find_all("style"))
    assert not soup.find("script")


@pytest.mark.parametrize("questions", [["Drivers?"], ["Drivers?", "Drivers?"], ["Drivers?", "Churn?"]])
def test_there_is_no_filter_where_there_is_nothing_to_choose(questions):
    entries = [entry(question, number) for number, question in enumerate(questions)]
    assert "fieldset" not in overview_page("Demo", entries, made_at="now")


@pytest.mark.parametrize("language", ["en", "de", "pt-BR"])
def test_a_page_says_its_language_and_that_the_words_of_the_package_are_english(language):
    made_of = MadeOf(collection="Demo", notebook="01.ipynb", made_at="now", language=language)
    soup = BeautifulSoup(
        render(shown(stream("Ja.")), title="Does it?", folder=None, made_of=made_of), "html.parser"
    )
    assert soup.html["lang"] == language
    assert soup.find("footer")["lang"] == soup.find(class_="made")["lang"] == "en"


def test_a_language_that_is_none_is_named_before_anything_runs(tmp_path, capsys):
    save(notebook("1"), tmp_path / "notebooks" / "01_one.ipynb")
    recipe = tmp_path / "reports" / "one.yml"
    recipe.parent.mkdir()
    for language in ("Deutsch, bitte", False, 3):
        content = {"language": language, "reports": [{"notebook": "01_one"}]}
        recipe.write_text(yaml.safe_dump(content))
        with pytest.raises(ParameterError, match="must be a web tag"):
            read_recipe(recipe)
    with pytest.raises(SystemExit) as stopped:
        main(["batch", str(recipe), "--language", "German!"])
    assert stopped.value.code == 2
    assert "must be a web tag" in capsys.readouterr().err


def test_a_link_to_a_file_beside_the_notebook_is_text_on_a_page_that_stands_alone(tmp_path):
    made = shown(stream("An answer."))
    text = "[Drivers](02_drivers.ipynb), [docs](../docs/a.md#b), [a paper](https://example.org), [up](#up)"
    made.cells.insert(0, new_markdown_cell(f"# Does it?\n\n{text}"))
    made_of = MadeOf(collection="c", notebook="01.ipynb", made_at="now")
    soup = BeautifulSoup(render(made, title="Does it?", folder=tmp_path, made_of=made_of), "html.parser")
    assert "Drivers, docs, a paper, up" in soup.get_text()
    found = [link["href"] for link in soup.find_all("a", href=True) if link.get_text() in text]
    assert found == ["https://example.org", "#up"]
