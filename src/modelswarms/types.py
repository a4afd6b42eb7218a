"""The vocabulary that every other module speaks.

Arrays are numpy float64. ``n`` is the number of experts, ``G`` the number of coefficient groups
(1 unless coefficients differ by layer).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

__all__ = [
    "Array",
    "Candidate",
    "Evaluation",
    "Example",
    "Loglikelihood",
    "LoglikelihoodRequest",
    "Model",
    "Request",
    "Response",
    "RunSearcher",
    "Score",
    "Searcher",
    "Split",
    "Thresholds",
    "Utility",
]

Array: TypeAlias = npt.NDArray[np.float64]
Split: TypeAlias = Literal["dev", "test"]


@dataclass(frozen=True)
class Thresholds:
    """What a value has to pass to change anything, known before it is asked for.

    Attributes:
        best: only a value above it can become a best.
        worst: only a value below it can become the worst; None where no worst is used.
        ties_worst: whether a value that equals the worst takes its place.
    """

    best: float
    worst: float | None = None
    ties_worst: bool = False

    def settle(self, low: float, high: float) -> bool:
        """Whether a value between two bounds changes nothing, wherever between them it lies.

        Example:
            >>> Thresholds(best=0.5, worst=0.2).settle(0.2, 0.5), Thresholds(best=0.5).settle(0.0, 0.6)
            (True, False)
        """
        if not high <= self.best:  # also where it is not a number
            return False
        return self.worst is None or low > self.worst or (low == self.worst and not self.ties_worst)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A point that a searcher wants valued.

    Attributes:
        id: unique within a run; sorts in evaluation order (``"003-017"``: iteration 3, particle 17).
        particle: index of the particle, from 0.
        iteration: 0 for the starting particles.
        coefficients: weight of each expert, read-only; shape (n,) with one group, (G, n) with more.
        thresholds: what its value has to pass to matter; None where its exact value is wanted.
    """

    id: str
    particle: int
    iteration: int
    coefficients: Array
    thresholds: Thresholds | None = None


@dataclass(frozen=True)
class Example:
    """One item of a data set; ``choices`` maps option letters to texts where there are options.

    ``task`` is the part that it belongs to, in a data set of several tasks; ``split`` is where it stands in the data.
    """

    id: str
    question: str
    answer: str | None = None
    choices: Mapping[str, str] | None = None
    domain: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    task: str | None = None
    split: Split | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Request:
    """A prompt to continue greedily.

    Attributes:
        prompt: the text as the model sees it (apply the chat template first, where one is wanted).
        max_new_tokens: at most so many tokens are generated; generation ends earlier at end-of-text.
        stop: generation ends when the answer contains one of these; it is cut before it.
        special_tokens: whether the tokenizer adds its own (BOS), where the prompt does not begin with it already.
        truncate: a prompt that does not fit the context beside its answer loses its beginning; otherwise that is
            an error.
    """

    prompt: str
    max_new_tokens: int = 10
    stop: tuple[str, ...] = ()
    special_tokens: bool = True
    truncate: bool = False


@dataclass(frozen=True)
class Response:
    """What the model answered, and what it cost.

    ``margin`` is the smallest difference between the two highest logits over the generated
    positions: below about 1e-4, another batching may give another answer.
    """

    text: str
    prompt_tokens: int = 0
    new_tokens: int = 0
    margin: float = float("inf")


@dataclass(frozen=True)
class LoglikelihoodRequest:
    """How likely is ``continuation`` after ``context``?

    Both are encoded together, and white space at the end of the context counts as the continuation's.

    Attributes:
        context: may be empty: the continuation then begins a text, after the token that the model family begins
            texts with (or end-of-text, where it has no other), and may have any length: what does not fit the
            model's context is read in windows that overlap as much as they can.
        special_tokens: whether the tokenizer adds its own (BOS), where the text does not begin with it already.
        scores_special_tokens: with an empty context, whether they are predicted as well, which is how
            lm-evaluation-harness reads whole texts; otherwise they are what the continuation follows.
        truncate: a context that does not fit beside its continuation loses its beginning; otherwise that is an error.
    """

    context: str
    continuation: str
    special_tokens: bool = True
    scores_special_tokens: bool = False
    truncate: bool = False


