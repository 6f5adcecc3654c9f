"""The guards of a misattribution claim: what would show that the split, or the claim, is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxlab.core.result import Check, checks_table
from cxlab.models.drivers.misattribution_rows import LEAST_SITES, RatedVisits
from cxlab.models.drivers.misattribution_tables import Evidence, t_quantile
from cxlab.stats.anchored import anchored, two_sided
from cxlab.stats.anchored_reading import MOST_FLAGGED, anchor_sets, under_anchors
from cxlab.stats.clusters import jackknife_variance, site_moments
from cxlab.stats.multiplicity import holm

Booleans = npt.NDArray[np.bool_]

LEVEL = 0.05
#: Where the top of a measurement begins.
TOP = 0.9
ADVISED_SITES = 30
MOST_SITE_SHARE = 0.25
MOST_INFLATION = 10.0
MOST_MISFIT = 0.03
LEAST_KEPT = 0.5


@dataclass(frozen=True, kw_only=True)
class Guard:
    """A test of something that must show nothing: its smallest adjusted p-value and where it was."""

    p_value: float
    where: str
    n: int

    @property
    def failed(self) -> bool:
        """Whether something was found where there must be nothing."""
        return self.p_value < LEVEL


@dataclass(frozen=True, kw_only=True)
class Guards:
    """The guards of timing (None: not asked for), of shape, and the sensitivity to the anchors."""

    placebo: Guard | None
    control: Guard | None
    #: for each measurement: does its top tenth do more than a straight line says (None: two values)
    shapes: dict[str, Guard | None]
    sensitivity: pd.DataFrame = field(repr=False)

    @property
    def bent(self) -> frozenset[str]:
        """Measurements to which a straight line does not do justice."""
        return frozenset(kpi for kpi, guard in self.shapes.items() if guard and guard.failed)

    @property
    def alarm(self) -> str:
        """Why claims are withdrawn; empty if nothing speaks against them."""
        if self.placebo and self.placebo.failed:
            return f"a later measurement shows an effect ({self.placebo.where})"
        if self.control and self.control.failed:
            return f"an item answered before shows an effect ({self.control.where})"
        return ""


def placebo_guard(visits: RatedVisits, *, n_placebo: int) -> Guard:
    """Later measurements, the real ones held equal, must move neither the mood nor any item.

    ``visits`` holds the placebo measurements first, the others after them.
    """
    moments = site_moments(visits.ratings, visits.values, sites=visits.sites, periods=visits.periods)
    home = np.zeros((n_placebo, len(visits.items)), dtype=bool)
    split = anchored(moments, judged=n_placebo, home=home)
    mood = two_sided(split.halo, split.halo_se, np.full(n_placebo, split.degrees.max()))
    p_values = holm(np.column_stack([mood, split.p_values]))
    k, j = np.unravel_index(int(np.argmin(p_values)), p_values.shape)
    where = f"{visits.measurements[int(k)]} -> {(['mood', *visits.items])[int(j)]}"
    return Guard(p_value=float(p_values[k, j]), where=where, n=visits.n_used)


def shape_guard(visits: RatedVisits, *, k: int, home: Booleans, negligible: float) -> Guard | None:
    """The top tenth of measurement k must do no more than the straight line already says.

    A car park annoys when it is full, not in proportion to its occupancy: a mean hides a threshold.
    """
    column = visits.values[:, k]
    top = (column > np.quantile(column, TOP)).astype(np.float64)
    high, rows = np.bincount(visits.sites, weights=top), np.bincount(visits.sites)
    varying = int(((high > 0) & (high < rows)).sum())
    if len(np.unique(column)) <= 2 or varying < LEAST_SITES:
        return None
    values = np.column_stack([top, visits.values])
    moments = site_moments(visits.ratings, values, sites=visits.sites, periods=visits.periods)
    split = anchored(moments, judged=1, home=home[k : k + 1])
    large = np.abs(split.specific[0]) >= negligible
    p_values = np.where(large, holm(split.p_values)[0], 1.0)
    j = int(np.argmin(p_values))
    return Guard(p_value=float(p_values[j]), where=visits.items[j], n=visits.n_used)


def control_guard(visits: RatedVisits, *, n_judged: int) -> Guard:
    """Items answered before the visit must not move with its measurements, mood or not."""
    moments = site_moments(visits.ratings, visits.values, sites=visits.sites, periods=visits.periods)
    slopes = moments.slopes(np.ones((1, moments.n_sites)))[0, :n_judged]
    out = moments.slopes_left_out()[:, :n_judged]
    se = np.sqrt(jackknife_variance(out, slopes))
    p_values = holm(two_sided(slopes, se, moments.sites - 1))
    k, j = np.unravel_index(int(np.argmin(p_values)), p_values.shape)
    where = f"{visits.measurements[int(k)]} -> {visits.items[int(j)]}"
    return Guard(p_value=float(p_values[k, j]), where=where, n=visits.n_used)


def sensitivity_table(evidence: Evidence) -> pd.DataFrame:
    """Every claimed cell beside a measurement's own item again, under each named anchor set."""
    items, rows = evidence.visits.items, []
    cells = np.argwhere(evidence.claimed)
    sets = {"purified": evidence.split}
    if len(cells):
        found = anchor_sets(evidence.split)
        sets |= {
            name: under_anchors(evidence.moments, home=evidence.home, anchors=anchors)
            for name, anchors in found.items()
        }
    for k, j in cells:
        for name, split in sets.items():
            same = np.array_equal(split.anchors[k], evidence.split.anchors[k])
            if same and name != "purified":
                continue
            words = name.split(" ")
            label = f"without {items[int(words[1])]}" if words[0] == "without" else name
            estimate, se = split.specific[k, j], split.specific_se[k, j]
            half = t_quantile(evidence.confidence, split.degrees)[j] * se
            row = (evidence.judged[k], items[j], label, estimate, se, estimate - half, estimate + half)
            rows.append((*row, split.p_values[k, j]))
    columns = ["kpi", "item", "anchor_set", "estimate", "std_error", "conf_low", "conf_high", "p_value"]
    return pd.DataFrame(rows, columns=pd.Index(columns)).assign(n=evidence.visits.n_used)


