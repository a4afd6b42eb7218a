"""Texts in files, as UTF-8 alone: another encoding read as if it were one would change what is asked."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelswarms.errors import DataError

__all__ = ["decoded", "lines_of", "reading", "save_as"]

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Says why a file cannot be read, as a DataError."""
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{path}: no such data file; check the path.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check what it is and who may read it.") from None


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbers from 1 and bytes of a file's lines, without a byte order mark; the file is never in memory whole.

    Raises:
        DataError: it cannot be read, or is UTF-16.
    """
    with reading(path), path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if number == 1:
                if line.startswith(_UTF16):
                    raise DataError(f"{path}: is UTF-16, not UTF-8; {save_as(path)}")
                line = line.removeprefix(codecs.BOM_UTF8)
            yield number, line


def decoded(path: Path, number: int, line: bytes) -> str:
    """A line's text.

    Raises:
        DataError: it is not UTF-8, or holds a NUL byte; names the line and what to save the file as.
    """
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        where = f"line {number} (byte 0x{line[error.start]:02X} after {_end(line[: error.start])!r})"
        raise DataError(f"{path}: not UTF-8 at {where}; {save_as(path)}") from None
    if "\0" in text:
        raise DataError(f"{path}: holds a NUL byte at line {number}, so it is no UTF-8 text; {save_as(path)}")
    return text


def save_as(path: Path) -> str:
    """How a file of this kind becomes UTF-8."""
    if path.suffix.lower() in (".csv", ".tsv"):
        return "save it as 'CSV UTF-8' in the spreadsheet, or as UTF-8 text."
    return "save it as UTF-8 text."


def _end(before: bytes) -> str:
    return before[-16:].decode(errors="ignore").lstrip()
