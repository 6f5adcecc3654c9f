"""How a cohort melts from renewal to renewal, and what is still to come: the shifted beta-geometric."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.errors import FitError, NotAnswerableError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, Result, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.models.churn.intervals import limits
from cxlab.stats.shifted_beta_geometric import (
    BetaGeometricFit,
    beta_geometric_life,
    beta_geometric_survival,
    fit_beta_geometric,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = NDArray[np.float64]

QUESTION = "How long a cohort lasts"
ALL = "all"
LEAST_CUSTOMERS = 30
COLUMNS = ("term", "segment", "estimate", "std_error", "conf_low", "conf_high", "n", "verdict")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class RetentionResult(Result):
    """Fitted cohorts with their projected curves; see :class:`RetentionModel`."""

    curve_rows: pd.DataFrame
    settings: RetentionModel

    def curves(self) -> pd.DataFrame:
        """segment, curve, period, estimate, conf_low, conf_high, observed (share, nan beyond the data)."""
        return self.curve_rows.copy()

    def summary(self) -> str:
        """Loss at the first renewal, later retention, value still to come, and the assumption."""
        parts = []
        for segment in self.estimates["segment"].unique():
            of_segment = self.estimates[self.estimates["segment"] == segment]
            rows = {str(row["term"]): row for _, row in of_segment.iterrows()}
            first, life = rows["lost_at_first_renewal"], rows["remaining_payments_new"]
            old = rows["remaining_payments_renewed"]
            if not np.isfinite(first["estimate"]):
                parts.append(f"{segment}: {first['verdict']}.")
                continue
            name = "" if segment == ALL else f"{segment}: "
            parts.append(
                f"{name}{_shown(first, 100, '%')} are lost at the first renewal; a new customer still "
                f"brings {_shown(life)} renewals' payments within "
                f"{self.settings.horizon_renewals}, one who "
                f"has renewed {self.settings.renewed} times {_shown(old)}."
            )
        return (
            " ".join(parts)
            + f" Intervals {self.settings.confidence:.0%}. Retention rises because the disloyal leave "
            "first, not "
            "because anybody grows more loyal; beyond the renewals seen the curve is a projection."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Observed shares as points, the fitted and projected curve as a line with its band."""
        from cxlab.plots.survival import plot_survival

        axes = plot_survival(
            self.curve_rows,
            ax=ax,
            title="How a cohort melts",
            period="renewal",
            since="since joining",
            note="line: fitted and projected; points: observed; bands: "
            f"{self.settings.confidence:.0%} intervals",
        )
        seen = self.curve_rows.dropna(subset=["observed"])
        axes.plot(seen["period"], 100 * seen["observed"], "o", color="#1A1A1A", markersize=4)
        return axes


