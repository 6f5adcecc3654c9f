"""HTML pages from templates, and the check that a page is inert: no script, no request, no frame."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cxlab.core.errors import ReportError

if TYPE_CHECKING:
    import jinja2

TEMPLATE_FOLDER: Final = Path(__file__).parent / "template"
#: The language of a page where none is given; the words of the package itself are English.
LANGUAGE: Final = "en"
_LANGUAGE_TAG: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_FORBIDDEN_TAGS: Final = frozenset(
    {
        "script",
        "noscript",
        "template",
        "iframe",
        "frame",
        "frameset",
        "noframes",
        "object",
        "embed",
        "noembed",
    }
    | {"applet", "form", "base", "link", "audio", "video", "source", "track", "portal", "xmp", "plaintext"}
)
_EMBEDDED: Final = re.compile(r"data:(image|font)/", re.IGNORECASE)
_LINK: Final = re.compile(r"(https?://|mailto:|#|[\w./-]+(#|$))", re.IGNORECASE)
_CSS_REQUEST: Final = re.compile(r"@import|url\(\s*['\"]?(?!data:(?:image|font)/)", re.IGNORECASE)
_LOADING: Final = (
    "src",
    "srcset",
    "background",
    "poster",
    "data",
    "action",
    "formaction",
    "xlink:href",
    "srcdoc",
)


def is_language(text: object) -> bool:
    """Whether ``text`` looks like a language tag of the web (BCP 47): ``de``, ``pt-BR``."""
    return isinstance(text, str) and bool(_LANGUAGE_TAG.fullmatch(text))


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def fill(template: str, *, language: str = LANGUAGE, **values: Any) -> str:
    """A template of this package filled in, with values escaped, and checked by :func:`require_inert`.

    ``language`` is that of the text, so that a screen reader speaks it rightly.
    """
    page = filled(template, language=language, **values)
    require_inert(page)
    return page


def filled(template: str, *, language: str, **values: Any) -> str:
    """As :func:`fill`, for a caller that changes the page and checks it afterwards."""
    style = (TEMPLATE_FOLDER / "page.css").read_text(encoding="utf-8")
    return _environment().get_template(template).render(style=style, language=language, **values)


def require_inert(page: str) -> None:
    """ReportError if ``page`` holds anything that runs or loads: the one gate before a page is written.

    Links to follow by hand are allowed; images and fonts must be embedded.
    """
    from bs4 import BeautifulSoup

    found: list[str] = []
    for element in BeautifulSoup(page, "html.parser").find_all(True):
        name = element.name.lower()
        if name in _FORBIDDEN_TAGS:
            found.append(f"<{name}>")
        if name == "meta" and str(element.get("http-equiv", "")).lower() == "refresh":
            found.append("<meta refresh>")
        if name == "style" and _CSS_REQUEST.search(element.get_text()):
            found.append("a style that loads a file")
        found += _active_attributes(name, dict(element.attrs))
    if found:
        listed = ", ".join(dict.fromkeys(found))
        raise ReportError(
            f"The page would hold active or external content: {listed}. A report loads and runs nothing. "
            "Next step: embed pictures, draw with matplotlib, escape data shown as HTML (a DataFrame does)."
        )


def _active_attributes(tag: str, attributes: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for attribute, value in attributes.items():
        text = (" ".join(value) if isinstance(value, list) else str(value)).strip()
        lower = attribute.lower()
        if lower.startswith("on"):
            found.append(f"<{tag} {attribute}>")
        elif lower in _LOADING and not _EMBEDDED.match(text):
            found.append(f"<{tag} {attribute}={text[:40]!r}>")
        elif lower == "href" and not _LINK.match(text):
            found.append(f"<{tag} href={text[:40]!r}>")
        elif lower == "style" and _CSS_REQUEST.search(text):
            found.append(f"<{tag} style> that loads a file")
    return found
