"""Word of mouth as a result: the scenario, the saying held against own counts, the opposing evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.core.result import Result
from cxlab.core.verdicts import NOT_IDENTIFIED, REJECTED, SUPPORTED, UNDETERMINED
from cxlab.stats.word_of_mouth import ListenerFit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GOOD, BAD, BAD_RESOLVED = "told_good_count", "told_bad_count", "told_bad_resolved_count"
KINDS = {GOOD: "a good contact", BAD: "a bad contact", BAD_RESOLVED: "a bad contact that was put right"}
#: "Supported" means: the whole interval of the own counts within claim x 0.8 .. claim x 1.25.
EQUIVALENCE = (0.8, 1.25)
OPPOSING = (
    "Against the saying: in 15 studies good word of mouth was about three times as frequent as bad (East, "
    "Hammond and Wright 2007), and its impact was usually the larger one (East, Hammond and Lomax 2008)."
)
COLUMNS = (
    "told_about", "estimate", "conf_low", "conf_high", "claim", "verdict", "share_telling", "dispersion",
    "n", "share_top_coded",
)  # fmt: skip


def listener_table(
    counted: Mapping[str, ListenerFit | None], *, claims: Mapping[str, float]
) -> pd.DataFrame:
    """Own counts of listeners by kind of story, each with the verdict on the number the saying gives it."""
    rows = [
        {
            "told_about": KINDS[name],
            "estimate": found.mean,
            "conf_low": found.low,
            "conf_high": found.high,
            "claim": claims.get(name, np.nan),
            "verdict": saying_verdict(found, claims[name]) if name in claims else "",
            "share_telling": found.told / found.n,
            "dispersion": found.dispersion,
            "n": found.n,
            "share_top_coded": found.share_top,
        }
        for name, found in counted.items()
        if found is not None
    ]
    return pd.DataFrame(rows, columns=pd.Index(COLUMNS))


def saying_verdict(found: ListenerFit, claim: float) -> str:
    """Rejected if the interval leaves the claim out, supported only if all of it is near the claim."""
    if not found.low <= claim <= found.high:
        return REJECTED
    near = claim * EQUIVALENCE[0] <= found.low and found.high <= claim * EQUIVALENCE[1]
    return SUPPORTED if near else UNDETERMINED


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class WordOfMouthResult(Result):
    """``table()``: term, estimate (median), conf_low and conf_high (middle 90 %), verdict ``scenario``.

    ``n_own_answers`` counts the own answers that ranges come from; 0 where all were typed.
    """

    drivers: pd.DataFrame
    listeners: pd.DataFrame
    generations: int
    claim_good: float
    claim_bad: float

    def shares(self) -> pd.DataFrame:
        """Listeners of those who told anybody with 95 % intervals and the verdict on the saying; a copy."""
        return self.listeners.copy()

    def tornado(self) -> pd.DataFrame:
        """Rank correlation of every input with the net number of customers; a copy."""
        return self.drivers.copy()

    def saying(self) -> str:
        """The saying held against own counts with its verdict, and what it cannot say."""
        claims = f"good news to {self.claim_good:g}, bad news to {self.claim_bad:g}"
        limit = (
            "how many customers that costs is not identified, because telling on and persuasion are typed"
        )
        if self.listeners["claim"].notna().sum() == 0:
            return f"The saying ({claims}) is {NOT_IDENTIFIED}: no own counts of listeners; {limit}."
        said = [
            f"{r['estimate']:.1f} ({r['conf_low']:.1f} to {r['conf_high']:.1f}, n = {r['n']:,}) about "
            f"{r['told_about']}{', ' if r['verdict'] else ''}{r['verdict']}"
            for r in self.listeners.to_dict("records")
        ]
        return (
            f"The saying ({claims}) against the own survey, people told by those who told, 95 % intervals: "
            f"{'; '.join(said)}; {limit}."
        )

    def summary(self) -> str:
        """The scenario's range, what drives it, own counts, the opposing evidence, what is not claimed."""
        row = self.estimates.iloc[0]
        top = self.drivers.iloc[int(self.drivers["rank_correlation"].abs().to_numpy().argmax())]
        return (
            f"Scenario, not a finding: a net {row['estimate']:+.0f} customers through word of mouth "
            f"(middle 90 % of the draws {row['conf_low']:+.0f} to {row['conf_high']:+.0f}), told on over "
            f"{self.generations} generations. It hangs most on {str(top['term']).replace('_', ' ')} (rank "
            f"correlation {top['rank_correlation']:+.2f}). {self.saying()} {OPPOSING} Not claimed: "
            "customers lost because of word of mouth; and complainers who leave are counted elsewhere."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Which inputs move the net number of customers most."""
        from cxlab.plots.tornado import tornado

        row = self.estimates.iloc[0]
        return tornado(
            self.drivers,
            title="What the word-of-mouth scenario hangs on",
            x_label="rank correlation with the net number of customers",
            note=(
                f"scenario: net {row['estimate']:+.0f} customers, middle 90 % {row['conf_low']:+.0f} to "
                f"{row['conf_high']:+.0f}; ranges on the right"
            ),
            ax=ax,
        )
