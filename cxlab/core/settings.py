"""Checks of settings that every model shares: what, where, got, next step."""

from __future__ import annotations

from cxlab.core.errors import ParameterError


def require_share(owner: str, name: str, value: float) -> None:
    """Raise ParameterError unless ``value`` lies strictly between 0 and 1."""
    if not 0.0 < value < 1.0:
        raise ParameterError(
            f"{owner}: {name} must lie strictly between 0 and 1, got {value!r}. "
            f"Next step: write a share such as 0.95."
        )


def require_at_least(owner: str, name: str, value: float, least: float) -> None:
    """Raise ParameterError unless ``value`` is a number not below ``least``."""
    if not value >= least:
        raise ParameterError(
            f"{owner}: {name} must be {least:g} or more, got {value!r}. "
            f"Next step: raise {name} or leave the default."
        )


def require_one_of(owner: str, name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise ParameterError unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        raise ParameterError(
            f"{owner}: {name} must be one of {', '.join(allowed)}, got {value!r}. "
            f"Next step: choose one of them."
        )
