"""What only the maker of the world knows: the true stock and the true churn hazard at any moment."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxlab.core.columns import COMPLAINTS, CONTRACTS, CUSTOMERS, EVENTS
from cxlab.core.membership import is_in
from cxlab.simulation.churn import complaint_logit, contract_logit
from cxlab.simulation.simulate import Demo
from cxlab.simulation.stock import Floats, Ints
from cxlab.simulation.trial import offer_effect
from cxlab.simulation.truth import PLANS, SEGMENTS
from cxlab.simulation.world import chance


def true_stock(demo: Demo, cut_at: pd.Timestamp) -> pd.Series:
    """S of every customer at ``cut_at``, from the tables alone and from nothing that came later.

    Parameters
    ----------
    demo
        A simulated network.
    cut_at
        Naive UTC moment inside the window; events strictly before it count.

    Returns
    -------
    pandas.Series
        Points of the overall answer, indexed by customer_id.
    """
    truth, frames = demo.truth, demo.frames
    events = frames[EVENTS][["event_id", "customer_id", "occurred_at", "outcome"]]
    events = events[(events["occurred_at"] < cut_at) & (events["outcome"] != 0)]
    complaints = frames[COMPLAINTS]
    solved = complaints.loc[complaints["resolved_at"] < cut_at, "event_id"]
    weight = np.exp(-truth.decay_per_day * _days_before(events["occurred_at"], cut_at))
    harm = np.where(is_in(events["event_id"], solved), truth.ratio_resolved, truth.ratio_unresolved)
    effect = truth.positive_effect * weight * np.where(events["outcome"] > 0, 1.0, -harm)
    return _sum_by_customer(effect, events["customer_id"], ids=frames[CUSTOMERS]["customer_id"])


def true_hazard(demo: Demo, cut_at: pd.Timestamp, *, ahead_days: float = 0.0) -> pd.Series:
    """The true probability of leaving within 30 days, for every customer who is there at ``cut_at``.

        logit h = base + contract + churn_alpha alpha_i + churn_relationship S + complaints + offer

    Parameters
    ----------
    demo
        A simulated network.
    cut_at
        Naive UTC moment inside the window.
    ahead_days
        Days after ``cut_at`` at which the hazard is read, with the stock fading and nothing new
        happening; half the horizon of a forecast makes a fair oracle for it.

    Returns
    -------
    pandas.Series
        Probabilities, indexed by customer_id.

    Notes
    -----
    Reads the hidden ``alpha``: no model may use it. It is the yardstick for a churn model's AUC.

    Examples
    --------
    >>> from cxlab.simulation.simulate import simulate
    >>> hazard = true_hazard(simulate(300, seed=1), pd.Timestamp("2025-01-01"))
    >>> bool(hazard.between(0, 1).all())
    True
    """
    truth = demo.truth
    customers = demo.frames[CUSTOMERS].set_index("customer_id")
    there = (customers["joined_at"] < cut_at) & ~(customers["left_at"] <= cut_at)
    contracts = demo.frames[CONTRACTS]
    held = contracts[contracts["started_at"] < cut_at].sort_values("started_at")
    held = held.drop_duplicates("customer_id", keep="last").set_index("customer_id")
    ids = customers.index[there]
    held = held.loc[ids]
    logit = contract_logit(
        truth,
        segment=_codes(customers.loc[ids, "segment"], SEGMENTS),
        plan=_codes(held["plan"], PLANS),
        value_eur=held["value_per_year"].to_numpy(),
        years=(_days_before(held["started_at"], cut_at) + ahead_days) / 365.25,
    )
    alpha = demo.latent[CUSTOMERS].set_index("customer_id")["alpha"].loc[ids].to_numpy()
    stock = true_stock(demo, cut_at).loc[ids].to_numpy() * np.exp(-truth.decay_per_day * ahead_days)
    logit = logit + truth.churn_alpha * alpha + truth.churn_relationship * stock
    logit = logit + _complaints(demo, cut_at).loc[ids].to_numpy()
    logit = logit + _offer(demo, cut_at, ids)
    return pd.Series(chance(logit), index=ids, name="hazard")


def _complaints(demo: Demo, cut_at: pd.Timestamp) -> pd.Series:
    """What the complaints of the past year add to the logit, as they stood at ``cut_at``."""
    complaints = demo.frames[COMPLAINTS]
    known = complaints[complaints["opened_at"] < cut_at]
    since = _days_before(known["opened_at"], cut_at)
    solved = (known["resolved_at"] < cut_at).to_numpy()
    effect = complaint_logit(
        demo.truth,
        since,
        days_to_resolve=np.where(solved, since - _days_before(known["resolved_at"], cut_at), np.inf),
        severity=known["severity"].to_numpy(),
    )
    return _sum_by_customer(effect, known["customer_id"], ids=demo.frames[CUSTOMERS]["customer_id"])


def _offer(demo: Demo, cut_at: pd.Timestamp, ids: pd.Index) -> Floats:
    """What the trial's offer adds to the logit of the treated while it lasts."""
    truth = demo.truth
    day = (cut_at - pd.Timestamp(truth.window_start)) / pd.Timedelta(days=1)
    if not truth.trial_day <= day < truth.trial_day + truth.trial_days:
        return np.zeros(len(ids))
    treated = demo.frames[CUSTOMERS].set_index("customer_id")["treated"].loc[ids] == 1
    sensitivity = demo.latent[CUSTOMERS].set_index("customer_id")["price_sensitivity"].loc[ids]
    return offer_effect(truth, sensitivity.to_numpy()) * treated.to_numpy(dtype=bool, na_value=False)


def _days_before(moments: pd.Series, cut_at: pd.Timestamp) -> Floats:
    """Days from each moment to the cut."""
    seconds = (cut_at - pd.DatetimeIndex(moments)).total_seconds()
    return np.asarray(seconds, dtype=np.float64) / 86_400.0


def _sum_by_customer(values: Floats, customer: pd.Series, *, ids: pd.Series) -> pd.Series:
    """Sums of ``values`` for every id, 0 for a customer without any."""
    sums = pd.Series(values, index=pd.Index(customer)).groupby(level=0).sum()
    return sums.reindex(pd.Index(ids), fill_value=0.0)


def _codes(texts: pd.Series, names: tuple[str, ...]) -> Ints:
    """The code of each text."""
    return pd.Index(names).get_indexer(pd.Index(texts)).astype(np.int64)