def checks(evidence: Evidence, guards: Guards, *, by_site: bool) -> pd.DataFrame:
    """All diagnostics as check, value, threshold, passed, meaning."""
    found = [*_majority(evidence), _anchors(guards.sensitivity), *_timing(guards), *_shape(guards)]
    return checks_table([*found, *_quality(evidence), *_design(evidence, by_site)])


def _majority(evidence: Evidence) -> list[Check]:
    found = []
    for k, kpi in enumerate(evidence.judged):
        share, opposed = evidence.readable.flagged_share[k], bool(evidence.readable.opposed[k])
        found.append(
            Check(
                check=f"flagged share of items: {kpi}",
                value=round(float(share), 3),
                threshold=f"<= {MOST_FLAGGED:.2f}",
                passed=bool(share <= MOST_FLAGGED),
                meaning="above it the hit items and the anchors could change places: mood and specific "
                "effect cannot be told apart",
            )
        )
        found.append(
            Check(
                check=f"no item moves against the mood: {kpi}",
                value="moves against it" if opposed else "none",
                threshold="none",
                passed=not opposed,
                meaning="a rating that rises while the mood falls is what an untouched item looks like "
                "when most other items were hit",
            )
        )
    return found


def _anchors(sensitivity: pd.DataFrame) -> Check:
    kept: float | str = "no claim"
    passed = True
    if len(sensitivity):
        # "all items" is the unpurified comparison: known to be contaminated by the claims themselves.
        cells = sensitivity[sensitivity["anchor_set"] != "all items"].set_index(["kpi", "item"])
        purified = cells.loc[cells["anchor_set"] == "purified", "estimate"]
        kept = float((cells["estimate"] / purified.reindex(cells.index)).min())
        passed = kept >= LEAST_KEPT
    return Check(
        check="anchor sensitivity",
        value=round(kept, 3) if isinstance(kept, float) else kept,
        threshold=f">= {LEAST_KEPT}",
        passed=passed,
        meaning="smallest part of a claimed effect that remains under other anchors; see sensitivity()",
    )


