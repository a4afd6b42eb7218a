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


class ScriptedEngine:
    """Answers prompts by calling a function.

    Args:
        answer: from a prompt and the coefficients, (n,) (all zero for the base), to the text.
        block_tokens: of the batch plan; a word counts as a token.
    """

    deterministic = True
    slots = 1

    def __init__(self, answer: Answer, block_tokens: int = 256) -> None:
        self._answer, self._block_tokens = answer, block_tokens
        self._space: ExpertSpace | None = None

    def start(self, space: ExpertSpace) -> None:
        self._space = space

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
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
        bound = _ScriptedModel(self._answer, values)
        try:
            yield bound
        finally:
            bound.released = True

    def describe(self) -> dict[str, object]:
        return {"kind": "scripted"}

    def close(self) -> None:
        self._space = None


@dataclass
class _ScriptedModel:
    answer: Answer
    coefficients: Array
    released: bool = False

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        self._check_held()
        return [self._response(request) for request in requests]

    def loglikelihood(self, requests: Sequence[LoglikelihoodRequest]) -> list[Loglikelihood]:
        """Certain of the scripted answer, and unlikely of everything else."""
        self._check_held()
        said = [self.answer(request.context, self.coefficients) for request in requests]
        return [
            Loglikelihood(0.0 if text == r.continuation else -10.0, text == r.continuation, len(r.continuation.split()))
            for text, r in zip(said, requests, strict=True)
        ]

    def render_chat(self, messages: Sequence[Mapping[str, str]]) -> str:
        return "".join(f"{m['role']}: {m['content']}\n" for m in messages) + "assistant:"

    def _check_held(self) -> None:
        if self.released:
            raise EngineError("this model was released; use it inside its 'with engine.bind(...)' only.")

    def _response(self, request: Request) -> Response:
        text = self.answer(request.prompt, self.coefficients)
        for stop in request.stop:
            text = text.split(stop)[0]
        return Response(text, len(request.prompt.split()), len(text.split()))
