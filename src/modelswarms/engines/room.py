"""How much a device can hold."""

from __future__ import annotations

from typing import Any, Final

import torch

from modelswarms.engines.config import MEMORY_FRACTION

__all__ = ["CHUNK_TOKENS", "LEAST_CHUNK", "room_of"]

CHUNK_TOKENS: Final = {"cpu": 2048, "mps": 8192, "cuda": 16384}
"""Tokens of one forward call: as many as keep the device busy; more only take memory."""

LEAST_CHUNK: Final = 64
"""Tokens of one forward call below which it is not the call that takes the memory."""

ENOUGH: Final = 4
"""Calls whose keys and values should be held before longer calls are of use."""

MOST_SLOTS: Final = {"cpu": 2**16, "mps": 2**16, "cuda": 2**18}
"""Tokens whose keys and values are held, at most; more would not make it faster."""


def room_of(model: Any, fraction: float | None, chunk: int) -> tuple[int, int]:
    """Tokens whose keys and values there is room for, beside the weights and one forward call, and tokens of that call.

    Found once, before anything is run: on a GPU from its size and what this process has taken of it, so that the same
    card gives the same, also to workers that share it; and no more than is free. Where little is left, a call is cut
    down before what is held is.

    Args:
        model: in its place, with everything that stays there.
        fraction: share of the device's memory that may be used.
        chunk: tokens of a call, at most.
    """
    device: torch.device = model.device
    most = MOST_SLOTS[device.type]
    if device.type != "cuda":
        return most, chunk
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info(device)
    config, taken = model.config.get_text_config(), torch.cuda.memory_reserved(device)
    usable = min(free, (fraction or MEMORY_FRACTION) * total - taken)
    while True:
        slots = int((usable - _call_bytes(config, model.dtype, chunk)) // _slot_bytes(config, model.dtype))
        if slots >= min(most, ENOUGH * chunk) or chunk // 2 < LEAST_CHUNK:
            return max(LEAST_CHUNK, min(most, slots)), chunk
        chunk //= 2


def _slot_bytes(config: Any, dtype: torch.dtype) -> int:
    """Bytes of a token's keys and values over all layers."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(config.num_hidden_layers * 2 * heads * size * dtype.itemsize)


def _call_bytes(config: Any, dtype: torch.dtype, chunk: int) -> int:
    """Bytes that one forward call takes at most, roughly: a layer's activations, and a line of logits a row."""
    wide = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    tokens = chunk * (4 * wide + 16 * config.hidden_size) * dtype.itemsize
    return int(tokens + 512 * config.vocab_size * 10 + 2**28)
