"""Attention of a decoding step on a GPU: one query a row, over that row's own slots."""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

from modelswarms.engines.packed.layout import Step

__all__ = ["attend_step"]

KEYS = 64
"""Keys that a program reads at once."""


def attend_step(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, step: Step, scale: float, window: int
) -> torch.Tensor:
    """Attention of each row's query over the keys up to its position.

    Args:
        query: (rows, heads, size).
        keys: (slots, key heads, size), contiguous; values likewise.
        step: where the rows lie.
        scale: factor of the scores.
        window: keys that are seen at most; 0 for all.

    Returns:
        (rows, heads, size).
    """
    rows, heads, size = query.shape
    key_heads = keys.shape[1]
    group = heads // key_heads
    query = query.contiguous()
    out = torch.empty_like(query)
    _kernel[(rows, key_heads)](
        query, keys, values, out, step.starts, step.positions, scale * 1.4426950408889634, window,
        key_heads, size, GROUP=group, TILE=1 if group == 1 else max(16, triton.next_power_of_2(group)),
        SIZE=triton.next_power_of_2(size), KEYS=KEYS // 2 if size > 128 else KEYS, num_warps=4, num_stages=3,
    )  # fmt: skip
    return out


@triton.jit
def _kernel(
    q_at: Any, k_at: Any, v_at: Any, o_at: Any, starts: Any, positions: Any, scale: Any, window: Any,
    key_heads: Any, size: Any, GROUP: tl.constexpr, TILE: tl.constexpr, SIZE: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip # pragma: no cover - runs on a GPU
    row, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    start = tl.load(starts + row).to(tl.int64)
    end = tl.load(positions + row).to(tl.int32) + 1
    begin = tl.where(window > 0, tl.maximum(end - window, 0), 0)
    along, mine = tl.arange(0, SIZE), tl.arange(0, TILE)
    fits = (mine[:, None] < GROUP) & (along[None, :] < size)
    asked = (row * key_heads * GROUP + head * GROUP + mine)[:, None] * size + along[None, :]
    q = tl.load(q_at + asked, mask=fits, other=0.0)
    most = tl.full((TILE,), float("-inf"), tl.float32)
    total = tl.zeros((TILE,), tl.float32)
    made = tl.zeros((TILE, SIZE), tl.float32)
    for first in range(begin, end, KEYS):
        places = first + tl.arange(0, KEYS)
        seen = places < end
        at = ((start + places) * key_heads + head)[:, None] * size + along[None, :]
        inside = seen[:, None] & (along[None, :] < size)
        k = tl.load(k_at + at, mask=inside, other=0.0)
        v = tl.load(v_at + at, mask=inside, other=0.0)
        if TILE == 1:
            scores = tl.sum(q.to(tl.float32) * k.to(tl.float32), axis=1)[None, :] * scale
        else:
            scores = tl.dot(q, tl.trans(k)) * scale
        scores = tl.where(seen[None, :], scores, float("-inf"))
        higher = tl.maximum(most, tl.max(scores, axis=1))
        shrink = tl.exp2(most - higher)
        share = tl.exp2(scores - higher[:, None])
        total = total * shrink + tl.sum(share, axis=1)
        if TILE == 1:
            added = tl.sum(tl.trans(share) * v.to(tl.float32), axis=0)[None, :]
        else:
            added = tl.dot(share.to(v.dtype), v)
        made = made * shrink[:, None] + added
        most = higher
    made = made / total[:, None]
    tl.store(o_at + asked, made.to(o_at.dtype.element_ty), mask=fits)
