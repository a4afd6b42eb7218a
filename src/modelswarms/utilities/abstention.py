"""Multiple choice where a wrong answer costs as much as a right one gains, and saying nothing costs nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from modelswarms.datasets import DataSet
from modelswarms.errors import ConfigError
from modelswarms.settings import internal
from modelswarms.types import Example, Model, Request, Score
from modelswarms.utilities.bounding import Bounds, mean_bounds
from modelswarms.utilities.combining import Combination
from modelswarms.utilities.multiple_choice import MultipleChoice
from modelswarms.utilities.parsing import Parsing, compat, stated_truth
from modelswarms.utilities.prompting import Prompting

__all__ = ["ABSTAINS", "Abstention"]

ABSTAINS: Final = "abstains"
"""The answer of an example that the model withdraws its answer to."""

_REFLECTION: Final = "Proposed answer: {answer}\nIs the proposed answer true or false? Say only true or false:"


@dataclass(frozen=True)
class Abstention(Prompting):
    """Effective reliability: (right answers − wrong ones)/all, from −1 to 1; an abstention counts 0.

    The model answers, as in :class:`~modelswarms.utilities.multiple_choice.MultipleChoice`, and is then asked whether
    its answer is true: one that it calls false it abstains from. Both turns are asked of a whole block at once.

    Attributes:
        reflection: the second turn, with ``{answer}``; it follows the first prompt on a line of its own, and in a chat
            it is the next turn after the answer.
        max_new_tokens: of an answer, and of what is said of it.
        parsing: ``strict`` reads both as a person would; ``compat`` as the original program did.

    The other keys are those of :class:`~modelswarms.utilities.prompting.Prompting`. What cannot be read counts as
    unparsed: an answer that states no option is wrong unless it is abstained from, and one of which neither
    true nor false is said stands.

    Raises:
        ConfigError: a value is not allowed; the message names the key.
    """

    template: str = MultipleChoice.template
    instruction: str | None = MultipleChoice.instruction
    reflection: str = _REFLECTION
    max_new_tokens: int = 10
    parsing: Parsing = "strict"
    name: str = internal("abstention")

    def __post_init__(self) -> None:
        if "{answer}" not in self.reflection:
            raise ConfigError(
                f"utility.reflection: {self.reflection!r} has no {{answer}}; put it where the proposed answer goes."
            )
        super().__post_init__()
        self._choosing()

    @property
    def range(self) -> tuple[float, float]:
        """All wrong to all right."""
        return -1.0, 1.0

    def unsuited(self, data: DataSet) -> str | None:
        """Every example needs options and the right one, and none may be shown in the prompt."""
        return self._choosing().unsuited(data)

    def score(self, examples: Sequence[Example], model: Model) -> list[Score]:
        """1 for a right answer, −1 for a wrong one, 0 for an abstention."""
        first = [self.request(example, model, self.max_new_tokens) for example in examples]
        said = [response.text for response in model.generate(first)]
        asked = zip(examples, first, said, strict=True)
        second = [self._second(example, request, text, model) for example, request, text in asked]
        verdicts = [response.text for response in model.generate(second)]
        choosing = self._choosing()
        return [
            self._scored(choosing.read(example, text), text, verdict)
            for example, text, verdict in zip(examples, said, verdicts, strict=True)
        ]

    def aggregate(self, scores: Sequence[float]) -> float:
        """Their mean: effective reliability."""
        return math.fsum(scores) / len(scores)

    def bounds(self, examples: Sequence[Example], scores: Sequence[float | None]) -> Bounds | None:
        """Of the mean, which the value equals but for the rounding of :meth:`combine`."""
        return mean_bounds(scores, self.range)

    def parts(self, examples: Sequence[Example], scores: Sequence[float]) -> dict[str, float]:
        """``answered``: the share without an abstention; ``accuracy``: right ones among those, where there are any."""
        answered = [score for score in scores if score]
        found = {"answered": len(answered) / len(scores)}
        return {**found, "accuracy": sum(s > 0 for s in answered) / len(answered)} if answered else found

    def combine(self, parts: Mapping[str, float]) -> float:
        """Effective reliability once more: answered · (2 · accuracy − 1)."""
        return parts["answered"] * (2 * parts["accuracy"] - 1) if "accuracy" in parts else 0.0

    @property
    def combination(self) -> Combination:
        """Its value is the mean of its scores, whatever stands beside it."""
        return Combination(of_scores=True)

    def _choosing(self) -> MultipleChoice:
        """The first turn alone."""
        return MultipleChoice(
            template=self.template,
            instruction=self.instruction,
            few_shot=self.few_shot,
            shots=self.shots,
            stop=self.stop,
            chat=self.chat,
            system=self.system,
            max_new_tokens=self.max_new_tokens,
            parsing=self.parsing,
        )

    def _second(self, example: Example, first: Request, answer: str, model: Model) -> Request:
        """The second turn, after the first with its answer."""
        asked = self.reflection.replace("{answer}", answer.strip())
        if not self.chat:
            return replace(first, prompt=f"{first.prompt}\n{asked}")
        turns = [{"role": "assistant", "content": answer.strip()}, {"role": "user", "content": asked}]
        return replace(first, prompt=model.render_chat([*self.messages(example), *turns]))

    def _scored(self, chosen: Score, answer: str, verdict: str) -> Score:
        stands = not compat.abstains(verdict) if self.parsing == "compat" else stated_truth(verdict)
        both = f"{answer.strip()}\n[{verdict.strip()}]"
        if stands is False:
            return Score(0.0, ABSTAINS, response=both)
        value = 1.0 if chosen.value > 0 else -1.0
        return Score(value, chosen.answer, chosen.parsed and stands is not None, response=both)
