"""Exact Shapley values of small boosted trees, tabulated: a row's splits are the address of its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: More inner nodes than this would need tables of more than 512 entries per tree.
MOST_SPLITS: Final = 9


@dataclass(frozen=True, kw_only=True, eq=False)
class TreeTable:
    """One tree: its splits, and for each pattern of answers (left or right) the values of its columns."""

    splits: tuple[Any, ...]
    columns: NDArray[np.int64]
    values: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class TreeTables:
    """All trees of a booster; ``base`` is the mean logit of its training rows."""

    trees: tuple[TreeTable, ...]
    base: float
    width: int

    def contributions(self, X: FloatArray) -> FloatArray:
        """Shapley values (n, width) of the rows ``X``; with ``base`` they add up to the logit."""
        out = np.zeros((self.width, len(X)))
        for tree in self.trees:
            address = np.zeros(len(X), dtype=np.int64)
            for place, split in enumerate(tree.splits):
                address |= _goes_right(split, X).astype(np.int64) << place
            for column, values in zip(tree.columns, tree.values, strict=True):
                out[column] += values[address]
        return out.T


@dataclass(frozen=True, kw_only=True, eq=False)
class _Split:
    column: int
    threshold: float
    missing_left: bool
    left_levels: NDArray[np.int64] | None
    known_levels: NDArray[np.int64] | None


def tree_tables(booster: Any, levels: Sequence[int], *, width: int) -> TreeTables:
    r"""Tabulate the trees of a fitted ``HistGradientBoostingClassifier`` of two classes.

    The value of column j for a row is its Shapley value in the game whose pay-off for a set S of columns is
    the mean of the tree when the splits on S follow the row and the others are averaged by training rows:

    .. math:: \phi_j = \sum_{S \not\ni j} \frac{|S|!\,(M - |S| - 1)!}{M!} [v(S \cup j) - v(S)]

    A tree with N splits has 2^N patterns of answers and so a table of that length; with eight leaves 128.

    Parameters
    ----------
    booster
        Fitted on rows of ``width`` columns.
    levels
        Column numbers given as categorical.
    width
        Number of columns.

    Raises
    ------
    ValueError
        If a tree has more than nine splits.

    Notes
    -----
    Reads the trees through scikit-learn's private ``_predictors``: a test compares the sum of the values
    with the booster's own logit, so that a change there cannot pass unseen.
    """
    numbers = [j for j in range(width) if j not in set(levels)]
    # The booster moves categorical columns to the front.
    order = [*sorted(levels), *numbers]
    known = _known_levels(booster)
    trees, base = [], float(np.ravel(booster._baseline_prediction)[0])
    for (predictor,) in booster._predictors:
        table, mean = _one_tree(predictor, order, known)
        base += mean
        if table is not None:
            trees.append(table)
    return TreeTables(trees=tuple(trees), base=base, width=width)


def _known_levels(booster: Any) -> dict[int, FloatArray]:
    """Levels per column of the booster's own order; it numbers them afresh, sorted."""
    if booster._preprocessor is None:
        return {}
    encoder = booster._preprocessor.named_transformers_["encoder"]
    return {place: np.asarray(found, dtype=float) for place, found in enumerate(encoder.categories_)}


def _one_tree(
    predictor: Any, order: list[int], known: dict[int, FloatArray]
) -> tuple[TreeTable | None, float]:
    nodes = predictor.nodes
    inner = np.flatnonzero(~nodes["is_leaf"].astype(bool))
    if len(inner) > MOST_SPLITS:
        raise ValueError(
            f"contributions need trees of at most {MOST_SPLITS + 1} leaves, got one of {len(inner) + 1}. "
            "Next step: fit with leaves=8."
        )
    if not len(inner):
        return None, float(nodes["value"][0])
    splits = tuple(_split(predictor, nodes[node], order, known) for node in inner)
    columns = np.unique([split.column for split in splits])
    place_of = {int(node): place for place, node in enumerate(inner)}
    patterns = np.arange(2 ** len(inner))
    subsets = np.arange(2 ** len(columns))

    def payoff(node: int) -> FloatArray:
        """(subsets, patterns): the mean below ``node`` when the splits on a subset follow the pattern."""
        if nodes["is_leaf"][node]:
            return np.full((len(subsets), len(patterns)), float(nodes["value"][node]))
        left, right = int(nodes["left"][node]), int(nodes["right"][node])
        below, above = payoff(left), payoff(right)
        place = place_of[node]
        told = ((subsets >> int(np.searchsorted(columns, splits[place].column))) & 1).astype(bool)
        share = float(nodes["count"][left]) / float(nodes["count"][node])
        follows = np.where((patterns >> place) & 1, above, below)
        return np.where(told[:, None], follows, share * below + (1.0 - share) * above)

    found = payoff(0)
    return TreeTable(splits=splits, columns=columns, values=_shapley(found)), float(found[0, 0])


def _shapley(payoff: FloatArray) -> FloatArray:
    """Shapley values (columns, patterns) of pay-offs (2^columns, patterns)."""
    count = int(np.log2(len(payoff)))
    subsets = np.arange(len(payoff))
    size = ((subsets[:, None] >> np.arange(count)) & 1).sum(axis=1)
    weight = np.array([factorial(s) * factorial(max(count - s - 1, 0)) for s in size]) / factorial(count)
    out = np.empty((count, payoff.shape[1]))
    for j in range(count):
        without = subsets[((subsets >> j) & 1) == 0]
        out[j] = weight[without] @ (payoff[without | (1 << j)] - payoff[without])
    return out


def _split(predictor: Any, node: Any, order: list[int], known: dict[int, FloatArray]) -> _Split:
    place = int(node["feature_idx"])
    left_levels = known_levels = None
    if node["is_categorical"]:
        row = int(node["bitset_idx"])
        held = known[place]
        numbers = np.arange(len(held))
        bits = predictor.raw_left_cat_bitsets[row]
        inside = (bits[numbers // 32] >> (numbers % 32).astype(np.uint32)) & 1
        left_levels = held[(inside == 1) & ~np.isnan(held)].astype(np.int64)
        known_levels = held[~np.isnan(held)].astype(np.int64)
    return _Split(
        column=order[place],
        threshold=float(node["num_threshold"]),
        missing_left=bool(node["missing_go_to_left"]),
        left_levels=left_levels,
        known_levels=known_levels,
    )


def _goes_right(split: _Split, X: FloatArray) -> NDArray[np.bool_]:
    values = X[:, split.column]
    missing = np.isnan(values)
    if split.left_levels is None or split.known_levels is None:
        right = values > split.threshold
    else:
        codes = np.where(missing, -1, values).astype(np.int64)
        right = ~np.isin(codes, split.left_levels)
        missing = missing | ~np.isin(codes, split.known_levels)
    return np.where(missing, not split.missing_left, right)