@dataclass(frozen=True)
class Loglikelihood:
    """Summed log-probability in nats of the continuation's tokens; whether each was the greedy choice.

    ``tokens`` are the continuation's, ``context_tokens`` those before it.
    """

    logprob: float
    is_greedy: bool
    tokens: int
    context_tokens: int = 0


@dataclass(frozen=True)
class Score:
    """The value of one example, higher is better; what could not be parsed is counted, not hidden.

    ``counted`` is False where nothing is known of the example, such as a judge that would not rate it: ``aggregate``
    leaves it out (by its value, which is none that an example can have), and so do the intervals of reports.
    """

    value: float
    answer: str | None = None
    parsed: bool = True
    response: str | None = None
    counted: bool = True

    @classmethod
    def unparsed(cls, value: float = 0.0, response: str | None = None) -> Score:
        """No answer could be read from the text: scores ``value`` *and* is counted as unparsed."""
        return cls(value, None, False, response)


@dataclass(frozen=True)
class Evaluation:
    """The outcome of valuing a candidate on a split.

    ``value`` is None when it failed (``failure`` says why) or when only ``bounds`` are known.
    A failed evaluation is not zero: it never becomes a best or a worst. ``parts`` holds the value of each part
    of a utility that has parts. Where only bounds are known, ``scores`` are None for the examples that were not run.
    """

    candidate: str
    value: float | None
    split: Split = "dev"
    scores: tuple[float | None, ...] = ()
    answers: tuple[str | None, ...] = ()
    unparsed: int = 0
    bounds: tuple[float, float] | None = None
    failure: str | None = None
    parts: Mapping[str, float] | None = None


@runtime_checkable
class Model(Protocol):
    """A model with its weights set: what a utility sees. All calls are batched."""

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Greedy continuations, in the order of the requests."""
        ...

    def loglikelihood(self, requests: Sequence[LoglikelihoodRequest]) -> list[Loglikelihood]:
        """Log-probabilities of given continuations, in the order of the requests."""
        ...

    def render_chat(self, messages: Sequence[Mapping[str, str]], *, continue_last: bool = False) -> str:
        """The prompt that the model's chat template makes of ``messages`` (role, content).

        ``continue_last``: the last message is the beginning of the answer, not something to be answered.
        """
        ...


@runtime_checkable
class Utility(Protocol):
    """What "better" means: scores examples with a bound model; always maximised."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    @property
    def range(self) -> tuple[float, float] | None:
        """Lowest and highest possible aggregate, or None where there is none."""
        ...

    def prompt(self, example: Example) -> str:
        """The (first) prompt of an example; the batch plan measures its length."""
        ...

    def score(self, examples: Sequence[Example], model: Model) -> list[Score]:
        """One score an example, in their order; called with one block of the batch plan at a time."""
        ...

    def aggregate(self, scores: Sequence[float]) -> float:
        """The utility's value from the scores of all examples, in the order of the data."""
        ...


@runtime_checkable
class Searcher(Protocol):
    """Proposes candidates and learns their values."""

    def ask(self) -> list[Candidate]:
        """The next batch; empty when the search is over."""
        ...

    def tell(self, id: str, value: float | Evaluation | None) -> None:
        """Gives the value of an asked candidate; any order within a batch."""
        ...

    @property
    def done(self) -> bool: ...


@runtime_checkable
class RunSearcher(Searcher, Protocol):
    """What leads a run: it begins with the experts alone, and knows its best and why it ended."""

    @property
    def iteration(self) -> int:
        """The batch in hand; 0 is the starting candidates."""
        ...

    @property
    def stopped_by(self) -> str | None:
        """Why the search is over; None while it goes on."""
        ...

    @property
    def best(self) -> Candidate | None:
        """What the search would end with now."""
        ...

    @property
    def best_value(self) -> float | None:
        """Its dev value."""
        ...

    @property
    def starting_candidates(self) -> list[Candidate]:
        """The experts first, each alone, then whatever else it starts with."""
        ...

    @property
    def personal_bests(self) -> list[tuple[Array, float | None]]:
        """Coefficients and value of each particle's best; empty where points have no past of their own."""
        ...

    def personal_best_value(self, particle: int) -> float | None:
        """What a particle's next value has to beat to be news; None where there is nothing yet."""
        ...
