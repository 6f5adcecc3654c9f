"""The tables of a misattribution result: cells, shares by measurement, what is behind each item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxlab.core.verdicts import NOT_IDENTIFIED, REJECTED, SUPPORTED, TOO_FEW, UNDETERMINED
from cxlab.models.drivers.misattribution_rows import RatedVisits
from cxlab.stats.anchored import Anchored
from cxlab.stats.anchored_reading import PARTS, Readable, Shares
from cxlab.stats.clusters import SiteMoments

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

HOME, ELSEWHERE = "home", "misattributed"
BENT = "a straight line hides what the top tenth does"
CELL_COLUMNS = (
    *("term", "kpi", "item", "role", "estimate", "std_error", "conf_low", "conf_high"),
    *("p_value", "q_value", "n", "points", "points_low", "points_high", "raw_points"),
    *("kpi_sd", "kpi_step", "quality_measured", "verdict", "claim"),
)
_WORDS = {
    NOT_IDENTIFIED: "mood and specific effect cannot be told apart",
    REJECTED: "no effect beyond the mood that would matter",
    UNDETERMINED: "not shown, or not shown to be large enough to matter",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """Everything the tables are written from."""

    visits: RatedVisits
    moments: SiteMoments
    split: Anchored
    shares: Shares
    readable: Readable
    #: adjusted p-values and the cells called different from zero (K, J)
    q_values: Floats
    flagged: Booleans
    home: Booleans
    judged: tuple[str, ...]
    #: items whose own operation is among the measurements
    measured_items: frozenset[str]
    negligible_sd: float
    confidence: float

    @property
    def steps(self) -> Floats:
        """What the points are per, in the measurement's units: yes instead of no, else one SD, (K,)."""
        values = self.visits.values[:, : len(self.judged)]
        low, high = values.min(axis=0), values.max(axis=0)
        two_values = ((values == low) | (values == high)).all(axis=0)
        return np.where(two_values, high - low, self.moments.regressor_sd[: len(self.judged)])

    def points_per_sd(self, k: int) -> Floats:
        """Rating points of each item for one standard deviation of item and measurement k, (J,)."""
        return np.asarray(self.moments.response_sd * self.steps[k] / self.moments.regressor_sd[k])

    @property
    def claimed(self) -> Booleans:
        """Cells beside the measurement's own item that may be claimed, guards of timing apart."""
        return self.readable.claimable & ~self.home


def t_quantile(confidence: float, degrees: npt.NDArray[np.int64]) -> Floats:
    """Half width of a Student interval in standard errors."""
    from scipy.special import stdtrit

    return np.asarray(stdtrit(degrees, (1.0 + confidence) / 2.0))


def cells(evidence: Evidence, *, alarm: str = "", bent: frozenset[str] = frozenset()) -> pd.DataFrame:
    """One row per measurement and item.

    ``alarm`` names a failed guard that takes claims back; nothing is rejected for ``bent``
    measurements, because a straight line hides what their top does.
    """
    split, moments = evidence.split, evidence.moments
    half = t_quantile(evidence.confidence, split.degrees) * split.specific_se
    rows: list[tuple[object, ...]] = []
    for k, kpi in enumerate(evidence.judged):
        points, units = evidence.points_per_sd(k), (moments.regressor_sd[k], evidence.steps[k])
        for j, item in enumerate(evidence.visits.items):
            estimate, sd = split.specific[k, j], points[j]
            verdict, claim = _judge(evidence, k, j, half[k, j], alarm)
            if verdict == REJECTED and kpi in bent:
                verdict, claim = UNDETERMINED, BENT
            row: tuple[object, ...] = (
                *(f"{kpi} -> {item}", kpi, item, HOME if evidence.home[k, j] else ELSEWHERE),
                *(estimate, split.specific_se[k, j], estimate - half[k, j], estimate + half[k, j]),
                *(split.p_values[k, j], evidence.q_values[k, j], int(moments.rows[j])),
                *(sd * estimate, sd * (estimate - half[k, j]), sd * (estimate + half[k, j])),
                *(sd * split.slopes[k, j], *units),
                *(item in evidence.measured_items, verdict, claim),
            )
            rows.append(row)
        for item, reason in evidence.visits.items_aside.items():
            blank = (np.nan,) * 6
            row = (f"{kpi} -> {item}", kpi, item, ELSEWHERE, *blank, 0, *(np.nan,) * 4)
            rows.append((*row, *units, item in evidence.measured_items, TOO_FEW, reason))
    return pd.DataFrame(rows, columns=pd.Index(CELL_COLUMNS))


