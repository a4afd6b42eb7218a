"""An engine in which something happens in the middle of a run, and commands that run on it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from modelswarms import preparation
from modelswarms.cli import main
from modelswarms.engines import ScriptedEngine
from modelswarms.types import Array, Model


def answer(prompt: str, coefficients: Array) -> str:
    """Right on more items the nearer the first two coefficients are to 0.8 and 0.6."""
    item = int("".join(c for c in prompt if c.isdigit()))
    missed = abs(coefficients[0] - 0.8) + abs(coefficients[1] - 0.6) + 0.1 * abs(coefficients[2:]).sum()
    return str(item % 5) if item % 11 >= 6 * missed else "none of them"


def nothing() -> None:
    """Goes wrong."""


class Faulty(ScriptedEngine):
    """Calls ``fault`` when, after ``healthy`` evaluations, another one is begun."""

    def __init__(self, healthy: int | None = None, fault: Callable[[], object] = nothing) -> None:
        super().__init__(answer, block_tokens=20)
        self._healthy, self._fault, self._begun = healthy, fault, 0

    @contextmanager
    def bind(self, coefficients: Array | None) -> Iterator[Model]:
        self._begun += 1
        if self._healthy is not None and self._begun > self._healthy:
            self._fault()
        with super().bind(coefficients) as model:
            yield model


def command(arguments: list[str], engine: ScriptedEngine | None = None) -> int:
    """The exit code of a command whose models are scripted."""
    before = preparation.make_engine
    preparation.make_engine = lambda config, base: engine or Faulty()
    try:
        return main(arguments)
    finally:
        preparation.make_engine = before


def killed_at(number: int) -> None:
    """Arranges that the process kills itself when it makes something durable for the n-th time."""
    sync, calls = os.fsync, iter(range(1, number + 1))

    def fsync(descriptor: int) -> None:
        if next(calls, number) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        sync(descriptor)

    os.fsync = fsync
