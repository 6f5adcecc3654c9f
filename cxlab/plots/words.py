"""Words that drawings and sentences share."""

from __future__ import annotations


def periods_word(period: str) -> str:
    """Several of a period, as a sentence says it.

    >>> periods_word("month"), periods_word("30 days")
    ('months', 'periods of 30 days')
    """
    if period[:1].isdigit():
        return f"periods of {period}"
    return period if period.endswith("s") else f"{period}s"
