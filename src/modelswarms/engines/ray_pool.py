"""Workers that come and go, and the calls that they answer: who gets what, what is done again, how busy they are."""

from __future__ import annotations

import logging
import queue
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from modelswarms.engines.ray_worker import About, Answer
from modelswarms.errors import EngineError

__all__ = ["Hands", "Pool"]

log = logging.getLogger(__name__)

TICK: Final = 0.1
"""Seconds after which is looked for stragglers, and for room for more workers."""

STRAGGLES: Final = 2.0
"""Times the usual duration after which a call that others wait for is given to an idle worker as well."""

LEAST: Final = 0.25
"""Seconds that a call takes at least before it is a straggler."""

TRIES: Final = 5
"""Workers that a call may outlive; and starts in a row that may fail before calls are refused."""

Done = Callable[[Any, "BaseException | None"], None]


class Hands(Protocol):
    """What the pool needs of a cluster; Ray's is in :mod:`modelswarms.engines.ray_cluster`."""

    def wanted(self) -> int:
        """How many workers there ought to be now."""
        ...

    def hire(self, done: Done) -> Any:
        """Begins a worker; ``done`` gets the :class:`Answer` of its begin, or the error that lost it."""
        ...

    def call(self, worker: Any, method: str, arguments: tuple[Any, ...], keys: dict[str, Any], done: Done) -> None:
        """Has a worker's method called."""
        ...

    def dismiss(self, worker: Any) -> None:
        """Ends a worker."""
        ...


@dataclass(eq=False)
class _Call:
    method: str
    arguments: tuple[Any, ...]
    keys: dict[str, Any]
    affinity: bytes | None
    future: Future[Any] = field(default_factory=Future)
    tried: int = 0
    on: list[_Seat] = field(default_factory=list)
    begun: float = 0.0


@dataclass(eq=False)
class _Seat:
    """A worker, and what it has in hand."""

    number: int
    worker: Any = None
    about: About | None = None
    calls: list[_Call] = field(default_factory=list)
    last: bytes | None = None
    busy: float = 0.0
    first: float = 0.0
    latest: float = 0.0


