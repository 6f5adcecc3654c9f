"""Linking by brute force: one Python loop per row, written without a look at the SQL."""

import numpy as np
import pandas as pd
from linking_world import TOUCHPOINTS, visible

DAY = pd.Timedelta(days=1)


def usable_events(frames):
    events = frames["events"].assign(seen=visible(frames["events"]))
    return events[events["customer_id"].notna() & events["occurred_at"].notna() & events["seen"].notna()]


def earliest_resolution(frames, event):
    complaints = frames["complaints"]
    mine = complaints[
        (complaints["event_id"] == event["event_id"])
        & (complaints["customer_id"] == event["customer_id"])
        & complaints["resolved_at"].notna()
    ]
    return mine[["opened_at", "resolved_at"]].max(axis=1).min() if len(mine) else pd.NaT


def exposure_row(frames, events, answer, days):
    """``events`` as :func:`usable_events` gives them."""
    moment, customer = answer["answered_at"], answer["customer_id"]
    mine = events[
        (events["customer_id"] == customer)
        & (events["occurred_at"] >= moment - days * DAY)
        & (events["occurred_at"] < moment)
        & (events["seen"] < moment)
    ]
    row = {"n_events": len(mine)}
    for touchpoint in TOUCHPOINTS:
        here = mine[mine["touchpoint"] == touchpoint]
        row[f"n_{touchpoint}"] = len(here)
        row[f"negative_{touchpoint}"] = int((here["outcome"] == -1).sum())
    row["mean_wait_minutes"] = mine["wait_minutes"].mean()
    row["max_wait_minutes"] = mine["wait_minutes"].max()
    row["days_since_last_event"] = (moment - mine["occurred_at"].max()) / DAY if len(mine) else np.nan
    complaints = frames["complaints"]
    own = complaints[(complaints["customer_id"] == customer) & (complaints["opened_at"] < moment)]
    row["open_complaints"] = int((own["resolved_at"].isna() | (own["resolved_at"] >= moment)).sum())
    row["window_complete"] = bool(moment - days * DAY >= events["seen"].min())
    return row


def known_before(frames, events, answer):
    customers = frames["customers"]
    joined = customers.loc[customers["customer_id"] == answer["customer_id"], "joined_at"]
    seen = events.loc[events["customer_id"] == answer["customer_id"], "seen"]
    return bool((joined < answer["answered_at"]).any() or (seen < answer["answered_at"]).any())


