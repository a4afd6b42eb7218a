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
from modelswarms.utilities.bounding import Bounds, filled
from modelswarms.utilities.parsing import Parsing, answer_kind, compat, phrase, same_phrase, stated_answer
from modelswarms.utilities.prompting import Prompting

__all__ = ["ExactMatch"]


@dataclass(frozen=True)
class ExactMatch(Prompting):
    """Share of examples whose stated answer is the right one; the text is read as a person would.

    Attributes:
        max_new_tokens: of an answer.
        which: the ``first`` is what a short answer states; the ``last`` is the number (or yes, or no) that a worked
            solution ends with.
        parsing: ``strict`` reads an answer as a person would. ``compat`` looks for the right answer anywhere in the
            text, as the original program did, and with ``which: last`` among its last words (5 on dev, 10 on test).

    The other keys are those of :class:`~modelswarms.utilities.prompting.Prompting`.

    Raises:
        ConfigError: a value is not allowed; the message names the key.
    """

    max_new_tokens: int = 10
    which: Literal["first", "last"] = "first"
    parsing: Parsing = "strict"
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

    def bounds(self, examples: Sequence[Example], scores: Sequence[float | None]) -> Bounds | None:
        """Of the mean, with scores from the lowest to the highest where they are missing."""
        return filled(self.aggregate, scores, self.range)

    def _scored(self, example: Example, text: str) -> Score:
        if example.answer is None:
            raise EvaluationError(f"example {example.id} has no answer to compare with; give it one.")
        if self.parsing == "compat":
            return self._as_published(example, example.answer, text)
        kind = answer_kind(example.answer)
        if kind == "text" and same_phrase(text, example.answer):
            return Score(1.0, phrase(example.answer), response=text)
        said = stated_answer(text, kind, self.which)
        if said is None:
            return Score.unparsed(response=text)
        return Score(float(kind != "text" and said == stated_answer(example.answer, kind)), said, response=text)

    def _as_published(self, example: Example, answer: str, text: str) -> Score:
        """The original program has no answers that cannot be read: what it searched in is the answer."""
        searched = text.strip() if self.which == "first" else compat.ending(text, example.split or "dev")
        right = compat.contains(searched, answer)
        return Score(float(right), answer if right else searched, response=text)
