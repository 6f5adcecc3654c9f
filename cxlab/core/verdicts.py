"""The fixed words in which every claim is judged."""

from __future__ import annotations

from typing import Final, Literal

Verdict = Literal["supported", "rejected", "undetermined", "not identified", "too few"]

SUPPORTED: Final = "supported"
REJECTED: Final = "rejected"
UNDETERMINED: Final = "undetermined"
NOT_IDENTIFIED: Final = "not identified"
TOO_FEW: Final = "too few"
