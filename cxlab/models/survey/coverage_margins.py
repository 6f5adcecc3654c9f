"""Known shares of a population, read against the contacts that answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.errors import FitError, NotAnswerableError


@dataclass(frozen=True, eq=False, kw_only=True)
class Margins:
    """Per column the category of each answer, 0..C-1, and the population's shares (C,)."""

    columns: tuple[str, ...]
    codes: tuple[NDArray[np.intp], ...]
    targets: tuple[NDArray[np.float64], ...]


def read_margins(
    table: pd.DataFrame,
    margins: Mapping[str, Mapping[str, float]] | None,
    *,
    observed: NDArray[np.bool_],
) -> Margins | None:
    """Margins as arrays; FitError for an answer whose category has no share, None without margins."""
    if not margins:
        return None
    codes, targets = [], []
    for column, shares in margins.items():
        if column not in table.columns:
            raise NotAnswerableError(
                "How satisfied are all customers?",
                reason=f"population_margins name {column}, which the contacts do not have.",
                next_step="name a column of the contacts.",
            )
        categories = pd.Index([str(category) for category in shares])
        found = table.loc[observed, column]
        places = categories.get_indexer(pd.Index(found.astype("str").where(found.notna(), "(missing)")))
        if (places < 0).any():
            unknown = str(found[places < 0].iloc[0])
            raise FitError(
                f"population_margins: {int((places < 0).sum())} answers have a {column} without a share, "
                f"such as {unknown!r}. Next step: give every category a share, or recode it."
            )
        codes.append(np.asarray(places, dtype=np.intp))
        targets.append(np.array([float(share) for share in shares.values()]))
    return Margins(columns=tuple(margins), codes=tuple(codes), targets=tuple(targets))
