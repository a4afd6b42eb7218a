"""What a method to compare with is: points to value, one batch after the other, each batch a function of the values."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar, TypeAlias

import numpy as np

from modelswarms.baselines.random_search import Freedom
from modelswarms.errors import AskTellError, ConfigError, MissingExtraError, SearchFailedError
from modelswarms.types import Array, Candidate, Evaluation

__all__ = ["Method", "MethodSearcher", "Proposals", "Start", "best_of"]

Proposals: TypeAlias = Generator[Array, Array, Array | None]
"""Yields points (k, n), is sent their dev values (k,), NaN where there is none; may return the point it ends with."""

FAILURES = 5
"""Evaluations in a row that failed, after which a search of small batches gives up."""

ROUNDING = 1e-12
"""How far a sum may be from 1 and still be 1."""


@dataclass(frozen=True)
class Start:
    """What a method begins with: the experts alone are valued already.

    Attributes:
        values: (n,), each expert's dev value, NaN where it has none.
        evaluations: how many points the method may have valued; what it proposes beyond is cut off.
        seed: of all that it draws.
        freedom: what random mixtures may be; ``simplex`` where coefficients have to add up to 1.
    """

    values: Array
    evaluations: int
    seed: int = 0
    freedom: Freedom = "subsets"

    @property
    def n(self) -> int:
        """The number of experts."""
        return len(self.values)

    @property
    def free(self) -> bool:
        """Whether coefficients may add up to anything."""
        return self.freedom != "simplex"

    @property
    def ranked(self) -> list[int]:
        """The experts from the best to the worst, those without a value left out; ties go to the earlier one."""
        valued = [k for k in range(self.n) if not math.isnan(self.values[k])]
        return sorted(valued, key=lambda k: (-self.values[k], k))

    def admitted(self, points: Array) -> Array:
        """The nearest points that may be asked: all, or those whose coefficients add up to 1."""
        excess = points.sum(axis=1, keepdims=True) - 1.0
        if self.free or (np.abs(excess) <= ROUNDING).all():
            return points
        return np.where(np.abs(excess) <= ROUNDING, points, points - excess / points.shape[1])


@dataclass(frozen=True)
class Method:
    """A method that is a search for a coefficient vector; its fields are its keys.

    Attributes:
        evaluations: dev evaluations in all, the experts alone included; None: as many as the swarm's keys allow.
    """

    evaluations: int | None = None

    title: ClassVar[str] = ""
    """What reports call it."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Packages of the extra ``searchers`` that it is made with."""

    def propose(self, start: Start) -> Proposals:
        """Points to value, batch by batch; the same start and values give the same points, bit for bit."""
        raise NotImplementedError

    def check(self, n_experts: int | None = None) -> None:
        """Raises MissingExtraError where a package is missing, ConfigError where the budget cannot be."""
        for package in self.needs:
            if find_spec(package) is None:
                raise MissingExtraError(
                    f"searcher {self.title}: needs {package}, which is not installed; "
                    "install it: pip install 'modelswarms[searchers]'."
                )
        least = 1 if n_experts is None else n_experts
        if self.evaluations is not None and self.evaluations < least:
            raise ConfigError(
                f"searcher.evaluations: {self.evaluations} is not allowed; give at least the number of experts"
                f"{'' if n_experts is None else f', {n_experts}'}: each of them is valued first."
            )


