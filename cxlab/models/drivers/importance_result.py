"""What an importance analysis says: shares, differences, all measures, dominance, noise, words, picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import RATING_PREFIX
from cxlab.core.errors import ParameterError
from cxlab.core.result import Result
from cxlab.core.verdicts import SUPPORTED
from cxlab.models.drivers.importance_fit import ImportanceFit
from cxlab.models.drivers.importance_tables import (
    by_size_table,
    differences_table,
    dominance_table,
    measures_table,
    noise_table,
)
from cxlab.models.drivers.importance_terms import Terms

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ImportanceResult(Result):
    """Importance of each driver, largest first.

    ``table()`` has one row per driver: ``term``; ``estimate`` (LMG share of the outcome's variance; the
    shares add up to R2), ``std_error``, ``conf_low``, ``conf_high``; ``share_percent`` of R2 with
    ``share_low_percent`` and ``share_high_percent``; ``johnson`` (Johnson's weight, a second opinion);
    ``beta`` (standardised slope, which carries the sign) with ``beta_std_error``, ``p_value`` and
    ``p_value_holm`` (corrected for the number of drivers); ``rank``; ``leads_share`` (share of
    replicates in which the driver ranks first); ``n``; ``verdict`` on "it adds something that the
    other drivers do not", from the p-value, because an LMG share is never negative.

    With ``groups`` a row is a group or a driver outside of groups; ``beta`` is empty for a group and
    ``p_value`` tests all its slopes together. With ``always_in`` the shares are of what is explained beyond
    those drivers. For an ordinal or top-box outcome the variance is that of the normal quantity behind it.
    """

    shown_columns: ClassVar[tuple[str, ...]] = (
        "term",
        "estimate",
        "share_percent",
        "share_low_percent",
        "share_high_percent",
        "beta",
        "p_value_holm",
        "n",
        "verdict",
    )

    outcome: str
    confidence: float
    unit: str
    clusters: int
    cluster_word: str
    r_squared: float
    r_squared_interval: tuple[float, float]
    drivers: tuple[str, ...]
    terms: Terms
    seed: int
    # (replicates, terms) shares in the order of table(): differences and maps reuse the same draws.
    _replicates: Array
    _fitted: ImportanceFit
    _degrees_of_freedom: int

    def differences(self) -> pd.DataFrame:
        """Share of one term minus share of another, all pairs, from the same replicates.

        Columns ``term``, ``versus`` (the smaller), ``estimate``, ``std_error``, ``conf_low``,
        ``conf_high``, ``p_value`` (t of the bootstrap error), ``p_value_holm`` (all pairs),
        ``larger_share`` (replicates in which ``term`` is larger), ``n``, ``verdict`` on "they differ".
        """
        return differences_table(
            list(self.estimates["term"]),
            self.estimates["estimate"].to_numpy(),
            self._replicates,
            degrees=self._degrees_of_freedom,
            n=self.provenance.n_used,
            confidence=self.confidence,
        )

    def measures(self) -> pd.DataFrame:
        """All measures side by side: lmg, johnson, car, pratt, first, last, beta2, and owen with groups.

        Columns ``measure``, ``term`` (single drivers), ``estimate``, ``std_error``, ``conf_low``,
        ``conf_high``, ``rank`` within the measure, ``n``. What each formula is:
        :func:`cxlab.stats.importance_measures.importance_measures`.
        """
        found = measures_table(
            self._fitted,
            self.terms,
            self.drivers,
            degrees=self._degrees_of_freedom,
            confidence=self.confidence,
        )
        return found.assign(n=self.provenance.n_used)

    def dominance(self) -> pd.DataFrame:
        """Which driver dominates which: in every model, at every size of model, or on average.

        Columns ``term``, ``versus`` (the smaller share), ``estimate`` (share of all models of the other
        drivers in which ``term`` explains more), ``level`` (``complete``, ``conditional``, ``general``
        or ``none``), and ``general_share``, ``conditional_share``, ``complete_share``: in how many of
        the first 100 replicates it holds; ``n``. Up to 16 drivers (ParameterError beyond).
        """
        self._require_few("dominance", 16)
        found = dominance_table(self._fitted, self.terms, self.drivers)
        return found.assign(n=self.provenance.n_used)

    def by_size(self) -> pd.DataFrame:
        """Average gain of each driver (``estimate``) by the number of others in the model, and ``n``."""
        self._require_few("by_size", 25)
        found = by_size_table(self._fitted, self.terms, self.drivers)
        return found.assign(n=self.provenance.n_used)

    def noise_probe(self) -> pd.DataFrame:
        """Share of each term minus that of a made-up column of noise that competes in the same model.

        The noise differs between dealers by as large a share as the rating that differs most between them.
        Columns ``term``, ``estimate``, ``std_error``, ``conf_low``, ``conf_high``, ``noise_share``,
        ``above_noise_share`` (replicates), ``p_value`` (the Wald test of the table, which asks another
        question), ``label``, ``n`` and ``verdict`` on "it goes along with the outcome at all". A rating
        that only shares the common mood is above noise and yet adds nothing: read it beside ``p_value``.
        """
        found = noise_table(
            self._fitted,
            self.terms,
            degrees=self._degrees_of_freedom,
            confidence=self.confidence,
            rng=np.random.default_rng(self.seed),
        )
        found.insert(list(found.columns).index("verdict"), "n", self.provenance.n_used)
        return found.set_index("term").loc[list(self.estimates["term"])].reset_index()

    def _require_few(self, name: str, most: int) -> None:
        competing = len(self.drivers) - len(self.terms.always)
        if competing > most:
            raise ParameterError(
                f"ImportanceResult.{name}: all models of {competing} drivers are too many to compare, at "
                f"most {most}. Next step: fit fewer drivers."
            )

    def summary(self) -> str:
        """The leading driver with its interval, n, the assumption and what may not be claimed."""
        top, n = self.estimates.iloc[0], self.provenance.n_used
        low, high = self.r_squared_interval
        supported = int((self.estimates["verdict"] == SUPPORTED).sum())
        lost = self.provenance.n_rows - n
        return (
            f"{top['term']} leads {len(self.estimates)} drivers of {self.outcome}: "
            f"{top['share_percent']:.0f} % of the explained variance ({100 * self.confidence:g} % interval "
            f"{top['share_low_percent']:.0f} to {top['share_high_percent']:.0f} %), first in "
            f"{100 * top['leads_share']:.0f} % of the resamples; its own contribution is {top['verdict']}. "
            f"All drivers explain {100 * self.r_squared:.0f} % ({100 * low:.0f} to {100 * high:.0f} %) of "
            f"the variance of {self.outcome}; {supported} of them add something that the others do not. "
            f"n = {n:,} complete answers{self._where()}, {lost:,} set aside; {self._assumption()} "
            f"Importance is not an effect: it does not say that raising a rating raises {self.outcome}."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Shares of the explained variance with intervals, largest on top."""
        from cxlab.plots.forest import forest

        table = self.estimates
        frame = pd.DataFrame(
            {
                "term": [str(term).removeprefix(RATING_PREFIX).replace("_", " ") for term in table["term"]],
                "estimate": table["share_percent"],
                "conf_low": table["share_low_percent"],
                "conf_high": table["share_high_percent"],
                "solid": table["verdict"] == SUPPORTED,
            }
        )
        axes = forest(
            frame,
            title=f"What goes along with {self.outcome.replace('_', ' ')}",
            x_label=f"share of the explained variance, percent (R² = {self.r_squared:.2f})",
            note=(
                f"n = {self.provenance.n_used:,} answers{self._where()}; {100 * self.confidence:g} % "
                f"intervals; hollow: own contribution not supported"
            ),
            decimals=0,
            ax=ax,
        )
        # Shares are compared by length, so the axis starts where nothing is shared.
        axes.set_xlim(left=0.0)
        return axes

    def _where(self) -> str:
        return f" from {self.clusters:,} {self.cluster_word}" if self.clusters > 1 else ""

    def _assumption(self) -> str:
        word = self.cluster_word
        return {
            "clusters": f"intervals resample whole {word} and assume that these stand for all.",
            "one cluster": f"intervals resample answers and speak about this one of the {word} only.",
            "answers": "intervals assume independent answers: too narrow if answers share a dealer.",
        }[self.unit]
