"""What was known about a customer before a cut-off, as SQL: contract, usage, experience, survey."""

from __future__ import annotations

from dataclasses import dataclass

from pandas.api.types import is_numeric_dtype, is_string_dtype

from cxlab.core.columns import (
    COMPLAINTS,
    CONTRACTS,
    CUSTOMER_ID,
    OVERALL,
    RECOMMEND,
    SURVEYS,
    rating_columns,
)
from cxlab.engine.duck import quote_identifier
from cxlab.ingest.tables import Tables
from cxlab.linking.features import Feature
from cxlab.linking.keys import empty
from cxlab.linking.sources import (
    column_or_null,
    complaint_source,
    visible_moment,
)

SEEN = "visible_at < {cut}"
#: Columns of contracts that have a feature of their own, or say when.
_CONTRACT_COLUMNS = (
    "value_per_year",
    "plan",
    "started_at",
    "ended_at",
    "valid_from",
    "valid_to",
    "known_at",
)


@dataclass(frozen=True, kw_only=True)
class FeatureSource:
    """Features that one scan of ``source`` (SQL with customer_id and visible_at) computes."""

    source: str
    features: tuple[Feature, ...]


def feature_sources(tables: Tables, *, full: bool = False) -> list[FeatureSource]:
    """The scans that these data allow; a block without its columns is absent, never filled.

    ``full`` adds the expectation gap. What events say is measured in ``event_features``.
    """
    found = [
        _contract_source(tables),
        _complaint_features(tables),
        _survey_features(tables),
        _expectation_gap(tables) if full else None,
    ]
    return [source for source in found if source is not None]


def _count(name: str, block: str, condition: str, meaning: str) -> Feature:
    sql = f"count(*) FILTER (WHERE {condition})"
    return Feature(name=name, block=block, sql=sql, meaning=meaning, empty=0)


def _complaint_features(tables: Tables) -> FeatureSource | None:
    if not tables.has(COMPLAINTS, CUSTOMER_ID, "opened_at"):
        return None
    year = f"{SEEN} AND visible_at >= {{cut}} - INTERVAL 365 DAY"
    features = [_count("experience_complaints_365d", "experience", year, "complaints in the last 365 days")]
    if tables.has(COMPLAINTS, "resolved_at"):
        unsolved = f"{SEEN} AND (resolved_at IS NULL OR resolved_at >= {{cut}})"
        features += [
            _count("experience_open_complaints", "experience", unsolved, "complaints open at the cut-off"),
            Feature(
                name="experience_oldest_open_complaint_days",
                block="experience",
                sql=f"cx_age(min(visible_at) FILTER (WHERE {unsolved}), {{cut}})",
                meaning="age of the oldest open complaint; missing without any",
            ),
        ]
    return FeatureSource(source=complaint_source(tables), features=tuple(features))


def _contract_source(tables: Tables) -> FeatureSource | None:
    if not tables.has(CONTRACTS, CUSTOMER_ID, "started_at"):
        return None
    running = f"{SEEN} AND (ended_at IS NULL OR ended_at >= {{cut}})"
    features = [
        _count("contract_running", "contract", running, "contracts running at the cut-off"),
        Feature(
            name="contract_age_days",
            block="contract",
            sql=f"cx_age(max(begun_at) FILTER (WHERE {SEEN}), {{cut}})",
            meaning="days since the latest contract began",
        ),
    ]
    if tables.has(CONTRACTS, "value_per_year"):
        features.append(
            Feature(
                name="contract_value_per_year",
                block="contract",
                sql=f"sum(value_per_year) FILTER (WHERE {running})",
                meaning="value per year of the running contracts; missing without any",
            )
        )
    if tables.has(CONTRACTS, "plan"):
        features.append(
            Feature(
                name="contract_plan",
                block="contract",
                sql=f"max_by(plan, visible_at) FILTER (WHERE {SEEN} AND plan_place = 1)",
                meaning="plan of the latest contract (the first by name of two begun at one moment)",
            )
        )
    for place, name in enumerate(_versioned(tables)):
        features.append(
            Feature(
                name=f"contract_{name}",
                block="contract",
                sql=f"max_by(term_{place}, visible_at) FILTER (WHERE {running} AND plan_place = 1)",
                meaning=f"{name} of the contract version valid at the cut-off",
            )
        )
    return FeatureSource(source=_contract_rows(tables), features=tuple(features))


def _versioned(tables: Tables) -> list[str]:
    """Columns of contracts that are taken as of the cut-off: those whose rows say from when they held.

    Without ``valid_from`` a further column says how things are today, and is left out.
    """
    if not tables.has(CONTRACTS, "valid_from"):
        return []
    frame = tables.frames[CONTRACTS]
    return [
        str(name)
        for name in frame.columns
        if name not in _CONTRACT_COLUMNS
        and not str(name).endswith(("_id", "_at"))
        and (is_numeric_dtype(frame[name]) or is_string_dtype(frame[name]))
    ]


