"""What customers with a contract are still worth: remaining life times margin, with limits."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.errors import FitError, NotAnswerableError, ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, Result, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.core.verdicts import TOO_FEW
from cxlab.models.churn.hazard import HazardModel
from cxlab.models.churn.hazard_design import is_number, numbers
from cxlab.models.churn.hazard_result import HazardResult
from cxlab.models.churn.intervals import limits
from cxlab.plots.words import periods_word
from cxlab.stats.hazard_curves import remaining_life

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = NDArray[np.float64]

QUESTION = "What customers are still worth"
ALL = "all"
GONE = "has left, or an earlier row of the customer"
NO_VALUE = "value missing"
NOT_IN_FIT = "not usable by the hazard"
#: Customers whose value is drawn again for every replicate; limits of single customers are theirs only.
MOST_DRAWN = 10_000
LEAST_CUSTOMERS = 10
COLUMNS = ("term", "segment", "estimate", "std_error", "conf_low", "conf_high", "n", "verdict")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class LifetimeValueResult(Result):
    """Remaining life and value by segment and per customer; see :class:`LifetimeValueModel`."""

    shown_columns: ClassVar[tuple[str, ...]] = ("term", "segment", "estimate", "conf_low", "conf_high", "n")

    settings: LifetimeValueModel
    hazard: HazardResult
    customer_rows: pd.DataFrame

    def customers(self) -> pd.DataFrame:
        """Each customer still here: age, chance to leave, remaining life, value with limits; a copy.

        Limits carry the error of the fit, not the luck of one customer, who stays or leaves.
        """
        return self.customer_rows.copy()

    def predict(self, table: pd.DataFrame) -> pd.Series:
        """Value of each row of ``table``, given its age (time column), features and payment.

        Aligned to the index; nan without a payment. Customers of another day are valued as those of the
        fit would be.
        """
        life = self.hazard.remaining_life(
            table, discount_per_period=self.settings.discount_per_period, tail=self.settings.tail
        )["remaining_periods"]
        return (self.settings.payment(table) * life).rename("value")

    def summary(self) -> str:
        """Value of the customer base and per customer with limits, horizon, and what is assumed."""
        everybody = self.estimates[self.estimates["segment"] == ALL]
        rows = {str(row["term"]): row for _, row in everybody.iterrows()}
        value, life = rows["value_per_customer"], rows["remaining_periods"]
        total, tail = rows["value_total"], rows["tail_share"]
        hazard = self.settings.hazard
        part = (
            f"; {tail['estimate']:.0%} of it lies beyond, at a constant hazard"
            if self.settings.tail
            else ""
        )
        failed = self.diagnostics.loc[~self.diagnostics["passed"].astype(bool), "check"].tolist()
        warned = f" Failed checks: {', '.join(failed)}." if failed else ""
        return (
            f"{int(value['n']):,} customers still here are worth {_money(value)} each, "
            f"{_money(total)} in all, "
            f"over the next {hazard.life_periods} {periods_word(hazard.period)}{part} "
            f"({hazard.confidence:.0%} intervals; margin {self.settings.margin_share:.0%}, discount "
            f"{self.settings.discount_per_year:.0%} a year); expected payments {life['estimate']:.1f} "
            f"[{life['conf_low']:.1f}, {life['conf_high']:.1f}].{warned} It assumes that each goes on "
            "paying what it pays now and that hazards stay; it does not say what a measure would add."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Value per customer by segment, with limits."""
        from cxlab.plots.forest import forest

        rows = self.estimates[self.estimates["term"] == "value_per_customer"]
        rows = rows.assign(
            term=[f"{s} (n = {n:,})" for s, n in zip(rows["segment"], rows["n"], strict=True)]
        )
        rows["text"] = rows["verdict"]
        hazard = self.settings.hazard
        return forest(
            rows,
            ax=ax,
            title="What is a customer still worth?",
            x_label=f"margin of the next {hazard.life_periods} {periods_word(hazard.period)}, discounted, "
            f"per customer",
            note=f"{hazard.confidence:.0%} intervals; what a segment pays and how long it stays, not why",
            decimals=0,
        )


