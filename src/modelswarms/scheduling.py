"""Which blocks of which candidates are worked on, and by whom; nothing here knows what the work is."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

__all__ = ["Job", "Outcome", "Scheduler"]

R = TypeVar("R")

MOST_LANES: Final = 4096
"""Threads at most; they are started as they are needed, and wait most of the time."""


@dataclass(frozen=True)
class Job(Generic[R]):
    """Work in several parts that share something held meanwhile, such as a bound model.

    Attributes:
        key: names it.
        parts: how many there are, 1 or more.
        hold: entered before the first part, left after the last; gives what answers part k.
        enough: whether the answers of the first parts, in their order, make the others needless; asked of every
            beginning that is complete, the shorter ones first, whatever else is answered already.
    """

    key: str
    parts: int
    hold: Callable[[], AbstractContextManager[Callable[[int], R]]]
    enough: Callable[[Sequence[R]], bool] | None = None


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """What became of a job: the answers of its parts in their order, or the error of the first that failed.

    Where the first parts were enough, theirs are all the answers: it is as if no other had been begun.
    """

    key: str
    answers: Sequence[R] = ()
    error: Exception | None = None


@dataclass(eq=False)
class _Open(Generic[R]):
    """A job in work."""

    job: Job[R]
    held: ExitStack = field(default_factory=ExitStack)
    ask: Callable[[int], R] | None = None
    issued: int = 0
    running: int = 0
    answers: dict[int, R] = field(default_factory=dict)
    errors: dict[int, Exception] = field(default_factory=dict)
    beginning: list[R] = field(default_factory=list)
    settled: bool = False

    @property
    def left(self) -> int:
        """Parts that nobody has begun; a job that failed has none, one that is not held yet gives none to others."""
        if self.errors or self.settled or (self.issued and self.ask is None):
            return 0
        return self.job.parts - self.issued

    @property
    def over(self) -> bool:
        return not self.running and bool(self.errors or self.settled or self.issued == self.job.parts)

    def look(self) -> None:
        """Goes on with the beginning that is complete, as far as it is needed; an error in that is the job's."""
        while not self.settled and len(self.beginning) in self.answers:
            self.beginning.append(self.answers[len(self.beginning)])
            try:
                self.settled = self.job.enough is not None and self.job.enough(self.beginning)
            except Exception as error:
                self.errors.setdefault(len(self.beginning) - 1, error)


class Scheduler(Generic[R]):
    """Keeps up to ``slots`` jobs held and up to ``lanes`` of their parts running.

    A lane stays with its job while that has parts left, so that what is held changes seldom; then it begins the next
    job; where none waits or no slot is free, it helps with the job that has most left. So jobs are split among lanes
    where there are more lanes than jobs, and at the end of every batch.

    With one lane all is done in the caller's thread, in order, without any other thread.

    Args:
        slots, lanes: asked again before anything is begun, as workers may come and go.
    """

    def __init__(self, slots: Callable[[], int], lanes: Callable[[], int]) -> None:
        self._slots, self._lanes = slots, lanes
        self._threads = ThreadPoolExecutor(max_workers=MOST_LANES, thread_name_prefix="lane") if lanes() > 1 else None
        self._waiting: deque[Job[R]] = deque()
        self._open: list[_Open[R]] = []
        self._done: queue.SimpleQueue[tuple[_Open[R], bool]] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Begins nothing more, waits for the parts that are running, and lets go of all that is held."""
        self._waiting.clear()
        try:
            if self._threads is not None:
                self._threads.shutdown(wait=True, cancel_futures=True)
        finally:
            while self._open:
                self._open.pop().held.__exit__(kind, error, at)

    @property
    def busy(self) -> bool:
        """Whether anything waits or runs."""
        return bool(self._waiting or self._open)

    def add(self, job: Job[R], *, first: bool = False) -> None:
        """Puts a job into the queue, at its end or before all others."""
        if first:
            self._waiting.appendleft(job)
        else:
            self._waiting.append(job)

    def next(self) -> Outcome[R]:
        """Works until a job is over, or waits for it; call it only while busy."""
        while True:
            if self._threads is None:
                if (begun := self._choose(None)) is not None:
                    self._run(begun, begun.issued - 1)
            else:
                self._fill(None)
            work, ended = self._done.get()
            if not ended:
                continue
            work.running -= 1
            work.look()
            if work.over:
                self._open.remove(work)
                return self._closed(work)
            self._fill(work)

    def _fill(self, last: _Open[R] | None) -> None:
        """Gives every free lane a part; the lane that became free goes on with what it had."""
        if self._threads is None:
            return
        while sum(work.running for work in self._open) < self._lanes():
            if (work := self._choose(last)) is None:
                return
            self._threads.submit(self._run, work, work.issued - 1)
            last = None

    def _choose(self, last: _Open[R] | None) -> _Open[R] | None:
        """What a free lane does next, counted as begun; None where there is nothing."""
        if last is not None and last.left:
            work = last
        elif self._waiting and len(self._open) < max(1, self._slots()):
            work = _Open(self._waiting.popleft())
            self._open.append(work)
        else:  # the most left; ties go to the earlier one
            helped = max(self._open, key=lambda w: w.left, default=None)
            if helped is None or not helped.left:
                return None
            work = helped
        work.issued += 1
        work.running += 1
        return work

    def _run(self, work: _Open[R], part: int) -> None:
        try:
            if work.ask is None:
                work.ask = work.held.enter_context(work.job.hold())
                self._done.put((work, False))  # other lanes may help from now on
            work.answers[part] = work.ask(part)
        except Exception as error:
            work.errors[part] = error
        finally:
            self._done.put((work, True))

    def _closed(self, work: _Open[R]) -> Outcome[R]:
        """Lets go of what the job held; an error in that is the job's as well.

        Where the beginning was enough, errors of later parts are none.
        """
        error = work.errors[min(work.errors)] if work.errors and not work.settled else None
        try:
            work.held.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)
        except Exception as another:
            error = error or another
        if error is not None:
            return Outcome(work.job.key, error=error)
        return Outcome(work.job.key, work.beginning)
