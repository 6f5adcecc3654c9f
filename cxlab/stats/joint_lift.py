"""Which k ratings, raised together, lift the outcome most: all sets compared, in every replicate."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.lift import Lifts

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: More sets than this are too many to compare.
MOST_SETS = 60_000
# Numbers held at a time while sets are compared in blocks of replicates.
_BLOCK = 8_000_000


def all_sets(ratings: int, size: int) -> Flags:
    """Every set of ``size`` out of ``ratings``, one row each, in lexicographic order.

    >>> all_sets(3, 2).astype(int).tolist()
    [[1, 1, 0], [1, 0, 1], [0, 1, 1]]
    """
    count = comb(ratings, size)
    if not 1 <= size <= ratings or count > MOST_SETS:
        raise ValueError(
            f"size: {size} of {ratings} ratings make {count} sets; 1 to {MOST_SETS} can be compared. Next "
            f"step: choose a smaller size."
        )
    sets = np.zeros((count, ratings), dtype=bool)
    sets[np.arange(count)[:, None], list(combinations(range(ratings), size))] = True
    return sets


def joint_lift(found: Lifts, sets: Flags) -> Array:
    r"""Lift when all ratings of a set are raised together, (B, N) for N sets.

    .. math:: \Delta_S = \sum_{j \in S} \Delta_j + \sum_{i < j \in S} e_{ij}

    exact for a function with products of pairs; without pairs the extras e are 0 and the joint lift is the
    sum of the single ones.

    Examples
    --------
    >>> one = np.array([[1.0, 2.0]])
    >>> found = Lifts(
    ...     lift=one,
    ...     performance=one,
    ...     headroom=one,
    ...     below=one,
    ...     slopes=one[:, None],
    ...     extra=np.array([[[0.0, 0.5], [0.5, 0.0]]]),
    ... )
    >>> joint_lift(found, np.array([[True, False], [True, True]])).tolist()
    [[1.0, 3.5]]
    """
    chosen = sets.astype(np.float64)
    first, second = np.triu_indices(sets.shape[1], 1)
    together = (sets[:, first] & sets[:, second]).astype(np.float64)
    joint: Array = found.lift @ chosen.T + found.extra[:, first, second] @ together.T
    return joint


def best_sets(found: Lifts, sets: Flags) -> NDArray[np.int64]:
    """Number of the set with the largest joint lift in each of B replicates, (B,)."""
    step = max(1, _BLOCK // len(sets))
    parts = []
    for at in range(0, len(found.lift), step):
        block = Lifts(**{name: value[at : at + step] for name, value in vars(found).items()})
        parts.append(joint_lift(block, sets).argmax(axis=1))
    return np.concatenate(parts)
