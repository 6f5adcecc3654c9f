"""DecisionModel: whom to contact, from probabilities and money, judged on past customers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.settings import require_at_least, require_share
from cxlab.models.churn.decision_checks import decision_checks
from cxlab.models.churn.decision_measures import (
    History,
    decision_table,
    measure_history,
)
from cxlab.models.churn.decision_result import DecisionResult
from cxlab.models.churn.decision_rows import PROBABILITY, SEGMENT, VALUE, current_rows, history_rows
from cxlab.models.churn.folds import ALL, LEAST_CHURNERS
from cxlab.stats.profit import ContactTerms, contact_profit

QUESTION: Final = "Whom is it worth contacting"


@dataclass(frozen=True, kw_only=True)
class DecisionModel:
    """Contact a customer where the expected profit of doing so is above zero.

    ``E_i = save_share p_i (V_i - offer_cost) - loyal_take_share (1 - p_i) offer_cost - contact_cost`` with
    ``V_i = margin_share * value``: contact if ``E_i > 0``. The rule is judged on past customers whose
    outcome is known, beside the usual rules, in money.

    Parameters
    ----------
    value_column
        What a customer is worth if kept, in money: a yearly contract value, a remaining-life value.
    margin_share
        Share of that value which is margin, above 0.
    offer_cost, contact_cost
        Cost of the offer where it is taken, and of a contact, taken or not; 0 or more.
    save_share
        Of the customers who would leave, the share a contact keeps. It is an assumption unless a
        randomised test measured it (``UpliftModel``); every amount is proportional to it or nearly so.
    save_trials
        How sure that share is, as if seen in so many trials: EMP lets it vary as
        ``Beta(save_share * save_trials, (1 - save_share) * save_trials)``.
    loyal_take_share
        Of the customers who would stay, the share that takes the offer; 1 is the cautious assumption.
    segment_column
        Column to report by; empty for none.
    currency
        For the words.
    confidence
        Share of the intervals, strictly between 0 and 1.
    replicates
        Draws of the customer bootstrap, 50 or more.
    minimum_churners
        Fewer leavers among the judged customers fail a check; 30 or more.
    seed
        Seed of the bootstrap.

    Raises
    ------
    ParameterError
        For settings out of range.

    Notes
    -----
    Assumes calibrated probabilities (gated by checks), a save share that is the same for all, and a
    value that does not depend on the offer. Who would leave is not who can be kept.

    References
    ----------
    Neslin et al. (2006), Defection detection, J. Marketing Research 43, 204-211; Verbraken, Verbeke and
    Baesens (2013), IEEE TKDE 25, 961-973; Ascarza (2018), Retention futility, JMR 55, 80-98.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p = rng.beta(1, 9, 3000)
    >>> value = 100 * rng.gamma(2, 2, 3000)
    >>> table = pd.DataFrame({"customer_id": range(3000), "probability": p, "value": value})
    >>> past = table.assign(churned=(rng.random(3000) < p).astype(int))
    >>> result = DecisionModel(offer_cost=20.0, contact_cost=2.0, replicates=50).fit(past, table)
    >>> chosen = result.customers()
    >>> bool((chosen.loc[chosen["decision"] == "contact", "expected_profit"] > 0).all())
    True
    """

    value_column: str = VALUE
    margin_share: float = 1.0
    offer_cost: float = 20.0
    contact_cost: float = 2.0
    save_share: float = 0.3
    save_trials: float = 20.0
    loyal_take_share: float = 1.0
    segment_column: str = ""
    currency: str = "EUR"
    confidence: float = 0.95
    replicates: int = 200
    minimum_churners: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        least = {
            "offer_cost": 0.0,
            "contact_cost": 0.0,
            "replicates": 50,
            "minimum_churners": LEAST_CHURNERS,
            "seed": 0,
        }
        for name, value in least.items():
            require_at_least("DecisionModel", name, getattr(self, name), value)
        require_share("DecisionModel", "confidence", self.confidence)
        require_share("DecisionModel", "save_share", self.save_share)
        for name in ("margin_share", "save_trials"):
            if not getattr(self, name) > 0.0:
                raise ParameterError(
                    f"DecisionModel: {name} must be above 0, got {getattr(self, name)!r}. "
                    f"Next step: raise {name} or leave the default."
                )
        if not 0.0 <= self.loyal_take_share <= 1.0:
            raise ParameterError(
                f"DecisionModel: loyal_take_share must lie in 0..1, got {self.loyal_take_share!r}. "
                "Next step: 1 if everybody who is offered the money takes it."
            )

    @property
    def terms(self) -> ContactTerms:
        """Costs and shares in the form of the mathematics."""
        return ContactTerms(
            save_share=self.save_share,
            offer_cost=self.offer_cost,
            contact_cost=self.contact_cost,
            loyal_take_share=self.loyal_take_share,
        )

    @property
    def save_shape(self) -> tuple[float, float]:
        """alpha and beta of the save share in EMP."""
        return self.save_share * self.save_trials, (1.0 - self.save_share) * self.save_trials

    def fit(self, history: pd.DataFrame, current: pd.DataFrame | None = None) -> DecisionResult:
        """Judge the rule on ``history``, decide about ``current``.

        Parameters
        ----------
        history
            Customers the forecast had not seen: customer_id, probability (0..1), churned (0, 1 or missing)
            and the value column; ``ChurnResult.scored()`` joined with the value. A customer may occur at
            several cuts.
        current
            Customers to decide about, one row each: customer_id, probability, the value column; optional
            probability_low and probability_high, cut_at, reason_1 to reason_3, open_complaints. None
            decides about the newest cut of ``history``.

        Returns
        -------
        DecisionResult

        Raises
        ------
        FitError
            For absent columns, probabilities outside 0..1, negative values, a customer twice in current.
        NotAnswerableError
            Without a value column, or with fewer than 30 leavers or stayers in ``history``.
        """
        past = history_rows(history, self.value_column, self.segment_column, question=QUESTION)
        now = current_rows(
            history if current is None else current,
            self.value_column,
            self.segment_column,
            question=QUESTION,
            newest_only=current is None,
        )
        self._require_churners(past.rows)
        judged = measure_history(
            self._history(past.rows),
            terms=self.terms,
            save_shape=self.save_shape,
            replicates=self.replicates,
            confidence=self.confidence,
            rng=np.random.default_rng(self.seed),
        )
        decided = self._decide(now.rows)
        estimates = decision_table(decided, judged)
        return DecisionResult(
            estimates=estimates,
            diagnostics=decision_checks(judged, minimum_churners=self.minimum_churners),
            provenance=self._provenance(history, current, past.set_aside, now.set_aside, len(decided)),
            decided=decided,
            rule_rows=judged.rules,
            curve_rows=judged.curve,
            terms=self.terms,
            currency=self.currency,
            confidence=self.confidence,
            segment_column=self.segment_column,
        )

    def _history(self, rows: pd.DataFrame) -> History:
        return History(
            observed=rows["churned"].to_numpy(dtype=float),
            probability=rows[PROBABILITY].to_numpy(dtype=float),
            value=self.margin_share * rows[VALUE].to_numpy(dtype=float),
            customers=pd.factorize(rows[CUSTOMER_ID])[0],
            segment=(rows[SEGMENT] if SEGMENT in rows else pd.Series(ALL, index=rows.index)).to_numpy(
                object
            ),
        )

    def _decide(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Value in margin, value at risk, expected profit with limits and the decision, per customer."""
        value = self.margin_share * rows[VALUE].to_numpy(dtype=float)
        chance = rows[PROBABILITY].to_numpy(dtype=float)
        decided = rows.assign(value=value, value_at_risk=chance * value)
        decided["expected_profit"] = contact_profit(chance, value, self.terms)
        for end in ("low", "high"):
            limit = rows[f"{PROBABILITY}_{end}"].to_numpy(dtype=float)
            decided[f"expected_profit_{end}"] = contact_profit(limit, value, self.terms)
        # A customer worth less than the offer gains nothing by leaving sooner: E falls in p there.
        ends = decided[["expected_profit_low", "expected_profit_high"]].to_numpy()
        decided["expected_profit_low"], decided["expected_profit_high"] = ends.min(1), ends.max(1)
        decided["decision"] = np.where(decided["expected_profit"] > 0.0, "contact", "leave alone")
        order = decided["expected_profit"].sort_values(ascending=False, kind="stable").index
        return decided.loc[order]

    def _require_churners(self, rows: pd.DataFrame) -> None:
        left = int(rows["churned"].sum())
        if min(left, len(rows) - left) < LEAST_CHURNERS:
            raise NotAnswerableError(
                QUESTION,
                reason=f"The judged customers hold {left} who left and {len(rows) - left} who "
                f"stayed: too few, "
                f"{LEAST_CHURNERS} of each are needed for any amount of money.",
                next_step="add cuts, customers or a longer horizon.",
            )

    def _provenance(
        self,
        history: pd.DataFrame,
        current: pd.DataFrame | None,
        past_aside: dict[str, int],
        now_aside: dict[str, int],
        decided: int,
    ) -> Provenance:
        settings: dict[str, Any] = asdict(self)
        settings.pop("seed")
        given = history if current is None else current
        set_aside = {f"history: {reason}": n for reason, n in past_aside.items()}
        set_aside |= {f"to decide: {reason}": n for reason, n in now_aside.items()}
        used = len(history) - sum(past_aside.values()) + decided
        return Provenance(
            model="DecisionModel",
            n_rows=len(history) + len(given),
            n_used=used,
            n_set_aside=set_aside,
            settings=settings,
            seed=self.seed,
            input_hash=hash_frame(history) + hash_frame(given),
        )
