"""The method, on one page. Rows are particles, then groups, then experts."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from modelswarms.swarm.config import SwarmConfig
from modelswarms.swarm.draws import Draws
from modelswarms.swarm.state import Extreme, SwarmState
from modelswarms.types import Array

__all__ = ["absorb", "moving", "restart_stale", "sampled", "step", "uses_worst", "velocity"]

LEAST_SPREAD: Final = 0.02
"""Of the mean variance over all coefficients, added to each: none is settled for good because the leaders agree."""


def step(state: SwarmState, draws: Draws, config: SwarmConfig) -> SwarmState:
    """The next positions: Feng et al. 2024, eq. (2), or drawn in bare bones."""
    if config.motion == "bare_bones":
        return sampled(state, draws, config)
    state = restart_stale(state, config)
    with np.errstate(over="ignore", invalid="ignore"):  # a position that is not finite is a failed candidate
        v = velocity(state, draws, config)
        position = state.position + state.step_length * v
    decayed = max(config.minimum_step_length, config.step_length_factor * state.step_length)
    return replace(
        state,
        iteration=state.iteration + 1,
        velocity=v,
        position=position,
        step_length=decayed,
    )


def velocity(state: SwarmState, draws: Draws, config: SwarmConfig) -> Array:
    """Velocities after one step, Feng et al. 2024, eq. (1).

    A convex mix of four directions, its weights drawn anew for each particle, so every velocity stays a
    difference of models: rows keep their sum, unless every coefficient has draws of its own. A particle without a
    value yet has no best to return to.
    """
    if state.global_best is None or state.global_worst is None:
        raise ValueError("no particle has a value yet, so there is no global best to move to")
    x = state.position
    weight = np.asarray(config.coefficients)[:, None] * (draws.weights if config.weight_randomness else 1.0)
    weight = np.broadcast_to(weight, (len(x), 4, weight.shape[-1]))
    weight = weight / weight.sum(axis=1, keepdims=True)
    per_direction = np.moveaxis(weight, 1, 0)[:, :, None, :]  # (4, particles, 1, width), as the directions are
    own = np.where(np.isnan(state.personal_best_value)[:, None, None], x, state.personal_best)
    # without repel it must not matter at all which the worst is, as it is not looked for then
    away = x - state.global_worst.position if uses_worst(config) else np.zeros_like(x)
    towards = np.stack([state.velocity, own - x, _leading(state, config) - x, away])
    mixed: Array = (per_direction * towards).sum(axis=0)
    return mixed


def uses_worst(config: SwarmConfig) -> bool:
    """Whether the global worst has a say in where particles move."""
    return config.motion == "velocity" and config.coefficients[3] > 0


def sampled(state: SwarmState, draws: Draws, config: SwarmConfig) -> SwarmState:
    """Positions drawn around the leaders, in every coefficient as widely as they differ there.

    After Kennedy 2003 ("Bare bones particle swarms", IEEE SIS), who draws each coefficient from a normal distribution
    between two bests, as wide as their distance. Here many bests lead: the centre is their mean, better ones
    counting for more (logarithmic weights, as in CMA-ES: Hansen 2016, arXiv 1604.00772, eq. (49)), which averages
    out what a best owes to luck on the dev set. Their spread is measured from half-way between this centre and the
    last one, so that it grows along the way that the swarm is going.
    """
    if state.global_best is None or draws.normals is None:
        raise ValueError("no particle has a value yet, so there is nothing to draw positions around")
    leaders = state.personal_best[_ranked(state)[: config.leader_count(state.iteration)]]
    rank = [math.log(len(leaders) + 0.5) - math.log(k) for k in range(1, len(leaders) + 1)]
    weight = (np.asarray(rank) / math.fsum(rank))[:, None, None]
    centre = (weight * leaders).sum(axis=0)
    before = np.where(np.isnan(state.centre), centre, state.centre)
    variance = (weight * (leaders - (before + centre) / 2) ** 2).sum(axis=0)
    variance = config.spread * (variance + LEAST_SPREAD * variance.mean(axis=-1, keepdims=True))
    going = moving(state, config)[:, None, None]
    position = np.where(going, centre + np.sqrt(variance) * draws.normals, state.position)
    return replace(
        state,
        iteration=state.iteration + 1,
        velocity=position - state.position,
        position=position,
        centre=centre,
    )


def moving(state: SwarmState, config: SwarmConfig) -> npt.NDArray[np.bool_]:
    """(N,), which particles move: all of them, or in bare bones the best where more have started than are wanted.

    Once the starting particles are valued it is always the same ones.
    """
    moving = np.ones(len(state.position), bool)
    if config.motion == "bare_bones":
        order = np.argsort(-state.personal_best_value, kind="stable")  # those without a value are last
        moving[order[config.particles :]] = False
    return moving


def _ranked(state: SwarmState) -> npt.NDArray[np.int_]:
    """Particles by personal best, the best first, ties to the lower index; those without a value are left out."""
    valued = np.flatnonzero(~np.isnan(state.personal_best_value))
    ranked: npt.NDArray[np.int_] = valued[np.argsort(-state.personal_best_value[valued], kind="stable")]
    return ranked


def _leading(state: SwarmState, config: SwarmConfig) -> Array:
    """Where the social term leads: the mean of the best personal bests, or the global best alone."""
    assert state.global_best is not None
    if config.leader_count(state.iteration) == 1:
        return state.global_best.position
    mean: Array = state.personal_best[_ranked(state)[: config.leader_count(state.iteration)]].mean(axis=0)
    return mean


def restart_stale(state: SwarmState, config: SwarmConfig) -> SwarmState:
    """Particles long without progress return to their personal best and stand still; so do lost ones.

    Under the original rules the counter runs on, so that a stale particle restarts at every iteration.
    """
    lost = np.asarray(~np.isfinite(state.position).all(axis=(1, 2)))
    stale = (state.stale >= config.restart_patience) if config.restart else np.zeros_like(lost)
    back = (stale | lost) & ~np.isnan(state.personal_best_value)
    counter = state.stale if config.rules == "original" else np.where(back, 0.0, state.stale)
    rows = back[:, None, None]
    return replace(
        state,
        position=np.where(rows, state.personal_best, state.position),
        velocity=np.where(rows, 0.0, state.velocity),
        stale=counter,
    )


def absorb(state: SwarmState, values: Array, evaluated: npt.NDArray[np.bool_], config: SwarmConfig) -> SwarmState:
    """The state once this iteration's values are known.

    Args:
        values: (N,), NaN where there is none: dropped, failed, or only bounded.
        evaluated: (N,), whether a particle was evaluated; bounded ones were, without becoming a best.
    """
    original = config.rules == "original"
    counts = np.ones(len(values), bool) if original else np.asarray(evaluated, bool)
    first = state.iteration == 0
    better = ~np.isnan(values) & (np.isnan(state.personal_best_value) | (values > state.personal_best_value))
    best = _extreme(state, values, +1, state.global_best, later_wins=False)
    worst = _extreme(state, values, -1, state.global_worst, later_wins=original)
    improved = best is not state.global_best
    idle = state.unimproved + (1 if counts.any() and not first else 0)
    state = replace(
        state,
        personal_best=np.where(better[:, None, None], state.position, state.personal_best),
        personal_best_value=np.where(better, values, state.personal_best_value),
        stale=np.where(better, 0.0, state.stale + (0.0 if first else counts.astype(float))),
        global_best=best,
        global_worst=worst,
        unimproved=0 if improved else idle,
    )
    if first and config.starting_velocity == "best" and best is not None:
        return replace(state, velocity=best.position - state.position)
    return state


def _extreme(
    state: SwarmState,
    values: Array,
    sign: int,
    before: Extreme | None,
    later_wins: bool,
) -> Extreme | None:
    """The highest (sign +1) or lowest value so far; ties go to the earlier iteration, then the lower index.

    ``later_wins`` turns ties round, as the original program does for the worst.
    """
    found = before
    for particle, value in enumerate(values):
        if np.isnan(value):
            continue
        ahead = found is None or sign * (value - found.value) > 0 or (later_wins and value == found.value)
        if ahead:
            found = Extreme(float(value), state.iteration, particle, state.position[particle].copy())
    return found
