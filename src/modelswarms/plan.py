"""The batch plan: which examples are run together, fixed before the first evaluation."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

__all__ = ["in_order", "make_plan"]

T = TypeVar("T")


def make_plan(
    lengths: Sequence[int], block_tokens: int, groups: Sequence[Hashable] | None = None
) -> tuple[tuple[int, ...], ...]:
    """Blocks of example indices, of like length, each at most ``block_tokens`` once padded.

    Args:
        lengths: tokens of each example.
        block_tokens: longest length times number of examples that a block may reach; a single example
            may exceed it.
        groups: what each example belongs to; no block holds examples of two groups.

    Returns:
        Every index once, sorted by group in the order of the groups' first examples, then by length, ties by index.
    """
    if block_tokens < 1:
        raise ValueError(f"block_tokens: {block_tokens} is not allowed; give a whole number above 0.")
    kinds = [None] * len(lengths) if groups is None else list(groups)
    first = {group: place for place, group in reversed(list(enumerate(kinds)))}
    blocks: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: (first[kinds[i]], lengths[i], i)):
        longest = max(1, lengths[index])
        fits = bool(blocks) and longest * (len(blocks[-1]) + 1) <= block_tokens
        if fits and kinds[blocks[-1][-1]] == kinds[index]:
            blocks[-1].append(index)
        else:
            blocks.append([index])
    return tuple(tuple(block) for block in blocks)


def in_order(blocks: Sequence[Sequence[int]], found: Sequence[Sequence[T]], count: int) -> list[T | None]:
    """What was found for the first blocks' examples, in the order of the examples; None for the rest.

    Args:
        found: of each block, in its order.
        count: number of examples.
    """
    placed: list[T | None] = [None] * count
    for block, of_block in zip(blocks, found, strict=False):
        for i, each in zip(block, of_block, strict=True):
            placed[i] = each
    return placed
