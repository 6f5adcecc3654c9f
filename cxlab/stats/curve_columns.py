"""How one column enters a curve model: a cubic spline, a standardised line, or indicators of its levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# The outermost knots stand a little inside the range, so that one wild value cannot stretch the curve.
OUTER_SHARE: Final = 0.01
# A curve needs a knot between its ends; columns with fewer distinct quantiles enter as a straight line.
LEAST_KNOTS: Final = 3


@dataclass(frozen=True, kw_only=True)
class NumericColumn:
    """How one numeric column enters the logistic part: a cubic spline, or a standardised line.

    A missing value has zero in every curve column and one in an indicator of its own, so that "not
    known" gets its own coefficient. Where training held no missing value there is no such
    coefficient, and a value missing only later is read as the training median.
    """

    median: float
    scale: float
    has_missing: bool
    is_empty: bool
    #: Piecewise cubic basis functions (scipy PPoly) between the outer knots; None for a line.
    basis: Any
    ends: tuple[float, float]

    @classmethod
    def learn(cls, values: FloatArray, *, knots: int) -> NumericColumn:
        """Knots at evenly spaced quantiles of the observed ``values`` (n,)."""
        values = np.asarray(values, dtype=np.float64)
        seen = values[~np.isnan(values)]
        has_missing = bool(len(seen) < len(values))
        if not len(seen):
            return cls(
                median=0.0, scale=1.0, has_missing=has_missing, is_empty=True, basis=None, ends=(0, 0)
            )
        levels = np.linspace(0.0, 1.0, knots)
        levels[0], levels[-1] = OUTER_SHARE, 1.0 - OUTER_SHARE
        places = np.unique(np.quantile(seen, levels))
        curved = len(places) >= LEAST_KNOTS and np.all(np.diff(places) > 1e-9 * np.ptp(places))
        scale = float(np.std(seen))
        # Rounding noise of a constant is not a spread: dividing by it would blow the noise up.
        flat = scale <= 1e-12 * max(1.0, float(np.abs(seen).max()))
        return cls(
            median=float(np.median(seen)),
            scale=1.0 if flat else scale,
            has_missing=has_missing,
            is_empty=False,
            basis=_cubic_basis(places) if curved else None,
            ends=(float(places[0]), float(places[-1])),
        )

    @property
    def width(self) -> int:
        """Number of design columns."""
        curve = 1 if self.basis is None else self.basis.c.shape[2]
        return int(curve + self.has_missing)

    def columns(self, values: FloatArray) -> FloatArray:
        """The design columns (n, width) of ``values`` (n,)."""
        missing = np.isnan(values)
        filled = np.where(missing, self.median, values)
        if self.basis is None:
            curve = ((filled - self.median) / self.scale)[:, None]
        else:
            curve = np.asarray(self.basis(filled.clip(*self.ends)), dtype=float)
        if not self.has_missing:
            return curve
        curve[missing] = 0.0
        return np.column_stack([curve, missing.astype(float)])

    def effect(self, values: FloatArray, weights: FloatArray) -> FloatArray:
        """``columns(values) @ weights`` (n,), without building the columns."""
        if self.basis is None:
            return np.asarray(self.columns(values) @ weights, dtype=float)
        from scipy.interpolate import PPoly

        missing = np.isnan(values)
        curve = PPoly(self.basis.c @ weights[: self.basis.c.shape[2]], self.basis.x)
        out = curve(np.where(missing, self.median, values).clip(*self.ends))
        if self.has_missing:
            out[missing] = weights[-1]
        return np.asarray(out, dtype=float)


@dataclass(frozen=True, kw_only=True)
class LevelColumn:
    """How one categorical column enters: frequent levels, one pooled rare level, missing apart.

    Levels unseen in training join the pooled level where there is one; otherwise they have no column
    (the average row) and trees read them as missing.
    """

    levels: FloatArray
    has_rare: bool
    has_missing: bool

    @classmethod
    def learn(cls, codes: FloatArray, *, least_rows: int, most_levels: int) -> LevelColumn:
        """The levels of ``codes`` (n,) with ``least_rows`` rows or more, at most ``most_levels``."""
        seen = codes[~np.isnan(codes)]
        levels, rows = np.unique(seen, return_counts=True)
        order = np.argsort(-rows, kind="stable")[:most_levels]
        kept = np.sort(levels[order][rows[order] >= least_rows])
        return cls(
            levels=kept, has_rare=bool(len(kept) < len(levels)), has_missing=bool(len(seen) < len(codes))
        )

    @property
    def is_empty(self) -> bool:
        """Whether training held no level at all."""
        return not len(self.levels) and not self.has_rare

    @property
    def width(self) -> int:
        """Number of design columns."""
        count = len(self.levels) + self.has_rare
        return int(count - (count == 2 and not self.has_missing) + self.has_missing)

    def ordinal(self, codes: FloatArray) -> FloatArray:
        """Level numbers (n,): 0.. for kept levels, the next one for the pooled level, nan if missing."""
        if not len(self.levels):
            place = np.zeros(len(codes), dtype=int)
            known = np.zeros(len(codes), dtype=bool)
        else:
            place = np.minimum(np.searchsorted(self.levels, codes), len(self.levels) - 1)
            known = self.levels[place] == codes
        other = float(len(self.levels)) if self.has_rare else np.nan
        return np.where(np.isnan(codes), np.nan, np.where(known, place, other))

    def columns(self, codes: FloatArray) -> FloatArray:
        """Indicator columns (n, width): one per level (one in all for two levels), one for missing."""
        count = len(self.levels) + self.has_rare
        number = self.ordinal(codes)
        first = 1 if count == 2 and not self.has_missing else 0
        shown = (number[:, None] == np.arange(first, count)[None, :]).astype(float)
        return np.column_stack([shown, np.isnan(codes)]) if self.has_missing else shown

    def effect(self, codes: FloatArray, weights: FloatArray) -> FloatArray:
        """``columns(codes) @ weights`` (n,)."""
        return np.asarray(self.columns(codes) @ weights, dtype=float)


def _cubic_basis(places: FloatArray) -> Any:
    """The cubic B-splines on the knots ``places`` but the last, as piecewise cubics.

    The same functions as scikit-learn's ``SplineTransformer`` (outer knots repeat the end distances), to
    rounding, and five times faster to evaluate. Values are clipped to the outer knots first.
    """
    from scipy.interpolate import BSpline, PPoly

    steps = np.arange(1, 4)
    knots = np.concatenate(
        [
            places[0] - (places[1] - places[0]) * steps[::-1],
            places,
            places[-1] + (places[-1] - places[-2]) * steps,
        ]
    )
    spline = BSpline(knots, np.eye(len(places) + 2)[:, :-1], 3)
    taylor = [spline(places[:-1], order) / (1, 1, 2, 6)[order] for order in (3, 2, 1, 0)]
    return PPoly(np.stack(taylor), places)
