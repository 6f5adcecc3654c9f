"""Views of loaded tables for the quality report: answers by wave and dealer, match rates, use of scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import CUSTOMER_ID, CUSTOMERS, EVENTS, LOCATION_ID, OVERALL, RECOMMEND, SURVEYS
from cxlab.core.columns import rating_columns as items_of
from cxlab.core.errors import ParameterError
from cxlab.core.membership import is_in
from cxlab.core.publishing import crossed, minimum_in_force
from cxlab.core.suppression import hidden_of_nested
from cxlab.ingest.answer_rules import FLAG_MEANINGS, answer_flags
from cxlab.ingest.cross_rules import KEYS

Frames = Mapping[str, pd.DataFrame]
Scales = Mapping[str, tuple[float, float]]
Mask = NDArray[np.bool_]
#: Fewer answers than this print no share.
FEWEST_ANSWERS: Final = 10
#: Answers that a place in a ranking needs.
RANKED_FROM: Final = 30
OTHER_DEALERS: Final = f"dealers with fewer than {RANKED_FROM} answers"
PERIODS: Final = {"month": "M", "quarter": "Q", "year": "Y"}
_SHARES = ("customer_known_share", "ratings_empty_share", "comment_share", "flagged_share")
WAVE_COLUMNS: Final = ("wave", "answers", "dealers", *_SHARES, "verdict")
DEALER_COLUMNS: Final = (LOCATION_ID, "answers", "first", "last", "waves", *_SHARES, "verdict")
MATCH_COLUMNS: Final = ("table", "column", "looked_up_in", "rows", "without_key", "matched", "share")
SCALE_COLUMNS: Final = (
    "question", "answers", "empty", "not_experienced", "scale_low", "scale_high", "lowest", "highest",
    "points_used", "mean", "bottom_share", "top_share", "favourite", "favourite_share",
)  # fmt: skip
FLAG_COLUMNS: Final = ("flag", "answers", "share", "meaning")


def ratings_of(surveys: pd.DataFrame) -> list[str]:
    """The rating items that hold numbers."""
    return [
        name for name in items_of([str(c) for c in surveys]) if pd.api.types.is_numeric_dtype(surveys[name])
    ]


def questions_of(surveys: pd.DataFrame) -> list[str]:
    """Overall, recommendation and rating items, as far as they hold numbers."""
    first = [name for name in (OVERALL, RECOMMEND) if name in surveys.columns]
    return [n for n in first if pd.api.types.is_numeric_dtype(surveys[n])] + ratings_of(surveys)


def flags_of(surveys: pd.DataFrame) -> pd.DataFrame:
    """One boolean column per sign of a careless answer; see :func:`answer_flags`."""
    return answer_flags(surveys, ratings_of(surveys))


def _signs(frames: Frames) -> pd.DataFrame:
    """Per answer what the shares of a wave or dealer are made of; NaN where it cannot be known."""
    surveys = frames[SURVEYS]
    signs = pd.DataFrame(index=surveys.index)
    known = _customer_known(frames)
    signs["customer_known_share"] = np.nan if known is None else known.astype("float64")
    items = ratings_of(surveys)
    signs["ratings_empty_share"] = surveys[items].isna().mean(axis=1) if items else np.nan
    filled = surveys["comment"].notna().astype("float64") if "comment" in surveys else np.nan
    signs["comment_share"] = filled
    signs["flagged_share"] = flags_of(surveys).any(axis=1).astype("float64")
    return signs


def _customer_known(frames: Frames) -> Mask | None:
    """Whether each answer's customer is in the customers, or without such a table in the events."""
    surveys = frames[SURVEYS]
    for table in (CUSTOMERS, EVENTS):
        if CUSTOMER_ID in surveys and table in frames and CUSTOMER_ID in frames[table]:
            return is_in(surveys[CUSTOMER_ID], frames[table][CUSTOMER_ID])
    return None


def _verdicts(answers: pd.Series) -> list[str]:
    return ["too few" if count < FEWEST_ANSWERS else "" for count in answers]


