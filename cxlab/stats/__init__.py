"""The workshop: statistics on arrays, arrays in and arrays out; a module is loaded when first named."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cxlab.stats import bootstrap as bootstrap
    from cxlab.stats import importance as importance
    from cxlab.stats import intervals as intervals
    from cxlab.stats import moments as moments


def __getattr__(name: str) -> ModuleType:
    if name in _modules():
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"cxlab.stats has no module {name!r}. It holds {', '.join(_modules())}.")


def __dir__() -> list[str]:
    return sorted([*globals(), *_modules()])


def _modules() -> list[str]:
    return sorted(found.name for found in pkgutil.iter_modules(__path__))
