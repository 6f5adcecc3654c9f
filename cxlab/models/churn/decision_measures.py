"""What a rule of contact earns on past customers, and what it promises for those at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.verdicts import REJECTED, SUPPORTED, TOO_FEW, UNDETERMINED
from cxlab.models.churn.folds import ALL, LEAST_CHURNERS
from cxlab.stats.classification import calibration_line, top_share_lift
from cxlab.stats.forecast import cluster_weights
from cxlab.stats.profit import (
    ContactTerms,
    contact_profit,
    contact_threshold,
    expected_maximum_profit,
    order_within,
    profit_curve,
)
from cxlab.stats.skewed_mean import skewed_ratio

Floats = NDArray[np.float64]
#: Estimate, standard error, lower and upper limit.
Line = tuple[float, float, float, float]

RULE: Final = "expected profit above 0"
SINGLE: Final = "one threshold, at the mean value"
ESTIMATE_COLUMNS: Final = (
    "term",
    "segment",
    "estimate",
    "std_error",
    "conf_low",
    "conf_high",
    "p_value",
    "n",
    "n_contacted",
    "verdict",
)
RULE_COLUMNS: Final = (
    "rule",
    "contacted_share",
    "estimate",
    "std_error",
    "conf_low",
    "conf_high",
    "behind",
    "behind_low",
    "behind_high",
    "n",
)
#: Terms measured on past customers, with the value that means "nothing", where there is one.
MEASURES: Final[Mapping[str, float]] = {
    "profit_per_customer": 0.0,
    "promised_per_customer": np.nan,
    "realised_minus_promised": 0.0,
    "gain_over_single_threshold": 0.0,
    "emp": np.nan,
    "emp_of_prior": np.nan,
    "emp_gain": 0.0,
    "top_decile_lift": 1.0,
    "calibration_slope": 1.0,
    "predicted_to_observed": 1.0,
    "value_lost_to_predicted": 1.0,
}
CLAIMS: Final = ("profit_per_customer", "gain_over_single_threshold", "emp_gain")
_RATIOS: Final = ("top_decile_lift", "predicted_to_observed", "value_lost_to_predicted")
_SHARES: Final = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, kw_only=True, eq=False)
class History:
    """Customers with known outcomes: arrays (n,); value in margin, customers by number."""

    observed: Floats
    probability: Floats
    value: Floats
    customers: NDArray[np.int64]
    segment: NDArray[np.object_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """The rule on past customers: term -> (estimate, std_error, low, high), rules, curve, segments.

    ``carry`` holds per segment what is carried over to the customers at hand: the ratio of value lost to
    value predicted, and realised minus promised profit per contact, each with its limits.
    """

    measures: dict[str, Line]
    rules: pd.DataFrame
    curve: pd.DataFrame
    carry: dict[str, dict[str, Line]]
    n: int
    n_left: int
    n_contacted: int
    n_contacted_left: int


def measure_history(
    past: History,
    *,
    terms: ContactTerms,
    save_shape: tuple[float, float],
    replicates: int,
    confidence: float,
    rng: np.random.Generator,
) -> Judged:
    """All measures with intervals over whole customers, the forecasts held fixed.

    Means of money have limits that allow for their skew; the other measures draw customers.
    """
    work = _Work.of(past, terms, save_shape)
    point = work.statistics(np.ones((1, len(work.promised))))
    blocks = [work.statistics(w) for w in cluster_weights(past.customers, replicates=replicates, rng=rng)]
    draws = {name: np.vstack([block[name] for block in blocks]) for name in point}

    def lines(name: str, *, ratio: bool = False) -> list[Line]:
        return [
            _interval(float(estimate), column, confidence=confidence, ratio=ratio)
            for estimate, column in zip(point[name][0], draws[name].T, strict=True)
        ]

    money = work.money(confidence)
    found = {name: lines(name, ratio=name in _RATIOS)[0] for name in MEASURES if name in point} | {
        "profit_per_customer": money["rules"][0],
        "promised_per_customer": money["promised"][0],
        "realised_minus_promised": money["kept"][0],
        "gain_over_single_threshold": money["behind"][list(work.rules).index(SINGLE)],
    }
    return Judged(
        measures={name: found[name] for name in MEASURES},
        rules=_rule_rows(work, money["rules"], money["behind"]),
        curve=_curve_rows({order: lines(f"curve by {order}") for order in work.orders}),
        carry={
            name: {"ratio": ratio, "gap": gap}
            for name, ratio, gap in zip(
                work.segments, lines("ratios", ratio=True), money["gaps"], strict=True
            )
        },
        n=len(work.promised),
        n_left=int(past.observed.sum()),
        n_contacted=int(work.rules[RULE].sum()),
        n_contacted_left=int((work.rules[RULE] * past.observed).sum()),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Work:
    """What does not change from draw to draw: profits per customer, who is contacted by which rule."""

    past: History
    terms: ContactTerms
    shape: tuple[float, float]
    promised: Floats
    realised: Floats
    rules: dict[str, Floats]
    segments: dict[str, Floats]

    @classmethod
    def of(cls, past: History, terms: ContactTerms, shape: tuple[float, float]) -> _Work:
        promised = contact_profit(past.probability, past.value, terms)
        return cls(
            past=past,
            terms=terms,
            shape=shape,
            promised=promised,
            realised=contact_profit(past.observed, past.value, terms),
            rules=_rules(past, promised, terms),
            segments=_segments(past),
        )

    @property
    def orders(self) -> dict[str, Floats]:
        """What the profit curve is ordered by."""
        return {"expected profit": self.promised, "probability": self.past.probability}

    def money(self, confidence: float) -> dict[str, list[Line]]:
        """Means of money: of each rule, behind the rule, promised, kept, and per contact by segment."""
        chosen = self.rules[RULE]
        earned = np.column_stack([rule * self.realised for rule in self.rules.values()])
        inside = np.column_stack(list(self.segments.values()))
        kept = chosen * (self.realised - self.promised)
        everybody = np.ones(len(chosen))
        parts = {
            "rules": (earned, everybody),
            "behind": (earned[:, :1] - earned, everybody),
            "promised": ((chosen * self.promised)[:, None], everybody),
            "kept": (kept[:, None], everybody),
            "gaps": (kept[:, None] * inside, chosen[:, None] * inside),
        }
        return {
            name: [
                (float(a), float(b), float(c), float(d))
                for a, b, c, d in zip(
                    *skewed_ratio(top, bottom, clusters=self.past.customers, confidence=confidence),
                    strict=True,
                )
            ]
            for name, (top, bottom) in parts.items()
        }

    def statistics(self, w: Floats) -> dict[str, Floats]:
        """Everything else that is measured, under each row of weights, (b, k) each."""
        past = self.past
        y, p, v = past.observed, past.probability, past.value
        emp, prior = self._emp(p, w), self._emp(np.zeros(len(y)), w)
        inside = np.column_stack(list(self.segments.values()))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = (w @ ((y * v)[:, None] * inside)) / (w @ ((p * v)[:, None] * inside))
            level = (w @ p) / (w @ y)
        one = {
            "emp": emp,
            "emp_of_prior": prior,
            "emp_gain": emp - prior,
            "top_decile_lift": top_share_lift(y, p, share=0.1, weights=w),
            "calibration_slope": calibration_line(y, p, weights=w)[:, 1],
            "predicted_to_observed": level,
            "value_lost_to_predicted": ratios[:, 0],
        }
        many = {"ratios": ratios}
        for name, order in self.orders.items():
            many[f"curve by {name}"] = profit_curve(self.realised, order, shares=_SHARES, weights=w)
        return {name: column[:, None] for name, column in one.items()} | many

    def _emp(self, score: Floats, w: Floats) -> Floats:
        """EMP at the mean value; nan where that is not above the offer."""
        value = float(self.past.value.mean())
        if value <= self.terms.offer_cost:
            return np.full(len(w), np.nan)
        return expected_maximum_profit(
            self.past.observed,
            score,
            value=value,
            offer_cost=self.terms.offer_cost,
            contact_cost=self.terms.contact_cost,
            save_shape=self.shape,
            loyal_take_share=self.terms.loyal_take_share,
            weights=w,
        )[:, 0]


def _rules(past: History, promised: Floats, terms: ContactTerms) -> dict[str, Floats]:
    """Rule -> the weight 0..1 with which each customer is contacted (a share where it is by chance)."""
    n, chosen = len(promised), promised > 0.0
    most = int(chosen.sum())
    mean_value = np.array([past.value.mean()])
    masks = {
        RULE: chosen,
        SINGLE: past.probability > contact_threshold(mean_value, terms),
        "p at or above 0.5": past.probability >= 0.5,
        "everybody": np.ones(n, dtype=bool),
        "same number, highest p": order_within(past.probability, most=most),
        "same number, highest p x value": order_within(past.probability * past.value, most=most),
    }
    rules = {name: mask.astype(float) for name, mask in masks.items()}
    return rules | {"same number, at random": np.full(n, most / n)}


def _segments(past: History) -> dict[str, Floats]:
    """All customers, then each segment with enough leavers and stayers, as 0/1 arrays."""
    found = {ALL: np.ones(len(past.observed))}
    for name in sorted(set(past.segment) - {ALL}):
        inside = (past.segment == name).astype(float)
        left = float(inside @ past.observed)
        if min(left, inside.sum() - left) >= LEAST_CHURNERS:
            found[str(name)] = inside
    return found


def _rule_rows(work: _Work, earned: list[Line], behind: list[Line]) -> pd.DataFrame:
    rows = [
        (name, float(rule.mean()), *own, gap[0], gap[2], gap[3], len(rule))
        for (name, rule), own, gap in zip(work.rules.items(), earned, behind, strict=True)
    ]
    return pd.DataFrame(rows, columns=pd.Index(RULE_COLUMNS))


def _curve_rows(curves: Mapping[str, list[Line]]) -> pd.DataFrame:
    """Profit per customer by contacted share, for each order of contacting."""
    parts = []
    for name, lines in curves.items():
        part = pd.DataFrame(lines, columns=pd.Index(["estimate", "std_error", "conf_low", "conf_high"]))
        part.insert(0, "contacted_share", _SHARES)
        part.insert(0, "ordered_by", name)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _interval(estimate: float, draws: Floats, *, confidence: float, ratio: bool = False) -> Line:
    """Estimate, standard error and normal limits from bootstrap draws; on the log scale for a ratio."""
    usable = draws[np.isfinite(draws)]
    if not np.isfinite(estimate) or len(usable) < max(2, 0.9 * len(draws)):
        return float(estimate), np.nan, np.nan, np.nan
    error = float(np.std(usable, ddof=1))
    z = _z(confidence)
    if ratio and estimate > 0.0:
        width = z * error / estimate
        return float(estimate), error, float(estimate * np.exp(-width)), float(estimate * np.exp(width))
    return float(estimate), error, float(estimate - z * error), float(estimate + z * error)


@cache
def _z(confidence: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf(0.5 + confidence / 2.0))


def decision_table(decided: pd.DataFrame, judged: Judged) -> pd.DataFrame:
    """Value at risk and expected profit of the customers at hand, in all and by segment; then the measures.

    Limits of the customers at hand carry over how far the predictions were off on past customers of the
    same segment (ratio of value lost to value predicted; realised minus promised profit per contact);
    a segment with fewer than 30 past leavers or stayers gets none, and the verdict "too few".
    """
    rows: list[tuple[object, ...]] = []
    groups = {ALL: decided}
    if "segment" in decided:
        groups |= {str(name): part for name, part in decided.groupby("segment", sort=True)}
    for name, part in groups.items():
        rows += _at_hand(name, part, judged.carry.get(name))
    for term, null in MEASURES.items():
        estimate, error, low, high = judged.measures[term]
        verdict = _verdict(low, high, null) if term in CLAIMS else ""
        rows.append(
            (
                term,
                "past customers",
                estimate,
                error,
                low,
                high,
                _p_value(estimate, error, null),
                judged.n,
                judged.n_contacted,
                verdict,
            )
        )
    return pd.DataFrame(rows, columns=pd.Index(ESTIMATE_COLUMNS))


def _at_hand(name: str, part: pd.DataFrame, carry: Mapping[str, Line] | None) -> list[tuple[object, ...]]:
    chosen = part["decision"] == "contact"
    contacted, n = int(chosen.sum()), len(part)
    risk, profit = float(part["value_at_risk"].sum()), float(part.loc[chosen, "expected_profit"].sum())
    nothing = (np.nan, np.nan, np.nan)
    verdict = "" if carry is not None else TOO_FEW
    risk_spread = profit_spread = nothing
    if carry is not None:
        _, error, low, high = carry["ratio"]
        risk_spread = (risk * error, min(risk * low, risk), max(risk * high, risk))
        _, error, low, high = carry["gap"]
        if contacted:
            ends = (profit + contacted * low, profit + contacted * high)
            profit_spread = (contacted * error, min(ends[0], profit), max(ends[1], profit))
    return [
        ("value_at_risk", name, risk, *risk_spread, np.nan, n, contacted, verdict),
        ("expected_profit", name, profit, *profit_spread, np.nan, n, contacted, verdict),
        ("contacted_share", name, contacted / n if n else np.nan, *nothing, np.nan, n, contacted, ""),
    ]


def _verdict(low: float, high: float, null: float) -> str:
    return SUPPORTED if low > null else REJECTED if high < null else UNDETERMINED


def _p_value(estimate: float, error: float, null: float) -> float:
    from scipy.stats import norm

    if not (np.isfinite(null) and np.isfinite(error)) or error == 0.0:
        return np.nan
    return float(2.0 * norm.sf(abs(estimate - null) / error))
