"""One line on the terminal that says how far a batch is; plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

_BAR_WIDTH = 24


class Progress:
    """Counts finished reports: a bar with the time left on a terminal, one line per report elsewhere."""

    def __init__(self, *, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._total = self._done = self._failed = self._kept = 0
        self._on_terminal = stream.isatty()
        self._started = 0.0

    def begin(self, total: int, *, kept: int = 0) -> None:
        """Say how many reports there are, and how many of them are done already."""
        self._total, self._kept, self._done = total, kept, kept
        self._started = self._clock()
        if kept and not self._on_terminal:
            self._stream.write(f"{kept} of {total} reports are done already\n")
            self._stream.flush()
        self._draw()

    def step(self, name: str, *, good: bool, seconds: float) -> None:
        """One report is finished."""
        self._done += 1
        self._failed += not good
        if self._on_terminal:
            self._draw()
        else:
            word = "ok" if good else "FAILED"
            self._stream.write(f"{self._done}/{self._total} {word:<6} {name} ({seconds:.0f} s)\n")
            self._stream.flush()

    def close(self) -> None:
        """Leave the line."""
        if self._on_terminal:
            self._stream.write("\n")
            self._stream.flush()

    def _draw(self) -> None:
        if not self._on_terminal:
            return
        filled = _BAR_WIDTH * self._done // max(self._total, 1)
        failed = f", {self._failed} failed" if self._failed else ""
        bar = "#" * filled + "-" * (_BAR_WIDTH - filled)
        self._stream.write(f"\r\x1b[K[{bar}] {self._done} of {self._total} reports{failed}{self._left()}")
        self._stream.flush()

    def _left(self) -> str:
        made = self._done - self._kept
        if not made or self._done == self._total:
            return ""
        seconds = (self._clock() - self._started) / made * (self._total - self._done)
        return f", about {seconds:.0f} s left" if seconds < 90 else f", about {seconds / 60:.0f} min left"
