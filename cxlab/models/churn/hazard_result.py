"""What a hazard model returns: chances of leaving, curves, odds ratios, remaining life, predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.errors import FitError
from cxlab.core.result import Result
from cxlab.core.verdicts import NOT_IDENTIFIED
from cxlab.models.churn.hazard_design import HazardDesign, is_number, numbers
from cxlab.models.churn.hazard_evidence import HazardEvidence
from cxlab.models.churn.hazard_tables import (
    ALL_CAUSES,
    FROM_JOINING,
    LEAST_CUSTOMERS,
    STILL_HERE,
    People,
    curves_table,
    effects_table,
)
from cxlab.plots.words import periods_word
from cxlab.stats.hazard_curves import remaining_life

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cxlab.models.churn.hazard import HazardModel

IntArray = NDArray[np.int64]

#: Customers whose curves are held at a time while predicting.
_CHUNK = 50_000


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class HazardResult(Result):
    """A fitted hazard; see :class:`HazardModel`.

    Attributes
    ----------
    settings
        The model that was fitted.
    evidence
        Coefficients with their replicates, and the curve of age.
    design
        How columns become covariates.
    people
        The customers of the fit.
    places
        Where the rows that were used stood in the table that was fitted.
    causes, events
        Names of the causes, and how many left by each.
    """

    settings: HazardModel
    evidence: HazardEvidence
    design: HazardDesign
    people: People
    places: IntArray
    causes: tuple[str, ...]
    events: IntArray

    def used_rows(self, spells: pd.DataFrame) -> pd.DataFrame:
        """The rows of the table that was fitted which the fit used, in its order.

        Raises
        ------
        FitError
            If ``spells`` has another number of rows than the table that was fitted.
        """
        if len(spells) != self.provenance.n_rows:
            raise FitError(
                f"HazardResult.used_rows: the table has {len(spells):,} rows, the one that was fitted "
                f"{self.provenance.n_rows:,}. Next step: give that table."
            )
        return spells.iloc[self.places]

    def predict(self, table: pd.DataFrame, *, horizon_periods: int | None = None) -> pd.Series:
        """Chance to leave within the horizon, given the age reached, aligned to the index of ``table``.

        Age is read from the time column of the model (periods lived so far); without it everybody is
        taken as joining now.

        Raises
        ------
        FitError
            If features are absent or have changed their type, or an age is no whole number from 0.
        """
        horizon = self.settings.horizon_periods if horizon_periods is None else horizon_periods
        covariates, age = self.design.matrix(table), self._age(table)
        parts = [
            1.0 - self.evidence.curves(covariates[part], age[part], horizon=horizon).survival[:, -1]
            for part in _chunks(len(table))
        ]
        values = np.concatenate(parts) if parts else np.empty(0)
        return pd.Series(values, index=table.index, name="churn_probability")

    def remaining_life(
        self,
        table: pd.DataFrame,
        *,
        life_periods: int | None = None,
        discount_per_period: float = 0.0,
        tail: bool = False,
    ) -> pd.DataFrame:
        """Expected payments still to come of each row, given its age; aligned to the index.

        Returns
        -------
        DataFrame
            ``remaining_periods`` (payments in advance, discounted to today), ``tail_periods`` (the part of
            it beyond ``life_periods``, 0 without ``tail``: a constant hazard, an assumption).
        """
        horizon = self.settings.life_periods if life_periods is None else life_periods
        covariates, age = self.design.matrix(table), self._age(table)
        parts = [
            remaining_life(
                self.evidence.curves(covariates[part], age[part], horizon=horizon),
                discount=discount_per_period,
                tail=tail,
            )
            for part in _chunks(len(table))
        ]
        life = np.concatenate([part[0] for part in parts]) if parts else np.empty(0)
        beyond = np.concatenate([part[1] for part in parts]) if parts else np.empty(0)
        return pd.DataFrame({"remaining_periods": life, "tail_periods": beyond}, index=table.index)

    def effects(self) -> pd.DataFrame:
        """Odds ratios of leaving by each cause rather than staying: term, cause, estimate, limits, p, n.

        They say who leaves more often at the same age and with the other features alike; not why.
        """
        return effects_table(
            self.evidence,
            self.design,
            causes=self.causes,
            confidence=self.settings.confidence,
            n=self.provenance.n_used,
        )

    def curves(
        self, *, segment: str = "", by: pd.Series | None = None, horizon_periods: int | None = None
    ) -> pd.DataFrame:
        """Survival and, with several causes, cumulative incidence, per period ahead with limits.

        Parameters
        ----------
        segment
            "from joining" (all who joined, age 0) or "still here" (given the age of each); empty takes
            the first that the data identify.
        by
            A column of the table that was fitted: one set of curves per value with 10 customers or more.
        horizon_periods
            Periods ahead; the longer of the model's two windows if None.

        Returns
        -------
        DataFrame
            segment, curve ("survival" or a cause), period, estimate, conf_low, conf_high, n.
        """
        chosen = segment or self._identified()
        reach = horizon_periods or max(self.settings.horizon_periods, self.settings.life_periods)
        groups: list[tuple[str, IntArray | None]] = [(chosen, None)]
        if by is not None:
            groups = self._groups(by, chosen)
        parts = [
            curves_table(
                self.people.curves(
                    self.evidence, chosen, horizon=reach, seed=self.settings.seed, among=among
                ),
                segment=name,
                causes=self.causes,
                confidence=self.settings.confidence,
            )
            for name, among in groups
        ]
        return pd.concat(parts, ignore_index=True)

    def summary(self) -> str:
        """Leaving within the horizon and remaining life with intervals, assumption and limits."""
        here = self._line(f"leaves_within_{self.settings.horizon_periods}", STILL_HERE)
        start = self._line(f"leaves_within_{self.settings.horizon_periods}", FROM_JOINING)
        life = self._line(f"remaining_periods_{self.settings.life_periods}", STILL_HERE)
        word, unit = f"{self.settings.confidence:.0%} interval", self.settings.period
        parts = []
        if np.isfinite(here["estimate"]):
            parts.append(
                f"Of the {int(here['n']):,} customers still here, {_percent(here)} leave within "
                f"{self.settings.horizon_periods} {periods_word(unit)} given their age so far "
                f"({word}); of the next "
                f"{self.settings.life_periods} {periods_word(unit)} they stay for "
                f"{life['estimate']:.1f} [{life['conf_low']:.1f}, {life['conf_high']:.1f}]."
            )
        if np.isfinite(start["estimate"]):
            parts.append(f"Of those joining, {_percent(start)} leave within the same window.")
        elif start["verdict"] == NOT_IDENTIFIED:
            parts.append(
                f"Leaving from joining on is not identified: nobody was seen before age "
                f"{self.evidence.curve.first - 1}."
            )
        if len(self.causes) > 1:
            shown = "; ".join(
                f"{cause}: {count:,}" for cause, count in zip(self.causes, self.events, strict=True)
            )
            parts.append(f"Causes, each with the others competing ({shown} events).")
        failed = self.diagnostics.loc[~self.diagnostics["passed"].astype(bool), "check"].tolist()
        if failed:
            parts.append(f"Failed checks: {', '.join(failed)}.")
        parts.append(
            f"{int(self.events.sum()):,} events; holds if those censored or seen late are like the others "
            "with the same features, and if hazards stay as they were; it predicts, and does not say why."
        )
        return " ".join(parts)

    def plot(self, *, segment: str = "", by: pd.Series | None = None, ax: Axes | None = None) -> Axes:
        """Survival (and cumulative incidence by cause) per period ahead, with bands."""
        from cxlab.plots.survival import plot_survival

        chosen = segment or self._identified()
        n = len(self.people.first if chosen == FROM_JOINING else self.people.here)
        who = "all who joined" if chosen == FROM_JOINING else "customers still here, given their age"
        return plot_survival(
            self.curves(segment=chosen, by=by),
            ax=ax,
            title="How long do customers stay?",
            period=self.settings.period,
            since="since joining" if chosen == FROM_JOINING else "from now",
            note=f"{who}; n = {n:,}, {int(self.events.sum()):,} left; bands: "
            f"{self.settings.confidence:.0%} intervals",
        )

    def _identified(self) -> str:
        start = self._line(f"leaves_within_{self.settings.horizon_periods}", FROM_JOINING)
        return FROM_JOINING if np.isfinite(start["estimate"]) else STILL_HERE

    def _line(self, term: str, segment: str) -> pd.Series:
        rows = self.estimates
        return rows[
            (rows["term"] == term) & (rows["segment"] == segment) & (rows["cause"] == ALL_CAUSES)
        ].iloc[0]

    def _groups(self, by: pd.Series, chosen: str) -> list[tuple[str, IntArray | None]]:
        if len(by) != self.provenance.n_used:
            raise FitError(
                f"HazardResult.curves: by holds {len(by):,} values, the fit used "
                f"{self.provenance.n_used:,} rows. Next step: give a column of the rows that were fitted."
            )
        members = self.people.first if chosen == FROM_JOINING else self.people.here
        values = by.reset_index(drop=True)
        counts = values.iloc[members].value_counts()
        kept = sorted(str(level) for level in counts.index[counts >= LEAST_CUSTOMERS])
        text = values.astype(object).map(str)
        return [(level, np.flatnonzero((text == level).to_numpy())) for level in kept]

    def _age(self, table: pd.DataFrame) -> IntArray:
        if self.settings.time_column not in table:
            return np.zeros(len(table), dtype=np.int64)
        column = table[self.settings.time_column]
        age = numbers(column) if is_number(column) else np.full(len(table), np.nan)
        wrong = ~(age >= 0) | (age != np.floor(age))
        if wrong.any():
            raise FitError(
                f"HazardModel: {self.settings.time_column} must be whole periods, 0 or more; "
                f"{int(wrong.sum()):,} rows are not. Next step: count the periods each customer has lived."
            )
        return age.astype(np.int64)


def _chunks(n: int) -> list[slice]:
    return [slice(low, low + _CHUNK) for low in range(0, n, _CHUNK)]


def _percent(line: pd.Series) -> str:
    return f"{line['estimate']:.1%} [{line['conf_low']:.1%}, {line['conf_high']:.1%}]"
