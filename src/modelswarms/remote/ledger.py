"""What was sent, answered and used, on disk before it happens or as soon as it is known."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Final

from modelswarms.errors import SearchFailedError
from modelswarms.remote.config import RemoteConfig

__all__ = ["COUNTS", "Ledger"]

log = logging.getLogger(__name__)

COUNTS: Final = ("requests", "retried", "answered", "cached", "untold", "prompt_tokens", "completion_tokens")
"""Requests sent, how many of them were further attempts, answers, answers from the cache, answers that came without
their numbers of tokens, and these numbers."""


class Ledger:
    """Totals of a run over all its processes, and the limits on them.

    A line of JSON an event, each with what it adds. A request is written down before it is sent, so that one which
    was under way when the process was killed is counted. The file has one writer: the process that holds the run.

    Raises:
        SearchFailedError: the file cannot be read.
    """

    def __init__(self, config: RemoteConfig, path: Path | None = None) -> None:
        self._config, self._path = config, path
        self._totals = dict.fromkeys(COUNTS, 0)
        self._file: int | None = None
        if path is not None:
            self._read(path)

    def usage(self) -> dict[str, float]:
        """The totals, and ``cost`` where a price is known."""
        usage: dict[str, float] = dict(self._totals)
        price = self._config.price
        if price is not None:
            read, written = self._totals["prompt_tokens"], self._totals["completion_tokens"]
            usage["cost"] = (read * price.input + written * price.output) / 1e6
        return usage

    def reached(self) -> str | None:
        """The limit that is used up, in words; None where one more request may be sent."""
        limits = self._config.max_requests, self._config.max_tokens
        tokens = self._totals["prompt_tokens"] + self._totals["completion_tokens"]
        for name, used, limit in zip(("requests", "tokens"), (self._totals["requests"], tokens), limits, strict=True):
            if limit is not None and used >= limit:
                return f"{used} {name} were used, and utility.remote.max_{name} is {limit}"
        return None

    def add(self, **amounts: int) -> None:
        """Writes an event down. Raises SearchFailedError where it cannot be: nothing is spent unrecorded."""
        for name, amount in amounts.items():
            self._totals[name] += amount
        if self._path is None:
            return
        try:
            if self._file is None:
                self._file = _opened(self._path)
            line = json.dumps(amounts, sort_keys=True).encode() + b"\n"
            if os.write(self._file, line) != len(line):
                raise OSError(0, "only part of a line was written")
        except OSError as error:
            raise SearchFailedError(
                f"{self._path}: cannot be written ({error.strerror}); make room or change the permissions, then resume."
            ) from error

    def settle(self) -> None:
        """Makes durable what was written so far; a killed process loses nothing, a lost power supply could."""
        if self._file is None:
            return
        try:
            os.fsync(self._file)
        except OSError as error:
            raise SearchFailedError(
                f"{self._path}: cannot be written ({error.strerror}); make room or change the permissions, then resume."
            ) from error

    def close(self) -> None:
        """Closes the file; another event opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _read(self, path: Path) -> None:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise SearchFailedError(
                f"{path}: cannot be read ({error.strerror}); check what it is and who may read it."
            ) from error
        lines = content.split(b"\n")
        for number, line in enumerate(lines, start=1):
            amounts = _amounts(line)
            if amounts is None and number < len(lines):  # the last may be torn
                log.warning("%s: line %d is damaged and not counted", path, number)
            for name, amount in (amounts or {}).items():
                self._totals[name] += amount


def _opened(path: Path) -> int:
    """The file to append to, its torn last line ended, so that the next one stands alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    size = os.fstat(file).st_size
    if size and os.pread(file, 1, size - 1) != b"\n":
        os.write(file, b"\n")
    return file


def _amounts(line: bytes) -> dict[str, int] | None:
    """What a line adds; None for what is no such line."""
    if not line.strip():
        return {}
    try:
        amounts = json.loads(line)
    except ValueError:
        return None
    whole = isinstance(amounts, dict) and all(k in COUNTS and type(v) is int and v >= 0 for k, v in amounts.items())
    return amounts if whole else None
