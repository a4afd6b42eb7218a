"""Share of multiple-choice questions answered rightly: by what a model writes, or by what it finds likeliest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from modelswarms.datasets import DataSet
from modelswarms.errors import ConfigError, EvaluationError
from modelswarms.settings import internal
from modelswarms.types import Example, Loglikelihood, LoglikelihoodRequest, Model, Score
from modelswarms.utilities.bounding import Bounds, filled
from modelswarms.utilities.parsing import Parsing, compat, stated_option
from modelswarms.utilities.prompting import Prompting

__all__ = ["AFTER_EXAMPLE", "COMPLETES", "INSTRUCTION", "MultipleChoice"]

INSTRUCTION: Final = "Please choose an option that best answers the question."
COMPLETES: Final = "Please choose an option that best completes the sentence."
"""The instructions of the published runs; the second is HellaSwag's."""

_TEMPLATE: Final = "Question: {question}\n{choices}\nThe answer is"
AFTER_EXAMPLE: Final = f"{{icl_prompt}}\n{_TEMPLATE}"
"""The template of data that bring an in-context example."""


@dataclass(frozen=True)
class MultipleChoice(Prompting):
    """Share of examples of which the right option is chosen.

    The prompt is that of the published runs, "The answer is" at its end.

    Attributes:
        by: ``answer`` reads the option that the model writes; ``likelihood`` takes the option that it finds likeliest
            to follow.
        max_new_tokens: of an answer.
        parsing: ``strict`` reads an answer as a person would; ``compat`` as the original program did.
        option: what of an option is to follow, its ``letter`` or its ``text``; by likelihood only.
        normalise: what an option's log-likelihood is divided by, so that long texts are not at a disadvantage:
            its number of ``tokens``, ``characters`` or UTF-8 ``bytes``; ``none`` takes it as it is. By likelihood only.

    The other keys are those of :class:`~modelswarms.utilities.prompting.Prompting`.

    Raises:
        ConfigError: a value is not allowed; the message names the key.

    Example:
        >>> MultipleChoice().prompt(Example("1", "What is 1 + 1?", "B", {"A": "1", "B": "2"})).splitlines()[1:]
        ['Question: What is 1 + 1?', 'A: 1', 'B: 2', 'The answer is']
    """

    template: str = _TEMPLATE
    instruction: str | None = INSTRUCTION
    max_new_tokens: int = 10
    by: Literal["answer", "likelihood"] = "answer"
    parsing: Parsing = "strict"
    option: Literal["letter", "text"] = "letter"
    normalise: Literal["none", "tokens", "characters", "bytes"] = "none"
    name: str = internal("multiple_choice")

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise ConfigError(f"utility.max_new_tokens: {self.max_new_tokens} is not allowed; give at least 1.")
        if self.by == "answer":
            for key, default in (("option", "letter"), ("normalise", "none")):
                if getattr(self, key) != default:
                    raise ConfigError(
                        f"utility.{key}: {getattr(self, key)!r} needs by: likelihood; give that, or leave it out."
                    )
        elif self.parsing != "strict":
            raise ConfigError("utility.parsing: by likelihood, no text is read; leave it out, or give by: answer.")
        super().__post_init__()

    @property
    def range(self) -> tuple[float, float]:
        """Shares lie between 0 and 1."""
        return 0.0, 1.0

    def unsuited(self, data: DataSet) -> str | None:
        """Every example needs options and the right one, and none may be shown in the prompt."""
        if "{icl_prompt}" in self.template and data.icl_prompt is None:
            return "has no 'icl_prompt', which utility.template asks for; add it, or give another template."
        for split, examples in (("dev", data.dev), ("test", data.test)):
            for position, example in enumerate(examples):
                if not example.choices:
                    return f"{split}[{position}] has no 'choices'; multiple_choice asks for one of them: give some."
                if example.answer is None:
                    return f"{split}[{position}] has no 'answer'; multiple_choice compares with it: give the right one."
        return self.shown_among(data)

    def score(self, examples: Sequence[Example], model: Model) -> list[Score]:
        """1 where the right option is chosen, else 0; an answer that states none counts as unparsed."""
        if self.by == "likelihood":
            return self._by_likelihood(examples, model)
        responses = model.generate([self.request(example, model, self.max_new_tokens) for example in examples])
        return [self.read(e, response.text) for e, response in zip(examples, responses, strict=True)]

    def aggregate(self, scores: Sequence[float]) -> float:
        """Their mean."""
        return math.fsum(scores) / len(scores)

    def bounds(self, examples: Sequence[Example], scores: Sequence[float | None]) -> Bounds | None:
        """Of the mean, with scores from the lowest to the highest where they are missing."""
        return filled(self.aggregate, scores, self.range)

    def read(self, example: Example, text: str) -> Score:
        """The score of what the model wrote."""
        read = stated_option if self.parsing == "strict" else compat.option
        chosen = read(text, example.choices or {})
        if chosen is None:
            return Score.unparsed(response=text)
        return Score(float(chosen == example.answer), chosen, response=text)

    def _by_likelihood(self, examples: Sequence[Example], model: Model) -> list[Score]:
        """All options of all examples in one call; of equally likely ones, the first."""
        requests = [request for example in examples for request in self._continuations(example, model)]
        answers = iter(model.loglikelihood(requests))
        texts = iter(requests)
        scores = []
        for example in examples:
            values = {key: self._normalised(next(answers), next(texts).continuation) for key in example.choices or {}}
            chosen = max(values, key=values.__getitem__)
            said = ", ".join(f"{key}: {value:.4f}" for key, value in values.items())
            scores.append(Score(float(chosen == example.answer), chosen, response=said))
        return scores

    def _continuations(self, example: Example, model: Model) -> list[LoglikelihoodRequest]:
        if not example.choices:
            raise EvaluationError(f"example {example.id} has no choices; give it some.")
        request = self.request(example, model, self.max_new_tokens)
        space = "" if request.prompt[-1:].isspace() else " "
        said = example.choices.keys() if self.option == "letter" else example.choices.values()
        return [LoglikelihoodRequest(request.prompt, space + text, request.special_tokens) for text in said]

    def _normalised(self, found: Loglikelihood, text: str) -> float:
        text = text.strip()
        sizes = {"none": 1, "tokens": found.tokens, "characters": len(text), "bytes": len(text.encode())}
        return found.logprob / max(1, sizes[self.normalise])
