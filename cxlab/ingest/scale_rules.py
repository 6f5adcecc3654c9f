"""Rules on scales: mapped and turned on request; other lengths, directions and changes are found."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import EVENTS, OVERALL, RATING_PREFIX, RECOMMEND, SURVEYS
from cxlab.ingest.state import TableState, by_pattern

#: Answers needed before the highest one says anything about the scale.
SCALE_ANSWERS = 50
#: How many standard errors below -0.1 a correlation must lie before a rating counts as turned round.
DIRECTION_ERRORS = 4.0
#: A run of low answers this improbable under the rest of the column is a change of scale.
CHANGE_PROBABILITY = 1e-9
#: Metrics whose level moves by this factor have changed their unit (60 = minutes to seconds).
UNIT_FACTOR = 20.0
_SAMPLE_ROWS = 20_000
_SHORT_SCALES = (5.0, 7.0)
_CLOCK = {EVENTS: "occurred_at", SURVEYS: "answered_at"}
Floats = NDArray[np.float64]


def rated(state: TableState) -> list[str]:
    """The survey columns that hold ratings, in their order."""
    names = [str(name) for name in state.frame.columns]
    known = {OVERALL, RECOMMEND}
    return [
        name
        for name in names
        if (name in known or name.startswith(RATING_PREFIX)) and state.kinds[name] in ("score", "number")
    ]


def scale_of(state: TableState, name: str) -> tuple[float, float] | None:
    """The scale of a column in the house: declared, else the contract's; None if it has none."""
    key = by_pattern(state.config.scale, name)
    if key:
        return state.config.scale[key]
    column = state.column(name)
    if column is None or column.low is None or column.high is None:
        return None
    return column.low, column.high


def map_scales(state: TableState) -> None:
    """Answers on a declared other scale, mapped linearly on that of the house; turned where declared.

    ``target = low + (answer - file_low) * (high - low) / (file_high - file_low)``. The order of answers
    and every rank statistic stay; means of mapped items may be compared, shares of top answers may not.
    """
    for name in [str(column) for column in state.frame.columns]:
        key = by_pattern(state.config.map_scale, name)
        target = scale_of(state, name)
        values = state.frame[name]
        if key and target and state.kinds[name] in ("score", "number"):
            low, high = state.config.map_scale[key]
            outside = ((values < low) | (values > high)).to_numpy(dtype=bool)
            if outside.any():
                _say_outside(state, name, outside, (low, high))
                continue
            share = (values - low) / (high - low)
            state.frame[name] = target[0] + share * (target[1] - target[0])
            state.kinds[name] = "number"
            span = f"{low:g} to {high:g} read as {target[0]:g} to {target[1]:g}"
            state.say(
                "note", "scale mapped", f"{span}, as declared.", column=name, rows=int(values.notna().sum())
            )
        turned = by_pattern(state.config.reverse, name)
        if turned and state.config.reverse[turned] and target:
            state.frame[name] = target[0] + target[1] - state.frame[name]
            state.say(
                "note", "scale turned", "1 = best in the file; turned round, as declared.", column=name
            )


def _say_outside(
    state: TableState, name: str, outside: NDArray[np.bool_], scale: tuple[float, float]
) -> None:
    records = list(state.frame.index[outside])
    state.say(
        "error",
        f"range {scale[0]:g}-{scale[1]:g}",
        "outside the scale that  map_scale  declares.",
        column=name,
        rows=len(records),
        examples=state.examples(records, list(state.frame[name].to_numpy()[outside])),
        next_step=f"Declare  missing_codes  for {name}, or its right  map_scale.",
    )


def _declared(state: TableState, name: str) -> bool:
    return bool(by_pattern(state.config.scale, name) or by_pattern(state.config.map_scale, name))


def short_scales(state: TableState) -> None:
    """A column that never goes beyond 5 (or 7) under a 10-point contract is another scale (66)."""
    for name in rated(state):
        scale = scale_of(state, name)
        values = state.frame[name].dropna()
        if scale is None or _declared(state, name) or len(values) < SCALE_ANSWERS:
            continue
        highest = float(values.max())
        if scale[1] >= 10 and highest in _SHORT_SCALES and float(values.min()) >= 1:
            span = f"[1, {highest:g}]"
            state.say(
                "error" if highest == _SHORT_SCALES[0] else "note",
                "scale",
                f"no answer above {highest:g} where the scale goes to {scale[1]:g}.",
                column=name,
                rows=len(values),
                next_step=f"{highest:g} points? Declare  scale = {{{name} = {span}}},  or map it:  "
                f"map_scale = {{{name} = {span}}}.  If the scale is right, confirm it:  "
                f"scale = {{{name} = [{scale[0]:g}, {scale[1]:g}]}}.",
            )


