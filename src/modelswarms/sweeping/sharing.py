"""Evaluations that a sweep's trials share: what one of them has made is found by the others, in whatever process."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Final, Self

from modelswarms.errors import RunError
from modelswarms.flight import Busy, Found
from modelswarms.records import weights_in
from modelswarms.runs import RunFolder
from modelswarms.runs.journal import Record, parsed_line
from modelswarms.sweeping.locks import held
from modelswarms.types import Split

__all__ = ["SharedEvaluations"]

LOCKS: Final = 4096
"""Files by which evaluations are reserved; two that share one wait for each other now and then, and no harm is done."""

Place = tuple[Path, int, int]


class SharedEvaluations:
    """The journals of a sweep's other runs, for one run; see :class:`~modelswarms.flight.Others`.

    The journals are read as they grow. An evaluation is reserved by a lock on a file, from before its journal is looked
    up until it is in this run's own; the system frees it when a process ends, however it ends.

    Args:
        runs: folders whose children are runs.
        own: the run's folder; full texts of what is found are copied into it.
        locks: the folder for the locks.
    """

    def __init__(self, runs: Path, own: Path, locks: Path) -> None:
        self._runs, self._own, self._locks = runs, own, locks
        self._known: dict[bytes, Place] = {}
        self._read: dict[Path, int] = {}
        self._held: dict[int, tuple[int, set[bytes]]] = {}
        self._turn = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._turn:
            for descriptor, _ in self._held.values():
                os.close(descriptor)
            self._held.clear()

    def take(self, split: Split, weights: bytes) -> None:
        key = _key(split, weights)
        with self._turn:
            if key in self._known:
                raise Found(self._found(key))
            if not self._reserve(key):
                raise Busy
            self._read_on()  # it may have been made before the lock was free
            if key in self._known:
                self._release(key)
                raise Found(self._found(key))

    def free(self, split: Split, weights: bytes) -> None:
        with self._turn:
            self._release(_key(split, weights))

    def _reserve(self, key: bytes) -> bool:
        number = int.from_bytes(key[:8], "big") % LOCKS
        if number in self._held:
            self._held[number][1].add(key)
            return True
        descriptor = held(self._locks / f"{number:04d}")
        if descriptor is None:
            return False
        self._held[number] = (descriptor, {key})
        return True

    def _release(self, key: bytes) -> None:
        number = int.from_bytes(key[:8], "big") % LOCKS
        descriptor, keys = self._held.get(number, (-1, set()))
        keys.discard(key)
        if descriptor >= 0 and not keys:
            os.close(self._held.pop(number)[0])

    def _read_on(self) -> None:
        """Takes in the whole lines that were added to the journals since."""
        for journal in sorted(self._runs.glob("*/journal.jsonl")):
            begin = self._read.get(journal, 0)
            if journal.parent == self._own or journal.stat().st_size <= begin:
                continue
            for offset, line in _lines(journal, begin):
                self._read[journal] = offset + len(line) + 1
                if b'"kind":"evaluation"' not in line:
                    continue
                record = json.loads(line.decode("utf-8", "surrogatepass"))
                if record["value"] is not None and "same_as" not in record:
                    key = _key(record["split"], weights_in(record))
                    self._known.setdefault(key, (journal, offset, len(line)))

    def _found(self, key: bytes) -> Record:
        """The record, with its full texts in this run's folder."""
        journal, offset, length = self._known[key]
        with journal.open("rb") as file:
            file.seek(offset)
            record = parsed_line(file.read(length))
        if record is None:
            raise RunError(f"{journal}: a line at byte {offset} is damaged; restore the file from a copy.")
        if "responses" in record:
            RunFolder(self._own).write_responses(RunFolder(journal.parent).read_responses(record["responses"]))
        return record


def _key(split: Split, weights: bytes) -> bytes:
    return hashlib.sha256(split.encode() + b"\0" + weights).digest()


def _lines(journal: Path, begin: int) -> Iterator[tuple[int, bytes]]:
    """Whole lines and their places; the last may still be on its way, or torn, and is left for another time."""
    with journal.open("rb") as file:
        file.seek(begin)
        content = file.read()
    *lines, _ = content.split(b"\n")
    for number, line in enumerate(lines, start=1):
        if number == len(lines) and parsed_line(line) is None:
            return
        yield begin, line
        begin += len(line) + 1