class Pool:
    """Gives each call to a free worker, again if that is lost, and a second time if it takes long and others idle.

    Everything is decided in one thread, from events; callers wait for their own answers.

    Args:
        hands: the cluster.
        lanes: calls that one worker answers at once.
    """

    def __init__(self, hands: Hands, lanes: int) -> None:
        self._hands, self._lanes = hands, lanes
        self._seats: list[_Seat] = []
        self._gone: list[_Seat] = []
        self._waiting: deque[_Call] = deque()
        self._durations: deque[float] = deque(maxlen=101)
        self._failed_starts = 0
        self._hired = 0
        self._ready: Future[About] = Future()
        self._events: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._closed, self._closing = False, threading.Lock()
        self._thread = threading.Thread(target=self._run, name="workers", daemon=True)

    def start(self) -> About:
        """Waits for the first worker. Raises what kept it from starting."""
        self._thread.start()
        return self._ready.result()

    def ask(self, affinity: bytes | None, method: str, *arguments: Any, **keys: Any) -> Any:
        """The answer of a worker, one that was last asked about the same thing if it is free. Raises its error."""
        call = _Call(method, arguments, keys, affinity)
        with self._closing:  # what is put after the end nobody reads
            if self._closed:
                raise EngineError("the workers were let go.")
            self._events.put(lambda: self._waiting.append(call))
        return call.future.result()

    @property
    def count(self) -> int:
        """Workers that are ready."""
        return sum(seat.about is not None for seat in self._seats)

    def utilisation(self) -> list[dict[str, Any]]:
        """Of each worker that answered: host, process, calls' seconds, seconds since its first call, their ratio."""
        found = []
        for seat in sorted([*self._gone, *self._seats], key=lambda seat: seat.number):
            if seat.about is not None and seat.latest > seat.first:
                seconds = seat.latest - seat.first
                found.append({"host": seat.about.host, "process": seat.about.process, "busy": seat.busy,
                              "seconds": seconds, "share": seat.busy / seconds / self._lanes})  # fmt: skip
        return found

    def close(self) -> None:
        """Ends all workers; calls that wait get an EngineError."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._events.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        looked = 0.0
        while True:
            try:
                if not self._next_event():
                    break
                if time.monotonic() - looked > TICK:
                    looked = time.monotonic()
                    self._hire_and_dismiss()
                self._give()
            except Exception as error:  # the thread has to live, or callers wait for ever
                log.exception("the workers' thread met an error")
                self._refuse(EngineError(f"{type(error).__name__}: {error}"))
        self._refuse(EngineError("the workers were let go."))
        for seat in self._seats:
            self._hands.dismiss(seat.worker)

    def _next_event(self) -> bool:
        """Acts on what happened, if anything did within a tick; False at the end."""
        try:
            event = self._events.get(timeout=TICK)
        except queue.Empty:
            return True
        if event is not None:
            event()
        return event is not None

    def _refuse(self, error: Exception) -> None:
        calls = {id(call): call for call in [*self._waiting, *(c for seat in self._seats for c in seat.calls)]}
        self._waiting.clear()
        for call in calls.values():
            if not call.future.done():
                call.future.set_exception(error)
        if not self._ready.done():
            self._ready.set_exception(error)

    def _hire_and_dismiss(self) -> None:
        wanted = self._hands.wanted()
        while len(self._seats) < wanted and self._failed_starts < TRIES:
            seat = _Seat(self._hired)
            self._hired += 1
            self._seats.append(seat)
            seat.worker = self._hands.hire(self._told(self._begun, seat))
        for seat in reversed(self._seats):
            if len(self._seats) > max(wanted, 1) and not seat.calls:
                self._leave(seat)

    def _told(self, act: Callable[..., None], *arguments: Any) -> Done:
        """A callback that any thread may call; the pool's own acts on it."""
        return lambda answer, error: self._events.put(lambda: act(*arguments, answer, error))

    def _begun(self, seat: _Seat, answer: Answer | None, lost: BaseException | None) -> None:
        if seat not in self._seats:
            return
        error = lost if answer is None else answer.error
        if answer is not None and error is None:
            seat.about, self._failed_starts = answer.value, 0
            if not self._ready.done():
                self._ready.set_result(answer.value)
            return
        self._leave(seat)
        self._failed_starts += 1
        log.warning("worker %d could not start: %s", seat.number, error)
        if not self.count and (lost is None or self._failed_starts >= TRIES):
            self._failed_starts = TRIES
            self._refuse(error if isinstance(error, Exception) and lost is None else _no_workers(error))

    def _leave(self, seat: _Seat) -> None:
        self._seats.remove(seat)
        self._gone.append(seat)
        self._hands.dismiss(seat.worker)

    def _give(self) -> None:
        """Gives waiting calls to free workers; what is left of them, to calls that take too long elsewhere."""
        while self._waiting:
            free = [seat for seat in self._seats if seat.about is not None and len(seat.calls) < self._lanes]
            if not free:
                if self._failed_starts >= TRIES and not self.count:
                    self._refuse(_no_workers(None))
                return
            seat, call = self._match(free)
            self._waiting.remove(call)
            self._send(seat, call)
        self._run_stragglers_again()

    def _match(self, free: list[_Seat]) -> tuple[_Seat, _Call]:
        """The first waiting call that a free worker is bound for already, else the first one and the idlest worker."""
        for call in self._waiting:
            for seat in free:
                if call.affinity is not None and seat.last == call.affinity:
                    return seat, call
        return min(free, key=lambda seat: len(seat.calls)), self._waiting[0]

    def _run_stragglers_again(self) -> None:
        if len(self._durations) < 3:
            return
        idle = [seat for seat in self._seats if seat.about is not None and not seat.calls]
        late = time.monotonic() - max(LEAST, STRAGGLES * statistics.median(self._durations))
        slow = {id(c): c for seat in self._seats for c in seat.calls if len(c.on) == 1 and c.begun < late}
        for seat, call in zip(idle, sorted(slow.values(), key=lambda c: c.begun), strict=False):
            log.info("%s takes long on worker %d and is run again on %d", call.method, call.on[0].number, seat.number)
            self._send(seat, call)

    def _send(self, seat: _Seat, call: _Call) -> None:
        now = time.monotonic()
        seat.first, seat.last = seat.first or now, call.affinity
        call.begun = call.begun or now
        seat.calls.append(call)
        call.on.append(seat)
        try:
            self._hands.call(seat.worker, call.method, call.arguments, call.keys, self._told(self._ended, seat, call))
        except Exception as error:  # what cannot be sent
            self._ended(seat, call, Answer(error=EngineError(f"{type(error).__name__}: {error}")), None)

    def _ended(self, seat: _Seat, call: _Call, answer: Answer | None, lost: BaseException | None) -> None:
        seat.calls = [c for c in seat.calls if c is not call]
        call.on = [s for s in call.on if s is not seat]
        if answer is None:
            self._lost(seat, call, lost)
            return
        now = time.monotonic()
        seat.busy, seat.latest = seat.busy + answer.seconds, now
        if call.future.done():  # the other copy was first
            if answer.error is None and call.future.exception() is None and call.future.result() != answer.value:
                log.warning("two workers gave different answers to one call: the engine is not deterministic")
            return
        self._durations.append(now - call.begun)
        if answer.error is None:
            call.future.set_result(answer.value)
        elif not call.on:  # another copy may do better
            call.future.set_exception(answer.error)

    def _lost(self, seat: _Seat, call: _Call, lost: BaseException | None) -> None:
        """The worker is gone: what it had is given to others."""
        if seat in self._seats:
            log.warning("worker %d was lost (%s); its work is given to others", seat.number, _first_line(lost))
            self._leave(seat)
        call.tried += 1
        if call.future.done() or call.on:
            return
        if call.tried >= TRIES:
            call.future.set_exception(EngineError(f"{call.tried} workers were lost over one call: {_first_line(lost)}"))
        else:
            call.begun = 0.0
            self._waiting.appendleft(call)


def _first_line(error: BaseException | None) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _no_workers(error: BaseException | None) -> EngineError:
    because = "" if error is None else f" ({_first_line(error)})"
    return EngineError(f"no worker could be started{because}; see the cluster's logs, then resume.")
