"""Pseudonyms at load: every id of a person or of their records is replaced before anybody sees it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from cxlab.core.columns import COMPLAINTS, CONTRACTS, CUSTOMER_ID, CUSTOMERS, EVENTS, LOCATION_ID, SURVEYS
from cxlab.core.errors import Finding, ParameterError
from cxlab.core.pseudonyms import KEY_VARIABLE, LEAST_KEY_BYTES, LENGTH, Pseudonyms
from cxlab.ingest.config import DataConfig
from cxlab.ingest.distinct import Distinct
from cxlab.ingest.state import TableState

#: Equal numbers of two scopes get unrelated pseudonyms; one id column has one scope in every table.
SCOPES: Final = {
    CUSTOMER_ID: CUSTOMERS,
    "response_id": SURVEYS,
    "event_id": EVENTS,
    "complaint_id": COMPLAINTS,
    "contract_id": CONTRACTS,
}
_RULE: Final = "pseudonyms"


def scope_of(column: str) -> str:
    """The scope of an id column: its table, or its own name.

    >>> scope_of("customer_id"), scope_of("journey_id")
    ('customers', 'journey')
    """
    return SCOPES.get(column, column.removesuffix("_id"))


def id_columns(state: TableState) -> list[str]:
    """The columns of a table that are replaced: every id except the dealer's, which names no customer."""
    kinds = state.kinds.items()
    return [name for name, kind in kinds if kind == "id" and name != LOCATION_ID and name in state.frame]


def pseudonym_key(settings: DataConfig) -> Pseudonyms | None:
    """The key to load these data with; None where ``[privacy] pseudonyms = "off"`` is declared.

    Raises
    ------
    ParameterError
        Without a key: ids of persons are not shown, so nothing is loaded.
    """
    if not settings.privacy.keyed:
        return None
    try:
        return Pseudonyms.from_environment()
    except ParameterError as error:
        raise ParameterError(
            "Customer numbers are replaced by pseudonyms when data are loaded, and that needs a key. "
            f"{error} "
            "Data that hold no persons (made up or published as open) say so in cxlab.toml:  [privacy]  "
            'pseudonyms = "off".'
        ) from error


def key_or_none(settings: DataConfig) -> Pseudonyms | None:
    """As :func:`pseudonym_key`, and None where there is no key: looking at data needs none."""
    try:
        return pseudonym_key(settings)
    except ParameterError:
        return None


def say_pseudonyms(
    settings: DataConfig, states: Mapping[str, TableState], names: Pseudonyms | None
) -> list[Finding]:
    """What the report says about ids: replaced under which key, or that loading will ask for one."""
    if not settings.privacy.keyed or not states:
        return []
    columns = list(dict.fromkeys(name for state in states.values() for name in id_columns(state)))
    if names is None:
        return [
            Finding(
                level="note",
                rule=_RULE,
                file=settings.file,
                message=f"{KEY_VARIABLE} names no usable key; loading asks for one.",
                next_step=f"cxlab key KEYFILE (outside the project), then export {KEY_VARIABLE}=KEYFILE.",
            )
        ]
    message = f"{', '.join(columns)} are replaced when the data are loaded, key id {names.key_id}."
    return [Finding(level="note", rule=_RULE, file=settings.file, message=message)] if columns else []


def pseudonymised(state: TableState, names: Pseudonyms | None, settings: DataConfig) -> TableState:
    """The table with its ids replaced, if they are to be; under a passing key where there is none."""
    if not settings.privacy.keyed:
        return state
    used = names or Pseudonyms(key=secrets.token_bytes(LEAST_KEY_BYTES))
    made = {column: _replaced(state.frame[column], column, used) for column in id_columns(state)}
    return replace(state, frame=state.frame.assign(**made))


def _replaced(ids: pd.Series, column: str, names: Pseudonyms) -> pd.Series:
    """Each distinct id is computed once; an empty cell stays empty."""
    import pyarrow as pa

    column_of = Distinct.of(ids)
    distinct = pa.array(column_of.texts.array, type=pa.large_string()).cast(pa.large_binary())
    letters = replace(names, scope=scope_of(column)).letters_of(distinct.to_pylist())
    places = pa.py_buffer(np.arange(0, len(letters) + 1, LENGTH, dtype=np.int64))
    made = pa.Array.from_buffers(pa.large_string(), len(distinct), [None, places, pa.py_buffer(letters)])
    if len(distinct) < len(ids):
        made = made.take(pa.array(column_of.places, mask=column_of.places < 0))
    return pd.Series(pd.array(made, dtype="str"), index=ids.index, name=ids.name)
