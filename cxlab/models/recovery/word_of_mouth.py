"""Word of mouth as a scenario with ranges: who hears of it, what it may cost, what drives the answer."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.errors import ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.core.settings import require_at_least
from cxlab.models.recovery.word_of_mouth_result import (
    BAD,
    BAD_RESOLVED,
    GOOD,
    WordOfMouthResult,
    listener_table,
)
from cxlab.stats.word_of_mouth import (
    TOP_CODE,
    ListenerFit,
    draw_positive,
    draw_share,
    fit_listeners,
    rank_correlations,
    reach_per_teller,
)

Floats = NDArray[np.float64]
Range = tuple[float, float]

_SHARES = (
    "share_telling_bad",
    "share_telling_good",
    "retell",
    "lost_if_heard",
    "won_if_heard",
    "in_base_share",
)


@dataclass(frozen=True, kw_only=True)
class WordOfMouthModel:
    """A scenario, not a finding: customers lost and won through what is told of complaints.

    ``reach = N (1 - exp(-m sum_{g<G} (r m)^g / N))`` people hear of one teller's story; of those told
    something bad a share is lost, of those told something good a share is won. All inputs are ranges that
    hold the middle 90 %, drawn together; listeners come from the survey where it has counts.

    Parameters
    ----------
    bad_complaints, good_complaints
        Complaints that ended badly and well.
    listeners_bad, listeners_good
        Listeners per teller, low to high; used where the survey has fewer than 20 counts.
    share_telling_bad, share_telling_good
        Share of customers that tell at all, low to high.
    retell
        Chance that a listener tells on, low to high; ``retell x listeners`` must stay below 1.
    in_base_share
        Share of listeners who are customers: only they can be lost, only others can be won.
    lost_if_heard, won_if_heard
        Chance that a listener leaves after something bad, or comes after something good.
    claim_good, claim_bad
        The saying: how many people are told of something good, of something bad. Held against own counts.
    generations
        How often a story is told on, at most 4.
    pool
        People that one teller's story can come to.
    draws
        Number of scenarios drawn.
    seed
        Seed of the draws.

    Raises
    ------
    ParameterError
        If a range is no range, or telling on would never end.

    Examples
    --------
    >>> result = WordOfMouthModel(bad_complaints=2600, good_complaints=1400).fit(pd.DataFrame())
    >>> result.table().loc[0, "term"]
    'net customers'
    """

    bad_complaints: int = 1_000
    good_complaints: int = 1_000
    listeners_bad: Range = (5.0, 11.0)
    listeners_good: Range = (2.0, 5.0)
    share_telling_bad: Range = (0.4, 0.8)
    share_telling_good: Range = (0.3, 0.7)
    retell: Range = (0.01, 0.05)
    in_base_share: Range = (0.1, 0.4)
    lost_if_heard: Range = (0.002, 0.02)
    won_if_heard: Range = (0.001, 0.01)
    claim_good: float = 5.0
    claim_bad: float = 11.0
    generations: int = 3
    pool: float = 200.0
    draws: int = 4_000
    seed: int = 1

    def __post_init__(self) -> None:
        for name in _SHARES:
            low, high = getattr(self, name)
            if not 0.0 < low <= high < 1.0:
                raise ParameterError(
                    f"WordOfMouthModel: {name} must be two shares, low to high, between 0 and 1, got "
                    f"{(low, high)!r}. Next step: write {name}=(0.01, 0.05)."
                )
        for name in ("listeners_bad", "listeners_good"):
            low, high = getattr(self, name)
            if not 0.0 < low <= high:
                raise ParameterError(
                    f"WordOfMouthModel: {name} must be two numbers above 0, low to high, got "
                    f"{(low, high)!r}. Next step: write {name}=(5, 11)."
                )
        for name in ("bad_complaints", "good_complaints"):
            require_at_least("WordOfMouthModel", name, getattr(self, name), 0)
        for name in ("claim_good", "claim_bad"):
            require_at_least("WordOfMouthModel", name, getattr(self, name), 1)
        require_at_least("WordOfMouthModel", "pool", self.pool, 1)
        require_at_least("WordOfMouthModel", "draws", self.draws, 400)
        if self.generations not in (1, 2, 3, 4):
            raise ParameterError(
                f"WordOfMouthModel: generations must be 1 to 4, got {self.generations!r}. Next step: "
                "write 3."
            )
        self._refuse_explosion("listeners_bad", self.listeners_bad[1])
        self._refuse_explosion("listeners_good", self.listeners_good[1])

    def _refuse_explosion(self, name: str, listeners: float) -> None:
        if self.generations > 1 and self.retell[1] * listeners >= 1.0:
            raise ParameterError(
                f"WordOfMouthModel: with {listeners:.1f} listeners ({name}) of whom {self.retell[1]:.1%} "
                f"tell on, every story would reach everybody. Next step: set the upper end of retell below "
                f"{1.0 / listeners:.3f}."
            )

    def fit(self, surveys: pd.DataFrame) -> WordOfMouthResult:
        """Draw the scenarios.

        Parameters
        ----------
        surveys
            Answers with told_good_count, told_bad_count and told_bad_resolved_count where they were asked
            (people told about a good or a bad contact); an empty table uses the typed ranges.

        Returns
        -------
        WordOfMouthResult
        """
        rng = np.random.default_rng(self.seed)
        counted = {name: _listeners(surveys, name) for name in (GOOD, BAD, BAD_RESOLVED)}
        chain = self._longest_chain(counted)
        inputs, ranges = self._draw(counted, rng)
        outcome = self._outcome(inputs)
        rows = [_row(term, values) for term, values in outcome.items()]
        names = list(inputs)
        correlations = rank_correlations(
            np.column_stack([inputs[n] for n in names]), outcome["net customers"]
        )
        drivers = pd.DataFrame(
            {"term": names, "rank_correlation": correlations, "range": [ranges[n] for n in names]}
        )
        asked = [name for name in (GOOD, BAD, BAD_RESOLVED) if name in surveys]
        known = surveys[asked].notna().any(axis=1) if asked else pd.Series(False, index=surveys.index)
        used = int(known.sum())
        return WordOfMouthResult(
            estimates=pd.DataFrame(rows).assign(n_own_answers=used),
            diagnostics=checks_table(_checks(counted, chain)),
            provenance=Provenance(
                model="WordOfMouthModel",
                n_rows=len(surveys),
                n_used=used,
                n_set_aside={"not asked whom they told": len(surveys) - used}
                if len(surveys) > used
                else {},
                settings=asdict(self),
                seed=self.seed,
                input_hash=hash_frame(surveys[asked]) if asked else "",
            ),
            drivers=drivers,
            listeners=listener_table(counted, claims={GOOD: self.claim_good, BAD: self.claim_bad}),
            generations=self.generations,
            claim_good=self.claim_good,
            claim_bad=self.claim_bad,
        )

    def _longest_chain(self, counted: dict[str, ListenerFit | None]) -> float:
        """Listeners reached through each listener, at the upper end of what is used; refused from 1 on."""
        most = []
        for name, key in (("listeners_bad", BAD), ("listeners_good", GOOD)):
            found = counted[key]
            most.append(getattr(self, name)[1] if found is None else found.high)
            self._refuse_explosion(name, most[-1])
        return float(self.retell[1] * max(most))

    def _draw(
        self, counted: dict[str, ListenerFit | None], rng: np.random.Generator
    ) -> tuple[dict[str, Floats], dict[str, str]]:
        inputs: dict[str, Floats] = {}
        ranges: dict[str, str] = {}
        for name, key in (("listeners_bad", BAD), ("listeners_good", GOOD)):
            found = counted[key]
            if found is None:
                low, high = getattr(self, name)
                inputs[name] = draw_positive(low, high, draws=self.draws, rng=rng)
                ranges[name] = f"{low:g} to {high:g}, typed"
            else:
                share = name.replace("listeners", "share_telling")
                inputs[name], inputs[share] = found.draw(draws=self.draws, rng=rng)
                ranges[name] = f"{found.low:.1f} to {found.high:.1f}, own survey"
                ranges[share] = f"{found.told / found.n:.1%}, own survey"
        for name in _SHARES:
            if name in inputs:
                continue
            low, high = getattr(self, name)
            inputs[name] = draw_share(low, high, draws=self.draws, rng=rng)
            ranges[name] = f"{low:.2%} to {high:.2%}, typed"
        return inputs, ranges

    def _outcome(self, inputs: dict[str, Floats]) -> dict[str, Floats]:
        reach = {
            kind: reach_per_teller(
                inputs[f"listeners_{kind}"], inputs["retell"], generations=self.generations, pool=self.pool
            )
            for kind in ("bad", "good")
        }
        heard_bad = self.bad_complaints * inputs["share_telling_bad"] * reach["bad"]
        heard_good = self.good_complaints * inputs["share_telling_good"] * reach["good"]
        own = inputs["in_base_share"]
        lost = heard_bad * (own * inputs["lost_if_heard"] + (1 - own) * inputs["won_if_heard"])
        won = heard_good * ((1 - own) * inputs["won_if_heard"] + own * inputs["lost_if_heard"])
        return {
            "net customers": won - lost,
            "customers lost or not won": lost,
            "customers won or kept": won,
            "people who hear something bad": heard_bad,
            "people who hear something good": heard_good,
        }


def _listeners(surveys: pd.DataFrame, name: str) -> ListenerFit | None:
    """Mean number of listeners of one kind of story, None where it was hardly asked."""
    if name not in surveys:
        return None
    counts = surveys[name].dropna().to_numpy(dtype=np.float64)
    try:
        return fit_listeners(counts)
    except ValueError:
        return None


def _row(term: str, values: Floats) -> dict[str, object]:
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return {"term": term, "estimate": middle, "conf_low": low, "conf_high": high, "verdict": "scenario"}


def _checks(counted: dict[str, ListenerFit | None], chain: float) -> list[Check]:
    own = [name for name in (GOOD, BAD) if counted[name] is not None]
    top = max((found.share_top for found in counted.values() if found is not None), default=0.0)
    return [
        Check(
            check="listeners from the own survey",
            value=", ".join(own) or "none",
            threshold=f"{GOOD}, {BAD}",
            passed=len(own) == 2,
            meaning="typed listeners (5 and 11 in the saying) are an assumption, not a finding",
        ),
        Check(
            check="told on by each listener's listeners",
            value=round(chain, 2),
            threshold="< 1",
            passed=True,
            meaning="at 1 every story reaches everybody; such inputs are refused",
        ),
        Check(
            check=f"answers of {TOP_CODE} people or more",
            value=round(top, 3),
            threshold="<= 0.05",
            passed=top <= 0.05,
            meaning="counted as 'at least so many'; many of them make the mean a guess of the form",
        ),
        Check(
            check="separate counts where a bad contact was put right",
            value="yes" if counted[BAD_RESOLVED] is not None else "no",
            threshold="yes",
            passed=counted[BAD_RESOLVED] is not None,
            meaning="without them nobody can say whether putting it right quietens the story",
        ),
    ]