@dataclass(frozen=True, kw_only=True)
class RetentionModel:
    """Fit and project the survivors of contract cohorts.

    Each customer has its own chance to leave at a renewal, Beta(alpha, beta) over customers, so that
    ``S(t) = B(alpha, beta + t) / B(alpha, beta)``. Two numbers per cohort, nothing else.

    Parameters
    ----------
    period_column
        Renewals since joining: 0, 1, 2, ...
    survivors_column
        Customers still there after that renewal: counts, falling.
    by
        Column of segments; None for one cohort.
    horizon_renewals
        Renewals ahead that are valued and drawn.
    renewed
        How often an "old" customer of the table has renewed.
    discount_per_renewal
        Rate by which a payment one renewal later counts less, 0 or more.
    confidence
        Confidence of every interval, 0..1.
    replicates
        Draws behind the intervals.
    seed
        Seed of the draws.

    Notes
    -----
    Limits: draws of (ln alpha, ln beta) from their normal distribution; normal limits on the logit or log
    scale. Give counts, not percentages: the intervals depend on how many customers there were. Customers
    must have joined together and be seen to the last period; for censored or late ones use HazardModel.

    References
    ----------
    Fader and Hardie (2007), How to project customer retention, J. Interactive Marketing 21, 76-90.

    Examples
    --------
    >>> survivors = [1000, 869, 743, 653, 593, 551, 517, 491]
    >>> table = pd.DataFrame({"period": range(8), "survivors": survivors})
    >>> RetentionModel().fit(table).table().set_index("term")["estimate"].head(2).round(3).to_dict()
    {'alpha': 0.668, 'beta': 3.806}
    """

    period_column: str = "period"
    survivors_column: str = "survivors"
    by: str | None = None
    horizon_renewals: int = 12
    renewed: int = 4
    discount_per_renewal: float = 0.1
    confidence: float = 0.95
    replicates: int = 1_000
    seed: int = 2025

    def __post_init__(self) -> None:
        require_share("RetentionModel", "confidence", self.confidence)
        for name, least in (
            ("horizon_renewals", 1),
            ("renewed", 0),
            ("discount_per_renewal", 0),
            ("replicates", 100),
            ("seed", 0),
        ):
            require_at_least("RetentionModel", name, getattr(self, name), least)

    def fit(self, survivors: pd.DataFrame) -> RetentionResult:
        """Fit each cohort.

        Parameters
        ----------
        survivors
            One row per cohort and renewal: period, survivors, and the column ``by``.

        Returns
        -------
        RetentionResult
            ``table()``: term (alpha, beta, lost_at_first_renewal, retention_last, remaining_payments_new,
            remaining_payments_renewed), segment, estimate, limits, n, verdict.

        Raises
        ------
        FitError
            For gaps, rising or negative survivors, all problems at once.
        NotAnswerableError
            Without the columns.
        """
        cohorts = self._cohorts(survivors)
        parts = [self._cohort(name, counts) for name, counts in cohorts.items()]
        return RetentionResult(
            estimates=pd.concat([part[0] for part in parts], ignore_index=True),
            diagnostics=checks_table([check for part in parts for check in part[2]]),
            provenance=self._provenance(survivors),
            curve_rows=pd.concat([part[1] for part in parts], ignore_index=True),
            settings=self,
        )

    def _cohorts(self, table: pd.DataFrame) -> dict[str, FloatArray]:
        needed = [self.period_column, self.survivors_column, *([self.by] if self.by else [])]
        absent = [name for name in needed if name not in table]
        if absent:
            raise NotAnswerableError(
                QUESTION,
                reason=f"The table has no column {', '.join(absent)}.",
                next_step="count the customers left after each renewal, one row per renewal.",
            )
        groups = [(ALL, table)] if self.by is None else list(table.groupby(self.by, sort=True))
        found, problems = {}, []
        for name, rows in groups:
            ordered = rows.sort_values(self.period_column)
            counts = ordered[self.survivors_column].to_numpy(dtype=float)
            if ordered[self.period_column].tolist() != list(range(len(rows))) or len(rows) < 3:
                problems.append(f"{name}: periods must be 0, 1, 2, ... without gaps, three or more")
            elif not (np.isfinite(counts).all() and (counts > 0).all() and (np.diff(counts) <= 0).all()):
                problems.append(f"{name}: survivors must be above 0 and never rise")
            found[str(name)] = counts
        if problems:
            raise FitError(f"RetentionModel: {'; '.join(problems)}. Next step: mend these cohorts.")
        return found

    def _cohort(self, name: str, counts: FloatArray) -> tuple[pd.DataFrame, pd.DataFrame, list[Check]]:
        lost, kept = -np.diff(counts), float(counts[-1])
        try:
            fit = fit_beta_geometric(lost, kept)
        except ValueError as error:
            return self._unknown(name, counts, str(error))
        rng = np.random.default_rng([self.seed, 1])
        logs = rng.multivariate_normal(np.log([fit.alpha, fit.beta]), fit.covariance, self.replicates)
        point = self._numbers(fit.alpha, fit.beta, len(lost))
        draws = np.array([self._numbers(a, b, len(lost)) for a, b in np.exp(logs)])
        scales = ("log", "log", "logit", "logit", "log", "log")
        lines = []
        for place, (term, scale) in enumerate(zip(_TERMS, scales, strict=True)):
            error_, low, high = limits(
                np.array(point[place]), draws[:, place], confidence=self.confidence, scale=scale
            )
            lines.append(
                (term, name, point[place], float(error_), float(low), float(high), int(counts[0]), "")
            )
        reach = max(self.horizon_renewals, len(lost))
        curve = beta_geometric_survival(fit.alpha, fit.beta, reach)
        curves = np.array([beta_geometric_survival(a, b, reach) for a, b in np.exp(logs)])
        _, low, high = limits(curve, curves, confidence=self.confidence, scale="logit")
        drawn = pd.DataFrame(
            {
                "segment": name,
                "curve": "survival",
                "period": np.arange(reach + 1),
                "estimate": curve,
                "conf_low": low,
                "conf_high": high,
                "observed": np.append(counts / counts[0], np.full(reach + 1 - len(counts), np.nan)),
            }
        )
        return pd.DataFrame(lines, columns=pd.Index(COLUMNS)), drawn, _checks(name, counts, fit)

    def _numbers(self, alpha: float, beta: float, renewals: int) -> list[float]:
        horizon, discount = self.horizon_renewals, self.discount_per_renewal
        last = (beta + renewals - 1) / (alpha + beta + renewals - 1)
        return [
            alpha,
            beta,
            alpha / (alpha + beta),
            last,
            beta_geometric_life(alpha, beta, renewed=0, horizon=horizon, discount=discount),
            beta_geometric_life(alpha, beta, renewed=self.renewed, horizon=horizon, discount=discount),
        ]

    def _unknown(
        self, name: str, counts: FloatArray, reason: str
    ) -> tuple[pd.DataFrame, pd.DataFrame, list[Check]]:
        lines = [(term, name, *(np.nan,) * 4, int(counts[0]), reason) for term in _TERMS]
        share = counts / counts[0]
        drawn = pd.DataFrame({"segment": name, "curve": "survival", "period": np.arange(len(counts))})
        drawn = drawn.assign(estimate=share, conf_low=share, conf_high=share, observed=share)
        check = Check(
            check=f"{name}: a curve can be fitted",
            value="no",
            threshold="yes",
            passed=False,
            meaning=reason,
        )
        return pd.DataFrame(lines, columns=pd.Index(COLUMNS)), drawn, [check]

    def _provenance(self, table: pd.DataFrame) -> Provenance:
        settings: dict[str, Any] = asdict(self)
        settings.pop("seed")
        return Provenance(
            model="RetentionModel",
            n_rows=len(table),
            n_used=len(table),
            settings=settings,
            seed=self.seed,
            input_hash=hash_frame(table),
        )


