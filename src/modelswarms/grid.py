"""What a sweep tries: settings with their choices or ranges, and the grid of the paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from modelswarms.errors import ConfigError
from modelswarms.naming import nearest
from modelswarms.settings import key_names
from modelswarms.swarm import SwarmConfig

__all__ = ["PAPER_GRID", "Choices", "Range", "Setting", "SweepConfig", "space_of"]

Sampler = Literal["grid", "random", "tpe"]

PAPER_GRID: Final[Mapping[str, Any]] = MappingProxyType({
    "swarm.inertia": (0.1, 0.2, 0.3),
    "swarm.cognitive_coeff": (0.1, 0.2, 0.3, 0.4, 0.5),
    "swarm.social_coeff": (0.2, 0.3, 0.4, 0.5, 0.6),
    "swarm.repel_coeff": (0.01, 0.05, 0.1),
    "swarm.step_length": (0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
})  # fmt: skip
"""Feng et al. 2024 (arXiv 2410.11163), appendix: 1,350 swarms, of which up to a few hundred are drawn."""


@dataclass(frozen=True)
class SweepConfig:
    """How many searches are tried, with what.

    Attributes:
        trials: searches at most.
        sampler: ``grid`` tries no combination twice, in random order; ``random`` draws each; ``tpe`` is Optuna's
            tree-structured Parzen estimator, which learns from the trials so far after ten random ones.
        parallel: processes that work at once, each with an engine of its own.
        space: what is tried: keys of the swarm, the searcher or the seed, each with a list of values or with
            ``{low, high}``, ``step`` or ``log``; by default the paper's grid.
        prune: a trial whose best dev value is among this lowest share of the complete trials at the same iteration is
            stopped; 0 stops none.
        prune_after: iterations in which no trial is stopped.

    Raises:
        ConfigError: a value is not allowed; the message names the key.
    """

    trials: int = 50
    sampler: Sampler = "tpe"
    parallel: int = 1
    space: Mapping[str, Any] | None = None
    prune: float = 0.25
    prune_after: int = 5

    def __post_init__(self) -> None:
        for key, least in (("trials", 1), ("parallel", 1), ("prune_after", 0)):
            if getattr(self, key) < least:
                raise ConfigError(
                    f"sweep.{key}: {getattr(self, key)} is not allowed; give a whole number of at least {least}."
                )
        if not 0 <= self.prune < 1:
            raise ConfigError(f"sweep.prune: {self.prune} is not allowed; give a share of at least 0 and below 1.")
        ranges = [name for name, setting in space_of(self.space).items() if not setting.values]
        if self.sampler == "grid" and ranges:
            raise ConfigError(
                f"sweep.sampler: grid needs values that can be counted, and {ranges[0]} is a range without step; "
                "give step, a list of values, or another sampler."
            )


@dataclass(frozen=True)
class Choices:
    """One of some values."""

    values: tuple[Any, ...]

    @property
    def ends(self) -> tuple[Any, ...]:
        """What has to be allowed, so that all is."""
        return self.values


@dataclass(frozen=True)
class Range:
    """A number from ``low`` to ``high``: whole where both are, in steps of ``step``, or even in its logarithm."""

    low: float
    high: float
    step: float | None = None
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether it is of whole numbers."""
        return all(isinstance(number, int) for number in (self.low, self.high, 1 if self.step is None else self.step))

    @property
    def values(self) -> tuple[float, ...]:
        """All of them; none where they cannot be counted."""
        step = 1 if self.step is None and self.whole and not self.log else self.step
        if step is None:
            return ()
        count = int((self.high - self.low) / step + 1e-9)
        return tuple(self.low + k * step for k in range(count + 1))

    @property
    def ends(self) -> tuple[Any, ...]:
        """What has to be allowed, so that all is."""
        return (self.low, self.high)


Setting = Choices | Range


def space_of(given: Mapping[str, Any] | None) -> dict[str, Setting]:
    """The settings that are tried, by their dotted keys; the paper's grid where nothing is given.

    Raises:
        ConfigError: a key cannot be swept, or is neither a list of values nor a range.

    Example:
        >>> space_of({"swarm": {"particles": {"low": 10, "high": 30, "step": 10}}})["swarm.particles"].values
        (10, 20, 30)
    """
    if given is None:
        given = PAPER_GRID
    flat = dict(_flat(given, ""))
    if not flat:
        raise ConfigError("sweep.space: holds nothing; give keys with their values, or leave it out for the paper's.")
    for key in flat:
        _check_key(key)
    return {key: _setting(key, value) for key, value in flat.items()}


def _flat(given: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in given.items():
        if isinstance(value, Mapping) and not {"low", "high"} & value.keys():
            found += _flat(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", value))
    return found


def _check_key(key: str) -> None:
    known = [f"swarm.{name}" for name in key_names(SwarmConfig)]
    if key in known or key in ("seed", "searcher") or (key.startswith("searcher.") and key != "searcher."):
        return
    if key == "swarm.preset":
        raise ConfigError("sweep.space: swarm.preset stands for many keys; give those that are to differ.")
    if key.split(".")[0] in ("base", "experts", "utility", "combine", "engine"):
        raise ConfigError(
            f"sweep.space: {key} cannot be swept, since all trials share their evaluations; start a sweep for each."
        )
    raise ConfigError(f"sweep.space: unknown key '{key}'; {nearest(key, [*known, 'seed', 'searcher'])}")


def _setting(key: str, value: Any) -> Setting:
    if isinstance(value, list | tuple):
        plain = all(v is None or isinstance(v, bool | int | float | str) for v in value)
        if plain and value and len({(type(v), v) for v in value}) == len(value):
            return Choices(tuple(value))
    elif isinstance(value, Mapping) and {"low", "high"} <= value.keys() <= {"low", "high", "step", "log"}:
        found = Range(value["low"], value["high"], value.get("step"), value.get("log") or False)
        if _is_range(found):
            return found
    raise ConfigError(
        f"sweep.space: {key}: {_shown(value)} is not allowed; give different values [a, b, ...], or "
        "{low: a, high: b} with step, or with log: true above 0."
    )


def _is_range(found: Range) -> bool:
    numbers = [found.low, found.high, *([] if found.step is None else [found.step])]
    if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers) or not found.low < found.high:
        return False
    if found.log:
        return found.log is True and found.step is None and found.low > 0
    return found.step is None or 0 < found.step <= found.high - found.low


def _shown(value: Any) -> str:
    if not isinstance(value, Mapping):
        return repr(value)
    order = ("low", "high", "step", "log")  # that of the file is lost where a configuration was written anew
    return repr({key: value[key] for key in sorted(value, key=lambda k: (order.index(k) if k in order else 9, str(k)))})
