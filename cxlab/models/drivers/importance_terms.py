"""What competes in an importance analysis: single drivers, groups of drivers, and drivers always in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cxlab.core.errors import ParameterError
from cxlab.stats.coalitions import MAX_PLAYERS


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Names and column numbers of the terms of an importance analysis.

    Attributes
    ----------
    names
        Of the T terms: groups and single drivers, in the order of the drivers.
    columns
        Column numbers of each term's drivers.
    always
        Column numbers of drivers that are in every model.
    grouped
        Whether a term holds more than one driver.
    """

    names: tuple[str, ...]
    columns: tuple[tuple[int, ...], ...]
    always: tuple[int, ...]
    grouped: bool


def terms_of(
    drivers: tuple[str, ...], *, groups: Mapping[str, Sequence[str]], always_in: Sequence[str]
) -> Terms:
    """Sort drivers into terms; ParameterError if a name is no driver or used twice, or too many compete.

    >>> terms_of(("a", "b", "c"), groups={"both": ("a", "b")}, always_in=()).columns
    ((0, 1), (2,))
    """
    placed = [*always_in, *(member for group in groups.values() for member in group)]
    unknown = sorted(set(placed) - set(drivers))
    twice = sorted({name for name in placed if placed.count(name) > 1})
    if unknown or twice:
        raise ParameterError(
            f"ImportanceModel: groups and always_in must hold different drivers, got "
            f"{', '.join(unknown or twice)}, which is {'no driver' if unknown else 'placed twice'}. "
            f"Next step: place each driver once at most."
        )
    number = {driver: at for at, driver in enumerate(drivers)}
    home = {member: name for name, members in groups.items() for member in members}
    found: dict[str, list[int]] = {}
    for driver in drivers:
        if driver not in always_in:
            found.setdefault(home.get(driver, driver), []).append(number[driver])
    grouped = any(len(columns) > 1 for columns in found.values())
    largest = max((len(columns) for columns in found.values()), default=0)
    if grouped and len(found) + largest - 1 > MAX_PLAYERS:
        raise ParameterError(
            f"ImportanceModel: {len(found)} terms with a group of {largest} make too many coalitions; "
            f"terms and members of the largest group must not exceed {MAX_PLAYERS + 1}. Next step: make "
            f"fewer groups, or split the largest."
        )
    if not found:
        raise ParameterError(
            "ImportanceModel: every driver is always in, so none is left to compare. Next step: leave out "
            "of always_in what is to be judged."
        )
    return Terms(
        names=tuple(found),
        columns=tuple(tuple(columns) for columns in found.values()),
        always=tuple(number[name] for name in always_in),
        grouped=grouped,
    )
