"""Share of wallet from the rank among the brands a customer uses, held against real spending."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import CUSTOMER_ID, OVERALL
from cxlab.core.errors import FitError, NotAnswerableError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, Result, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.core.verdicts import REJECTED, SUPPORTED, TOO_FEW, UNDETERMINED
from cxlab.stats.bootstrap import deal_rows, resampled_sums
from cxlab.stats.wallet import wallet_shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = NDArray[np.float64]

QUESTION = "Which share of the wallet a customer gives us"
#: The authors' rule of thumb: below these the rank says next to nothing.
LEAST_MULTI_BRAND, LEAST_SET = 0.4, 1.4
LEAST_ANSWERS = 30
UNUSABLE = "rank, number of brands or own rating missing or impossible"
COLUMNS = ("term", "segment", "estimate", "std_error", "conf_low", "conf_high", "n", "verdict")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class WalletResult(Result):
    """Shares of wallet, and how the rule did against real spending; see :class:`WalletModel`."""

    shares: pd.Series
    confidence: float

    def predict_shares(self) -> pd.Series:
        """Share of wallet of our brand that the rule gives each used answer, 0..1; a copy."""
        return self.shares.copy()

    def summary(self) -> str:
        """Mean share, what is lost to the best rival, and whether the rule beat plain satisfaction."""
        rows = {str(row["term"]): row for _, row in self.estimates.iterrows()}
        ours, lost = rows["wallet_share"], rows["share_lost_to_best"]
        parts = [
            f"By rank we get {_percent(ours)} of the wallet of {int(ours['n']):,} answers; where "
            "another brand "
            f"is placed first it gets {_percent(lost)} more of the wallet than we do "
            f"({self.confidence:.0%} "
            f"intervals)."
        ]
        if "rule_minus_satisfaction" in rows:
            gain = rows["rule_minus_satisfaction"]
            word = {
                SUPPORTED: "follows real spending more closely than satisfaction",
                REJECTED: "follows real spending less closely than satisfaction",
            }.get(str(gain["verdict"]), "is not told apart from satisfaction by real spending")
            parts.append(
                f"Among users of several brands the rule {word}: correlation "
                f"{rows['correlation_rule']['estimate']:.2f} against "
                f"{rows['correlation_satisfaction']['estimate']:.2f}, difference "
                f"{gain['estimate']:.2f} "
                f"[{gain['conf_low']:.2f}, {gain['conf_high']:.2f}]."
            )
        else:
            parts.append("Without real spending nothing shows that the rule holds here.")
        parts.append("It is a rule, not a law, and does not say that a better rank would bring the share.")
        return " ".join(parts)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Correlations with real spending where there is any, else the shares."""
        from cxlab.plots.forest import forest

        named = {
            "correlation_rule": "Wallet Allocation Rule",
            "correlation_satisfaction": "plain satisfaction",
        }
        rows = self.estimates[self.estimates["term"].isin(named)]
        if rows.empty:
            named = {"wallet_share": "our share", "share_lost_to_best": "lost to the brand placed first"}
            rows = self.estimates[self.estimates["term"].isin(named)]
        spent = "correlation_rule" in named
        return forest(
            rows.assign(term=rows["term"].map(named)),
            ax=ax,
            title="Does the rank follow the money?" if spent else "Whose wallet is it?",
            x_label="correlation with the real share of spending" if spent else "share of wallet, 0 to 1",
            note=f"n = {int(rows['n'].iloc[0]):,} answers"
            + (" of users of several brands" if spent else "")
            + f"; {self.confidence:.0%} intervals",
        )


