"""The batch plan: which examples are run together, fixed before the first evaluation."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["make_plan"]


def make_plan(lengths: Sequence[int], block_tokens: int) -> tuple[tuple[int, ...], ...]:
    """Blocks of example indices, of like length, each at most ``block_tokens`` once padded.

    Args:
        lengths: tokens of each example.
        block_tokens: longest length times number of examples that a block may reach; a single example
            may exceed it.

    Returns:
        Every index once, sorted by length, ties by index.
    """
    if block_tokens < 1:
        raise ValueError(f"block_tokens: {block_tokens} is not allowed; give a whole number above 0.")
    blocks: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        longest = max(1, lengths[index])
        if blocks and longest * (len(blocks[-1]) + 1) <= block_tokens:
            blocks[-1].append(index)
        else:
            blocks.append([index])
    return tuple(tuple(block) for block in blocks)
