"""How the moments of a journey make the overall answer: every moment, the worst one, or worst and last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.core.columns import LOCATION_ID, OVERALL, RATING_PREFIX
from cxlab.core.errors import ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Result, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.core.verdicts import NOT_IDENTIFIED
from cxlab.models.drivers.chain_checks import chain_checks
from cxlab.models.drivers.chain_rows import chain_answers, moments_in_order
from cxlab.models.drivers.chain_rules import NOT_DISTINGUISHABLE, RULES, ahead_of_curves, fit_chain
from cxlab.models.drivers.chain_tables import chain_table, rule_gaps
from cxlab.models.drivers.rows import usable_cluster_column

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: What each rule says, in the words of a picture.
_PLAIN = dict(
    zip(
        RULES,
        (
            "every moment alike (plain mean)",
            "every moment by weight (weighted mean)",
            "every moment along a curve (bent mean)",
            "weight and curve (bent weighted mean)",
            "only the worst moment (minimum)",
            "worst and last moment (peak-end)",
            "mean, worst and last together",
            "bad moments weigh more (soft minimum)",
        ),
        strict=True,
    )
)


@dataclass(frozen=True, kw_only=True)
class ChainModel:
    """Whether an overall answer follows all moments, the worst one, or the worst and the last.

    ``y = a + b S_tau(x; w)`` with the soft minimum ``S_tau = -(1/tau) log sum_t w_t exp(-tau x_t)``
    over the moments experienced: ``tau = 0`` is the weighted mean (cumulative), large tau the minimum
    (weakest link). A moment one rating point worse counts ``exp(tau)`` times as much. Beside it stand
    the rules plain, weighted and bent mean (mean and mean square), minimum, peak-end (worst and last)
    and mean + worst + last, compared by the variance they explain at dealers that were held out.

    Parameters
    ----------
    outcome, drivers, cluster_column
        As in :class:`cxlab.ImportanceModel`; at least two drivers, one per moment.
    order
        The drivers in journey order, first moment first; the order of the columns if empty.
    folds
        Of the cross-validation, 2 to 10; whole dealers are held out.
    reliability
        Reliability of one rating, 0..1 (retest or split half), if known. Noise in ratings hides the
        weakest link; without this number the result can only be read as a lower bound.
    negligible_exponent
        An exponent whose interval lies within plus or minus this is read as moments that add up; 0.1 lets a
        moment one rating point worse count up to a tenth more or less. 0 takes every sure exponent at its
        word, and large surveys then find one from the ends of the scale alone.
    confidence
        Of the intervals and of the tests behind the verdict, 0..1.
    seed
        Of the folds.

    Raises
    ------
    ParameterError
        If a setting is out of range or an item is named twice.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> ratings = rng.normal(6, 2, (600, 3))
    >>> names = ["rating_booking", "rating_wait", "rating_handover"]
    >>> table = pd.DataFrame(ratings, columns=names)
    >>> table["overall"] = ratings.min(axis=1) + rng.normal(size=600)
    >>> ChainModel(order=names).fit(table).rule
    'weakest link'
    """

    outcome: str = OVERALL
    drivers: Sequence[str] = ()
    cluster_column: str | None = LOCATION_ID
    order: Sequence[str] = ()
    folds: int = 5
    reliability: float | None = None
    negligible_exponent: float = 0.1
    confidence: float = 0.95
    seed: int = 1

    def __post_init__(self) -> None:
        require_share("ChainModel", "confidence", self.confidence)
        require_at_least("ChainModel", "folds", self.folds, 2)
        require_at_least("ChainModel", "negligible_exponent", self.negligible_exponent, 0.0)
        if self.folds > 10:
            raise ParameterError(
                f"ChainModel: folds must be 10 or less, got {self.folds}. Next step: use 5."
            )
        if self.reliability is not None and not 0.0 < self.reliability <= 1.0:
            raise ParameterError(
                f"ChainModel: reliability must lie above 0 and not above 1, got {self.reliability!r}. "
                f"Next step: give the retest correlation of one rating, or None if nobody knows it."
            )
        for name in ("drivers", "order"):
            given = getattr(self, name)
            items = (given,) if isinstance(given, str) else tuple(given)
            object.__setattr__(self, name, items)
            if isinstance(given, str) or len(set(items)) < len(items) or self.outcome in items:
                raise ParameterError(
                    f"ChainModel: {name} must be a list of different columns without the outcome, got "
                    f"{given!r}. Next step: name each moment once."
                )

    def fit(self, table: pd.DataFrame) -> ChainResult:
        """Fit to survey answers, one row each.

        Answers without the outcome or with fewer than two rated moments are set aside and counted; a
        moment not experienced is left out of its row and never filled in.

        Raises
        ------
        NotAnswerableError
            If columns are absent, answers or ratings of a moment are too few, or there are 2 to 9
            dealers.
        ParameterError
            If ``order`` names other items than ``drivers``.
        FitError
            If a column holds text or infinite values.
        """
        moments = moments_in_order(
            table, outcome=self.outcome, drivers=tuple(self.drivers), order=tuple(self.order)
        )
        cluster_column = usable_cluster_column(table, self.cluster_column)
        answers = chain_answers(
            table, outcome=self.outcome, moments=moments, cluster_column=cluster_column, folds=self.folds
        )
        fitted = fit_chain(
            answers,
            folds=self.folds,
            confidence=self.confidence,
            negligible=self.negligible_exponent,
            seed=self.seed,
        )
        used = [*moments, self.outcome, *([cluster_column] if cluster_column else [])]
        return ChainResult(
            estimates=chain_table(fitted, answers, moments=moments, confidence=self.confidence),
            diagnostics=checks_table(
                chain_checks(fitted, answers, reliability=self.reliability, order_given=bool(self.order))
            ),
            provenance=Provenance(
                model="ChainModel",
                n_rows=len(table),
                n_used=len(answers.outcome),
                n_set_aside=answers.set_aside,
                settings=asdict(self),
                seed=self.seed,
                input_hash=hash_frame(table[used]),
            ),
            outcome=self.outcome,
            rule=fitted.rule,
            reliability=self.reliability,
            confidence=self.confidence,
            sites=answers.sites,
            site_word="dealers" if cluster_column == LOCATION_ID else "clusters",
            at_limit=fitted.soft.at_limit,
            beats_curves=ahead_of_curves(fitted.comparison) > 0,
            _gaps=rule_gaps(fitted),
        )


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ChainResult(Result):
    """``rule`` says how the moments add up, ``table()`` holds the figures, in five parts.

    ``rule`` is *cumulative*, *weakest link*, *peak-end*, *not distinguishable* (another rule predicts
    unseen dealers within one standard error of the best, or the exponent may be 0 as well as large),
    *best moment* (good moments weigh more) or *not identified* (the ratings do not carry the outcome,
    so there is nothing to divide).

    ``table()`` has the columns part, term, estimate, std_error, conf_low, conf_high, p_value, n, verdict:

    - ``exponent``: tau in 1 over rating points, ``conf_high`` infinite where the data cannot tell it from
      the minimum; verdict on "bad moments weigh more than good ones".
    - ``weights``: share of each moment, adding up to 1.
    - ``linear``: slopes of mean, worst and last fitted together, of ``best`` added to them, and the joint
      test that worst and last add nothing; verdict on "adds beyond the others".
    - ``prediction``: share of variance explained at unseen dealers by each rule.
    - ``behind best``: how much less a rule explains than the best one, paired by answer.
    """

    outcome: str
    rule: str
    reliability: float | None
    confidence: float
    sites: int
    site_word: str
    at_limit: bool
    beats_curves: bool
    # What rules() returns; summary and picture are made of it.
    _gaps: pd.DataFrame

    def rules(self) -> pd.DataFrame:
        """One row per rule: explained (share at unseen dealers), behind the leader, behind_error, family.

        ``family`` is the answer that a rule speaks for, empty for none; the leader is the best rule that
        speaks for one.
        """
        return self._gaps.copy()

    def summary(self) -> str:
        """The verdict with its figures, the exponent, n, the assumption and what may not be claimed."""
        share = f"{100 * self.confidence:g} % interval"
        n, where = self.provenance.n_used, f" from {self.sites:,} {self.site_word}" if self.sites else ""
        lost = self.provenance.n_rows - n
        if self.rule == NOT_IDENTIFIED:
            return (
                f"How moments make {self.outcome} is not identified: the ratings do not carry it beyond "
                f"chance. n = {n:,} answers{where}, {lost:,} set aside. Nothing may be said about the "
                f"weakest link from these answers."
            )
        return (
            f"{self._verdict()} {self._exponent(share)} n = {n:,} answers{where}, {lost:,} set aside; it "
            f"assumes that a moment's rating is what was felt then. {self._noise()} "
            f"It does not say that repairing the worst moment lifts {self.outcome}."
        )

    def _verdict(self) -> str:
        speaking = self._gaps[self._gaps["family"] != ""].sort_values("behind", kind="stable")
        best = speaking.iloc[0]
        other = speaking[speaking["family"] != best["family"]].iloc[0]
        if self.rule == NOT_DISTINGUISHABLE:
            start = f"How moments make {self.outcome} is not distinguishable"
        else:
            start = f"{self.outcome} looks {self.rule}"
        return (
            f"{start}: the rule {best['rule']!r} ({best['family']}) explains "
            f"{100 * best['explained']:.1f} % of the variance at answers held out, "
            f"{100 * other['behind']:.1f} points more than {other['rule']!r} ({other['family']}), standard "
            f"error {100 * other['behind_error']:.1f}."
        )

    def _exponent(self, share: str) -> str:
        row = self.estimates.iloc[0]
        if self.at_limit:
            side = "worst" if row["estimate"] > 0 else "best"
            bound = row["conf_low"] if row["estimate"] > 0 else row["conf_high"]
            return (
                f"The exponent is at the limit ({row['estimate']:.2f}): it cannot be told from the {side} "
                f"moment alone ({share} starts at {bound:.2f})."
            )
        high = f"{row['conf_high']:.2f}" if np.isfinite(row["conf_high"]) else "no upper limit"
        low = f"{row['conf_low']:.2f}" if np.isfinite(row["conf_low"]) else "no lower limit"
        return (
            f"The exponent is {row['estimate']:.2f} ({share} {low} to {high}): a moment one point worse "
            f"counts {np.exp(row['estimate']):.2f} times as much."
        )

    def _noise(self) -> str:
        first = self.estimates.iloc[:1]
        tilted = bool(((first["conf_low"] > 0) | (first["conf_high"] < 0)).all())
        if tilted and not self.beats_curves:
            return (
                "Moments that add up along a curve predict as well or better: the exponent need not mean "
                "that one link decides: noise in skewed ratings looks the same."
            )
        if self.reliability == 1.0:
            return "Ratings are taken as free of noise."
        known = "unknown" if self.reliability is None else f"{self.reliability:g}"
        return (
            f"The reliability of the ratings is {known}, and noise hides the weakest link (at 0.8 a true "
            f"0.5 is read as about 0.22): the exponent is a lower bound."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """How far each rule stays behind the best at unseen dealers, with one standard error."""
        from cxlab.plots.chain import chain

        row = self.estimates.iloc[0]
        words = [_PLAIN[rule] for rule in self._gaps["rule"]]
        where = f" from {self.sites:,} {self.site_word}" if self.sites else ""
        low, high = (f"{row[name]:.2f}" for name in ("conf_low", "conf_high"))
        told = f"; exponent {row['estimate']:.2f} ({low} to {high})"
        if self.rule == NOT_IDENTIFIED:
            told = ""
        elif np.isinf(row["conf_high"]) and np.isfinite(row["conf_low"]):
            told = f"; exponent at least {low}"
        outcome = self.outcome.removeprefix(RATING_PREFIX).replace("_", " ")
        return chain(
            self._gaps.assign(term=words),
            title=f"How moments make {outcome}: {self.rule}",
            note=f"n = {self.provenance.n_used:,} answers{where}{told}",
            ax=ax,
        )