def by_wave(frames: Frames, *, wave: str = "quarter") -> pd.DataFrame:
    """Answers per wave: a month, quarter or year of ``answered_at``, or the values of a survey column.

    Periods without an answer between two others are listed with 0 answers.
    """
    surveys = frames.get(SURVEYS, pd.DataFrame())
    waves = _waves(surveys, wave)
    if waves is None:
        return pd.DataFrame(columns=pd.Index(WAVE_COLUMNS))
    grouped = _signs(frames).groupby(waves)
    table = grouped.mean()
    table.insert(0, "answers", grouped.size())
    located = LOCATION_ID in surveys
    table.insert(1, "dealers", surveys[LOCATION_ID].groupby(waves).nunique() if located else np.nan)
    if wave in PERIODS and len(table):
        table = table.reindex(pd.period_range(table.index.min(), table.index.max(), freq=PERIODS[wave]))
        whole = ["answers", "dealers"] if located else ["answers"]
        table[whole] = table[whole].fillna(0).astype("int64")
    table.insert(0, "wave", [str(name) for name in table.index])
    return _hidden(table.reset_index(drop=True), WAVE_COLUMNS)


def by_dealer(frames: Frames, *, wave: str = "quarter") -> pd.DataFrame:
    """Answers per dealer, most first: first and last day, waves with an answer, shares."""
    surveys = frames.get(SURVEYS, pd.DataFrame())
    waves = _waves(surveys, wave)
    if LOCATION_ID not in surveys:
        return pd.DataFrame(columns=pd.Index(DEALER_COLUMNS))
    places = surveys[LOCATION_ID]
    grouped = _signs(frames).groupby(places)
    table = grouped.mean()
    when = surveys["answered_at"].groupby(places) if _has_time(surveys) else None
    table.insert(0, "answers", grouped.size())
    table["first"] = when.min().dt.normalize() if when is not None else pd.Series(pd.NaT, table.index)
    table["last"] = when.max().dt.normalize() if when is not None else pd.Series(pd.NaT, table.index)
    table["waves"] = np.nan if waves is None else waves.groupby(places).nunique()
    table = table.rename_axis(LOCATION_ID).reset_index()
    table = table.sort_values(["answers", LOCATION_ID], ascending=[False, True], ignore_index=True)
    return _hidden(table, DEALER_COLUMNS)


def by_wave_and_dealer(frames: Frames, *, wave: str = "quarter") -> pd.DataFrame:
    """Answers of every dealer in every wave with totals; ``<NA>`` where a count may not be shown.

    Dealers with too few answers for a rank share a row: nearly all their counts would be hidden.
    """
    surveys = frames.get(SURVEYS, pd.DataFrame())
    waves = _waves(surveys, wave)
    if LOCATION_ID not in surveys or waves is None:
        return pd.DataFrame(columns=pd.Index([LOCATION_ID]))
    places = surveys[LOCATION_ID]
    answers = places.map(places.value_counts())
    counts = pd.crosstab(places.mask(answers < RANKED_FROM, OTHER_DEALERS), waves)
    if wave in PERIODS and len(counts.columns):
        whole = pd.period_range(counts.columns.min(), counts.columns.max(), freq=PERIODS[wave])
        counts = counts.reindex(columns=whole, fill_value=0)
    return crossed(counts).rename_axis(LOCATION_ID).reset_index()


def _waves(surveys: pd.DataFrame, wave: str) -> pd.Series | None:
    """The wave of each answer; None where the answers have no time."""
    if wave in PERIODS:
        return surveys["answered_at"].dt.to_period(PERIODS[wave]) if _has_time(surveys) else None
    if wave in surveys.columns:
        return surveys[wave]
    raise ParameterError(
        f"wave={wave!r} is neither one of {', '.join(PERIODS)} nor a column of the surveys. Next step: "
        f"take one of these, or declare  carry = [...]  for the column that names the wave."
    )


