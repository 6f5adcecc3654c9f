"""The single options of a table in `cxlab.toml`: each read into its form, mistakes noted by the section."""

from __future__ import annotations

from pathlib import PurePosixPath
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cxlab.ingest.config import COMMENTS, OPERATIONS, PSEUDONYMS, Derived, Lookup, OutcomeRule, Privacy
from cxlab.ingest.config_section import Section, plain
from cxlab.ingest.limits import LIMIT_NAMES, Limits

OUTCOME_KEYS = ("column", "negative_above", "negative_below", "positive_above", "positive_below")


def inside(section: Section, file: str) -> str:
    """The file name if it stays inside the data folder and out of ``truth/``; else a problem."""
    parts = PurePosixPath(file.replace("\\", "/")).parts
    if file.startswith("/") or ".." in parts or (parts and parts[0].endswith(":")):
        section.wrong("file", "a name inside the data folder")
        return ""
    if "truth" in parts[:-1]:
        section.wrong("file", "a data file; the folder truth/ is never read")
        return ""
    return file


def span(section: Section, key: str) -> tuple[float, float]:
    value = section.values[key]
    numbers = isinstance(value, list) and len(value) == 2 and all(type(v) in (int, float) for v in value)
    if not numbers or value[0] >= value[1]:
        section.wrong(key, "two numbers, low then high, such as [1, 10]")
        return (1.0, 10.0)
    return (float(value[0]), float(value[1]))


def codes(section: Section) -> dict[str, dict[str, str]]:
    """``{overall = [99]}`` or, with reasons, ``{overall = {99 = "refused"}}``."""
    found: dict[str, dict[str, str]] = {}
    for key, value in section.values.items():
        if isinstance(value, dict):
            found[key] = {str(code): str(reason) for code, reason in value.items()}
        elif isinstance(value, list):
            found[key] = {plain(code): "missing" for code in value}
        else:
            section.wrong(key, "a list of codes, or a table of code and reason")
    return found


def lists(section: Section) -> dict[str, tuple[str, ...]]:
    return {key: section.values_list(key) for key in section.values}


def recode(section: Section) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for key in section.values:
        words = section.section(key)
        found[key] = {word: plain(value) for word, value in words.values.items()}
    return found


def keep(section: Section) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for key, value in section.values.items():
        found[key] = () if value == "filled" else section.values_list(key)
        if value == []:
            section.wrong(key, 'the values to keep, or "filled"')
    return found


def lookups(section: Section) -> tuple[Lookup, ...]:
    listed = section.values.get("lookup", [])
    entries = [listed] if isinstance(listed, dict) else listed
    if not isinstance(entries, list) or any(not isinstance(entry, dict) for entry in entries):
        section.wrong("lookup", "tables written as [[surveys.lookup]]")
        return ()
    found = []
    for number, entry in enumerate(entries, start=1):
        part = Section(entry, f"{section.place}lookup {number}: ", section.problems)
        part.only(("file", "on", "key", "columns"))
        taken = part.section("columns")
        on = part.text("on")
        found.append(
            Lookup(
                file=inside(part, part.text("file")),
                on=on,
                key=part.text("key") or on,
                columns={key: taken.text(key) for key in taken.values},
            )
        )
        if not (found[-1].file and on and found[-1].columns):
            part.problems.append(f"{part.place}needs file, on and columns.")
    return tuple(found)


def derived(section: Section) -> dict[str, Derived]:
    found: dict[str, Derived] = {}
    for key in section.values:
        part = section.section(key)
        part.only(OPERATIONS)
        if len(part.values) != 1:
            section.wrong(key, f"exactly one of {', '.join(OPERATIONS)}")
        for operation, value in list(part.values.items())[:1]:
            pair = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)
            if operation == "above" and pair and type(value[1]) in (int, float):
                found[key] = Derived(operation=operation, columns=(value[0],), limit=float(value[1]))
            elif operation != "above" and pair and isinstance(value[1], str):
                found[key] = Derived(operation=operation, columns=(value[0], value[1]))
            else:
                part.wrong(
                    operation,
                    "[column, number]" if operation == "above" else "[earlier column, later column]",
                )
    return found


def outcome(section: Section) -> OutcomeRule | None:
    part = section.section("outcome")
    part.only(OUTCOME_KEYS)
    limits = {key: part.number(key) for key in OUTCOME_KEYS[1:]}
    column = part.text("column")
    if not column or all(limit is None for limit in limits.values()):
        part.problems.append(f"{part.place}needs column and at least one of {', '.join(OUTCOME_KEYS[1:])}.")
        return None
    return OutcomeRule(column=column, **limits)


def words_lists(section: Section) -> dict[str, tuple[str, ...]]:
    """``{overall = ["Old wording", "New wording"]}``: names of which each file has exactly one."""
    return {key: section.texts(key) for key in section.values}


def flags(section: Section) -> dict[str, bool]:
    """``{rating_wait = true}``."""
    found: dict[str, bool] = {}
    for key, value in section.values.items():
        if isinstance(value, bool):
            found[key] = value
        else:
            section.wrong(key, "true or false")
    return found


def among(section: Section, allowed: tuple[str, ...]) -> dict[str, str]:
    """``{answered_at = "excel"}``, with a closed list of words."""
    return {key: section.text(key, among=allowed) for key in section.values}


def limits(section: Section) -> Limits:
    """The bounds of a data file: the defaults, with those of ``[limits]`` put in their place."""
    section.only(LIMIT_NAMES)
    found = {key: section.number(key) for key in section.values if key in LIMIT_NAMES}
    for key, value in found.items():
        if value is not None and value <= 0:
            section.wrong(key, "a number above 0")
    return Limits(**{key: value for key, value in found.items() if value is not None and value > 0})


def privacy(section: Section) -> Privacy:
    """``[privacy] pseudonyms = "off"`` for data without persons, ``comments = "as written"``."""
    section.only(("pseudonyms", "comments"))
    return Privacy(
        pseudonyms=section.text("pseudonyms", among=PSEUDONYMS) or PSEUDONYMS[0],
        comments=section.text("comments", among=COMMENTS) or COMMENTS[0],
    )


def source_url(section: Section) -> str:
    """``[source] url = "postgresql+psycopg://..."``: where the queries of the tables are run."""
    section.only(("url",))
    url = section.text("url")
    if url and "://" not in url:
        section.wrong("url", "a database address such as postgresql+psycopg://user:${PASSWORD}@host/name")
    return url


def is_zone(name: str) -> bool:
    """Whether ``name`` is empty or the name of a time zone.

    >>> is_zone("Europe/Berlin"), is_zone("Mars/Olympus"), is_zone("../etc/passwd")
    (True, False, False)
    """
    try:
        zone_of(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def zone_of(name: str) -> ZoneInfo | None:
    """The time zone called ``name``; None for an empty name."""
    return ZoneInfo(name) if name else None
