"""From texts to tokens: what a base's tokenizer makes of prompts, and of what is predicted after what."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelswarms.errors import ConfigError, DataError, EngineError, ExpertError
from modelswarms.loading import LOADING_ERRORS, first_sentence, quiet
from modelswarms.types import Loglikelihood, LoglikelihoodRequest, Request

__all__ = ["Texts", "context_of", "ends_of", "load_tokenizer", "rendered_chat", "summed", "windows"]

Tokens = list[int]


def load_tokenizer(base: Path) -> Any:
    """The tokenizer in a base's folder. Raises ExpertError where it cannot be loaded."""
    from transformers import AutoTokenizer

    with quiet():
        try:
            return AutoTokenizer.from_pretrained(base, local_files_only=True)
        except LOADING_ERRORS as error:
            raise ExpertError(
                f"base: {base} has no tokenizer that can be loaded ({first_sentence(error)}); "
                "copy tokenizer.json and the files that belong to it there."
            ) from error


def context_of(config: Any) -> int:
    """Tokens that a base takes in, by its configuration."""
    return int(getattr(config.get_text_config(), "max_position_embeddings", None) or 2**31)


def ends_of(*sources: Any) -> set[int]:
    """End-of-text as a tokenizer, a model's configuration and its generation settings name it."""
    ends: set[int | None] = set()
    for source in sources:
        found = getattr(source, "eos_token_id", None)
        ends |= set(found) if isinstance(found, list | tuple) else {found}
    return {int(end) for end in ends if end is not None}


def rendered_chat(tokenizer: Any, base: Path, messages: Sequence[Mapping[str, str]], continue_last: bool) -> str:
    """The prompt that a chat template makes of messages. Raises ConfigError where there is no template."""
    if not getattr(tokenizer, "chat_template", None):
        raise ConfigError(f"base: the tokenizer in {base} has no chat template; leave utility.chat off.")
    text: str = tokenizer.apply_chat_template(
        list(messages),
        tokenize=False,
        add_generation_prompt=not continue_last,
        continue_final_message=continue_last,
    )
    return text


