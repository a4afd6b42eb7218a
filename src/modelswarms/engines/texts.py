"""From texts to tokens: what a base's tokenizer makes of prompts, and of what is predicted after what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from modelswarms.errors import EngineError
from modelswarms.types import LoglikelihoodRequest, Request

__all__ = ["Texts", "windows"]

Tokens = list[int]


@dataclass(frozen=True)
class Texts:
    """A base's tokenizer, and the number of tokens that its model takes in."""

    tokenizer: Any
    room: int

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
