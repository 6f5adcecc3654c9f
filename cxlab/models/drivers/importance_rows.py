"""What an importance analysis takes in: the outcome in its kind, and enough answers to speak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.models.drivers.rows import CompleteAnswers

Array = NDArray[np.float64]

#: More steps than this are a measurement, not an ordinal answer.
MOST_CATEGORIES = 20


def answers_of_kind(
    answers: CompleteAnswers, drivers: tuple[str, ...], *, ratings: str, outcome: str, top_box: float | None
) -> CompleteAnswers:
    """Answers as they are, or as category numbers from 0: ratings, outcome, or the outcome's top box."""
    values = answers.values.copy()
    if outcome == "top_box":
        values[:, -1] = values[:, -1] >= (0.0 if top_box is None else top_box)
    elif outcome == "ordinal":
        values[:, -1] = _category_numbers(values[:, -1], name="the outcome", setting="outcome_kind")
    if ratings == "ordinal":
        for column, driver in enumerate(drivers):
            values[:, column] = _category_numbers(values[:, column], name=driver, setting="rating_kind")
    return replace(answers, values=values)


def latent_columns(drivers: tuple[str, ...], *, ratings: str, outcome: str) -> NDArray[np.bool_]:
    """Which of drivers and outcome (last) stand for a normal quantity behind ordered answers, (p + 1,)."""
    return np.array([*[ratings == "ordinal"] * len(drivers), outcome != "linear"])


def _category_numbers(values: Array, *, name: str, setting: str) -> Array:
    found, codes = np.unique(values, return_inverse=True)
    if len(found) > MOST_CATEGORIES:
        raise ParameterError(
            f"ImportanceModel: {setting}='ordinal' takes at most {MOST_CATEGORIES} different answers, got "
            f"{len(found)} of {name}. Next step: use {setting}='linear'."
        )
    return codes.reshape(-1).astype(np.float64)


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
