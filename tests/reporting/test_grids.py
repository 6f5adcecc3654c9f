"""One entry of a recipe becomes many reports: from a table, or for every dealer with enough answers."""

import pytest
from notebook_builder import notebook, save

from cxlab.core.errors import ParameterError
from cxlab.reporting.recipe import read_recipe

PARAMETERS = """\
data: str = "../data"  # folder
location_id: str = ""  # one dealer, empty for all
days: int = 90  # window
"""
ANSWERS = {"D1": 200, "D2": 29, "Nord/Ost": 30}


@pytest.fixture
def project(tmp_path):
    save(notebook("pass", parameters=PARAMETERS), tmp_path / "notebooks" / "02_drivers.ipynb")
    (tmp_path / "data").mkdir()
    (tmp_path / "reports").mkdir()
    return tmp_path


def plan(project, entry, *, asked=None):
    path = project / "reports" / "demo.yml"
    path.write_text(f"reports:\n  - notebook: 02_drivers\n{entry}")

    def count(data, config, column):
        if asked is not None:
            asked.append((data, config, column))
        return ANSWERS

    return read_recipe(path, data=project / "data", count=count)


def values(recipe, name):
    return [job.given.get(name) for job in recipe.jobs]


def test_every_dealer_with_enough_answers_gets_a_report(project):
    asked = []
    entry = '    parameters: {data: "{data}"}\n    every: location_id\n    minimum_answers: 30\n'
    recipe = plan(project, entry, asked=asked)
    assert values(recipe, "location_id") == ["D1", "Nord/Ost"]
    assert [job.labels for job in recipe.jobs] == [{"location_id": "D1"}, {"location_id": "Nord/Ost"}]
    assert [(str(data), config, column) for data, config, column in asked] == [
        (str(project / "data"), None, "location_id")
    ]


def test_every_dealer_can_stand_beside_a_grid(project):
    entry = '    parameters: {data: "{data}"}\n    every: location_id\n    grid: {days: [30, 90]}\n'
    recipe = plan(project, entry)
    assert list(zip(values(recipe, "location_id"), values(recipe, "days"), strict=True)) == [
        ("D1", 30),
        ("D1", 90),
        ("Nord/Ost", 30),
        ("Nord/Ost", 90),
    ]


def test_a_table_of_values_gives_one_report_for_each_line_with_typed_values(project):
    (project / "reports" / "grid.csv").write_text(
        "location_id,days\nD1,30\n00017,60\n", encoding="utf-8-sig"
    )
    recipe = plan(project, '    parameters: {data: "{data}"}\n    grid_file: grid.csv\n')
    assert values(recipe, "location_id") == ["D1", "00017"]
    assert values(recipe, "days") == [30, 60]


def test_all_faults_of_a_table_of_values_are_named_together(project):
    (project / "reports" / "grid.csv").write_text("location_id,days\nD1,many\nD2,30,7\nD3\n")
    with pytest.raises(ParameterError) as caught:
        plan(project, '    parameters: {data: "{data}"}\n    grid_file: grid.csv\n')
    text = str(caught.value)
    assert "line 2: days got 'many'" in text
    assert "line 3: needs 2 values" in text
    assert "line 4: needs 2 values" in text


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("    every: location_id\n", "every needs the data"),
        ('    parameters: {data: "{data}"}\n    every: region\n', "must be a column that is a parameter"),
        ('    parameters: {data: "{data}"}\n    minimum_answers: 3\n', "needs `every: COLUMN`"),
        (
            '    parameters: {data: "{data}"}\n    every: location_id\n    minimum_answers: few\n',
            "must be a whole number",
        ),
        (
            '    parameters: {data: "{data}"}\n    every: location_id\n    minimum_answers: 999\n',
            "no location_id has 999 answers (the most is 200)",
        ),
        (
            '    parameters: {data: "{data}", location_id: D1}\n    every: location_id\n',
            "location_id is given twice",
        ),
        (
            '    parameters: {data: "{data}"}\n    every: location_id\n    grid_file: grid.csv\n',
            "cannot stand together",
        ),
        ('    parameters: {data: "{data}"}\n    grid_file: gone.csv\n', "gone.csv cannot be read"),
    ],
)
def test_a_faulty_plan_is_refused_with_its_reason(project, entry, why):
    with pytest.raises(ParameterError) as caught:
        plan(project, entry)
    assert why in str(caught.value)
