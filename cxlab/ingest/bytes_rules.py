"""What a file says before it is split into rows: packing, kind, encoding."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable

from cxlab.core.errors import Finding
from cxlab.ingest.limits import Limits

#: How an .xls file begins, and every Office file that is locked with a password.
OLD_WORKBOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
UNPACK_STEP = "Unpack it and look; if it is right raise  unpacked_ratio  under  [limits]."


class UnreadableError(Exception):
    """Raised inside reading when a file cannot give rows; carries the finding that says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


def refuse(file: str, rule: str, message: str, next_step: str) -> UnreadableError:
    """The error finding for a file that cannot be read."""
    return UnreadableError(
        Finding(level="error", rule=rule, file=file, message=message, next_step=next_step)
    )


def unpacked(data: bytes, *, file: str, limits: Limits) -> bytes:
    """The bytes of a text file, unpacked from gzip or a zip with one CSV; refuses what is no text."""
    if data[:2] == b"\x1f\x8b":
        data = _gunzip(data, file=file, limits=limits)
    elif data[:4] == b"PK\x03\x04":
        data = _unzip(data, file=file, limits=limits)
    for rule in BYTE_RULES:
        finding = rule(data, file)
        if finding is not None:
            raise UnreadableError(finding)
    return data


def _gunzip(data: bytes, *, file: str, limits: Limits) -> bytes:
    limit = limits.unpacked_bytes(len(data))
    try:
        plain = gzip.GzipFile(fileobj=io.BytesIO(data)).read(limit + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise refuse(
            file, "gzip", f"is cut or damaged: {error}.", "Copy or export the file again."
        ) from error
    if len(plain) > limit:
        raise refuse(file, "gzip", f"unpacks to more than {limit:,} bytes.", UNPACK_STEP)
    return plain


def _unzip(data: bytes, *, file: str, limits: Limits) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [info for info in archive.infolist() if not info.is_dir()]
            if any(info.filename == "[Content_Types].xml" for info in names):
                raise refuse(
                    file,
                    "file kind",
                    "is an Excel workbook under another name.",
                    "Give it the ending .xlsx, or export it as CSV.",
                )
            tables = [info for info in names if info.filename.lower().endswith((".csv", ".tsv", ".txt"))]
            if len(tables) != 1:
                held = ", ".join(info.filename for info in names[:5])
                raise refuse(
                    file,
                    "zip",
                    f"needs exactly one CSV inside, holds {held or 'nothing'}.",
                    "Unpack it and declare the file you mean.",
                )
            limit = limits.unpacked_bytes(len(data))
            with archive.open(tables[0]) as packed:
                plain = packed.read(limit + 1)  # the size the archive states may be a lie
            if len(plain) > limit:
                raise refuse(file, "zip", f"unpacks to more than {limit:,} bytes.", UNPACK_STEP)
            return plain
    except UnreadableError:
        raise
    except Exception as error:  # a damaged archive raises whatever its decompressor does
        if "password" in str(error):
            message = "the archive is locked with a password."
            raise refuse(file, "encrypted", message, "Unpack it yourself.") from error
        raise refuse(file, "zip", f"is damaged: {error}.", "Copy or export it again.") from error


def _empty(data: bytes, file: str) -> Finding | None:
    if data.strip(b"\xef\xbb\xbf \t\r\n"):
        return None
    return refuse(file, "empty file", "holds no text at all.", "Export the table again.").finding


def _web_page(data: bytes, file: str) -> Finding | None:
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start.startswith((b"<!doctype", b"<html", b"<?xml", b"<table")):
        return None
    return refuse(
        file,
        "file kind",
        "is a web page (HTML or XML), not a CSV file.",
        "The download link probably led to a login page: export again.",
    ).finding


def _old_workbook(data: bytes, file: str) -> Finding | None:
    if data[:8] != OLD_WORKBOOK:
        return None
    return refuse(
        file,
        "file kind",
        "is an old or encrypted Excel workbook.",
        "Save it as .xlsx without a password, or as CSV.",
    ).finding


def _parquet(data: bytes, file: str) -> Finding | None:
    if data[:4] != b"PAR1":
        return None
    return refuse(
        file, "file kind", "is a Parquet file under another name.", "Give it the ending .parquet."
    ).finding


def _nul(data: bytes, file: str) -> Finding | None:
    if b"\0" not in data or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return None
    line = data[: data.index(b"\0")].count(b"\n") + 1
    return refuse(
        file,
        "NUL byte",
        f"line {line} holds a NUL byte: no text file.",
        "Export the table again as CSV in UTF-8.",
    ).finding


#: Rules on the unpacked bytes; the first finding stops the reading. A new rule is one more entry.
BYTE_RULES: tuple[Callable[[bytes, str], Finding | None], ...] = (
    _empty,
    _web_page,
    _old_workbook,
    _parquet,
    _nul,
)


def decoded(data: bytes, *, file: str, encoding: str) -> tuple[str, list[Finding]]:
    """The text of a file: as declared, else UTF-8, else Windows-1252 where nothing contradicts it."""
    if encoding:
        try:
            return data.decode(encoding).removeprefix("\ufeff"), []
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            raise refuse(
                file,
                "encoding",
                f"line {line} is not {encoding}, which was declared.",
                'Declare the encoding the export used, such as  encoding = "cp1252".',
            ) from error
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _utf_16(data, file)
    foreign = [row for row in data.split(b"\n") if not row.isascii()]
    if any(_is_utf8(row) for row in foreign) or not _is_western(data):
        raise refuse(
            file,
            "encoding",
            f"line {line} is not UTF-8, other lines are, or it is no Western text.",
            'Export again in UTF-8, or declare  encoding = "...".',
        )
    return data.decode("cp1252"), [_reread(file, "Windows-1252", "cp1252", len(foreign))]


def _utf_16(data: bytes, file: str) -> tuple[str, list[Finding]]:
    try:
        text = data.decode("utf-16").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data[: error.start].decode("utf-16", errors="replace").count("\n") + 1
        message = f"line {line} is cut or damaged: the file begins as UTF-16, and this line is none."
        raise refuse(file, "encoding", message, "Copy or export the file again.") from error
    return text, [_reread(file, "UTF-16", "utf-16", text.count("\n"))]


def _reread(file: str, name: str, code: str, rows: int) -> Finding:
    return Finding(
        level="repair",
        rule="encoding",
        file=file,
        rows=rows,
        message=f"read as {name} because the bytes are not UTF-8.",
        next_step=f'To make this certain declare  encoding = "{code}".',
    )


def _is_utf8(row: bytes) -> bool:
    try:
        row.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_western(data: bytes) -> bool:
    """Whether every non-ASCII character is a letter or sign of Western European text."""
    try:
        letters = {letter for letter in data.decode("cp1252") if ord(letter) > 127}
    except UnicodeDecodeError:
        return False
    return all(letter.isalpha() or letter in "€–—‘’“”„…°§©®«»·´¿¡£\u00a0" for letter in letters)
