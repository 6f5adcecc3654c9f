"""What customers without a contract will still buy: BG/NBD for how often, Gamma-Gamma for how much."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.errors import FitError, NotAnswerableError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.settings import require_at_least, require_share
from cxlab.models.churn.purchase_result import PurchaseResult
from cxlab.models.churn.purchase_tables import PurchaseEvidence, purchase_checks, purchase_table
from cxlab.stats.one_step import one_step_replicates
from cxlab.stats.purchases import collapse_purchases, fit_purchases, row_scores
from cxlab.stats.spend import SpendFit, fit_spend
from cxlab.stats.spend import row_scores as spend_scores

FloatArray = NDArray[np.float64]

QUESTION = "What customers will still buy"
FREQUENCY, RECENCY, AGE, SPEND = "frequency", "recency_periods", "age_periods", "mean_spend"
LEAST_REPEATERS = 30
NOT_USABLE = "frequency, recency or age missing"


@dataclass(frozen=True, kw_only=True)
class PurchaseModel:
    """Expected purchases, chance to be still a customer, and value, where nobody gives notice.

    While active a customer buys at the rate ``lambda`` (over customers Gamma(r, alpha)); after each
    purchase it leaves with the chance ``p`` (Beta(a, b)). Mean spend per purchase, where there is one, is
    Gamma(p, nu) with nu Gamma(q, v), independent of how often.

    Parameters
    ----------
    horizon_periods
        Periods ahead.
    margin_share
        Share of spend that is margin, 0..1.
    discount_per_period
        Rate by which a purchase j periods ahead counts less, 0 or more.
    period
        Word for one period.
    confidence
        Confidence of every interval, 0..1.
    replicates
        Bootstrap replicates over customers.
    correlation_limit
        Correlation of frequency and spend above which the check of independence fails.
    seed
        Seed of the replicates.

    Notes
    -----
    Fit by maximum likelihood on distinct rows with weights (log parameters, exact gradient, two starts).
    Intervals: 200 customer replicates (one weighted Newton step each), normal limits on the log or logit
    scale. Customers who bought once are kept; the spend is fitted on those who bought again. Assumes that
    buying does not speed up, slow down or follow seasons, and that a leaver never comes back. Nobody is
    known to have left: a chance to be alive is a reading of silence.

    References
    ----------
    Fader, Hardie and Lee (2005), Marketing Science 24, 275-284, and J. Marketing Research 42, 415-430.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> wanted = rng.poisson(rng.gamma(1.0, 6.0, 2_000))
    >>> x = np.minimum(wanted, rng.geometric(rng.beta(0.8, 2.5, 2_000)))
    >>> table = pd.DataFrame({"frequency": x, "age_periods": 30.0,
    ...     "recency_periods": 30.0 * x / (wanted + 1)})
    >>> result = PurchaseModel(horizon_periods=10).fit(table)
    >>> "chance_active" in result.table()["term"].tolist()
    True
    """

    horizon_periods: float = 52.0
    margin_share: float = 1.0
    discount_per_period: float = 0.0
    period: str = "week"
    confidence: float = 0.95
    replicates: int = 200
    correlation_limit: float = 0.3
    seed: int = 2025

    def __post_init__(self) -> None:
        require_share("PurchaseModel", "confidence", self.confidence)
        for name, least in (
            ("horizon_periods", 1e-9),
            ("margin_share", 0),
            ("discount_per_period", 0),
            ("replicates", 20),
            ("seed", 0),
        ):
            require_at_least("PurchaseModel", name, getattr(self, name), least)

    def fit(self, history: pd.DataFrame) -> PurchaseResult:
        """Fit how often, and where there is ``mean_spend`` how much.

        Parameters
        ----------
        history
            One row per customer as :func:`cxlab.purchases` makes it: frequency (repeat purchases),
            recency_periods, age_periods, optionally mean_spend and customer_id.

        Returns
        -------
        PurchaseResult
            ``table()``: parameters, chance_active, expected_purchases (mean per customer over the horizon),
            and with spend mean_spend, value (margin, discounted), value_total; with limits.

        Raises
        ------
        FitError
            For values that cannot be: a recency beyond the age, a repeat without recency.
        NotAnswerableError
            Without the columns, with fewer than 30 repeat customers, or without an inner maximum.
        """
        rows = _usable(history)
        x, last, age = (rows[name].to_numpy(dtype=float) for name in (FREQUENCY, RECENCY, AGE))
        self._require_repeaters(x)
        cells = collapse_purchases(x, last, age)
        rng = np.random.default_rng([self.seed, 1])
        try:
            fit = fit_purchases(cells)
            spend, spend_draws = self._spend(rows, rng)
        except ValueError as error:
            raise NotAnswerableError(
                QUESTION, reason=f"{str(error).capitalize()}.", next_step="more customers or a longer time."
            ) from error
        draws = one_step_replicates(
            lambda theta: row_scores(theta, cells, fit.scale)[1],
            fit.theta,
            cells.weight,
            replicates=self.replicates,
            rng=rng,
        )
        evidence = PurchaseEvidence(fit=fit, draws=draws, spend=spend, spend_draws=spend_draws)
        return PurchaseResult(
            estimates=purchase_table(self, evidence, rows),
            diagnostics=purchase_checks(self, evidence, rows),
            provenance=self._provenance(history, rows),
            settings=self,
            evidence=evidence,
            cells=cells,
        )

    def _spend(
        self, rows: pd.DataFrame, rng: np.random.Generator
    ) -> tuple[SpendFit | None, FloatArray | None]:
        if SPEND not in rows:
            return None, None
        again = rows[(rows[FREQUENCY] > 0) & (rows[SPEND] > 0)]
        x, m = again[FREQUENCY].to_numpy(dtype=float), again[SPEND].to_numpy(dtype=float)
        if len(again) < LEAST_REPEATERS:
            raise ValueError(f"only {len(again)} customers bought again at a known value")
        fit = fit_spend(x, m)
        draws = one_step_replicates(
            lambda theta: spend_scores(theta, x, m / fit.scale)[1],
            fit.theta,
            np.ones(len(x)),
            replicates=self.replicates,
            rng=rng,
        )
        return fit, draws

    def _require_repeaters(self, x: FloatArray) -> None:
        again = int((x > 0).sum())
        if again < LEAST_REPEATERS:
            raise NotAnswerableError(
                QUESTION,
                reason=f"{again} customers bought again; {LEAST_REPEATERS} are needed.",
                next_step="a longer time of observation, or more customers.",
            )

    def _provenance(self, history: pd.DataFrame, rows: pd.DataFrame) -> Provenance:
        settings: dict[str, Any] = asdict(self)
        settings.pop("seed")
        lost = len(history) - len(rows)
        return Provenance(
            model="PurchaseModel",
            n_rows=len(history),
            n_used=len(rows),
            n_set_aside={NOT_USABLE: lost} if lost else {},
            settings=settings,
            seed=self.seed,
            input_hash=hash_frame(history),
        )


def _usable(history: pd.DataFrame) -> pd.DataFrame:
    absent = [name for name in (FREQUENCY, RECENCY, AGE) if name not in history]
    if absent:
        raise NotAnswerableError(
            QUESTION,
            reason=f"The table has no column {', '.join(absent)}.",
            next_step="make it with cxlab.purchases from a log of purchases.",
        )
    held = [name for name in (FREQUENCY, RECENCY, AGE, SPEND) if name in history]
    text = [name for name in held if not pd.api.types.is_numeric_dtype(history[name])]
    if text:
        raise FitError(f"PurchaseModel: {', '.join(text)} must hold numbers. Next step: recode it.")
    rows = history[history[[FREQUENCY, RECENCY, AGE]].notna().all(axis=1)]
    x, last, age = (rows[name].to_numpy(dtype=float) for name in (FREQUENCY, RECENCY, AGE))
    rules = {
        "frequency is no whole number from 0": (x < 0) | (x != np.floor(x)),
        "recency_periods is negative or beyond age_periods": (last < 0) | (last > age + 1e-9),
        "recency_periods is 0 with a repeat purchase, or above 0 without one": (x > 0) != (last > 0),
    }
    if SPEND in rows:
        spend = rows[SPEND].to_numpy(dtype=float)
        rules["mean_spend is missing or negative with a repeat purchase"] = (x > 0) & ~(spend >= 0)
    wrong = [f"{rule} ({int(hit.sum()):,} rows)" for rule, hit in rules.items() if hit.any()]
    if wrong:
        raise FitError(
            f"PurchaseModel: {'; '.join(wrong)}. Next step: make the table with cxlab.purchases."
        )
    return rows
