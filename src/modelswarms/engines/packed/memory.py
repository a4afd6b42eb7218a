"""Keys and values of a block's rows, and attention that reads them."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch.nn.functional import pad, scaled_dot_product_attention

from modelswarms.engines.packed.layout import Prefill, Step

__all__ = ["ATTENTION", "Memory", "attend", "flash_is_there"]

ATTENTION: Final = "modelswarms_packed"
"""The name under which transformers finds :func:`attend`; for such a name of ours it makes no masks."""

LONGEST: Final = 2**20
"""Keys of a row, at most, for an operator that asks; it reads no more than there are."""


def attend(
    module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: Any, *, memory: Memory,
    scaling: float | None = None, sliding_window: int | None = None, softcap: float | None = None, **keys: Any,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    """What transformers' attention layers call: query (batch, heads, tokens, size), key and value with their own
    number of heads; gives (batch, tokens, heads, size). What a layer asks beyond these is found out by trying."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    return memory.attend(int(module.layer_idx), query, key, value, scale, sliding_window or 0, softcap or 0.0), None


class Memory:
    """Keys and values by layer, (slots, heads, size) each, and the forward call that is under way.

    Args:
        slots: how many there are on a GPU, where they stay in their place; elsewhere they grow as they are needed.
        ragged: whether rows have no padding, neither in slots nor in attention.
        compiled: whether what is put into slots goes through a compiled function: one kernel instead of two slow ones.
    """

    def __init__(self, slots: int, ragged: bool, compiled: bool = False) -> None:
        self.slots, self.ragged = slots, ragged
        self._put = torch.compile(_put, dynamic=True) if compiled else _put
        self.call: Prefill | Step | None = None
        self._spans: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None
        self._layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def begin(self, call: Prefill | Step) -> None:
        """What the next forward call runs."""
        self.call = call
        if self.ragged and isinstance(call, Step):
            queries = torch.arange(call.rows + 1, dtype=torch.int32, device=call.ids.device)
            self._spans = queries, pad(call.starts, (0, 1)).int(), (call.positions + 1).int()

    def reserve(self, slots: int) -> None:
        """Makes room. What is held already is lost where there was less."""
        if slots > self.slots:
            self.slots = slots
            self._layers.clear()

    def clear(self) -> None:
        """Forgets everything, also values that are not finite: those would reach other rows through masks."""
        for pair in self._layers.values():
            for held in pair:
                held.zero_()

    def free(self) -> None:
        """Gives the memory back."""
        self._layers.clear()

    def spread(self, first: int, length: int, starts: torch.Tensor) -> None:
        """Copies ``length`` slots from ``first`` on to where each row starts, (rows,)."""
        places = (starts[:, None] + torch.arange(length, device=starts.device)).reshape(-1)
        for pair in self._layers.values():
            for held in pair:
                held[places] = held[first : first + length].repeat(len(starts), 1, 1)

    def keep(self, rows: torch.Tensor, stride: int) -> None:
        """Moves padded rows to the front, in this order."""
        for pair in self._layers.values():
            for held in pair:
                count = held.shape[0] // stride
                grid = held[: count * stride].view(count, stride, *held.shape[1:])
                grid[: len(rows)] = grid[rows]

    def attend(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
        scale: float, window: int, softcap: float,
    ) -> torch.Tensor:  # fmt: skip
        """See :func:`attend`; ``window`` and ``softcap`` are 0 where there is none."""
        if isinstance(self.call, Step):
            return self._stepped(self.call, layer, query, key, value, scale, window, softcap)
        assert self.call is not None
        return self._prefilled(self.call, layer, query, key, value, scale, window, softcap)

    def _held(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A layer's keys and values; key and value, (tokens, heads, size), show what they are like."""
        if layer not in self._layers:
            self._layers[layer] = (
                key.new_zeros(self.slots, *key.shape[1:]),
                value.new_zeros(self.slots, *value.shape[1:]),
            )
        return self._layers[layer]

    def _prefilled(
        self, call: Prefill, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
        scale: float, window: int, softcap: float,
    ) -> torch.Tensor:  # fmt: skip
        q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
        keys, values = self._held(layer, k, v)
        self._put(keys, values, call.slots, k, v)
        if self.ragged:
            if call.key_slots is not None:
                k, v = keys[call.key_slots], values[call.key_slots]
            longest = call.longest
            return _flash(q, k, v, call.bounds, call.key_bounds, longest, call.past + longest, scale, window)[None]
        q = query.new_zeros(len(call.lengths), call.longest, *q.shape[1:]).index_put_((call.row_of, call.place_of), q)
        reach = call.past + call.longest
        k, v = (_grid(x, call.first, len(call.lengths), call.stride, reach) for x in (keys, values))
        here = torch.arange(call.longest, device=q.device)[:, None] + call.past
        there = torch.arange(reach, device=q.device)
        seen = None if call.past == 0 and not 0 < window < reach else (there <= here)
        if seen is not None and window:
            seen = seen & (there > here - window)
        return _masked(q.transpose(1, 2), k, v, seen, scale, softcap).transpose(1, 2)[call.row_of, call.place_of][None]

    def _stepped(
        self, call: Step, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
        scale: float, window: int, softcap: float,
    ) -> torch.Tensor:  # fmt: skip
        keys, values = self._held(layer, key[:, :, 0], value[:, :, 0])
        slots = call.starts + call.positions
        self._put(keys, values, slots, key[:, :, 0], value[:, :, 0])
        if self.ragged and self._spans is not None:
            queries, starts, used = self._spans
            return _flash(query[:, :, 0], keys, values, queries, starts, 1, LONGEST, scale, window, used)[:, None]
        k, v = (_grid(x, 0, call.rows, call.stride, call.reach) for x in (keys, values))
        there, here = torch.arange(call.reach, device=query.device), call.positions[:, None]
        seen = there <= here
        if window:
            seen = seen & (there > here - window)
        return _masked(query, k, v, seen[:, None, None], scale, softcap).transpose(1, 2)


def _put(keys: torch.Tensor, values: torch.Tensor, slots: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> None:
    """Writes keys and values, (tokens, heads, size), into slots."""
    keys[slots], values[slots] = k, v


def _grid(held: torch.Tensor, first: int, rows: int, stride: int, reach: int) -> torch.Tensor:
    """(rows, heads, reach, size): padded rows as a view."""
    return held[first : first + rows * stride].view(rows, stride, *held.shape[1:])[:, :reach].transpose(1, 2)


def _masked(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, seen: torch.Tensor | None, scale: float, softcap: float
) -> torch.Tensor:
    """Attention of padded rows: causal where nothing else is ``seen``."""
    several = q.shape[1] // k.shape[1]
    if not softcap:
        return scaled_dot_product_attention(
            q, k, v, attn_mask=seen, is_causal=seen is None, scale=scale, enable_gqa=several > 1
        )
    if seen is None:
        seen = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device).tril()
    k, v = (x.repeat_interleave(several, dim=1) for x in (k, v))
    scores = softcap * torch.tanh((q @ k.transpose(2, 3)) * scale / softcap)
    scores = scores.float().masked_fill(~seen, float("-inf"))
    return scores.softmax(-1).to(q.dtype) @ v


def flash_is_there() -> bool:
    """Whether this torch has flash attention over rows of different lengths that lie in a larger whole."""
    operator = getattr(torch.ops.aten, "_flash_attention_forward", None)
    return operator is not None and "seqused_k" in str(operator.default._schema)


def _flash(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bounds: torch.Tensor, key_bounds: torch.Tensor,
    longest: int, longest_keys: int, scale: float, window: int, used: torch.Tensor | None = None,
) -> torch.Tensor:  # fmt: skip
    """Causal attention of rows side by side: q (T, heads, size), k and v with all slots of each row.

    The public function over this operator (``torch.nn.attention.varlen``) does not take ``used``, the number of a
    row's slots that count, before torch 2.13.
    """
    windows = {"window_size_left": window - 1, "window_size_right": 0} if window else {}
    made = torch.ops.aten._flash_attention_forward(
        q, k, v, bounds, key_bounds, longest, longest_keys, 0.0, True, False, scale=scale, seqused_k=used, **windows
    )
    out: torch.Tensor = made[0]
    return out