def _timing(guards: Guards) -> list[Check]:
    tests = (
        ("placebo: later measurements show nothing", guards.placebo, "placebo_kpis"),
        ("negative control: items answered before", guards.control, "negative_control_items"),
    )
    return [
        Check(
            check=name,
            value="not given" if guard is None else round(guard.p_value, 4),
            threshold=f"adjusted p >= {LEVEL}",
            passed=guard is not None and not guard.failed,
            meaning=f"untested: set {setting}"
            if guard is None
            else f"smallest at {guard.where}, n = {guard.n:,}; below it something else moves both, and "
            "claims are withdrawn",
        )
        for name, guard, setting in tests
    ]


def _shape(guards: Guards) -> list[Check]:
    return [
        Check(
            check=f"a straight line is enough: {kpi}",
            value="not testable" if guard is None else round(guard.p_value, 4),
            threshold=f"adjusted p >= {LEVEL}",
            passed=guard is None or not guard.failed,
            meaning="two values, or too few sites at which the top tenth varies"
            if guard is None
            else f"below it the top tenth does more (surest at {guard.where}): measure a threshold, such "
            "as the share of time at the limit",
        )
        for kpi, guard in guards.shapes.items()
    ]


def _quality(evidence: Evidence) -> list[Check]:
    columns = np.flatnonzero(evidence.claimed.any(axis=0))
    return [
        Check(
            check=f"measured quality in the model: {item}",
            value="yes" if item in evidence.measured_items else "no",
            threshold="yes",
            passed=item in evidence.measured_items,
            meaning="without it a worse operation on the same days cannot be ruled out",
        )
        for item in (evidence.visits.items[j] for j in columns)
    ]


def _design(evidence: Evidence, by_site: bool) -> list[Check]:
    moments, split, n = evidence.moments, evidence.split, evidence.visits.n_used
    noise = 2.0 / float(np.sqrt(n))
    gram = moments.regressors[:, 0]
    spread = np.diagonal(gram, axis1=1, axis2=2)
    concentrated = float((spread / spread.sum(axis=0)).max())
    total = gram.sum(axis=0)
    scale = np.sqrt(np.diag(total))
    inflation = float(np.diag(np.linalg.inv(total / np.outer(scale, scale))).max())
    limit = max(MOST_MISFIT, noise)
    values = (
        ("sites", moments.n_sites if by_site else "no site column", f">= {ADVISED_SITES}",
         by_site and moments.n_sites >= ADVISED_SITES,
         "below it intervals rest on few independent units; without sites answers count as independent"),
        ("largest part of a measurement's variation at one site", round(concentrated, 3),
         f"<= {MOST_SITE_SHARE}", concentrated <= MOST_SITE_SHARE, "above it one site decides"),
        ("variance inflation among measurements", round(inflation, 2), f"<= {MOST_INFLATION:g}",
         inflation <= MOST_INFLATION, "above it measurements share one story and cannot be separated"),
        ("misfit of one common mood", round(split.misfit, 4), f"<= {limit:.3f}", split.misfit <= limit,
         "root mean square residual correlation; above it some items share more than the mood"),
        ("anchors settled", "yes" if split.settled.all() else "no", "yes", bool(split.settled.all()),
         "no: purification went in circles and the stricter set was kept"),
    )  # fmt: skip
    return [
        Check(check=name, value=value, threshold=threshold, passed=bool(passed), meaning=meaning)
        for name, value, threshold, passed, meaning in values
    ]
