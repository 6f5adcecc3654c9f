"""StressModel: churn and value at risk if prices press and spending falls, by loyalty: a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.models.churn.decision_rows import PROBABILITY, SEGMENT, VALUE, current_rows, history_rows
from cxlab.models.churn.diagnostics import LEVEL_RANGE
from cxlab.models.churn.folds import ALL, LEAST_CHURNERS
from cxlab.models.churn.stress_result import StressResult
from cxlab.stats.forecast import cluster_weights

Floats = NDArray[np.float64]
QUESTION: Final = "What would a downturn do to churn and value"
#: Names of the thirds of a numeric loyalty column, least loyal first.
THIRDS: Final = ("newest third", "middle third", "most loyal third")
UNKNOWN: Final = "loyalty not known"
TERMS: Final = (
    "churn_share_today",
    "churn_share_scenario",
    "churn_share_rise",
    "value_at_risk_today",
    "value_at_risk_scenario",
    "value_at_risk_rise",
    "spending_lost_scenario",
)
ESTIMATE_COLUMNS: Final = (
    "term",
    "segment",
    "label",
    "estimate",
    "std_error",
    "conf_low",
    "conf_high",
    "p_value",
    "n",
)


@dataclass(frozen=True, kw_only=True)
class StressModel:
    """Churn and value at risk today and in a downturn whose strength you set, by loyalty segment.

    ``logit p_s = logit p + sensitivity_s * price_pressure`` and ``V_s = V (1 - spending_shock)`` for who
    stays; sensitivity falls evenly from the least loyal segment (all of it) to the most loyal
    (``loyal_factor`` of it). Nothing of this is learned from data: it is a scenario, not a forecast.

    Parameters
    ----------
    value_column, margin_share
        As in ``DecisionModel``.
    loyalty_column
        A number (days as a customer): thirds; or text with ``loyalty_levels``.
    loyalty_levels
        Levels of a text column, least loyal first; empty for a number.
    price_pressure
        Rise of prices against incomes, as a share: 0.10 is ten percent, 0 or more.
    price_sensitivity
        Lowest and highest believable rise of the churn logit per unit of price pressure: at 3 and a
        pressure of 0.10 the odds of leaving rise by ``exp(0.3) - 1 = 35 %``.
    loyal_factor
        Share of that sensitivity which the most loyal segment has, 0 to 1.
    spending_shock
        Lowest and highest believable share of spending that those who stay cut, 0 to 1.
    currency, confidence, replicates, seed
        Words, share of the intervals, draws (50 or more), seed.

    Raises
    ------
    ParameterError
        For settings out of range.

    Notes
    -----
    Limits are the middle share of draws: sensitivity and shock uniform in their ranges (one draw for all
    segments), and the level of the probabilities as far off as a customer bootstrap of the past allows.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> now = pd.DataFrame({"customer_id": range(900), "probability": rng.beta(1, 9, 900)})
    >>> now = now.assign(value=100.0, contract_tenure_days=rng.integers(30, 3000, 900))
    >>> rise = StressModel(replicates=50).fit(now).table().set_index(["term", "segment"])["estimate"]
    >>> bool(rise["churn_share_rise", "newest third"] > rise["churn_share_rise", "most loyal third"] > 0)
    True
    """

    value_column: str = VALUE
    margin_share: float = 1.0
    loyalty_column: str = "contract_tenure_days"
    loyalty_levels: Sequence[str] = ()
    price_pressure: float = 0.10
    price_sensitivity: tuple[float, float] = (2.0, 6.0)
    loyal_factor: float = 0.5
    spending_shock: tuple[float, float] = (0.05, 0.15)
    currency: str = "EUR"
    confidence: float = 0.95
    replicates: int = 400
    seed: int = 0

    def __post_init__(self) -> None:
        require_at_least("StressModel", "price_pressure", self.price_pressure, 0.0)
        require_at_least("StressModel", "replicates", self.replicates, 50)
        require_share("StressModel", "confidence", self.confidence)
        for name, most in (("price_sensitivity", np.inf), ("spending_shock", 1.0)):
            low, high = getattr(self, name)
            if not 0.0 <= low <= high <= most:
                raise ParameterError(
                    f"StressModel: {name} must be a lowest and a highest value from 0 to {most:g}, got "
                    f"{(low, high)!r}. Next step: write both, equal ones for a fixed value."
                )
        if not 0.0 <= self.loyal_factor <= 1.0:
            raise ParameterError(
                f"StressModel: loyal_factor must lie in 0..1, got {self.loyal_factor!r}. "
                "Next step: 1 if loyal customers react like all others."
            )

    def fit(self, current: pd.DataFrame, history: pd.DataFrame | None = None) -> StressResult:
        """Work out the scenario for ``current``.

        Parameters
        ----------
        current
            One row per customer: customer_id, probability, the value column, the loyalty column.
        history
            Past customers with probability, churned and value, as for ``DecisionModel``: widens the
            limits by how far the level of the probabilities may be off. None leaves that out, and a check
            fails.

        Returns
        -------
        StressResult

        Raises
        ------
        FitError
            As ``DecisionModel``.
        NotAnswerableError
            Without a value or a loyalty column.
        """
        if self.loyalty_column not in current:
            raise NotAnswerableError(
                QUESTION,
                reason=f"There is no column {self.loyalty_column} that says how loyal a customer is.",
                next_step="name a column in loyalty_column=, for example days as a customer.",
            )
        named = current.assign(**{SEGMENT: self._segments(current[self.loyalty_column])})
        now = current_rows(named, self.value_column, SEGMENT, question=QUESTION, newest_only=False)
        levels, left = self._levels(history)
        estimates = self._estimates(now.rows, levels)
        return StressResult(
            estimates=estimates,
            diagnostics=self._checks(levels, left),
            provenance=self._provenance(current, history, now.set_aside, len(now.rows)),
            segments=tuple(name for name in self._order() if (now.rows[SEGMENT] == name).any()),
            price_pressure=self.price_pressure,
            price_sensitivity=self.price_sensitivity,
            spending_shock=self.spending_shock,
            currency=self.currency,
            confidence=self.confidence,
        )

    def _order(self) -> tuple[str, ...]:
        return (*(self.loyalty_levels or THIRDS), UNKNOWN)

    def _segments(self, loyalty: pd.Series) -> pd.Series:
        """The loyalty segment of each customer; an unlisted or missing one is not known, never dropped."""
        if self.loyalty_levels:
            known = loyalty.astype(object).where(loyalty.notna(), UNKNOWN).map(str)
            return known.where(known.isin(list(self.loyalty_levels)), UNKNOWN)
        if not pd.api.types.is_numeric_dtype(loyalty):
            raise ParameterError(
                f"StressModel: {self.loyalty_column} is text. Next step: name its levels in "
                f"loyalty_levels=, "
                "least loyal first."
            )
        edges = loyalty.quantile([1.0 / 3.0, 2.0 / 3.0]).to_numpy()
        place = np.searchsorted(edges, loyalty.to_numpy(dtype=float), side="left").clip(max=2)
        names = pd.Series(np.array(THIRDS, dtype=object)[place], index=loyalty.index)
        return names.where(loyalty.notna(), UNKNOWN)

    def _levels(self, history: pd.DataFrame | None) -> tuple[Floats, int]:
        """Log ratios of observed to predicted churn, the estimate first and then one per draw."""
        if history is None:
            return np.zeros(1 + self.replicates), 0
        past = history_rows(history, self.value_column, "", question=QUESTION).rows
        y, p = past["churned"].to_numpy(dtype=float), past[PROBABILITY].to_numpy(dtype=float)
        if y.sum() < LEAST_CHURNERS:
            return np.zeros(1 + self.replicates), int(y.sum())
        customers = pd.factorize(past[CUSTOMER_ID])[0]
        draws = [
            np.log((w @ y) / (w @ p))
            for w in cluster_weights(
                customers, replicates=self.replicates, rng=np.random.default_rng(self.seed)
            )
        ]
        return np.concatenate([[np.log(y.sum() / p.sum())], *draws]), int(y.sum())

    def _estimates(self, rows: pd.DataFrame, levels: Floats) -> pd.DataFrame:
        rng = np.random.default_rng([self.seed, 1])
        names = [name for name in self._order() if (rows[SEGMENT] == name).any()]
        inside = [np.ones(len(rows)), *((rows[SEGMENT] == name).to_numpy(dtype=float) for name in names)]
        member: Floats = np.column_stack(inside).astype(np.float64)
        factor = rows[SEGMENT].map(self._factors()).to_numpy(dtype=float)
        chance, value = rows[PROBABILITY].to_numpy(dtype=float), rows[VALUE].to_numpy(dtype=float)
        value = self.margin_share * value

        def worked_out(level: float, sensitivity: float, shock: float) -> Floats:
            shift = np.asarray(sensitivity * self.price_pressure * factor, dtype=np.float64)
            return _outcomes(chance, value, member, level=level, shift=shift, shock=shock)

        # The centre of the draws, at the probabilities as they are.
        middle = worked_out(
            0.0, float(np.mean(self.price_sensitivity)), float(np.mean(self.spending_shock))
        )
        draws = np.stack(
            [
                worked_out(level, rng.uniform(*self.price_sensitivity), rng.uniform(*self.spending_shock))
                for level in levels[1:]
            ]
        )
        tail = (1.0 - self.confidence) / 2.0
        low, high = np.quantile(draws, [tail, 1.0 - tail], axis=0)
        lines = [
            (
                term,
                name,
                "today" if term.endswith("today") else "scenario, not a forecast",
                middle[row, column],
                draws[:, row, column].std(ddof=1),
                min(low[row, column], middle[row, column]),
                max(high[row, column], middle[row, column]),
                np.nan,
                int(member[:, column].sum()),
            )
            for column, name in enumerate([ALL, *names])
            for row, term in enumerate(TERMS)
        ]
        return pd.DataFrame(lines, columns=pd.Index(ESTIMATE_COLUMNS))

    def _factors(self) -> dict[str, float]:
        """Share of the sensitivity per segment; unknown loyalty reacts like the least loyal."""
        order = self.loyalty_levels or THIRDS
        steps = np.linspace(1.0, self.loyal_factor, len(order)) if len(order) > 1 else np.ones(1)
        return dict(zip(order, steps.tolist(), strict=True)) | {UNKNOWN: 1.0}

    def _checks(self, levels: Floats, left: int) -> pd.DataFrame:
        level = float(np.exp(-levels[0]))
        return checks_table(
            [
                Check(
                    check="it is a scenario",
                    value="set by hand",
                    threshold="sensitivity and shock measured",
                    passed=False,
                    meaning="price sensitivity and spending shock are assumptions within the ranges "
                    "given: it "
                    "says what would follow, never how likely that is",
                ),
                Check(
                    check="past leavers",
                    value=left,
                    threshold=f">= {LEAST_CHURNERS}",
                    passed=left >= LEAST_CHURNERS,
                    meaning="without them the limits leave out how far the level of churn may be off",
                ),
                Check(
                    check="predicted to observed churn",
                    value=round(level, 6),
                    threshold=f"{LEVEL_RANGE[0]:g} to {LEVEL_RANGE[1]:g}",
                    passed=LEVEL_RANGE[0] <= level <= LEVEL_RANGE[1],
                    meaning="outside: the figures of today are off before any scenario",
                ),
            ]
        )

    def _provenance(
        self,
        current: pd.DataFrame,
        history: pd.DataFrame | None,
        set_aside: dict[str, int],
        used: int,
    ) -> Provenance:
        settings: dict[str, Any] = asdict(self)
        settings.pop("seed")
        past = "" if history is None else hash_frame(history)
        return Provenance(
            model="StressModel",
            n_rows=len(current),
            n_used=used,
            n_set_aside=set_aside,
            settings=settings,
            seed=self.seed,
            input_hash=hash_frame(current) + past,
        )


def _outcomes(
    chance: Floats, value: Floats, member: Floats, *, level: float, shift: Floats, shock: float
) -> Floats:
    """The TERMS (rows) for each column of ``member``, at one draw of level, sensitivity and shock."""
    from scipy.special import expit, logit

    score = logit(np.clip(chance, 1e-12, 1.0 - 1e-12)) + level
    today, later = expit(score), expit(score + shift)
    n = member.sum(0)
    share = np.array([today @ member / n, later @ member / n])
    risk = np.array([(today * value) @ member, (later * value) @ member])
    cut = ((1.0 - later) * value * shock) @ member
    return np.array([share[0], share[1], share[1] - share[0], risk[0], risk[1], risk[1] - risk[0], cut])
