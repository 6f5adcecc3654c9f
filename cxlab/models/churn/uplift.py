"""UpliftModel: whom a contact keeps, where contacts were drawn at random; else a fixed sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.errors import FitError, NotAnswerableError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.core.verdicts import REJECTED, SUPPORTED, UNDETERMINED
from cxlab.models.churn.features import CHURNED, FeatureCoder, choose_features
from cxlab.models.churn.uplift_result import UpliftResult
from cxlab.stats.classification import area_under_curve
from cxlab.stats.forecast import cluster_weights
from cxlab.stats.uplift import (
    Uplift,
    cross_fitted_uplift,
    exchange_factor,
    qini_coefficient,
    uplift_curve,
)

Floats = NDArray[np.float64]
QUESTION: Final = "Whom would a contact keep"
#: Said wherever nothing was randomised; the same words in every report.
NOT_RANDOMISED: Final = (
    "No contact was drawn at random, so these data cannot say who would stay because of one: risk is not "
    "persuadability, and the riskiest customers may be those whom no call keeps."
)
NEXT_STEP: Final = (
    "leave a random part of the next list alone, record it as a 0/1 column, and compare who left."
)
LEAST_PER_ARM: Final = 1000
LEAST_LEAVERS_PER_ARM: Final = 100
TOP_SHARE: Final = 0.2
ESTIMATE_COLUMNS: Final = (
    "term",
    "ordered_by",
    "estimate",
    "std_error",
    "conf_low",
    "conf_high",
    "p_value",
    "n",
    "verdict",
)
_SHARES: Final = np.linspace(0.0, 1.0, 51)


@dataclass(frozen=True, kw_only=True)
class UpliftModel:
    """Effect of a randomised contact on staying: on average, by customer, and the worth of ranking by it.

    An X-learner of small boosted trees, cross-fitted over customers, orders customers by the estimated
    effect; the order is judged by the Qini coefficient of unbiased (doubly robust) scores, beside the
    order by risk.

    Parameters
    ----------
    treatment_column
        1 contacted, 0 left alone, drawn at random with one share for all.
    features
        Columns known before the contact; empty for all but keys, outcome and treatment.
    folds
        Folds of customers, 2 or more.
    confidence, replicates, seed
        Share of the intervals; draws of customers (50 or more); seed of folds, trees and draws.

    Raises
    ------
    ParameterError
        For settings out of range.

    Notes
    -----
    Refuses below 1,000 customers or 100 leavers per arm. Customers are ordered within their fold. Intervals
    speak of the fitted orders; they are widened by the noise that folds exchange (``exchange_factor``).

    References
    ----------
    Kuenzel et al. (2019), PNAS 116, 4156-4165; Radcliffe (2007); Ascarza (2018), JMR 55, 80-98.

    Examples
    --------
    >>> rng = np.random.default_rng(3)
    >>> x, t = rng.normal(size=4000), rng.integers(0, 2, 4000)
    >>> left = rng.random(4000) < 0.4 - 0.3 * t * (x > 0)
    >>> table = pd.DataFrame({"customer_id": range(4000), "treated": t, "churned": left * 1, "x": x})
    >>> found = UpliftModel(folds=2, replicates=50).fit(table).table().set_index(["term", "ordered_by"])
    >>> found.loc[("qini", "uplift"), "verdict"]
    'supported'
    """

    treatment_column: str = "treated"
    features: Sequence[str] = ()
    folds: int = 5
    confidence: float = 0.95
    replicates: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        require_at_least("UpliftModel", "folds", self.folds, 2)
        require_at_least("UpliftModel", "replicates", self.replicates, 50)
        require_share("UpliftModel", "confidence", self.confidence)

    def fit(self, table: pd.DataFrame) -> UpliftResult:
        """Estimate effects on ``table``: one row per customer, with customer_id, treatment and churned.

        Raises
        ------
        NotAnswerableError
            Without the treatment column (the fixed sentence), or with too few customers or leavers.
        FitError
            For a treatment or outcome other than 0 and 1, or without customer_id.
        """
        rows = self._rows(table)
        treated = rows[self.treatment_column].to_numpy(dtype=float)
        stayed = 1.0 - rows[CHURNED].to_numpy(dtype=float)
        arms = _arms(treated, stayed)
        features = rows.drop(columns=self.treatment_column)
        coder = FeatureCoder.learn(features, choose_features(features, self.features))
        customers = pd.factorize(rows[CUSTOMER_ID])[0]
        folds = np.random.default_rng(self.seed).permutation(customers.max() + 1)[customers] % self.folds
        found = cross_fitted_uplift(
            coder.matrix(features),
            treated,
            stayed,
            share=float(treated.mean()),
            folds=folds,
            seed=self.seed,
        )
        blocks = list(
            cluster_weights(
                customers, replicates=self.replicates, rng=np.random.default_rng([self.seed, 1])
            )
        )
        settings: dict[str, Any] = asdict(self)
        settings.pop("seed")
        lost = len(table) - len(rows)
        return UpliftResult(
            estimates=self._estimates(found, blocks),
            diagnostics=_checks(found, treated, stayed, arms),
            provenance=Provenance(
                model="UpliftModel",
                n_rows=len(table),
                n_used=len(rows),
                n_set_aside={"outcome, treatment or customer not known": lost} if lost else {},
                settings=settings,
                seed=self.seed,
                input_hash=hash_frame(table),
            ),
            curve_rows=self._curves(found, blocks),
            effects=pd.Series(found.effect, index=rows.index, name="uplift"),
            confidence=self.confidence,
        )

    def _rows(self, table: pd.DataFrame) -> pd.DataFrame:
        if self.treatment_column not in table:
            raise NotAnswerableError(QUESTION, reason=NOT_RANDOMISED, next_step=NEXT_STEP)
        absent = [name for name in (CUSTOMER_ID, CHURNED) if name not in table]
        if absent:
            raise FitError(f"UpliftModel: the table has no column {', '.join(absent)}. Next step: add it.")
        for name in (self.treatment_column, CHURNED):
            known = pd.to_numeric(table[name], errors="coerce").dropna()
            if not known.isin([0, 1]).all() or len(known) < table[name].notna().sum():
                raise FitError(f"UpliftModel: {name} must be 0, 1 or missing. Next step: recode it.")
        needed = table[[self.treatment_column, CHURNED, CUSTOMER_ID]]
        return table[needed.notna().all(axis=1)]

    def _estimates(self, found: Uplift, blocks: list[Floats]) -> pd.DataFrame:
        share = np.array([TOP_SHARE])

        def measured(w: Floats) -> dict[tuple[str, str], Floats]:
            values: dict[tuple[str, str], Floats] = {("average_effect", "-"): w @ found.score / w.sum(1)}
            for name, order in found.places.items():
                values["qini", name] = qini_coefficient(found.score, order, weights=w)
            values["qini", "uplift minus risk"] = values["qini", "uplift"] - values["qini", "risk"]
            for name, order in found.places.items():
                top = uplift_curve(found.score, order, shares=share, weights=w)[:, 0] / TOP_SHARE
                values["kept_per_contact_top_fifth", name] = top
            return values

        point = measured(np.ones((1, len(found.score))))
        draws = [measured(w) for w in blocks]
        wider = _exchanged(found)
        rows = [
            (
                *key,
                *_line(
                    float(value[0]),
                    np.concatenate([d[key] for d in draws]),
                    self.confidence,
                    wider=wider.get(key, 1.0),
                ),
                len(found.score),
            )
            for key, value in point.items()
        ]
        table = pd.DataFrame(rows, columns=pd.Index(ESTIMATE_COLUMNS[:-1]))
        sure = np.where(table["conf_high"] < 0.0, REJECTED, UNDETERMINED)
        return table.assign(verdict=np.where(table["conf_low"] > 0.0, SUPPORTED, sure))

    def _curves(self, found: Uplift, blocks: list[Floats]) -> pd.DataFrame:
        parts = []
        for name, order in found.places.items():
            point = uplift_curve(found.score, order, shares=_SHARES)[0]
            draws = np.vstack([uplift_curve(found.score, order, shares=_SHARES, weights=w) for w in blocks])
            lines = [
                _line(value, column, self.confidence, wider=_exchanged_top(found, name, share))
                for value, column, share in zip(point.tolist(), draws.T, _SHARES.tolist(), strict=True)
            ]
            part = pd.DataFrame(lines, columns=pd.Index(ESTIMATE_COLUMNS[2:7]))
            part.insert(0, "contacted_share", _SHARES)
            part.insert(0, "ordered_by", name)
            parts.append(part.drop(columns="p_value"))
        return pd.concat(parts, ignore_index=True)


def _exchanged(found: Uplift) -> dict[tuple[str, str], float]:
    """By how much the standard error of each measure of an order grows."""
    by_uplift, by_risk = found.some_places["uplift"], found.some_places["risk"]
    contrasts = {"uplift": by_uplift - 0.5, "risk": by_risk - 0.5, "uplift minus risk": by_uplift - by_risk}
    qini = {("qini", name): exchange_factor(one, found.some_fold) for name, one in contrasts.items()}
    top = {
        ("kept_per_contact_top_fifth", one): _exchanged_top(found, one, TOP_SHARE) for one in found.places
    }
    return qini | top


def _exchanged_top(found: Uplift, name: str, share: float) -> float:
    chosen = (found.some_places[name] > 1.0 - share).astype(float)
    return exchange_factor(chosen, found.some_fold)


def _arms(treated: Floats, stayed: Floats) -> dict[str, tuple[int, int]]:
    """Customers and leavers per arm; NotAnswerableError where an arm is too small for any uplift."""
    arms = {}
    for name, inside in (("contacted", treated == 1.0), ("left alone", treated == 0.0)):
        arms[name] = int(inside.sum()), int((1.0 - stayed[inside]).sum())
    small = [
        f"{name}: {n:,} customers, {left:,} leavers"
        for name, (n, left) in arms.items()
        if n < LEAST_PER_ARM or left < LEAST_LEAVERS_PER_ARM
    ]
    if small:
        raise NotAnswerableError(
            QUESTION,
            reason=f"Too few in an arm ({'; '.join(small)}): {LEAST_PER_ARM:,} customers and "
            f"{LEAST_LEAVERS_PER_ARM} leavers per arm are needed for effects that differ between "
            f"customers.",
            next_step="run the test longer, or compare the leaving shares of the two arms only.",
        )
    return arms


def _line(
    estimate: float, draws: Floats, confidence: float, *, wider: float = 1.0
) -> tuple[float, float, float, float, float]:
    from scipy.stats import norm

    error = wider * float(np.std(draws, ddof=1))
    width = float(norm.ppf(0.5 + confidence / 2.0)) * error
    p_value = float(2.0 * norm.sf(abs(estimate) / error)) if error > 0.0 else np.nan
    return estimate, error, estimate - width, estimate + width, p_value


def _checks(
    found: Uplift, treated: Floats, stayed: Floats, arms: dict[str, tuple[int, int]]
) -> pd.DataFrame:
    """Size of the arms, whether they were alike before the contact, and leavers in all."""
    ranked = [float(area_under_curve(treated, order)[0]) for order in (found.risk, found.effect)]
    worst = max(ranked, key=lambda auc: abs(auc - 0.5))
    ones, zeros = treated.sum(), len(treated) - treated.sum()
    error = float(np.sqrt((ones + zeros + 1.0) / (12.0 * ones * zeros)))
    sizes = "; ".join(f"{name} {n:,}, {left:,} left" for name, (n, left) in arms.items())
    return checks_table(
        [
            Check(
                check="arms",
                value=sizes,
                threshold=f">= {LEAST_PER_ARM:,} customers, >= {LEAST_LEAVERS_PER_ARM} leavers each",
                passed=True,
                meaning="fewer are refused",
            ),
            Check(
                check="arms alike before the contact",
                value=round(worst, 6),
                threshold=f"0.5 +- {3.0 * error:.3f}",
                passed=abs(worst - 0.5) <= 3.0 * error,
                meaning="chance that risk or estimated effect is higher in the contacted arm; outside: the "
                "contact was not drawn at random, and every effect here is wrong",
            ),
            Check(
                check="leavers overall",
                value=int((1.0 - stayed).sum()),
                threshold=">= 500",
                passed=bool((1.0 - stayed).sum() >= 500),
                meaning="fewer: an order by uplift is mostly noise unless effects differ greatly",
            ),
        ]
    )
