"""How likely texts are to a model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from modelswarms.datasets import DataSet
from modelswarms.errors import ConfigError, EvaluationError
from modelswarms.settings import internal
from modelswarms.types import Example, LoglikelihoodRequest, Model, Score
from modelswarms.utilities.prompting import Prompting

__all__ = ["Perplexity"]


@dataclass(frozen=True)
class Perplexity(Prompting):
    """Minus the mean, over texts, of a text's mean negative log-probability per token, in nats.

    A text's own perplexity is exp of that mean; the value is the logarithm of one over their geometric mean,
    and 0 could not be exceeded.

    Attributes:
        of: ``text``: each question (or prompt) is a text from its beginning, and where it is longer than the base's
            context read in windows, each token predicted once; ``answer``: the answer after the prompt.

    The other keys, which say what the prompt is, are those of :class:`~modelswarms.utilities.prompting.Prompting`.

    Raises:
        ConfigError: a value is not allowed; the message names the key.
    """

    of: Literal["text", "answer"] = "text"
    name: str = internal("perplexity")

    def __post_init__(self) -> None:
        if self.chat and self.of == "text":
            raise ConfigError("utility.chat: a text is read as it is; leave it off, or set utility.of: answer.")
        super().__post_init__()

    @property
    def range(self) -> None:
        """There is no lowest value."""
        return None

    def any_length(self, example: Example) -> bool:
        """Whether it may be longer than the base's context."""
        return self.of == "text"

    def unsuited(self, data: DataSet) -> str | None:
        """Answers are needed where they are what is read, and none may be shown in the prompt."""
        for split, examples in (("dev", data.dev), ("test", data.test)):
            for position, example in enumerate(examples):
                if self.of == "answer" and example.answer is None:
                    return f"{split}[{position}] has no 'answer'; give one, or set utility.of: text."
        return self.shown_among(data)

    def score(self, examples: Sequence[Example], model: Model) -> list[Score]:
        """The mean log-probability of each text's tokens."""
        found = model.loglikelihood([self._request(example, model) for example in examples])
        return [self._scored(e, answer.logprob, answer.tokens) for e, answer in zip(examples, found, strict=True)]

    def aggregate(self, scores: Sequence[float]) -> float:
        """Their mean."""
        return math.fsum(scores) / len(scores)

    def _request(self, example: Example, model: Model) -> LoglikelihoodRequest:
        prompt = self.request(example, model, 1)
        if self.of == "text":
            return LoglikelihoodRequest("", prompt.prompt, special_tokens=prompt.special_tokens)
        gap = "" if self.chat or prompt.prompt[-1:].isspace() else " "
        return LoglikelihoodRequest(prompt.prompt, f"{gap}{example.answer}", special_tokens=prompt.special_tokens)

    @staticmethod
    def _scored(example: Example, logprob: float, tokens: int) -> Score:
        if tokens < 1 or not math.isfinite(logprob):
            raise EvaluationError(
                f"example {example.id} has the log-probability {logprob} over {tokens} tokens, which has no mean; "
                "leave it out, or set engine.dtype: float32."
            )
        mean = logprob / tokens
        return Score(mean, f"perplexity {_power(-mean)}, {tokens} {'token' if tokens == 1 else 'tokens'}")


def _power(exponent: float) -> str:
    """e to the power, where it can be written."""
    return f"{math.exp(exponent):.4g}" if exponent < 700 else f"e^{exponent:.0f}"
