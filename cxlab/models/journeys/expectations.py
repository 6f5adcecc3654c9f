"""Where a gap between perceived and expected starts to matter: a zone of tolerance, or none."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype

from cxlab.core.columns import CUSTOMER_ID, LOCATION_ID
from cxlab.core.errors import FitError, NotAnswerableError, ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.core.verdicts import NOT_IDENTIFIED, REJECTED, SUPPORTED, TOO_FEW, UNDETERMINED
from cxlab.models.journeys.expectation_result import WIDENED, GapNoise, ToleranceResult
from cxlab.stats.bootstrap import deal_rows, percentile_interval, resampled_sums
from cxlab.stats.tolerance import ZONE, ZoneFit, fit_zone, surface_lines, surface_moments, zone_columns
from cxlab.stats.tolerance_noise import ROUNDED, SHARES, noise_profile

Floats = NDArray[np.float64]

QUESTION = "Where unmet expectations start to matter"
FEWEST_CLUSTERS = 10
#: A zone is preferred only if its criterion is better than the next form's by this much.
CLEAR = 6.0
_SURFACE_TERMS = ("slope where both agree", "bend where both agree", "slope of the gap", "bend of the gap")
_REPLICATES = 1_000
_GROUPS = 4_000
#: Share of gaps in whole points from which both ratings count as rounded.
WHOLE = 0.5


@dataclass(frozen=True, kw_only=True)
class ToleranceModel:
    """Zone of tolerance: the outcome falls below L, hardly moves up to U, and rises again above.

    ``y = c + b1 min(g - L, 0) + b2 (clip(g, L, U) - L) + b3 max(g - U, 0)``, g = perceived - expected, by
    least squares over all pairs L < U; limits from the profile, calibrated by a wild bootstrap. The
    Bayesian criterion decides between a line, one kink and a zone. Beside it a quadratic surface in
    expected and perceived says whether their difference is the right summary at all.

    Parameters
    ----------
    outcome, perceived, expected
        Columns: what is moved, how it was, what had been expected before. The outcome must not be the
        perceived rating itself.
    minimum_n
        Answers below which no threshold is printed; 500 or more.
    confidence
        Confidence of intervals, 0..1.
    seed
        Seed of the bootstrap.

    Raises
    ------
    ParameterError
        If a setting is out of range or two of the columns are the same.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> expected = rng.normal(7, 1, 3000)
    >>> gap = rng.normal(0, 2, 3000)
    >>> y = zone_columns(gap, -1.0, 1.5) @ [1.2, 0.1, 0.6] + rng.normal(0, 0.7, 3000)
    >>> table = pd.DataFrame({"expectation": expected, "perceived": expected + gap})
    >>> table["visit_satisfaction"] = y
    >>> ToleranceModel().fit(table).table().set_index("term").loc["zone", "verdict"]
    'supported'
    """

    outcome: str = "visit_satisfaction"
    perceived: str = "perceived"
    expected: str = "expectation"
    minimum_n: int = 2_000
    confidence: float = 0.95
    seed: int = 1

    def __post_init__(self) -> None:
        require_share("ToleranceModel", "confidence", self.confidence)
        require_at_least("ToleranceModel", "minimum_n", self.minimum_n, 500)
        if len({self.outcome, self.perceived, self.expected}) < 3:
            raise ParameterError(
                "ToleranceModel: outcome, perceived and expected must be three different columns; a "
                "rating explained by a gap that contains it bends by construction. Next step: name another "
                "outcome."
            )

    def fit(self, table: pd.DataFrame) -> ToleranceResult:
        """Look for a zone in survey answers.

        Parameters
        ----------
        table
            One row per answer, with the three columns; location_id and customer_id where there are.

        Returns
        -------
        ToleranceResult

        Raises
        ------
        NotAnswerableError
            If a column is absent or has too few answers to see a bend.
        FitError
            If a column is no number.
        """
        kept, set_aside = self._usable(table)
        rows = table[kept]
        expected, perceived, outcome = (
            rows[name].to_numpy(dtype=np.float64) for name in (self.expected, self.perceived, self.outcome)
        )
        gap = perceived - expected
        codes, word = _clusters(rows)
        rng = np.random.default_rng(self.seed)
        try:
            fit = fit_zone(gap, outcome, rng=rng, confidence=self.confidence, clusters=codes)
            noise = self._noise(gap, outcome)
        except ValueError as error:
            raise NotAnswerableError(
                QUESTION, reason=f"{error}.", next_step="collect more answers on a finer scale."
            ) from error
        estimates = self._estimates(fit, len(rows), noise)
        surface = self._surface(expected, perceived, outcome, codes, rng)
        return ToleranceResult(
            estimates=estimates,
            diagnostics=checks_table([*_checks(fit, noise, gap, surface, word), _asked_before(rows)]),
            provenance=Provenance(
                model="ToleranceModel",
                n_rows=len(table),
                n_used=len(rows),
                n_set_aside=set_aside,
                settings=asdict(self),
                seed=self.seed,
                input_hash=hash_frame(table[[self.outcome, self.perceived, self.expected]]),
            ),
            outcome=self.outcome,
            confidence=self.confidence,
            minimum_n=self.minimum_n,
            preferred=fit.preferred,
            criteria=fit.bic,
            noise=noise,
            surface_rows=surface,
            line=_line(fit, gap),
            points=_points(gap, outcome),
        )

    def _usable(self, table: pd.DataFrame) -> tuple[NDArray[np.bool_], dict[str, int]]:
        names = (self.outcome, self.perceived, self.expected)
        absent = [name for name in names if name not in table]
        if absent:
            raise NotAnswerableError(
                QUESTION,
                reason=f"The answers have no column {', '.join(absent)}.",
                next_step="ask what was expected before the contact, and map it in cxlab.toml.",
            )
        wrong = [name for name in names if not is_numeric_dtype(table[name])]
        if wrong:
            raise FitError(f"{', '.join(wrong)}: numbers are needed. Next step: recode in cxlab.toml.")
        lost, set_aside = np.zeros(len(table), dtype=np.bool_), {}
        for name in names:
            fresh = table[name].isna().to_numpy() & ~lost
            if fresh.any():
                set_aside[f"no {name}"] = int(fresh.sum())
            lost |= fresh
        if (~lost).sum() < 100:
            raise NotAnswerableError(
                QUESTION,
                reason=f"{(~lost).sum()} answers state expectation, perception and outcome.",
                next_step="collect at least 2,000 such answers.",
            )
        return ~lost, set_aside

    def _noise(self, gap: Floats, outcome: Floats) -> GapNoise:
        """Noise that rounding puts into the gap or round corners show, and the zone behind it."""
        known = ROUNDED if np.mean(gap == np.round(gap)) >= WHOLE else 0.0
        own = float(gap.std())
        known = known if known < own else 0.0
        spreads = np.unique(np.r_[own * np.array(SHARES), known])
        profile = noise_profile(gap, outcome, spreads=spreads)
        shown = profile.shown(confidence=self.confidence)
        place = profile.likeliest if shown else 0
        place = max(place, int(np.flatnonzero(spreads == known)[0]))
        return GapNoise(
            spread=float(spreads[place]),
            rounded=known > 0.0,
            shown=shown,
            lower=float(profile.lower[place]),
            upper=float(profile.upper[place]),
        )

    def _estimates(self, fit: ZoneFit, n: int, noise: GapNoise) -> pd.DataFrame:
        from scipy.stats import t

        few = n < self.minimum_n
        ordered = sorted(fit.bic.values())
        clear = ordered[1] - ordered[0] >= CLEAR
        flat = fit.slopes[1] < min(fit.slopes[0], fit.slopes[2])
        found = fit.preferred == ZONE and flat
        if few:
            verdict = TOO_FEW
        elif found and clear:
            verdict = UNDETERMINED if noise.spread > 0.0 else SUPPORTED
        else:
            verdict = REJECTED if clear and fit.preferred != ZONE else UNDETERMINED
        told = verdict in (SUPPORTED, UNDETERMINED) and found
        widened = WIDENED if told and noise.spread > 0.0 else ""
        rows: list[dict[str, object]] = [{"term": "zone", "n": n, "verdict": verdict, "reason": widened}]
        limits = (
            ("lower threshold", fit.lower, fit.lower_limits, fit.lower_open),
            ("upper threshold", fit.upper, fit.upper_limits, fit.upper_open),
        )
        for term, value, (low, high), is_open in limits:
            row = {"term": term, "n": n, "verdict": verdict if few or told else NOT_IDENTIFIED}
            row["reason"] = "" if told else "too few answers" if few else "no zone in these data"
            if told:
                row |= {"estimate": value, "conf_low": low, "conf_high": high}
                row["reason"] = "threshold not reached in the data" if is_open else widened
            rows.append(row)
        reach = float(t.ppf(0.5 + self.confidence / 2.0, fit.degrees_of_freedom))
        for term, slope, error in zip(
            ("slope below", "slope inside", "slope above"), fit.slopes, fit.slope_errors, strict=True
        ):
            row = {
                "term": term,
                "n": n,
                "verdict": verdict if few or told else NOT_IDENTIFIED,
                "reason": "",
            }
            if told:
                row |= {"estimate": slope, "std_error": error}
                row |= {"conf_low": slope - reach * error, "conf_high": slope + reach * error}
            rows.append(row)
        columns = ["term", "estimate", "std_error", "conf_low", "conf_high", "n", "verdict", "reason"]
        return pd.DataFrame(rows).reindex(columns=columns).fillna({"reason": ""})

    def _surface(
        self, expected: Floats, perceived: Floats, outcome: Floats, codes: object, rng: np.random.Generator
    ) -> pd.DataFrame:
        # One centre for both, or agreement would lie off the line E = P.
        centre = (expected.mean() + perceived.mean()) / 2.0
        groups = deal_rows(len(outcome), groups=_GROUPS, rng=rng) if codes is None else np.asarray(codes)
        moments = surface_moments(expected - centre, perceived - centre, outcome, groups.astype(np.intp))
        sums = np.hstack([moments.gram.reshape(-1, 36), moments.crossed])
        strata = np.zeros(len(sums), dtype=np.int64)
        drawn = resampled_sums(sums, strata=strata, replicates=_REPLICATES, rng=rng)
        lines = surface_lines(drawn[:, :36].reshape(-1, 6, 6), drawn[:, 36:])
        low, high = percentile_interval(
            lines, confidence=self.confidence, degrees_of_freedom=float(len(sums) - 1)
        )
        return pd.DataFrame(
            {
                "term": _SURFACE_TERMS,
                "estimate": surface_lines(moments.gram.sum(axis=0), moments.crossed.sum(axis=0)),
                "std_error": lines.std(axis=0, ddof=1),
                "conf_low": low,
                "conf_high": high,
                "n": len(outcome),
            }
        )


def _clusters(rows: pd.DataFrame) -> tuple[NDArray[np.intp] | None, str]:
    for name, word in ((LOCATION_ID, "dealer"), (CUSTOMER_ID, "customer")):
        if name in rows and rows[name].nunique() >= FEWEST_CLUSTERS:
            labels = rows[name].astype("object").where(rows[name].notna(), "unknown")
            return pd.factorize(labels)[0].astype(np.intp), word
    return None, "answer"


def _line(fit: ZoneFit, gap: Floats) -> pd.DataFrame:
    at = np.unique(np.r_[np.linspace(gap.min(), gap.max(), 120), fit.lower, fit.upper])
    return pd.DataFrame(
        {"gap": at, "estimate": fit.constant + zone_columns(at, fit.lower, fit.upper) @ fit.slopes}
    )


def _points(gap: Floats, outcome: Floats) -> pd.DataFrame:
    """Means of the outcome in bins of the gap, with intervals."""
    bins = np.round(gap) if len(np.unique(gap)) < 40 else np.round(gap * 2) / 2
    grouped = pd.DataFrame({"gap": bins, "y": outcome}).groupby("gap")["y"].agg(["mean", "std", "size"])
    grouped = grouped[grouped["size"] >= 10]
    reach = 1.96 * grouped["std"] / np.sqrt(grouped["size"])
    return pd.DataFrame(
        {
            "gap": grouped.index.to_numpy(),
            "mean": grouped["mean"].to_numpy(),
            "conf_low": (grouped["mean"] - reach).to_numpy(),
            "conf_high": (grouped["mean"] + reach).to_numpy(),
            "n": grouped["size"].to_numpy(),
        }
    )


def _checks(fit: ZoneFit, noise: GapNoise, gap: Floats, surface: pd.DataFrame, word: str) -> list[Check]:
    ordered = sorted(fit.bic.items(), key=lambda item: item[1])
    whole = float(np.mean(gap == np.round(gap)))
    agree = surface.iloc[0]
    return [
        Check(
            check="form preferred by the Bayesian criterion",
            value=f"{ordered[0][0]}, {ordered[1][1] - ordered[0][1]:.0f} better than {ordered[1][0]}",
            threshold=f"{ZONE}, by {CLEAR:g}",
            passed=ordered[0][0] == ZONE and ordered[1][1] - ordered[0][1] >= CLEAR,
            meaning="a zone fitted to a line or to one kink still prints two thresholds; this is the gate",
        ),
        Check(
            check="flat inside",
            value=round(float(fit.slopes[1] / max(min(fit.slopes[0], fit.slopes[2]), 1e-9)), 2),
            threshold="< 0.5 of the smaller outside slope",
            passed=bool(fit.slopes[1] < 0.5 * min(fit.slopes[0], fit.slopes[2])),
            meaning="inside a zone of tolerance the outcome hardly moves",
        ),
        Check(
            check="thresholds bounded by the data",
            value=", ".join(n for n, o in (("lower", fit.lower_open), ("upper", fit.upper_open)) if o)
            or "both",
            threshold="both",
            passed=not (fit.lower_open or fit.upper_open),
            meaning="threshold not reached in the data: its interval ends where the answers end",
        ),
        Check(
            check="noise in the gap",
            value=noise.words() or "none shown",
            threshold="none shown",
            passed=noise.spread == 0.0,
            meaning="noise in perceived or expected widens a zone and rounds its corners",
        ),
        Check(
            check="gaps in whole points",
            value=f"{whole:.0%}",
            threshold=f"< {WHOLE:.0%}",
            passed=whole < WHOLE,
            meaning="between two whole points a threshold is placed by the slopes alone",
        ),
        Check(
            check="only the gap counts",
            value=round(float(agree["estimate"]), 2),
            threshold="interval holds 0",
            passed=bool(agree["conf_low"] <= 0.0 <= agree["conf_high"]),
            meaning="slope along expected = perceived; away from 0 the level counts too",
        ),
        Check(
            check="intervals count as independent",
            value=word,
            threshold="dealer",
            passed=word == "dealer",
            meaning="answers about one dealer are alike",
        ),
    ]


def _asked_before(rows: pd.DataFrame) -> Check:
    """Whether the expectation was asked before the answer, where both moments are recorded."""
    asked = None
    if {"expectation_at", "answered_at"} <= set(rows.columns) and rows["expectation_at"].notna().any():
        known = rows[rows["expectation_at"].notna() & rows["answered_at"].notna()]
        asked = float((known["expectation_at"] < known["answered_at"]).mean()) if len(known) else None
    return Check(
        check="expectation asked before the answer",
        value="not recorded" if asked is None else f"{asked:.0%}",
        threshold=">= 95%",
        passed=asked is not None and asked >= 0.95,
        meaning="asked afterwards, an expectation leans to the experience and the gap shrinks",
    )
