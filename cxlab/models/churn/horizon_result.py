"""The result of a churn model: measures with intervals, reasons, calibration, probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.core.result import Result
from cxlab.core.settings import require_at_least
from cxlab.core.verdicts import SUPPORTED, TOO_FEW
from cxlab.models.churn.card import ModelCard, make_card
from cxlab.models.churn.features import FeatureCoder
from cxlab.models.churn.folds import ALL, Fold
from cxlab.models.churn.monitoring import (
    STAYING_COLUMNS,
    drift_table,
    expected_table,
    group_table,
    staying_table,
)
from cxlab.models.churn.reason_codes import (
    coded,
    families_of,
    family_contributions,
    reason_table,
    refit_models,
    stability,
)
from cxlab.models.churn.training import Trainer, Training
from cxlab.models.churn.validation import calibration_table, gains_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cxlab.models.churn.decision_result import DecisionResult
    from cxlab.models.churn.experience_result import ExperienceResult
    from cxlab.stats.gated import GatedClassifier


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ChurnResult(Result):
    """A fitted churn forecast and how it did on rows it had not seen.

    Attributes
    ----------
    scored_rows
        The rows held out, with the probability they got before their outcome was used.
    reason_rows
        What the forecast leans on, see :meth:`reasons`.
    leak_rows
        Features that look as if written after the outcome, see :meth:`leaks`.
    classifier, coder
        The model refitted on all rows with a known outcome, and how features become its numbers.
    training, trainer, fitted
        The rows learned from, how models are trained on them, and the model of each fold.
    horizon_days, lead_days
        The window of the forecast: churn from ``lead_days`` after the cut, within ``horizon_days``.
    in_time_order
        Whether each held-out row was scored by a model of earlier, closed cuts only.
    untested
        Cut -> why it could not be tested.
    basis
        What the forecast of a single segment rests on; empty for a forecast of all.
    """

    scored_rows: pd.DataFrame
    reason_rows: pd.DataFrame
    leak_rows: pd.DataFrame
    classifier: GatedClassifier
    coder: FeatureCoder
    training: Training
    trainer: Trainer
    fitted: tuple[tuple[Fold, GatedClassifier], ...]
    horizon_days: int
    lead_days: int
    confidence: float
    replicates: int
    in_time_order: bool
    untested: Mapping[str, str]
    basis: str = ""

    def predict(self, table: pd.DataFrame) -> pd.Series:
        """The probability of churn for each row, aligned to the index of ``table``.

        Rows may have an unknown outcome; other columns than the features are not looked at. A text
        level never seen in training counts as a rare level; a missing value in a column that was
        always filled in training is read as the training median (text: as the average customer).

        Raises
        ------
        FitError
            If feature columns are missing or have changed their type.
        """
        if not len(table):
            return pd.Series([], index=table.index, name="churn_probability", dtype=float)
        p = self.classifier.predict_proba(self.coder.matrix(table))[:, 1]
        return pd.Series(p, index=table.index, name="churn_probability")

    def scored(self) -> pd.DataFrame:
        """The held-out rows: keys, churned, probability, segment, unseen and two columns more; a copy.

        ``reference`` is the churn share of the rows that trained the model: the forecast to beat;
        ``training_noise`` see :func:`cxlab.stats.forecast.training_noise`, 0 in the order of time.
        """
        return self.scored_rows.copy()

    def reasons(self) -> pd.DataFrame:
        """What the forecast leans on, per block of features, strongest first; a copy.

        ``estimate`` is the rise of the held-out log-loss when the block is shuffled between customers.
        It says what predicts, given the other blocks, in this model; never what causes churn. Blocks
        that tell the same story share it, so each alone looks weaker than both together. Limits are
        per block, not joint over blocks.
        """
        return self.reason_rows.copy()

    def leaks(self) -> pd.DataFrame:
        """Features that rank suspiciously well alone, or hold pure levels; a copy, often empty."""
        return self.leak_rows.copy()

    def contributions(
        self, table: pd.DataFrame, *, families: Mapping[str, Sequence[str]] | None = None
    ) -> pd.DataFrame:
        """What each family of features adds to the logit of each row, plus ``base``; rows as in ``table``.

        ``base`` is the mean logit of the training rows; a row's columns add up to its logit (before an
        isotonic map, where the gate made one). Families: those named, then features with a rank
        correlation above 0.7 together. It says what moves this model's answer, not what would help.
        """
        chosen = families_of(self.training, families)
        parts = family_contributions(self.classifier, coded(self.coder, table), chosen)
        frame = pd.DataFrame(parts, index=table.index, columns=pd.Index([one.name for one in chosen]))
        return frame.assign(base=self.classifier.base_)

    def reason_codes(
        self,
        table: pd.DataFrame,
        *,
        top: int = 3,
        refits: int = 10,
        families: Mapping[str, Sequence[str]] | None = None,
    ) -> pd.DataFrame:
        """The strongest reasons of each row that hold when the model is refitted on other customers.

        A reason is a family of features and what it adds to the logit against the mean customer, as
        ``contract_plan (+0.42)``. It is printed only if its sign is kept in 80 % of the refits (bootstrap
        of customers) and it is among the ``top`` in 50 %; else the place is empty, which is an answer.

        Parameters
        ----------
        table
            Rows with the feature columns.
        top, refits
            Reasons per row, 1 or more; refits, 5 or more.
        families
            Family name -> its features; features with a rank correlation above 0.7 are joined anyway.

        Returns
        -------
        DataFrame
            Aligned to ``table``: reason_1 ... reason_top (text), reasons_stable (how many are printed).
            ``attrs["stability"]``: top_overlap, same_first, logit_spread over the refits.
        """
        require_at_least("reason_codes", "top", top, 1)
        require_at_least("reason_codes", "refits", refits, 5)
        chosen = families_of(self.training, families)
        matrix = coded(self.coder, table)
        own = family_contributions(self.classifier, matrix, chosen)
        models = refit_models(self.training, self.trainer, self.classifier, refits)
        others = [family_contributions(model, matrix, chosen) for model in models]
        names = [one.name for one in chosen]
        found = reason_table(own, others, names, top=min(top, len(names)), index=table.index)
        if len(table):
            found.attrs["stability"] = stability(own, others, top=min(top, len(names)))
        return found

    def drift(self, table: pd.DataFrame) -> pd.DataFrame:
        """Population stability index of each feature and of the score, rows to score against training.

        Columns term (``(score)`` is the forecast), psi, verdict: ``stable`` up to 0.1, ``watch`` up to
        0.25, ``changed`` above; largest first. A rule of thumb without an interval.
        """
        new, old = coded(self.coder, table), self.training.matrix
        scores = (self.classifier.predict_proba(old)[:, 1], self.predict(table).to_numpy())
        return drift_table(self.coder, old, new, scores=scores)

    def expected_performance(self, table: pd.DataFrame) -> pd.DataFrame:
        """AUC, Brier score and churn share that the forecast of ``table`` expects of itself, no label used.

        Columns term, expected, observed, n; ``observed`` is filled where ``table`` holds a complete
        column churned. True only while the probabilities stay calibrated.
        """
        p = self.predict(table).to_numpy()
        known = "churned" in table and bool(table["churned"].notna().all()) and len(table) > 0
        return expected_table(p, table["churned"].to_numpy(dtype=float) if known else None)

    def by_group(self, groups: pd.Series) -> pd.DataFrame:
        """Calibration by group on the held-out rows: is anybody's risk systematically misjudged?

        ``groups`` is aligned to the panel by index (``panel["contract_segment"]``). Columns group, n,
        n_churned, observed_to_expected with limits, auc, top_decile_share, verdict; "too few" below 100
        churners. A warning, not a proof of fairness.
        """
        return group_table(self.scored_rows, groups, confidence=self.confidence)

    def staying_power(self) -> pd.DataFrame:
        """The model of the oldest tested cut, frozen, scored at each later tested cut: how fast it ages.

        Columns cut, age_days (after the oldest tested cut), auc and log_loss_gain with limits, n,
        n_churned. One row only where a single cut could be tested; empty without dates.
        """
        if not self.in_time_order:
            return pd.DataFrame(columns=pd.Index(STAYING_COLUMNS))
        frozen = [(fold, self.fitted[0][1]) for fold, _ in self.fitted]
        return staying_table(
            self.training,
            frozen,
            reference=float(self.training.churned[self.fitted[0][0].train].mean()),
            confidence=self.confidence,
            replicates=self.replicates,
            seed=self.provenance.seed or 0,
        )

    def card(
        self, *, experience: ExperienceResult | None = None, decision: DecisionResult | None = None
    ) -> ModelCard:
        """The model card: data, cuts, features by block, metrics, leaks, calibration, limits, hashes.

        ``experience`` and ``decision`` add the nested test and the money assumptions; without them the card
        says that they are not attached.
        """
        return make_card(self, experience=experience, decision=decision)

    def calibration(self) -> pd.DataFrame:
        """Predicted and observed churn per tenth of the held-out rows, with limits and n."""
        return calibration_table(
            self.scored_rows,
            confidence=self.confidence,
            replicates=self.replicates,
            seed=self.provenance.seed or 0,
        )

    def summary(self) -> str:
        """How well churn is predicted, on how many, under which assumption, and what is not claimed."""
        return f"{self.basis} {self._judged()}" if self.basis else self._judged()

    def _judged(self) -> str:
        n = len(self.scored_rows)
        customers = self.scored_rows["customer_id"].nunique()
        events = int(self.scored_rows["churned"].sum())
        word = f"{self.confidence:.0%} intervals over customers"
        auc, gain = self._line("auc"), self._line("log_loss_gain")
        if auc["verdict"] == TOO_FEW:
            return f"Churn of {n:,} held-out rows ({events} churners): too few to judge the forecast."
        verdict = "better than" if gain["verdict"] == SUPPORTED else "not shown to be better than"
        first = (
            f"{self._how()} the forecast of churn{self._window()} is {verdict} the average churn share: "
            f"AUC {_shown(auc)}, lift of the riskiest tenth {_shown(self._line('top_decile_lift'), 1)} "
            f"({word}). Log-loss {_shown(self._line('log_loss'))} (gain {_shown(gain)}), calibration "
            f"slope {_shown(self._line('calibration_slope'), 2)}; {n:,} held-out rows of {customers:,} "
            f"customers, {events:,} churned."
        )
        failed = self.diagnostics.loc[~self.diagnostics["passed"].astype(bool), "check"].tolist()
        warned = f" Failed checks: {', '.join(failed)}." if failed else ""
        limit = (
            "It holds while customers and features behave as in these cuts; it predicts, and says neither "
            "what causes churn nor whom a contact would keep."
        )
        if not self.in_time_order:
            limit = (
                "Rows were held out across customers, not in time, so nothing is shown about later "
                "periods and no lifetime or customer value may be claimed; it predicts, and says not why."
            )
        return f"{first}{warned} {limit}"

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Calibration by tenths, on ``ax``; without ``ax`` beside the gains curve.

        Returns the axes of the calibration; the gains curve is the next axes of the same figure.
        """
        from cxlab.plots.calibration import plot_calibration, plot_gains

        n, events = len(self.scored_rows), int(self.scored_rows["churned"].sum())
        note = f"n = {n:,} held-out rows, {events:,} churned; bars: {self.confidence:.0%} limits"
        both = ax is None
        if ax is None:
            import matplotlib.pyplot as plt

            axes = plt.subplots(1, 2, figsize=(11.5, 5.6), layout="constrained")[1]
            ax = axes[0]
        drawn = plot_calibration(
            self.calibration(),
            ax=ax,
            title="Do the probabilities hold?",
            event=f"churn{self._window()}",
            note=note,
        )
        if both:
            auc = self._line("auc")
            order = "scored in time order" if self.in_time_order else "not in time order"
            plot_gains(
                gains_table(self.scored_rows),
                ax=axes[1],
                title="Does it find the churners?",
                event="churners",
                note=f"AUC {_shown(auc, 2)}; {order}",
            )
        return drawn

    def _line(self, term: str) -> pd.Series:
        rows = self.estimates
        return rows[(rows["term"] == term) & (rows["segment"] == ALL)].iloc[0]

    def _window(self) -> str:
        return f" within {self.horizon_days} days" if self.in_time_order else ""

    def _how(self) -> str:
        if not self.in_time_order:
            return "Held out by customer,"
        cuts = self.scored_rows["segment"].nunique()
        word = "cut" if cuts == 1 else "cuts"
        return f"Scored at {cuts} {word} by models trained only on outcomes closed by then,"


def _shown(line: pd.Series, decimals: int = 3) -> str:
    if not np.isfinite(line["estimate"]):
        return "not defined"
    low, high = line["conf_low"], line["conf_high"]
    return f"{line['estimate']:.{decimals}f} [{low:.{decimals}f}, {high:.{decimals}f}]"
