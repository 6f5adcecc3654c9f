"""What is done is not made again, unless something that a report depends on has changed."""

import json
import shutil
from dataclasses import replace

import pytest
from notebook_builder import notebook, save, stream

from cxlab.core.errors import ParameterError, ReportError
from cxlab.reporting import files, make, manifest
from cxlab.reporting.batch import Options, run_batch
from cxlab.reporting.recipe import read_recipe
from cxlab.reporting.run import Executed, Failure

PARAMETERS = 'data: str = "../data"  # folder\nplan: str = "good"  # what the test wants'


@pytest.fixture
def project(tmp_path):
    save(notebook("pass", parameters=PARAMETERS, title="First?"), tmp_path / "notebooks" / "01_first.ipynb")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("a\n1\n")
    (tmp_path / "reports").mkdir()
    return tmp_path


@pytest.fixture
def made(monkeypatch):
    """The plans that were run, in order; ``dies-N`` dies N times before it is good."""
    plans = []

    def execute(_, values, **__):
        plan = values["plan"]
        plans.append(plan)
        if plan.startswith("bad"):
            return Executed(notebook=notebook("pass"), seconds=1.0, failure=Failure(message="no", cell=1))
        if plan.startswith("dies") and plans.count(plan) <= int(plan[-1]):
            return Executed(
                notebook=notebook("pass"), seconds=1.0, failure=Failure(message="dead", died=True)
            )
        done = notebook("pass", headline="print()")
        done.cells[-1].outputs = [stream(f"The answer of {plan}.")]
        return Executed(notebook=done, seconds=1.0)

    monkeypatch.setattr(make, "execute", execute)
    return plans


def planned(project, *plans):
    path = project / "reports" / "demo.yml"
    entry = f"{{notebook: 01_first, parameters: {{data: '{{data}}'}}, grid: {{plan: {list(plans)}}}}}"
    path.write_text(f"reports: [{entry}]")
    return read_recipe(path, data=project / "data")


def run(project, *plans, **options):
    return run_batch(planned(project, *plans), out=project / "out", options=Options(**options))


def test_a_second_run_makes_nothing_and_still_tells_of_all(project, made):
    first = run(project, "a", "b")
    page = (project / "out" / "01-first-a.html").read_text()
    second = run(project, "a", "b")
    assert sorted(made) == ["a", "b"]
    assert [outcome.status for outcome in first.outcomes] == ["ok", "ok"]
    assert [outcome.status for outcome in second.outcomes] == ["kept", "kept"]
    assert second.exit_code == 0
    assert second.outcomes[0].headline == "The answer of a."
    assert (project / "out" / "01-first-a.html").read_text() == page
    overview = (project / "out" / "index.html").read_text()
    assert "The answer of a." in overview
    assert "The answer of b." in overview


def test_a_failed_report_is_never_skipped(project, made):
    run(project, "a", "bad")
    assert run(project, "a", "bad").exit_code == 1
    assert sorted(made) == ["a", "bad", "bad"]


@pytest.mark.parametrize("change", ["data", "notebook", "package", "page", "record", "fresh"])
def test_what_changed_is_made_again(project, made, monkeypatch, change):
    run(project, "a")
    out = project / "out"
    if change == "data":
        (project / "data" / "a.csv").write_text("a\n2\n")
    elif change == "notebook":
        changed = notebook("other", parameters=PARAMETERS, title="First?")
        save(changed, project / "notebooks" / "01_first.ipynb")
    elif change == "package":
        monkeypatch.setattr(manifest, "environment_hash", lambda: "other")
    elif change == "page":
        (out / "01-first-a.html").write_text("cut")
    elif change == "record":
        (out / "records" / "01-first-a.json").write_text("{")
    run(project, "a", fresh=change == "fresh")
    assert made == ["a", "a"]
    assert "The answer of a." in (out / "01-first-a.html").read_text()


