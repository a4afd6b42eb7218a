"""What runs on a worker: an engine that is started once, and answers whole blocks at the coefficients it is told."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelswarms.engines.base import Engine
from modelswarms.errors import EngineError, ModelswarmsError
from modelswarms.experts import ExpertSpace
from modelswarms.types import Model

__all__ = ["About", "Answer", "Worker"]


@dataclass(frozen=True)
class About:
    """Where a worker runs, and what its engine is like."""

    host: str
    process: int
    block_tokens: int
    slots: int


@dataclass(frozen=True)
class Answer:
    """What a call gave, and the seconds that it took; or the error that it raised."""

    value: Any = None
    seconds: float = 0.0
    error: Exception | None = None


@dataclass(eq=False)
class _Bound:
    model: Model
    held: AbstractContextManager[Model]
    users: int = 0


class Worker:
    """An engine in a process of its own. Errors are given back, not raised: what ends a call is another thing.

    A bound model stays bound until its room is wanted, as the next block is most often of the same candidate.

    Args:
        paths: where the driver finds modules; they are looked for there as well, after the worker's own places.
    """

    def __init__(self, paths: Sequence[str] = ()) -> None:
        sys.path.extend(path for path in paths if path not in sys.path)
        self._engine: Engine | None = None
        self._bound: OrderedDict[bytes, _Bound] = OrderedDict()
        self._changed = threading.Condition()

    def begin(self, make: Callable[[], Engine], space: ExpertSpace) -> Answer:
        """Makes the engine and starts it. Gives an :class:`About`."""
        try:
            engine = make()
            engine.start(space)
        except Exception as error:
            return Answer(error=_portable(error))
        self._engine = engine
        return Answer(About(socket.gethostname(), os.getpid(), engine.block_tokens, engine.slots))

    def count_tokens(self, texts: Sequence[str], any_length: bool) -> Answer:
        """As the engine's."""
        return self._timed(lambda engine: engine.count_tokens(texts, any_length=any_length))

    def ask(self, coefficients: bytes | None, method: str, *arguments: Any, **keys: Any) -> Answer:
        """Calls a method of the model that is bound at coefficients (float64); None is the base."""

        def answered(engine: Engine) -> Any:
            with self._at(engine, coefficients) as model:
                return getattr(model, method)(*arguments, **keys)

        return self._timed(answered)

    def _timed(self, work: Callable[[Engine], Any]) -> Answer:
        began = time.perf_counter()
        try:
            if self._engine is None:
                raise EngineError("the worker was not begun.")
            value = work(self._engine)
        except Exception as error:
            return Answer(None, time.perf_counter() - began, _portable(error))
        return Answer(value, time.perf_counter() - began)

    @contextmanager
    def _at(self, engine: Engine, coefficients: bytes | None) -> Iterator[Model]:
        key = b"" if coefficients is None else coefficients
        with self._changed:
            while (bound := self._bound.get(key)) is None:
                if self._made_room(engine):
                    values = None if coefficients is None else np.frombuffer(coefficients, dtype=np.float64)
                    held = engine.bind(values)
                    self._bound[key] = _Bound(held.__enter__(), held)
                else:
                    self._changed.wait()
            self._bound.move_to_end(key)
            bound.users += 1
        try:
            yield bound.model
        finally:
            with self._changed:
                bound.users -= 1
                self._changed.notify_all()

    def _made_room(self, engine: Engine) -> bool:
        """Lets go of what was used longest ago, where all slots are taken; whether one is free now."""
        if len(self._bound) < engine.slots:
            return True
        for key, bound in self._bound.items():
            if not bound.users:
                del self._bound[key]
                bound.held.__exit__(None, None, None)
                return True
        return False


def _portable(error: Exception) -> Exception:
    """An error that any process can read: one of ours as it is, another one by name and message."""
    return error if isinstance(error, ModelswarmsError) else EngineError(f"{type(error).__name__}: {error}")
