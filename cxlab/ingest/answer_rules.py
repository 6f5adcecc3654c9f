"""Rules on how answers were given: flags that are said and never delete a row (102), retries, same days.

``answer_flags`` gives the flags row by row, so that an analysis can be run with and without them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import CUSTOMER_ID, LOCATION_ID, SURVEYS
from cxlab.ingest.distinct import fingerprints, often
from cxlab.ingest.scale_rules import rated
from cxlab.ingest.state import TableState

#: A straight line needs this many ratings of one respondent.
STRAIGHT_ITEMS = 5
#: Answers faster than this share of the median duration are speeders.
SPEEDER_SHARE = 1 / 3
#: Comments of this many letters or more are hardly written twice by chance.
PASTED_LETTERS = 40
PASTED_TIMES = 3
#: This many answers about one dealer within a minute come from one keyboard.
BURST_ANSWERS = 8
RETRY_MINUTES = 30
#: Microseconds, the unit of every time here.
DAY = 86_400 * 10**6
CONSTANT_ROWS = 10
#: Kinds of columns that an analysis compares; one value only leaves nothing to compare.
_VARYING = ("category", "number", "score", "flag", "sign")
_TEST_COMMENTS = (
    r"(?i)\s*(?:test|testing|test test|asdf\w*|qwert\w*|dummy|lorem ipsum.*|xxx+|please ignore|"
    r"bitte ignorieren)\s*[.!]*\s*"
)


def answer_flags(surveys: pd.DataFrame, ratings: list[str]) -> pd.DataFrame:
    """One row per answer, one boolean column per sign of a careless or made-up answer.

    Columns: ``straight_line`` (five or more ratings, all equal), ``speeder`` (faster than a third of the
    median ``duration_seconds``), ``test_comment``, ``pasted_comment`` (one long comment at one dealer
    three times on a day),
    ``burst`` (eight answers about one dealer within a minute). A flag is a sign, not a proof: a happy
    customer may give ten times a ten.
    """
    flags = pd.DataFrame(index=surveys.index)
    table = surveys[ratings].to_numpy(dtype="float64") if ratings else np.empty((len(surveys), 0))
    given = np.zeros(len(surveys), dtype=np.int64)
    for column in table.T:
        given += ~np.isnan(column)
    straight = np.zeros(len(surveys), dtype=bool)
    if table.shape[1] >= STRAIGHT_ITEMS:
        # Column by column: reductions over short rows are several times slower.
        highest, lowest = table[:, 0].copy(), table[:, 0].copy()
        for column in table.T[1:]:
            np.fmax(highest, column, out=highest)
            np.fmin(lowest, column, out=lowest)
        straight = (given >= STRAIGHT_ITEMS) & (highest == lowest)
    flags["straight_line"] = straight
    flags["speeder"] = False
    if "duration_seconds" in surveys:
        duration = surveys["duration_seconds"]
        flags["speeder"] = (duration < duration.median() * SPEEDER_SHARE).fillna(False).astype(bool)
    flags["test_comment"] = False
    flags["pasted_comment"] = False
    if "comment" in surveys:
        comment = surveys["comment"].astype("str").str.strip()
        flags["test_comment"] = comment.str.fullmatch(_TEST_COMMENTS).fillna(False).astype(bool)
        flags["pasted_comment"] = _pasted(surveys, comment)
    flags["burst"] = _bursts(surveys)
    return flags


def _pasted(surveys: pd.DataFrame, comment: pd.Series) -> pd.Series:
    """The same long comment at one dealer on one day, three times or more."""
    where = [name for name in (LOCATION_ID,) if name in surveys]
    table = surveys[where].assign(comment=comment.where(comment.str.len() >= PASTED_LETTERS))
    if "answered_at" in surveys:
        table["day"] = surveys["answered_at"].dt.normalize()
    known = table.dropna(subset=["comment"])
    times = known.assign(one=1).groupby(list(table.columns), dropna=False)["one"].transform("size")
    return times.reindex(surveys.index).fillna(0) >= PASTED_TIMES


def _bursts(surveys: pd.DataFrame) -> pd.Series:
    none = pd.Series(False, index=surveys.index)
    if not {"answered_at", LOCATION_ID} <= set(surveys.columns) or surveys["answered_at"].isna().all():
        return none
    at = surveys["answered_at"]
    if (at == at.dt.normalize()).all():
        return none  # dates without a time of day say nothing about minutes
    minute = at.astype("int64").to_numpy() // 60_000_000
    place = pd.factorize(surveys[LOCATION_ID])[0].astype("int64")
    known = (place >= 0) & at.notna().to_numpy()
    key = place * 2**34 + minute
    flagged = np.zeros(len(surveys), dtype=bool)
    flagged[known] = often(key[known].astype(np.uint64), times=BURST_ANSWERS)
    return pd.Series(flagged, index=surveys.index)


#: Sign of a careless answer -> what it means.
FLAG_MEANINGS = {
    "straight_line": "five or more ratings, all equal",
    "speeder": "faster than a third of the usual time",
    "test_comment": "a comment that reads like a test",
    "pasted_comment": "one long comment at one dealer three times or more on a day",
    "burst": "eight or more answers about one dealer within a minute",
}


def careless_answers(state: TableState) -> None:
    """Signs of careless or made-up answers are counted, and no row is touched (102)."""
    if state.name != SURVEYS or state.frame.empty:
        return
    flags = answer_flags(state.frame, [name for name in rated(state) if name.startswith("rating_")])
    for name, meaning in FLAG_MEANINGS.items():
        rows = int(flags[name].sum())
        if rows:
            step = "Kept: compare a result with and without them before you believe it."
            state.say("note", name.replace("_", " "), f"{meaning}.", rows=rows, next_step=step)


def retries(state: TableState) -> None:
    """The same answers of the same customer within minutes (55), and several on one day (58)."""
    needed = {CUSTOMER_ID, "answered_at"}
    if state.name != SURVEYS or not needed <= set(state.frame.columns):
        return
    customers, at = state.frame[CUSTOMER_ID], state.frame["answered_at"]
    known = np.flatnonzero(customers.notna().to_numpy() & at.notna().to_numpy())
    moment = np.asarray(at.astype("int64"), dtype=np.int64)
    use = known[_near_another(customers.iloc[known], moment[known])]
    if not len(use):
        return
    person = np.full(len(customers), -1, dtype=np.int64)
    person[use] = pd.factorize(customers.iloc[use])[0]
    # One whole number per answer, person first: sorting it is several times faster than sorting by both.
    seconds = (moment[use] - moment[use].min()) // 10**6
    order = use[np.argsort(person[use] * 2**34 + seconds, kind="stable")]
    same_person = person[order[:-1]] == person[order[1:]]
    first, second = order[:-1][same_person], order[1:][same_person]
    gap = moment[second] - moment[first]
    answers = state.frame[rated(state)]
    timed = bool(len(answers.columns)) and bool((moment[known] % DAY).any())
    retry = (gap <= RETRY_MINUTES * 60 * 10**6) & timed
    before, after = (answers.iloc[side[retry]].to_numpy(dtype="float64") for side in (first, second))
    retry[retry] = ((before == after) | (np.isnan(before) & np.isnan(after))).all(axis=1)
    same_day = (moment[second] // DAY == moment[first] // DAY) & ~retry
    step = "Kept. To count each once, make the key of several columns, or  keep  one of them."
    if retry.any():
        message = f"the same answers of one customer within {RETRY_MINUTES} minutes: sent twice?"
        state.say("note", "retries", message, column=CUSTOMER_ID, rows=int(retry.sum()), next_step=step)
    if same_day.any():
        message = "a further answer of one customer on the same day."
        state.say("note", "same day", message, column=CUSTOMER_ID, rows=int(same_day.sum()))


def _near_another(customers: pd.Series, moment: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Answers that may be of one customer on one day, by the calendar or from noon to noon.

    A pair within minutes lies in one of both, so nothing is missed; what only seems to belong together is
    told apart by the caller.
    """
    who = fingerprints(customers)
    near = np.zeros(len(customers), dtype=bool)
    for shift in (0, DAY // 2):
        day = ((moment + shift) // DAY).astype(np.uint64)
        near |= often(who + day)
    return near


def constant_columns(state: TableState) -> None:
    """A column of one single value explains nothing (72)."""
    if len(state.frame) < CONSTANT_ROWS:
        return
    for name in state.frame.columns:
        values = state.frame[name]
        if (
            name in state.config.constant
            or values.isna().any()
            or state.kinds.get(str(name)) not in _VARYING
        ):
            continue
        if (values == values.iloc[0]).all():
            state.say(
                "note", "constant column", "holds one and the same value in every row.", column=str(name)
            )
