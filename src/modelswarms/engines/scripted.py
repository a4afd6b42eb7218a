"""An engine without a model: a function answers. For tests of everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from modelswarms.errors import EngineError
from modelswarms.experts import ExpertSpace
from modelswarms.types import Array, Loglikelihood, LoglikelihoodRequest, Model, Request, Response

__all__ = ["ScriptedEngine"]

Answer = Callable[[str, Array], str]
Logprob = Callable[[str, str, Array], float]


class ScriptedEngine:
    """Answers prompts by calling a function.

    Args:
        answer: from a prompt and the coefficients, (n,) (all zero for the base), to the text.
        block_tokens: of the batch plan; a word counts as a token.
        logprob: from context, continuation and coefficients to the continuation's log-probability; by default the
            scripted answer, white space around it aside, is certain, and every other text is unlikely (-10).
        slots: candidates that may be bound at once.
        lanes: blocks that may be asked for at once; by default one a slot.
    """

    deterministic = True

    def __init__(
        self,
        answer: Answer,
        block_tokens: int = 256,
        logprob: Logprob | None = None,
        *,
        slots: int = 1,
        lanes: int | None = None,
    ) -> None:
        self._answer, self._block_tokens, self._logprob = answer, block_tokens, logprob
        self.slots, self.lanes = slots, lanes or slots
        self._space: ExpertSpace | None = None

    def start(self, space: ExpertSpace) -> None:
        self._space = space

    def count_tokens(self, texts: Sequence[str], *, any_length: bool = False) -> list[int]:
        return [len(text.split()) for text in texts]

    @property
    def block_tokens(self) -> int:
        return self._block_tokens

    @contextmanager
    def bind(self, coefficients: Array | None) -> Iterator[Model]:
        """Raises EngineError before the start, ExpertError for coefficients that are not n finite numbers."""
        if self._space is None:
            raise EngineError("the engine was not started, or was closed; call start(space) first.")
        values = np.zeros(self._space.n) if coefficients is None else self._space.coefficients(coefficients)
        bound = _ScriptedModel(self._answer, self._logprob or self._certain, values)
        try:
            yield bound
        finally:
            bound.released = True

    def describe(self) -> dict[str, object]:
        return {"kind": "scripted"}

    def close(self) -> None:
        self._space = None

    def _certain(self, context: str, continuation: str, coefficients: Array) -> float:
        return 0.0 if self._answer(context, coefficients).strip() == continuation.strip() else -10.0


@dataclass
class _ScriptedModel:
    answer: Answer
    logprob: Logprob
    coefficients: Array
    released: bool = False

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        self._check_held()
        return [self._response(request) for request in requests]

    def loglikelihood(self, requests: Sequence[LoglikelihoodRequest]) -> list[Loglikelihood]:
        self._check_held()
        return [self._loglikelihood(request) for request in requests]

    def render_chat(self, messages: Sequence[Mapping[str, str]], *, continue_last: bool = False) -> str:
        turns = [f"{m['role']}: {m['content']}" for m in messages]
        return "\n".join(turns if continue_last else [*turns, "assistant:"])

    def _check_held(self) -> None:
        if self.released:
            raise EngineError("this model was released; use it inside its 'with engine.bind(...)' only.")

    def _response(self, request: Request) -> Response:
        text = self.answer(request.prompt, self.coefficients)
        for stop in request.stop:
            text = text.split(stop)[0]
        return Response(text, len(request.prompt.split()), len(text.split()))

    def _loglikelihood(self, request: LoglikelihoodRequest) -> Loglikelihood:
        context = request.context.rstrip()
        continuation = (request.context + request.continuation)[len(context) :]
        logprob = self.logprob(context, continuation, self.coefficients)
        return Loglikelihood(logprob, logprob == 0, len(continuation.split()), max(1, len(context.split())))
