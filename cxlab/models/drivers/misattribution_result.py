"""What the misattribution model returns: the cells, their shares, the one claim, the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from cxlab.core.columns import RATING_PREFIX
from cxlab.core.errors import ParameterError
from cxlab.core.result import Result
from cxlab.core.verdicts import NOT_IDENTIFIED, REJECTED, SUPPORTED
from cxlab.models.drivers.misattribution_tables import BENT, ELSEWHERE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class MisattributionResult(Result):
    """Where each measurement lands; made by ``MisattributionModel.fit``."""

    shown_columns: ClassVar[tuple[str, ...]] = (
        "kpi",
        "item",
        "points",
        "points_low",
        "points_high",
        "q_value",
        "n",
        "verdict",
    )

    kpi_shares: pd.DataFrame
    item_shares: pd.DataFrame
    moods: pd.DataFrame
    anchor_sensitivity: pd.DataFrame
    #: None where there is no site column and answers are taken as independent
    n_sites: int | None
    confidence: float
    false_discovery_rate: float

    def by_kpi(self) -> pd.DataFrame:
        """Where does this measurement land? Shares halo, home, misattributed and the index; a copy."""
        return self.kpi_shares.copy()

    def by_item(self) -> pd.DataFrame:
        """What is behind this item? Shares of each specific effect and of the mood; a copy."""
        return self.item_shares.copy()

    def mood(self) -> pd.DataFrame:
        """Effect of each measurement on the mood that all ratings share, and its anchors; a copy."""
        return self.moods.copy()

    def sensitivity(self) -> pd.DataFrame:
        """Each claimed cell under other anchor sets; a copy."""
        return self.anchor_sensitivity.copy()

    def matrix(self, *, values: str = "points") -> pd.DataFrame:
        """Measurements by items: specific effect in rating points (or another column of ``table``)."""
        if values not in self.estimates.columns:
            raise ParameterError(
                f"matrix: values must be a column of table(), got {values!r}. Next step: try 'points', "
                f"'estimate', 'q_value' or 'verdict'."
            )
        order = {name: self.estimates[name].drop_duplicates().tolist() for name in ("kpi", "item")}
        wide = self.estimates.pivot(index="kpi", columns="item", values=values)
        return wide.loc[order["kpi"], order["item"]]

    def summary(self) -> str:
        """The strongest misattribution with its interval, its limits, and what may not be claimed."""
        return " ".join([*_claim(self), *_limits(self)])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Measurements on the left, ratings on the right, a band where an effect lands."""
        from cxlab.plots.attribution import attribution_flow

        note = (
            f"Points of the rating when the measurement is one step higher{_at_the_same_site(self)},\n"
            f"beyond the mood that all ratings share. {self.provenance.n_used:,} answers, "
            f"{_sites(self)}, {100 * self.confidence:g} % intervals."
        )
        title = "Where a bad experience lands in the ratings"
        return attribution_flow(self.estimates, mood=self.moods, title=title, note=note, ax=ax)


def plain(name: str) -> str:
    """A column name as words.

    >>> plain("rating_worst_wait")
    'worst wait'
    """
    return name.removeprefix(RATING_PREFIX).replace("_", " ")


def _sites(result: MisattributionResult) -> str:
    return f"{result.n_sites} sites" if result.n_sites else "taken as independent"


def _at_the_same_site(result: MisattributionResult) -> str:
    return " at the same site" if result.n_sites else ""


def _claim(result: MisattributionResult) -> list[str]:
    table = result.estimates
    found = table[(table["role"] == ELSEWHERE) & (table["verdict"] == SUPPORTED)]
    tested = int(table["p_value"].notna().sum())
    if found.empty:
        ruled_out = int((table["verdict"] == REJECTED).sum())
        return [
            f"No rating is shown to absorb what belongs to another operation: {tested} cells tested at "
            f"false discovery rate {result.false_discovery_rate:g}, n = {result.provenance.n_used:,} "
            f"answers, {_sites(result)}. {ruled_out} of the cells are ruled out beyond a "
            f"negligible size; for the others not shown is not absent."
        ]
    top = found.iloc[int(found["points"].abs().to_numpy().argmax())]
    item, moves = plain(top["item"]), "falls" if top["points"] < 0 else "rises"
    low, high = top["points_low"], top["points_high"]
    if top["points"] < 0:
        low, high = -high, -low
    quality = f"although the measured quality of {item} is held equal"
    if not top["quality_measured"]:
        quality = f"but the quality of {item} itself is not measured and may really have been worse then"
    more = f" {len(found) - 1} more such cells are in table()." if len(found) > 1 else ""
    when = f"{plain(top['kpi'])} is one standard deviation ({top['kpi_sd']:.3g}) higher"
    if top["kpi_step"] != top["kpi_sd"]:
        when = f"{plain(top['kpi'])} holds instead of not"
    return [
        f"The rating of {item} {moves} by {abs(top['points']):.2f} points "
        f"({100 * result.confidence:g} % interval {low:.2f} to {high:.2f}) when {when}"
        f"{_at_the_same_site(result)}, beyond the mood all ratings share, {quality} (n = {top['n']:,}, "
        f"{_sites(result)}, {tested} cells tested at false discovery rate "
        f"{result.false_discovery_rate:g}).{more}"
    ]


def _limits(result: MisattributionResult) -> list[str]:
    table = result.estimates
    blurred = table.loc[table["verdict"] == NOT_IDENTIFIED, "kpi"].drop_duplicates()
    words = []
    if len(blurred):
        names = ", ".join(plain(str(name)) for name in blurred)
        words.append(f"For {names} mood and specific effect cannot be told apart, so no item is named.")
    bent = result.estimates.loc[result.estimates["claim"] == BENT, "kpi"].drop_duplicates()
    if len(bent):
        names = ", ".join(plain(str(name)) for name in bent)
        words.append(f"For {names} a straight line is not enough: measure a threshold instead.")
    failed = result.diagnostics.loc[~result.diagnostics["passed"].astype(bool), "check"]
    if len(failed):
        words.append(f"Checks not passed: {'; '.join(failed)}.")
    words.append(
        "An unmeasured workload that moves with the measurement would overturn it. Not claimed: motive, "
        "cause without a change from outside (a closure, a roster), or harm that is equal for all ratings."
    )
    return words
