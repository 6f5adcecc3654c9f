"""A finished page as a PDF on A4, with the extra ``pdf``: made from the page alone, nothing is fetched."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from cxlab.core.errors import ParameterError
from cxlab.reporting.files import write_whole
from cxlab.reporting.naming import inside
from cxlab.reporting.pages import TEMPLATE_FOLDER, require_inert

_STYLE: Final = TEMPLATE_FOLDER / "pdf.css"
_LOGGERS: Final = ("weasyprint", "fontTools", "weasyprint.progress")


def require_pdf() -> None:
    """ParameterError, saying what to install, where no PDF can be made."""
    try:
        import weasyprint  # noqa: F401
    except ImportError as error:
        raise ParameterError(
            "A PDF needs WeasyPrint, an extra that is not installed. Next step: "
            "`pip install 'cxlab[pdf]'`, or print the page from a browser."
        ) from error
    except OSError as error:
        raise ParameterError(
            "A PDF needs the system library Pango, which is not installed. Next step: "
            "`apt-get install libpango-1.0-0 libpangoft2-1.0-0` (Debian), or print the page from a browser."
        ) from error


def pdf_of(page: str) -> bytes:
    """The page as PDF on A4; the same page gives the same bytes.

    Raises
    ------
    ParameterError
        WeasyPrint or Pango is not installed.
    ReportError
        The page holds active or external content.
    """
    made: bytes = _document(page).write_pdf(pdf_identifier=b"cxlab", pdf_tags=True)
    return made


def _document(page: str) -> Any:
    """The page set on sheets of paper."""
    require_pdf()
    require_inert(page)
    from weasyprint import CSS, HTML

    for name in _LOGGERS:
        # It warns of every line of style that only screens know.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    fetcher = _nothing_fetched()
    style = CSS(string=_STYLE.read_text(encoding="utf-8"), url_fetcher=fetcher)
    return HTML(string=page, url_fetcher=fetcher).render(stylesheets=[style])


def write_pdf(page: Path) -> Path:
    """Write the PDF of the file ``page`` beside it, whole or not at all, and return its path."""
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text"
        raise ParameterError(
            f"{page.name}: the page cannot be read ({reason}). Next step: name a page that `cxlab run` or "
            "`cxlab batch` made."
        ) from error
    target = page.with_suffix(".pdf")
    write_whole(target, pdf_of(text))
    return target


def add_pdfs(out: Path, names: Iterable[str]) -> None:
    """Make the PDF of each good report ``NAME.html`` in ``out`` that has none.

    One that is there fits its page: a report that is made anew removes the PDF of the page before.
    """
    for name in names:
        page = inside(out, f"{name}.html")
        if not page.with_suffix(".pdf").exists():
            write_pdf(page)


@functools.cache
def _nothing_fetched() -> Any:
    """What WeasyPrint asks for pictures and styles: embedded ones are decoded, all else is refused."""
    from weasyprint.urls import FatalURLFetchingError, URLFetcher

    class Refusing(URLFetcher):  # type: ignore[misc]
        def fetch(self, url: str, headers: Any = None) -> Any:
            if not url.lower().startswith("data:"):
                raise FatalURLFetchingError(f"a page must not load {url[:60]!r}")
            return super().fetch(url, headers)

    return Refusing(allowed_protocols=("data",))
