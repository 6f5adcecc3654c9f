"""A made-up network in which it is known where each bad experience lands, and how well methods see it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import stdtrit

from cxlab.stats.anchored import anchored, two_sided
from cxlab.stats.anchored_reading import landing_shares, readable
from cxlab.stats.clusters import site_moments
from cxlab.stats.multiplicity import benjamini_hochberg

# Measurements: 0 parking, 1 delay, 2 rework, 3 wait. Own item of each, and seven true cells in latent SDs;
# in SDs of the answers parking -> service is -0.18, the true value of the specification.
HOME = {0: 0, 1: 4, 2: 3, 3: 2}
CELLS = {
    (0, 0): -0.05,
    (0, 3): -0.215,
    (1, 4): -0.35,
    (1, 2): -0.10,
    (2, 3): -0.30,
    (3, 2): -0.20,
    (3, 6): -0.08,
}
HALO = (-0.05, -0.25, -0.10, -0.05)
PARKING_TO_SERVICE = (0, 3)


@dataclass(frozen=True)
class World:
    """Seven specific cells of 0.05 to 0.35 SD, a mood of its own, busy sites that are good sites."""

    n_items: int = 8
    n_sites: int = 40
    cells: dict = field(default_factory=lambda: CELLS)
    home: dict = field(default_factory=lambda: HOME)
    halo: tuple = HALO
    loading: tuple = (0.55, 0.8)
    #: "none" continuous, "ceiling" 1..10 with a ceiling, "hard" 40 % answer 10, "uneven" 6..10.5 means
    skew: str = "ceiling"
    skewed_kpis: bool = False
    #: spread of the logarithm of the sites' sizes
    site_spread: float = 0.0
    confounding: float = 0.5
    missing: float = 0.0
    #: loading of a second factor that the last three items share
    second_factor: float = 0.0
    #: spread of the effect of each measurement between sites, in SDs of the item
    site_slopes: float = 0.0

    def loadings(self):
        low, high = self.loading
        return low + (high - low) * ((0.618 * np.arange(self.n_items) + 0.85) % 1.0)

    def effects(self):
        a = np.zeros((len(self.halo), self.n_items))
        for (k, j), value in self.cells.items():
            a[k, j] = value
        return a

    def home_mask(self):
        mask = np.zeros((len(self.halo), self.n_items), dtype=bool)
        for k, j in self.home.items():
            mask[k, j] = True
        return mask

    def draw(self, n, rng):
        """Ratings (n, J), measurements (n, K), site codes (n,)."""
        width, lam = len(self.halo), self.loadings()
        size = np.exp(self.site_spread * rng.normal(size=self.n_sites))
        sites = np.sort(rng.choice(self.n_sites, size=n, p=size / size.sum()))
        sites = np.unique(sites, return_inverse=True)[1]
        busy = rng.normal(size=self.n_sites)[sites][:, None]
        z = np.sqrt(0.7) * rng.normal(size=(n, width)) + np.sqrt(0.3) * rng.normal(size=(n, 1))
        if self.skewed_kpis:
            z = (np.exp(0.8 * z) - np.exp(0.32)) / np.sqrt(np.exp(1.28) - np.exp(0.64))
        mood = z @ np.array(self.halo) + rng.normal(size=n)
        x = mood[:, None] * lam + z @ self.effects()
        x += np.sqrt(1 - lam**2) * rng.normal(size=(n, self.n_items))
        if self.site_slopes:
            own = self.site_slopes * rng.normal(size=(self.n_sites, width, self.n_items))
            x += np.einsum("nk,nkj->nj", z, own[sites])
        if self.second_factor:
            x[:, -3:] += self.second_factor * rng.normal(size=(n, 1))
        x, z = x + self.confounding * busy, z + self.confounding * busy
        x = self._answered(x)
        if self.missing:
            x[rng.random(x.shape) < self.missing] = np.nan
        return x, z, sites

    def _answered(self, x):
        if self.skew == "none":
            return x
        middle, scale = {
            "ceiling": (np.linspace(6.6, 8.0, self.n_items), 1.6),
            "hard": (np.linspace(8.2, 9.6, self.n_items), 2.2),
            "uneven": (np.linspace(6.0, 10.5, self.n_items), 2.0),
        }[self.skew]
        return np.clip(np.round(middle + scale * x), 1, 10)


def hit(share_of_seven, strength=-0.20):
    """A world in which parking hits that many of the seven items that are not its own."""
    others = {(1, 4): -0.35, (2, 6): -0.30, (3, 2): -0.20}
    return World(cells={**others, **{(0, j): strength for j in range(1, share_of_seven + 1)}})


def fit(world, n, rng):
    x, z, sites = world.draw(n, rng)
    moments = site_moments(x, z, sites=sites)
    return moments, anchored(moments, judged=z.shape[1], home=world.home_mask())


def truth(world, *, n=1_000_000, seed=99):
    """The split in the units of the answers, from a huge sample anchored on what is truly untouched."""
    if world.site_slopes:
        # The truth is the mean over all sites there could be, not over the few of one sample.
        world = replace(world, n_sites=n // 100)
    x, z, sites = world.draw(n, np.random.default_rng(seed))
    untouched = (world.effects() == 0) & ~world.home_mask()
    moments = site_moments(x, z, sites=sites)
    return anchored(moments, judged=z.shape[1], home=world.home_mask(), fixed_anchors=untouched)


def true_shares(world, known):
    """Shares halo, home, misattributed and the index of the truth, (K, 4)."""
    home, square = world.home_mask(), known.specific**2 * (world.effects() != 0)
    parts = [known.halo**2 * (known.loadings**2).sum(), (square * home).sum(1), (square * ~home).sum(1)]
    total = sum(parts)
    return np.stack([part / total for part in parts] + [parts[2] / (parts[1] + parts[2])], axis=1)


def study(world, n, *, runs, seed, known, shares=0):
    """Error rates over ``runs`` samples; ``shares`` of them also with bootstrap shares."""
    rng = np.random.default_rng(seed)
    real, home = world.effects() != 0, world.home_mask()
    rows, share_hits = [], []
    for number in range(runs):
        moments, split = fit(world, n, rng)
        flagged = benjamini_hochberg(split.p_values) <= 0.05
        claimed = readable(split, flagged, negligible=0.05).claimable
        half = stdtrit(split.degrees, 0.975) * split.specific_se
        error = np.abs(split.specific - known.specific)
        row = {
            "fdr": (flagged & ~real).sum() / max(flagged.sum(), 1),
            "false claims": (claimed & ~real).sum() / max(claimed.sum(), 1),
            "power": flagged[real].mean() if real.any() else np.nan,
            "parking": flagged[PARKING_TO_SERVICE],
            "parking claimed": claimed[PARKING_TO_SERVICE],
            "coverage": (error <= half).mean(),
            "mae": error.mean(),
            "estimate": split.specific[PARKING_TO_SERVICE],
            "unclear": (~readable(split, flagged, negligible=0.05).told_apart).mean(),
        }
        rows.append(row)
        if number < shares:
            drawn = landing_shares(moments, split, home=home, rng=rng, replicates=400)
            target = true_shares(world, known)
            share_hits.append((drawn.low - 1e-9 <= target) & (target <= drawn.high + 1e-9))
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    if share_hits:
        means["share coverage"] = float(np.mean(share_hits))
    return means


def parking_study(world, n, *, runs, seed):
    """What is said about parking when it hits several items: right, wrong, or "cannot be told apart"."""
    rng = np.random.default_rng(seed)
    real, home = world.effects() != 0, world.home_mask()
    rows = []
    for _ in range(runs):
        _, split = fit(world, n, rng)
        reading = readable(split, benjamini_hochberg(split.p_values) <= 0.05, negligible=0.05)
        claimed = reading.claimable[0] & ~home[0]
        right = real[0] & (np.sign(split.specific[0]) == np.sign(world.effects()[0]))
        rows.append(
            {
                "false answer": (claimed & ~right).any(),
                "cannot be told apart": not reading.told_apart[0],
                "found": (claimed & right).sum() / max((real[0] & ~home[0]).sum(), 1),
                "halo": split.halo[0],
            }
        )
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def usual_methods(world, n, *, runs, seed, known):
    """False discovery rate, error and parking -> service of raw slopes and of the two usual halo cures."""
    rng = np.random.default_rng(seed)
    real = world.effects() != 0
    rows = {name: [] for name in ("raw", "row-centred", "first component removed")}
    for _ in range(runs):
        x, z, sites = world.draw(n, rng)
        scaled = (x - x.mean(0)) / x.std(0)
        leading = np.linalg.eigh(np.cov(scaled.T))[1][:, -1]
        # A cure that takes the mood out of each row leaves ratings in SDs of the uncured item.
        cured = {
            "raw": scaled,
            "row-centred": scaled - scaled.mean(1, keepdims=True),
            "first component removed": scaled - np.outer(scaled @ leading, leading),
        }
        for name, ratings in cured.items():
            moments = site_moments(ratings, z, sites=sites)
            plain = anchored(moments, judged=z.shape[1], home=world.home_mask())
            p_values = two_sided(plain.slopes, plain.slopes_se, plain.degrees)
            flagged = benjamini_hochberg(p_values) <= 0.05
            slopes = plain.slopes * moments.response_sd / site_moments(scaled, z, sites=sites).response_sd
            rows[name].append(
                (
                    (flagged & ~real).sum() / max(flagged.sum(), 1),
                    np.abs(slopes - known.specific).mean(),
                    slopes[PARKING_TO_SERVICE],
                )
            )
    return {
        name: dict(zip(("fdr", "mae", "estimate"), np.mean(values, axis=0).tolist(), strict=True))
        for name, values in rows.items()
    }
