"""The swarm behind ask and tell."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal, Self

import numpy as np

from modelswarms.errors import AskTellError, ConfigError, SearchFailedError
from modelswarms.swarm.config import SwarmConfig
from modelswarms.swarm.draws import Draws, draws
from modelswarms.swarm.populate import starting_positions, starting_velocities
from modelswarms.swarm.state import Extreme, SwarmState
from modelswarms.swarm.update import absorb, moving, step, uses_worst
from modelswarms.types import Array, Candidate, Evaluation, Thresholds

__all__ = ["Swarm", "is_bounded", "number_of"]

log = logging.getLogger(__name__)

Phase = Literal["ready", "open", "closed", "failed"]

LARGE_NORM = 1e3
"""Sum of absolute coefficients above which a warning is due: rounding grows with it."""


class Swarm:
    """Particle swarm optimisation over the experts' coefficients (Feng et al. 2024, arXiv 2410.11163).

    ``ask`` gives an iteration's candidates, ``tell`` takes their values in any order; they count
    together when the last one is there. The same seed and values give the same swarm, bit for bit.

    Args:
        n_experts: number of experts n, one coefficient each.
        config: hyperparameters and switches.
        seed: of all draws, from 0 to 2**64 - 1.
        groups: number of coefficient groups G; 1 unless coefficients differ by layer.

    Raises:
        ConfigError: no experts, no groups, or a seed that is out of range.

    Example:
        >>> swarm = Swarm(n_experts=3, config=SwarmConfig(particles=5, max_iterations=4), seed=1)
        >>> while batch := swarm.ask():
        ...     for candidate in batch:
        ...         swarm.tell(candidate.id, -abs(candidate.coefficients[0] - 0.5))
        >>> swarm.done, swarm.best_value > -0.5
        (True, True)
    """

    def __init__(
        self,
        n_experts: int,
        config: SwarmConfig | None = None,
        seed: int = 0,
        groups: int = 1,
    ) -> None:
        for name, value in (("n_experts", n_experts), ("groups", groups)):
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{name}: {value!r} is not allowed; give a whole number of at least 1.")
        if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or not 0 <= seed < 2**64:
            raise ConfigError(f"seed: {seed!r} is not allowed; give a whole number from 0 to 2**64 - 1.")
        self.n_experts, self.groups, self.seed = int(n_experts), int(groups), int(seed)
        self.config = config or SwarmConfig()
        self._state = self._starting_state()
        self._phase: Phase = "ready"
        self._told: dict[str, float | None] = {}
        self._evaluated: set[str] = set()
        self._batch: list[Candidate] = []
        self._warned = False

    def ask(self) -> list[Candidate]:
        """The next candidates to value; empty when the search is over.

        Dropped candidates are left out, and iterations that are dropped as a whole are stepped over.

        Raises:
            AskTellError: some of the last batch were not told yet.
            SearchFailedError: none of the last batch could be valued.
        """
        if self._phase == "open":
            missing = [c.id for c in self._batch if c.id not in self._told]
            raise AskTellError(f"ask: no value was told yet for {', '.join(missing)}; tell them first.")
        if self._phase == "failed":
            raise SearchFailedError(
                f"every evaluation of iteration {self._state.iteration} failed, so the search cannot go on. "
                "Mend the cause; resuming the run tries them again."
            )
        while not self.done:
            self._open_next()
            if self._batch:
                return list(self._batch)
        return []

    def tell(self, id: str, value: float | Evaluation | None) -> None:
        """Gives the value of an asked candidate; higher is better.

        None, NaN, an infinity, or an evaluation with a failure means that it failed: it becomes neither a
        best nor a worst. An evaluation with bounds instead of a value is known not to beat its personal
        best nor to undercut the global worst.

        Raises:
            AskTellError: the id is unknown or was told before, or the value is no number.
        """
        if id in self._told:
            raise AskTellError(f"tell: {id!r} was told before; tell each asked id once.")
        if id not in {c.id for c in self._batch}:
            raise AskTellError(f"tell: {id!r} is not waiting for a value; tell the ids that ask gave last.")
        number = number_of(id, value)
        self._told[id] = number
        if number is not None or is_bounded(value):
            self._evaluated.add(id)
        if len(self._told) == len(self._batch):
            self._close()

    @property
    def done(self) -> bool:
        """Whether the search is over."""
        return self.stopped_by is not None

    @property
    def stopped_by(self) -> str | None:
        """``"patience"`` or ``"max_iterations"``; None while the search goes on."""
        if self._phase != "closed":
            return None
        # the original program compares the last c values of the global best, which is one iteration less
        patience = self.config.patience - (1 if self.config.rules == "original" else 0)
        if self._state.iteration > 0 and self._state.unimproved >= patience:
            return "patience"
        return "max_iterations" if self._state.iteration >= self.config.max_iterations else None

    @property
    def iteration(self) -> int:
        """The iteration in hand; 0 is the starting particles."""
        return self._state.iteration

    @property
    def state(self) -> SwarmState:
        """Positions, velocities and bests, read-only."""
        return self._state

    @property
    def best(self) -> Candidate | None:
        """The candidate with the highest value; ties go to the earlier iteration, then the lower particle."""
        return self._extreme(self._state.global_best)

    @property
    def best_value(self) -> float | None:
        """The highest value."""
        return self._state.global_best.value if self._state.global_best else None

    @property
    def worst(self) -> Candidate | None:
        """The candidate with the lowest value; ties as for the best (under ``original`` rules: the last one)."""
        return self._extreme(self._state.global_worst)

    @property
    def starting_candidates(self) -> list[Candidate]:
        """The starting particles: the experts first, then the base if it is included, then pairs."""
        positions = self._starting_state().position
        return [self._candidate(0, i, position) for i, position in enumerate(positions)]

    @property
    def personal_bests(self) -> list[tuple[Array, float | None]]:
        """Coefficients and value of each particle's best; the value is None where it has none yet."""
        return [
            (self._shaped(p), self.personal_best_value(i)) for i, p in enumerate(self._state.personal_best)
        ]  # fmt: skip

    def personal_best_value(self, particle: int) -> float | None:
        """The highest value that a particle had, None while it has none."""
        value = float(self._state.personal_best_value[particle])
        return None if math.isnan(value) else value

    def to_dict(self) -> dict[str, Any]:
        """Everything the swarm is, in plain values fit for JSON."""
        return {
            "n_experts": self.n_experts,
            "groups": self.groups,
            "seed": self.seed,
            "config": asdict(self.config),
            "state": self._state.to_dict(),
            "phase": self._phase,
            "told": dict(self._told),
            "evaluated": sorted(self._evaluated),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The swarm that :meth:`to_dict` described; it goes on bit for bit as that one would."""
        swarm = cls(
            data["n_experts"],
            SwarmConfig(**data["config"]),
            data["seed"],
            data["groups"],
        )
        swarm._state = SwarmState.from_dict(data["state"])
        swarm._phase = data["phase"]
        swarm._batch = swarm._candidates() if swarm._phase != "ready" else []
        swarm._told, swarm._evaluated = dict(data["told"]), set(data["evaluated"])
        return swarm

    def _starting_state(self) -> SwarmState:
        flat = starting_positions(self.n_experts, self.config, self.seed)
        moving = self.config.starting_velocity == "random"
        velocity = starting_velocities(flat, self.seed) if moving else np.zeros_like(flat)
        shape = (len(flat), self.groups, self.n_experts)
        position = np.broadcast_to(flat[:, None, :], shape).copy()
        return SwarmState(
            iteration=0,
            position=position,
            velocity=np.broadcast_to(velocity[:, None, :], shape).copy(),
            personal_best=position,
            personal_best_value=np.full(len(flat), np.nan),
            stale=np.zeros(len(flat)),
            global_best=None,
            global_worst=None,
            unimproved=0,
            step_length=self.config.step_length,
            centre=np.full((self.groups, self.n_experts), np.nan),
        )

    def _open_next(self) -> None:
        """Moves the particles and draws who is evaluated; an iteration without anyone is closed at once."""
        if self._phase == "closed":
            count = len(self._state.position)
            self._state = step(
                self._state,
                self._draws(self._state.iteration + 1, count),
                self.config,
            )
            self._warn_of_large_coefficients()
        self._told, self._evaluated, self._batch = {}, set(), self._candidates()
        self._phase = "open"
        if not self._batch:
            self._absorb()

    def _draws(self, iteration: int, particles: int) -> Draws:
        if self.config.motion == "bare_bones":
            return draws(self.seed, iteration, particles, normal=(self.groups, self.n_experts))
        return draws(self.seed, iteration, particles, self.n_experts if self.config.draws_per == "coefficient" else 1)

    def _close(self) -> None:
        valued = any(number is not None for number in self._told.values())
        # bounds alone are enough once there is a best to compare with, but not at the start
        if valued or (self._evaluated and self._state.global_best is not None):
            self._absorb()
        else:
            self._phase = "failed"

    def _absorb(self) -> None:
        values = np.full(len(self._state.position), np.nan)
        evaluated = np.zeros(len(values), bool)
        for candidate in self._batch:  # in particle order, whatever order they were told in
            number = self._told[candidate.id]
            values[candidate.particle] = np.nan if number is None else number
            evaluated[candidate.particle] = candidate.id in self._evaluated
        self._state = absorb(self._state, values, evaluated, self.config)
        self._phase = "closed"

    def _candidates(self) -> list[Candidate]:
        """Who is evaluated in this iteration: neither at rest nor dropped nor lost."""
        state = self._state
        wanted = np.asarray(np.isfinite(state.position).all(axis=(1, 2)))
        if state.iteration > 0:
            wanted &= moving(state, self.config)
            drawn = self._draws(state.iteration, len(wanted))
            skipped = drawn.iteration_dropout < self.config.dropout_k
            wanted &= ~(skipped | (drawn.particle_dropout < self.config.dropout_n))
        return [
            self._candidate(state.iteration, int(i), state.position[i], self._thresholds(int(i)))
            for i in np.flatnonzero(wanted)
        ]

    def _candidate(
        self, iteration: int, particle: int, position: Array, thresholds: Thresholds | None = None
    ) -> Candidate:
        return Candidate(f"{iteration:03d}-{particle:03d}", particle, iteration, self._shaped(position), thresholds)

    def _thresholds(self, particle: int) -> Thresholds | None:
        """What a particle's next value has to pass; None while it has no best.

        A value that does not pass its own best is neither that nor the global best, and all else that a swarm does
        (leaders, patience, restarts) looks at bests alone. The worst is looked at by repel, and by nothing else.
        """
        best, worst = self.personal_best_value(particle), self._state.global_worst
        if best is None or worst is None:
            return None
        ties = self.config.rules == "original"
        return Thresholds(best, worst.value, ties) if uses_worst(self.config) else Thresholds(best)

    def _shaped(self, position: Array) -> Array:
        """(G, n), or (n,) with one group; a read-only copy."""
        shaped: Array = (position[0] if self.groups == 1 else position).copy()
        shaped.flags.writeable = False
        return shaped

    def _extreme(self, extreme: Extreme | None) -> Candidate | None:
        return self._candidate(extreme.iteration, extreme.particle, extreme.position) if extreme else None

    def _warn_of_large_coefficients(self) -> None:
        with np.errstate(over="ignore"):
            norm = float(np.nan_to_num(np.abs(self._state.position), nan=np.inf).sum(axis=2).max())
        if norm > LARGE_NORM and not self._warned:
            self._warned = True
            log.warning(
                "absolute coefficients now sum to %.3g: rounding errors grow with them. "
                "A smaller swarm.repel_coeff or swarm.step_length_factor keeps them small.",
                norm,
            )


def number_of(id: str, value: float | Evaluation | None) -> float | None:
    """The finite value, or None where there is none."""
    if isinstance(value, Evaluation):
        if value.candidate != id:
            raise AskTellError(
                f"tell: the evaluation of {value.candidate!r} was told for {id!r}; tell it by its own id."
            )
        value = None if value.failure else value.value
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise AskTellError(
            f"tell: the value of {id!r} is a {type(value).__name__}; tell a number, None or an Evaluation."
        )
    try:
        number = float(value)
    except OverflowError:  # a whole number that is larger than any float is as good as infinite
        return None
    return number if math.isfinite(number) else None


def is_bounded(value: float | Evaluation | None) -> bool:
    """Whether the candidate was evaluated far enough to know that it changes nothing."""
    return isinstance(value, Evaluation) and value.value is None and bool(value.bounds) and not value.failure