@dataclass(frozen=True, kw_only=True)
class LifetimeValueModel:
    """Remaining life and lifetime value of customers with a contract, from one hazard.

    ``value_i = margin x payment_i x sum_{j=0}^{H-1} S_i(j | age_i) (1 + d)^-j``: payments in advance, the
    first today; S given the age reached. ``d`` is the yearly rate per period.

    Parameters
    ----------
    hazard
        The hazard to fit; ``life_periods`` is H, ``features`` and columns are as there.
    value_column
        What a customer pays per year.
    margin_share
        Share of it that is margin, 0..1.
    discount_per_year
        Yearly rate, 0 or more.
    periods_per_year
        Periods of the hazard in a year.
    tail
        Whether to add what comes after H with the last hazard held constant; its share is printed.
    by
        Columns of segments.

    Notes
    -----
    Limits: the customer replicates of the hazard; the customers, their age and payment are taken as given;
    normal limits on the log scale. Above 10,000 customers a random 10,000 carry the replicates.

    References
    ----------
    Fader and Hardie (2010), Customer-base valuation in a contractual setting, Marketing Science 29, 85-93.

    Examples
    --------
    >>> rng = np.random.default_rng(3)
    >>> lived = rng.geometric(0.05, 3_000)
    >>> table = pd.DataFrame({"customer_id": np.arange(3_000).astype(str), "entry_periods": 0,
    ...     "time_periods": np.minimum(lived, 24), "left": (lived <= 24).astype(int), "pays": 1200.0})
    >>> model = LifetimeValueModel(hazard=HazardModel(features=(), folds=0, life_periods=24),
    ...     value_column="pays", discount_per_year=0.0)
    >>> row = model.fit(table).table().iloc[1]  # 100 a month for (1 - 0.95 ** 24) / 0.05 months
    >>> row["term"], bool(row["conf_low"] < 100 * (1 - 0.95**24) / 0.05 < row["conf_high"])
    ('value_per_customer', True)
    """

    hazard: HazardModel = field(default_factory=HazardModel)
    value_column: str = "contract_value_per_year"
    margin_share: float = 1.0
    discount_per_year: float = 0.1
    periods_per_year: float = 12.0
    tail: bool = False
    by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_at_least("LifetimeValueModel", "discount_per_year", self.discount_per_year, 0)
        if self.margin_share != 1.0:
            require_share("LifetimeValueModel", "margin_share", self.margin_share)
        if not self.periods_per_year > 0:
            raise ParameterError(
                f"LifetimeValueModel: periods_per_year must be above 0, got {self.periods_per_year!r}. "
                f"Next step: 12 for months, 365.25 / 30 for periods of 30 days."
            )

    @property
    def discount_per_period(self) -> float:
        """The yearly rate, per period of the hazard."""
        return float((1.0 + self.discount_per_year) ** (1.0 / self.periods_per_year) - 1.0)

    def payment(self, table: pd.DataFrame) -> pd.Series:
        """Margin of one payment of each row: the share of a year's value that falls on one period."""
        yearly = pd.Series(numbers(table[self.value_column]), index=table.index)
        return self.margin_share * yearly / self.periods_per_year

    def fit(self, spells: pd.DataFrame) -> LifetimeValueResult:
        """Fit the hazard to all spells and value the customers still here.

        Parameters
        ----------
        spells
            As for :class:`HazardModel`, with the value column; :func:`cxlab.spells` makes it.

        Returns
        -------
        LifetimeValueResult
            ``table()``: term (remaining_periods, value_per_customer, value_total, tail_share), segment
            ("all", or ``column: level``), estimate, limits, n, verdict.

        Raises
        ------
        FitError, NotAnswerableError
            As the hazard; without a value column, or nobody still here with a value.
        """
        if self.value_column not in spells:
            raise NotAnswerableError(
                QUESTION,
                reason=f"The table has no column {self.value_column}.",
                next_step="map value_per_year of [contracts], or name value_column=.",
            )
        absent = [name for name in self.by if name not in spells]
        if absent:
            raise FitError(
                f"LifetimeValueModel: there is no column {', '.join(absent)}. Next step: correct by=."
            )
        result = self.hazard.fit(spells)
        here, reasons = self._still_here(spells, result)
        life, beyond, draws = self._lives(here, result)
        payment = self.payment(here).to_numpy()
        return LifetimeValueResult(
            estimates=self._table(here, payment, life, beyond, draws),
            diagnostics=self._checks(result, life, beyond),
            provenance=self._provenance(spells, here, reasons),
            settings=self,
            hazard=result,
            customer_rows=self._customers(here, payment, life, draws, result),
        )

    def _still_here(
        self, spells: pd.DataFrame, result: HazardResult
    ) -> tuple[pd.DataFrame, dict[str, int]]:
        used = result.used_rows(spells)
        here = used.iloc[result.people.here]
        if not is_number(here[self.value_column]):
            raise FitError(
                f"LifetimeValueModel: {self.value_column} must hold numbers. Next step: recode it."
            )
        known = here[self.value_column].notna()
        reasons = {
            NOT_IN_FIT: len(spells) - len(used),
            GONE: len(used) - len(here),
            NO_VALUE: int((~known).sum()),
        }
        if known.sum() < LEAST_CUSTOMERS:
            raise NotAnswerableError(
                QUESTION,
                reason=f"{int(known.sum())} customers are still here with a known value.",
                next_step="fill the value column.",
            )
        return here[known], {reason: count for reason, count in reasons.items() if count}

    def _lives(self, here: pd.DataFrame, result: HazardResult) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Remaining life (n,), its part in the tail (n,), and replicates (B, n) or of a random 10,000."""
        covariates = result.design.matrix(here)
        age = here[self.hazard.time_column].to_numpy(dtype=np.int64)
        horizon = self.hazard.life_periods
        life, beyond = remaining_life(
            result.evidence.curves(covariates, age, horizon=horizon),
            discount=self.discount_per_period,
            tail=self.tail,
        )
        chosen = self._drawn(len(here))
        draws = [
            remaining_life(
                result.evidence.curves(covariates[chosen], age[chosen], horizon=horizon, replicate=one),
                discount=self.discount_per_period,
                tail=self.tail,
            )[0]
            for one in range(len(result.evidence.draws))
        ]
        return life, beyond, np.array(draws)

    def _drawn(self, n: int) -> NDArray[np.int64]:
        if n <= MOST_DRAWN:
            return np.arange(n)
        rng = np.random.default_rng([self.hazard.seed, 9])
        return np.sort(rng.choice(n, MOST_DRAWN, replace=False))

    def _table(
        self,
        here: pd.DataFrame,
        payment: FloatArray,
        life: FloatArray,
        beyond: FloatArray,
        draws: FloatArray,
    ) -> pd.DataFrame:
        chosen = self._drawn(len(here))
        groups = [(ALL, np.ones(len(here), dtype=bool))]
        for column in self.by:
            text = here[column].astype(object).where(here[column].notna(), "(missing)").map(str)
            groups += [
                (f"{column}: {level}", (text == level).to_numpy()) for level in sorted(text.unique())
            ]
        lines: list[tuple[object, ...]] = []
        for name, member in groups:
            inside = member[chosen]
            if min(member.sum(), inside.sum()) < LEAST_CUSTOMERS:
                blank = (np.nan,) * 4
                lines += [(term, name, *blank, int(member.sum()), TOO_FEW) for term in _TERMS]
                continue
            value = float((payment * life)[member].mean())
            n = int(member.sum())
            few, pays = draws[:, inside], payment[chosen][inside]
            # The movement of the drawn customers, put around the mean of all.
            moved = (few @ pays) / float(life[chosen][inside] @ pays)
            stays = few.mean(axis=1) / float(life[chosen][inside].mean())
            numbers_ = ((float(life[member].mean()), stays), (value, moved), (n * value, moved))
            for term, (estimate, ratio) in zip(_TERMS, numbers_, strict=False):
                found = limits(
                    np.array(estimate),
                    estimate * ratio,
                    confidence=self.hazard.confidence,
                    scale="log",
                )
                lines.append((term, name, estimate, *map(float, found), n, ""))
            share = float((payment * beyond)[member].sum() / (payment * life)[member].sum())
            lines.append((_TERMS[3], name, share, *(np.nan,) * 3, n, ""))
        return pd.DataFrame(lines, columns=pd.Index(COLUMNS))

    def _customers(
        self,
        here: pd.DataFrame,
        payment: FloatArray,
        life: FloatArray,
        draws: FloatArray,
        result: HazardResult,
    ) -> pd.DataFrame:
        keys = [CUSTOMER_ID] if CUSTOMER_ID in here else []
        table = here[[*keys, self.hazard.time_column, *self.by]].copy()
        table["churn_probability"] = result.predict(here)
        table["remaining_periods"], table["value"] = life, payment * life
        chosen = self._drawn(len(here))
        _, low, high = limits(life[chosen], draws, confidence=self.hazard.confidence, scale="log")
        bounds = np.full((len(here), 2), np.nan)
        bounds[chosen] = np.column_stack([low, high])
        table["value_conf_low"], table["value_conf_high"] = (payment[:, None] * bounds).T
        return table

    def _checks(self, result: HazardResult, life: FloatArray, beyond: FloatArray) -> pd.DataFrame:
        share = float(beyond.sum() / life.sum())
        own = checks_table(
            [
                Check(
                    check="value beyond the horizon",
                    value=round(share, 3),
                    threshold="<= 0.3",
                    passed=share <= 0.3,
                    meaning="part of the life that rests on a constant hazard nobody has seen",
                )
            ]
        )
        return pd.concat([result.checks(), own], ignore_index=True)

    def _provenance(self, spells: pd.DataFrame, here: pd.DataFrame, reasons: dict[str, int]) -> Provenance:
        settings: dict[str, Any] = asdict(self)
        return Provenance(
            model="LifetimeValueModel",
            n_rows=len(spells),
            n_used=len(here),
            n_set_aside=reasons,
            settings=settings,
            seed=self.hazard.seed,
            input_hash=hash_frame(spells),
        )


_TERMS = ("remaining_periods", "value_per_customer", "value_total", "tail_share")


def _money(line: pd.Series) -> str:
    return f"{line['estimate']:,.0f} [{line['conf_low']:,.0f}, {line['conf_high']:,.0f}]"
