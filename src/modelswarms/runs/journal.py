"""The journal: append-only lines, each with a checksum, each on disk before it counts."""

from __future__ import annotations

import json
import logging
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelswarms.errors import RunError
from modelswarms.runs.atomic import sync_folder

__all__ = ["Journal", "Record", "parsed_line"]

log = logging.getLogger(__name__)

Record = dict[str, Any]


class Journal:
    """JSON lines with sorted keys and a ``crc`` of the rest; the same records give the same bytes.

    A torn tail, as a killed process or a lost power supply leaves it (a last line without its newline, or
    with a wrong checksum), is left out when reading and cut off before the next append. Any other damage
    is an error that names the line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mended = False

    def append(self, record: Mapping[str, Any]) -> None:
        """Adds a record and waits until it is on disk.

        Raises:
            ValueError, TypeError: the record holds something that JSON does not give back as it was, such
                as NaN, an object, a key that is no text, or a ``crc`` of its own.
            RunError: the file cannot be written.
        """
        line = _line(record)
        try:
            if not self._mended:
                self._cut_torn_tail()
            with self.path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            if not self._mended:
                sync_folder(self.path.parent)  # the file may be new
                self._mended = True
        except OSError as error:
            self._mended = False  # part of the line may be there
            raise RunError(
                f"{self.path}: cannot be written ({error.strerror}); make room or change the permissions, then resume."
            ) from error

    def read(self) -> list[Record]:
        """All whole records. Raises RunError naming the first damaged line."""
        return self._parsed()[0]

    def _cut_torn_tail(self) -> None:
        whole = self._parsed()[1]
        if self.path.exists() and self.path.stat().st_size > whole:
            with self.path.open("r+b") as file:
                file.truncate(whole)
                os.fsync(file.fileno())

    def _parsed(self) -> tuple[list[Record], int]:
        """The whole records, and how many bytes they take."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return [], 0
        except OSError as error:
            raise RunError(
                f"{self.path}: cannot be read ({error.strerror}); check what it is and who may read it."
            ) from error
        records: list[Record] = []
        whole = 0
        *lines, tail = content.split(b"\n")
        for number, line in enumerate(lines, start=1):
            record = parsed_line(line)
            if record is None and number == len(lines) and not tail:
                log.warning("%s: line %d, the last, has a wrong checksum and is left out", self.path, number)
                break
            if record is None:
                raise RunError(
                    f"{self.path}: line {number} is damaged; restore the file from a copy, "
                    "or delete that line and all after it, then resume."
                )
            records.append(record)
            whole += len(line) + 1
        return records, whole


def _canonical(record: Mapping[str, Any]) -> bytes:
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def _with_checksum(record: Mapping[str, Any]) -> bytes:
    return _canonical({**record, "crc": f"{zlib.crc32(_canonical(record)):08x}"})


def _line(record: Mapping[str, Any]) -> bytes:
    line = _with_checksum(record)
    if parsed_line(line) is None:
        raise ValueError("the record would not be read back as it is; give every key as a text, and none named 'crc'.")
    return line + b"\n"


def parsed_line(line: bytes) -> Record | None:
    """The record in a line, None unless the line is what the record is written as, to the byte."""
    try:
        record = json.loads(line.decode("utf-8", "surrogatepass"))
        if not isinstance(record, dict):
            return None
        record.pop("crc", None)
        return record if _with_checksum(record) == line else None
    except (ValueError, RecursionError):
        return None
