"""`cxlab key`: a new key for pseudonyms, in a file that only its owner can read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cxlab.core.pseudonyms import KEY_VARIABLE, make_key


def add_privacy(commands: Any) -> None:
    """The command `cxlab key`."""
    key = commands.add_parser("key", help="make a key for pseudonyms, outside the project")
    key.add_argument("file", type=Path, metavar="FILE", help="a new file, for example ~/.config/cxlab/key")
    key.set_defaults(command=_key)


def _key(options: argparse.Namespace) -> int:
    names = make_key(options.file)
    print(
        f"{options.file}: a new key, key id {names.key_id}; only you can read it. Without it nobody can "
        f"find a customer\nagain: keep a copy where you keep passwords. Next step: "
        f"export {KEY_VARIABLE}={options.file}"
    )
    return 0
