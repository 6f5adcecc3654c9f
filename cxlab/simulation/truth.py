"""Every true parameter of the demo network, frozen in one place that analysis code never reads."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

EPISODES: Final = ("booking", "arrival", "reception", "workshop", "pickup", "billing")
#: The touchpoints in the order of their codes; booking and billing exist online and in person.
TOUCHPOINTS: Final = (
    "booking_online",
    "booking_phone",
    "parking",
    "reception",
    "workshop",
    "pickup",
    "billing_online",
    "billing_desk",
)
#: Survey items without their prefix; ``competence`` belongs to no touchpoint, parking has no item.
ITEMS: Final = ("booking", "reception", "workshop", "competence", "pickup", "billing")
SEGMENTS: Final = ("private", "business", "fleet")
PLANS: Final = ("basic", "plus", "premium")
LANGUAGES: Final = ("de", "en", "fr", "it")
#: Visits that are told about: a good one, a bad one not put right, a bad one put right.
TOLD: Final = ("good", "bad", "bad_resolved")


def _by(names: tuple[str, ...], *numbers: float) -> Any:
    """A field that maps names to their numbers and cannot be written to."""
    return field(default_factory=lambda: MappingProxyType(dict(zip(names, numbers, strict=True))))


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The true parameters of the demo network; change one with :func:`dataclasses.replace`.

    The relationship of customer i at time t stands at ``alpha_i + S(t)``, and S is

        S(t) = b (X_pos(t) - R_u X_unresolved(t) - R_r X_resolved(t)),   X_v(t) = sum_j exp(-lam (t - t_j))

    over the customer's events strictly before t, with b = ``positive_effect``, R_u = ``ratio_unresolved``,
    R_r = ``ratio_resolved`` and lam = ln 2 / ``half_life_days``. A negative event sits in the unresolved
    stock until ``resolved_at`` of its complaint; from then on its remaining weight sits in the resolved
    stock, so nothing that is known later changes an earlier value. Everybody starts the window (or, later,
    the stay) with S = 0: experiences before ``window_start`` do not exist in this world.

    The overall answer is rounded to 1..10 from
    ``overall_mean + alpha_i + S(t) + season + outage + sum_j driver_weights_j u_j + noise``; the felt
    qualities u_j (standard normal, one per item) do not depend on the outcome of an event, so both the
    repair ratios and the order of the drivers are identified. Customers are confounded, though: who likes
    the company more (alpha) is also met better (``positive_alpha``, ``negative_alpha``), so whatever
    compares different customers finds another ratio.

    The answer about the single visit, ``visit_satisfaction``, knows a zone of tolerance: with the gap
    g = perceived - expected it follows ``zone_slopes`` below ``zone_low``, inside, and above
    ``zone_high``; and it remembers how the customer's latest complaint was handled.

    A complaint resolved after d days moves later satisfaction by ``handling_fast - handling_per_log_day *
    ln(1 + d)``, at worst ``handling_unresolved``, which also holds while it is unresolved; from the second
    complaint on a resolution is worth ``handling_repeated`` less. So a fast first recovery leaves a
    customer more satisfied *with the visit* than no failure would, and the relationship is hurt all the
    same: R_r is above zero.

    Churn is a discrete hazard per 30 days: its logit is ``churn_base``, the contract terms,
    ``churn_alpha * alpha_i + churn_relationship * S(t)``, and for ``churn_complaint_days`` after each
    complaint ``churn_complaint_severity`` per grade and ``churn_per_open_day`` per day that it has been
    open (at most ``churn_open_days_cap``); once resolved, ``churn_kept_share`` of what the open days added
    stays. In the trial of a retention offer, half of the customers are treated at random; the offer moves
    the logit by ``trial_effect_sensitive`` if the customer is price sensitive (an even coin, unrelated to
    the risk) and by ``trial_effect_other`` if not. Effects are in points of the answer or in logits.
    """

    # Calendar: times are whole minutes after this day's midnight, naive UTC.
    window_start: str = "2023-01-01"
    window_days: int = 1096

    # Network.
    locations_max: int = 120
    locations_min: int = 8
    customers_per_location: int = 83
    partner_share: float = 0.35
    partner_quality: float = -0.35
    location_quality_sd: float = 0.35
    #: A visit takes place away from the home dealer with this probability.
    away_share: float = 0.10

    # Customers.
    joined_before_share: float = 0.72
    joined_before_years: float = 8.0
    segment_share: Mapping[str, float] = _by(SEGMENTS, 0.70, 0.20, 0.10)
    language_share: Mapping[str, float] = _by(LANGUAGES, 0.60, 0.20, 0.12, 0.08)
    alpha_quality: float = 0.5
    alpha_sd: float = 0.6

    # Journeys.
    visit_gap_min_days: float = 28.0
    visit_gap_mean_days: float = 105.0
    visit_gap_shape: float = 6.0
    walk_in_share: float = 0.12
    overnight_share: float = 0.15

    # Operations.
    parking_logit_mean: float = 0.2
    parking_logit_staff: float = 2.5
    parking_logit_morning: float = 0.5
    parking_logit_sd: float = 0.9
    parking_full_above: float = 0.92
    wait_median_minutes: float = 8.0
    wait_log_sd: float = 0.6
    wait_free_minutes: float = 10.0
    rework_logit: float = -2.8
    rework_quality: float = -0.8
    delay_share: float = 0.35
    delay_mean_minutes: float = 40.0
    partner_record_days: float = 10.0

    # Outcomes of events: P(negative), and P(positive | not negative).
    negative_logit: Mapping[str, float] = _by(TOUCHPOINTS, -3.1, -2.9, -3.0, -3.0, -2.75, -3.0, -3.2, -2.8)
    negative_parking_full: float = 2.2
    negative_per_wait_minute: float = 0.07
    negative_rework: float = 2.0
    negative_per_delay_minute: float = 0.02
    negative_quality: float = -0.5
    positive_logit: float = -1.05
    positive_quality: float = 0.3
    #: Between customers: who likes the company is met better. It cancels within a customer.
    positive_alpha: float = 0.45
    negative_alpha: float = -0.3

    # An outage of the online booking: more negative bookings online, fading over four weeks.
    outage_day: int = 498
    outage_logit: float = 2.5
    outage_days: float = 28.0
    #: In these weeks everybody answers lower, fading alike.
    outage_overall: float = -0.6

    # Stock of experiences.
    positive_effect: float = 0.10
    ratio_unresolved: float = 10.0
    ratio_resolved: float = 4.0
    half_life_days: float = 180.0

    # Complaints (severity 0..4 belongs to the negative event).
    severity_share: tuple[float, ...] = (0.30, 0.30, 0.22, 0.12, 0.06)
    complain_logit: float = -1.5
    complain_severity: float = 0.5
    complain_after_days: float = 1.5
    staff_topic_share: float = 0.125
    resolve_logit: float = 1.2
    resolve_severity: float = -0.5
    resolve_quality: float = 0.8
    #: Customers worth more are put right more often, and sooner: whom an agent helps first.
    resolve_log_value: float = 0.4
    resolve_log_days: float = 1.65
    resolve_log_days_severity: float = 0.3
    resolve_log_days_sd: float = 0.7
    resolve_log_days_value: float = -0.15
    compensation_share: float = 0.15
    compensation_share_severity: float = 0.12
    compensation_log_eur: float = 3.2
    compensation_log_eur_severity: float = 0.35
    compensation_log_sd: float = 0.5

    # How handling moves later satisfaction (points), and the survey some weeks after a complaint.
    handling_fast: float = 1.2
    handling_per_log_day: float = 0.55
    handling_unresolved: float = -1.6
    handling_repeated: float = 0.6
    handling_memory_days: float = 365.0
    after_days: float = 60.0
    after_mean: float = 7.6
    after_severity: float = -0.25
    after_noise_sd: float = 0.8
    after_response_logit: float = 0.1
    after_response_extreme: float = 0.1

    # Answers.
    answer_days_min: float = 1.0
    answer_days_spread: float = 13.0
    overall_mean: float = 7.4
    season_amplitude: float = 0.08
    overall_noise_sd: float = 0.5
    driver_weights: Mapping[str, float] = _by(ITEMS, 0.0, 0.32, 0.46, 0.22, 0.13, 0.06)
    item_mean: Mapping[str, float] = _by(ITEMS, 7.2, 7.1, 6.9, 7.3, 7.0, 6.8)
    halo: float = 0.5
    item_loading: float = 1.0
    item_noise_sd: float = 0.6
    reception_per_wait_minute: float = -0.035
    workshop_rework: float = -1.5
    pickup_per_delay_minute: float = -0.01
    #: Misattribution: no item asks about parking, so its trouble lands on other items.
    workshop_parking_full: float = -1.0
    competence_parking_full: float = -0.3
    blank_share: float = 0.02
    #: Expected, asked before the visit, and perceived, asked after it; then the zone of tolerance.
    expectation_mean: float = 7.6
    expectation_alpha: float = 0.9
    expectation_sd: float = 0.7
    perceived_mean: float = 7.4
    perceived_alpha: float = 0.3
    perceived_felt: float = 1.0
    perceived_sd: float = 1.0
    zone_low: float = -1.5
    zone_high: float = 1.0
    zone_slopes: tuple[float, float, float] = (1.2, 0.15, 0.6)
    visit_mean: float = 7.2
    visit_noise_sd: float = 0.7
    recommend_slope: float = 1.15
    recommend_alpha: float = 0.6
    recommend_noise_sd: float = 0.8

    # Who answers: logit on the latent answer and the customer.
    response_logit: float = -0.93
    response_extreme: float = 0.09
    response_centre: float = 7.7
    response_digital: float = 0.5
    response_segment: Mapping[str, float] = _by(SEGMENTS, 0.0, -0.2, -0.5)

    # Comments.
    comment_share: float = 0.27
    parking_mention_share: float = 0.36
    rework_mention_share: float = 0.40

    # Telling others about a visit: who tells, and how many those who tell reach (at most 30 are noted).
    tells_share: Mapping[str, float] = _by(TOLD, 0.35, 0.60, 0.45)
    tells_mean: Mapping[str, float] = _by(TOLD, 5.0, 11.0, 7.0)
    tells_size: float = 1.5
    tells_most: int = 30

    # Wallet: rival brands, the rank of ours among them, and its share of what the customer spends.
    rivals_mean: float = 1.2
    rivals_most: int = 4
    rival_appeal: float = -0.3
    wallet_alpha: float = 1.0
    wallet_noise_sd: float = 0.5
    wallet_logit_sd: float = 0.35

    # Contracts.
    plan_share: Mapping[str, float] = _by(PLANS, 0.50, 0.33, 0.17)
    value_median_eur: float = 420.0
    value_log_sd: float = 0.55
    value_plan_factor: Mapping[str, float] = _by(PLANS, 1.0, 1.4, 2.0)
    value_segment_factor: Mapping[str, float] = _by(SEGMENTS, 1.0, 1.3, 2.2)
    renewal_share: float = 0.30
    renewal_upgrade_share: float = 0.30
    discount_mean: float = 0.10
    discount_sensitivity: float = 0.05
    discount_sd: float = 0.03

    # Churn per 30 days.
    churn_base: float = -4.0
    churn_relationship: float = -0.9
    churn_alpha: float = -0.7
    churn_plan: Mapping[str, float] = _by(PLANS, 0.0, -1.1, -2.2)
    churn_segment: Mapping[str, float] = _by(SEGMENTS, 0.0, -0.5, -1.1)
    churn_per_contract_year: float = -0.22
    churn_contract_years_cap: float = 8.0
    churn_log_value: float = -0.5
    churn_per_open_day: float = 0.015
    churn_open_days_cap: float = 60.0
    churn_kept_share: float = 0.5
    churn_complaint_severity: float = 0.08
    churn_complaint_days: float = 365.0

    # A randomised trial of a retention offer among the customers who are there on its day.
    trial_day: int = 380
    trial_days: float = 180.0
    trial_share: float = 0.5
    trial_effect_sensitive: float = -0.9
    trial_effect_other: float = 0.25

    @property
    def decay_per_day(self) -> float:
        """lam = ln 2 / half-life, per day."""
        return math.log(2.0) / self.half_life_days

    def to_dict(self) -> dict[str, Any]:
        """Every parameter as plain numbers, texts, lists and dictionaries, ready for JSON.

        >>> Truth().to_dict()["ratio_unresolved"]
        10.0
        """
        return {part.name: _plain(getattr(self, part.name)) for part in dataclasses.fields(self)}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value
