"""What vLLM is asked, and what its answers mean here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelswarms.engines.texts import Texts, summed, windows
from modelswarms.engines.vllm_loop import Asked
from modelswarms.errors import EngineError
from modelswarms.types import Loglikelihood, LoglikelihoodRequest, Request, Response

__all__ = ["Asking"]

Ask = Callable[[Sequence[Asked]], list[Any]]
"""Gives vLLM's ``RequestOutput`` for each request."""

Scored = list[tuple[float, bool]]
"""Of each token: its log-probability, and whether it was the likeliest."""


@dataclass(frozen=True)
class Asking:
    """From requests to vLLM's, and from its outputs to answers, by the rules of the local engine.

    Prompts are encoded and answers decoded here, with the base's tokenizer; vLLM sees and gives tokens.

    Attributes:
        texts: tokenizer and context.
        ends: tokens that end a text; they are generated and counted, and are no part of it.
        scores: whether vLLM can give log-probabilities of prompts: not where adapters change the output matrix.
    """

    texts: Texts
    ends: frozenset[int]
    scores: bool = True

    def generate(self, requests: Sequence[Request], ask: Ask) -> list[Response]:
        """One answer a request. Raises EngineError where a prompt does not fit, or nothing can be computed."""
        rows = self.texts.prompts(requests)
        wanted = [k for k, request in enumerate(requests) if request.max_new_tokens > 0]
        said = self._said([rows[k] for k in wanted], [requests[k] for k in wanted], ask)
        responses = [Response("", len(row)) for row in rows]
        for k, each in zip(wanted, said, strict=True):
            responses[k] = self._response(requests[k], rows[k], each)
        return responses

    def _said(self, rows: Sequence[Sequence[int]], requests: Sequence[Request], ask: Ask) -> list[Any]:
        """What vLLM generates; what it stopped although no stop string is in the text is asked for again without.

        vLLM looks for stop strings while it writes, and some tokenizers write a token otherwise in its context.
        """
        asked = [Asked(row, self._greedily(request)) for row, request in zip(rows, requests, strict=True)]
        said = [output.outputs[0] for output in ask(asked)]
        early = [
            k
            for k, request in enumerate(requests)
            if isinstance(said[k].stop_reason, str) and not any(stop in self._text(said[k]) for stop in request.stop)
        ]
        whole = [replace(requests[k], stop=()) for k in early]
        again = ask([Asked(rows[k], self._greedily(request)) for k, request in zip(early, whole, strict=True)])
        for k, output in zip(early, again, strict=True):
            said[k] = output.outputs[0]
        return said

    def _text(self, said: Any) -> str:
        tokens = [token for token in said.token_ids if token not in self.ends]
        return str(self.texts.tokenizer.decode(tokens, skip_special_tokens=True))

    def _greedily(self, request: Request) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        stops = [stop for stop in request.stop if stop]
        return SamplingParams(
            temperature=0.0,
            max_tokens=request.max_new_tokens,
            stop_token_ids=sorted(self.ends),
            stop=stops or None,
            detokenize=bool(stops),
            logprobs=2,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    def _response(self, request: Request, row: Sequence[int], said: Any) -> Response:
        text = self._text(said)
        found = [place for place in (text.find(stop) for stop in request.stop) if place >= 0]
        margin = min((_margin(at) for at in said.logprobs or ()), default=math.inf)
        return Response(text[: min(found)] if found else text, len(row), len(said.token_ids), margin)

    def loglikelihood(self, requests: Sequence[LoglikelihoodRequest], ask: Ask) -> list[Loglikelihood]:
        """One answer a request. Raises EngineError for what cannot be predicted, or where nothing can be computed.

        vLLM computes the logits of every position of these prompts, and takes nothing from cached prefixes: four
        options after one question cost the question four times.
        """
        if not self.scores and requests:
            raise EngineError(
                "vLLM gives no log-probabilities of prompts where adapters change lm_head, as these experts do; "
                "take engine.kind: local."
            )
        parted = self.texts.parted(requests)
        room = self.texts.room - 2  # vLLM wants the predicted token and one to generate within its context
        pieces = [
            (i, tuple(tokens), scored)
            for i, (context, continuation) in enumerate(parted)
            for tokens, scored in windows(context, continuation, room)
        ]
        rows = list(dict.fromkeys(tokens for _, tokens, _ in pieces))
        outputs = dict(zip(rows, ask([Asked(row, _scoring()) for row in rows]), strict=True))
        values: list[Scored] = [[] for _ in requests]
        for i, tokens, scored in pieces:
            values[i] += _scored(outputs[tokens], tokens, scored)
        return summed(values, parted)


def _scoring() -> Any:
    """Asks for the log-probability of every token of the prompt.

    ``logprob_token_ids`` would be cheaper for a last token alone, but in batches of several kinds of requests vLLM's
    first model runner gives the others wrong log-probabilities for it.
    """
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        temperature=0.0, max_tokens=1, prompt_logprobs=0, detokenize=False, output_kind=RequestOutputKind.FINAL_ONLY
    )


def _scored(output: Any, tokens: Sequence[int], scored: int) -> Scored:
    known = [at[token] for at, token in zip(output.prompt_logprobs[-scored:], tokens[-scored:], strict=True)]
    return [(_finite(each.logprob), each.rank == 1) for each in known]


def _margin(at: Any) -> float:
    """Between the two likeliest tokens of a position."""
    first, second = sorted((_finite(each.logprob) for each in at.values()), reverse=True)[:2]
    return first - second


def _finite(logprob: float) -> float:
    if math.isnan(logprob):
        raise EngineError("the model's logits are not finite; these coefficients, or this dtype, overflow.")
    return float(logprob)
