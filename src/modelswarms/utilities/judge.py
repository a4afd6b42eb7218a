"""How good a chat model, the judge, finds what the examined model answers."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from modelswarms.datasets import DataSet
from modelswarms.errors import ConfigError, EvaluationError
from modelswarms.remote import Chat, Remote, RemoteConfig, Waiting
from modelswarms.settings import internal, required
from modelswarms.types import Example, Model, Score
from modelswarms.utilities.bounding import Bounds, mean_bounds
from modelswarms.utilities.judging import FIELDS, HIGHEST, LOWEST, TEMPLATES, Ask, compared, rated, reference_of
from modelswarms.utilities.prompting import Prompting

__all__ = ["UNRATED", "Judge"]

log = logging.getLogger(__name__)

UNRATED: Final = -1.0
"""The score of an example that the judge did not rate: no rating is that low, and ``aggregate`` leaves it out."""


@dataclass(frozen=True)
class Judge(Prompting):
    """The mean of a chat model's ratings, or the share of examples whose answer it prefers to another one.

    The examined model answers greedily, through its chat template. A reply of the judge that states no rating is
    asked for once more; then the example is left out of the mean and counted as unparsed, and where too many are, the
    evaluation fails. A request that brought no answer fails it as well: neither is ever a score.

    Attributes:
        model: the judge, as its service calls it.
        mode: ``rating``: from 1 to 10; ``pairwise``: against another answer, asked in both orders.
        against: whose that answer is: the data's (``reference``), the ``base``'s, or that of an expert, by its name.
        judge_template: what the judge is asked, with ``{question}``, ``{answer}`` and ``{reference}``, or in
            ``pairwise`` ``{first}`` and ``{second}``; by default the project's own.
        max_new_tokens: of an answer of the examined model.
        parameters: what is sent to the judge beside its name and the messages.
        max_unparsed: the share of examples without a rating above which an evaluation fails.
        parsing: ``strict``, or the original program's rule (``compat``), by which a reply without a rating is a 1.
        remote: where the judge is, how it is asked, and how much.
        answers: those of ``against``, by prompt, once they are known.
        waiting: clocks and sleep of the requests.

    The other keys, those of :class:`~modelswarms.utilities.prompting.Prompting`, make the examined model's prompt.

    Raises:
        ConfigError: a value is not allowed; the message names the key.
    """

    chat: bool = True
    model: str = required("gpt-4o-mini")
    mode: Literal["rating", "pairwise"] = "rating"
    against: str = "reference"
    judge_template: str | None = None
    max_new_tokens: int = 512
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"temperature": 0.0, "max_tokens": 256})
    max_unparsed: float = 0.1
    parsing: Literal["strict", "compat"] = "strict"
    remote: RemoteConfig = field(default_factory=RemoteConfig)
    name: str = internal("judge")
    answers: Mapping[str, str] | None = internal(None)
    waiting: Waiting | None = internal(None)

    needs: ClassVar[tuple[str, ...]] = ("a chat model on a server, its key, and the extra judge",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.model.strip():
            raise ConfigError("utility.model: is empty; give the judge's model, as its service calls it.")
        if self.max_new_tokens < 1:
            raise ConfigError(f"utility.max_new_tokens: {self.max_new_tokens} is not allowed; give at least 1.")
        if not 0 <= self.max_unparsed < 1:
            raise ConfigError(
                f"utility.max_unparsed: {self.max_unparsed} is not allowed; give a share of at least 0 and below 1."
            )
        lacking = [f for f in FIELDS[self.mode] if self.judge_template is not None and f not in self.judge_template]
        if lacking:
            raise ConfigError(
                f"utility.judge_template: has no {lacking[0]}, which the judge has to see in the mode {self.mode}; "
                "put it in."
            )
        if self.parsing == "compat" and self.mode == "pairwise":
            raise ConfigError("utility.parsing: compat is for ratings, the original compared none; give strict.")
        for key in ("model", "messages", "stream"):
            if key in self.parameters:
                raise ConfigError(f"utility.parameters: {key!r} is not one of them; leave it out.")

    @property
    def range(self) -> tuple[float, float]:
        """Ratings lie between 1 and 10, shares between 0 and 1."""
        return (LOWEST, HIGHEST) if self.mode == "rating" else (0.0, 1.0)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the examples that prompts begin with, and of the templates."""
        said = json.dumps([super().fingerprint, self.judge_template, *TEMPLATES.values()])
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def concurrent(self) -> bool:
        """Some answers may be generated while others are judged."""
        return True

    @property
    def opponent(self) -> str | None:
        """Whose answers have to be known before anything is scored; None where the data has them."""
        needed = self.mode == "pairwise" and self.against != "reference" and self.answers is None
        return self.against if needed else None

    def unsuited(self, data: DataSet) -> str | None:
        """The judge needs a key, and where it compares with the data's answers, these have to be there."""
        _ = self._remote
        compares = self.mode == "pairwise" and self.against == "reference"
        if compares or "{reference}" in (self.judge_template or ""):
            for split, examples in (("dev", data.dev), ("test", data.test)):
                for position, example in enumerate(examples):
                    if reference_of(example) is None:
                        remedy = "give one" + (", or write against: base." if compares else ".")
                        return f"{split}[{position}] has no 'answer' that the judge could compare with; {remedy}"
        return self.shown_among(data)

    def open(self, folder: Path) -> None:
        """Keeps the judge's answers and what they cost in the run's folder."""
        self._remote.open(folder)

    def close(self) -> None:
        """Ends the connections."""
        self._remote.close()

    def give_up(self) -> None:
        """Gives up the requests under way."""
        self._remote.give_up()

    def usage(self) -> dict[str, float]:
        """Requests, tokens and cost of the run so far."""
        return self._remote.usage()

    def answered_by(self, examples: Sequence[Example], model: Model) -> dict[str, str]:
        """What a model answers to examples, by prompt."""
        return {self.prompt(e): text for e, text in zip(examples, self._texts(examples, model), strict=True)}

    def with_answers(self, answers: Mapping[str, str]) -> Judge:
        """The judge that compares with these answers; it shares what :meth:`open` made."""
        judge = replace(self, answers=dict(answers))
        judge.__dict__["_remote"] = self._remote
        return judge

    def score(self, examples: Sequence[Example], model: Model) -> list[Score]:
        """Each answer's rating, or its share of the two verdicts; :data:`UNRATED` where the judge gave none.

        Raises:
            EvaluationError: the judge could not be asked, or there is nothing to compare with.
            SearchFailedError: a limit is used up, or the judge cannot be used until something is mended.
        """
        texts = self._texts(examples, model)
        asks = [self._asks(example, text) for example, text in zip(examples, texts, strict=True)]
        worths = iter(self._worths([ask for of_one in asks for ask in of_one]))
        return [_score(text, [next(worths) for _ in of_one]) for text, of_one in zip(texts, asks, strict=True)]

    def aggregate(self, scores: Sequence[float]) -> float:
        """The mean of what was rated. Raises EvaluationError where too little was."""
        found = [score for score in scores if score != UNRATED]
        unrated = len(scores) - len(found)
        if not found or unrated > self.max_unparsed * len(scores):
            raise EvaluationError(
                f"{unrated} of {len(scores)} answers have no rating that can be read from the judge's replies, more "
                f"than utility.max_unparsed ({self.max_unparsed:g}) allows{self._example_of_it()}"
            )
        return math.fsum(found) / len(found)

    def bounds(self, examples: Sequence[Example], scores: Sequence[float | None]) -> Bounds | None:
        """Of the mean of what is rated; None once so much was not that the evaluation is going to fail.

        Whatever else is left out of the mean, it stays between those of the lowest and the highest ratings.
        """
        if scores.count(UNRATED) > self.max_unparsed * len(scores):
            return None
        return mean_bounds([score for score in scores if score != UNRATED], self.range)

    def _texts(self, examples: Sequence[Example], model: Model) -> list[str]:
        return [r.text for r in model.generate([self.request(e, model, self.max_new_tokens) for e in examples])]

    def _asks(self, example: Example, text: str) -> list[Ask]:
        if self.mode == "rating":
            return rated(example, text, self.judge_template, self.parsing)
        other = reference_of(example) if self.against == "reference" else (self.answers or {}).get(self.prompt(example))
        if other is None:
            raise EvaluationError(f"example {example.id}: there is no answer of {self.against} to compare with.")
        return compared(example, text, other, self.judge_template)

    def _worths(self, asks: Sequence[Ask]) -> list[float | None]:
        """What each reply says; one that says nothing is asked for again, once."""
        replies = self._replies(asks)
        worths = [ask.read(reply) for ask, reply in zip(asks, replies, strict=True)]
        silent = [i for i, worth in enumerate(worths) if worth is None]
        if silent:
            further = [asks[i].reminded(replies[i]) for i in silent]
            for i, ask, reply in zip(silent, further, self._replies(further), strict=True):
                worths[i] = ask.read(reply)
                if worths[i] is None:
                    self._unread[:] = [reply]
                    log.info("the judge's reply cannot be read: %r", reply)
        return worths

    def _replies(self, asks: Sequence[Ask]) -> list[str]:
        answers = self._remote.ask([self._chat.question(ask.messages) for ask in asks])
        return [str(answer.content["text"]) for answer in answers]

    def _example_of_it(self) -> str:
        if not self._unread:
            return "."
        reply = " ".join(self._unread[0].split())
        said = f"{reply[:200]!r}" if reply else "nothing at all, perhaps for want of utility.parameters.max_tokens"
        return f"; asked again, it replied: {said}."

    @cached_property
    def _unread(self) -> list[str]:
        """The last reply that could not be read, for the message."""
        return []

    @cached_property
    def _chat(self) -> Chat:
        return Chat(self.model, self.remote, self.remote.key(), self.parameters, self.waiting)

    @cached_property
    def _remote(self) -> Remote:
        return Remote(self._chat, self.remote, self.remote.key(), self.waiting)


def _score(text: str, worths: Sequence[float | None]) -> Score:
    known = [worth for worth in worths if worth is not None]
    if len(known) < len(worths):
        return Score(UNRATED, parsed=False, response=text, counted=False)
    value = math.fsum(known) / len(known)
    return Score(value, f"{value:g}", response=text)
