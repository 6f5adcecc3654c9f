"""Why this customer: what each family of features adds to the logit, printed only if refits agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.errors import FitError
from cxlab.models.churn.features import FeatureCoder

if TYPE_CHECKING:
    from cxlab.models.churn.training import Trainer, Training
    from cxlab.stats.gated import GatedClassifier

#: A reason is printed if its sign is kept in this share of the refits,
SIGN_KEPT: Final = 0.80
#: and if it is among the strongest in this share.
TOP_KEPT: Final = 0.50
#: Features whose rank correlation is stronger than this tell one story and are one family.
ALIKE: Final = 0.70
# A refit learns from at most this many rows of a customer bootstrap: rather too unstable than too slow.
_REFIT_ROWS: Final = 10_000
_SCAN_ROWS: Final = 20_000


@dataclass(frozen=True, kw_only=True)
class Family:
    """Features that are explained together, and the name under which they are printed."""

    name: str
    columns: tuple[int, ...]


def families_of(data: Training, given: Mapping[str, Sequence[str]] | None = None) -> tuple[Family, ...]:
    """Families named by the user, then features with a rank correlation above 0.7 joined, then the rest.

    Levels count as the churn share of their rows. Correlated features share their effect in ways that
    differ between refits; their sum is stable. An automatic family is named after its first member.

    Raises
    ------
    FitError
        For a feature that does not exist or stands in two families.
    """
    features = data.coder.features
    place = {name: j for j, name in enumerate(features)}
    named = [(name, list(members)) for name, members in (given or {}).items()]
    members = [member for _, those in named for member in those]
    unknown = [member for member in members if member not in place]
    if unknown or len(set(members)) < len(members):
        raise FitError(
            f"reason_codes: families must name existing features once; wrong: "
            f"{', '.join(unknown) or 'a feature stands in two families'}. Next step: correct families=."
        )
    families = [
        Family(name=name, columns=tuple(place[member] for member in those)) for name, those in named
    ]
    free = [j for j in range(len(features)) if features[j] not in set(members)]
    for group in _alike(_scores(data)[:, free]):
        columns = tuple(free[j] for j in group)
        families.append(Family(name=_joined([features[j] for j in columns]), columns=columns))
    return tuple(families)


def _joined(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} alike"


def _scores(data: Training) -> NDArray[np.float64]:
    """Ranks of the features, levels by their churn share, missing in the middle; (n, k), standardised."""
    from scipy.stats import rankdata

    step = max(1, len(data.matrix) // _SCAN_ROWS)
    matrix, churned = data.matrix[::step].copy(), data.churned[::step]
    for j in data.coder.categorical:
        codes = np.where(np.isnan(matrix[:, j]), -1, matrix[:, j]).astype(int) + 1
        matrix[:, j] = (np.bincount(codes, churned) / np.maximum(np.bincount(codes), 1))[codes]
    ranks = rankdata(matrix, axis=0, nan_policy="omit")
    ranks = ranks - np.nanmean(np.where(np.isfinite(ranks), ranks, np.nan), axis=0)
    ranks = np.nan_to_num(ranks)
    spread = np.sqrt((ranks**2).mean(axis=0))
    return np.asarray(ranks / np.where(spread > 0.0, spread, 1.0), dtype=float)


def _alike(scores: NDArray[np.float64]) -> list[list[int]]:
    """Groups of columns, complete linkage: every two members of a group are alike."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if scores.shape[1] < 2:
        return [[j] for j in range(scores.shape[1])]
    distance = 1.0 - np.abs(scores.T @ scores / len(scores)).clip(0.0, 1.0)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), method="complete")
    label = fcluster(tree, t=1.0 - ALIKE, criterion="distance")
    groups = {int(one): [j for j in range(len(label)) if label[j] == one] for one in label}
    return sorted(groups.values())


def family_contributions(
    model: GatedClassifier, matrix: NDArray[np.float64], families: Sequence[Family]
) -> NDArray[np.float64]:
    """What each family adds to the logit, (n, families), against the mean training row."""
    if not len(matrix):
        return np.empty((0, len(families)))
    single = model.contributions(matrix)
    return np.column_stack([single[:, family.columns].sum(axis=1) for family in families])


