"""One TOML table being read: keys taken by type, every mistake noted with its place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any


def nearest(name: str, known: Sequence[str]) -> str:
    """' Did you mean ...?' for the closest known name, or nothing.

    >>> nearest("missing_code", ["missing_codes", "scale"])
    " Did you mean 'missing_codes'?"
    """
    folded = {re.sub(r"[^a-z0-9]", "", item.lower()): item for item in known}
    close = difflib.get_close_matches(re.sub(r"[^a-z0-9]", "", name.lower()), list(folded), n=1, cutoff=0.6)
    return f" Did you mean {folded[close[0]]!r}?" if close else ""


def plain(value: Any) -> str:
    """A TOML value as the text a file would hold: 99 -> '99', 1.0 -> '1', true -> 'true'."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


class Section:
    """One TOML table being read: takes keys by type and notes every mistake with its place."""

    def __init__(self, values: Mapping[str, Any], place: str, problems: list[str]) -> None:
        self.values, self.place, self.problems = values, place, problems

    def wrong(self, key: str, needed: str) -> None:
        got = self.values.get(key)
        self.problems.append(f"{self.place}{key}: needs {needed}, got {got!r}.")

    def only(self, known: Sequence[str]) -> None:
        for key in self.values:
            if key not in known:
                hint = f"{nearest(key, known)} Options: {', '.join(known)}."
                self.problems.append(f"{self.place}{key}: is not an option here.{hint}")

    def text(self, key: str, *, among: Sequence[str] = ()) -> str:
        value = self.values.get(key, "")
        if not isinstance(value, str) or (among and value and value not in among):
            self.wrong(key, f"one of {', '.join(among)}" if among else "a text")
            return ""
        return value

    def number(self, key: str) -> float | None:
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.wrong(key, "a number")
            return None
        return float(value)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key, [])
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or any(not isinstance(item, str) for item in listed):
            self.wrong(key, "a list of texts")
            return ()
        return tuple(listed)

    def values_list(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key, [])
        if not isinstance(value, list):
            self.wrong(key, "a list of values")
            return ()
        return tuple(plain(item) for item in value)

    def section(self, key: str) -> Section:
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            self.wrong(key, "a table such as {overall = ...}")
            value = {}
        return Section(value, f"{self.place}{key}.", self.problems)
