"""What an importance analysis takes in: the outcome in its kind, and enough answers to speak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.models.drivers.rows import CompleteAnswers

#: More steps than this are a measurement, not an ordinal answer.
MOST_CATEGORIES = 20


def outcome_of_kind(answers: CompleteAnswers, *, kind: str, top_box: float | None) -> CompleteAnswers:
    """The answers with their outcome as it is, as category numbers from 0, or as 1 from ``top_box`` on."""
    if kind == "linear":
        return answers
    outcome = answers.values[:, -1]
    if kind == "top_box":
        number = (outcome >= (0.0 if top_box is None else top_box)).astype(np.float64)
    else:
        found, codes = np.unique(outcome, return_inverse=True)
        if len(found) > MOST_CATEGORIES:
            raise ParameterError(
                f"ImportanceModel: outcome_kind='ordinal' takes at most {MOST_CATEGORIES} different "
                f"answers, got {len(found)}. Next step: use outcome_kind='linear'."
            )
        number = codes.reshape(-1).astype(np.float64)
    return replace(answers, values=np.column_stack([answers.values[:, :-1], number]))


def require_answerable(answers: CompleteAnswers, *, question: str) -> None:
    """Raise NotAnswerableError when too few answers are complete or the outcome does not vary."""
    n, p = len(answers.values), answers.values.shape[1] - 1
    needed = 30 + 5 * p
    if n < needed:
        worst = max(answers.missing, key=lambda name: answers.missing[name])
        raise NotAnswerableError(
            question,
            reason=(
                f"{n} answers are complete in the outcome and all {p} drivers; {needed} are needed (30 + 5 "
                f"per driver). The driver that costs most is {worst}: {answers.missing[worst]} of "
                f"{answers.answered} answers lack it."
            ),
            next_step="name fewer drivers (leave out those that few experience), or collect more answers.",
        )
    outcome = answers.values[:, -1]
    if np.ptp(outcome) == 0.0:
        raise NotAnswerableError(
            question,
            reason=f"Every complete answer has the same outcome, {outcome[0]:g}: nothing to explain.",
            next_step="choose an outcome that varies.",
        )