def test_outputs_in_the_notebook_and_where_the_data_lie_change_nothing(project, made):
    run(project, "a")
    shown = notebook("pass", parameters=PARAMETERS, title="First?")
    shown.cells[-1].outputs = [stream("an old output")]
    save(shown, project / "notebooks" / "01_first.ipynb")
    moved = project / "elsewhere"
    shutil.copytree(project / "data", moved)
    recipe = read_recipe(project / "reports" / "demo.yml", data=moved)
    assert [outcome.status for outcome in run_batch(recipe, out=project / "out").outcomes] == ["kept"]


def test_resume_keeps_what_is_done_though_a_library_changed_but_not_other_values(
    project, made, monkeypatch
):
    run(project, "a")
    monkeypatch.setattr(manifest, "environment_hash", lambda: "other")
    result = run(project, "a", "b", resume=True)
    assert made == ["a", "b"]
    assert [outcome.status for outcome in result.outcomes] == ["kept", "ok"]


def test_only_makes_the_named_report_and_writes_no_overview(project, made):
    result = run(project, "a", "b", only=("01-first-b",))
    assert made == ["b"]
    assert result.overview is None
    assert not (project / "out" / "index.html").exists()
    assert run(project, "a", "b").exit_code == 0
    assert made == ["b", "a"], "the run that closes the fan-out makes what is missing only"


def test_only_takes_the_start_of_a_key(project, made):
    run(project, "a", "b")
    record = json.loads((project / "out" / "run.json").read_text())
    key = record["reports"][1]["key"]
    run(project, "a", "b", only=(key[:10],), fresh=True)
    assert sorted(made) == ["a", "b", "b"]
    assert made[-1] == "b"


def test_an_unknown_name_is_refused_with_the_names_there_are(project, made):
    with pytest.raises(ParameterError, match="01-first-a"):
        run(project, "a", only=("01-first-x",))
    assert made == []


def test_runs_of_single_reports_may_share_a_folder_but_not_with_a_whole_run(project, made):
    out = project / "out"
    with files.output_folder(out, shared=True):
        run(project, "a", only=("01-first-a",))
        with pytest.raises(ReportError, match="Another run"):
            run(project, "a")
    with files.output_folder(out), pytest.raises(ReportError, match="Another run"):
        run(project, "a", only=("01-first-a",))


@pytest.mark.parametrize(("deaths", "retries", "good"), [(1, 1, True), (1, 0, False), (2, 1, False)])
def test_a_dead_kernel_gets_another_chance(project, made, deaths, retries, good):
    result = run(project, f"dies-{deaths}", retries=retries)
    assert (result.exit_code == 0) == good
    assert len(made) == min(deaths, retries) + 1
    assert result.outcomes[0].attempts == len(made)


def test_an_error_in_a_cell_gets_no_other_chance(project, made):
    run(project, "bad", retries=3)
    assert made == ["bad"]


def test_a_report_that_was_whole_when_the_run_was_killed_is_completed(project, made):
    """As it lies on the disk when SIGKILL comes between the marker and the renames."""
    run(project, "a")
    out = project / "out"
    leftover = out / ".cxlab-unfinished-1"
    for name in ("01-first-a.html", "notebooks/01-first-a.ipynb", "records/01-first-a.json"):
        (leftover / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).rename(leftover / name)
    half = out / ".cxlab-unfinished-2"
    shutil.copytree(leftover, half)
    (half / "01-first-a.html").write_text("half")
    result = run(project, "a")
    assert made == ["a"]
    assert [outcome.status for outcome in result.outcomes] == ["kept"]
    assert not list(out.rglob(".cxlab-unfinished-*"))


def test_a_report_that_fails_now_does_not_keep_its_old_page(project, made, monkeypatch):
    run(project, "a")
    (job,) = planned(project, "a").jobs
    turned = replace(job, given={**job.given, "plan": "bad"})
    run_batch(replace(planned(project, "a"), jobs=(turned,)), out=project / "out")
    assert not (project / "out" / "01-first-a.html").exists()
    assert not (project / "out" / "records" / "01-first-a.json").exists()
