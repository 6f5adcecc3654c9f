"""Asking a model a question that the data may not be able to answer, without a special case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from cxlab.core.errors import NotAnswerableError
from cxlab.core.provenance import Provenance
from cxlab.core.result import Check, Result, checks_table
from cxlab.core.verdicts import NOT_IDENTIFIED

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Unanswered(Result):
    """The honest answer "these data cannot say", with the reason and what would be needed."""

    question: str
    reason: str
    next_step: str

    def summary(self) -> str:
        """The question, why it is not answered, and what would be needed."""
        return f"{self.question}: not answered by these data. {self.reason} To answer it: {self.next_step}"

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """An empty panel that says why it is empty."""
        import textwrap

        import matplotlib.pyplot as plt

        axes = ax if ax is not None else plt.subplots(figsize=(7.0, 1.6))[1]
        axes.axis("off")
        text = "\n".join(textwrap.wrap(f"{self.question}: {self.reason}", 80))
        axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
        return axes


def ask(model: Any, *tables: Any) -> Any:
    """Fit ``model``, or say why these data cannot answer.

    Only :class:`~cxlab.NotAnswerableError` is turned into a result; every other error passes on.

    Parameters
    ----------
    model
        A cxlab model (settings without data), or a linking step: any function of ``tables``.
    *tables
        What its ``fit``, or the function, takes.

    Returns
    -------
    Result
        The model's result, or an :class:`Unanswered` with the same members.

    Examples
    --------
    >>> def link(tables):
    ...     raise NotAnswerableError("Repair", reason="There are no events.", next_step="map [events].")
    >>> ask(link, pd.DataFrame({"customer_id": ["C1"]}))
    Repair: not answered by these data. There are no events. To answer it: map [events].
    """
    step = getattr(model, "fit", model)
    try:
        return step(*tables)
    except NotAnswerableError as error:
        name = getattr(model, "__name__", type(model).__name__)
        estimates = pd.DataFrame(
            {"term": [error.question], "verdict": [NOT_IDENTIFIED], "reason": [error.reason]}
        )
        rows = sum(len(table) for table in tables if isinstance(table, pd.DataFrame))
        check = Check(
            check="the data can answer",
            value="no",
            threshold="yes",
            passed=False,
            meaning=error.reason,
        )
        return Unanswered(
            estimates=estimates,
            diagnostics=checks_table([check]),
            provenance=Provenance(
                model=name, n_rows=rows, n_used=0, n_set_aside={error.reason: rows} if rows else {}
            ),
            question=error.question,
            reason=error.reason,
            next_step=error.next_step,
        )
