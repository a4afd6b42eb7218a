"""When to try again: what the service asks for, else longer and longer, and never all at the same time."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["Waiting", "asked_to_wait"]

FIRST: Final = 0.5
LONGEST: Final = 60.0


def _jitter() -> Callable[[], float]:
    # Not seeded: processes that were turned away together must not come back together. It moves times, no value.
    return random.Random().random


@dataclass(frozen=True)
class Waiting:
    """Clocks and sleep, which tests replace.

    Attributes:
        now: seconds on a clock that never goes back.
        wall: seconds since 1970, for dates that a service names.
        sleep: waits.
        jitter: a number from 0 to 1, another one each time.
    """

    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = field(default_factory=_jitter)

    def before_retry(self, attempt: int) -> float:
        """Seconds before the attempt after ``attempt`` (from 1): doubled each time, half of it by chance."""
        longest = min(LONGEST, FIRST * 2.0 ** min(attempt - 1, 30))
        return longest * (0.5 + 0.5 * self.jitter())

    def after_asked(self, wait: float) -> float:
        """Seconds where the service asked for ``wait``: no less, and a little more by chance."""
        return wait + min(1.0, 0.1 * wait + 0.1) * self.jitter()


def asked_to_wait(headers: Mapping[str, str], wall: float) -> float | None:
    """Seconds that an answer's headers ask to wait; None where they ask for nothing that can be read.

    ``Retry-After`` is a number of seconds or a date (RFC 9110, 10.2.3); ``retry-after-ms`` is what OpenAI adds.
    """
    milliseconds = _seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _seconds(text)
    if seconds is not None or text is None:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - wall)
    except (TypeError, ValueError, OverflowError):
        return None


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None
