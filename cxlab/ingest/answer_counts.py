"""How many answers each dealer, market or month has: what a recipe asks before it plans its reports."""

from __future__ import annotations

from pathlib import Path

from cxlab.core.columns import SURVEYS
from cxlab.core.errors import ParameterError
from cxlab.ingest.load import load


def answer_counts(folder: str | Path, *, by: str, config: str | Path | None = None) -> dict[str, int]:
    """Answers per value of a survey column, in the order of the values; blanks are left out.

    Parameters
    ----------
    folder, config
        As for :func:`cxlab.ingest.load.load`.
    by
        A column of the surveys, for instance ``location_id``.

    Raises
    ------
    ParameterError
        The surveys have no such column.
    TableError
        The data do not load.
    """
    surveys = load(folder, config=config).frame(SURVEYS)
    if by not in surveys.columns:
        raise ParameterError(
            f"every {by}: the surveys have no such column. Next step: take one of "
            f"{', '.join(sorted(map(str, surveys.columns)))}."
        )
    counts = surveys[by].dropna().astype(str).value_counts()
    return {str(value): int(counts[value]) for value in sorted(counts.index)}
