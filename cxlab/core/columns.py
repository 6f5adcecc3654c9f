"""The vocabulary: names of the tables and of the columns that carry meaning across the package."""

from __future__ import annotations

from typing import Final

CUSTOMERS: Final = "customers"
EVENTS: Final = "events"
SURVEYS: Final = "surveys"
COMPLAINTS: Final = "complaints"
CONTRACTS: Final = "contracts"
LOCATIONS: Final = "locations"
#: The five long tables of the house, and the look-up of dealers beside them.
TABLE_NAMES: Final = (CUSTOMERS, EVENTS, SURVEYS, COMPLAINTS, CONTRACTS, LOCATIONS)

CUSTOMER_ID: Final = "customer_id"
LOCATION_ID: Final = "location_id"
#: Rating items of a survey are the columns with this prefix: ``rating_reception``, ``rating_billing``.
RATING_PREFIX: Final = "rating_"
#: The overall answer of a survey, on the scale that ``cxlab.toml`` declares.
OVERALL: Final = "overall"
#: Likelihood to recommend, 0 to 10.
RECOMMEND: Final = "recommend_0_10"
#: What a customer would still pay, made by ``cxlab.lifetime_values``.
LIFETIME_VALUE: Final = "lifetime_value"


def rating_columns(columns: list[str]) -> list[str]:
    """The rating items among column names, in their order.

    >>> rating_columns(["response_id", "rating_billing", "overall"])
    ['rating_billing']
    """
    return [column for column in columns if column.startswith(RATING_PREFIX)]
