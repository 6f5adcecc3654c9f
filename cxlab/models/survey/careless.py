"""What changes if answers with a sign of carelessness are left out: the score and the order of drivers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import LOCATION_ID, OVERALL, RECOMMEND, rating_columns
from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.core.verdicts import REJECTED, SUPPORTED, TOO_FEW, UNDETERMINED
from cxlab.models.survey.careless_result import CSI_MEAN, NPS, SHARE_OF, CarelessResult
from cxlab.stats.bootstrap import deal_rows, percentile_interval
from cxlab.stats.left_out import Shift, importance_shift, mean_shift

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

QUESTION = "What changes if careless answers are left out?"
FLAG_PREFIX = "flag_"
ANY = "any sign"
#: With fewer dealers single answers are drawn.
FEWEST_CLUSTERS = 10
#: Fewer flagged answers print no interval of the change.
FEWEST_FLAGGED = 10
#: Answers that driver shares need, for the first driver and for each further one.
_ROWS, _ROWS_PER_DRIVER = 30, 5
_DEALT_GROUPS = 4_000
_COLUMNS = (
    "left_out", "term", "estimate", "conf_low", "conf_high", "without", "change", "std_error", "change_low",
    "change_high", "rank", "rank_without", "n", "n_left_out", "verdict",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CarelessModel:
    """Score and driver shares with all answers, and without those that look careless.

    ``change = figure without the flagged answers - figure with all``; both come from the same bootstrap
    draws of dealers. The claim that is judged: leaving these answers out moves the figure by more than the
    tolerance.

    Parameters
    ----------
    outcome
        Overall answer: its mean, and the outcome of the driver shares.
    recommend_column
        Likelihood to recommend, 0 to 10, for the NPS; None, or a table without it, leaves the NPS out.
    drivers
        Rating items; every ``rating_`` column if empty. Driver shares (exact LMG) use complete answers.
    flags
        Signs that are looked at, without the prefix ``flag_``; every one that occurs if empty.
    tolerance_points, tolerance_nps, tolerance_share
        Change of a mean, of the NPS and of a driver's share (0..1) that would matter.
    cluster_column
        Dealer of each answer; None, or fewer than ten dealers, draws single answers.
    confidence
        Confidence of intervals, 0..1.
    replicates
        Bootstrap replicates, 100 or more.
    seed
        Seed of the bootstrap.

    Raises
    ------
    ParameterError
        If a setting is out of range.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> table = pd.DataFrame({"overall": rng.integers(6, 11, 500), "flag_speeder": rng.random(500) < 0.1})
    >>> result = CarelessModel(replicates=100).fit(table)
    >>> result.table()[["left_out", "term", "n_left_out", "verdict"]]
      left_out      term  n_left_out   verdict
    0  speeder  csi_mean          50  rejected
    """

    outcome: str = OVERALL
    recommend_column: str | None = RECOMMEND
    drivers: Sequence[str] = ()
    flags: Sequence[str] = ()
    tolerance_points: float = 0.1
    tolerance_nps: float = 1.0
    tolerance_share: float = 0.02
    cluster_column: str | None = LOCATION_ID
    confidence: float = 0.95
    replicates: int = 500
    seed: int = 1

    def __post_init__(self) -> None:
        require_share("CarelessModel", "confidence", self.confidence)
        require_at_least("CarelessModel", "replicates", self.replicates, 100)
        for name in ("tolerance_points", "tolerance_nps", "tolerance_share"):
            if not getattr(self, name) > 0:
                raise ParameterError(f"CarelessModel: {name} must be above 0, got {getattr(self, name)!r}.")

    def fit(self, table: pd.DataFrame) -> CarelessResult:
        """Compare with and without.

        Parameters
        ----------
        table
            Survey answers with boolean columns ``flag_*``, as ``tables.flagged()`` makes them.

        Returns
        -------
        CarelessResult

        Raises
        ------
        NotAnswerableError
            If the outcome or every flag column is absent, or no answer is left.
        ParameterError
            If a named flag is no column.
        """
        marks = self._marks(table)
        answered = table[self.outcome].notna()
        if answered.sum() - marks.any(axis=1)[answered].sum() < FEWEST_FLAGGED:
            raise NotAnswerableError(
                QUESTION,
                reason=f"Fewer than {FEWEST_FLAGGED} answers would be left.",
                next_step="take more answers, or fewer flags.",
            )
        drivers = [name for name in self.drivers or rating_columns(list(table.columns)) if name in table]
        groups, clusters = self._groups(table)
        rows = [
            row
            for name, marked in self._sets(marks).items()
            for row in self._rows(name, table, marked, drivers, groups, clusters)
        ]
        estimates = pd.DataFrame(rows, columns=pd.Index(_COLUMNS))
        used = int(answered.sum())
        return CarelessResult(
            estimates=estimates,
            diagnostics=checks_table(self._checks(marks, clusters)),
            provenance=Provenance(
                model="CarelessModel",
                n_rows=len(table),
                n_used=used,
                n_set_aside={"no answer to the outcome": len(table) - used} if used < len(table) else {},
                settings=asdict(self),
                seed=self.seed,
                input_hash=hash_frame(table[[self.outcome, *drivers]].join(marks)),
            ),
            outcome=self.outcome,
            confidence=self.confidence,
            flagged={name: int(marked.sum()) for name, marked in self._sets(marks).items()},
        )

    def _marks(self, table: pd.DataFrame) -> pd.DataFrame:
        """The flag columns, without their prefix; those that mark nothing are left out unless named."""
        there = [str(name) for name in table.columns if str(name).startswith(FLAG_PREFIX)]
        if self.outcome not in table.columns or not there:
            gap = f"column {self.outcome!r}" if self.outcome not in table.columns else "column flag_*"
            raise NotAnswerableError(
                QUESTION, reason=f"The table has no {gap}.", next_step="pass tables.flagged()."
            )
        unknown = [flag for flag in self.flags if FLAG_PREFIX + flag not in there]
        if unknown:
            known = ", ".join(name.removeprefix(FLAG_PREFIX) for name in there)
            raise ParameterError(f"CarelessModel: flags {', '.join(unknown)} not there; known: {known}.")
        chosen = [FLAG_PREFIX + flag for flag in self.flags] or [n for n in there if table[n].any()]
        return table[chosen].astype(bool).rename(columns=lambda name: name.removeprefix(FLAG_PREFIX))

    def _sets(self, marks: pd.DataFrame) -> dict[str, Mask]:
        """What is left out together: each sign alone and, where there are several, any of them."""
        sets = {str(name): marks[name].to_numpy(dtype=bool) for name in marks}
        return sets | {ANY: marks.any(axis=1).to_numpy(dtype=bool)} if len(sets) > 1 else sets

    def _groups(self, table: pd.DataFrame) -> tuple[Integers, int]:
        """What is drawn together, and the number of dealers (0: single answers)."""
        if self.cluster_column is not None and self.cluster_column in table:
            codes, names = pd.factorize(table[self.cluster_column], use_na_sentinel=False)
            if len(names) >= FEWEST_CLUSTERS:
                return codes.astype(np.int64), len(names)
        rng = np.random.default_rng(self.seed)
        return deal_rows(len(table), groups=_DEALT_GROUPS, rng=rng), 0

    def _rows(
        self,
        name: str,
        table: pd.DataFrame,
        marked: Mask,
        drivers: list[str],
        groups: Integers,
        clusters: int,
    ) -> list[tuple[object, ...]]:
        scores = {CSI_MEAN: table[self.outcome].astype("float64")}
        tolerances = [self.tolerance_points]
        if self.recommend_column is not None and self.recommend_column in table:
            given = table[self.recommend_column].astype("float64")
            scores[NPS] = (100.0 * (given >= 9) - 100.0 * (given <= 6)).where(given.notna())
            tolerances.append(self.tolerance_nps)
        rng = np.random.default_rng(self.seed)
        values = pd.DataFrame(scores).to_numpy(dtype=np.float64)
        shift = mean_shift(values, marked, groups, replicates=self.replicates, rng=rng)
        answers = (~np.isnan(values)).sum(axis=0)
        left_out = (~np.isnan(values) & marked[:, None]).sum(axis=0)
        degrees = (clusters or len(np.unique(groups))) - 1
        rows = self._listed(name, list(scores), shift, tolerances, answers, left_out, degrees, ranked=False)
        items = table[[*drivers, self.outcome]].to_numpy(dtype=np.float64)
        whole = ~np.isnan(items).any(axis=1)
        least = _ROWS + _ROWS_PER_DRIVER * len(drivers)
        if len(drivers) < 2 or (whole & ~marked).sum() < least or np.ptp(items[whole][:, -1]) == 0:
            return rows
        codes = np.unique(groups[whole], return_inverse=True)[1].reshape(-1)
        rng = np.random.default_rng(self.seed)
        share = importance_shift(items[whole], marked[whole], codes, replicates=self.replicates, rng=rng)
        each = np.full(len(drivers), whole.sum())
        gone = np.full(len(drivers), (whole & marked).sum())
        tolerances = [self.tolerance_share] * len(drivers)
        terms = [SHARE_OF + driver for driver in drivers]
        return rows + self._listed(name, terms, share, tolerances, each, gone, degrees, ranked=True)

    def _listed(
        self,
        name: str,
        terms: list[str],
        shift: Shift,
        tolerances: list[float],
        answers: Integers,
        left_out: Integers,
        degrees: int,
        *,
        ranked: bool,
    ) -> list[tuple[object, ...]]:
        low, high = shift.interval(confidence=self.confidence, degrees_of_freedom=degrees)
        error = shift.change_draws.std(axis=0, ddof=1)
        ends = percentile_interval(
            shift.whole_draws, confidence=self.confidence, degrees_of_freedom=degrees
        )
        rank, rank_without = (
            (_ranks(side) if ranked else np.full(len(terms), np.nan)) for side in (shift.whole, shift.kept)
        )
        rows: list[tuple[object, ...]] = []
        for place, term in enumerate(terms):
            few = left_out[place] < FEWEST_FLAGGED
            hidden = np.nan if few else 1.0
            limits = (low[place] * hidden, high[place] * hidden)
            verdict = TOO_FEW if few else _verdict(*limits, tolerances[place])
            rows.append(
                (
                    name, term, shift.whole[place], ends[0][place], ends[1][place], shift.kept[place],
                    shift.change[place], error[place] * hidden, *limits, rank[place], rank_without[place],
                    int(answers[place]), int(left_out[place]), verdict,
                )
            )  # fmt: skip
        return rows

    def _checks(self, marks: pd.DataFrame, clusters: int) -> list[Check]:
        share = float(marks.any(axis=1).mean()) if len(marks) else 0.0
        return [
            Check(
                check="share of answers with a sign",
                value=round(share, 4),
                threshold="below 0.05",
                passed=share < 0.05,
                meaning="above it, ask how the answers were collected before any analysis",
            ),
            Check(
                check="dealers that the replicates draw",
                value=clusters or "single answers",
                threshold=f">= {FEWEST_CLUSTERS}",
                passed=clusters >= FEWEST_CLUSTERS,
                meaning="answers of one dealer are alike; single answers make intervals too short",
            ),
        ]


def _ranks(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 for the largest; equal shares keep the order of the items."""
    ranks = np.empty(len(shares))
    ranks[np.argsort(-shares, kind="stable")] = np.arange(1, len(shares) + 1)
    return ranks


def _verdict(low: float, high: float, tolerance: float) -> str:
    """Whether the change is beyond the tolerance, within it, or cannot be told."""
    if low > tolerance or high < -tolerance:
        return SUPPORTED
    return REJECTED if -tolerance < low and high < tolerance else UNDETERMINED
