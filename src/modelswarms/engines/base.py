"""What an engine is: it holds a base and its experts, and binds coefficients to a model that answers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from modelswarms.experts import ExpertSpace
from modelswarms.types import Array, Model

__all__ = ["Engine"]


@runtime_checkable
class Engine(Protocol):
    """Turns coefficients into a model that answers.

    ``deterministic`` engines give the same answers to the same blocks on the same hardware,
    versions and thread count: runs on them resume byte for byte. ``slots`` candidates may be
    bound at once.
    """

    deterministic: bool
    slots: int

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
