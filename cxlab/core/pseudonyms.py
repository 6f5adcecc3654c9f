"""Keyed pseudonyms: the same customer, the same made-up name, and no way back without the key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cxlab.core.errors import ParameterError

#: Names the file that holds the key; the key itself is never a parameter, an output or a log line.
KEY_VARIABLE: Final = "CXLAB_KEY_FILE"
LEAST_KEY_BYTES: Final = 32
# 128 bits: two of a billion customers share a pseudonym with a chance below 1e-20.
_PSEUDONYM_BYTES: Final = 16
_HOW: Final = (
    f"Next step: head -c {LEAST_KEY_BYTES} /dev/urandom > KEYFILE; chmod 600 KEYFILE; "
    f"export {KEY_VARIABLE}=KEYFILE, outside the project; keep it as you keep a password."
)


@dataclass(frozen=True, kw_only=True)
class Pseudonyms:
    """Makes pseudonyms under one key: ``base32(HMAC-SHA-256(key, scope, identifier))``, 128 bits.

    Without the key nobody can enumerate customer numbers to find who is who, which a plain or salted
    hash would allow. Pseudonymous data remain personal data (GDPR, Art. 4(5)). A new key breaks the
    link to earlier lists on purpose.

    Attributes
    ----------
    scope
        What is named, for example ``customers``: equal numbers in two scopes get unrelated names.

    Examples
    --------
    >>> names = Pseudonyms(key=bytes(range(32)), scope="customers")
    >>> names.of("C1") == names.of(" C1 ") != names.of("C2")
    True
    >>> len(names.of("C1")), repr(names) == f"Pseudonyms(scope='customers', key_id='{names.key_id}')"
    (26, True)
    """

    key: bytes = field(repr=False)
    scope: str = "customers"

    def __post_init__(self) -> None:
        if len(self.key) < LEAST_KEY_BYTES:
            raise ParameterError(
                f"The pseudonym key has {len(self.key)} bytes; {LEAST_KEY_BYTES} or more are needed. {_HOW}"
            )

    @classmethod
    def from_environment(cls, *, scope: str = "customers") -> Pseudonyms:
        """The pseudonyms under the key of the file that ``CXLAB_KEY_FILE`` names.

        Raises
        ------
        ParameterError
            If the variable is not set, the file is absent, too short, a link, or may be read by others
            than its owner (mode 600 or 400 is asked for; Windows has no such modes and is not asked).
        """
        named = os.environ.get(KEY_VARIABLE, "")
        if not named:
            raise ParameterError(f"No pseudonym key: {KEY_VARIABLE} is not set. {_HOW}")
        return cls(key=_read_key(Path(named)), scope=scope)

    @property
    def key_id(self) -> str:
        """Eight characters that tell keys apart and say nothing about the key."""
        return self._name(b"key id", b"")[:8]

    def of(self, identifier: str) -> str:
        """The pseudonym of one identifier; blanks around it do not count."""
        return self._name(self.scope.encode(), str(identifier).strip().encode())

    def all_of(self, identifiers: Iterable[str]) -> list[str]:
        """The pseudonyms of many identifiers, in their order."""
        return [self.of(identifier) for identifier in identifiers]

    def __repr__(self) -> str:
        return f"Pseudonyms(scope={self.scope!r}, key_id={self.key_id!r})"

    def _name(self, scope: bytes, identifier: bytes) -> str:
        # A zero byte between scope and identifier: "ab" + "c" and "a" + "bc" must differ.
        digest = hmac.digest(self.key, scope + b"\x00" + identifier, hashlib.sha256)
        return base64.b32encode(digest[:_PSEUDONYM_BYTES]).decode("ascii").rstrip("=")


def _read_key(path: Path) -> bytes:
    """The bytes of the key file; every message names the variable, none its content."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            key = file.read(4096)
    except OSError as error:
        raise ParameterError(
            f"The file that {KEY_VARIABLE} names cannot be read ({error.strerror}). {_HOW}"
        ) from error
    if sys.platform != "win32" and mode & 0o077:
        raise ParameterError(
            f"The file that {KEY_VARIABLE} names may be read by others (mode {mode:o}). "
            "Next step: chmod 600 it; if others had access, make a new key."
        )
    return key
