"""How many people customers told, with answers about trouble that was put right apart."""

from __future__ import annotations

import pandas as pd

from cxlab.core.columns import COMPLAINTS, CUSTOMER_ID, EVENTS, SURVEYS
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.ingest.tables import Tables
from cxlab.linking.features import Feature, features_table
from cxlab.linking.keys import losses_frame, require_columns, set_aside_words
from cxlab.linking.linked import MATCH_COLUMNS, Linked

QUESTION = "How many people are told"
GOOD, BAD, BAD_RESOLVED = "told_good_count", "told_bad_count", "told_bad_resolved_count"


def told(tables: Tables) -> Linked:
    """Answers to "how many people did you tell", those about trouble put right in a column of their own.

    Parameters
    ----------
    tables
        Surveys with told_good_count and told_bad_count; with answered_at and journey_id, and complaints
        and events to match, the bad ones are split by whether the complaint was resolved before.

    Returns
    -------
    Linked
        ``table()``: told_good_count, told_bad_count (not put right, or not known to be) and
        told_bad_resolved_count; an answer fills at most one of the last two.

    Raises
    ------
    NotAnswerableError
        There are no surveys, or they did not ask.

    Examples
    --------
    >>> surveys = pd.DataFrame({"response_id": ["R1"], "customer_id": ["C1"],
    ...     "told_good_count": [2.0], "told_bad_count": [None]})
    >>> told(Tables.of({"surveys": surveys}, None, title="one")).table()[GOOD].tolist()
    [2.0]
    """
    require_columns(tables, SURVEYS, [GOOD, BAD], question=QUESTION)
    return _link(tables)


def _link(tables: Tables) -> Linked:
    surveys = tables.frames[SURVEYS].reset_index(drop=True)
    asked = surveys[[GOOD, BAD]].notna().any(axis=1)
    righted = _put_right(tables, surveys)
    frame = pd.DataFrame({GOOD: surveys[GOOD], BAD: surveys[BAD].mask(righted)})
    frame[BAD_RESOLVED] = surveys[BAD].where(righted)
    lost = {"not asked whom they told": int((~asked).sum())} if (~asked).any() else {}
    provenance = Provenance(
        model="told",
        n_rows=len(surveys),
        n_used=int(asked.sum()),
        n_set_aside=lost,
        input_hash=hash_frame(surveys[[GOOD, BAD]]),
    )
    kinds = {name: int(frame[name].notna().sum()) for name in (GOOD, BAD, BAD_RESOLVED)}
    split = kinds[BAD_RESOLVED]
    return Linked(
        estimates=frame[asked].astype("float64").reset_index(drop=True),
        diagnostics=checks_table(
            [
                Check(
                    check="answers about trouble that was put right",
                    value=split,
                    threshold=">= 20",
                    passed=split >= 20,
                    meaning="fewer do not show whether putting it right quietens the story",
                )
            ]
        ),
        provenance=provenance,
        match_rates=pd.DataFrame(columns=pd.Index(MATCH_COLUMNS)),
        loss_rows=losses_frame({SURVEYS: lost}),
        words=(
            f"{provenance.n_used:,} answers say how many people were told: {kinds[GOOD]:,} about something "
            f"good, {kinds[BAD]:,} about trouble, {split:,} about trouble that was put right.",
            set_aside_words(provenance),
            "Counts are as remembered.",
        ),
        features=features_table(
            [
                Feature(
                    name=BAD_RESOLVED, block="told", sql="", meaning="told about trouble put right before"
                )
            ]
        ),
    )


def _put_right(tables: Tables, surveys: pd.DataFrame) -> pd.Series:
    """Whether the latest complaint of the customer before the answer was resolved before it."""
    nothing = pd.Series(False, index=surveys.index)
    able = tables.has(COMPLAINTS, CUSTOMER_ID, "event_id", "opened_at", "resolved_at")
    if not (
        able
        and tables.has(SURVEYS, "answered_at", "journey_id")
        and tables.has(EVENTS, "event_id", "journey_id")
    ):
        return nothing
    events = tables.frames[EVENTS][["event_id", "journey_id"]].dropna().drop_duplicates("event_id")
    complaints = tables.frames[COMPLAINTS][["event_id", "resolved_at"]].merge(events, on="event_id")
    last = complaints.assign(resolved_at=complaints["resolved_at"].fillna(pd.Timestamp.max.floor("s")))
    resolved = surveys["journey_id"].map(last.groupby("journey_id")["resolved_at"].max())
    return (resolved < surveys["answered_at"]).fillna(False).astype(bool)
