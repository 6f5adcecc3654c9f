"""File names are safe, short and different for different reports."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxlab.core.errors import ReportError
from cxlab.reporting.naming import inside, report_name, slug, with_hash

SAFE = re.compile(r"[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?")


@settings(max_examples=300, deadline=None)
@given(stem=st.text(max_size=80), label=st.text(max_size=80))
def test_any_text_gives_a_safe_name(stem, label):
    name = report_name(stem, [label], {"label": label})
    assert SAFE.fullmatch(name)
    assert name not in {"index", "con", "nul", "com1"}


@pytest.mark.parametrize("label", ["../../etc/passwd", "..", "/", "C:\\x", "a\x00b", "index", ""])
def test_a_hostile_value_stays_in_the_folder(tmp_path, label):
    name = report_name("02_drivers", [label], {"label": label})
    assert inside(tmp_path, f"{name}.html").parent == tmp_path.resolve()


def test_values_that_look_alike_get_different_names():
    names = {
        report_name("02", [value], {"region": value}) for value in ("Nord/Ost", "Nord-Ost", "nord ost")
    }
    assert len(names) == 3
    assert all(name.startswith("02-nord-ost") for name in names)


def test_a_reserved_or_empty_or_long_name_gets_a_hash():
    assert report_name("index", [], {}) != "index"
    assert re.fullmatch(r"report-[0-9a-f]{8}", report_name("___", [], {}))
    assert len(report_name("a" * 90, [], {})) <= 60
    assert with_hash("a", {"x": 1}) != with_hash("a", {"x": 2})


def test_umlauts_are_written_out_in_ascii():
    assert slug("Köln Süd, Weiß & Co.") == "koln-sud-weiss-co"


@pytest.mark.parametrize("relative", ["../x.html", "a/../../x.html", "..", "", "/etc/x.html"])
def test_a_path_out_of_the_folder_is_refused(tmp_path, relative):
    with pytest.raises(ReportError):
        inside(tmp_path, relative)


def test_a_linked_subfolder_is_refused(tmp_path):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (out / "failed").symlink_to(elsewhere)
    with pytest.raises(ReportError, match="outside its output folder"):
        inside(out, "failed/x.html")
