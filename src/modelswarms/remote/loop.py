"""An event loop in a thread of its own: callers need not know of it, and may be in a loop themselves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

__all__ = ["Loop"]

T = TypeVar("T")


class Loop:
    """Runs what any thread gives it; connections stay open in between. Started by the first."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result. An interrupt cancels it and waits until it has ended."""
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="remote", daemon=True)
                self._thread.start()
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            if future.cancel():
                self._drain()
            raise

    def cancel(self) -> None:
        """Cancels all that is running, from any thread; whoever waits for it gets a CancelledError."""

        def all_of_them() -> None:
            for task in asyncio.all_tasks(self._loop):
                task.cancel()

        with self._starting:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(all_of_them)

    def close(self, last: Callable[[], Awaitable[None]]) -> None:
        """Awaits ``last`` in the loop and ends it; does nothing where nothing was ever run."""
        if self._loop is None or self._thread is None:
            return

        async def ending() -> None:
            await last()

        try:
            self.run(ending())
            asyncio.run_coroutine_threadsafe(self._loop.shutdown_asyncgens(), self._loop).result()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._loop = self._thread = None

    def _drain(self) -> None:
        """Waits until everything that was cancelled has ended."""
        if self._loop is None:
            return

        async def others() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            await asyncio.wait(tasks, timeout=5) if tasks else None

        try:
            asyncio.run_coroutine_threadsafe(others(), self._loop).result(timeout=10)
        except (CancelledError, TimeoutError):
            return
