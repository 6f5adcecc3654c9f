"""Importance by coalitions: groups of predictors (Owen value), predictors always in, complete dominance."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.importance import as_stack, lmg
from cxlab.stats.subsets import SMALLEST_PIVOT

Array = NDArray[np.float64]
Players = Sequence[Sequence[int]]

#: The explained variance of all 2^P coalitions is stored, so P stops here (65,536 numbers per matrix).
MAX_PLAYERS = 16
# Numbers held at a time while coalitions are grown.
_BLOCK = 4_000_000


def explained_by_coalition(stack: Array, *, players: Players, always: Sequence[int] = ()) -> Array:
    """R2 of every coalition of players, where a player is one predictor or several that enter together.

    Parameters
    ----------
    stack : (B, p + 1, p + 1)
        Correlations with the outcome last. Not checked.
    players
        Column numbers of each of the P players, at most 16; each predictor in one player at most.
    always
        Predictors in every coalition.

    Returns
    -------
    (B, 2^P) array
        Entry ``sum of 2^i over the players i in the coalition`` is its R2 (with ``always`` in it).

    Raises
    ------
    ValueError
        If there are more than 16 players or a predictor is named twice.

    Examples
    --------
    >>> stack = np.array([[[1.0, 0.5, 0.6], [0.5, 1.0, 0.4], [0.6, 0.4, 1.0]]])
    >>> explained_by_coalition(stack, players=[[0], [1]]).round(4)
    array([[0.    , 0.36  , 0.16  , 0.3733]])
    """
    if len(players) > MAX_PLAYERS:
        raise ValueError(
            f"players: {len(players)} make 2^{len(players)} coalitions, they are stored up to "
            f"{MAX_PLAYERS}. Next step: put predictors into groups."
        )
    order = [*always, *(column for player in players for column in player), stack.shape[1] - 1]
    if len(set(order)) < len(order):
        raise ValueError("players: a predictor is named twice. Next step: put it into one player only.")
    chosen = stack[:, order][:, :, order]
    together = max(1, _BLOCK // (2 ** len(players) * 4))
    parts = [
        _grow(chosen[at : at + together], [len(player) for player in players], len(always))
        for at in range(0, len(chosen), together)
    ]
    return np.concatenate(parts)


def _grow(stack: Array, sizes: list[int], always: int) -> Array:
    outcome = stack[:, -1, -1]
    state = _sweep(stack[None], always)
    for size in sizes:
        state = np.concatenate([state[..., size:, size:], _sweep(state, size)])
    explained: Array = np.ascontiguousarray((outcome - state[..., 0, 0]).T)
    return explained


def _sweep(state: Array, count: int) -> Array:
    """Take the first ``count`` variables out of what remains."""
    for _ in range(count):
        pivot = state[..., 0, 0]
        useful = pivot > SMALLEST_PIVOT
        inverse = np.where(useful, 1.0 / np.where(useful, pivot, 1.0), 0.0)
        cross = state[..., 0, 1:]
        scaled = cross * inverse[..., None]
        state = state[..., 1:, 1:] - scaled[..., :, None] * cross[..., None, :]
    return state


def owen(
    correlation: Array, *, groups: Players, always: Sequence[int] = (), assume_valid: bool = False
) -> tuple[Array, Array]:
    r"""Shares of R2 for groups of predictors and, within each, for its members (Owen value).

    A group enters a model with all its members at once; its share is the gain averaged over all orders of
    the groups. A member's share is its gain averaged over all orders in which groups stay together.

    Parameters
    ----------
    correlation : (p + 1, p + 1) or (B, p + 1, p + 1)
        As for :func:`cxlab.stats.importance.lmg`.
    groups
        Column numbers of each of the G groups (a single predictor is a group of one). Predictors in no
        group and not in ``always`` are left out of the model. G plus the members of any one group must not
        exceed 17.
    always
        Predictors in every model (controls): the shares split what is explained beyond them.
    assume_valid
        As for :func:`cxlab.stats.importance.lmg`.

    Returns
    -------
    of_groups : (G,) or (B, G) array
    of_members : (m,) or (B, m) array
        Members in the order in which ``groups`` names them; those of a group add up to its share.

    Raises
    ------
    ValueError
        For no correlation matrix, a predictor named twice, or too many groups and members.

    Notes
    -----
    With groups of one this is LMG. Shares are 0 or more and add up to R2 beyond ``always``. A large group
    is no larger for its number of items only as far as these repeat each other.

    Source: Owen (1977), in Mathematical Economics and Game Theory; Groemping (2006), J. Stat. Softw. 17(1).

    Examples
    --------
    >>> matrix = np.array(
    ...     [[1.0, 0.5, 0.0, 0.6], [0.5, 1.0, 0.0, 0.4], [0.0, 0.0, 1.0, 0.3], [0.6, 0.4, 0.3, 1.0]]
    ... )
    >>> of_groups, of_members = owen(matrix, groups=[[0, 1], [2]])
    >>> of_groups.round(4), of_members.round(4)
    (array([0.3733, 0.09  ]), array([0.2867, 0.0867, 0.09  ]))
    """
    stack = as_stack(correlation, assume_valid=assume_valid)
    explained = explained_by_coalition(stack, players=groups, always=always)
    of_groups = np.maximum(explained @ _owen_weights(len(groups), 0).T, 0.0)
    of_members = _of_members(stack, groups, always, of_groups)
    return (of_groups, of_members) if np.ndim(correlation) == 3 else (of_groups[0], of_members[0])


def _of_members(stack: Array, groups: Players, always: Sequence[int], of_groups: Array) -> Array:
    members = []
    for at, group in enumerate(groups):
        if len(group) == 1:
            members.append(of_groups[:, [at]])
            continue
        others = [other for index, other in enumerate(groups) if index != at]
        players = [*[[member] for member in group], *others]
        within = explained_by_coalition(stack, players=players, always=always)
        members.append(np.maximum(within @ _owen_weights(len(group), len(others)).T, 0.0))
    return np.concatenate(members, axis=1)


def conditioned(
    correlation: Array, *, always: Sequence[int], assume_valid: bool = False
) -> tuple[Array, Array]:
    """Partial correlations of the other predictors and the outcome given some predictors (controls).

    A measure of the partial correlations, times what is left of the outcome's variance, is that
    measure with the controls in every model.

    Parameters
    ----------
    correlation : (p + 1, p + 1) or (B, p + 1, p + 1)
        As for :func:`cxlab.stats.importance.lmg`.
    always
        Column numbers of the controls.
    assume_valid
        As for :func:`cxlab.stats.importance.lmg`.

    Returns
    -------
    partial : (p - a + 1, p - a + 1) or (B, p - a + 1, p - a + 1) array
        Outcome last. A predictor without variance given the controls has a row and column of zeros.
    left : float array () or (B,)
        Share of the outcome's variance that the controls leave unexplained.

    Raises
    ------
    ValueError
        As for :func:`cxlab.stats.importance.lmg`, and if the controls explain the outcome fully.

    Examples
    --------
    >>> partial, left = conditioned(np.array([[1, 0.5, 0.6], [0.5, 1, 0.4], [0.6, 0.4, 1]]), always=[1])
    >>> partial.round(4), float(left.round(4))
    (array([[1.   , 0.504],
           [0.504, 1.   ]]), 0.84)
    """
    stack = as_stack(correlation, assume_valid=assume_valid)
    others = [column for column in range(stack.shape[1]) if column not in set(always)]
    order = [*always, *others]
    state = _sweep(stack[:, order][:, :, order], len(always))
    variance = np.diagonal(state, axis1=1, axis2=2)
    left = variance[:, -1].copy()
    if (left <= SMALLEST_PIVOT).any():
        raise ValueError("always: the controls explain the outcome fully, so nothing is left to share.")
    varies = variance > SMALLEST_PIVOT
    scale = np.where(varies, 1.0 / np.sqrt(np.where(varies, variance, 1.0)), 0.0)
    partial = state * scale[:, :, None] * scale[:, None, :]
    on_diagonal = np.arange(partial.shape[1])
    partial[:, on_diagonal, on_diagonal] = np.where(varies, 1.0, 0.0)
    return (partial, left) if np.ndim(correlation) == 3 else (partial[0], left[0])


def lmg_given(correlation: Array, *, always: Sequence[int], assume_valid: bool = False) -> Array:
    """LMG shares of the other predictors when some (controls) are in every model.

    Parameters
    ----------
    correlation : (p + 1, p + 1) or (B, p + 1, p + 1)
        As for :func:`cxlab.stats.importance.lmg`.
    always
        Column numbers of the controls; up to 25 others.
    assume_valid
        As for :func:`cxlab.stats.importance.lmg`.

    Returns
    -------
    (p - a,) or (B, p - a) array
        Shares of the others in their order; they add up to what is explained beyond the controls.

    Raises
    ------
    ValueError
        As for :func:`conditioned`.

    Examples
    --------
    >>> matrix = np.array([[1.0, 0.5, 0.6], [0.5, 1.0, 0.4], [0.6, 0.4, 1.0]])
    >>> lmg_given(matrix, always=[1]).round(6)
    array([0.213333])
    """
    partial, left = conditioned(correlation, always=always, assume_valid=assume_valid)
    return lmg(partial, assume_valid=True) * left[..., None]


def complete_dominance(correlation: Array, *, assume_valid: bool = False) -> Array:
    """In which share of all models without i and j does i explain more than j?

    Parameters
    ----------
    correlation : (p + 1, p + 1) or (B, p + 1, p + 1)
        As for :func:`cxlab.stats.importance.lmg`, with at most 16 predictors.
    assume_valid
        As there.

    Returns
    -------
    (p, p) or (B, p, p) array
        ``[i, j]`` in 0..1; 1 where i completely dominates j; ties (within 1e-12) count half; the diagonal
        is NaN.

    Raises
    ------
    ValueError
        For no correlation matrix or more than 16 predictors.

    Notes
    -----
    Complete dominance implies conditional dominance, which implies a larger LMG share; never the reverse.

    Source: Azen and Budescu (2003), Psychological Methods 8(2).

    Examples
    --------
    >>> complete_dominance(np.array([[1.0, 0.5, 0.6], [0.5, 1.0, 0.4], [0.6, 0.4, 1.0]]))
    array([[nan,  1.],
           [ 0., nan]])
    """
    stack = as_stack(correlation, assume_valid=assume_valid)
    predictors = stack.shape[1] - 1
    explained = explained_by_coalition(stack, players=[[column] for column in range(predictors)])
    table = np.full((len(stack), predictors, predictors), np.nan)
    subsets = np.arange(2**predictors)
    for i in range(predictors):
        for j in range(i):
            without = subsets[(subsets >> i & 1 == 0) & (subsets >> j & 1 == 0)]
            lead = explained[:, without | 1 << i] - explained[:, without | 1 << j]
            wins = (lead > 1e-12).mean(axis=1) + 0.5 * (np.abs(lead) <= 1e-12).mean(axis=1)
            table[:, i, j], table[:, j, i] = wins, 1.0 - wins
    return table if np.ndim(correlation) == 3 else table[0]


def _owen_weights(members: int, others: int) -> Array:
    """Weights for the members of one group beside ``others`` whole groups, (members, coalitions)."""
    coalitions = np.arange(2 ** (members + others))
    own, outside = coalitions & (2**members - 1), coalitions >> members
    inside = np.array([int(subset).bit_count() for subset in own])
    beside = np.array([int(subset).bit_count() for subset in outside])
    outer = np.array([1.0 / ((others + 1) * comb(others, size)) for size in range(others + 1)])[beside]
    inner = np.array([1.0 / (members * comb(members - 1, size)) for size in range(members)])
    weights = np.empty((members, len(coalitions)))
    for member in range(members):
        holds = own >> member & 1 == 1
        gained = inner[np.maximum(inside - 1, 0)]
        lost = inner[np.minimum(inside, members - 1)]
        weights[member] = outer * np.where(holds, gained, -lost)
    return weights
