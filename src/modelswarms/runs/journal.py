"""The journal: append-only lines, each with a checksum, each on disk before it counts."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelswarms.errors import RunError

__all__ = ["Journal"]

Record = dict[str, Any]


class Journal:
    """JSON lines with sorted keys and a ``crc`` of the rest; the same records give the same bytes.

    A torn last line, as a killed process leaves it, is cut off before the next append and left out when
    reading. Any other damage is an error that names the line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mended = False

    def append(self, record: Mapping[str, Any]) -> None:
        """Adds a record and waits until it is on disk.

        Raises:
            ValueError: the record holds something JSON cannot, such as NaN.
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
        self._mended = True

    def _parsed(self) -> tuple[list[Record], int]:
        """The whole records, and how many bytes they take."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return [], 0
        except OSError as error:
            raise RunError(f"{self.path}: cannot be read ({error.strerror}); check its permissions.") from error
        records: list[Record] = []
        whole = 0
        lines = content.splitlines(keepends=True)
        for number, line in enumerate(lines, start=1):
            record = _record(line)
            if record is None:
                if number == len(lines) and not line.endswith(b"\n"):
                    break
                raise RunError(
                    f"{self.path}: line {number} is damaged; restore the file from a copy, "
                    "or delete that line and all after it, then resume."
                )
            records.append(record)
            whole += len(line)
        return records, whole


def _canonical(record: Mapping[str, Any]) -> str:
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _crc(record: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(_canonical(record).encode('utf-8', 'surrogatepass')):08x}"


def _line(record: Mapping[str, Any]) -> bytes:
    return (_canonical({**record, "crc": _crc(record)}) + "\n").encode("utf-8", "surrogatepass")


def _record(line: bytes) -> Record | None:
    """The record in a line, None where the line is not whole."""
    if not line.endswith(b"\n"):
        return None
    try:
        record = json.loads(line.decode("utf-8", "surrogatepass"))
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    crc = record.pop("crc", None)
    return record if crc == _crc(record) else None
