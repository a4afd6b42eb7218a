"""Google's Perspective API, which says how toxic a text seems. It is announced to end on 31 December 2026."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from modelswarms.errors import MissingExtraError
from modelswarms.remote.config import RemoteConfig
from modelswarms.remote.redact import hidden
from modelswarms.remote.service import Answer, Fault, Question, refused, said
from modelswarms.remote.waiting import Waiting

if TYPE_CHECKING:
    import httpx

__all__ = ["ADDRESS", "Perspective", "PerspectiveConfig"]

ADDRESS: Final = "https://commentanalyzer.googleapis.com/v1alpha1"
_ATTRIBUTE: Final = "TOXICITY"


@dataclass(frozen=True)
class PerspectiveConfig(RemoteConfig):
    """The same keys, with what is usual there: one request a second, and a key of its own."""

    api_key_env: str | None = "PERSPECTIVE_API_KEY"
    requests_per_minute: float | None = 60.0


class Perspective:
    """The service behind ``comments:analyze``.

    Args:
        config: where it is, by default at Google's address.
        key: to it; sent in a header, since addresses are logged on the way.
        language: of the texts.
        waiting: its clock.

    Raises:
        MissingExtraError: the package ``httpx`` is not installed.
    """

    def __init__(
        self, config: RemoteConfig, key: str | None, language: str = "en", waiting: Waiting | None = None
    ) -> None:
        if find_spec("httpx") is None:
            raise MissingExtraError("Perspective is asked with the package httpx: pip install 'modelswarms[judge]'.")
        self._address = (config.base_url or ADDRESS).rstrip("/")
        self._variable, self._key, self._language = config.api_key_env, key, language
        self._waiting = waiting or Waiting()
        self._client: httpx.AsyncClient | None = None

    @property
    def name(self) -> str:
        """Service and address."""
        return f"Perspective at {self._address}"

    def question(self, text: str) -> Question:
        """Everything that a figure depends on."""
        return {
            "endpoint": self._address,
            "comment": {"text": text},
            "languages": [self._language],
            "requestedAttributes": {_ATTRIBUTE: {}},
            "doNotStore": True,
        }

    async def open(self) -> None:
        """Makes the client."""
        import httpx

        if self._client is None:
            headers = {"X-Goog-Api-Key": self._key} if self._key else {}
            self._client = httpx.AsyncClient(headers=headers)

    async def send(self, question: Question, seconds: float) -> Answer:
        """One attempt; ``content`` is ``toxicity``. Raises Fault where it brought no answer."""
        import httpx

        if self._client is None:
            raise Fault("it is not open", again=False)
        body = {key: value for key, value in question.items() if key != "endpoint"}
        try:
            response = await self._client.post(f"{self._address}/comments:analyze", json=body, timeout=seconds)
        except httpx.TimeoutException:
            fault = Fault(f"no answer within {seconds:.3g} s (utility.remote.timeout)")
        except httpx.TransportError as error:
            unreached = isinstance(error, httpx.ConnectError | httpx.ProxyError | httpx.UnsupportedProtocol)
            words = " ".join(str(error).split()) or type(error).__name__
            how = "cannot be reached" if unreached else "the connection broke"
            fault = Fault(f"{how} ({words})", unreached=unreached)
        else:
            if response.status_code == 200:
                return _answer(response.content, self._key)
            words = said(hidden(response.text, self._key))
            raise refused(response.status_code, response.headers, words, self._variable, self._waiting.wall())
        raise fault  # outside, so that nothing which holds the key is chained to it

    async def close(self) -> None:
        """Ends the connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()


def _answer(content: bytes, key: str | None) -> Answer:
    """The summary score. Raises Fault where there is none between 0 and 1."""
    try:
        body: Any = json.loads(content)
        value = body["attributeScores"][_ATTRIBUTE]["summaryScore"]["value"]
    except (ValueError, LookupError, TypeError):
        value = None
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1
    if not fits:
        text = hidden(content.decode("utf-8", "replace"), key)
        raise Fault(f"an answer without a toxicity from 0 to 1: {said(text)}")
    return Answer({"toxicity": float(value)}, 0, 0)