class MethodSearcher:
    """A method behind ask and tell: the experts alone first, then what it proposes, within its budget.

    The next batch depends on the seed and on the values told so far, so that a run is gone on with by telling it
    what the journal holds. Where coefficients have to add up to 1, what a method proposes is moved to the nearest
    point that does.

    Args:
        n_experts: number of experts n, one coefficient each.
        method: what proposes.
        evaluations: how many points are asked in all; at least n.
        seed: of the method's draws.
        freedom: of the coefficients' sum, as :class:`Start` says.

    Example:
        >>> from modelswarms.baselines import UniformSoup
        >>> searcher = MethodSearcher(2, UniformSoup(), evaluations=10)
        >>> while batch := searcher.ask():
        ...     for candidate in batch:
        ...         searcher.tell(candidate.id, float(candidate.coefficients[0]))
        >>> searcher.best.coefficients.tolist(), searcher.stopped_by
        ([0.5, 0.5], 'converged')
    """

    def __init__(
        self, n_experts: int, method: Method, evaluations: int, seed: int = 0, freedom: Freedom = "subsets"
    ) -> None:
        if evaluations < n_experts:
            raise ConfigError(f"evaluations: {evaluations} is fewer than {n_experts} experts; give at least so many.")
        self.n_experts, self.method, self.evaluations = n_experts, method, evaluations
        self.seed, self.freedom = seed, freedom
        self._start = Start(np.zeros(n_experts), 0, seed, freedom)
        self._proposals: Proposals | None = None
        self._batch: list[Candidate] = []
        self._told: dict[str, float] = {}
        self._all: list[tuple[float, Candidate]] = []
        self._failed, self._asked, self._iteration, self._cut = 0, 0, 0, False
        self._stopped: str | None = None
        self._answer: Candidate | None = None

    def ask(self) -> list[Candidate]:
        """The next points; empty when the method has come to its end or to that of its budget.

        Raises:
            AskTellError: some of the last batch were not told yet.
            SearchFailedError: nothing could be valued any more.
        """
        missing = [c.id for c in self._batch if c.id not in self._told]
        if missing:
            raise AskTellError(f"ask: no value was told yet for {', '.join(missing)}; tell them first.")
        if self._batch and self._failed >= min(len(self._all), max(len(self._batch), FAILURES)):
            raise SearchFailedError(
                f"the last {self._failed} evaluations failed, so the search cannot go on. "
                "Mend the cause; resuming the run tries them again."
            )
        points = self._next()
        if points is None:
            return []
        self._iteration += bool(self._all)
        self._batch = [self._candidate(k, point) for k, point in enumerate(points)]
        self._asked += len(points)
        self._told = {}
        return list(self._batch)

    def tell(self, id: str, value: float | Evaluation | None) -> None:
        """Gives the value of an asked point; None, NaN, an infinity or a failure means that it has none.

        Raises:
            AskTellError: the id is unknown or was told before.
        """
        if id in self._told or id not in {c.id for c in self._batch}:
            raise AskTellError(f"tell: {id!r} is not waiting for a value; tell each asked id once.")
        number = value.value if isinstance(value, Evaluation) else value
        self._told[id] = float(number) if number is not None and math.isfinite(number) else math.nan
        if len(self._told) == len(self._batch):
            for candidate in self._batch:  # in their order, whatever order they were told in
                told = self._told[candidate.id]
                self._failed = self._failed + 1 if math.isnan(told) else 0
                self._all.append((told, candidate))
            self._end_if_spent()

    @property
    def done(self) -> bool:
        """Whether the search is over."""
        return self._stopped is not None

    @property
    def stopped_by(self) -> str | None:
        """``"converged"`` or ``"evaluations"``; None while the search goes on."""
        return self._stopped

    @property
    def iteration(self) -> int:
        """The batch in hand; 0 is the experts alone."""
        return self._iteration

    @property
    def starting_candidates(self) -> list[Candidate]:
        """The experts alone."""
        return [Candidate(f"0000-{k:03d}", k, 0, _fixed(row)) for k, row in enumerate(np.eye(self.n_experts))]

    @property
    def answer(self) -> Candidate | None:
        """The point that the method ended with, where that is another than the best told."""
        return self._answer

    @property
    def best(self) -> Candidate | None:
        """The method's own answer where it has one, else the highest value; ties go to the earlier one."""
        found = self._highest()
        return self._answer or (found[1] if found else None)

    @property
    def best_value(self) -> float | None:
        """The value of the best."""
        best = self.best
        return None if best is None else next(value for value, candidate in self._all if candidate is best)

    @property
    def personal_bests(self) -> list[tuple[Array, float | None]]:
        """None: its points have no past of their own."""
        return []

    def personal_best_value(self, particle: int) -> float | None:
        """The highest value told so far: a point has no past of its own."""
        found = self._highest()
        return found[0] if found else None

    def _highest(self) -> tuple[float, Candidate] | None:
        valued = [pair for pair in self._all if not math.isnan(pair[0])]
        return max(valued, key=lambda pair: pair[0]) if valued else None  # max keeps the first of equals

    def _next(self) -> Array | None:
        """The points of the next batch; None at the end."""
        if self._stopped is not None:
            return None
        if not self._all:
            return np.eye(self.n_experts)
        values = np.array([self._told[c.id] for c in self._batch])
        try:
            if self._proposals is None:
                self._start = Start(values, self.evaluations - self._asked, self.seed, self.freedom)
                self._proposals = self.method.propose(self._start)
                points = next(self._proposals)
            else:
                points = self._proposals.send(values)
        except StopIteration as end:
            self._stopped = "converged"
            self._answer = None if end.value is None else self._asked_at(self._start.admitted(end.value[None])[0])
            return None
        room = self.evaluations - self._asked
        self._cut = len(points) > room
        return self._start.admitted(np.asarray(points, dtype=np.float64))[:room]

    def _end_if_spent(self) -> None:
        """At the end of the budget; a method that has come to its own end says so, and what it ends with."""
        if self._asked >= self.evaluations and (self._cut or self._next() is not None):
            self._stopped = "evaluations"

    def _asked_at(self, point: Array) -> Candidate | None:
        """The first valued candidate at a point."""
        same = (c for value, c in self._all if not math.isnan(value) and np.array_equal(c.coefficients, point))
        return next(same, None)

    def _candidate(self, particle: int, point: Array) -> Candidate:
        return Candidate(f"{self._iteration:04d}-{particle:03d}", particle, self._iteration, _fixed(point))


def _fixed(point: Array) -> Array:
    """A read-only copy."""
    copy: Array = np.array(point, dtype=np.float64)
    copy.flags.writeable = False
    return copy


def best_of(values: Array) -> int | None:
    """The place of the highest value; None where there is none, ties to the earlier one."""
    return None if np.isnan(values).all() else int(np.nanargmax(values))