def _hidden(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The table with its verdict, and no share of fewer than ten answers."""
    few = table["answers"] < FEWEST_ANSWERS
    for name in _SHARES:
        table[name] = table[name].astype("float64").mask(few)
    return table.assign(verdict=_verdicts(table["answers"]))[list(columns)]


def _has_time(surveys: pd.DataFrame) -> bool:
    return (
        "answered_at" in surveys
        and pd.api.types.is_datetime64_dtype(surveys["answered_at"].dtype)
        and bool(surveys["answered_at"].notna().any())
    )


def match_rates(frames: Frames) -> pd.DataFrame:
    """How many rows of a table find their key in the table it points to, both ways round for answers."""
    ways = [*KEYS, (SURVEYS, CUSTOMER_ID, EVENTS), (EVENTS, CUSTOMER_ID, SURVEYS)]
    rows = []
    for name, column, target in dict.fromkeys(ways):
        if not all(table in frames and column in frames[table] for table in (name, target)):
            continue
        keys = frames[name][column]
        given = keys.dropna()
        matched = int(is_in(given, frames[target][column]).sum())
        share = matched / len(keys) if len(keys) else np.nan
        rows.append((name, column, target, len(keys), len(keys) - len(given), matched, share))
    return pd.DataFrame(rows, columns=pd.Index(MATCH_COLUMNS))


def scale_use(frames: Frames, scales: Scales, reasons: pd.DataFrame | None = None) -> pd.DataFrame:
    """How each question uses its scale: points used, both ends, the favourite answer and its share."""
    surveys = frames.get(SURVEYS, pd.DataFrame())
    known = reasons["column"] if reasons is not None else pd.Series(dtype="str")
    rows = []
    for name in questions_of(surveys):
        values = surveys[name].dropna()
        low, high = scales.get(name, (np.nan, np.nan))
        counts = values.value_counts().sort_index()
        n = len(values)
        favourite = float(str(counts.idxmax())) if n else np.nan
        rows.append(
            (
                name, n, int(surveys[name].isna().sum()), int((known == name).sum()), low, high,
                float(values.min()) if n else np.nan, float(values.max()) if n else np.nan, len(counts),
                float(values.mean()) if n else np.nan, float((values == low).mean()) if n else np.nan,
                float((values == high).mean()) if n else np.nan, favourite,
                float(counts.max()) / n if n else np.nan,
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=pd.Index(SCALE_COLUMNS))


def answer_shares(frames: Frames, scales: Scales, *, most_points: int = 21) -> pd.DataFrame:
    """Question, answer, its place on the scale (0..1) and its percentage; whole answers only."""
    surveys = frames.get(SURVEYS, pd.DataFrame())
    parts = []
    for name in questions_of(surveys):
        values = surveys[name].dropna()
        if name not in scales or values.empty or values.nunique() > most_points:
            continue
        low, high = scales[name]
        share = values.value_counts(normalize=True).sort_index()
        place = (share.index.to_numpy(dtype="float64") - low) / (high - low)
        part = {
            "term": name,
            "place": place.clip(0, 1),
            "answer": share.index,
            "percent": 100.0 * share.to_numpy(dtype=np.float64),
        }
        parts.append(pd.DataFrame(part).reset_index(drop=True))
    columns = ["term", "place", "answer", "percent"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=pd.Index(columns))


def flag_counts(frames: Frames) -> pd.DataFrame:
    """How many answers carry each sign of a careless answer, and any of them; none is removed.

    Signs overlap: a count is ``<NA>`` where it is small, or differs by few from one that holds it.
    """
    surveys = frames.get(SURVEYS, pd.DataFrame())
    flags = flags_of(surveys) if len(surveys) else pd.DataFrame(columns=pd.Index(list(FLAG_MEANINGS)))
    signs = {name: flags[name].to_numpy(dtype=bool) for name in FLAG_MEANINGS}
    signs["any"] = flags.any(axis=1).to_numpy(dtype=bool)
    members = np.array([*signs.values()])
    hidden = hidden_of_nested(members, minimum=minimum_in_force())
    counts = pd.Series(members.sum(axis=1), dtype="Int64").mask(hidden)
    table = pd.DataFrame({"flag": [*signs], "answers": counts, "share": counts / max(len(surveys), 1)})
    return table.assign(meaning=[*FLAG_MEANINGS.values(), "one sign or more"])[list(FLAG_COLUMNS)]
