"""The same batch on two worker processes of a cluster: joblib decides where, the reports are the same."""

import pytest
from notebook_builder import notebook, save

from cxlab.reporting.batch import Options, run_batch
from cxlab.reporting.recipe import read_recipe

distributed = pytest.importorskip("distributed", reason="needs the extra `cluster`")
joblib = pytest.importorskip("joblib")


@pytest.fixture
def cluster():
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            host="127.0.0.1",
            silence_logs=50,
        ) as made,
        distributed.Client(made) as client,
    ):
        yield client


def test_two_worker_processes_make_the_reports_with_forked_kernels(tmp_path, cluster):
    headline = "import numpy\nprint(who, int(numpy.arange(4).sum()))"
    made = notebook(parameters='who: str = ""  # whose', headline=headline)
    save(made, tmp_path / "notebooks" / "01_who.ipynb")
    (tmp_path / "reports").mkdir()
    names = ["a", "b", "c", "d"]
    recipe = tmp_path / "reports" / "demo.yml"
    recipe.write_text(f"reports: [{{notebook: 01_who, grid: {{who: {names}}}}}]")
    out = tmp_path / "out"
    with joblib.parallel_config(backend="dask"):
        result = run_batch(read_recipe(recipe), out=out, options=Options(jobs=2))
    assert result.exit_code == 0, [outcome.failure for outcome in result.outcomes]
    assert [outcome.headline for outcome in result.outcomes] == [f"{name} 6" for name in names]
    ran = cluster.run(_servers_that_ran)
    assert len(ran) == 2
    assert all(ran.values()), "each worker made reports, with a server of its own"


def _servers_that_ran():
    """In a worker: whether a server for kernels lives in this process."""
    from cxlab.reporting import kernel

    return any(kernels._server and kernels._server._process for kernels in kernel._SETS.values())
