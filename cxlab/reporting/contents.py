"""A table of contents at the head of a page, made from its own headings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxlab.reporting.naming import slug

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

#: A page with fewer headings is read at a glance.
_LEAST_HEADINGS: Final = 3


def add_contents(soup: BeautifulSoup) -> None:
    """Give every second-level heading of the page an anchor, and list them before the first section."""
    main = soup.find("main")
    headings = main.find_all("h2") if main is not None else []
    if main is None or len(headings) < _LEAST_HEADINGS:
        return
    taken: set[str] = set()
    entries = soup.new_tag("ol")
    for heading in headings:
        text = heading.get_text().strip()
        anchor = base = slug(text)[:60] or "section"
        number = 1
        while anchor in taken:
            number += 1
            anchor = f"{base}-{number}"
        taken.add(anchor)
        heading["id"] = anchor
        entry, link = soup.new_tag("li"), soup.new_tag("a", attrs={"href": f"#{anchor}"})
        link.string = text
        entry.append(link)
        entries.append(entry)
    contents = soup.new_tag("nav", attrs={"class": "contents", "aria-label": "Contents"})
    contents.append(entries)
    main.insert(0, contents)
