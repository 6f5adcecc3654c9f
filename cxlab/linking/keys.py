"""Following keys between tables: sources with a visible moment, match rates, losses with reasons."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from cxlab.core.columns import CUSTOMER_ID, CUSTOMERS, EVENTS
from cxlab.core.errors import LinkError, NotAnswerableError, ParameterError
from cxlab.core.provenance import Provenance
from cxlab.core.result import Check
from cxlab.core.settings import require_at_least
from cxlab.engine.duck import quote_identifier
from cxlab.ingest.tables import Tables
from cxlab.linking.linked import LOSS_COLUMNS, MATCH_COLUMNS

#: A customer with more events than this is an account (a fleet, a dummy id), not a person.
ACCOUNT_EVENTS = 10_000
NO_CUSTOMER = f"no {CUSTOMER_ID}"
#: (SQL condition, reason): the first condition that holds names the reason.
Rules = Sequence[tuple[str, str]]


def empty(column: str) -> str:
    """SQL: the key in ``column`` is missing or blank.

    >>> empty("customer_id")
    "(customer_id IS NULL OR CAST(customer_id AS VARCHAR) = '')"
    """
    return f"({column} IS NULL OR CAST({column} AS VARCHAR) = '')"


def require_columns(tables: Tables, table: str, columns: Sequence[str], *, question: str) -> None:
    """Raise NotAnswerableError unless ``table`` is there with rows and with all ``columns``."""
    if not tables.has(table):
        raise NotAnswerableError(
            question, reason=f"There is no table {table}.", next_step=f"map [{table}] in cxlab.toml."
        )
    if tables.frames[table].empty:
        raise NotAnswerableError(
            question, reason=f"The table {table} has no rows.", next_step=f"fill the file of [{table}]."
        )
    missing = [column for column in columns if not tables.has(table, column)]
    if missing:
        raise NotAnswerableError(
            question,
            reason=f"The {table} have no column {', '.join(missing)}.",
            next_step=f"map {', '.join(missing)} of [{table}] in cxlab.toml.",
        )


def require_whole_days(owner: str, name: str, value: int, *, least: int) -> None:
    """Raise ParameterError unless ``value`` is a whole number of days not below ``least``."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ParameterError(
            f"{owner}: {name} must be a whole number of days, got {value!r}. Next step: write {name}=90."
        )
    require_at_least(owner, name, value, least)


def loss_counts(tables: Tables, table: str, rules: Rules) -> dict[str, int]:
    """Rows of ``table`` per reason; each row counts under the first rule that holds, or under none."""
    cases = " ".join(f"WHEN {condition} THEN {place}" for place, (condition, _) in enumerate(rules))
    counted = tables.engine.frame(
        f"WITH judged AS (SELECT CASE {cases} END AS place FROM {quote_identifier(table)}) "
        "SELECT place, count(*) AS n FROM judged WHERE place IS NOT NULL GROUP BY place ORDER BY place"
    )
    return {rules[int(place)][1]: int(n) for place, n in zip(counted["place"], counted["n"], strict=True)}


def event_rules(tables: Tables) -> list[tuple[str, str]]:
    """Why an event can be given to no customer or to no moment."""
    rules = [(empty(CUSTOMER_ID), NO_CUSTOMER), ("occurred_at IS NULL", "no occurred_at")]
    if tables.has(EVENTS, "known_at"):
        rules.append(("known_at IS NULL", "no known_at: nobody can say when it could be seen"))
    return rules


def match(tables: Tables, table: str, key: str, *, target: str, target_key: str = "") -> dict[str, object]:
    """Rows of ``table`` with a value in ``key``, and how many of these values exist in ``target``."""
    source, target_key = quote_identifier(table), quote_identifier(target_key or key)
    column = quote_identifier(key)
    counted = tables.engine.frame(
        f"WITH known AS (SELECT {target_key} AS id, 1 AS found FROM {quote_identifier(target)} "
        f"WHERE NOT {empty(target_key)} GROUP BY {target_key}) "
        f"SELECT count(*) AS n, count(known.found) AS matched FROM {source} AS source "
        f"LEFT JOIN known ON source.{column} = known.id WHERE NOT {empty('source.' + column)}"
    )
    rows, matched = int(counted["n"].iloc[0]), int(counted["matched"].iloc[0])
    return match_row(table, f"{key} in {target}", rows=rows, matched=matched)


