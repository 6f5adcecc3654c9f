"""Which dealers really differ: a funnel, estimates drawn towards the network, no league table of chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import CUSTOMER_ID, LOCATION_ID, OVERALL
from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.core.verdicts import SUPPORTED, TOO_FEW, UNDETERMINED
from cxlab.models.survey.dealer_result import DealerResult
from cxlab.models.survey.dealer_rows import QUESTION, DealerRows, read_answers
from cxlab.stats.funnel import GroupMeans, common_mean, group_means, overdispersion
from cxlab.stats.multiplicity import benjamini_hochberg
from cxlab.stats.shrinkage import ShrinkFit, lowest_share_probability, shrink

Array = NDArray[np.float64]

#: Dealers needed before "differs from the others" means anything.
FEWEST_DEALERS = 5
#: A dealer's own spread beyond this multiple of the pooled one makes its interval too short.
SPREAD_RATIO = 1.5
_DRAWS = 2_000
_COLUMNS = ["segment", "n", "observed", "estimate", "std_error", "conf_low", "conf_high"]
_COLUMNS += ["p_value", "q_value", "worst_probability", "direction", "verdict"]


@dataclass(frozen=True, kw_only=True)
class DealerModel:
    """Dealers compared: funnel limits, empirical Bayes, false discovery rate, chance to be among the worst.

    A dealer's answers have mean ``theta_d`` and a spread common to all dealers; ``theta_d ~ N(mu, tau^2)``.
    The estimate is the posterior mean of ``theta_d`` with the uncertainty of mu and tau in its interval;
    the p-value tests "this dealer is like the network", the q-value corrects for looking at all dealers.

    Parameters
    ----------
    outcome
        Column of the answers.
    location_column
        Dealer of each answer.
    respondent_column
        Who answered: several answers of one customer count for less than as many customers. None, or a
        table without the default column, takes answers as independent.
    minimum_n
        Dealers with fewer answers print ``too few`` and no number; 5 or more.
    ranking_n
        Dealers with fewer answers get no chance of being among the worst; ``minimum_n`` or more.
    adjust_for
        Columns of case mix, numbers or categories: dealers are compared at the average customer.
    worst_share
        Which share of dealers counts as the worst, 0..1.
    false_discovery_rate
        Of the dealers called different, the share that may be chance, 0..1.
    confidence
        Confidence of intervals, 0..1.
    seed
        Seed of the draws behind the chance of being among the worst.

    Raises
    ------
    ParameterError
        If a setting is out of range.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> dealer = np.repeat([f"D{n:02d}" for n in range(20)], 40)
    >>> overall = 7.5 + rng.normal(size=800) - 1.5 * (dealer == "D03")
    >>> result = DealerModel().fit(pd.DataFrame({"location_id": dealer, "overall": overall}))
    >>> table = result.table()
    >>> table.loc[table["verdict"] == "supported", ["segment", "direction", "worst_probability"]]
      segment direction  worst_probability
    0     D03     below                1.0
    """

    outcome: str = OVERALL
    location_column: str = LOCATION_ID
    respondent_column: str | None = CUSTOMER_ID
    minimum_n: int = 10
    ranking_n: int = 30
    adjust_for: Sequence[str] = ()
    worst_share: float = 0.1
    false_discovery_rate: float = 0.1
    confidence: float = 0.95
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("worst_share", "false_discovery_rate", "confidence"):
            require_share("DealerModel", name, getattr(self, name))
        require_at_least("DealerModel", "minimum_n", self.minimum_n, 5)
        require_at_least("DealerModel", "ranking_n", self.ranking_n, self.minimum_n)
        if isinstance(self.adjust_for, str):
            raise ParameterError(
                f"DealerModel: adjust_for must be a tuple of column names, got the text "
                f"{self.adjust_for!r}. Next step: write adjust_for=({self.adjust_for!r},)."
            )
        object.__setattr__(self, "adjust_for", tuple(self.adjust_for))

    def fit(self, table: pd.DataFrame) -> DealerResult:
        """Compare dealers by survey answers, one row each.

        Parameters
        ----------
        table
            Survey answers with the columns that the settings name.

        Returns
        -------
        DealerResult

        Raises
        ------
        NotAnswerableError
            If a column is absent, or fewer than five dealers have ``minimum_n`` answers.
        FitError
            If an answer or a column of case mix cannot be used.
        """
        rows = read_answers(
            table,
            outcome=self.outcome,
            location_column=self.location_column,
            respondent_column=self.respondent_column,
            adjust_for=tuple(self.adjust_for),
            minimum_n=self.minimum_n,
        )
        _require_dealers(rows, minimum_n=self.minimum_n)
        means = _means(rows)
        fit = shrink(means.mean, means.std_error, confidence=self.confidence)
        centre, z_values = common_mean(means.mean, means.std_error)
        factor = overdispersion(z_values)
        return DealerResult(
            estimates=self._estimates(rows, means, fit, z_values, centre),
            diagnostics=checks_table(_checks(rows, means, fit, factor, confidence=self.confidence)),
            provenance=Provenance(
                model="DealerModel",
                n_rows=len(table),
                n_used=len(rows.values),
                n_set_aside=rows.set_aside,
                settings=asdict(self),
                seed=self.seed,
                input_hash=hash_frame(table[rows.columns]),
            ),
            outcome=self.outcome,
            confidence=self.confidence,
            false_discovery_rate=self.false_discovery_rate,
            worst_share=self.worst_share,
            minimum_n=self.minimum_n,
            adjusted_for=tuple(self.adjust_for),
            centre=centre,
            row_deviation=means.deviation,
            between=(fit.deviation, fit.deviation_low, fit.deviation_high),
            overdispersion=factor,
            effective=dict(zip(rows.names, (means.deviation / means.std_error) ** 2, strict=True)),
        )

    def _estimates(
        self, rows: DealerRows, means: GroupMeans, fit: ShrinkFit, z_values: Array, centre: float
    ) -> pd.DataFrame:
        from scipy import stats

        degrees = len(rows.values) - len(rows.names) - len(means.slopes)
        p_value = 2.0 * stats.t.sf(np.abs(z_values), degrees)
        q_value = benjamini_hochberg(p_value)
        worst = lowest_share_probability(
            means.mean,
            means.std_error,
            share=self.worst_share,
            draws=_DRAWS,
            rng=np.random.default_rng(self.seed),
        )
        flagged = q_value <= self.false_discovery_rate
        shown = pd.DataFrame(
            {
                "segment": rows.names,
                "n": means.rows.astype(int),
                "observed": means.mean,
                "estimate": fit.estimate,
                "std_error": fit.std_error,
                "conf_low": fit.conf_low,
                "conf_high": fit.conf_high,
                "p_value": p_value,
                "q_value": q_value,
                "worst_probability": np.where(means.rows >= self.ranking_n, worst, np.nan),
                "direction": np.where(flagged, np.where(means.mean < centre, "below", "above"), ""),
                "verdict": np.where(flagged, SUPPORTED, UNDETERMINED),
            }
        ).sort_values(["estimate", "segment"], kind="stable")
        few = pd.DataFrame({"segment": list(rows.too_few), "n": list(rows.too_few.values())})
        few = few.assign(direction="", verdict=TOO_FEW)
        together = pd.concat([shown, few], ignore_index=True) if len(few) else shown
        return together.reset_index(drop=True)[_COLUMNS]


def _require_dealers(rows: DealerRows, *, minimum_n: int) -> None:
    if len(rows.names) < FEWEST_DEALERS:
        raise NotAnswerableError(
            QUESTION,
            reason=(
                f"{len(rows.names)} dealers have {minimum_n} answers or more, {len(rows.too_few)} have "
                f"fewer; {FEWEST_DEALERS} are needed for a comparison."
            ),
            next_step="compare larger units (regions), or collect more answers.",
        )


def _means(rows: DealerRows) -> GroupMeans:
    try:
        return group_means(rows.values, rows.dealers, covariates=rows.covariates, units=rows.units)
    except ValueError as error:
        raise NotAnswerableError(
            QUESTION, reason=f"{error}.", next_step="choose an outcome that varies."
        ) from error


def _checks(
    rows: DealerRows, means: GroupMeans, fit: ShrinkFit, factor: float, *, confidence: float
) -> list[Check]:
    own = pd.Series(rows.values).groupby(rows.dealers).std().to_numpy()[means.rows >= 30]
    uneven = int(np.sum((own > SPREAD_RATIO * means.deviation) | (own < means.deviation / SPREAD_RATIO)))
    return [
        Check(
            check="dealers with too few answers",
            value=len(rows.too_few),
            threshold="0",
            passed=not rows.too_few,
            meaning="no number is shown for them, and they do not enter the comparison",
        ),
        Check(
            check="true spread between dealers",
            value=round(fit.deviation, 3),
            threshold=f"{100 * confidence:g} %: {fit.deviation_low:.3f} to {fit.deviation_high:.3f}",
            passed=True,
            meaning="standard deviation between dealers beyond chance, in points of the outcome",
        ),
        Check(
            check="over-dispersion factor",
            value=round(factor, 2),
            threshold="1 is chance alone",
            passed=True,
            meaning="how many times farther dealers spread than chance; far above 1, most lie outside the "
            "funnel, and the chance of being among the worst says more than the limits",
        ),
        Check(
            check="answers of one customer are alike",
            value="not known" if rows.units is None else round(means.alike, 3),
            threshold="known",
            passed=rows.units is not None,
            meaning="correlation of two answers of one customer at one dealer; it lengthens the intervals",
        ),
        Check(
            check="dealers with a spread of their own",
            value=uneven,
            threshold=f"<= {len(own) // 10} (a tenth of those with 30 answers)",
            passed=uneven <= len(own) // 10,
            meaning=f"spread more than {SPREAD_RATIO:g} times larger or smaller than the pooled one, which "
            "every interval uses",
        ),
    ]
