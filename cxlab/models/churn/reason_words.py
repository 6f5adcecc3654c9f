"""Reasons in the words of the person who calls: no column name, no number on the logit."""

from __future__ import annotations

import re
from typing import Final

import pandas as pd

from cxlab.models.churn.decision_rows import REASONS

#: Column, or how it begins, and what a caller says; the first that fits.
_WORDS: Final = (
    ("contract_tenure_days", "time as a customer"),
    ("contract_age_days", "age of the contract"),
    ("contract_value_per_year", "value of the contracts"),
    ("contract_running", "number of contracts"),
    ("contract_plan", "plan"),
    ("usage_days_since_last_event", "time since the last contact"),
    ("usage_digital_share", "share of digital contacts"),
    ("usage_events", "number of contacts lately"),
    ("experience_positive_stock", "good experiences, older ones counting less"),
    ("experience_negative_resolved_stock", "bad experiences put right, older ones counting less"),
    ("experience_negative_unresolved_stock", "bad experiences not put right, older ones counting less"),
    ("experience_negative_stock", "bad experiences, older ones counting less"),
    ("experience_negatives", "number of bad experiences lately"),
    ("experience_oldest_open_complaint_days", "age of the oldest open complaint"),
    ("experience_open_complaints", "open complaints"),
    ("experience_complaints", "number of complaints lately"),
    ("experience_last_outcome", "how the last contact went"),
    ("experience_mean_outcome", "how contacts went on the whole"),
    ("experience_slope_per_year", "whether contacts get better or worse"),
    ("experience_weakest_link", "the worst of the touchpoints"),
    ("survey_expectation_gap", "expectation against experience"),
    ("survey_no_answer_yet", "never answered a survey"),
    ("survey_days_since_last_answer", "time since the last answer"),
    ("survey_answers", "number of survey answers"),
    ("survey_last_recommend", "last likelihood to recommend"),
    ("survey_last", "last satisfaction"),
    ("survey_mean", "satisfaction on the whole"),
)
_REASON: Final = re.compile(r"^(?P<name>.*?)(?P<more> and \d+ alike)? \((?P<sign>[+-])[\d.]+\)$")


def plain_reason(reason: str) -> str:
    """A reason code as a caller reads it; a text that is no reason code is left as it is.

    >>> plain_reason("experience_open_complaints (+3.23)")
    'open complaints: raises the risk'
    >>> plain_reason("contract_tenure_days and 1 alike (-0.40)")
    'time as a customer and what goes with it: lowers the risk'
    >>> plain_reason("usage_app_logins (+0.10)")
    'app logins: raises the risk'
    """
    found = _REASON.match(reason)
    if found is None:
        return reason
    name = found["name"]
    known = (words for start, words in _WORDS if name.startswith(start))
    words = next(known, None) or re.sub(r"^(contract|usage|experience|survey)_", "", name).replace("_", " ")
    more = " and what goes with it" if found["more"] else ""
    return f"{words}{more}: {'raises' if found['sign'] == '+' else 'lowers'} the risk"


def in_plain_words(table: pd.DataFrame) -> pd.DataFrame:
    """``table`` with its reason columns in plain words; a copy."""
    changed = table.copy()
    for column in REASONS:
        if column in changed:
            held = changed[column].notna()
            changed[column] = changed[column].astype(object)
            changed.loc[held, column] = changed.loc[held, column].map(lambda code: plain_reason(str(code)))
    return changed
