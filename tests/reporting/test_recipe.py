"""A recipe becomes checked jobs, or one error with everything that is wrong."""

import pytest
from notebook_builder import notebook, save

from cxlab.core.errors import ParameterError
from cxlab.reporting.recipe import plan_one, read_recipe

PARAMETERS = """\
data: str = "../data"  # folder
confidence: float = 0.95  # share
location_id: str = ""  # dealer
"""


@pytest.fixture
def project(tmp_path):
    save(
        notebook(parameters=PARAMETERS, title="What drives it?"),
        tmp_path / "notebooks" / "02_drivers.ipynb",
    )
    save(notebook(title="No parameters?"), tmp_path / "notebooks" / "03_plain.ipynb")
    (tmp_path / "data").mkdir()
    (tmp_path / "reports").mkdir()
    return tmp_path


def recipe(project, text, **options):
    path = project / "reports" / "demo.yml"
    path.write_text(text, encoding="utf-8")
    return read_recipe(path, **options)


def test_a_grid_makes_one_job_for_each_combination(project):
    made = recipe(
        project,
        """
        title: Demo
        reports:
          - notebook: 02_drivers
            parameters: {data: "{data}"}
          - notebook: 02_drivers
            parameters: {data: "{data}"}
            grid: {location_id: [D001, D002], confidence: [0.9, 0.5]}
          - notebook: 03_plain
        """,
        data=project / "data",
    )
    assert made.title == "Demo"
    names = [job.name for job in made.jobs]
    assert names[0] == "02-drivers"
    assert names[-1] == "03-plain"
    assert len(set(names)) == 6
    assert made.jobs[1].given == {"data": str(project / "data"), "confidence": 0.9, "location_id": "D001"}
    assert made.jobs[1].labels == {"location_id": "D001", "confidence": "0.9"}
    assert made.jobs[0].title == "What drives it?"


def test_names_do_not_depend_on_where_the_data_lie(project):
    text = (
        'reports: [{notebook: 02_drivers, parameters: {data: "{data}"}, grid: {location_id: [Nord/Ost]}}]'
    )
    (project / "other").mkdir()
    here = recipe(project, text, data=project / "data").jobs[0].name
    there = recipe(project, text, data=project / "other").jobs[0].name
    assert here == there


def test_recipe_paths_count_from_the_recipe_and_braces_stay_text(project):
    made = recipe(
        project,
        """
        reports:
          - {notebook: 02_drivers, parameters: {data: ../data, location_id: "{x} {0.__class__}"}}
          - {notebook: 02_drivers, parameters: {data: "{recipe}/../data"}, name: Second one}
        """,
    )
    assert [job.given["data"] for job in made.jobs] == [str(project / "data")] * 2
    assert made.jobs[0].given["location_id"] == "{x} {0.__class__}"
    assert made.jobs[1].name == "second-one"
    assert made.jobs[1].labels == {"": "Second one"}


def test_every_fault_of_every_report_is_said_at_once(project):
    with pytest.raises(ParameterError) as caught:
        recipe(
            project,
            """
            titel: Demo
            reports:
              - {notebook: 02_driver}
              - {notebook: 02_drivers, parameters: {confidance: 0.9}}
              - {notebook: 02_drivers, grid: {confidence: [high]}}
              - {notebook: 02_drivers, parameters: {data: missing}}
              - {notebook: 02_drivers, params: {}}
            """,
        )
    message = str(caught.value)
    for part in ("did you mean title", "Nearest: 02_drivers", "report 2", "did you mean confidence?"):
        assert part in message
    for part in ("got 'high'", "no file or folder 'missing'", "did you mean parameters?"):
        assert part in message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("- a", "must hold `title:`"),
        ("reports: []", "no list `reports:`"),
        ("reports: [02_drivers]", "must name a notebook"),
        ("reports: [{notebook: 02_drivers, grid: {confidence: 0.9}}]", "must be a list"),
        ("reports: [{notebook: 02_drivers, parameters: [1]}]", "`name: value` pairs"),
        (
            "reports: [{notebook: 02_drivers, parameters: {confidence: 0.9}, grid: {confidence: [0.9]}}]",
            "confidence is given twice",
        ),
        ("reports: [{notebook: 03_plain}, {notebook: 03_plain}]", "stands twice"),
        ("reports: [{notebook: 03_plain, name: '...'}]", "with a letter or digit"),
        ('reports: [{notebook: 02_drivers, parameters: {data: "{data}"}}]', "add --data DIR"),
        ("reports: [", "not YAML"),
        ("reports: !!python/object/apply:os.getcwd []", "not YAML"),
        ("title: 3\nreports: [{notebook: 03_plain}]", "must be text"),
    ],
)
def test_a_faulty_recipe_is_refused_with_its_reason(project, text, why):
    with pytest.raises(ParameterError, match=why):
        recipe(project, text)


def test_a_data_folder_that_no_report_uses_is_refused(project):
    with pytest.raises(ParameterError, match="no report uses"):
        recipe(project, "reports: [{notebook: 03_plain}]", data=project / "data")


def test_the_same_notebook_with_other_values_gets_another_name(project):
    made = recipe(
        project,
        """
        reports:
          - {notebook: 02_drivers, parameters: {data: ../data, confidence: 0.9}}
          - {notebook: 02_drivers, parameters: {data: ../data, confidence: 0.8}}
        """,
    )
    assert len({job.name for job in made.jobs}) == 2


def test_one_report_is_planned_from_typed_text(project):
    job = plan_one(
        "02_drivers",
        {"confidence": "0.9", "data": "data"},
        folder=project / "notebooks",
        base=project,
    )
    assert job.given == {"confidence": 0.9, "data": str(project / "data")}
    assert job.name == "02-drivers-0-9" or job.name.startswith("02-drivers-0-9-")
    assert job.data_path() == project / "data"


def test_values_injected_by_an_earlier_run_are_not_kept(project):
    path = project / "notebooks" / "02_drivers.ipynb"
    made = notebook("confidence = 0.5", parameters=PARAMETERS)
    made.cells[2].metadata["tags"] = ["injected-parameters"]
    save(made, path)
    job = plan_one("02_drivers", {}, folder=project / "notebooks", base=project)
    assert all("0.5" not in cell.source for cell in job.notebook.cells)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cells": 3, "nbformat": 4, "nbformat_minor": 5}'])
def test_a_file_that_is_no_notebook_is_refused(project, content):
    (project / "notebooks" / "05_bad.ipynb").write_text(content)
    with pytest.raises(ParameterError, match="not a readable notebook"):
        plan_one("05_bad", {}, folder=project / "notebooks", base=project)
