"""The algorithm: particle swarm optimisation over coefficients. Needs numpy and nothing else."""

from modelswarms.swarm.asynchronous import AsynchronousSwarm, swarm_of
from modelswarms.swarm.config import PRESETS, SwarmConfig, preset
from modelswarms.swarm.draws import Draws, draws, uniforms
from modelswarms.swarm.optimizer import Swarm
from modelswarms.swarm.populate import starting_positions, starting_velocities
from modelswarms.swarm.state import Extreme, SwarmState
from modelswarms.swarm.update import absorb, restart_stale, step, velocity

__all__ = [
    "AsynchronousSwarm",
    "Draws",
    "Extreme",
    "PRESETS",
    "Swarm",
    "SwarmConfig",
    "SwarmState",
    "absorb",
    "draws",
    "preset",
    "restart_stale",
    "starting_positions",
    "starting_velocities",
    "step",
    "swarm_of",
    "uniforms",
    "velocity",
]
