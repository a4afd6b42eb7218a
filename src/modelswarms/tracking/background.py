"""A tracker in a thread of its own, which a search never waits for."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from modelswarms.tracking.base import Row, Tracker

__all__ = ["Background"]

log = logging.getLogger(__name__)

WAITING: Final = 2_000
"""So many calls wait at most; what comes beyond is dropped and counted."""

PATIENCE: Final = 20.0
"""Seconds that the end of a search waits for what a tracker still has to send; a quarter of it where it is cut off."""


class Background:
    """Calls a tracker in a daemon thread, in order.

    After the tracker's first error nothing more is sent to it; the error is one warning.

    Args:
        name: of the tracker, for warnings.
        tracker: what is called.
        waiting: calls that may wait.
        patience: seconds that :meth:`close` waits.
    """

    def __init__(self, name: str, tracker: Tracker, waiting: int = WAITING, patience: float = PATIENCE) -> None:
        self.name, self._tracker, self._patience = name, tracker, patience
        self._calls: queue.Queue[Callable[[], None] | None] = queue.Queue(waiting)
        self._failed, self._closed, self._dropped = False, False, 0
        self._thread = threading.Thread(target=self._work, name=f"tracker {name}", daemon=True)
        self._thread.start()

    def start(self, run: Path, id: str, config: Mapping[str, Any]) -> None:
        self._put(lambda: self._tracker.start(run, id, config))

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        self._put(lambda: self._tracker.log(step, figures))

    def finish(self, step: int, summary: Mapping[str, float], table: Sequence[Row]) -> None:
        """Sends the result, and gives the tracker some time to be done."""
        self._put(lambda: self._tracker.finish(step, summary, table))
        self._close(self._patience)

    def close(self) -> None:
        """Ends what was not finished."""
        self._close(self._patience / 4)

    def _close(self, patience: float) -> None:
        """Ends the thread, or leaves it alone where it does not end in time; what was dropped is told."""
        if self._closed:
            return
        self._closed = True
        self._put(None)
        self._thread.join(patience)
        if self._thread.is_alive() and not self._failed:
            log.warning("tracker %s is not done after %.0f s; it is left behind", self.name, patience)
        if self._dropped and not self._failed:
            log.warning("tracker %s was too slow: %d of its figures were dropped", self.name, self._dropped)

    def _put(self, call: Callable[[], None] | None) -> None:
        if self._failed and call is not None:
            return
        try:
            self._calls.put_nowait(call)
        except queue.Full:
            self._dropped += 1

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            if self._failed:
                continue
            try:
                call()
            except Exception as error:  # whatever it is, the search is not its business
                self._failed = True
                why = " ".join(str(error).split()) or "no reason given"
                log.warning(
                    "tracker %s failed (%s: %s); the search goes on without it", self.name, type(error).__name__, why
                )
