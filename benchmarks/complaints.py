"""How fast is our doubly robust contrast, and does its estimate agree with DoubleML's? Prints a table.

Run with ``python benchmarks/complaints.py`` (about ten seconds of CPU). Peer: ``DoubleMLIRM`` of DoubleML
in the same run, on the same complaints, folds and clip; it is no dependency of the project (``pip install
DoubleML``; a note if absent). DoubleML gets our learners behind scikit-learn's interface. It fits the
outcome in each arm apart, ours both arms together with arm times feature, so a second row hands it our
predictions: what is left is the score alone and has to agree to rounding. All times are CPU seconds of
one process; set OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 for one thread.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from cxlab.stats.doubly_robust import (
    CLIP,
    PENALTY,
    PENALTY_QUADRATIC,
    CrossFit,
    arm_contrast,
    cross_fit,
    split_folds,
)
from cxlab.stats.multinomial import class_probabilities, fit_classes, quadratic_terms

Floats = NDArray[np.float64]

SIZES = (2_240, 20_000)
FOLDS, SPLITS, SEED = 5, 5, 1


@dataclass(frozen=True)
class Complaints:
    """Facts (n, p), 1 where resolved fast, 1 where retained, and the true mean effect of these rows."""

    facts: Floats
    fast: NDArray[np.intp]
    retained: Floats
    truth: float


def complaints(n: int) -> Complaints:
    """Severe complaints are helped less often and lose more customers, valuable customers the reverse."""
    rng = np.random.default_rng(SEED)
    severity = rng.choice(5, n, p=[0.30, 0.30, 0.22, 0.12, 0.06]).astype(np.float64)
    quality, value, prior = rng.normal(size=(3, n)) * np.array([[0.35], [0.55], [0.8]])
    tenure = rng.gamma(2.0, 2.0, n)
    helped = 0.2 - 0.7 * (severity - 1.3) + 0.8 * quality + 0.4 * value
    fast = rng.random(n) < 1.0 / (1.0 + np.exp(-helped))
    level = 0.3 + 0.6 * prior - 0.45 * (severity - 1.3) + 0.3 * value + 0.1 * np.minimum(tenure, 6.0)
    lift = 1.3 - 0.12 * severity
    chance = 1.0 / (1.0 + np.exp(-np.stack([level, level + lift])))
    retained = rng.random(n) < np.where(fast, chance[1], chance[0])
    return Complaints(
        facts=np.column_stack([severity, quality, value, prior, tenure]),
        fast=fast.astype(np.intp),
        retained=retained.astype(np.float64),
        truth=float((chance[1] - chance[0]).mean()),
    )


class RidgeLogit(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Our ridge logit of quadratic terms as scikit-learn would call it; ``mains`` columns are features."""

    def __init__(self, mains: int = 1) -> None:
        self.mains = mains

    def fit(self, x: Floats, y: Floats) -> RidgeLogit:
        """Newton steps of :func:`cxlab.stats.multinomial.fit_classes`."""
        design = np.column_stack([np.ones(len(x)), x])
        sizes = (1, self.mains, x.shape[1] - self.mains)
        ridge = np.repeat([0.0, PENALTY, PENALTY_QUADRATIC], sizes)
        self.classes_ = np.array([0, 1])
        self.coefficients_ = fit_classes(design, np.asarray(y).astype(np.intp), classes=2, penalty=ridge)
        return self

    def predict_proba(self, x: Floats) -> Floats:
        """Chances (n, 2)."""
        return class_probabilities(np.column_stack([np.ones(len(x)), x]), self.coefficients_)

    def predict(self, x: Floats) -> NDArray[np.intp]:
        """The likelier class."""
        return self.predict_proba(x).argmax(axis=1)


def own_fit(world: Complaints) -> CrossFit:
    """Predictions of five splits into five folds."""
    rng = np.random.default_rng(SEED)
    return cross_fit(
        world.facts, world.fast, world.retained, arms=2, binary=True, rng=rng, folds=FOLDS, splits=SPLITS
    )


def same_folds(world: Complaints) -> list[list[tuple[NDArray[np.intp], NDArray[np.intp]]]]:
    """The folds ``cross_fit`` deals from the same seed, as pairs of training and test rows."""
    rng, units = np.random.default_rng(SEED), np.arange(len(world.fast))
    deals = [split_folds(world.fast, units=units, folds=FOLDS, rng=rng) for _ in range(SPLITS)]
    return [[(np.flatnonzero(d != k), np.flatnonzero(d == k)) for k in range(FOLDS)] for d in deals]


def peer_fit(world: Complaints, handed: CrossFit | None) -> Any:
    """DoubleML's interactive regression model; with our predictions, or with our learners."""
    import doubleml

    terms, mains = quadratic_terms(world.facts)
    data = doubleml.DoubleMLData.from_arrays(x=terms[:, 1:], y=world.retained, d=world.fast)
    learner = RidgeLogit(mains)
    model = doubleml.DoubleMLIRM(
        data,
        learner,
        learner,
        n_folds=FOLDS,
        n_rep=SPLITS,
        normalize_ipw=True,  # weights of an arm that add up to all rows, as ours do
        ps_processor_config=doubleml.utils.PSProcessorConfig(clipping_threshold=CLIP),
        draw_sample_splitting=False,
    )
    model.set_sample_splitting(same_folds(world))
    if handed is None:
        return model.fit()
    chance, expected = handed.chance[:, :, 1], handed.expected
    names = {"ml_m": chance, "ml_g0": expected[:, :, 0], "ml_g1": expected[:, :, 1]}
    return model.fit(external_predictions={"d": {name: values.T for name, values in names.items()}})


def timed(job: Callable[[], Any]) -> tuple[Any, float]:
    """What a job returns, and its CPU seconds."""
    start = time.process_time()
    found = job()
    return found, time.process_time() - start


def rows_of(n: int) -> list[dict[str, object]]:
    """Both on n complaints."""
    world = complaints(n)
    fit, seconds = timed(lambda: own_fit(world))
    effect = arm_contrast(fit, 1, 0)
    naive = world.retained[world.fast == 1].mean() - world.retained[world.fast == 0].mean()
    base = {"complaints": n, "truth": world.truth, "raw difference": naive}
    own = {"who": "cxlab", "estimate": effect.estimate, "std_error": effect.std_error, "cpu_s": seconds}
    rows = [base | own]
    if importlib.util.find_spec("doubleml") is None:
        return rows
    peer_fit(complaints(300), None)  # the import and the first call are not timed
    for who, handed in (("DoubleML, our learners", None), ("DoubleML, our predictions", fit)):
        model, seconds = timed(lambda handed=handed: peer_fit(world, handed))
        found = {"estimate": float(model.coef[0]), "std_error": float(model.se[0]), "cpu_s": seconds}
        rows.append(base | {"who": who} | found)
    return rows


def main() -> None:
    """Time, compare, print."""
    table = pd.DataFrame([row for n in SIZES for row in rows_of(n)])
    print(f"{datetime.date.today()}: fast against unresolved, retention, {FOLDS} folds x {SPLITS} splits")
    print(table.to_string(index=False, float_format="{:.4f}".format))
    if importlib.util.find_spec("doubleml") is None:
        print("DoubleML is not installed: no peer in this run (pip install DoubleML)")
    else:
        print(f"DoubleML {importlib.metadata.version('DoubleML')}")


if __name__ == "__main__":
    main()