@dataclass(frozen=True, kw_only=True)
class WalletModel:
    """The Wallet Allocation Rule: ``share = (1 - rank / (n + 1)) 2 / n`` among the n brands used.

    Parameters
    ----------
    rank_column, count_column
        Place of our brand (1 = first, ties by their mean) among the brands used, and how many they are.
    brand_columns
        Instead of these two: ratings of all brands, ours first; empty where a customer does not use one.
    spend_column
        Real share of spending that goes to us, 0..1; None without. With it the rule is held against
        plain satisfaction.
    satisfaction_column
        Satisfaction with us.
    confidence
        Confidence of every interval, 0..1.
    replicates
        Bootstrap replicates over customers.
    seed
        Seed of the replicates.

    Notes
    -----
    Refused unless 40 % of customers use several brands and the mean set has 1.4 (the authors' rule of
    thumb): a single brand is always first. The comparison leaves users of one brand out, for whom rule and
    spending are 1 by definition. Limits: percentile of replicates over customers.

    References
    ----------
    Keiningham, Aksoy, Buoye and Cooil (2011), Harvard Business Review 89(10). Keiningham, Aksoy, Williams
    and Buoye (2015), The Wallet Allocation Rule, Wiley.

    Examples
    --------
    >>> table = pd.DataFrame({"brand_rank": [1, 2, 1, 2] * 10, "brands_used_count": [2, 2, 2, 3] * 10})
    >>> WalletModel(spend_column=None).fit(table).summary()[:41]
    'By rank we get 50.0% [44.4%, 55.6%] of th'
    """

    rank_column: str = "brand_rank"
    count_column: str = "brands_used_count"
    brand_columns: tuple[str, ...] = ()
    spend_column: str | None = "spend_share"
    satisfaction_column: str = OVERALL
    confidence: float = 0.95
    replicates: int = 1_000
    seed: int = 2025

    def __post_init__(self) -> None:
        require_share("WalletModel", "confidence", self.confidence)
        require_at_least("WalletModel", "replicates", self.replicates, 100)
        require_at_least("WalletModel", "seed", self.seed, 0)

    def fit(self, answers: pd.DataFrame) -> WalletResult:
        """Shares by the rule, and its correlation with real spending beside that of satisfaction.

        Parameters
        ----------
        answers
            One row per answer: rank and number of brands (or ratings of brands), and where known
            customer_id, satisfaction and the real share.

        Returns
        -------
        WalletResult
            ``table()``: wallet_share, share_lost_to_best, multi_brand_share, mean_set; with spending
            correlation_rule, correlation_satisfaction, rule_minus_satisfaction (verdict), with limits.

        Raises
        ------
        NotAnswerableError
            Without the columns, with fewer than 30 answers, or where too few use several brands.
        FitError
            For shares of spending outside 0..1.
        """
        share, best, count = self._shares(answers)
        usable = np.isfinite(share)
        if usable.sum() < LEAST_ANSWERS:
            raise NotAnswerableError(
                QUESTION,
                reason=f"{int(usable.sum())} answers name our place among the brands used; "
                f"{LEAST_ANSWERS} are needed.",
                next_step="ask which brands are used, and in which order they are liked.",
            )
        rows, share, best, count = answers[usable], share[usable], best[usable], count[usable]
        several = float((count > 1).mean())
        if several < LEAST_MULTI_BRAND or count.mean() < LEAST_SET:
            raise NotAnswerableError(
                QUESTION,
                reason=f"{several:.0%} use several brands, {count.mean():.2f} on average; the rule needs "
                f"{LEAST_MULTI_BRAND:.0%} and {LEAST_SET}: who uses one brand gives it everything.",
                next_step="measure the share of spending itself, or ask in a market where brands "
                "are mixed.",
            )
        groups = self._groups(rows)
        parts = [self._means(share, best, count, groups)]
        spend, satisfaction = self._money(rows)
        if spend is not None and satisfaction is not None:
            parts.append(self._comparison(share, spend, satisfaction, count, groups))
        return WalletResult(
            estimates=pd.concat(parts, ignore_index=True),
            diagnostics=checks_table(_checks(several, float(count.mean()), spend is not None)),
            provenance=self._provenance(answers, int(usable.sum())),
            shares=pd.Series(share, index=rows.index, name="wallet_share"),
            confidence=self.confidence,
        )

    def _shares(self, answers: pd.DataFrame) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Our share, the best brand's share and the number of brands of each answer; nan if unknown."""
        needed = list(self.brand_columns) or [self.rank_column, self.count_column]
        absent = [name for name in needed if name not in answers]
        if absent:
            raise NotAnswerableError(
                QUESTION,
                reason=f"The answers have no column {', '.join(absent)}.",
                next_step="ask which brands are used, and in which order they are liked.",
            )
        values = _numbers(answers, needed)
        if self.brand_columns:
            shares = wallet_shares(values)
            count = np.isfinite(values).sum(axis=1).astype(np.float64)
            best = np.nanmax(np.where(np.isfinite(shares), shares, -1.0), axis=1)
            return shares[:, 0], best, count
        rank, count = values[:, 0], values[:, 1]
        possible = (rank >= 1) & (rank <= count) & (count >= 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(possible, (1.0 - rank / (count + 1.0)) * 2.0 / count, np.nan)
            best = np.where(rank == 1, share, (1.0 - 1.0 / (count + 1.0)) * 2.0 / count)
        return share, best, count

    def _groups(self, rows: pd.DataFrame) -> NDArray[np.int64]:
        """Customers, dealt into 4,000 random groups where they are more."""
        codes = np.arange(len(rows))
        if CUSTOMER_ID in rows:
            named = rows[CUSTOMER_ID].astype(object)
            codes = pd.factorize(named.where(named.notna(), pd.Series(rows.index, index=rows.index)))[0]
        rng = np.random.default_rng([self.seed, 5])
        return np.asarray(deal_rows(int(codes.max()) + 1, groups=4_000, rng=rng)[codes], dtype=np.int64)

    def _money(self, rows: pd.DataFrame) -> tuple[FloatArray | None, FloatArray | None]:
        if (
            self.spend_column is None
            or self.spend_column not in rows
            or self.satisfaction_column not in rows
        ):
            return None, None
        spend, satisfaction = _numbers(rows, [self.spend_column, self.satisfaction_column]).T
        wrong = int(((spend < 0) | (spend > 1)).sum())
        if wrong:
            raise FitError(
                f"WalletModel: {self.spend_column} must be a share from 0 to 1; {wrong:,} rows are not. "
                f"Next step: divide percentages by 100."
            )
        return spend, satisfaction

    def _draws(self, columns: FloatArray, groups: NDArray[np.int64]) -> FloatArray:
        """Replicates (B, K) of the column sums over customers."""
        sums = np.stack([np.bincount(groups, column) for column in columns.T], axis=1).astype(np.float64)
        rng = np.random.default_rng([self.seed, 6])
        strata = np.zeros(len(sums), dtype=np.int64)
        return resampled_sums(sums, strata=strata, replicates=self.replicates, rng=rng)

    def _means(
        self, share: FloatArray, best: FloatArray, count: FloatArray, groups: NDArray[np.int64]
    ) -> pd.DataFrame:
        behind = (best > share).astype(float)
        columns = np.column_stack([np.ones(len(share)), share, (best - share) * behind, behind])
        columns = np.column_stack([columns, (count > 1).astype(float), count])
        draws, point = self._draws(columns, groups), columns.sum(axis=0)

        def means(sums: FloatArray) -> FloatArray:
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.stack(
                    [
                        sums[..., 1] / sums[..., 0],
                        np.where(sums[..., 3] > 0, sums[..., 2] / sums[..., 3], 0.0),
                        sums[..., 4] / sums[..., 0],
                        sums[..., 5] / sums[..., 0],
                    ],
                    axis=-1,
                )

        names = ("wallet_share", "share_lost_to_best", "multi_brand_share", "mean_set")
        return self._lines(names, means(point), means(draws), n=len(share))

    def _comparison(
        self,
        share: FloatArray,
        spend: FloatArray,
        satisfaction: FloatArray,
        count: FloatArray,
        groups: NDArray[np.int64],
    ) -> pd.DataFrame:
        names = ("correlation_rule", "correlation_satisfaction", "rule_minus_satisfaction")
        used = (count > 1) & np.isfinite(spend) & np.isfinite(satisfaction)
        if used.sum() < LEAST_ANSWERS:
            blank = np.full(3, np.nan)
            return self._lines(names, blank, np.full((2, 3), np.nan), n=int(used.sum())).assign(
                verdict=TOO_FEW
            )
        w, s, y = (part[used] - part[used].mean() for part in (share, satisfaction, spend))
        columns = np.column_stack([np.ones(len(w)), w, s, y, w * w, s * s, y * y, w * y, s * y])
        kept = pd.factorize(groups[used])[0]
        draws = self._draws(columns, kept)

        def correlations(sums: FloatArray) -> FloatArray:
            n, w1, s1, y1, ww, ss, yy, wy, sy = (sums[..., place] / sums[..., 0] for place in range(9))
            rule = (wy - w1 * y1) / np.sqrt((ww - w1**2) * (yy - y1**2))
            plain = (sy - s1 * y1) / np.sqrt((ss - s1**2) * (yy - y1**2))
            return np.stack([rule, plain, (rule - plain) * n], axis=-1)

        table = self._lines(names, correlations(columns.sum(axis=0)), correlations(draws), n=len(w))
        low, high = (float(table[name].iloc[2]) for name in ("conf_low", "conf_high"))
        verdict = SUPPORTED if low > 0 else REJECTED if high < 0 else UNDETERMINED
        return table.assign(verdict=["", "", verdict])

    def _lines(
        self, names: tuple[str, ...], point: FloatArray, draws: FloatArray, *, n: int
    ) -> pd.DataFrame:
        tail = (1.0 - self.confidence) / 2.0
        low, high = np.quantile(draws, [tail, 1.0 - tail], axis=0)
        return pd.DataFrame(
            {
                "term": names,
                "segment": "all",
                "estimate": point,
                "std_error": draws.std(axis=0, ddof=1),
                "conf_low": low,
                "conf_high": high,
                "n": n,
                "verdict": "",
            }
        )[list(COLUMNS)]

    def _provenance(self, answers: pd.DataFrame, used: int) -> Provenance:
        settings: dict[str, Any] = asdict(self)
        settings.pop("seed")
        lost = len(answers) - used
        return Provenance(
            model="WalletModel",
            n_rows=len(answers),
            n_used=used,
            n_set_aside={UNUSABLE: lost} if lost else {},
            settings=settings,
            seed=self.seed,
            input_hash=hash_frame(answers),
        )


def _numbers(rows: pd.DataFrame, names: list[str]) -> FloatArray:
    text = [name for name in names if not pd.api.types.is_numeric_dtype(rows[name])]
    if text:
        raise FitError(f"WalletModel: {', '.join(text)} must hold numbers. Next step: recode it.")
    return np.asarray(rows[names].astype("Float64").to_numpy(dtype=float, na_value=np.nan))


def _checks(several: float, mean_set: float, spent: bool) -> list[Check]:
    return [
        Check(
            check="answers that use several brands",
            value=round(several, 3),
            threshold=f">= {LEAST_MULTI_BRAND}",
            passed=several >= LEAST_MULTI_BRAND,
            meaning="share; below it the rule is refused",
        ),
        Check(
            check="brands used on average",
            value=round(mean_set, 2),
            threshold=f">= {LEAST_SET}",
            passed=mean_set >= LEAST_SET,
            meaning="below it the rule is refused",
        ),
        Check(
            check="held against real spending",
            value="yes" if spent else "no",
            threshold="yes",
            passed=spent,
            meaning="without it the shares are what the rule says, not what customers spend",
        ),
    ]


def _percent(line: pd.Series) -> str:
    return f"{line['estimate']:.1%} [{line['conf_low']:.1%}, {line['conf_high']:.1%}]"
