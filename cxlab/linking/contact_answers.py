"""Which survey answers which contact: the first in time, and the others by reason."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from cxlab.core.columns import CUSTOMER_ID, EVENTS, SURVEYS
from cxlab.core.errors import LinkError
from cxlab.core.membership import is_in
from cxlab.ingest.tables import Tables

NO_ANSWERED_AT = "its survey has no answered_at"
FOREIGN = "its survey names another customer"


@dataclass(frozen=True, eq=False, kw_only=True)
class ContactAnswers:
    """The surveys as answers to contacts.

    Attributes
    ----------
    first
        Surveys that answer a contact in time, the first of each, indexed by contact.
    without_moment, foreign
        Contacts whose survey cannot be placed: without a moment, or of another customer.
    losses
        Reason to number of surveys that answer no contact.
    key
        The survey column that was followed.
    named, matched
        Surveys with a value in the key, and with one that is among the events.
    late
        Contacts answered after the time allowed.
    began
        The first answer of all.
    """

    first: pd.DataFrame
    without_moment: pd.Index
    foreign: pd.Index
    losses: dict[str, int]
    key: str
    named: int
    matched: int
    late: int
    began: pd.Timestamp


def match_answers(tables: Tables, journeys: pd.DataFrame, *, key: str, answer_days: int) -> ContactAnswers:
    """Lead every survey to its contact; LinkError if not one arrives.

    Parameters
    ----------
    tables
        Surveys with answered_at and the key, events with the key.
    journeys
        Contacts, indexed by id, with customer_id, customers and ended_at.
    key
        What makes a contact: journey_id or event_id.
    answer_days
        Time allowed after the end of a contact.

    Returns
    -------
    ContactAnswers
    """
    surveys = tables.frames[SURVEYS].reset_index(drop=True)
    followed = key if tables.has(SURVEYS, key) else "event_id"
    given = surveys[followed].astype("str").where(surveys[followed].notna() & (surveys[followed] != ""))
    contact = given if followed == key else given.map(_journey_of_event(tables))
    known = pd.Series(is_in(contact, journeys.index), index=contact.index)
    if given.notna().any() and not known.any():
        raise LinkError(
            f"{tables.title}: none of {int(given.notna().sum()):,} surveys has a {followed} that is among "
            f"the events. Next step: map the same {followed} in both tables in cxlab.toml."
        )
    surveys = surveys.assign(contact=contact).sort_values("answered_at", kind="stable")
    known = known.reindex(surveys.index)
    foreign = pd.Series(False, index=surveys.index)
    if CUSTOMER_ID in surveys:
        owner = surveys["contact"].map(journeys[CUSTOMER_ID])
        foreign = known & surveys[CUSTOMER_ID].notna() & (surveys[CUSTOMER_ID] != owner)
    timeless = known & ~foreign & surveys["answered_at"].isna()
    placed = known & ~foreign & ~timeless
    repeated = placed & surveys["contact"].where(placed).duplicated()
    delay = surveys["answered_at"] - surveys["contact"].map(journeys["ended_at"])
    late = placed & ~repeated & (delay > pd.Timedelta(days=answer_days))
    reasons = {
        f"no {followed}": given.isna(),
        f"{followed} is not in events": given.notna() & ~known.sort_index(),
        FOREIGN.removeprefix("its survey "): foreign,
        "no answered_at": timeless,
        "a second answer to the same journey": repeated,
        f"answered more than {answer_days} days after the journey": late,
    }
    return ContactAnswers(
        first=surveys[placed & ~repeated & ~late].set_index("contact"),
        without_moment=pd.Index(surveys.loc[timeless, "contact"].unique()),
        foreign=pd.Index(surveys.loc[foreign, "contact"].unique()),
        losses={reason: int(rows.sum()) for reason, rows in reasons.items() if rows.any()},
        key=followed,
        named=int(given.notna().sum()),
        matched=int(known.sum()),
        late=int(late.sum()),
        began=surveys["answered_at"].min(),
    )


def _journey_of_event(tables: Tables) -> pd.Series:
    events = tables.frames[EVENTS][["event_id", "journey_id"]].dropna().drop_duplicates("event_id")
    return events.set_index("event_id")["journey_id"]
