"""How much a reward model likes the answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final, Literal

from modelswarms.errors import ConfigError, EvaluationError
from modelswarms.settings import internal
from modelswarms.types import Example, Model, Score
from modelswarms.utilities.classifiers import Exchange, ScoredAnswers
from modelswarms.utilities.prompting import instructed

__all__ = ["LENGTHS", "ORIGINAL", "RewardModel", "Span"]

DEFAULT_MODEL: Final = "Skywork/Skywork-Reward-V2-Qwen3-1.7B"


@dataclass(frozen=True)
class Span:
    """What counts as 0 and as 1. Raises ConfigError where the ends are not finite, or the lower is not below."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ConfigError(
                f"utility.normalisation: low {self.low} and high {self.high} are not allowed; give two finite numbers, "
                "the lower as low."
            )

    def share(self, value: float) -> float:
        """Where a value lies between the ends, 0 to 1; values beyond them count as the ends."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


ORIGINAL: Final = Span(-3.060546875, 2.65625)
"""Rewards of internlm2-7b-reward, by which the original program normalises."""

LENGTHS: Final = Span(10, 201)
"""Tokens of an answer that count as the shortest and the longest."""


@dataclass(frozen=True)
class RewardModel(ScoredAnswers):
    """The mean normalised reward of greedy answers: (reward − low)/(high − low), clipped to [0, 1].

    Attributes:
        mode: ``default``; ``concise`` and ``verbose`` average it with how short, or long, the answer is, (tokens
            − 10)/191 clipped to [0, 1], counted by the reward model's tokenizer; ``reverse`` negates it.
        allow_harmful: whether ``reverse`` may be asked for, which searches what the reward model dislikes most.
        normalisation: ``measured`` takes low and high from the starting experts' answers on dev, before the first
            evaluation; ``original`` those of internlm2-7b-reward; or ``{low, high}``.
        max_new_tokens: of an answer.

    The other keys are those of :class:`~modelswarms.utilities.prompting.Prompting` (what the experts are asked)
    and of :class:`~modelswarms.utilities.classifiers.Classifier` (the reward model).

    Raises:
        ConfigError: a value is not allowed; the message names the key.
    """

    model: str = DEFAULT_MODEL
    mode: Literal["default", "concise", "verbose", "reverse"] = "default"
    allow_harmful: bool = False
    normalisation: Literal["measured", "original"] | Span = "measured"
    constants: Span | None = internal(None)
    name: str = internal("reward_model")

    needs: ClassVar[tuple[str, ...]] = ("a reward model (and a GPU, where it is large)",)

    def __post_init__(self) -> None:
        if self.mode == "reverse" and not self.allow_harmful:
            raise ConfigError(
                "utility.mode: 'reverse' searches for the answers that a reward model likes least, harmful ones among "
                "them; for red-teaming, set utility.allow_harmful: true."
            )
        super().__post_init__()

    @property
    def range(self) -> tuple[float, float]:
        """A share, negated in ``reverse``."""
        return (-1.0, 0.0) if self.mode == "reverse" else (0.0, 1.0)

    def score(self, examples: Sequence[Example], model: Model) -> list[Score]:
        """The normalised reward of each answer; the raw one and the length stand beside it."""
        span, texts = self._span(), self._answers(examples, model)
        rewards, lengths = self._rewards(examples, texts), self.held.lengths(texts)
        return [
            Score(self._value(span.share(reward), length), _said(reward, length), response=text)
            for reward, length, text in zip(rewards, lengths, texts, strict=True)
        ]

    @property
    def needs_constants(self) -> bool:
        """Whether the normalisation is still to be measured."""
        return self.normalisation == "measured" and self.constants is None

    def measure(self, examples: Sequence[Example], model: Model) -> list[dict[str, float]]:
        """The raw reward of each of an expert's answers."""
        return [{"reward": reward} for reward in self._rewards(examples, self._answers(examples, model))]

    def constants_from(self, measured: Sequence[list[dict[str, float]]]) -> dict[str, float]:
        """The lowest and the highest reward; where all are equal, what makes each of them one half."""
        rewards = [figures["reward"] for expert in measured for figures in expert]
        low, high = min(rewards), max(rewards)
        return {"low": low, "high": high} if low < high else {"low": low - 1, "high": high + 1}

    def with_constants(self, constants: Mapping[str, float]) -> RewardModel:
        """The same with its normalisation; the reward model stays loaded."""
        return replace(self, constants=Span(constants["low"], constants["high"]))

    def _span(self) -> Span:
        if isinstance(self.normalisation, Span):
            return self.normalisation
        if self.normalisation == "original":
            return ORIGINAL
        if self.constants is None:
            raise EvaluationError(
                "utility.normalisation: nothing was measured yet; call with_constants first, or give {low, high}."
            )
        return self.constants

    def _answers(self, examples: Sequence[Example], model: Model) -> list[str]:
        requests = [self.request(example, model, self.max_new_tokens) for example in examples]
        return [response.text for response in model.generate(requests)]

    def _rewards(self, examples: Sequence[Example], texts: Sequence[str]) -> list[float]:
        """Rewards of answers to what was asked, without the shown examples and the base's own chat template."""
        asked = [instructed(self.instruction, self.filled(example)) for example in examples]
        return self.held.logits([Exchange(*pair) for pair in zip(asked, texts, strict=True)])

    def _value(self, share: float, length: int) -> float:
        if self.mode == "reverse":
            return -share
        if self.mode == "default":
            return share
        long = LENGTHS.share(length)
        return (share + (long if self.mode == "verbose" else 1 - long)) / 2


def _said(reward: float, length: int) -> str:
    return f"reward {reward:.4g}, {length} {'token' if length == 1 else 'tokens'}"
