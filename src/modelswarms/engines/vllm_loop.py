"""One running vLLM engine for many threads: a thread of its own adds what they ask for, and steps."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from threading import Thread
from typing import Any, TypeVar

from modelswarms.errors import EngineError
from modelswarms.loading import first_sentence

__all__ = ["Asked", "Loop"]

log = logging.getLogger(__name__)

T = TypeVar("T")

Act = Callable[[Any], object]
"""What is done with vLLM's engine, between two steps, by the thread that owns it."""


@dataclass(frozen=True)
class _Put:
    """What was put in, and whether it waits until nothing is being answered, with all that comes after it."""

    act: Act
    alone: bool = False


@dataclass(frozen=True)
class Asked:
    """A prompt's tokens, and vLLM's ``SamplingParams``."""

    tokens: Sequence[int]
    params: Any


class _Batch:
    """The requests of one caller, and what has come back."""

    def __init__(self, number: int, size: int) -> None:
        self.ids = [f"{number}-{k}" for k in range(size)]
        self.outputs: list[Any] = [None] * size
        self.left = size
        self.future: Future[list[Any]] = Future()


class Loop:
    """Owns vLLM's ``LLMEngine``, which one thread alone may use.

    Whoever asks puts requests in and waits; what several threads ask for at once is scheduled together, and what comes
    while others are answered joins them at the next step. Nothing else touches the engine.

    Args:
        make: makes the engine; called in the thread that will own it, since a processor's threads are bound there.
        end: frees what it holds; called in the same thread.

    Raises:
        Exception: whatever ``make`` raised.
    """

    def __init__(self, make: Callable[[], Any], end: Callable[[Any], None]) -> None:
        self._end_engine = end
        self._inbox: queue.SimpleQueue[_Put | None] = queue.SimpleQueue()
        self._next: _Put | None = None  # what waits for its turn alone
        self._numbers = count()
        self._waiting: dict[str, tuple[_Batch, int]] = {}
        self._over: Exception | None = None
        started: Future[None] = Future()
        self._thread = Thread(target=self._run, args=(make, started), name="vllm", daemon=True)
        self._thread.start()
        started.result()

    def call(self, act: Callable[[Any], T], *, alone: bool = False) -> T:
        """What ``act`` makes of the engine, between two steps; ``alone`` once all that is asked has been answered.

        Raises:
            EngineError: it raised something, or the engine has stopped.
        """
        future: Future[T] = Future()

        def settle(engine: Any) -> None:
            try:
                future.set_result(act(engine))
            except Exception as error:
                future.set_exception(_told(error))

        self._put(_Put(settle, alone), future)
        return future.result()

    def answers(self, asked: Sequence[Asked], adapter: Any = None) -> list[Any]:
        """vLLM's ``RequestOutput`` for each request, in their order; all with one adapter, or with none.

        Raises:
            EngineError: vLLM refused one of them, or has stopped.
        """
        if not asked:
            return []
        batch = _Batch(next(self._numbers), len(asked))

        def add(engine: Any) -> None:
            try:
                for k, (id, each) in enumerate(zip(batch.ids, asked, strict=True)):
                    self._waiting[id] = (batch, k)
                    prompt = {"prompt_token_ids": list(each.tokens)}
                    engine.add_request(id, prompt, each.params, lora_request=adapter)
            except Exception as error:
                batch.future.set_exception(_told(error))
                self._drop(engine, batch)

        self._put(_Put(add), batch.future)
        try:
            return batch.future.result()
        except BaseException:  # interrupted while it waited: nobody wants these any more
            self._put(_Put(lambda engine: self._drop(engine, batch)), None)
            raise

    def close(self) -> None:
        """Ends the engine and its thread; what waits fails. Calling it twice is allowed."""
        self._inbox.put(None)
        self._thread.join()

    def _put(self, put: _Put, future: Future[Any] | None) -> None:
        """Raises EngineError where nobody takes it any more."""
        if self._over is None:
            self._inbox.put(put)
        if self._over is not None and future is not None and not future.done():
            raise self._over  # the thread may have ended before it took this

    def _drop(self, engine: Any, batch: _Batch) -> None:
        known = [id for id in batch.ids if self._waiting.pop(id, None) is not None]
        if known:
            engine.abort_request(known)

    def _run(self, make: Callable[[], Any], started: Future[None]) -> None:
        try:
            engine = make()
        except BaseException as error:
            started.set_exception(error)
            return
        started.set_result(None)
        try:
            while self._taken(engine):
                if engine.has_unfinished_requests():
                    for output in engine.step():
                        self._deliver(output)
            self._end(EngineError("the engine was closed while it was asked; start it again."))
        except Exception as error:
            log.warning("vLLM stopped", exc_info=log.isEnabledFor(logging.DEBUG))
            self._end(EngineError(f"vLLM stopped ({first_sentence(error)}); resume the run."))
        finally:
            self._end_engine(engine)

    def _taken(self, engine: Any) -> bool:
        """Does all that was put in, waiting for it where there is nothing else to do; False when it is to end."""
        while True:
            busy = engine.has_unfinished_requests()
            try:
                put = self._next or self._inbox.get(block=not busy)
            except queue.Empty:
                return True
            if put is None:
                return False
            self._next = put if put.alone and busy else None
            if self._next is not None:
                return True
            put.act(engine)

    def _deliver(self, output: Any) -> None:
        if not output.finished or output.request_id not in self._waiting:
            return
        batch, place = self._waiting.pop(output.request_id)
        batch.outputs[place] = output
        batch.left -= 1
        if not batch.left:
            batch.future.set_result(batch.outputs)

    def _end(self, error: EngineError) -> None:
        """Nobody waits for ever: neither who is being answered nor who is still in the queue."""
        self._over = error
        for batch, _ in self._waiting.values():
            if not batch.future.done():
                batch.future.set_exception(error)
        self._waiting.clear()
        left = [self._next]
        while not self._inbox.empty():
            left.append(self._inbox.get())
        for put in filter(None, left):
            with suppress(EngineError):
                put.act(_Stopped(error))


class _Stopped:
    """Stands where the engine was, for what was put in too late: every use of it is the error."""

    def __init__(self, error: EngineError) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        raise self._error


def _told(error: Exception) -> EngineError:
    return error if isinstance(error, EngineError) else EngineError(f"vLLM: {first_sentence(error)}")
