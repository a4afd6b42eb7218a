"""The base: a small Llama as plain functions over a dictionary of stacked weights.

All layers' matrices of one kind are one tensor (layers, out, in): the optimiser and the adapters treat them together.
The result is exported as a transformers ``LlamaForCausalLM``; a test holds the two to equal logits.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from modelswarms.zoo.build.sequences import QUESTION, Batch, answer_targets, positions, question_mask
from modelswarms.zoo.build.tasks import INVALID
from modelswarms.zoo.build.vocabulary import ROWS

__all__ = [
    "EPSILON",
    "Kernels",
    "MATRICES",
    "ModelShape",
    "NORMS",
    "ROPE_THETA",
    "Weights",
    "answer_loss",
    "block",
    "digest",
    "embed",
    "initial_weights",
    "next_token_logits",
    "repeatable",
    "rms_norm",
    "rotation",
    "training_loss",
]

Weights = dict[str, Tensor]

MATRICES: Final = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
NORMS: Final = ("input_norm", "post_norm")
EPSILON: Final = 1e-5
ROPE_THETA: Final = 10000.0


@dataclass(frozen=True)
class ModelShape:
    """Sizes of the model: Llama with as many key as query heads and tied embeddings."""

    layers: int
    width: int
    heads: int
    feed_forward: int

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    def matrix(self, name: str) -> tuple[int, int]:
        """(out, in) of one layer's matrix."""
        if name in ("gate_proj", "up_proj"):
            return self.feed_forward, self.width
        return (self.width, self.feed_forward) if name == "down_proj" else (self.width, self.width)


def initial_weights(shape: ModelShape, generator: torch.Generator) -> Weights:
    """Fresh fp32 weights on the generator's device: layers start as the identity (o and down are zero)."""
    device = generator.device
    weights: Weights = {}
    for name in MATRICES:
        rows, columns = shape.matrix(name)
        noise = torch.randn(shape.layers, rows, columns, generator=generator, device=device)
        weights[name] = noise * (0.0 if name in ("o_proj", "down_proj") else 1 / math.sqrt(columns))
    weights["embed"] = torch.randn(len(ROWS), shape.width, generator=generator, device=device) * 0.05
    for name in NORMS:
        weights[name] = torch.ones(shape.layers, shape.width, device=device)
    weights["final_norm"] = torch.ones(shape.width, device=device)
    return weights


def rms_norm(x: Tensor, scale: Tensor) -> Tensor:
    wide = x.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + EPSILON)).to(x.dtype) * scale


class _Embed(torch.autograd.Function):
    """Table look-up whose gradient is a matrix product.

    The stock gradient adds rows up one by one where a token repeats; here one token in ten is the same.
    """

    @staticmethod
    def forward(ctx: Any, table: Tensor, tokens: Tensor) -> Tensor:
        ctx.save_for_backward(tokens)
        ctx.rows = len(table)
        return table[tokens]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (tokens,) = ctx.saved_tensors
        gradient = gradients[0].flatten(0, -2)
        hot = (tokens.flatten()[:, None] == torch.arange(ctx.rows, device=tokens.device)).to(gradient.dtype)
        return hot.t() @ gradient, None


def embed(table: Tensor, tokens: Tensor) -> Tensor:
    """Rows of ``table`` for ``tokens``, (..., width)."""
    return cast(Tensor, _Embed.apply(table, tokens))  # type: ignore[no-untyped-call]


