"""One report to make: a notebook with checked values and its file name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cxlab.reporting.notebooks import Notebook, title_of
from cxlab.reporting.parameters import Parameter, Value


@dataclass(frozen=True, kw_only=True)
class Job:
    """One report to make: a notebook, checked values, and the file name without ending.

    ``labels`` tell it from its neighbours: its own name (under an empty key) and grid values;
    ``identity`` is the notebook and the values as they were written, so that a name does not depend
    on where the data lie.
    """

    name: str
    path: Path
    notebook: Notebook = field(repr=False)
    declared: tuple[Parameter, ...] = ()
    given: Mapping[str, Value] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    identity: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The notebook's first heading."""
        return title_of(self.notebook, self.path.stem)

    def data_path(self) -> Path | None:
        """Where the parameter ``data`` points, given or by default; None without one."""
        for parameter in self.declared:
            if parameter.name == "data" and parameter.is_path:
                value = self.given.get("data", parameter.default)
                return (self.path.parent / str(value)).resolve() if value else None
        return None
