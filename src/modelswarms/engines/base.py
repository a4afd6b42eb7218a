"""What an engine is: it holds a base and its experts, and binds coefficients to a model that answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from modelswarms.experts import ExpertSpace
from modelswarms.types import Array, Model

__all__ = ["Engine", "Laned", "Limited", "Utilised", "Wrapping", "innermost", "lanes_of", "utilisation_of"]


@runtime_checkable
class Engine(Protocol):
    """Turns coefficients into a model that answers.

    ``deterministic`` engines give the same answers to the same blocks on the same hardware,
    versions and thread count: runs on them resume byte for byte.

    ``slots`` candidates may be bound at once, each by a thread of its own: where it is above 1, ``bind`` and the
    bound models are called from several threads, one thread a model unless the engine is :class:`Laned`. A utility's
    ``score`` need not be safe for that: one thread at a time runs it, and others have their turn while the model
    answers (see :class:`~modelswarms.utilities.abilities.Concurrent`). It may change while the engine runs.
    """

    @property
    def deterministic(self) -> bool: ...

    @property
    def slots(self) -> int: ...

    def start(self, space: ExpertSpace) -> None:
        """Loads the base (once) and the experts. Raises ExpertError where they do not fit."""
        ...

    def count_tokens(self, texts: Sequence[str], *, any_length: bool = False) -> list[int]:
        """Length of each text in tokens: what the batch plan sorts and packs by.

        Raises DataError for a text that the model cannot take in, unless those of ``any_length`` are counted.
        """
        ...

    @property
    def block_tokens(self) -> int:
        """Padded prompt tokens that one block of the batch plan may hold."""
        ...

    def bind(self, coefficients: Array | None) -> AbstractContextManager[Model]:
        """A model with the composed weights; None is the base itself. Leaving the context releases it."""
        ...

    def describe(self) -> dict[str, object]:
        """What a value may depend on: device, dtype, threads, versions. Known before the start; journalled."""
        ...

    def close(self) -> None:
        """Frees everything; calling it twice is allowed."""
        ...


@runtime_checkable
class Laned(Protocol):
    """An engine that answers more than one block at once for a bound model: on several devices, say.

    ``lanes`` threads call bound models at once, several of them the same model where there are more lanes than
    candidates. A block is never cut, so its answers are the same whatever runs beside it. It may change while the
    engine runs.
    """

    @property
    def lanes(self) -> int: ...


def lanes_of(engine: Engine) -> int:
    """How many blocks an engine answers at once: one a slot, unless it has lanes."""
    return max(1, engine.slots, engine.lanes if isinstance(engine, Laned) else 1)


@runtime_checkable
class Limited(Protocol):
    """An engine that runs as much at once as its device holds, which is found out once, and less after it ran out.

    What is run at once may change a value in its last digits; so the limits are journalled, and a process that goes
    on with a run keeps to them.
    """

    @property
    def limits(self) -> dict[str, int]:
        """By name; known once it is started."""
        ...

    def limit(self, limits: Mapping[str, int]) -> dict[str, int]:
        """Goes no further than these from now on, and says what it goes by."""
        ...


@runtime_checkable
class Utilised(Protocol):
    """An engine that measures how busy its workers are."""

    def utilisation(self) -> list[dict[str, Any]]:
        """Of each worker so far: ``host``, ``process``, ``busy`` and ``seconds``, and ``share``, their ratio."""
        ...


@runtime_checkable
class Wrapping(Protocol):
    """An engine that has another one answer."""

    @property
    def inner(self) -> Engine: ...


def innermost(engine: Engine) -> Engine:
    """The engine that answers: the one that was given, unless it wraps another."""
    while isinstance(engine, Wrapping):
        engine = engine.inner
    return engine


def utilisation_of(engine: Engine) -> list[dict[str, Any]]:
    """How busy an engine's workers were; empty for one without."""
    return engine.utilisation() if isinstance(engine, Utilised) else []
