"""lm-evaluation-harness' model, over a bound one of ours."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from jinja2.exceptions import TemplateError
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from modelswarms.errors import ConfigError
from modelswarms.types import LoglikelihoodRequest, Model, Request

__all__ = ["MAX_GEN_TOKS", "BoundLM", "decoding_of"]

log = logging.getLogger(__name__)

MAX_GEN_TOKS: Final = 256
"""What the harness generates at most where a task does not say it."""

_LIMITS: Final = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
_WITHOUT_EFFECT: Final = ("do_sample", "temperature", "top_p", "top_k", "min_p", "typical_p")
"""Settings of sampling, which greedy decoding does not look at."""

_NEUTRAL: Final = {"num_beams": 1, "num_return_sequences": 1, "repetition_penalty": 1}
"""Settings with the value that changes nothing."""


class BoundLM(LM):  # type: ignore[misc]
    """Answers the harness' requests with a bound model, all requests of a kind in one call.

    Contexts, continuations and stop strings are read as the harness' own Hugging Face model reads them.

    Args:
        model: bound; it is used while it is.
        truncate: whether what does not fit the model loses its beginning, as the harness has it; otherwise that is
            an error.

    Example:
        >>> with engine.bind(coefficients) as model:  # doctest: +SKIP
        ...     lm_eval.simple_evaluate(model=BoundLM(model), tasks=["hellaswag"], bootstrap_iters=0)
    """

    def __init__(self, model: Model, truncate: bool = False) -> None:
        super().__init__()
        self._model, self._truncate, self._told = model, truncate, False

    def loglikelihood(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Log-probability of each continuation after its context, and whether it is the greedy one."""
        asked = [
            LoglikelihoodRequest(context, continuation, special_tokens=bool(context), truncate=self._truncate)
            for context, continuation in (request.args for request in requests)
        ]
        return [(answer.logprob, answer.is_greedy) for answer in self._model.loglikelihood(asked)]

    def loglikelihood_rolling(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[float]:
        """Log-probability of each whole text, in windows of the model's context."""
        asked = [LoglikelihoodRequest("", request.args[0], scores_special_tokens=True) for request in requests]
        return [answer.logprob for answer in self._model.loglikelihood(asked)]

    def generate_until(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[str]:
        """Greedy continuation of each context. Raises ConfigError for settings that are not supported."""
        asked = []
        for request in requests:
            context, settings = request.args
            stop, limit = decoding_of(settings)
            asked.append(Request(context, limit, stop, truncate=self._truncate))
        return [response.text for response in self._model.generate(asked)]

    def apply_chat_template(self, chat_history: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
        """A chat as the base's template has it; where that takes no system message, without it, as in the harness."""
        try:
            return self._model.render_chat(chat_history, continue_last=not add_generation_prompt)
        except TemplateError:
            rest = [message for message in chat_history if message["role"] != "system"]
            if len(rest) == len(chat_history):
                raise
            if not self._told:
                log.warning("the base's chat template takes no system message: the task's description is left out")
                self._told = True
            return self._model.render_chat(rest, continue_last=not add_generation_prompt)

    @property
    def tokenizer_name(self) -> str:
        """The harness keeps requests that it made under this name; ours are not kept."""
        return ""


def decoding_of(settings: Mapping[str, Any]) -> tuple[tuple[str, ...], int]:
    """Stop strings and the number of new tokens in a task's generation settings.

    Raises:
        ConfigError: they ask for sampling, or for something that greedy decoding does not do.
    """
    until = settings.get("until") or []
    stop = (until,) if isinstance(until, str) else tuple(until)
    given = [settings[key] for key in _LIMITS if settings.get(key) is not None]
    sampled = settings.get("do_sample")
    if sampled or (sampled is None and float(settings.get("temperature") or 0) > 0):
        raise ConfigError(
            "utility.gen_kwargs: the task samples its answers "
            f"(do_sample: {sampled}, temperature: {settings.get('temperature')}), so that a value would depend on "
            "chance; set utility.gen_kwargs to {do_sample: false, temperature: 0}, or take another task."
        )
    for key in settings:
        if key not in ("until", *_LIMITS, *_WITHOUT_EFFECT) and settings[key] != _NEUTRAL.get(key):
            raise ConfigError(
                f"utility.gen_kwargs: {key!r} is not supported, for decoding is greedy; give 'until' or 'max_gen_toks'."
            )
    return tuple(text for text in stop if text), int(given[0]) if given else MAX_GEN_TOKS
