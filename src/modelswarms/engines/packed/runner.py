"""A transformers model that is run without padding."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Final

import torch

from modelswarms.engines.decoding import Decoded, last_logits, take
from modelswarms.engines.packed.compiled import Compiled
from modelswarms.engines.packed.layout import Layout, Prefill, Step, prefill_of, shared_prefix
from modelswarms.engines.packed.memory import ATTENTION, Memory, attend, flash_is_there
from modelswarms.engines.packed.steps import Picked, Stepper, pick
from modelswarms.errors import EngineError
from modelswarms.types import Request

__all__ = ["Packed", "packed_or_none"]

log = logging.getLogger(__name__)

SHRINKS: Final = 0.5
"""Share of the rows at which those that have ended are left out of the step."""

FEW: Final = 8
"""Rows of which none is ever left out: a step takes no less time without them."""

MOST_ROWS: Final = 512
"""Rows that are decoded together, at most: each has a line of logits."""

AGREES: Final = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 1e-1}
"""By how much logits may differ from the plain way's, as a share of the largest."""


class Packed:
    """Runs a model's rows side by side, keeping their keys and values itself.

    Args:
        model: its attention layers must call transformers' attention interface.
        slots: tokens whose keys and values are held at once, at most.
        chunk: tokens that one forward call takes, unless a single row has more.
        graphs: whether steps may be captured in CUDA graphs.
        compiled: the model's layers, if they are compiled.
    """

    def __init__(
        self, model: Any, slots: int, chunk: int, graphs: bool = True, compiled: Compiled | None = None
    ) -> None:
        from transformers import AttentionInterface

        AttentionInterface.register(ATTENTION, attend if compiled is None else torch.compiler.disable(attend))  # type: ignore[no-untyped-call]
        self.model, self.slots, self.chunk, self.compiled = model, slots, chunk, compiled
        cuda = model.device.type == "cuda"
        self._memory = Memory(slots + 1 if cuda else 0, _ragged(model), compiled is not None)
        self._stepper = Stepper(self._step_logits, graphs and self._memory.ragged)
        self._configs = list({id(m.config): m.config for m in model.modules() if hasattr(m, "config")}.values())
        self._ahead = cuda  # while the host reads one step, the device runs the next

    def needed(self, tokens: int, new_tokens: int) -> int:
        """Slots that a row takes."""
        return tokens + max(0, new_tokens)

    def fitting(self, needed: Sequence[int]) -> int:
        """How many of the first rows there are slots for, at least one; ``needed`` is what each takes."""
        held = most = 0
        for count, need in enumerate(needed[:MOST_ROWS], start=1):
            most = max(most, need)
            held = held + need if self._memory.ragged else most * count
            if count > 1 and held > self.slots:
                return count - 1
        return min(len(needed), MOST_ROWS)

    def generate(
        self, rows: Sequence[Sequence[int]], requests: Sequence[Request], tokenizer: Any, ends: set[int]
    ) -> list[Decoded]:
        """Decodes rows together until each has ended: by end-of-text, a stop string, or its limit.

        Raises:
            EngineError: the model computes no numbers to choose by, as weights far outside their range do.
        """
        decoded = [Decoded(ended=request.max_new_tokens < 1) for request in requests]
        if all(row.ended for row in decoded):
            return decoded
        most = [max(0, request.max_new_tokens) for request in requests]
        needed = [self.needed(len(row), new) for row, new in zip(rows, most, strict=True)]
        layout = Layout.of(needed, self._memory.ragged)
        with self._running(layout):
            picked = pick(self._prefilled(rows, layout))
            limits = [need - 1 for need in layout.rooms]
            step: Step | None = None
            order, told, produced = list(range(len(rows))), picked.fetch(), 0
            while True:
                produced += 1
                ahead = None
                wanted = max(most[k] for k in order if not decoded[k].ended)
                if self._ahead and wanted > produced:
                    step = step or self._begin(layout, rows, picked, limits)
                    ahead = self._stepper.advance(step).fetch()
                tokens, logits, margins = told.get()
                self._check([value for k, value in zip(order, logits, strict=False) if not decoded[k].ended])
                for k, token, margin in zip(order, tokens, margins, strict=False):
                    take(decoded[k], requests[k], token, margin, tokenizer, ends)
                left = [place for place, k in enumerate(order) if not decoded[k].ended]
                if not left:
                    return decoded
                if ahead is None:
                    step = step or self._begin(layout, rows, picked, limits)
                    ahead = self._stepper.advance(step).fetch()
                told = ahead
                if step is not None and len(order) > FEW and len(left) <= SHRINKS * len(order):
                    told.keep(left)
                    if step.stride:
                        self._memory.keep(torch.tensor(left, device=self.model.device), step.stride)
                    step = self._stepper.kept(step, left, self.slots)
                    order = [order[place] for place in left]

    def logits_at_end(self, rows: Sequence[Sequence[int]], counts: Sequence[int]) -> torch.Tensor:
        """Logits at the last ``counts[k]`` positions of each row, (positions, vocabulary) float32."""
        layout = Layout.of([len(row) for row in rows], self._memory.ragged)
        with self._running(layout):
            return self._prefilled(rows, layout, counts)

    def free(self) -> None:
        """Gives back what keys and values took."""
        self._stepper.forget()
        self._memory.free()

    def limit(self, slots: int, chunk: int) -> None:
        """Uses no more than this from now on."""
        if (slots, chunk) != (self.slots, self.chunk):
            self.free()
            self.slots, self.chunk = slots, chunk
            self._memory.slots = slots + 1 if self.model.device.type == "cuda" else 0

    def _begin(self, layout: Layout, rows: Sequence[Sequence[int]], picked: Picked, limits: Sequence[int]) -> Step:
        return self._stepper.begin(layout, [len(row) for row in rows], picked, self.slots, limits)

    def _check(self, logits: Sequence[float]) -> None:
        if not all(-float("inf") < value < float("inf") for value in logits):
            self._memory.clear()
            raise EngineError("the model's logits are not finite; these coefficients, or this dtype, overflow.")

    def _prefilled(
        self, rows: Sequence[Sequence[int]], layout: Layout, counts: Sequence[int] | None = None
    ) -> torch.Tensor:
        """Logits (positions, vocabulary) float32 at the last positions of rows, one each unless told otherwise."""
        counts = [1] * len(rows) if counts is None else counts
        past = min(shared_prefix(rows), *(len(row) - count for row, count in zip(rows, counts, strict=True)))
        if past * (len(rows) - 1) < self.chunk // 16:
            past = 0  # another call costs more
        if past:
            self._forward(*self._call([rows[0][:past]], [1], layout, 0, 0))
            starts = torch.tensor(layout.starts[1:], device=self.model.device)
            self._memory.spread(layout.starts[0], past, starts)
        calls, first = [], 0
        for many in _chunks([len(row) - past for row in rows], self.chunk):
            some = slice(first, first + many)
            calls.append(self._call([row[past:] for row in rows[some]], counts[some], layout, first, past))
            first += many
        return torch.cat([self._forward(*call) for call in calls])  # nothing is prepared while the device waits

    def _call(
        self, rows: Sequence[Sequence[int]], counts: Sequence[int], layout: Layout, first: int, past: int
    ) -> tuple[Prefill, torch.Tensor, torch.Tensor]:
        """A forward call over rows, its tokens, and where among them logits are wanted."""
        device = self.model.device
        call = prefill_of(layout, first, [len(row) for row in rows], past, device)
        ids = torch.tensor([[token for row in rows for token in row]]).to(device, non_blocking=True)
        ends = [int(end) for end in torch.tensor([len(row) for row in rows]).cumsum(0)]
        at = [place for end, count in zip(ends, counts, strict=True) for place in range(end - count, end)]
        return call, ids, torch.tensor(at).to(device, non_blocking=True)

    def _forward(self, call: Prefill, ids: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
        self._memory.begin(call)
        places = (call.place_of + call.past)[None]
        out = self.model(
            input_ids=ids, position_ids=places, use_cache=False, logits_to_keep=at, memory=self._memory
        )  # fmt: skip
        return out.logits[0].float()  # type: ignore[no-any-return]

    def _step_logits(self, step: Step) -> torch.Tensor:
        self._memory.begin(step)
        out = self.model(
            input_ids=step.ids[:, None], position_ids=step.positions[:, None], use_cache=False, memory=self._memory
        )
        return out.logits[:, -1].float()  # type: ignore[no-any-return]

    @contextmanager
    def _running(self, layout: Layout) -> Iterator[None]:
        """With the model's attention reading our memory, which has room for the layout."""
        if layout.slots + 1 > self._memory.slots:
            self._memory.reserve(layout.slots + 1)
            self._stepper.forget()
        before = [config._attn_implementation for config in self._configs]
        for config in self._configs:
            config._attn_implementation = ATTENTION
        try:
            with nullcontext() if self.compiled is None else self.compiled.on():
                yield
        finally:
            self._memory.call = None
            for config, name in zip(self._configs, before, strict=True):
                config._attn_implementation = name


def _chunks(lengths: Sequence[int], most: int) -> Iterator[int]:
    """How many of the next rows are run together: as many as have ``most`` tokens, or one."""
    count = tokens = 0
    for length in lengths:
        if count and tokens + length > most:
            yield count
            count = tokens = 0
        count, tokens = count + 1, tokens + length
    if count:
        yield count


def _ragged(model: Any) -> bool:
    """Whether attention over rows without padding is there for this device, precision and family."""
    capped = getattr(model.config.get_text_config(), "attn_logit_softcapping", None)
    halves = model.device.type == "cuda" and model.dtype in (torch.float16, torch.bfloat16)
    return halves and not capped and flash_is_there()


def packed_or_none(model: Any, slots: int, chunk: int, compiled: bool = False) -> Packed | None:
    """A model run without padding; None, and a line in the log, where that does not give what the plain way gives.

    Args:
        compiled: whether to compile the layers; where that fails, they are run as they are.
    """
    for layers in (Compiled(model), None) if compiled else (None,):
        try:
            off = _tried(Packed(model, 512, 64, graphs=False, compiled=layers))  # so few that it takes several calls
        except Exception as error:  # whatever a family does otherwise, or a compiler
            how = "without compiling" if layers else "with padding"
            log.info("%s is run %s, which is slower: %s", type(model).__name__, how, error)
            continue
        if off <= AGREES[model.dtype]:
            return Packed(model, slots, chunk, compiled=layers)
        log.info("%s is run with padding, which is slower: without, logits are off by %.2g", type(model).__name__, off)
    return None


@torch.inference_mode()
def _tried(packed: Packed) -> float:
    """By how much logits are off, as a share of the largest, for a few tokens: rows of several lengths with a
    beginning in common, and a step after them."""
    model = packed.model
    words = max(2, int(model.config.get_text_config().vocab_size) - 1)
    stream = [1 + (7919 * k * k + 104729 * k) % words for k in range(64)]
    rows = [stream[: 20 + k] + stream[40 : 40 + 3 * k] for k in (0, 2, 5)]
    layout = Layout.of([len(row) + 1 for row in rows], packed._memory.ragged)
    with packed._running(layout):
        first = packed._prefilled(rows, layout)
        picked = pick(first.clone())
        step = packed._begin(layout, rows, picked, [len(row) for row in rows])
        second = packed._step_logits(step)
    packed.free()
    longer = [[*row, int(token)] for row, token in zip(rows, picked.tokens, strict=True)]
    off = 0.0
    for got, of in ((first, rows), (second, longer)):
        wanted = torch.cat([last_logits(model, [row], 0)[0][:, -1] for row in of])
        share = (got - wanted).abs().max() / wanted.abs().max().clamp(min=1e-6)
        off = max(off, float(share)) if share == share else float("inf")
    return off