def _contract_rows(tables: Tables) -> str:
    """SQL: contracts, or versions of them: seen once begun, known and valid; over when the terms are."""
    begun = visible_moment(tables, CONTRACTS, "started_at")
    valid_from, valid_to = (
        f"CAST({name} AS TIMESTAMP)" if tables.has(CONTRACTS, name) else "CAST(NULL AS TIMESTAMP)"
        for name in ("valid_from", "valid_to")
    )
    ended = (
        "CAST(ended_at AS TIMESTAMP)" if tables.has(CONTRACTS, "ended_at") else "CAST(NULL AS TIMESTAMP)"
    )
    columns = [
        column_or_null(tables, CONTRACTS, CUSTOMER_ID, sql_type="VARCHAR"),
        f"{begun} AS begun_at",
        f"greatest({begun}, coalesce({valid_from}, {begun})) AS visible_at",
        f"least(coalesce({ended}, {valid_to}), coalesce({valid_to}, {ended})) AS ended_at",
        column_or_null(tables, CONTRACTS, "plan", sql_type="VARCHAR"),
    ]
    frame = tables.frames[CONTRACTS]
    for place, name in enumerate(_versioned(tables)):
        column = quote_identifier(name)
        text = f"CAST({column} AS VARCHAR)"
        columns.append(
            f"{f'cx_number({column})' if is_numeric_dtype(frame[name]) else text} AS term_{place}"
        )
    value = "cx_number(value_per_year)" if tables.has(CONTRACTS, "value_per_year") else "NULL"
    return (
        f"SELECT contract.*, row_number() OVER (PARTITION BY {CUSTOMER_ID}, visible_at ORDER BY plan) "
        f"AS plan_place FROM (SELECT {', '.join(columns)}, {value} AS value_per_year FROM {CONTRACTS} "
        f"WHERE NOT {empty(CUSTOMER_ID)} AND started_at IS NOT NULL) AS contract"
    )


def _survey_features(tables: Tables) -> FeatureSource | None:
    if not tables.has(SURVEYS, CUSTOMER_ID, "answered_at"):
        return None
    features = [
        Feature(
            name="survey_answers",
            block="survey",
            sql=f"CAST(coalesce(sum(answers) FILTER (WHERE {SEEN}), 0) AS BIGINT)",
            meaning="survey answers before the cut-off",
            empty=0,
        ),
        Feature(
            name="survey_no_answer_yet",
            block="survey",
            sql=f"CASE WHEN count(*) FILTER (WHERE {SEEN}) = 0 THEN 1 ELSE 0 END",
            meaning="1 = the customer has never answered; the other survey columns are then missing",
            empty=1,
        ),
        Feature(
            name="survey_days_since_last_answer",
            block="survey",
            sql=f"cx_age(max(visible_at) FILTER (WHERE {SEEN}), {{cut}})",
            meaning="days since the last answer",
        ),
    ]
    ratings = rating_columns(list(tables.frames[SURVEYS].columns))
    kinds = {
        "overall": ([OVERALL] if tables.has(SURVEYS, OVERALL) else [], ("last", "mean")),
        "rating": (ratings, ("mean",)),
        "recommend": ([RECOMMEND] if tables.has(SURVEYS, RECOMMEND) else [], ("last",)),
    }
    sums = []
    for kind, (columns, words) in kinds.items():
        if not columns:
            continue
        numbers = [f"cx_number({quote_identifier(column)})" for column in columns]
        sums.append(f"sum({' + '.join(f'coalesce({number}, 0)' for number in numbers)}) AS {kind}_sum")
        sums.append(f"{' + '.join(f'count({number})' for number in numbers)} AS {kind}_n")
        features += [_answer_feature(kind, word) for word in words]
    moment = visible_moment(tables, SURVEYS, "answered_at")
    source = (
        f"SELECT {', '.join([CUSTOMER_ID, f'{moment} AS visible_at', 'count(*) AS answers', *sums])} "
        f"FROM {SURVEYS} WHERE NOT {empty(CUSTOMER_ID)} AND answered_at IS NOT NULL "
        f"GROUP BY {CUSTOMER_ID}, {moment}"
    )
    return FeatureSource(source=source, features=tuple(features))


def _answer_feature(kind: str, word: str) -> Feature:
    """Last or mean value of one kind of answer; answers of one second are one (their mean)."""
    given = f"FILTER (WHERE {SEEN} AND {kind}_n > 0)"
    names = {
        "overall": "overall satisfaction",
        "rating": "all ratings",
        "recommend": "likelihood to recommend",
    }
    if word == "last":
        sql = f"max_by({kind}_sum / {kind}_n, visible_at) {given}"
    else:
        sql = f"sum({kind}_sum) {given} / nullif(sum({kind}_n) {given}, 0)"
    return Feature(
        name=f"survey_{word}_{kind}",
        block="survey",
        sql=sql,
        meaning=f"{word} value of {names[kind]} before the cut-off",
    )


def _expectation_gap(tables: Tables) -> FeatureSource | None:
    """The last expectation minus the overall answer given with it."""
    if not tables.has(SURVEYS, CUSTOMER_ID, "answered_at", OVERALL, "expectation"):
        return None
    moment = visible_moment(tables, SURVEYS, "answered_at")
    source = (
        f"SELECT {CUSTOMER_ID}, {moment} AS visible_at, avg(cx_number(expectation) - cx_number({OVERALL})) "
        f"AS gap FROM {SURVEYS} WHERE NOT {empty(CUSTOMER_ID)} AND answered_at IS NOT NULL "
        f"GROUP BY {CUSTOMER_ID}, {moment}"
    )
    feature = Feature(
        name="survey_expectation_gap",
        block="survey",
        sql=f"max_by(gap, visible_at) FILTER (WHERE {SEEN} AND gap IS NOT NULL)",
        meaning="last expectation minus the overall answer given with it; above 0: disappointed",
    )
    return FeatureSource(source=source, features=(feature,))