@dataclass(frozen=True)
class Texts:
    """A base's tokenizer, and the number of tokens that its model takes in."""

    tokenizer: Any
    room: int

    def lengths(self, texts: Sequence[str], any_length: bool = False) -> list[int]:
        """Tokens of each text. Raises DataError for one that leaves the model no room, unless any length will do."""
        lengths = [len(ids) for ids in self.encoded(list(texts))]
        for text, length in zip(texts, lengths, strict=True):
            if length >= self.room and not any_length:
                raise DataError(
                    f"a prompt of {length} tokens (it begins {text[:40]!r}) does not fit the base's context of "
                    f"{self.room}; shorten it, or leave it out."
                )
        return lengths

    def encoded(self, texts: Sequence[str], special_tokens: Sequence[bool] | None = None) -> list[Tokens]:
        """Tokens of each text, with those that the tokenizer adds of its own where ``special_tokens`` says so.

        A text that begins with beginning-of-text already does not get a second one.
        """
        return self._encoded(texts, self._adding(texts, special_tokens or [True] * len(texts)))

    def _adding(self, texts: Sequence[str], wanted: Sequence[bool]) -> list[bool]:
        begin = getattr(self.tokenizer, "bos_token", None)
        return [want and not (begin and text.startswith(begin)) for text, want in zip(texts, wanted, strict=True)]

    def _encoded(self, texts: Sequence[str], adding: Sequence[bool]) -> list[Tokens]:
        found: dict[int, Tokens] = {}
        for add in sorted(set(adding)):
            places = [k for k, added in enumerate(adding) if added == add]
            given = [texts[k] for k in places]
            found |= zip(places, self.tokenizer(given, add_special_tokens=add, verbose=False)["input_ids"], strict=True)
        return [found[k] for k in range(len(texts))]

    def prompts(self, requests: Sequence[Request]) -> list[Tokens]:
        """Tokens of each prompt. Raises EngineError for one without any, or that leaves no room for its answer."""
        rows = self.encoded([r.prompt for r in requests], [r.special_tokens for r in requests])
        for k, (row, request) in enumerate(zip(rows, requests, strict=True)):
            left = self.room - request.max_new_tokens
            if request.truncate and 0 < left < len(row):
                rows[k] = row = row[-left:]
            if len(row) + request.max_new_tokens > self.room:
                raise EngineError(
                    f"a prompt of {len(row)} tokens and an answer of up to {request.max_new_tokens} do not fit the "
                    f"base's context of {self.room}; shorten the prompt, or allow fewer new tokens."
                )
            if not row:
                raise EngineError("a prompt has no tokens; give it at least one.")
        return rows

    def parted(self, requests: Sequence[LoglikelihoodRequest]) -> list[tuple[Tokens, Tokens]]:
        """Tokens of each context, never none, and of what is predicted after it.

        A context's white space at its end belongs to the continuation, as tokenizers have it; then context and
        continuation are encoded together, and cut where the context alone ends.

        Raises:
            EngineError: a continuation has no tokens of its own; they do not fit the model; or there is no context
                and the base has no token to begin a text with.
        """
        contexts = [r.context.rstrip() for r in requests]
        texts = [r.context + r.continuation for r in requests]
        adding = self._adding(texts, [r.special_tokens for r in requests])
        wholes, lengths = self._encoded(texts, adding), [len(row) for row in self._encoded(contexts, adding)]
        return [
            self._parted(request, whole, length, not context)
            for request, whole, length, context in zip(requests, wholes, lengths, contexts, strict=True)
        ]

    def _parted(
        self, request: LoglikelihoodRequest, whole: Tokens, length: int, opening: bool
    ) -> tuple[Tokens, Tokens]:
        everything = opening and request.scores_special_tokens
        context, continuation = ([], whole) if everything else (whole[:length], whole[length:])
        if not context:
            context = [self._prefix()]
            if continuation[:1] == context and not everything:  # the text brings it itself
                continuation = continuation[1:]
        if not continuation and not everything:
            raise EngineError(
                f"the continuation {request.continuation[:40]!r} has no tokens of its own after "
                f"{request.context[-40:]!r}; give it some text."
            )
        if not opening and not request.truncate:
            self._check_room(len(context) + len(continuation) - 1)  # nothing is predicted from the last one
        return context, continuation

    def _prefix(self) -> int:
        """What a text is begun with: beginning-of-text, or end-of-text where the family has no other."""
        for name in ("bos_token_id", "eos_token_id"):
            token = getattr(self.tokenizer, name, None)
            if token is not None:
                return int(token)
        raise EngineError("the base's tokenizer has no token that begins a text; give a context.")

    def _check_room(self, tokens: int) -> None:
        if tokens > self.room:
            raise EngineError(f"{tokens} tokens do not fit the base's context of {self.room}; shorten the prompt.")


def windows(context: Sequence[int], continuation: Sequence[int], room: int) -> Iterator[tuple[Tokens, int]]:
    """Windows of a text, each with the number of tokens at its end that are predicted there.

    Every token of the continuation is predicted once, in windows of at most ``room`` tokens and the one predicted
    last; the last window reaches back as far as it can, so that a text that fits is one window, and a context that
    does not loses its beginning. This is the rule of lm-evaluation-harness (``get_rolling_token_windows`` with a
    context of one token).

    Example:
        >>> list(windows([0], [1, 2, 3, 4, 5], 3))
        [([0, 1, 2, 3], 3), ([2, 3, 4, 5], 2)]
    """
    whole = [*context, *continuation]
    end = len(context)
    while end < len(whole):
        begin, end = end, min(end + room, len(whole))
        yield whole[max(0, end - room - 1) : end], end - begin


def summed(
    values: Sequence[Sequence[tuple[float, bool]]], parted: Sequence[tuple[Tokens, Tokens]]
) -> list[Loglikelihood]:
    """One answer a request, of each predicted token's log-probability and whether it was the most likely one.

    Args:
        values: of every request, over all of its windows.
        parted: the requests' tokens, as :meth:`Texts.parted` gives them.
    """
    return [
        Loglikelihood(
            math.fsum(value for value, _ in of), all(first for _, first in of), len(continuation), len(context)
        )
        for of, (context, continuation) in zip(values, parted, strict=True)
    ]
