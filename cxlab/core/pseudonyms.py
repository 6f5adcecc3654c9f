"""Keyed pseudonyms: the same customer, the same made-up name, and no way back without the key."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
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
_DIGEST_BYTES: Final = 32
#: So many ids at a time stay in the processor's cache.
_AT_A_TIME: Final = 8_192
_HOW: Final = (
    f"Next step: cxlab key KEYFILE (outside the project), then export {KEY_VARIABLE}=KEYFILE; mode 600 "
    "(chmod 600); keep it as you keep a password."
)
_FORM: Final = re.compile("[A-Z2-7]{26}")
#: Letters of a pseudonym.
LENGTH: Final = 26
_BLOCK: Final = 64  # bytes of one SHA-256 block, to which HMAC pads its key
_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
#: A folder that holds one of these is a project, which is copied and committed: no key in it.
_PROJECT_MARKS: Final = (".git", "pyproject.toml", "cxlab.toml")


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
        return self._letters("key id", [b""])[:8].decode("ascii")

    def of(self, identifier: str) -> str:
        """The pseudonym of one identifier; blanks around it do not count."""
        return self.all_of([identifier])[0]

    def all_of(self, identifiers: Iterable[str]) -> list[str]:
        """The pseudonyms of many identifiers, in their order."""
        given = (str(identifier).strip().encode() for identifier in identifiers)
        letters = self.letters_of(given).decode("ascii")
        return [letters[start : start + LENGTH] for start in range(0, len(letters), LENGTH)]

    def letters_of(self, identifiers: Iterable[bytes]) -> bytes:
        """As :meth:`all_of`, as one text: 26 letters each, one after the other, for columns of millions.

        The identifiers are the bytes of texts without blanks around them, as a column holds them.
        """
        return self._letters(self.scope, identifiers)

    def once(self, identifiers: Iterable[str]) -> list[str]:
        """As :meth:`all_of`, but what has the form of a pseudonym already is left as it is.

        For identifiers of loaded tables, which are pseudonyms by default.
        """
        given = [str(identifier).strip() for identifier in identifiers]
        made = iter(self.all_of(one for one in given if not is_pseudonym(one)))
        return [one if is_pseudonym(one) else next(made) for one in given]

    def __repr__(self) -> str:
        return f"Pseudonyms(scope={self.scope!r}, key_id={self.key_id!r})"

    def _letters(self, scope: str, identifiers: Iterable[bytes]) -> bytes:
        """HMAC (RFC 2104) of each; ``hmac`` gives the same in 2.3 instead of 1.4 microseconds per id."""
        key = (hashlib.sha256(self.key).digest() if len(self.key) > _BLOCK else self.key).ljust(
            _BLOCK, b"\0"
        )
        # A zero byte between scope and identifier: "ab" + "c" and "a" + "bc" must differ. What is common
        # is hashed once and copied.
        inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + scope.encode() + b"\x00").copy
        outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key)).copy
        given, parts = list(identifiers), []
        for start in range(0, len(given), _AT_A_TIME):
            digests = []
            for identifier in given[start : start + _AT_A_TIME]:
                first, second = inner(), outer()
                first.update(identifier)
                second.update(first.digest())
                digests.append(second.digest())
            parts.append(_base32(b"".join(digests)))
        return b"".join(parts)


def is_pseudonym(text: str) -> bool:
    """Whether a text has the form of a pseudonym: 26 letters of base32.

    >>> is_pseudonym(Pseudonyms(key=bytes(range(32))).of("C1")), is_pseudonym("C1")
    (True, False)
    """
    return _FORM.fullmatch(text) is not None


def key_id_in_force() -> str:
    """The id of the key that ``CXLAB_KEY_FILE`` names, for the record of a run; empty without one."""
    try:
        return Pseudonyms.from_environment().key_id
    except ParameterError:
        return ""


def make_key(path: Path) -> Pseudonyms:
    """Write a new random key to a new file that only its owner can read.

    Raises
    ------
    ParameterError
        If the file is there already (a lost key cannot be made again), the place is inside a project, or it
        cannot be written.
    """
    place = path.expanduser().parent.resolve() / path.name
    for folder in place.parents:
        if any((folder / mark).exists() for mark in _PROJECT_MARKS):
            raise ParameterError(
                f"{place.name}: the key must not lie in the project {folder.name!r}, which is copied and "
                "committed. Next step: name a file outside, for example ~/.config/cxlab/key."
            )
    key = secrets.token_bytes(LEAST_KEY_BYTES)
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(key)
    except FileExistsError as error:
        raise ParameterError(
            f"{place.name}: the file is there already and is not overwritten: pseudonyms made under it "
            "could not be made again. Next step: name another file."
        ) from error
    except OSError as error:
        raise ParameterError(
            f"{place.name}: the key cannot be written ({error.strerror}). Next step: name another folder."
        ) from error
    return Pseudonyms(key=key)


def _base32(digests: bytes) -> bytes:
    """The first 16 of each 32 bytes as base32 without padding (RFC 4648): 26 letters each.

    Two letters, ten bits, are looked up at a time; ten bits begin at any bit, so each is cut out of the
    three bytes that hold it.
    """
    import numpy as np

    whole = np.frombuffer(digests, dtype=np.uint8).reshape(-1, _DIGEST_BYTES)
    # One byte of all ids after the other; two more bytes than 16 are read, of which the last 2 of 130 bits.
    columns = np.ascontiguousarray(whole[:, : _PSEUDONYM_BYTES + 2].T).astype(np.uint32)
    columns[_PSEUDONYM_BYTES:] = 0
    letters = np.frombuffer(_LETTERS, dtype=np.uint8)
    pairs = np.stack([np.repeat(letters, 32), np.tile(letters, 32)], axis=1).view(np.uint16).ravel()
    found = np.empty((len(whole), LENGTH // 2), dtype=np.uint16)
    for pair in range(LENGTH // 2):
        byte, bit = divmod(10 * pair, 8)
        window = (columns[byte] << 16) | (columns[byte + 1] << 8) | columns[byte + 2]
        found[:, pair] = pairs[(window >> np.uint32(14 - bit)) & 1023]
    return found.tobytes()


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
