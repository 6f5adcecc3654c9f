"""The overview page of a batch: every report with its answer, and the failed ones apart."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cxlab.core.version import __version__
from cxlab.reporting.pages import LANGUAGE, fill

_PICTURE_WIDTH: Final = 420
_PICTURE_COLOURS: Final = 64


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One report on the overview; ``error`` is the first line of what went wrong."""

    title: str
    page: str
    good: bool
    question: str = ""
    seconds: float
    labels: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""
    headline: str = ""
    thumbnail: str = ""
    error: str = ""
    pdf: str = ""

    @property
    def duration(self) -> str:
        """Seconds or minutes, for a reader."""
        return f"{self.seconds:.0f} s" if self.seconds < 90 else f"{self.seconds / 60:.0f} min"


def overview_page(
    title: str, entries: Sequence[Entry], *, made_at: str, data_hash: str = "", language: str = LANGUAGE
) -> str:
    """The page as HTML: links go to good reports; a failed one has its error and a link to its trace."""
    questions = list(dict.fromkeys(entry.question or entry.title for entry in entries))
    return fill(
        "overview.html.j2",
        language=language,
        title=title,
        # A filter only where there is something to choose; without a script it is a matter of style.
        questions=questions if 1 < len(questions) < len(entries) else [],
        positions={question: number for number, question in enumerate(questions)},
        good=[entry for entry in entries if entry.good],
        failed=[entry for entry in entries if not entry.good],
        made_at=made_at,
        data_hash=data_hash,
        version=__version__,
    )


def small_picture(png_base64: str) -> str:
    """A PNG, base64, scaled down for the overview; empty for no picture or one that cannot be read."""
    if not png_base64:
        return ""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(base64.b64decode(png_base64))) as picture:
            white = Image.new("RGB", picture.size, "white")
            pixels = picture.convert("RGBA")
            white.paste(pixels, mask=pixels)
    except (binascii.Error, UnidentifiedImageError, OSError):
        return ""
    height = max(1, round(white.height * _PICTURE_WIDTH / white.width))
    small = (
        white
        if white.width <= _PICTURE_WIDTH
        else white.resize((_PICTURE_WIDTH, height), Image.Resampling.LANCZOS)
    )
    file = io.BytesIO()
    small.quantize(_PICTURE_COLOURS).save(file, format="PNG", compress_level=6)
    return base64.b64encode(file.getvalue()).decode()
