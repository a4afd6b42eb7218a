"""Batched, masked, greedy decoding with a transformers model."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from modelswarms.errors import EngineError
from modelswarms.types import Request

__all__ = ["Decoded", "greedy", "last_logits", "run", "take"]


@dataclass
class Decoded:
    """One row while it is decoded: new tokens, text so far, smallest top-2 margin, whether it has ended."""

    tokens: list[int] = field(default_factory=list)
    text: str = ""
    margin: float = float("inf")
    ended: bool = False


def run(model: Any, rows: Sequence[Sequence[int]], pad: int, **keys: Any) -> tuple[Any, torch.Tensor]:
    """What a model, or its backbone, makes of left-padded rows; also the attention mask.

    Padding is masked and positions count from each row's own first token, so what is computed of a row does
    not depend on the others.
    """
    longest = max(len(row) for row in rows)
    ids = torch.tensor([[pad] * (longest - len(row)) + list(row) for row in rows], device=model.device)
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=model.device)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    return model(input_ids=ids, attention_mask=mask, position_ids=positions, **keys), mask


def last_logits(
    model: Any, rows: Sequence[Sequence[int]], pad: int, keep: int = 1, cache: bool = False
) -> tuple[torch.Tensor, torch.Tensor, Any]:
    """Logits at the last ``keep`` positions of rows, (rows, keep, vocabulary) float32; see :func:`run`.

    Also gives the attention mask and the key-value cache.

    Raises:
        EngineError: the architecture keeps no key-value cache.
    """
    kept = {"logits_to_keep": keep} if _takes_logits_to_keep(model) else {}
    out, mask = run(model, rows, pad, use_cache=cache, **kept)
    past = getattr(out, "past_key_values", None)
    if cache and past is None:
        raise EngineError(
            f"{type(model).__name__} keeps no key-value cache, so only one new token can be asked of it; "
            "set max_new_tokens to 1, or give another base."
        )
    return out.logits[:, -keep:].float(), mask, past


def greedy(
    model: Any, tokenizer: Any, rows: Sequence[Sequence[int]], requests: Sequence[Request], pad: int, ends: set[int]
) -> list[Decoded]:
    """Decodes all rows together until each has ended: by end-of-text, a stop string, or its limit.

    Raises:
        EngineError: the model computes no numbers to choose by, as weights far outside their range do.
    """
    decoded = [Decoded(ended=request.max_new_tokens < 1) for request in requests]
    several = any(request.max_new_tokens > 1 for request in requests)
    logits, mask, cache = last_logits(model, rows, pad, cache=several)
    while True:
        best = torch.topk(logits[:, -1], 2, dim=-1)  # NaN counts as the highest
        if not best.values[:, 0].isfinite().all():
            raise EngineError("the model's logits are not finite; these coefficients, or this dtype, overflow.")
        chosen = best.indices[:, 0].tolist()
        margins = (best.values[:, 0] - best.values[:, 1]).tolist()
        for row, request, token, margin in zip(decoded, requests, chosen, margins, strict=True):
            take(row, request, token, margin, tokenizer, ends)
        if all(row.ended for row in decoded):
            return decoded
        going = mask.new_tensor([[not row.ended] for row in decoded])  # ended rows stay within the context
        mask = torch.cat([mask, going], dim=1)
        position = mask.sum(1, keepdim=True) - 1
        step = torch.tensor([[token] for token in chosen], device=model.device)
        out = model(
            input_ids=step, attention_mask=mask, position_ids=position, past_key_values=cache, use_cache=True
        )  # fmt: skip
        logits, cache = out.logits.float(), out.past_key_values


def take(row: Decoded, request: Request, token: int, margin: float, tokenizer: Any, ends: set[int]) -> None:
    """Adds a row's next token, and says whether that ended it; a row that has ended stays as it is."""
    if row.ended:
        return
    row.margin = min(row.margin, margin)
    row.tokens.append(token)
    if token in ends:
        row.ended = True
    else:
        row.ended = len(row.tokens) >= request.max_new_tokens
        if not request.stop and not row.ended:
            return  # the text is only needed at the end
    row.text = tokenizer.decode([t for t in row.tokens if t not in ends], skip_special_tokens=True)
    found = [place for place in (row.text.find(stop) for stop in request.stop) if place >= 0]
    if found:
        row.text, row.ended = row.text[: min(found)], True


def _takes_logits_to_keep(model: Any) -> bool:
    return "logits_to_keep" in inspect.signature(model.forward).parameters
