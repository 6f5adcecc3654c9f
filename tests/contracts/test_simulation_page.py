"""The page of long simulations keeps what was not run again, and shows figures that missed their bound."""

from simulation_page import HEAD, collect, renewed

FIGURE = ("coverage | nominal 95 %", "0.95", "300", "0.93 to 0.97")


def test_a_run_renews_its_own_files_and_leaves_the_others():
    first = renewed(
        "",
        collect([("tests/a.py", "passed", [FIGURE]), ("tests/b.py", "passed", [FIGURE])]),
        stamp="Monday",
    )
    again = renewed(first, collect([("tests/b.py", "failed", [FIGURE])]), stamp="Tuesday")
    assert again.startswith(HEAD)
    assert again.count("## `tests/") == 2
    assert "Monday: 1 long test, 0 failed." in again.split("## `tests/b.py`")[0]
    later = again.split("## `tests/b.py`")[1]
    assert "Tuesday: 1 long test, 1 failed." in later
    assert "| coverage / nominal 95 % | 0.95 | 300 | 0.93 to 0.97 | failed |" in later
    assert "Monday" not in later
    assert renewed(again, {}, stamp="Wednesday") == again