def exposure_table(frames, days):
    """(answer ids kept, features) by brute force."""
    surveys, events = frames["surveys"], usable_events(frames)
    surveys = surveys[surveys["customer_id"].notna() & surveys["answered_at"].notna()]
    rows = {
        answer["response_id"]: exposure_row(frames, events, answer, days)
        for _, answer in surveys.iterrows()
        if known_before(frames, events, answer)
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def snapshot_row(frames, events, customer, cut, *, full=False):
    """``events`` as :func:`usable_events` gives them."""
    half_lives = (30, 90, 180, 365) if full else (90, 365)
    row = {
        "contract_tenure_days": (cut - customer["joined_at"]) / DAY,
        "contract_segment": customer["segment"],
    }
    row |= _contracts(frames["contracts"], customer["customer_id"], cut)
    past = events[(events["customer_id"] == customer["customer_id"]) & (events["seen"] < cut)]
    age = (cut - past["occurred_at"]) / DAY
    row["usage_events_90d"], row["usage_events_365d"] = int((age <= 90).sum()), int((age <= 365).sum())
    channel = past.loc[age <= 365, "channel"].dropna()
    row["usage_digital_share_365d"] = (channel == "digital").mean() if len(channel) else np.nan
    row["usage_days_since_last_event"] = age.min() if len(age) else np.nan
    names = [f"experience_{kind}_stock_{days}d" for kind in
             ("positive", "negative_unresolved", "negative_resolved") for days in half_lives]  # fmt: skip
    row |= dict.fromkeys(names, 0.0)
    for days in (90, 365):
        row[f"experience_negatives_{days}d"] = int(((past["outcome"] == -1) & (age <= days)).sum())
    for days in half_lives:
        for _, event in past.iterrows():
            if event["outcome"] is pd.NA or event["outcome"] == 0:
                continue
            solved = earliest_resolution(frames, event) < cut
            kind = "positive" if event["outcome"] == 1 else f"negative_{'' if solved else 'un'}resolved"
            row[f"experience_{kind}_stock_{days}d"] += 0.5 ** ((cut - event["occurred_at"]) / DAY / days)
    if full:
        row |= _extras(past, cut) | _gap(frames["surveys"], customer["customer_id"], cut)
    return (
        row
        | _complaints(frames["complaints"], customer["customer_id"], cut)
        | _answers(frames, customer, cut)
    )


def _extras(past, cut):
    judged = past[past["outcome"].notna()].assign(age=lambda rows: (cut - rows["occurred_at"]) / DAY)
    last = judged[judged["occurred_at"] == judged["occurred_at"].max()]
    row = {"experience_last_outcome": last["outcome"].min() if len(last) else np.nan}
    row["experience_mean_outcome"] = _drawn_to_zero(judged)
    age, outcome = judged["age"].to_numpy(float), judged["outcome"].to_numpy(float)
    row["experience_slope_per_year"] = np.nan
    if len(judged) > 1:
        together = ((age - age.mean()) * (outcome - outcome.mean())).sum()
        spread = ((age - age.mean()) ** 2).sum()
        row["experience_slope_per_year"] = -365 * together / (spread + 3 * 90**2)
    means = [_drawn_to_zero(rows) for _, rows in judged.groupby("touchpoint", dropna=True)]
    return row | {"experience_weakest_link": min(means, default=np.nan)}


def _drawn_to_zero(judged):
    return float(judged["outcome"].sum()) / (len(judged) + 3) if len(judged) else np.nan


def _gap(surveys, customer, cut):
    past = surveys[(surveys["customer_id"] == customer) & (surveys["answered_at"] < cut)]
    both = past[past["expectation"].notna() & past["overall"].notna()]
    last = both[both["answered_at"] == both["answered_at"].max()]
    return {"survey_expectation_gap": (last["expectation"] - last["overall"]).mean()}


def _contracts(contracts, customer, cut):
    past = contracts[(contracts["customer_id"] == customer) & (contracts["started_at"] < cut)]
    running = past[past["ended_at"].isna() | (past["ended_at"] >= cut)]
    latest = past[past["started_at"] == past["started_at"].max()]
    return {
        "contract_running": len(running),
        "contract_age_days": (cut - past["started_at"].max()) / DAY if len(past) else np.nan,
        "contract_value_per_year": running["value_per_year"].sum() if len(running) else np.nan,
        "contract_plan": min(latest["plan"]) if len(latest) else np.nan,
    }


def _complaints(complaints, customer, cut):
    past = complaints[(complaints["customer_id"] == customer) & (complaints["opened_at"] < cut)]
    still = past[past["resolved_at"].isna() | (past["resolved_at"] >= cut)]
    return {
        "experience_complaints_365d": int((past["opened_at"] >= cut - 365 * DAY).sum()),
        "experience_open_complaints": len(still),
        "experience_oldest_open_complaint_days": (cut - still["opened_at"].min()) / DAY
        if len(still)
        else np.nan,
    }


def _answers(frames, customer, cut):
    surveys = frames["surveys"]
    past = surveys[(surveys["customer_id"] == customer["customer_id"]) & (surveys["answered_at"] < cut)]
    row = {
        "survey_answers": len(past),
        "survey_no_answer_yet": int(past.empty),
        "survey_days_since_last_answer": (cut - past["answered_at"].max()) / DAY if len(past) else np.nan,
        "survey_mean_overall": past["overall"].mean(),
        "survey_mean_rating": past[["rating_phone", "rating_app"]].stack().mean() if len(past) else np.nan,
    }
    for column, name in (("overall", "overall"), ("recommend_0_10", "recommend")):
        given = past[past[column].notna()]
        last = given[given["answered_at"] == given["answered_at"].max()]
        row[f"survey_last_{name}"] = last[column].mean()
    return row


def snapshot_table(frames, cut, lead_days, *, full=False):
    customers = frames["customers"]
    at_risk = customers[
        (customers["joined_at"] < cut)
        & ~(customers["left_at"] < cut + lead_days * DAY)
        & ~(customers["left_at"] < customers["joined_at"])
    ]
    events = usable_events(frames)
    rows = {
        row["customer_id"]: snapshot_row(frames, events, row, cut, full=full)
        for _, row in at_risk.iterrows()
    }
    return pd.DataFrame.from_dict(rows, orient="index")
