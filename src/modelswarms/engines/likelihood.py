"""Log-likelihoods of given texts, in memory that does not grow with texts times vocabulary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import torch

from modelswarms.engines.decoding import last_logits, run
from modelswarms.engines.packed import Packed
from modelswarms.engines.texts import Texts, summed, windows
from modelswarms.errors import EngineError
from modelswarms.plan import make_plan
from modelswarms.types import Loglikelihood, LoglikelihoodRequest

__all__ = ["SLICE", "Likelihoods"]

SLICE: Final = {"cpu": 2**24, "mps": 2**25, "cuda": 2**27}
"""Logits that are computed at once: 64 MiB of float32 on a processor, 512 MiB on a GPU."""


@dataclass(frozen=True)
class _Piece:
    """A window of a request: its last ``scored`` tokens are predicted, each from all before it."""

    request: int
    tokens: tuple[int, ...]
    scored: int


class Likelihoods:
    """Answers requests for log-likelihoods with a transformers model.

    Texts that differ in their last token only (the options of a multiple choice) are run once.

    Args:
        model: its weights may change between calls.
        block_tokens: padded tokens that are run together.
        pad: a token for where it is masked.
        packed: runs the model without padding, where it can.
    """

    def __init__(self, model: Any, block_tokens: int, pad: int, packed: Packed | None = None) -> None:
        self.model, self._block_tokens, self._pad, self._packed = model, block_tokens, pad, packed
        if packed is not None:
            self._block_tokens = min(block_tokens, packed.chunk)
        self._parts: tuple[Any, Any] | None = None
        self._probed = False

    def __call__(self, requests: Sequence[LoglikelihoodRequest], texts: Texts) -> list[Loglikelihood]:
        """One answer a request. Raises EngineError for what cannot be predicted, or where logits are not finite."""
        parted = texts.parted(requests)
        pieces = [
            _Piece(i, tuple(tokens), scored)
            for i, (context, continuation) in enumerate(parted)
            for tokens, scored in windows(context, continuation, texts.room)
        ]
        found: list[list[tuple[float, bool]]] = [[] for _ in requests]
        rows: dict[tuple[int, ...], list[_Piece]] = {}
        for piece in pieces:
            rows.setdefault(piece.tokens[:-1], []).append(piece)
        inputs = list(rows)
        for block in make_plan([len(row) for row in inputs], self._block_tokens):
            for piece, values in self._scored([(inputs[i], rows[inputs[i]]) for i in block]):
                found[piece.request] += values
        return summed(found, parted)

    def _scored(
        self, block: Sequence[tuple[tuple[int, ...], list[_Piece]]]
    ) -> Iterator[tuple[_Piece, list[tuple[float, bool]]]]:
        """For each piece of rows that are run together: log-probability of each token, and whether it was first."""
        counts = [max(piece.scored for piece in pieces) for _, pieces in block]
        ends = torch.tensor(counts).cumsum(0).tolist()
        owners = [(piece, end) for (_, pieces), end in zip(block, ends, strict=True) for piece in pieces]
        where = torch.cat([torch.arange(end - piece.scored, end) for piece, end in owners])
        wanted = torch.tensor([token for piece, _ in owners for token in piece.tokens[-piece.scored :]])
        values = torch.empty(len(where), dtype=torch.float64)
        first = torch.empty(len(where), dtype=torch.bool)
        begin = 0
        for logits in self._logits([row for row, _ in block], counts):
            here = ((where >= begin) & (where < begin + len(logits))).nonzero()[:, 0]
            place, token = (where[here] - begin).to(logits.device), wanted[here].to(logits.device)
            values[here] = (logits[place, token] - logits.logsumexp(-1)[place]).cpu().double()
            first[here] = (logits.argmax(-1)[place] == token).cpu()
            begin += len(logits)
        if values.isnan().any():
            raise EngineError("the model's logits are not finite; these coefficients, or this dtype, overflow.")
        told = zip(values.tolist(), first.tolist(), strict=True)
        for piece, _ in owners:
            yield piece, list(islice(told, piece.scored))

    def _logits(self, rows: Sequence[Sequence[int]], counts: Sequence[int]) -> Iterator[torch.Tensor]:
        """Logits at the last ``counts[k]`` positions of each row, one row after the other: (positions, vocabulary)
        float32, no more at once than a slice holds."""
        limit = SLICE[self.model.device.type] // int(self.model.config.get_text_config().vocab_size) + 1
        if self._packed is not None and sum(counts) <= limit:
            yield self._packed.logits_at_end(rows, counts)
            return
        if not self._probed:
            self._parts, self._probed = _parts(self.model, rows[0][:8], self._pad), True
        if self._parts is None:
            yield from self._whole_logits(rows, counts, limit)
            return
        backbone, head = self._parts
        hidden = run(backbone, rows, self._pad, use_cache=False)[0].last_hidden_state
        kept = torch.cat([row[-count:] for row, count in zip(hidden, counts, strict=True)])
        for begin in range(0, len(kept), limit):
            yield head(kept[begin : begin + limit]).float()

    def _whole_logits(self, rows: Sequence[Sequence[int]], counts: Sequence[int], limit: int) -> Iterator[torch.Tensor]:
        """The same from the model as a whole, by as many rows as a slice holds, or one."""
        many = max(1, limit // max(counts))
        for begin in range(0, len(rows), many):
            some = counts[begin : begin + many]
            logits, _, _ = last_logits(self.model, rows[begin : begin + many], self._pad, max(some))
            yield torch.cat([row[-count:] for row, count in zip(logits, some, strict=True)])


def _parts(model: Any, row: Sequence[int], pad: int) -> tuple[Any, Any] | None:
    """Backbone and head of a model; None where the two do not make its logits alone.

    Some families scale or cap what the head gives, or call their parts otherwise: tried out on a few tokens.
    """
    backbone, head = getattr(model, "base_model", model), model.get_output_embeddings()
    if backbone is model or head is None:
        return None
    try:
        hidden = run(backbone, [row], pad, use_cache=False)[0].last_hidden_state
        made = head(hidden)
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return None
    return (backbone, head) if torch.equal(made, run(model, [row], pad, use_cache=False)[0].logits) else None
