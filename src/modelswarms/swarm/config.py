"""Settings of the swarm, and the named presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Final, Literal, get_args

from modelswarms.errors import ConfigError

__all__ = ["PRESETS", "SwarmConfig", "preset"]

StartingVelocity = Literal["random", "zero", "best"]
PopulateBy = Literal["interpolation", "sums", "subsets"]
Motion = Literal["bare_bones", "velocity"]
DrawsPer = Literal["particle", "coefficient"]
Rules = Literal["fixed", "original"]


@dataclass(frozen=True)
class SwarmConfig:
    """Hyperparameters and switches of the swarm (Feng et al. 2024, arXiv 2410.11163).

    Attributes:
        particles: number of particles N to fill up to; all experts start, however many they are. In bare bones the
            best N go on from there.
        populate: whether pairs of experts are added until there are ``particles``.
        populate_by: an ``interpolation`` of two experts as published, ``sums`` of two experts' changes, or sums of
            random ``subsets`` of two experts up to half of them and one more.
        include_base: the base model is one more starting particle, and its weight (1 minus the sum) is free.
        motion: ``velocity`` moves as published, by eq. (1) and (2). ``bare_bones`` has no velocity: new positions are
            drawn around the mean of the leaders, in every coefficient as widely as they differ there (after Kennedy
            2003, "Bare bones particle swarms"); then the keys from ``starting_velocity`` to ``minimum_step_length``
            and the restarts are refused.
        leaders: how many of the best personal bests lead; None is the global best alone with velocity, as published,
            and in bare bones two fifths of the particles, then more and more.
        spread: in bare bones, the variance of new positions as a multiple of the leaders' own.
        starting_velocity: towards a ``random`` other particle, ``zero``, or towards the ``best`` one.
        inertia, cognitive_coeff, social_coeff, repel_coeff: the weights of eq. (1).
        weight_randomness: whether each weight is multiplied by a uniform draw, a new one each time.
        draws_per: one draw a ``particle``, as published, or one a ``coefficient`` as is usual in particle swarms:
            then a particle may follow its bests in some experts and not in others, and its sum is free.
        repel: whether the global worst repels.
        step_length, step_length_factor, minimum_step_length: step of eq. (2), its decay and its floor.
        patience: iterations without a better global best after which the search ends.
        restart, restart_patience: whether and after how many iterations without a better personal best a
            particle returns to it.
        max_iterations: iterations at most; 0 evaluates the starting particles only.
        dropout_k, dropout_n: probability that an iteration's evaluations, or one particle's, are skipped.
        rules: ``fixed``, or ``original`` for the original program's behaviour (interpolation weights up to 2,
            restarts at every iteration once stale, patience one short, its ties).
        asynchronous: each particle moves on with the bests so far and waits for no other; what it is depends on the
            order in which values arrive, so two runs may differ.

    Raises:
        ConfigError: a value is not allowed; the message names the key.
    """

    particles: int = 20
    populate: bool = True
    populate_by: PopulateBy = "subsets"
    include_base: bool = True
    motion: Motion = "bare_bones"
    leaders: int | None = None
    spread: float = 1.5
    starting_velocity: StartingVelocity = "random"
    inertia: float = 0.2
    cognitive_coeff: float = 0.3
    social_coeff: float = 0.4
    repel_coeff: float = 0.05
    weight_randomness: bool = True
    draws_per: DrawsPer = "coefficient"
    repel: bool = True
    step_length: float = 1.0
    step_length_factor: float = 0.95
    minimum_step_length: float = 0.1
    patience: int = 10
    restart: bool = True
    restart_patience: int = 5
    max_iterations: int = 50
    dropout_k: float = 0.0
    dropout_n: float = 0.0
    rules: Rules = "fixed"
    asynchronous: bool = False

    def __post_init__(self) -> None:
        for key in ("particles", "patience", "restart_patience", *(("leaders",) if self.leaders is not None else ())):
            self._whole(key, least=1)
        self._whole("max_iterations", least=0)
        for key in (
            "populate",
            "include_base",
            "weight_randomness",
            "repel",
            "restart",
            "asynchronous",
        ):
            self._check(key, isinstance(getattr(self, key), bool), "true or false")
        for key, choices in (
            ("populate_by", PopulateBy),
            ("motion", Motion),
            ("draws_per", DrawsPer),
            ("starting_velocity", StartingVelocity),
            ("rules", Rules),
        ):
            allowed = get_args(choices)
            self._check(
                key,
                getattr(self, key) in allowed,
                " or ".join(repr(a) for a in allowed),
            )
        for key in (
            "inertia",
            "cognitive_coeff",
            "social_coeff",
            "repel_coeff",
            "minimum_step_length",
        ):
            self._number(key, 0.0, _LARGE, "a number of at least 0")
        self._number("spread", _TINY, _LARGE, "a number above 0")
        self._number("step_length", _TINY, _LARGE, "a number above 0")
        self._number("step_length_factor", _TINY, 1.0, "a number above 0 and at most 1")
        for key in ("dropout_k", "dropout_n"):
            self._number(key, 0.0, 1.0 - 2**-53, "a probability of at least 0 and below 1")
        self._check_motion()
        self._check_asynchronous()
        if self.motion == "velocity" and not any(self.coefficients):
            raise ConfigError(
                "swarm.inertia, swarm.cognitive_coeff, swarm.social_coeff and swarm.repel_coeff are all 0 "
                "(or repel is off): nothing would move; give one of them a value above 0."
            )

    @property
    def coefficients(self) -> tuple[float, float, float, float]:
        """Inertia, cognitive, social and repel weight of eq. (1); repel is 0 where it is switched off."""
        return (
            self.inertia,
            self.cognitive_coeff,
            self.social_coeff,
            self.repel_coeff if self.repel else 0.0,
        )

    def leader_count(self, iteration: int) -> int:
        """How many personal bests lead when an iteration has been told.

        In bare bones two fifths of the particles to begin with, when few of them are any good, and one more every
        third iteration: the longer the search, the more it owes to luck on the dev set, which more leaders average out.
        """
        if self.leaders is not None:
            return self.leaders
        if self.motion == "velocity":
            return 1
        return min(self.particles, max(2, 2 * self.particles // 5 + iteration // 3))

    @property
    def free_sum(self) -> bool:
        """Whether a particle's coefficients may sum to something other than 1."""
        if (
            self.include_base
            or self.motion == "bare_bones"
            or (self.weight_randomness and self.draws_per == "coefficient")
        ):
            return True
        return self.populate and self.populate_by != "interpolation"

    def _check_asynchronous(self) -> None:
        if self.asynchronous and self.rules == "original":
            raise ConfigError(
                "swarm.asynchronous: true goes with swarm.rules fixed alone, as the original program knows iterations "
                "only; set swarm.rules to fixed, or leave swarm.asynchronous out."
            )

    def _check_motion(self) -> None:
        """Keys that would be without effect are refused: whoever sets them means the other motion."""
        idle, other = (_BARE_BONES, "bare_bones") if self.motion == "velocity" else (_VELOCITY, "velocity")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in idle and value != field.default:
                raise ConfigError(
                    f"swarm.{field.name}: {value!r} has no effect with motion: {self.motion}; set swarm.motion to "
                    f"{other}{' (or begin with swarm: paper)' if other == 'velocity' else ''}, or leave it out."
                )

    def _check(self, key: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise ConfigError(f"swarm.{key}: {getattr(self, key)!r} is not allowed; give {allowed}.")

    def _whole(self, key: str, least: int) -> None:
        value = getattr(self, key)
        whole = isinstance(value, int) and not isinstance(value, bool)
        self._check(
            key,
            whole and least <= value <= 10**9,
            f"a whole number of at least {least}",
        )

    def _number(self, key: str, low: float, high: float, allowed: str) -> None:
        value = getattr(self, key)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        self._check(key, number and low <= value <= high, allowed)


_BARE_BONES: Final = frozenset({"spread"})
_VELOCITY: Final = frozenset({
    "starting_velocity", "inertia", "cognitive_coeff", "social_coeff", "repel_coeff", "weight_randomness", "repel",
    "step_length", "step_length_factor", "minimum_step_length", "restart", "restart_patience",
})  # fmt: skip

_TINY: Final = 2.0**-1022
_LARGE: Final = 1e12

PRESETS: Final[Mapping[str, SwarmConfig]] = MappingProxyType(
    {
        "default": SwarmConfig(),
        "paper": SwarmConfig(
            populate_by="interpolation", include_base=False, motion="velocity", draws_per="particle", leaders=1
        ),
        "original": SwarmConfig(
            populate_by="interpolation",
            include_base=False,
            motion="velocity",
            draws_per="particle",
            leaders=1,
            inertia=0.4,
            cognitive_coeff=0.3,
            social_coeff=0.3,
            repel_coeff=0.3,
            max_iterations=200,
            rules="original",
        ),
        "light": SwarmConfig(
            populate=False,
            include_base=False,
            motion="velocity",
            draws_per="particle",
            leaders=1,
            dropout_k=0.5,
            dropout_n=0.5,
            patience=5,
            max_iterations=20,
        ),
    }
)
"""``default``; ``paper``, the published settings; ``original``, the first program's; ``light``, for weak machines."""


def preset(name: str) -> SwarmConfig:
    """The preset of that name. Raises ConfigError where there is none."""
    if name not in PRESETS:
        raise ConfigError(f"swarm.preset: unknown preset {name!r}; known: {', '.join(PRESETS)}.")
    return PRESETS[name]
