"""The whole of a swarm: a few small arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from modelswarms.types import Array

__all__ = ["Extreme", "SwarmState"]


@dataclass(frozen=True, eq=False)
class Extreme:
    """A global best or worst: its value, and the candidate that had it; ``position`` is (G, n)."""

    value: float
    iteration: int
    particle: int
    position: Array

    def __post_init__(self) -> None:
        self.position.flags.writeable = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Extreme:
        """The inverse of :meth:`to_dict`."""
        return cls(data["value"], data["iteration"], data["particle"], _array(data["position"]))


@dataclass(frozen=True, eq=False)
class SwarmState:
    """Positions, velocities and bests of N particles, G groups, n experts.

    Attributes:
        iteration: 0 while the starting particles are evaluated.
        position, velocity, personal_best: (N, G, n).
        personal_best_value: (N,), NaN for a particle that has no value yet.
        stale: (N,) iterations since each personal best improved.
        global_best, global_worst: None until something has a value.
        unimproved: iterations since the global best improved.
        step_length: of the next step.
        centre: (G, n), around which the last positions were drawn in bare bones; NaN before, and with velocity.
    """

    iteration: int
    position: Array
    velocity: Array
    personal_best: Array
    personal_best_value: Array
    stale: Array
    global_best: Extreme | None
    global_worst: Extreme | None
    unimproved: int
    step_length: float
    centre: Array

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON, that give the state back bit for bit; NaN is null."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SwarmState:
        """The inverse of :meth:`to_dict`."""
        arrays = (
            "position",
            "velocity",
            "personal_best",
            "personal_best_value",
            "stale",
            "centre",
        )
        extremes = ("global_best", "global_worst")
        values: dict[str, Any] = dict(data)
        values |= {key: _array(data[key]) for key in arrays}
        values |= {key: None if data[key] is None else Extreme.from_dict(data[key]) for key in extremes}
        return cls(**values)


def _plain(value: Any) -> Any:
    if isinstance(value, Extreme):
        return value.to_dict()
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else repr(value)
    return value


def _array(value: Any) -> Array:
    return np.asarray(_floats(value), dtype=np.float64)


def _floats(value: Any) -> Any:
    if isinstance(value, list):
        return [_floats(v) for v in value]
    return float("nan") if value is None else float(value)
