"""The time machine: does a feature change when all that was known from the cut-off on is forgotten?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

from cxlab.core.columns import COMPLAINTS, CONTRACTS, CUSTOMER_ID, CUSTOMERS, EVENTS, SURVEYS
from cxlab.core.errors import LinkError, ParameterError

#: Columns of which the latest says from when on a record could be seen.
KNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    CUSTOMERS: ("joined_at",),
    EVENTS: ("occurred_at", "known_at"),
    SURVEYS: ("answered_at", "known_at"),
    COMPLAINTS: ("opened_at", "known_at"),
    CONTRACTS: ("started_at", "valid_from", "known_at"),
}
#: Columns of a visible record that are written later: what they hold from the cut-off on is not yet known.
WRITTEN_LATER: Final[Mapping[str, tuple[str, ...]]] = {
    CUSTOMERS: ("left_at",),
    COMPLAINTS: ("resolved_at",),
    CONTRACTS: ("ended_at", "valid_to"),
}
Build = Callable[[dict[str, pd.DataFrame], pd.Timestamp], pd.DataFrame]
_SHOWN: Final = 3


def assert_no_future(
    build: Build,
    frames: Mapping[str, pd.DataFrame],
    *,
    cut: str | pd.Timestamp,
    key: str = CUSTOMER_ID,
    known: Mapping[str, str] | None = None,
    relative_tolerance: float = 1e-9,
    seed: int = 0,
) -> None:
    """Raise LinkError if a feature at ``cut`` depends on anything that was not known before ``cut``.

    The features are built from all records, from those known before the cut-off, and with the later ones
    replaced by noise: what a decision at the cut-off could have used is equal in all three.

    Parameters
    ----------
    build, frames, cut
        ``build(frames, cut)`` returns one row per ``key`` with the features at ``cut`` (naive UTC).
    known
        Table -> the column from which on a record is visible; for other tables than the five of the house.
    relative_tolerance, seed
        Numbers that differ by less are equal; the seed of the noise.

    Raises
    ------
    LinkError, ParameterError
        Naming the columns that changed; if nothing lies on one side of the cut-off or cannot be dated.

    Notes
    -----
    Passing proves nothing about moments that are recorded wrongly: a complaint typed in on Friday with
    Monday's date and no known_at looks as if it had been known on Monday. Try several cut-offs.

    Examples
    --------
    >>> events = pd.DataFrame({"customer_id": ["A", "A", "B"], "spent": [5.0, 7.0, 2.0],
    ...     "occurred_at": pd.to_datetime(["2025-01-01", "2025-03-01", "2025-01-15"])})
    >>> def honest(frames, cut):
    ...     past = frames["events"][frames["events"]["occurred_at"] < cut]
    ...     return past.groupby("customer_id", as_index=False)["spent"].sum()
    >>> def life_to_date(frames, cut):
    ...     return frames["events"].groupby("customer_id", as_index=False)["spent"].sum()
    >>> assert_no_future(honest, {"events": events}, cut="2025-02-01")
    >>> assert_no_future(life_to_date, {"events": events}, cut="2025-02-01")
    Traceback (most recent call last):
    ...
    cxlab.core.errors.LinkError: assert_no_future: at 2025-02-01 spent changes in 1 of 2 rows ...
    """
    moment = pd.Timestamp(cut)
    seen = {name: _visible(name, frame, known or {}) for name, frame in frames.items()}
    _require_both_sides(seen, moment)
    copies = {name: frame.copy() for name, frame in frames.items()}
    today = _built(build, copies, moment, key)
    for how, changed in (
        ("records known from then on are deleted", _forget(frames, seen, moment)),
        ("records known from then on are replaced by noise", _scramble(frames, seen, moment, seed)),
    ):
        _compare(today, _built(build, changed, moment, key), moment, how, relative_tolerance)


def _visible(name: str, frame: pd.DataFrame, known: Mapping[str, str]) -> pd.Series:
    """The moment from which each record could be seen; never for one without a date."""
    columns = (known[name],) if name in known else KNOWN.get(name, ())
    held = [column for column in columns if column in frame and is_datetime64_any_dtype(frame[column])]
    if not held:
        if not columns and name not in known:
            # A look-up table (dealers, plans) has no time: it is taken as fixed.
            return pd.Series(pd.Timestamp.min, index=frame.index)
        raise ParameterError(
            f"assert_no_future: table {name} has no date column {', '.join(columns)}. Next step: name the "
            f"column with known={{'{name}': ...}} and make it a date (pandas.to_datetime)."
        )
    return frame[held].max(axis=1, skipna=False)


def _require_both_sides(seen: Mapping[str, pd.Series], cut: pd.Timestamp) -> None:
    dated = [when for when in seen.values() if (when != pd.Timestamp.min).any()]
    if not any((when < cut).any() for when in dated) or not any((when >= cut).any() for when in dated):
        raise ParameterError(
            f"assert_no_future: no dated record lies {'before' if dated else 'on either side of'} or after "
            f"{cut:%Y-%m-%d}, so nothing would be tested. Next step: choose a cut-off inside the records."
        )


def _forget(
    frames: Mapping[str, pd.DataFrame], seen: Mapping[str, pd.Series], cut: pd.Timestamp
) -> dict[str, pd.DataFrame]:
    past = {name: frame[seen[name] < cut].copy() for name, frame in frames.items()}
    for name, frame in past.items():
        for column in WRITTEN_LATER.get(name, ()):
            if column in frame:
                frame[column] = frame[column].mask(frame[column] >= cut)
    return past


def _scramble(
    frames: Mapping[str, pd.DataFrame], seen: Mapping[str, pd.Series], cut: pd.Timestamp, seed: int
) -> dict[str, pd.DataFrame]:
    """The same past; later records get other customers, wild numbers and other texts of their column."""
    rng = np.random.default_rng(seed)
    noisy = {name: frame.copy() for name, frame in frames.items()}
    for name, frame in noisy.items():
        late = (~(seen[name] < cut)).to_numpy()
        for column in frame.columns:
            values = frame[column]
            if is_datetime64_any_dtype(values):
                continue
            shuffled = values[late].array[rng.permutation(int(late.sum()))]
            wild = is_numeric_dtype(values) and str(values.dtype)[:3] not in ("boo", "Int")
            frame.loc[late, column] = shuffled * 3 + 1 if wild and column != CUSTOMER_ID else shuffled
        for column in WRITTEN_LATER.get(name, ()):
            if column in frame:
                later = (frame[column] >= cut).to_numpy()
                days = pd.to_timedelta(rng.integers(1, 400, int(later.sum())), unit="D")
                frame.loc[later, column] = frame.loc[later, column] + days
    return noisy


def _built(build: Build, frames: dict[str, pd.DataFrame], cut: pd.Timestamp, key: str) -> pd.DataFrame:
    table = build(frames, cut)
    if not isinstance(table, pd.DataFrame) or key not in table.columns:
        raise ParameterError(
            f"assert_no_future: build must return a table with the column {key}. "
            f"Next step: return one row per {key}, or name the column with key=."
        )
    if table[key].duplicated().any():
        raise ParameterError(
            f"assert_no_future: build returned a {key} twice. Next step: one row per {key}."
        )
    return table.set_index(key)


def _compare(
    today: pd.DataFrame, other: pd.DataFrame, cut: pd.Timestamp, how: str, tolerance: float
) -> None:
    # Who is at risk may depend on who left later; only rows in both can be compared.
    rows = today.index.intersection(other.index)
    found = []
    for column in today.columns:
        if column not in other:
            found.append(f"{column} disappears")
            continue
        one, two = today.loc[rows, column], other.loc[rows, column]
        different = _different(one, two, tolerance)
        if different.any():
            place = int(np.flatnonzero(different)[0])
            found.append(
                f"{column} changes in {int(different.sum()):,} of {len(rows):,} rows "
                f"(for example from {one.iloc[place]!s} to {two.iloc[place]!s})"
            )
    if found:
        more = f" and {len(found) - _SHOWN} columns more" if len(found) > _SHOWN else ""
        raise LinkError(
            f"assert_no_future: at {cut:%Y-%m-%d} {'; '.join(found[:_SHOWN])}{more} when {how}: the "
            f"feature reads the future. Next step: use only records known strictly before the cut-off."
        )


def _different(one: pd.Series, two: pd.Series, tolerance: float) -> np.ndarray:
    empty, gone = one.isna().to_numpy(), two.isna().to_numpy()
    if is_numeric_dtype(one) and is_numeric_dtype(two):
        a, b = one.to_numpy(float, na_value=np.nan), two.to_numpy(float, na_value=np.nan)
        unequal = ~np.isclose(a, b, rtol=tolerance, atol=1e-12, equal_nan=True)
    else:
        unequal = (one.astype(str).to_numpy() != two.astype(str).to_numpy()) & ~(empty & gone)
    return np.asarray(unequal | (empty != gone))
