"""Share of examples answered rightly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from modelswarms.datasets import DataSet
from modelswarms.errors import ConfigError, EvaluationError
from modelswarms.settings import internal
from modelswarms.types import Example, Model, Score
from modelswarms.utilities.parsing import answer_kind, stated_answer
from modelswarms.utilities.prompting import Prompting

__all__ = ["ExactMatch"]


@dataclass(frozen=True)
class ExactMatch(Prompting):
    """Share of examples whose stated answer is the right one; the text is read as a person would.

    Attributes:
        max_new_tokens: of an answer.
        which: the ``first`` or the ``last`` number (or yes, or no) counts.

    The other keys are those of :class:`~modelswarms.utilities.prompting.Prompting`.

    Raises:
        ConfigError: a value is not allowed; the message names the key.
    """

    max_new_tokens: int = 10
    which: Literal["first", "last"] = "first"
    name: str = internal("exact_match")

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise ConfigError(f"utility.max_new_tokens: {self.max_new_tokens} is not allowed; give at least 1.")
        super().__post_init__()

    @property
    def range(self) -> tuple[float, float]:
        """Shares lie between 0 and 1."""
        return 0.0, 1.0

    def unsuited(self, data: DataSet) -> str | None:
        """Every example needs an answer to compare with, and none may be shown in the prompt."""
        for split, examples in (("dev", data.dev), ("test", data.test)):
            for position, example in enumerate(examples):
                if example.answer is None:
                    return f"{split}[{position}] has no 'answer'; exact_match compares with it: give the right one."
        return self.shown_among(data)

    def score(self, examples: Sequence[Example], model: Model) -> list[Score]:
        """1 where the stated answer is the right one, else 0; no answer counts as unparsed."""
        responses = model.generate([self.request(example, model, self.max_new_tokens) for example in examples])
        return [self._scored(e, response.text) for e, response in zip(examples, responses, strict=True)]

    def aggregate(self, scores: Sequence[float]) -> float:
        """Their mean."""
        return math.fsum(scores) / len(scores)

    def _scored(self, example: Example, text: str) -> Score:
        if example.answer is None:
            raise EvaluationError(f"example {example.id} has no answer to compare with; give it one.")
        kind = answer_kind(example.answer)
        said = stated_answer(text, kind, self.which)
        if said is None:
            return Score.unparsed(response=text)
        return Score(float(said == stated_answer(example.answer, kind)), said, response=text)
