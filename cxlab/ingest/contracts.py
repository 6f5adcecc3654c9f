"""The table contracts as data: columns, types, units, ranges, keys; checks and codebook come from here."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal

from cxlab.core.columns import COMPLAINTS, CONTRACTS, CUSTOMERS, EVENTS, LOCATIONS, SURVEYS
from cxlab.core.errors import ParameterError

#: What a column holds: ``score`` a whole number on a scale, ``flag`` 0/1/empty, ``sign`` -1/0/1.
Kind = Literal["id", "text", "category", "time", "number", "score", "flag", "sign"]
KINDS: Final[tuple[Kind, ...]] = ("id", "text", "category", "time", "number", "score", "flag", "sign")
#: Kind -> dtype of the loaded frame. Scores are floats because a blank answer must stay blank.
DTYPES: Final[dict[str, str]] = {
    "id": "str",
    "text": "str",
    "category": "str",
    "time": "datetime64[us]",
    "number": "float64",
    "score": "float64",
    "flag": "Int8",
    "sign": "int8",
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a contract; a name with ``*`` stands for a family such as ``rating_*``.

    ``required``: the column must be there unless the user declares it absent. ``empty``: cells may be
    empty. ``past``: a time that cannot lie after the end of the data.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    required: bool = False
    empty: bool = True
    past: bool = False


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What one table must hold: its key, its columns, and pairs of times that must stay in order."""

    table: str
    meaning: str
    key: str
    columns: tuple[Column, ...]
    in_order: tuple[tuple[str, str], ...] = ()

    def column(self, name: str) -> Column | None:
        """The column called ``name``, by its own name first, then by family; None if unknown.

        >>> CONTRACTS_BY_TABLE["surveys"].column("rating_billing").high
        10
        """
        families = (*self.columns, *UNIT_FAMILIES)
        exact = [column for column in self.columns if column.name == name]
        return next((c for c in [*exact, *families] if fnmatchcase(name, c.name)), None)

    def recognises(self, name: str) -> bool:
        """Whether a column is carried without being declared: named here, or a metric with its unit.

        Further ids, times and words are not: they may be personal data, so they must be declared.
        """
        column = self.column(name)
        return column is not None and (column in self.columns or column.kind == "number")

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that must be there unless declared absent."""
        return tuple(column.name for column in self.columns if column.required)


def _key(name: str, meaning: str, *, required: bool = True) -> Column:
    return Column(name=name, kind="id", meaning=meaning, required=required, empty=False)


def _who(*, empty: bool = False) -> Column:
    return Column(name="customer_id", kind="id", meaning="the customer", required=True, empty=empty)


def _time(name: str, meaning: str, *, required: bool = False, past: bool = True) -> Column:
    return Column(name=name, kind="time", meaning=meaning, required=required, empty=not required, past=past)


def _column(name: str, kind: Kind, meaning: str, *, values: tuple[str, ...] = ()) -> Column:
    return Column(name=name, kind=kind, meaning=meaning, values=values)


def _number(name: str, meaning: str, *, unit: str, low: float | None = None) -> Column:
    return Column(name=name, kind="number", meaning=meaning, unit=unit, low=low)


def _score(name: str, meaning: str, low: float, high: float, *, required: bool = False) -> Column:
    return Column(name=name, kind="score", meaning=meaning, low=low, high=high, required=required)


_LOCATION = _column("location_id", "id", "the dealer or site")
_JOURNEY = _column("journey_id", "id", "the journey the row belongs to")
_OWNER = _column("owner", "category", "who runs it", values=("own", "partner"))
_LANGUAGE = _column("language", "category", "language of the person or the answer")

#: Names that say what they are, in every table: ids, times, and metrics with their unit in the name.
UNIT_FAMILIES: Final = (
    _column("*_id", "id", "a further key"),
    _time("*_at", "a further time", past=False),
    *(
        _number(f"*_{unit}", f"a metric in {unit}", unit=unit)
        for unit in (
            "minutes",
            "hours",
            "days",
            "months",
            "km",
            "miles",
            "eur",
            "points",
            "percent",
            "count",
        )
    ),
    _number("*_share", "a share", unit="0..1"),
    _number("*_occupancy", "share of places taken", unit="0..1"),
    _number("days_*", "a metric in days", unit="days"),
)

_CUSTOMERS = Contract(
    table=CUSTOMERS,
    meaning="one row per customer",
    key="customer_id",
    columns=(
        _key("customer_id", "the customer"),
        _time("joined_at", "when the customer joined"),
        _time("left_at", "when the customer left; empty = still here"),
        _column("churned", "flag", "left (1) or not (0), for data without dates; empty = not known"),
        _column("segment", "category", "the group the customer is managed in"),
        _LOCATION,
        _LANGUAGE,
        _time("trial_at", "when a randomised trial drew the customer; empty = not in the trial"),
        _column("treated", "flag", "in the trial: treated (1) or control (0); empty = not in the trial"),
    ),
    in_order=(("joined_at", "left_at"), ("joined_at", "trial_at")),
)
_EVENTS = Contract(
    table=EVENTS,
    meaning="one row per operational fact: a visit, a call, a delivery",
    key="event_id",
    columns=(
        _key("event_id", "the event"),
        _who(),
        _time("occurred_at", "when it happened", required=True),
        _time("known_at", "when the record became visible; the time of the event if it is not given"),
        _JOURNEY,
        _column("episode", "category", "part of the journey"),
        _column("touchpoint", "category", "where the customer met the company"),
        _column("channel", "category", "digital or physical", values=("digital", "physical")),
        _OWNER,
        _LOCATION,
        _number("rework", "work had to be done again", unit="0..1", low=0),
        Column(
            name="outcome",
            kind="sign",
            unit="-1, 0, 1",
            low=-1,
            high=1,
            empty=False,
            meaning="operational valence: -1 negative, 0 neutral, 1 positive; not from a survey",
        ),
    ),
    in_order=(("occurred_at", "known_at"),),
)
_SURVEYS = Contract(
    table=SURVEYS,
    meaning="one row per survey answer",
    key="response_id",
    columns=(
        _key("response_id", "the answer"),
        _who(empty=True),
        _time("answered_at", "when the survey was answered", required=True),
        _JOURNEY,
        _column("event_id", "id", "the event the survey asks about"),
        _LOCATION,
        _score("overall", "overall satisfaction", 1, 10, required=True),
        _score("recommend_0_10", "likelihood to recommend", 0, 10),
        _score("expectation", "what the customer expected, asked before the contact", 1, 10),
        _time("expectation_at", "when the expectation was asked"),
        _score("perceived", "how the contact was, on the scale of the expectation", 1, 10),
        _score("visit_satisfaction", "satisfaction with this contact, not with the company", 1, 10),
        _number("told_good_count", "told about a good contact; empty = not asked", unit="people", low=0),
        _number("told_bad_count", "told about a bad contact; empty = not asked", unit="people", low=0),
        _number("brands_used_count", "brands used of this kind, ours among them", unit="brands", low=1),
        _number("brand_rank", "place of ours among the brands used, 1 = first", unit="place", low=1),
        _number("spend_share", "share of the spending that goes to us", unit="0..1", low=0),
        _score("rating_*", "satisfaction with one touchpoint; empty = not experienced or blank", 1, 10),
        _column("comment", "text", "free text"),
        _LANGUAGE,
    ),
)
_COMPLAINTS = Contract(
    table=COMPLAINTS,
    meaning="one row per complaint",
    key="complaint_id",
    columns=(
        _key("complaint_id", "the complaint"),
        _who(),
        _column("event_id", "id", "the event complained about"),
        _time("opened_at", "when the complaint came in", required=True),
        _time("resolved_at", "when it was resolved; empty = not resolved"),
        _column("resolved", "flag", "resolved (1) or not (0), for data without dates; empty = not known"),
        _column("channel", "text", "how it came in"),
        _column("topic", "category", "what it is about"),
        _score("severity", "how bad, 0 = minor", 0, 4),
        _number("compensation_eur", "money given", unit="EUR", low=0),
        _score("satisfaction_after", "satisfaction with the company, asked some weeks later", 1, 10),
    ),
    in_order=(("opened_at", "resolved_at"),),
)
_CONTRACTS = Contract(
    table=CONTRACTS,
    meaning="one row per contract",
    key="contract_id",
    columns=(
        _key("contract_id", "the contract", required=False),
        _who(),
        _time("started_at", "when the contract began", required=True),
        _time("ended_at", "when it ended or will end; empty = running", past=False),
        _time("valid_from", "from when this row's terms held, if a contract has a row per version"),
        _time("valid_to", "until when they held; empty = until the contract ends", past=False),
        _number("value_per_year", "value of one year", unit="money", low=0),
        _column("plan", "category", "kind of contract"),
        _number("discount_share", "discount on the list price", unit="0..1", low=0),
    ),
    in_order=(("started_at", "ended_at"), ("valid_from", "valid_to")),
)
_LOCATIONS = Contract(
    table=LOCATIONS,
    meaning="one row per dealer or site (look-up)",
    key="location_id",
    columns=(
        _key("location_id", "the dealer or site"),
        _column("region", "category", "where it is"),
        _OWNER,
        _number("parking_spaces", "places to park", unit="places", low=0),
        _number("bays", "workshop bays", unit="bays", low=0),
    ),
)
CONTRACTS_BY_TABLE: Final[dict[str, Contract]] = {
    contract.table: contract
    for contract in (_CUSTOMERS, _EVENTS, _SURVEYS, _COMPLAINTS, _CONTRACTS, _LOCATIONS)
}


def contract_of(table: str) -> Contract:
    """The contract of one table; ParameterError for a name that is no table."""
    if table not in CONTRACTS_BY_TABLE:
        raise ParameterError(f"table={table!r} is not one of {', '.join(CONTRACTS_BY_TABLE)}.")
    return CONTRACTS_BY_TABLE[table]


def codebook(table: str) -> str:
    """The contract of one table as a Markdown table, the source of the codebook in ``data/README.md``.

    >>> print(codebook("locations").splitlines()[0])
    ### locations: one row per dealer or site (look-up)
    """
    contract = contract_of(table)
    lines = [f"### {contract.table}: {contract.meaning}", ""]
    lines += [
        "| column | type | unit or range | must be there | may be empty | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for column in contract.columns:
        span = (
            f"{column.low:g} to {column.high:g}"
            if column.low is not None and column.high is not None
            else ""
        )
        values = " or ".join(column.values)
        needed = (
            "key" if column.name == contract.key else "unless declared absent" if column.required else "no"
        )
        cells = [
            f"`{column.name}`",
            column.kind,
            column.unit or span or values,
            needed,
            "yes" if column.empty else "no",
            column.meaning,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    order = [f"`{earlier}` is never after `{later}`" for earlier, later in contract.in_order]
    return "\n".join([*lines, *(["", "; ".join(order) + "."] if order else [])])
