"""Chat completions of any OpenAI-compatible service, by the ``openai`` package."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from modelswarms.errors import MissingExtraError
from modelswarms.remote.config import OPENAI, RemoteConfig
from modelswarms.remote.redact import hidden
from modelswarms.remote.service import Answer, Fault, Question, refused, said
from modelswarms.remote.waiting import Waiting

if TYPE_CHECKING:
    import openai

__all__ = ["Chat"]

_UNREACHED: Final = ("ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol")


class Chat:
    """A chat model behind an address.

    Args:
        model: as the service calls it.
        config: where the service is.
        key: to it; None where it wants none.
        parameters: sent with every request, beside model and messages: temperature, max_tokens, whatever it knows.
        waiting: its clock.

    Raises:
        MissingExtraError: the package ``openai`` is not installed.
    """

    def __init__(
        self,
        model: str,
        config: RemoteConfig,
        key: str | None,
        parameters: Mapping[str, Any],
        waiting: Waiting | None = None,
    ) -> None:
        if find_spec("openai") is None:
            raise MissingExtraError("a judge is asked with the package openai: pip install 'modelswarms[judge]'.")
        self._model, self._parameters, self._key = model, dict(parameters), key
        self._variable = config.api_key_env
        self._address = (config.base_url or OPENAI).rstrip("/")
        self._waiting = waiting or Waiting()
        self._client: openai.AsyncOpenAI | None = None

    @property
    def name(self) -> str:
        """Model and address."""
        return f"{self._model} at {self._address}"

    def question(self, messages: Sequence[Mapping[str, str]]) -> Question:
        """Everything an answer depends on, which is what it is kept under."""
        return {
            "endpoint": self._address,
            "model": self._model,
            "messages": [dict(message) for message in messages],
            "parameters": self._parameters,
        }

    async def open(self) -> None:
        """Imports the package and makes its client."""
        import openai

        if self._client is None:  # it refuses to work without a key, and tries once, since we are the ones who count
            self._client = openai.AsyncOpenAI(api_key=self._key or "none", base_url=self._address, max_retries=0)

    async def send(self, question: Question, seconds: float) -> Answer:
        """One attempt; ``content`` is ``text`` and ``finish``. Raises Fault where it brought no answer."""
        import openai

        if self._client is None:
            raise Fault("it is not open", again=False)
        try:
            raw = await self._client.chat.completions.with_raw_response.create(
                model=question["model"],
                messages=question["messages"],
                extra_body=question["parameters"],
                timeout=seconds,
            )
            content = raw.http_response.content
        except openai.APIStatusError as error:
            words = said(hidden(error.response.text, self._key))
            fault = refused(error.status_code, error.response.headers, words, self._variable, self._waiting.wall())
        except openai.APITimeoutError:
            fault = Fault(f"no answer within {seconds:.3g} s (utility.remote.timeout)")
        except openai.APIConnectionError as error:
            fault = _broken(error)
        else:
            return _answer(content, self._key)
        raise fault  # outside, so that nothing which holds the key is chained to it

    async def close(self) -> None:
        """Ends the connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()


def _broken(error: Exception) -> Fault:
    cause = error.__cause__
    name = type(cause).__name__ if cause is not None else type(error).__name__
    words = " ".join(str(cause or error).split())
    if name in _UNREACHED:
        return Fault(f"cannot be reached ({words or name})", unreached=True)
    return Fault(f"the connection broke ({words or name})")


def _answer(content: bytes, key: str | None) -> Answer:
    """What a completion says. Raises Fault where it is none."""
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if body is None:
        raise Fault("an answer that is not JSON")
    choices = _mapping(body).get("choices")
    choice = _mapping(choices[0]) if isinstance(choices, list) and choices else {}
    if not isinstance(choice.get("message"), Mapping):
        raise Fault(f"an answer that is no chat completion: {said(hidden(content.decode('utf-8', 'replace'), key))}")
    usage = _mapping(_mapping(body).get("usage"))
    return Answer(
        {"text": _text(choice["message"].get("content")), "finish": choice.get("finish_reason")},
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(content: Any) -> str:
    """The text of a message; empty where it has none. Some services give it in parts."""
    if isinstance(content, list):
        return "".join(str(_mapping(part).get("text") or "") for part in content)
    return content if isinstance(content, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
