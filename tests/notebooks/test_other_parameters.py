"""Every notebook also runs on another network with other values: nothing in it leans on the demo's numbers.

nbval compares the committed outputs; here papermill's engine injects values, as a report does.
"""

from pathlib import Path

import pytest

from cxlab.reporting.kernel import KernelSet
from cxlab.reporting.notebooks import read_notebook
from cxlab.reporting.parameters import check_values, read_parameters
from cxlab.reporting.publish import headline_of
from cxlab.reporting.run import execute
from cxlab.simulation.simulate import simulate

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
CUSTOMERS = 3_000
SEED = 11
OTHER = {
    "00_start": {},
    "01_data_quality": {"days": 30},
    "02_drivers": {"location_id": "D002", "neutral_point": 6.0, "replicates": 100},
    "03_churn": {"horizon_days": 120, "replicates": 50},
    "04_recovery": {"claim_ratio": 5.0, "contact_days": 14},
    "05_misattribution": {"days": 30, "before_item": ""},
    "06_who_answers": {"answer_days": 45, "margins": ["segment"]},
    "07_dealers": {"minimum_n": 5, "adjust_for": ["segment"]},
    "08_value": {"horizon_periods": 6, "life_periods": 24, "margin_share": 0.2},
    "09_who_to_call": {"offer_cost": 10.0, "save_share": 0.5, "replicates": 50},
    "10_complaints": {"fast_days": 5.0, "group": "severity"},
    "11_expectations": {"minimum_n": 500},
    "12_word_of_mouth": {"generations": 2, "retell_high": 0.04},
    "13_chain": {"reliability": 0.8, "days": 30},
    "14_priorities": {"target": 7.0, "replicates": 100, "size": 2},
}
#: Those that take a second or two; the others run with the long tests.
CHEAP = {"01_data_quality", "11_expectations", "12_word_of_mouth"}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    simulate(customers=CUSTOMERS, seed=SEED).write(folder)
    return folder


@pytest.fixture(scope="module")
def kernels():
    started = KernelSet(fast=True)
    yield started
    started.close()


def test_no_notebook_is_left_out():
    assert set(OTHER) == {path.stem for path in FOLDER.glob("*.ipynb")}


@pytest.mark.parametrize(
    "name",
    [name if name in CHEAP else pytest.param(name, marks=pytest.mark.statistics) for name in OTHER],
)
def test_a_notebook_answers_other_data_and_other_values(name, network, kernels):
    made = read_notebook(FOLDER / f"{name}.ipynb")
    values = check_values(
        read_parameters(made, where=name), {"data": str(network), **OTHER[name]}, where=name
    )
    executed = execute(made, values, folder=FOLDER, kernels=kernels)
    assert executed.failure is None, executed.failure
    said = [
        output.text
        for cell in executed.notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stderr"
    ]
    assert said == []
    assert headline_of(executed.notebook) not in {"", headline_of(made)}