_TERMS = (
    "alpha",
    "beta",
    "lost_at_first_renewal",
    "retention_last",
    "remaining_payments_new",
    "remaining_payments_renewed",
)


def _checks(name: str, counts: FloatArray, fit: BetaGeometricFit) -> list[Check]:
    """Fit of the curve (chi-square over renewals), and enough customers."""
    from scipy.stats import chi2

    lost = -np.diff(counts)
    survival = beta_geometric_survival(fit.alpha, fit.beta, len(lost))
    expected = counts[0] * np.append(-np.diff(survival), survival[-1])
    seen = np.append(lost, counts[-1])
    statistic = float(((seen - expected) ** 2 / expected).sum())
    freedom = max(len(seen) - 3, 1)
    p_value = float(chi2.sf(statistic, freedom))
    return [
        Check(
            check=f"{name}: the curve fits",
            value=round(p_value, 3),
            threshold="p >= 0.01",
            passed=p_value >= 0.01,
            meaning=f"chi-square {statistic:.1f} on {freedom}: below, losses do not fall as the model says",
        ),
        Check(
            check=f"{name}: customers at the start",
            value=int(counts[0]),
            threshold=f">= {LEAST_CUSTOMERS}",
            passed=counts[0] >= LEAST_CUSTOMERS,
            meaning="counts, not percentages: the intervals rest on them",
        ),
    ]


def _shown(line: pd.Series, factor: float = 1.0, unit: str = "") -> str:
    low, high = factor * line["conf_low"], factor * line["conf_high"]
    return f"{factor * line['estimate']:.1f}{unit} [{low:.1f}, {high:.1f}]"
