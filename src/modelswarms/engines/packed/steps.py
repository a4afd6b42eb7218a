"""The step of decoding: from the last token of every row to its next one, again and again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

from modelswarms.engines.packed.layout import Layout, Step

__all__ = ["Fetched", "Picked", "Stepper", "pick"]

log = logging.getLogger(__name__)

WARM_UPS: Final = 2
"""Steps before a graph is captured, so that nothing is compiled or allocated for the first time within it."""


@dataclass(frozen=True)
class Picked:
    """The likeliest token of each row, (rows,), its logit, and by how much it leads the second."""

    tokens: torch.Tensor
    logits: torch.Tensor
    margins: torch.Tensor

    def fetch(self) -> Fetched:
        """The same on the processor, as soon as it has been computed."""
        return Fetched(self)


class Fetched:
    """Figures on their way from the device; nothing waits until they are asked for."""

    def __init__(self, picked: Picked) -> None:
        parts = (picked.tokens, picked.logits, picked.margins)
        self._event: torch.cuda.Event | None = None
        self._rows: list[int] | None = None
        if picked.tokens.device.type == "cuda":
            self._parts = [torch.empty_like(part, device="cpu", pin_memory=True) for part in parts]
            for host, part in zip(self._parts, parts, strict=True):
                host.copy_(part, non_blocking=True)
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record()
        else:
            self._parts = list(parts)

    def keep(self, rows: Sequence[int]) -> None:
        """Only some of the rows are asked for."""
        self._rows = list(rows)

    def get(self) -> tuple[list[int], list[float], list[float]]:
        """Tokens, logits and margins."""
        if self._event is not None:
            self._event.synchronize()
        tokens, logits, margins = (part.tolist() for part in self._parts)
        if self._rows is not None:
            tokens, logits, margins = ([of[k] for k in self._rows] for of in (tokens, logits, margins))
        return tokens, logits, margins


def pick(logits: torch.Tensor) -> Picked:
    """The likeliest token by logits (rows, vocabulary) float32, which are written over."""
    tokens = logits.argmax(-1)  # NaN counts as the highest
    first = logits.gather(-1, tokens[:, None])[:, 0]
    second = logits.scatter_(-1, tokens[:, None], float("-inf")).amax(-1)
    return Picked(tokens, first, first - second)


class Stepper:
    """Repeats the step for the rows that are left.

    Args:
        forward: logits (rows, vocabulary) of a step.
        graphs: whether to capture CUDA graphs, one for each size of batch that is met.
    """

    def __init__(self, forward: Callable[[Step], torch.Tensor], graphs: bool) -> None:
        self._forward, self._graphs = forward, graphs
        self._captured: dict[int, tuple[torch.cuda.CUDAGraph, Step, Picked]] = {}
        self._pool: Any = None

    def begin(self, layout: Layout, lengths: Sequence[int], first: Picked, scratch: int, limits: Sequence[int]) -> Step:
        """The step that runs the rows' first new token.

        Args:
            lengths: tokens that each row holds.
            scratch: a slot that no row uses.
            limits: the last place in each row that has a slot.
        """
        device = first.tokens.device

        def put(values: Sequence[int]) -> torch.Tensor:
            return torch.tensor(values, dtype=torch.int64).to(device, non_blocking=True)

        step = Step(
            ids=first.tokens.clone(),
            positions=put(lengths),
            starts=put(layout.starts),
            limits=put(limits),
            stride=layout.stride,
            reach=max(lengths) + 1,
        )
        return self._placed(step, scratch)

    def advance(self, step: Step) -> Picked:
        """Runs the step and makes it the next one; what it picked may be longer than the rows, and is overwritten
        by the next call."""
        captured = self._captured.get(step.rows)
        if captured is not None and captured[1] is step:
            captured[0].replay()
            return captured[2]
        picked = self._run(step)
        step.reach = min(step.reach + 1, step.stride) if step.stride else step.reach + 1
        return picked

    def kept(self, step: Step, rows: Sequence[int], scratch: int) -> Step:
        """The step of some of the rows."""
        where = torch.tensor(rows, device=step.ids.device)
        starts = step.starts[: len(rows)] if step.stride else step.starts[where]  # padded rows were moved
        some = Step(step.ids[where], step.positions[where], starts.clone(), step.limits[where], step.stride, step.reach)
        return self._placed(some, scratch)

    def forget(self) -> None:
        """Drops the graphs; needed where what they read has moved."""
        self._captured.clear()
        self._pool = None

    def _run(self, step: Step) -> Picked:
        picked = pick(self._forward(step))
        step.ids.copy_(picked.tokens)
        step.positions.copy_(torch.minimum(step.positions + 1, step.limits))
        return picked

    def _placed(self, step: Step, scratch: int) -> Step:
        """The step as it is, or in the buffers of a graph."""
        if not self._graphs:
            return step
        size = _size(step.rows)
        if size not in self._captured:
            self._capture(step, size, scratch)
        if size not in self._captured:
            return step
        held = self._captured[size][1]
        _fill(held, step, scratch)
        return held

    def _capture(self, step: Step, size: int, scratch: int) -> None:
        """Captures the step for so many rows; where that cannot be done, steps are run one by one from then on."""
        blank = torch.zeros(size, dtype=torch.int64, device=step.ids.device)
        held = Step(blank.clone(), blank.clone(), blank.clone(), blank.clone(), 0, 0)
        _fill(held, step, scratch)
        # what the warm-up writes to the rows' next slot is written again by the steps themselves
        try:
            side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(WARM_UPS):
                    self._run(held)
                    _fill(held, step, scratch)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool):
                picked = self._run(held)
        except RuntimeError as error:
            torch.cuda.synchronize()
            self._graphs = False
            self.forget()
            log.info("steps are not captured in CUDA graphs, which makes decoding slower: %s", error)
            return
        self._pool = graph.pool()
        self._captured[size] = (graph, held, picked)


def _size(rows: int) -> int:
    """Rows of the graph that runs so many: few sizes, and little waste."""
    unit = 8 if rows <= 64 else 32
    return -(-rows // unit) * unit


def _fill(held: Step, step: Step, scratch: int) -> None:
    """Copies a step into buffers that may be longer: the rows beyond write to a slot of no row."""
    count = step.rows
    held.ids[:count], held.positions[:count] = step.ids, step.positions
    held.starts[:count], held.limits[:count] = step.starts, step.limits
    held.ids[count:], held.positions[count:], held.limits[count:] = 0, 0, 0
    held.starts[count:] = scratch
