"""A swarm whose particles do not wait for each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final, Self

import numpy as np

from modelswarms.errors import AskTellError, SearchFailedError
from modelswarms.swarm import update
from modelswarms.swarm.config import SwarmConfig
from modelswarms.swarm.optimizer import Swarm, is_bounded, number_of
from modelswarms.swarm.state import Extreme
from modelswarms.types import Array, Candidate, Evaluation, Thresholds

__all__ = ["AsynchronousSwarm", "swarm_of"]

DEAD_END: Final = 2
"""So many failures a particle in a row, and nothing else, and the search cannot go on."""


class AsynchronousSwarm(Swarm):
    """Each particle moves on with the bests told so far, as soon as its own value is told.

    The starting particles are valued together. From then on, :meth:`more` gives the next candidates, a pure function
    of the tells so far and their order: the same tells in the same order give the same candidates, bit for bit. Values
    that arrive in another order give another search.

    Each particle counts its own iterations, which its draws and its step length go by. Patience counts evaluations:
    as many as there are particles that move stand for one iteration.

    Example:
        >>> swarm = AsynchronousSwarm(3, SwarmConfig(particles=5, max_iterations=4, asynchronous=True), seed=1)
        >>> waiting = swarm.ask()
        >>> while waiting:
        ...     candidate = waiting.pop(0)
        ...     swarm.tell(candidate.id, -abs(candidate.coefficients[0] - 0.5))
        ...     waiting += swarm.more()
        >>> swarm.done
        True
    """

    def __init__(self, n_experts: int, config: SwarmConfig | None = None, seed: int = 0, groups: int = 1) -> None:
        super().__init__(n_experts, config or SwarmConfig(asynchronous=True), seed, groups)
        self._moves = np.zeros(len(self._state.position), np.int64)
        self._going: list[int] = []  # particles that move, once the starting ones are valued
        self._free: list[int] | None = None  # those to be moved next; None before
        self._flying: dict[str, Candidate] = {}
        self._centres: dict[int, Array] = {}
        self._failures = 0
        self._stopped: str | None = None

    def ask(self) -> list[Candidate]:
        """The starting candidates, then what :meth:`more` gives. Raises as :meth:`Swarm.ask`."""
        if self._free is None:
            found = super().ask() if self._phase != "closed" else []
            return found if found or self._phase != "closed" else self.more()
        if self._failures >= DEAD_END * max(1, len(self._going)):
            raise SearchFailedError(
                f"the last {self._failures} evaluations failed, so the search cannot go on. Mend the cause; resuming "
                "the run tries them again."
            )
        return self.more()

    def more(self) -> list[Candidate]:
        """The next candidates of all particles that were told; none while the starting ones are valued."""
        if self._phase != "closed":
            return []
        if self._free is None:
            self._going = [int(particle) for particle in np.flatnonzero(update.moving(self._state, self.config))]
            self._free = list(self._going)
        if self._stopped or self._failures >= DEAD_END * max(1, len(self._going)):
            return []
        moved = [self._moved(particle) for particle in self._free]
        self._free = []
        found = [candidate for candidate in moved if candidate is not None]
        self._flying |= {candidate.id: candidate for candidate in found}
        return found

    def tell(self, id: str, value: float | Evaluation | None) -> None:
        """Gives the value of a candidate; later ones build on it. Raises as :meth:`Swarm.tell`."""
        if self._phase != "closed":
            super().tell(id, value)
            return
        candidate = self._flying.get(id)
        if candidate is None:
            raise AskTellError(f"tell: {id!r} is not waiting for a value; tell each asked id once.")
        number = number_of(id, value)
        del self._flying[id]
        assert self._free is not None
        self._free.append(candidate.particle)
        if number is None and not is_bounded(value):
            self._failures += 1
            return
        self._failures = 0
        self._take(candidate, number)
        if self._state.unimproved >= self.config.patience * len(self._going):
            self._stopped = "patience"

    @property
    def iteration(self) -> int:
        """The furthest particle's iteration."""
        return int(self._moves.max())

    @property
    def stopped_by(self) -> str | None:
        """``"patience"`` or ``"max_iterations"``, once nothing is in flight; None while the search goes on."""
        if self._phase != "closed" or self._flying:
            return None
        if self._stopped:
            return self._stopped
        if self._free is None and self.config.max_iterations:
            return None
        over = all(self._moves[particle] >= self.config.max_iterations for particle in self._going)
        return "max_iterations" if over else None

    def to_dict(self) -> dict[str, Any]:
        """Everything the swarm is, in plain values fit for JSON."""
        return {
            **super().to_dict(),
            "moves": self._moves.tolist(),
            "going": self._going,
            "free": self._free,
            "flying": [
                [c.id, c.particle, c.iteration, c.coefficients.tolist(), c.thresholds and asdict(c.thresholds)]
                for c in self._flying.values()
            ],
            "centres": {str(iteration): centre.tolist() for iteration, centre in self._centres.items()},
            "failures": self._failures,
            "stopped": self._stopped,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The swarm that :meth:`to_dict` described; it goes on bit for bit as that one would."""
        swarm = super().from_dict(data)
        assert isinstance(swarm, cls)
        swarm._moves = np.asarray(data["moves"], np.int64)
        swarm._going, swarm._free = data["going"], data["free"]
        swarm._centres = {int(k): np.asarray(v, np.float64) for k, v in data["centres"].items()}
        swarm._failures, swarm._stopped = data["failures"], data["stopped"]
        for id, particle, iteration, coefficients, passed in data["flying"]:
            held = np.asarray(coefficients, np.float64)
            held.flags.writeable = False
            swarm._flying[id] = Candidate(id, particle, iteration, held, Thresholds(**passed) if passed else None)
        return swarm

    def _moved(self, particle: int) -> Candidate | None:
        """The particle's next candidate; None where it has gone as far as it may."""
        while self._moves[particle] < self.config.max_iterations:
            self._step(particle)
            iteration, state = int(self._moves[particle]), self._state
            if not self._dropped(iteration, particle) and np.isfinite(state.position[particle]).all():
                return self._candidate(iteration, particle, state.position[particle], self._thresholds(particle))
        return None

    def _step(self, particle: int) -> None:
        """One particle's move, as if all moved with it: rows of a step have no say in each other."""
        iteration = int(self._moves[particle])
        nowhere = np.full_like(self._state.centre, np.nan)
        seen = replace(
            self._state,
            iteration=iteration,
            step_length=self._step_length(iteration),
            centre=self._centres.get(iteration, nowhere),
        )
        moved = update.step(seen, self._draws(iteration + 1, len(self._moves)), self.config)
        self._centres.setdefault(iteration + 1, moved.centre)
        self._state = replace(
            self._state,
            position=_with_row(self._state.position, moved.position, particle),
            velocity=_with_row(self._state.velocity, moved.velocity, particle),
            stale=_with_row(self._state.stale, moved.stale, particle),
        )
        self._moves[particle] = iteration + 1

    def _step_length(self, iteration: int) -> float:
        """Of the step after so many iterations, decayed as often."""
        length = self.config.step_length
        for _ in range(iteration):
            length = max(self.config.minimum_step_length, self.config.step_length_factor * length)
            if length == self.config.minimum_step_length:
                break
        return length

    def _dropped(self, iteration: int, particle: int) -> bool:
        drawn = self._draws(iteration, len(self._moves))
        skipped = drawn.iteration_dropout < self.config.dropout_k
        return bool(skipped or drawn.particle_dropout[particle] < self.config.dropout_n)

    def _take(self, candidate: Candidate, number: float | None) -> None:
        """Counts one value in."""
        count, particle = len(self._moves), candidate.particle
        values, evaluated = np.full(count, np.nan), np.zeros(count, bool)
        values[particle] = np.nan if number is None else number
        evaluated[particle] = True
        state = update.absorb(replace(self._state, iteration=candidate.iteration), values, evaluated, self.config)
        best = state.global_best
        if (
            best is not None
            and number == best.value
            and (candidate.iteration, particle) < (best.iteration, best.particle)
        ):
            # ties go to the earlier iteration, then the lower particle, as they do in the result
            best = Extreme(number, candidate.iteration, particle, self._state.position[particle].copy())
        self._state = replace(state, iteration=0, global_best=best)


def _with_row(old: Array, new: Array, row: int) -> Array:
    changed = old.copy()
    changed[row] = new[row]
    return changed


def swarm_of(n_experts: int, config: SwarmConfig, seed: int = 0) -> Swarm:
    """The swarm that a configuration means: particles wait for each other, or do not."""
    return (AsynchronousSwarm if config.asynchronous else Swarm)(n_experts, config, seed)
