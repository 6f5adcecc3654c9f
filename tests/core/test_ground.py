"""The ground every model stands on: provenance closes, results copy, questions go unanswered honestly."""

import dataclasses
from dataclasses import dataclass

import pandas as pd
import pytest

import cxlab
from cxlab.core.errors import Finding
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, Result, checks_table
from cxlab.core.settings import require_at_least, require_one_of, require_share


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Answer(Result):
    words: str = "CSI 7.1 [6.9, 7.3], n = 120."

    def summary(self) -> str:
        return self.words

    def plot(self, *, ax=None):
        raise NotImplementedError


def make_answer(words: str = "CSI 7.1 [6.9, 7.3], n = 120.") -> Answer:
    check = Check(check="sites", value=40, threshold=">= 30", passed=True, meaning="enough sites")
    return Answer(
        estimates=pd.DataFrame({"term": ["csi <b>"], "estimate": [7.123456]}),
        diagnostics=checks_table([check]),
        provenance=Provenance(model="Answer", n_rows=125, n_used=120, n_set_aside={"no answer": 5}),
        words=words,
    )


class Silent:
    def fit(self, table):
        raise cxlab.NotAnswerableError("Churn", reason="No dates.", next_step="map joined_at.")


class Broken:
    def fit(self, table):
        raise cxlab.FitError("broken: column 'overall' holds text. Next step: declare its scale.")


def test_provenance_refuses_rows_that_vanish_without_a_reason():
    with pytest.raises(ValueError, match="3 of 10 rows are neither used nor set aside"):
        Provenance(model="X", n_rows=10, n_used=7)


def test_a_table_taken_from_a_result_can_be_changed_without_changing_the_result():
    answer = make_answer()
    table, checks = answer.table(), answer.checks()
    table.loc[0, "estimate"], checks.loc[0, "passed"] = 0.0, False
    assert answer.table().loc[0, "estimate"] == 7.123456
    assert answer.checks().loc[0, "passed"]


def test_a_result_shown_in_a_notebook_escapes_names_and_words_and_rounds_numbers():
    page = make_answer(words="<script>x</script>")._repr_html_()
    assert "<script>" not in page
    assert "csi &lt;b&gt;" in page
    assert "7.123" in page
    assert "7.1234" not in page


def test_a_saved_result_can_be_read_back_with_its_provenance(tmp_path):
    folder = make_answer().save(tmp_path / "answer")
    assert pd.read_csv(folder / "table.csv").loc[0, "estimate"] == 7.123456
    assert '"n_set_aside": {\n    "no answer": 5\n  }' in (folder / "provenance.json").read_text()
    assert (folder / "summary.txt").read_text().startswith("CSI 7.1")


def test_a_question_the_data_cannot_answer_becomes_a_result_that_says_why():
    result = cxlab.ask(Silent(), pd.DataFrame({"a": [1, 2]}))
    assert result.table().loc[0, "verdict"] == "not identified"
    assert "No dates." in result.summary()
    assert result.provenance.n_set_aside == {"No dates.": 2}
    assert not result.checks()["passed"].any()
    assert result.plot().texts[0].get_text().startswith("Churn")


def test_a_fault_is_not_mistaken_for_an_unanswerable_question():
    with pytest.raises(cxlab.FitError, match="holds text"):
        cxlab.ask(Broken(), pd.DataFrame({"a": [1]}))


def test_a_finding_names_level_column_rule_rows_examples_and_the_next_step():
    finding = Finding(
        level="error",
        rule="range 1-10",
        column="overall",
        rows=3,
        message="outside the scale",
        examples=("line 25 = 99",),
        next_step="declare missing_codes",
    )
    first, second = finding.lines()
    for part in ("ERROR", "overall", "range 1-10", "3 rows", "line 25 = 99"):
        assert part in first
    assert "declare missing_codes" in second


def test_a_changed_value_a_changed_order_and_a_renamed_column_change_the_input_hash():
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    same = hash_frame(frame.copy())
    assert same == hash_frame(frame)
    assert hash_frame(frame.rename(columns={"a": "c"})) != same
    assert hash_frame(frame[::-1]) != same
    assert hash_frame(frame.assign(a=[1, 3])) != same


@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, 95.0, float("nan")])
def test_a_confidence_outside_zero_and_one_is_refused(value):
    with pytest.raises(cxlab.ParameterError, match="confidence"):
        require_share("Model", "confidence", value)


def test_settings_say_what_is_allowed():
    with pytest.raises(cxlab.ParameterError, match="99 or more"):
        require_at_least("Model", "replicates", 10, 99)
    with pytest.raises(cxlab.ParameterError, match="wide, long"):
        require_one_of("Model", "form", "broad", ("wide", "long"))


def test_the_headline_is_the_first_sentence_whole_with_its_decimals():
    answer = make_answer(words="CSI is 7.1 [6.9, 7.3], n = 1.2 thousand. It speaks for those who answered.")
    assert answer.headline() == "CSI is 7.1 [6.9, 7.3], n = 1.2 thousand."


def test_an_empty_table_shows_the_summary_alone():
    empty = dataclasses.replace(make_answer(), estimates=pd.DataFrame({"term": []}))
    assert "<table" not in empty._repr_html_()
