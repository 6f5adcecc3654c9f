"""The demo network on disk: Parquet under a temporary name, one rename; the truth in its own sub-folder."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.simulation.truth import Truth

if TYPE_CHECKING:
    import pyarrow as pa

#: Sub-folder of the truth; its name is no table of the house, so nothing that loads data reads it.
TRUTH_FOLDER = "truth"


def write_demo(
    folder: Path,
    frames: Mapping[str, pd.DataFrame],
    *,
    truth: Truth,
    latent: Mapping[str, pd.DataFrame],
    title: str,
) -> Path:
    """One Parquet per table and per latent frame, and the notes; returns ``folder``."""
    for name, frame in frames.items():
        shutil.rmtree(folder / name, ignore_errors=True)
        write_frame(folder / f"{name}.parquet", frame)
    for name, frame in latent.items():
        shutil.rmtree(folder / TRUTH_FOLDER / name, ignore_errors=True)
        write_frame(folder / TRUTH_FOLDER / f"{name}.parquet", frame)
    write_notes(folder, truth=truth, title=title)
    return folder


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write one frame to ``path``, whole or not at all."""
    _whole(path, lambda unfinished: frame.to_parquet(unfinished, index=False, compression="zstd"))


def write_block(folder: Path, tables: Mapping[str, pa.Table], *, part: int) -> None:
    """Write the tables of one block as ``<table>/part-NNN.parquet``; part 0 clears an older network."""
    import pyarrow.parquet as pq

    for name, table in tables.items():
        if part == 0:
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / f"{name}.parquet").unlink(missing_ok=True)

        def save(unfinished: Path, table: pa.Table = table) -> None:
            pq.write_table(table, unfinished, compression="zstd")

        _whole(folder / name / f"part-{part:03d}.parquet", save)


def write_notes(folder: Path, *, truth: Truth, title: str) -> None:
    """``cxlab.toml`` for loading, and ``truth/truth.json`` with every true parameter."""
    end = np.datetime64(truth.window_start, "D") + truth.window_days - 1
    # Made-up customers are no persons: their numbers may be shown, and every reader gets the same outputs.
    note = f'title = "{title}"\ndata_end = {end}\n\n[privacy]\npseudonyms = "off"\n'
    _whole(folder / "cxlab.toml", lambda unfinished: _text(unfinished, note))
    parameters = json.dumps(truth.to_dict(), indent=2) + "\n"
    _whole(folder / TRUTH_FOLDER / "truth.json", lambda unfinished: _text(unfinished, parameters))


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _whole(path: Path, save: Callable[[Path], None]) -> None:
    """Save under a hidden temporary name, then rename: a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        save(unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