def match_row(table: str, key: str, *, rows: int, matched: int) -> dict[str, object]:
    """One row of the match table; the share is missing where there are no rows."""
    share = matched / rows if rows else float("nan")
    return dict(zip(MATCH_COLUMNS, (table, key, rows, matched, share), strict=True))


def customer_matches(tables: Tables, names: Sequence[str]) -> list[dict[str, object]]:
    """Match rates of customer_id in the customers table, for each of ``names`` that these data hold."""
    if not tables.has(CUSTOMERS, CUSTOMER_ID):
        return []
    held = [name for name in names if tables.has(name, CUSTOMER_ID)]
    return [match(tables, name, CUSTOMER_ID, target=CUSTOMERS) for name in held]


def refuse_no_match(rate: Mapping[str, object], tables: Tables, *, target: str) -> None:
    """Raise LinkError where not one key of a table exists in ``target``: these are not the same keys.

    The message shows the form of an id (digits as 9, letters as A), never an id.
    """
    if rate["rows"] and not rate["matched"]:
        name = str(rate["table"])
        forms = [
            f"{table} {id_form(tables.frames[table][CUSTOMER_ID].dropna())}" for table in (name, target)
        ]
        raise LinkError(
            f"{tables.title}: none of {rate['rows']:,} {name} has a {CUSTOMER_ID} that is in {target}. "
            f"The ids look like this: {', '.join(forms)}. Next step: map the same key in both tables in "
            f"cxlab.toml (leading zeros, prefixes and upper case must agree)."
        )


def id_form(ids: pd.Series) -> str:
    """The commonest form of ids, digits as 9 and letters as A, so that no id is printed.

    >>> id_form(pd.Series(["C-001", "C-002", "77"]))
    'A-999'
    """
    if ids.empty:
        return "(empty)"
    head = ids.head(1000).astype(str)
    forms = head.map(lambda text: re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "9", text)))
    return str(forms.mode().iloc[0])


def losses_frame(by_table: Mapping[str, Mapping[str, int]]) -> pd.DataFrame:
    """Reasons of all tables as one table: table, reason, rows."""
    rows = [(table, reason, n) for table, reasons in by_table.items() for reason, n in reasons.items()]
    return pd.DataFrame(rows, columns=pd.Index(LOSS_COLUMNS))


def set_aside_words(provenance: Provenance) -> str:
    """A sentence on the rows set aside."""
    if not provenance.n_set_aside:
        return "No row was set aside."
    parts = [f"{n:,} ({reason})" for reason, n in provenance.n_set_aside.items()]
    return f"Set aside: {', '.join(parts)}."


def visibility_check(tables: Tables) -> Check:
    """Whether events say when they could be seen, not only when they happened."""
    told = tables.has(EVENTS, "known_at") and bool(
        tables.engine.scalar(f"SELECT count(*) FROM {EVENTS} WHERE known_at <> occurred_at")
    )
    return Check(
        check="events say when they were known",
        value="known_at" if told else "occurred_at only",
        threshold="known_at",
        passed=told,
        meaning="unless records appear at once: one typed in later counts too early, which is a leak",
    )


def account_check(accounts: int) -> Check:
    """Whether any customer has more than ACCOUNT_EVENTS events and so cannot be one person."""
    return Check(
        check="customers are persons",
        value=accounts,
        threshold="0",
        passed=not accounts,
        meaning=f"customers with more than {ACCOUNT_EVENTS:,} events: a fleet or a dummy id, not a person",
    )
