"""Workers in simulated time: an event queue, and the scheduling rules of modelswarms.scheduling."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Way = Literal["whole", "split", "asynchronous"]

HEDGE = 2.0
"""A block is run a second time after so many usual times, where a worker idles."""

Draw = Callable[[np.random.Generator, int, int], list[float]]
"""Times of an evaluation's blocks, from iteration and particle."""


@dataclass(frozen=True)
class Workload:
    """A search as its evaluations' times.

    Attributes:
        draw: times of an evaluation's blocks.
        usual: time of a block, the median.
        slow, slowness: share of blocks that take longer, and how many times.
        lost, replaced_after: share of blocks that lose their worker half-way, and the time until it is replaced.
    """

    particles: int
    iterations: int
    draw: Draw
    usual: float
    slow: float = 0.0
    slowness: float = 1.0
    lost: float = 0.0
    replaced_after: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """Time until the last evaluation, and the share of it that workers spent on answers that count."""

    finish: float
    utilisation: float


@dataclass(eq=False)
class _Evaluation:
    particle: int
    iteration: int
    times: list[float]
    again_times: list[float]
    issued: int = 0
    done: set[int] = field(default_factory=set)
    again: list[int] = field(default_factory=list)
    lanes: int = 0
    hedged: set[int] = field(default_factory=set)

    @property
    def left(self) -> int:
        return len(self.times) - self.issued + len(self.again)

    def take(self) -> int:
        if self.again:
            return self.again.pop()
        self.issued += 1
        return self.issued - 1


class _Simulation:
    def __init__(self, work: Workload, workers: int, way: Way) -> None:
        self.work, self.way = work, way
        self.draws = np.random.default_rng(work.seed)
        self.free: list[tuple[int, _Evaluation | None]] = [(w, None) for w in range(workers)]
        self.workers = workers
        self.waiting: list[_Evaluation] = []
        self.open: list[_Evaluation] = []
        self.running: dict[tuple[int, int], tuple[float, _Evaluation, int]] = {}  # by worker and try
        self.events: list[tuple[float, int, str, int, int]] = []
        self.count, self.valued, self.busy, self.now = 0, 0, 0.0, 0.0
        self.left_in_iteration = 0
        self.iteration = 0

    def run(self) -> Outcome:
        self._begin(0)
        while self.valued < self.work.particles * self.work.iterations:
            self._give()
            self.now, _, kind, worker, token = heapq.heappop(self.events)
            if kind == "back":
                self.free.append((worker, None))
            elif kind in ("done", "lost"):
                self._ended(kind, worker, token)
        return Outcome(self.now, self.busy / (self.now * self.workers))

    def _begin(self, iteration: int) -> None:
        self.iteration, self.left_in_iteration = iteration, self.work.particles
        for particle in range(self.work.particles):
            self.waiting.append(self._evaluation(iteration, particle))

    def _evaluation(self, iteration: int, particle: int) -> _Evaluation:
        work = self.work
        usual = work.draw(self.draws, iteration, particle)
        slow = self.draws.random(len(usual)) < work.slow
        times = [seconds * (work.slowness if late else 1.0) for seconds, late in zip(usual, slow, strict=True)]
        return _Evaluation(particle, iteration, times, usual)

    def _push(self, at: float, kind: str, worker: int, token: int) -> None:
        self.count += 1
        heapq.heappush(self.events, (at, self.count, kind, worker, token))

    def _give(self) -> None:
        """Gives work to all that are free, those first that go on with what they had."""
        free, self.free = sorted(self.free, key=lambda pair: pair[1] is None), []
        for place, (worker, last) in enumerate(free):
            chosen = self._choose(last)
            if chosen is not None:
                self._start(worker, chosen, chosen.take())
            elif self.way != "whole" and (slow := self._slowest()) is not None:
                self._start(worker, *slow)
            elif last is None:  # nor is there anything for the others
                self.free += free[place:]
                return
            else:
                self.free.append((worker, None))

    def _choose(self, last: _Evaluation | None) -> _Evaluation | None:
        if last is not None and last.left:
            return last
        orphans = [e for e in self.open if e.left and not e.lanes]
        if orphans:
            return orphans[0]
        if self.waiting and len(self.open) < self.workers:
            self.open.append(self.waiting.pop(0))
            return self.open[-1]
        if self.way == "whole":
            return None
        return max((e for e in self.open if e.left), key=lambda e: e.left, default=None)

    def _slowest(self) -> tuple[_Evaluation, int] | None:
        """The block that has run longest, and too long, on one worker alone."""
        late = self.now - HEDGE * self.work.usual
        slow = [
            (began, e, b) for began, e, b in self.running.values()
            if began < late and b not in e.done and b not in e.hedged
        ]  # fmt: skip
        if not slow:
            return None
        _, evaluation, block = min(slow, key=lambda s: s[0])
        evaluation.hedged.add(block)
        return evaluation, block

    def _start(self, worker: int, evaluation: _Evaluation, block: int) -> None:
        self.count += 1
        token, evaluation.lanes = self.count, evaluation.lanes + 1
        again = block in evaluation.hedged
        seconds = (evaluation.again_times if again else evaluation.times)[block]
        self.running[worker, token] = (self.now, evaluation, block)
        if self.draws.random() < self.work.lost:
            self._push(self.now + seconds / 2, "lost", worker, token)
        else:
            self._push(self.now + seconds, "done", worker, token)
        if self.way != "whole":
            self._push(self.now + HEDGE * self.work.usual * (1 + 1e-9), "look", worker, token)

    def _ended(self, kind: str, worker: int, token: int) -> None:
        began, evaluation, block = self.running.pop((worker, token))
        evaluation.lanes -= 1
        if kind == "lost":
            if block not in evaluation.done:
                evaluation.again.append(block)
            self._push(self.now + self.work.replaced_after, "back", worker, token)
            return
        if block not in evaluation.done:
            self.busy += self.now - began
            evaluation.done.add(block)
            if len(evaluation.done) == len(evaluation.times):
                self._valued(evaluation)
        self.free.append((worker, evaluation))

    def _valued(self, evaluation: _Evaluation) -> None:
        self.open.remove(evaluation)
        self.valued += 1
        following = evaluation.iteration + 1
        if self.way == "asynchronous" and evaluation.iteration > 0:
            if following < self.work.iterations:
                self.waiting.append(self._evaluation(following, evaluation.particle))
            return
        self.left_in_iteration -= 1
        if not self.left_in_iteration and following < self.work.iterations:
            self._begin(following)


def simulate(work: Workload, workers: int, way: Way) -> Outcome:
    """A search on so many workers: whole candidates, candidates split by blocks, or split and without waiting.

    Whole candidates stay with one worker, and nothing is run again but what was lost. Busy is only what counts: the
    first answer of each block, without what was lost or came second.
    """
    return _Simulation(work, workers, way).run()