def directions(state: TableState) -> None:
    """A rating that moves against all others has 1 = best, or its labels were swapped (67).

    The leading eigenvector of the correlations says which ratings move together; the ones of the other
    sign must correlate with the mean of the rest below -0.1 by four standard errors.
    """
    names = [name for name in rated(state) if state.frame[name].min() < state.frame[name].max()]
    if len(names) < 2:
        return
    step = max(1, len(state.frame) // _SAMPLE_ROWS)
    table = state.frame[names].iloc[::step].astype("float64")
    scores = ((table - table.mean()) / table.std()).to_numpy()
    filled = np.where(np.isnan(scores), 0.0, scores)
    leading = np.linalg.eigh(filled.T @ filled / max(len(filled), 1))[1][:, -1]
    with_it = leading > 0
    if with_it.sum() * 2 < len(names) or (with_it.sum() * 2 == len(names) and not with_it[0]):
        with_it = ~with_it
    for place in np.flatnonzero(~with_it):
        given = ~np.isnan(scores[:, with_it])
        rest = np.where(given.any(axis=1), filled[:, with_it].sum(axis=1), np.nan) / np.maximum(
            given.sum(axis=1), 1
        )
        both = ~np.isnan(scores[:, place]) & ~np.isnan(rest)
        if both.sum() < SCALE_ANSWERS // 2:
            continue
        r = float(np.corrcoef(scores[both, place], rest[both])[0, 1])
        if r + DIRECTION_ERRORS / np.sqrt(both.sum() - 3) < -0.1:
            _say_direction(state, names[place], r, int(both.sum()))


def _say_direction(state: TableState, name: str, correlation: float, answers: int) -> None:
    if by_pattern(state.config.reverse, name):
        return
    state.say(
        "error",
        "direction",
        f"moves against the other ratings (correlation {correlation:.2f}): is 1 the best there?",
        column=name,
        rows=answers,
        next_step=f"If so declare  reverse = {{{name} = true}};  if it is right as it is  "
        f"reverse = {{{name} = false}}.",
    )


def scale_changes(state: TableState) -> None:
    """A first or last stretch of time without a single high answer is another scale (68)."""
    clock = _CLOCK.get(state.name, "")
    if clock not in state.frame.columns or state.frame[clock].isna().all():
        return
    times = state.frame[clock].to_numpy()
    known = ~np.isnat(times)
    edge = _edges(times[known])
    for name in rated(state):
        values = state.frame[name].to_numpy(dtype="float64")
        seen = known & ~np.isnan(values)
        for top in _SHORT_SCALES:
            high = times[known & (values > top)]
            if not len(high) or (high.min() <= edge[0] and high.max() >= edge[1]):
                continue
            run = _low_run(values[seen], times[seen], top)
            if run is not None and not by_pattern(state.config.map_scale, name):
                inside = times[seen][run]
                period = f"{pd.Timestamp(inside.min()).date()} to {pd.Timestamp(inside.max()).date()}"
                state.say(
                    "note",
                    "scale change",
                    f"no answer above {top:g} from {period}, but many outside that time.",
                    column=name,
                    rows=int(run.sum()),
                    next_step="If the scale changed, export it on one scale, or put each period into a "
                    "folder of its own, with its  map_scale.",
                )
                break


def _edges(times: NDArray[np.datetime64]) -> tuple[np.datetime64, np.datetime64]:
    """Times with fewer answers before (after) them than a run needs: a high one there ends the search."""
    if len(times) < 2 * SCALE_ANSWERS:
        return times.min(), times.max()
    counted = times.astype("datetime64[us]").astype(np.int64)
    ends = np.partition(counted, (SCALE_ANSWERS - 1, len(counted) - SCALE_ANSWERS))
    low, high = ends[SCALE_ANSWERS - 1], ends[len(counted) - SCALE_ANSWERS]
    return np.datetime64(int(low), "us"), np.datetime64(int(high), "us")


def _low_run(values: Floats, times: NDArray[np.datetime64], top: float) -> NDArray[np.bool_] | None:
    """The answers before the first (or after the last) one above ``top``; None if that may be chance.

    >>> days = np.arange(120).astype("datetime64[D]")
    >>> int(_low_run(np.r_[np.full(60, 4.0), np.full(60, 9.0)], days, 5.0).sum())
    60
    """
    high = values > top
    if not high.any():
        return None
    before, after = times < times[high].min(), times > times[high].max()
    run = before if before.sum() >= after.sum() else after
    rest = values[~run]
    low = (float((rest <= top).sum()) + 1) / (len(rest) + 1)
    improbable = int(run.sum()) * np.log(min(low, 1.0)) < np.log(CHANGE_PROBABILITY)
    return run if run.sum() >= SCALE_ANSWERS and improbable else None


def unit_changes(state: TableState) -> None:
    """A metric whose level jumps by a factor of twenty at one point in time has changed its unit (77)."""
    clock = _CLOCK.get(state.name, "")
    if clock not in state.frame.columns or state.frame[clock].isna().all():
        return
    metrics = [
        name for name, kind in state.kinds.items() if kind == "number" and name in state.frame.columns
    ]
    metrics = [name for name in metrics if (known := state.column(name)) is not None and known.unit]
    if not metrics:
        return
    order = np.argsort(state.frame[clock].to_numpy(), kind="stable")
    times = state.frame[clock].to_numpy()[order]
    for name in metrics:
        values = state.frame[name].to_numpy(dtype="float64")[order]
        use = np.nan_to_num(values) > 0
        found = _level_jump(np.log(values[use]))
        if found:
            day = pd.Timestamp(times[use][found[0]]).date()
            state.say(
                "note",
                "unit change",
                f"the typical value changes by a factor of {found[1]:,.0f} at {day}.",
                column=name,
                rows=int(use.sum()),
                next_step="If the unit changed, export the column in one unit.",
            )


def _level_jump(logs: Floats) -> tuple[int, float] | None:
    """Place and factor of a jump between neighbouring twentieths of the time, where no overlap is left."""
    if len(logs) < 2 * SCALE_ANSWERS:
        return None
    edges = np.linspace(0, len(logs), 21).astype(int)
    for edge in edges[2:-2]:
        before, after = logs[:edge], logs[edge:]
        jump = float(np.median(after) - np.median(before))
        apart = np.quantile(after, 0.05) > np.quantile(before, 0.95) or np.quantile(
            after, 0.95
        ) < np.quantile(before, 0.05)
        if abs(jump) > np.log(UNIT_FACTOR) and apart:
            return int(edge), float(np.exp(abs(jump)))
    return None