def shares_by_kpi(evidence: Evidence) -> pd.DataFrame:
    """Shares halo, home, misattributed and the index of each measurement, with intervals.

    The index compares the own rating with the others; it is missing where none was asked.
    """
    shares, n = evidence.shares, evidence.visits.n_used
    rows = []
    for k, kpi in enumerate(evidence.judged):
        for part, name in enumerate(PARTS):
            known = bool(evidence.readable.told_apart[k])
            known &= name != "index" or bool(evidence.home[k].any())
            value = (shares.estimate[k, part], shares.low[k, part], shares.high[k, part])
            rows.append((kpi, name, *_shown_share(value, known), n, _exists(value[1], known)))
    columns = ["kpi", "part", "estimate", "conf_low", "conf_high", "n", "verdict"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def shares_by_item(evidence: Evidence) -> pd.DataFrame:
    """What the measurements do to each item: specific effects by source, and the mood of all."""
    shares, items = evidence.shares, evidence.visits.items
    apart = [*evidence.readable.told_apart]
    # A share of a sum is as unknown as the least known part of the sum.
    known = bool(np.all(apart))
    rows = []
    for j, item in enumerate(items):
        for k, source in enumerate([*evidence.judged, "mood"]):
            mood = k == len(evidence.judged)
            role = "halo" if mood else HOME if evidence.home[k, j] else ELSEWHERE
            value = (shares.behind[k, j], shares.behind_low[k, j], shares.behind_high[k, j])
            points = np.nan
            if not mood and apart[k]:
                points = evidence.split.specific[k, j] * evidence.points_per_sd(k)[j]
            rows.append((item, source, role, *_shown_share(value, known), points, _exists(value[1], known)))
    columns = ["item", "source", "role", "estimate", "conf_low", "conf_high", "points"]
    frame = pd.DataFrame(rows, columns=pd.Index([*columns, "verdict"]))
    frame.insert(7, "n", frame["item"].map(dict(zip(items, evidence.moments.rows.tolist(), strict=True))))
    return frame


def mood_table(evidence: Evidence) -> pd.DataFrame:
    """Effect of each measurement on the shared mood, and the anchors it was read off."""
    split = evidence.split
    half = t_quantile(evidence.confidence, np.array([split.degrees.max()]))[0] * split.halo_se
    rows = []
    for k, kpi in enumerate(evidence.judged):
        known = bool(evidence.readable.told_apart[k])
        h, low, high = split.halo[k], split.halo[k] - half[k], split.halo[k] + half[k]
        verdict = NOT_IDENTIFIED if not known else SUPPORTED if low * high > 0 else UNDETERMINED
        anchors = ", ".join(
            item for item, used in zip(evidence.visits.items, split.anchors[k], strict=True) if used
        )
        carried = float(np.mean(split.loadings * evidence.points_per_sd(k)))
        points = (h * carried, low * carried, high * carried)
        rows.append(
            (kpi, h, split.halo_se[k], low, high, evidence.visits.n_used, *points, anchors, verdict)
        )
    columns = ["kpi", "estimate", "std_error", "conf_low", "conf_high", "n"]
    columns += ["points", "points_low", "points_high", "anchors", "verdict"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def _shown_share(value: tuple[float, float, float], known: bool) -> tuple[float, float, float]:
    return value if known else (np.nan, np.nan, np.nan)


def _exists(low: float, known: bool) -> str:
    """The claim behind a share is that the part is there at all."""
    return NOT_IDENTIFIED if not known else SUPPORTED if low > 0 else UNDETERMINED


def _judge(evidence: Evidence, k: int, j: int, half: float, alarm: str) -> tuple[str, str]:
    estimate = evidence.split.specific[k, j]
    if not evidence.readable.told_apart[k]:
        return NOT_IDENTIFIED, _WORDS[NOT_IDENTIFIED]
    if abs(estimate) + half < evidence.negligible_sd:
        return REJECTED, _WORDS[REJECTED]
    if not evidence.flagged[k, j] or abs(estimate) < evidence.negligible_sd:
        return UNDETERMINED, _WORDS[UNDETERMINED]
    if not evidence.readable.claimable[k, j]:
        return UNDETERMINED, "moves against the measurement's surest raw slope"
    if evidence.home[k, j]:
        return SUPPORTED, "its own rating, beyond the mood"
    if alarm:
        return UNDETERMINED, f"withdrawn: {alarm}"
    moves = "falls" if estimate < 0 else "rises"
    if evidence.visits.items[j] in evidence.measured_items:
        return SUPPORTED, f"rating {moves} at equal measured quality"
    return SUPPORTED, f"rating {moves}; whether the operation itself was worse is not measured"