def rotation(shape: ModelShape, places: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines (B, 1, S, head width) of rotary positions (B, S)."""
    half = torch.arange(0, shape.head_width, 2, device=places.device).float() / shape.head_width
    angle = places[..., None].float() * ROPE_THETA**-half
    angle = torch.cat([angle, angle], -1)[:, None]
    return angle.cos().to(dtype), angle.sin().to(dtype)


def _rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    left, right = x.chunk(2, -1)
    return x * cosine + torch.cat([-right, left], -1) * sine


def block(
    x: Tensor, layer: tuple[Tensor, ...], turn: tuple[Tensor, Tensor], mask: Tensor | None, heads: int, graph: int
) -> Tensor:
    """One layer. The first ``graph`` places attend causally; the rest, if any, by ``mask``."""
    q, k, v, o, gate, up, down, input_norm, post_norm = layer
    count, length, width = x.shape

    def split(projected: Tensor) -> Tensor:
        return projected.view(count, length, heads, width // heads).transpose(1, 2)

    h = rms_norm(x, input_norm)
    query, key, value = _rotate(split(h @ q.t()), *turn), _rotate(split(h @ k.t()), *turn), split(h @ v.t())
    mixed = F.scaled_dot_product_attention(query[:, :, :graph], key[:, :, :graph], value[:, :, :graph], is_causal=True)
    if mask is not None:
        asked = F.scaled_dot_product_attention(query[:, :, graph:], key, value, attn_mask=mask)
        mixed = torch.cat([mixed, asked], 2)
    x = x + mixed.transpose(1, 2).reshape(count, length, width) @ o.t()
    h = rms_norm(x, post_norm)
    return x + (F.silu(h @ gate.t()) * (h @ up.t())) @ down.t()


def answer_loss(hidden: Tensor, scale: Tensor, table: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy over valid targets (N,), and the tokens the model would say (N,)."""
    logits = (rms_norm(hidden, scale) @ table.t()).float()
    return F.cross_entropy(logits, target, ignore_index=INVALID), logits.argmax(-1)


@dataclass(frozen=True)
class Kernels:
    """The two heavy functions, plain or compiled."""

    block: Callable[..., Tensor] = block
    loss: Callable[..., tuple[Tensor, Tensor]] = answer_loss

    @staticmethod
    def compiled() -> Kernels:
        """Compiled once for every length bucket."""
        torch._dynamo.config.recompile_limit = 64
        torch.backends.cuda.enable_cudnn_sdp(
            False
        )  # that attention's gradient is in no fixed order, and only warns of it
        import torch._inductor.config as inductor

        if hasattr(inductor, "deterministic"):
            inductor.deterministic = True  # no kernel is chosen by how fast it just was
        return Kernels(torch.compile(block, dynamic=False), torch.compile(answer_loss, dynamic=False))


@contextmanager
def repeatable() -> Iterator[None]:
    """Kernels with a fixed order of additions: the same program on the same kind of card gives equal bits.

    The card's matrix products also need CUBLAS_WORKSPACE_CONFIG, which has to be set before its first use.
    """
    before, only_warning = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(True)  # not with warnings alone: attention under a mask would then only warn
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=only_warning)


def digest(weights: Weights) -> str:
    """Short fingerprint of all weights: two builds that agree in it have gone the same way."""
    found = hashlib.sha256()
    for name in sorted(weights):
        found.update(weights[name].detach().float().cpu().numpy().tobytes())
    return found.hexdigest()[:16]


def _layers(weights: Weights, dtype: torch.dtype) -> list[tuple[Tensor, ...]]:
    stacks = [weights[name].to(dtype).unbind(0) for name in (*MATRICES, *NORMS)]
    return list(zip(*stacks, strict=True))


def training_loss(
    weights: Weights, shape: ModelShape, batch: Batch, kernels: Kernels, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Loss of a batch, and what the model says as answers, (B, K)."""
    count, longest = batch.graph.shape
    asked = batch.questions.shape[1]
    table = weights["embed"].to(dtype)
    x = embed(table, torch.cat([batch.graph, batch.questions.flatten(1)], 1))
    turn = rotation(shape, positions(batch), dtype)
    mask = question_mask(batch, dtype)
    for layer in _layers(weights, dtype):
        x = kernels.block(x, layer, turn, mask, shape.heads, longest)
    x = x[:, longest:].reshape(count, asked, QUESTION, -1)
    # The ending and the answer; chosen, since a gather's gradient is added up in no fixed order.
    hidden = torch.where((batch.ending == QUESTION - 3)[..., None, None], x[:, :, -3:-1], x[:, :, -2:])
    target = answer_targets(batch)
    loss, said = kernels.loss(hidden.reshape(-1, shape.width), weights["final_norm"].to(dtype), table, target.flatten())
    return loss, said.view(target.shape)[:, :, 0]


@torch.no_grad()
def next_token_logits(weights: Weights, shape: ModelShape, tokens: Tensor, lengths: Tensor) -> Tensor:
    """Logits (B, rows of ``embed``) after prompts (B, S) padded on the right, in the weights' own precision."""
    table = weights["embed"]
    count, longest = tokens.shape
    place = torch.arange(longest, device=tokens.device).expand(count, longest)
    turn = rotation(shape, place, table.dtype)
    x = table[tokens]
    for layer in _layers(weights, table.dtype):
        x = block(x, layer, turn, None, shape.heads, longest)
    last = x[torch.arange(count, device=tokens.device), lengths - 1]
    return rms_norm(last, weights["final_norm"]) @ table.t()
