"""How much a device can hold."""

from __future__ import annotations

from typing import Any, Final

import torch

__all__ = ["CHUNK_TOKENS", "slots_of"]

CHUNK_TOKENS: Final = {"cpu": 2048, "mps": 8192, "cuda": 16384}
"""Tokens of one forward call: as many as keep the device busy; more only take memory."""

MOST_SLOTS: Final = {"cpu": 2**16, "mps": 2**16, "cuda": 2**18}
"""Tokens whose keys and values are held, at most; more would not make it faster."""

FRACTION: Final = 0.9
"""Share of a GPU's memory that is used, unless told otherwise."""


def slots_of(model: Any, fraction: float | None) -> int:
    """Tokens whose keys and values there is room for, beside the weights and one forward call.

    Found once, before anything is run: on a GPU from what is free then, so that the same card gives the same.

    Args:
        model: in its place, with everything that stays there.
        fraction: share of the device's memory that may be used.
    """
    device: torch.device = model.device
    most = MOST_SLOTS[device.type]
    if device.type != "cuda":
        return most
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info(device)
    usable = free - (1 - (fraction or FRACTION)) * total - _call_bytes(model.config.get_text_config(), model.dtype)
    return max(1024, min(most, int(usable // _slot_bytes(model.config.get_text_config(), model.dtype))))


def _slot_bytes(config: Any, dtype: torch.dtype) -> int:
    """Bytes of a token's keys and values over all layers."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(config.num_hidden_layers * 2 * heads * size * dtype.itemsize)


def _call_bytes(config: Any, dtype: torch.dtype) -> int:
    """Bytes that one forward call takes at most, roughly: a layer's activations, and a line of logits a row."""
    wide = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    tokens = CHUNK_TOKENS["cuda"] * (4 * wide + 16 * config.hidden_size) * dtype.itemsize
    return int(tokens + 512 * config.vocab_size * 10 + 2**30)
