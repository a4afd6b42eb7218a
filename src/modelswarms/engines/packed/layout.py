"""Where each row of a block keeps its keys and values, and what one forward call runs of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import torch

__all__ = ["Layout", "Prefill", "Step", "prefill_of", "shared_prefix"]

LEAST_SHARED: Final = 16
"""Tokens that a prefix must have to be worth a forward call of its own."""


@dataclass(frozen=True)
class Layout:
    """Slots of a block's rows, one after the other: row k has ``rooms[k]`` of them from ``starts[k]`` on.

    Attributes:
        stride: the room of every row where all have the same; 0 where each has what it needs.
    """

    starts: tuple[int, ...]
    rooms: tuple[int, ...]
    stride: int

    @classmethod
    def of(cls, needed: Sequence[int], ragged: bool) -> Layout:
        """A layout for rows that need so many slots."""
        rooms = list(needed) if ragged else [max(needed)] * len(needed)
        starts = [0, *accumulate(rooms)][:-1]
        return cls(tuple(starts), tuple(rooms), 0 if ragged else rooms[0])

    @property
    def slots(self) -> int:
        return sum(self.rooms)


@dataclass(frozen=True)
class Prefill:
    """One forward call over the tokens of several rows, side by side: T tokens of ``rows`` rows.

    Attributes:
        slots: (T,) where each token's key and value go.
        past: tokens that every row holds already, and its tokens here attend to.
        row_of, place_of: (T,) row, counted from the first here, and place in it after the past.
        lengths: the rows' numbers of tokens here.
        first: first slot of the first row here.
        stride: see :class:`Layout`.
        bounds: (rows + 1,) int32, where each row's tokens begin and end here.
        key_slots: slots of all keys that the rows attend to, row after row; None where that is these tokens alone,
            or rows have the same stride.
        key_bounds: (rows + 1,) int32, where each row's keys begin and end among them.
    """

    slots: torch.Tensor
    past: int
    row_of: torch.Tensor
    place_of: torch.Tensor
    lengths: tuple[int, ...]
    first: int
    stride: int
    bounds: torch.Tensor
    key_slots: torch.Tensor | None
    key_bounds: torch.Tensor

    @property
    def longest(self) -> int:
        return max(self.lengths)


@dataclass
class Step:
    """One forward call over one token of each row; its tensors are (rows,) and change in place.

    Attributes:
        ids: the token that is run.
        positions: its place in the row.
        starts: the row's first slot.
        limits: the last place that the row has a slot for.
        stride: see :class:`Layout`.
        reach: keys of the longest row, at most; read where rows have the same stride.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    starts: torch.Tensor
    limits: torch.Tensor
    stride: int
    reach: int

    @property
    def rows(self) -> int:
        return len(self.ids)


def prefill_of(layout: Layout, first: int, lengths: Sequence[int], past: int, device: torch.device) -> Prefill:
    """The call for rows ``first`` and on, each with so many tokens after a past that it holds."""
    row_of = [k for k, length in enumerate(lengths) for _ in range(length)]
    place_of = [place for length in lengths for place in range(length)]
    starts = layout.starts[first : first + len(lengths)]
    slots = [starts[row] + past + place for row, place in zip(row_of, place_of, strict=True)]
    wholes = [past + length for length in lengths]
    keys = (start + k for start, whole in zip(starts, wholes, strict=True) for k in range(whole))

    def put(values: Iterable[int], dtype: torch.dtype = torch.int64) -> torch.Tensor:
        return torch.tensor(list(values), dtype=dtype).to(device, non_blocking=True)

    return Prefill(
        slots=put(slots),
        past=past,
        row_of=put(row_of),
        place_of=put(place_of),
        lengths=tuple(lengths),
        first=starts[0],
        stride=layout.stride,
        bounds=put([0, *accumulate(lengths)], torch.int32),
        key_slots=put(keys) if past and not layout.stride else None,
        key_bounds=put([0, *accumulate(wholes)], torch.int32),
    )


def shared_prefix(rows: Sequence[Sequence[int]]) -> int:
    """Tokens that all rows begin with and that are worth running once; every row keeps one of its own."""
    if len(rows) < 2:
        return 0
    low, high = min(map(tuple, rows)), max(map(tuple, rows))  # what the extremes of the order share, all share
    most = min(len(row) for row in rows) - 1
    length = next((k for k in range(most) if low[k] != high[k]), most)
    return length if length >= LEAST_SHARED else 0
