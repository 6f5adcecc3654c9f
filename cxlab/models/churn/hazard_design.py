"""How the columns of a table of spells become covariates of a hazard, learned once and used for scoring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.errors import FitError
from cxlab.stats.natural_spline import natural_spline, spline_knots

FloatArray = NDArray[np.float64]

#: Levels with fewer spells than this are pooled, so that no effect rests on a handful.
LEAST_ROWS_PER_LEVEL = 20
POOLED = "(rare or new)"
MISSING = "(missing)"
CURVE_KNOTS = 4
#: Eigenvalue of the correlation matrix below which columns say the same thing exactly.
COLLINEAR = 1e-9


@dataclass(frozen=True, kw_only=True)
class DesignColumn:
    """One covariate: its feature, its printed name, and the level or the place in the curve it stands for.

    ``unit`` is what one printed effect refers to: 1 for lines, the level against the reference for text.
    """

    feature: str
    name: str
    level: str | None = None
    piece: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class HazardDesign:
    """Covariates of a hazard: lines or curves of numbers, indicators of levels against the commonest one.

    A missing number gets an indicator of its own and the mean of the others; a missing text is a level.
    ``center`` and ``scale`` (p,) make every column of mean 0 and spread 1 over the spells of the fit.
    """

    features: tuple[str, ...]
    columns: tuple[DesignColumn, ...]
    references: dict[str, str]
    levels: dict[str, tuple[str, ...]]
    means: dict[str, float]
    knots: dict[str, FloatArray]
    center: FloatArray
    scale: FloatArray

    def matrix(self, table: pd.DataFrame) -> FloatArray:
        """Covariates (n, p) of ``table``, centred and scaled.

        Raises
        ------
        FitError
            If a feature is absent or has changed between number and text.
        """
        absent = [name for name in self.features if name not in table.columns]
        if absent:
            raise FitError(
                f"HazardModel: the table lacks the feature columns {', '.join(absent)}. "
                f"Next step: build it the same way as the table that was fitted."
            )
        changed = [
            name
            for name in self.features
            if (name in self.levels) == is_number(table[name]) and table[name].notna().any()
        ]
        if changed:
            raise FitError(
                f"HazardModel: {', '.join(changed)} was text in the fit and is numeric here, or the other "
                f"way round. Next step: give the columns the types of the table that was fitted."
            )
        return (self._raw(table) - self.center) / self.scale

    def _raw(self, table: pd.DataFrame) -> FloatArray:
        raw = np.empty((len(table), len(self.columns)))
        held: dict[str, FloatArray | NDArray[np.object_]] = {}
        for place, column in enumerate(self.columns):
            name = column.feature
            if name not in held:
                held[name] = (
                    _levels(table[name], self.levels[name])
                    if name in self.levels
                    else self._numbers(table[name])
                )
            if name in self.levels:
                raw[:, place] = held[name] == column.level
            elif column.level == MISSING:
                raw[:, place] = table[name].isna()
            else:
                raw[:, place] = np.asarray(held[name], dtype=np.float64)[:, column.piece]
        return raw

    def _numbers(self, column: pd.Series) -> FloatArray:
        name = str(column.name)
        values = numbers(column)
        if np.isinf(values).any():
            raise FitError(
                f"HazardModel: {name} holds infinite values. "
                f"Next step: look for a division by zero and write missing instead."
            )
        filled = np.where(np.isnan(values), self.means[name], values)
        return natural_spline(filled, self.knots[name]) if name in self.knots else filled[:, None]


def learn_design(table: pd.DataFrame, features: Sequence[str], curves: Sequence[str]) -> HazardDesign:
    """The design of ``features`` with what ``table`` teaches: levels, means, knots, centre and scale.

    Raises
    ------
    FitError
        For a column that never varies, or columns that together say the same thing exactly.
    """
    levels: dict[str, tuple[str, ...]] = {}
    references: dict[str, str] = {}
    means: dict[str, float] = {}
    knots: dict[str, FloatArray] = {}
    columns: list[DesignColumn] = []
    for name in features:
        if not is_number(table[name]):
            counts = _text(table[name]).value_counts()
            kept = tuple(sorted(counts.index[counts >= LEAST_ROWS_PER_LEVEL]))
            levels[name] = kept
            pooled = counts[counts < LEAST_ROWS_PER_LEVEL].sum()
            shown = [*kept, *([POOLED] if pooled else [])]
            if not shown:
                continue
            references[name] = str(counts.index[0]) if counts.iloc[0] >= LEAST_ROWS_PER_LEVEL else shown[0]
            columns += [
                DesignColumn(feature=name, name=f"{name}: {level}", level=level)
                for level in shown
                if level != references[name]
            ]
            continue
        values = numbers(table[name])
        known = values[np.isfinite(values)]
        means[name] = float(known.mean()) if len(known) else 0.0
        pieces = 1
        if name in curves and len(np.unique(known)) > CURVE_KNOTS:
            knots[name] = spline_knots(known, knots=CURVE_KNOTS)
            pieces = max(len(knots[name]) - 1, 1)
        columns += [
            DesignColumn(feature=name, name=name if not piece else f"{name} (curve {piece})", piece=piece)
            for piece in range(pieces)
        ]
        if np.isnan(values).any() and len(known):
            columns.append(DesignColumn(feature=name, name=f"{name}: {MISSING}", level=MISSING))
    raw_design = HazardDesign(
        features=tuple(features),
        columns=tuple(columns),
        references=references,
        levels=levels,
        means=means,
        knots=knots,
        center=np.zeros(len(columns)),
        scale=np.ones(len(columns)),
    )
    return _scaled(raw_design, raw_design._raw(table))


def _scaled(design: HazardDesign, raw: FloatArray) -> HazardDesign:
    center, scale = raw.mean(axis=0), raw.std(axis=0)
    flat = [
        column.name
        for column, spread, middle in zip(design.columns, scale, center, strict=True)
        if spread <= 1e-9 * max(abs(middle), 1e-30)
    ]
    one_level = [name for name in design.features if not any(c.feature == name for c in design.columns)]
    if flat or one_level:
        raise FitError(
            f"HazardModel: {', '.join([*flat, *one_level])} has one value only, so it explains nothing. "
            f"Next step: leave it out of features=."
        )
    _refuse_collinear((raw - center) / scale, [column.name for column in design.columns])
    return HazardDesign(
        features=design.features,
        columns=design.columns,
        references=design.references,
        levels=design.levels,
        means=design.means,
        knots=design.knots,
        center=center,
        scale=scale,
    )


def _refuse_collinear(matrix: FloatArray, names: list[str]) -> None:
    """FitError that names the columns of an exact linear dependence; the ridge would hide it."""
    if not names:
        return
    values, vectors = np.linalg.eigh(matrix.T @ matrix / len(matrix))
    if values[0] >= COLLINEAR:
        return
    among = [name for name, part in zip(names, vectors[:, 0], strict=True) if abs(part) > 1e-3]
    raise FitError(
        f"HazardModel: the columns {', '.join(among)} are exactly collinear: each is a sum of the others, "
        f"so no effect of their own exists. Next step: leave one of them out of features=."
    )


def numbers(column: pd.Series) -> FloatArray:
    """A numeric column as floats, missing as nan."""
    return np.asarray(column.astype("Float64").to_numpy(dtype=float, na_value=np.nan), dtype=np.float64)


def is_number(column: pd.Series) -> bool:
    """Whether a column holds numbers or flags."""
    return bool(pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column))


def _text(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), MISSING).map(str)


def _levels(column: pd.Series, known: tuple[str, ...]) -> NDArray[np.object_]:
    text = _text(column)
    return np.asarray(text.where(text.isin(known), POOLED), dtype=object)
