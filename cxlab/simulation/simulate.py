"""A made-up dealer network whose truth is known: in memory, or streamed to disk block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.core.columns import LOCATIONS, TABLE_NAMES
from cxlab.core.errors import ParameterError
from cxlab.simulation.answers import make_answers, make_feelings
from cxlab.simulation.churn import make_contracts, make_left
from cxlab.simulation.comments import comment_codes
from cxlab.simulation.complaints import make_complaints, make_stock
from cxlab.simulation.handling import Handling, after_answers
from cxlab.simulation.stock import MINUTES_PER_DAY, STEP_MINUTES
from cxlab.simulation.tables import CUSTOMERS_MAX, Block, block_tables, latent_tables, locations_table
from cxlab.simulation.trial import make_trial
from cxlab.simulation.truth import Truth
from cxlab.simulation.visit_survey import make_visit_survey
from cxlab.simulation.world import Dealers, dealers_count, make_dealers, make_people, make_visits

if TYPE_CHECKING:
    import pyarrow as pa

#: Customers per block. Part of the seed: another size draws another world.
BLOCK = 20_000
_SEED = 2025


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Demo:
    """A simulated network: the readable tables, and beside them the truth that only tests may read.

    Attributes
    ----------
    frames
        ``customers``, ``events``, ``surveys``, ``complaints``, ``contracts``, ``locations`` in their
        canonical columns.
    truth
        Every true parameter.
    latent
        ``customers`` (alpha, ...), ``journeys`` (latent answer of every finished journey, answered or
        not), ``locations`` (quality).
    seed
        The seed that made it.
    """

    frames: dict[str, pd.DataFrame]
    truth: Truth
    latent: dict[str, pd.DataFrame]
    seed: int

    def write(self, folder: str | Path) -> Path:
        """Write one Parquet per table, ``cxlab.toml``, and the truth in the sub-folder ``truth``.

        ``load`` never reads ``truth/``: it is no table of the house.
        """
        from cxlab.simulation.write import write_demo

        return write_demo(
            Path(folder), self.frames, truth=self.truth, latent=self.latent, title=_title(self.seed)
        )

    def __repr__(self) -> str:
        sizes = [f"{name} {len(self.frames[name]):,}" for name in TABLE_NAMES]
        return f"Demo (seed {self.seed}): {', '.join(sizes)} rows"


def simulate(customers: int = 10_000, *, seed: int = _SEED, truth: Truth | None = None) -> Demo:
    """Simulate a dealer network of ``customers`` customers over three years.

    Parameters
    ----------
    customers
        Number of customers, 1 to 9,999,999; about 34 events each.
    seed
        Seed, 0 or more; the same seed gives the same rows on every machine.
    truth
        True parameters; the tested world if None. ``dataclasses.replace(Truth(), ...)`` makes another.

    Returns
    -------
    Demo
        ``frames``, ``truth`` and ``latent``.

    Raises
    ------
    ParameterError
        For a number of customers or a seed out of range.

    Notes
    -----
    Customers are drawn in blocks of 20,000, each from its own child of the seed, so the first whole
    blocks of a larger network are those of a smaller one.

    Examples
    --------
    >>> demo = simulate(200, seed=1)
    >>> demo.frames["customers"].shape
    (200, 8)
    >>> demo.truth.ratio_unresolved
    10.0
    """
    import pyarrow as pa

    known = truth if truth is not None else Truth()
    dealers, blocks = _network(known, customers, seed)
    pieces: dict[str, list[pa.Table]] = {}
    hidden: dict[str, list[pa.Table]] = {}
    for block in blocks:
        for name, table in block_tables(known, block, dealers).items():
            pieces.setdefault(name, []).append(table)
        for name, table in latent_tables(known, block).items():
            hidden.setdefault(name, []).append(table)
    pieces[LOCATIONS] = [locations_table(dealers)]
    frames = {name: pa.concat_tables(pieces[name]).to_pandas() for name in TABLE_NAMES}
    latent = {name: pa.concat_tables(tables).to_pandas() for name, tables in hidden.items()}
    latent[LOCATIONS] = _hidden_locations(dealers, frames[LOCATIONS])
    return Demo(frames=frames, truth=known, latent=latent, seed=seed)


def simulate_to(
    folder: str | Path, *, customers: int, seed: int = _SEED, truth: Truth | None = None
) -> Path:
    """Simulate a network of any size straight to disk: ``events/part-000.parquet`` and so on.

    The rows are those of :func:`simulate` with the same arguments; memory does not grow with their number.

    Parameters
    ----------
    folder
        Where the tables, ``cxlab.toml`` and the sub-folder ``truth`` go.
    customers, seed, truth
        As for :func:`simulate`.

    Returns
    -------
    Path
        ``folder``.

    Raises
    ------
    ParameterError
        For a number of customers or a seed out of range.
    """
    from cxlab.simulation.write import write_block, write_frame, write_notes

    known = truth if truth is not None else Truth()
    target = Path(folder)
    dealers, blocks = _network(known, customers, seed)
    for part, block in enumerate(blocks):
        write_block(target, block_tables(known, block, dealers), part=part)
        write_block(target / "truth", latent_tables(known, block), part=part)
    locations = locations_table(dealers).to_pandas()
    write_frame(target / f"{LOCATIONS}.parquet", locations)
    write_frame(target / "truth" / f"{LOCATIONS}.parquet", _hidden_locations(dealers, locations))
    write_notes(target, truth=known, title=_title(seed))
    return target


def _network(truth: Truth, customers: int, seed: int) -> tuple[Dealers, Iterator[Block]]:
    """The dealers, and the blocks one after the other."""
    if not 1 <= customers <= CUSTOMERS_MAX:
        raise ParameterError(
            f"simulate: customers must be from 1 to {CUSTOMERS_MAX:,}, got {customers!r}. "
            f"Next step: choose a number in that range."
        )
    if seed < 0:
        raise ParameterError(
            f"simulate: seed must be 0 or more, got {seed!r}. Next step: choose a whole number such as 1."
        )
    blocks = -(-customers // BLOCK)
    children = np.random.SeedSequence(seed).spawn(blocks + 1)
    dealers = make_dealers(truth, np.random.default_rng(children[0]), dealers_count(truth, customers))
    sizes = [min(BLOCK, customers - k * BLOCK) for k in range(blocks)]
    return dealers, (
        make_block(truth, children[k + 1], dealers=dealers, first=k * BLOCK + 1, count=size)
        for k, size in enumerate(sizes)
    )


def make_block(
    truth: Truth, seeds: np.random.SeedSequence, *, dealers: Dealers, first: int, count: int
) -> Block:
    """Live through the window with ``count`` customers numbered from ``first``."""
    # One stream per part of the world, so that a change in one part leaves the draws of the others.
    rng = [np.random.default_rng(child) for child in seeds.spawn(12)]
    people = make_people(truth, rng[0], dealers=dealers, first=first, count=count)
    visits = make_visits(truth, rng[1], people=people, dealers=dealers)
    contracts = make_contracts(truth, rng[3], people)
    complaints = make_complaints(
        truth, rng[2], visits=visits, value_eur=contracts.value_eur, dealers=dealers
    )
    steps = -(-truth.window_days * MINUTES_PER_DAY // STEP_MINUTES)
    stock = make_stock(truth, visits=visits, complaints=complaints, people=people, steps=steps)
    trial = make_trial(truth, rng[7], people)
    left = make_left(
        truth, rng[4], people=people, contracts=contracts, complaints=complaints, stock=stock, trial=trial
    )
    feelings = make_feelings(truth, rng[5], people=people, visits=visits, stock=stock, left=left)
    answers = make_answers(truth, rng[6], people=people, visits=visits, feelings=feelings)
    language = people.language[visits.customer[answers.journey]]
    handling = Handling.of(complaints)
    return Block(
        people=people,
        visits=visits,
        complaints=complaints,
        contracts=contracts,
        trial=trial,
        left=left,
        feelings=feelings,
        answers=answers,
        visit_survey=make_visit_survey(
            truth,
            (rng[8], rng[9], rng[10]),
            people=people,
            visits=visits,
            complaints=complaints,
            handling=handling,
            feelings=feelings,
        ),
        after=after_answers(
            truth,
            rng[11],
            people=people,
            complaints=complaints,
            handling=handling,
            stock=stock,
            left=left,
        ),
        comments=comment_codes(rng[6], language=language, topic=answers.topic, pleased=answers.pleased),
    )


def _hidden_locations(dealers: Dealers, locations: pd.DataFrame) -> pd.DataFrame:
    """What makes a dealer good or bad, which no table says."""
    return pd.DataFrame(
        {
            "location_id": locations["location_id"],
            "quality": dealers.quality,
            "staff_parking_share": dealers.staff_parking_share,
        }
    )


def _title(seed: int) -> str:
    return f"Demo network, seed {seed}"