def refit_models(
    data: Training, trainer: Trainer, model: GatedClassifier, count: int
) -> list[GatedClassifier]:
    """The recipe of ``model`` fitted to ``count`` bootstrap draws of customers, at most 10,000 rows each.

    Fewer rows than the real fit make refits differ more, so stability is understated for big panels.
    """
    from cxlab.stats.gated import GatedClassifier

    clusters = data.clusters
    order = np.argsort(clusters, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(clusters))])
    rng = np.random.default_rng([trainer.seed, 5])
    customers = len(starts) - 1
    drawn = max(1, int(customers * min(1.0, _REFIT_ROWS / len(clusters))))
    found = []
    for _ in range(count):
        chosen = rng.integers(0, customers, drawn)
        rows = np.concatenate([order[starts[one] : starts[one + 1]] for one in chosen])
        recipe = GatedClassifier(
            recipe=model.recipe_,
            calibration="none",
            categorical_features=data.coder.categorical or None,
            random_state=trainer.seed,
        )
        if len(np.unique(data.churned[rows])) == 2:
            found.append(recipe.fit(data.matrix[rows], data.churned[rows]))
    return found


def reason_table(
    contributions: NDArray[np.float64],
    refitted: Sequence[NDArray[np.float64]],
    names: Sequence[str],
    *,
    top: int,
    index: pd.Index,
) -> pd.DataFrame:
    """The strongest reasons of each row that refits agree on: reason_1, reason_2, ... as text.

    A reason reads ``family (+0.42)``: what the family adds to the logit. Empty where fewer are stable.
    ``reasons_stable`` counts those printed.
    """
    size = np.abs(contributions)
    strongest = np.argsort(-size, axis=1, kind="stable")[:, :top]
    signs = np.mean([np.sign(one) == np.sign(contributions) for one in refitted], axis=0)
    among = np.mean([_among_top(one, top) for one in refitted], axis=0)
    rows = np.arange(len(contributions))[:, None]
    stable = (signs >= SIGN_KEPT) & (among >= TOP_KEPT) & (size > 0.0)
    out = {}
    keep = stable[rows, strongest]
    # Stable reasons first, in their order of size.
    order = np.argsort(~keep, axis=1, kind="stable")
    strongest, keep = strongest[rows, order], keep[rows, order]
    label = np.array(names, dtype=object)
    for place in range(top):
        value = contributions[np.arange(len(contributions)), strongest[:, place]]
        text = [
            f"{name} ({one:+.2f})" if shown else ""
            for name, one, shown in zip(label[strongest[:, place]], value, keep[:, place], strict=True)
        ]
        out[f"reason_{place + 1}"] = pd.array(text, dtype="str")
    return pd.DataFrame(out, index=index).assign(reasons_stable=keep.sum(axis=1))


def _among_top(contributions: NDArray[np.float64], top: int) -> NDArray[np.bool_]:
    size = np.abs(contributions)
    if not len(size):
        return np.empty(size.shape, dtype=bool)
    top = min(top, size.shape[1])
    least = np.partition(size, size.shape[1] - top, axis=1)[:, size.shape[1] - top]
    return np.asarray(size >= least[:, None])


def stability(
    contributions: NDArray[np.float64], refitted: Sequence[NDArray[np.float64]], *, top: int
) -> dict[str, float]:
    """Mean overlap (Jaccard) of the top reasons, share with the same first, spread of a row's logit."""
    ours = _among_top(contributions, top)
    both = [_among_top(one, top) for one in refitted]
    overlap = [(ours & one).sum(1) / (ours | one).sum(1) for one in both]
    first = np.abs(contributions).argmax(axis=1)
    same = [np.abs(one).argmax(axis=1) == first for one in refitted]
    logits = np.stack([one.sum(axis=1) for one in refitted])
    return {
        "top_overlap": float(np.mean(overlap)),
        "same_first": float(np.mean(same)),
        "logit_spread": float(logits.std(axis=0, ddof=1).mean()) if len(logits) > 1 else float("nan"),
    }


def coded(coder: FeatureCoder, table: pd.DataFrame) -> NDArray[np.float64]:
    """The features of ``table`` as numbers; an empty matrix for an empty table."""
    return coder.matrix(table) if len(table) else np.empty((0, len(coder.features)))
