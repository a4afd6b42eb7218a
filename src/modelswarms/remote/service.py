"""What a service on the network is: it is asked once, and answers or says why not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from modelswarms.remote.waiting import asked_to_wait

__all__ = ["Answer", "Fault", "Question", "Service", "refused", "said"]

Question = Mapping[str, Any]

LONGEST: Final = 300
"""Characters of a service's own words that a message repeats."""


@dataclass(frozen=True)
class Answer:
    """What a service answered, as JSON, and how many tokens it says that it read and wrote."""

    content: Mapping[str, Any]
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Fault(Exception):
    """An attempt that brought no answer.

    Attributes:
        reason: for a person; a key in it is taken out by who raises it.
        again: whether another attempt may succeed.
        wait: seconds that the service asked to wait.
        unreached: the service was not reached at all.
        hopeless: no request can succeed until a person mends something: the key, the address, the account.
    """

    def __init__(
        self,
        reason: str,
        *,
        again: bool = True,
        wait: float | None = None,
        unreached: bool = False,
        hopeless: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason, self.again, self.wait = reason, again and not hopeless, wait
        self.unreached, self.hopeless = unreached, hopeless


class Service(Protocol):
    """One way to ask over the network; tries once."""

    @property
    def name(self) -> str:
        """What messages call it: what it is, and where."""
        ...

    async def open(self) -> None:
        """Makes ready to send, which may take longer than an attempt; nothing where it is."""
        ...

    async def send(self, question: Question, seconds: float) -> Answer:
        """One attempt, once open. Raises Fault where it brought no answer."""
        ...

    async def close(self) -> None:
        """Ends its connections; :meth:`open` makes new ones."""
        ...


def refused(status: int, headers: Mapping[str, str], words: str, variable: str | None, wall: float) -> Fault:
    """The fault that an HTTP status means.

    Args:
        words: what the service says, without the key.
        variable: that holds the key, which a person may have to mend.
        wall: seconds since 1970.
    """
    says = f"HTTP {status}{': ' if words else ''}{words}"
    key = f"the key in {variable}" if variable else "no key (remote.api_key_env is null)"
    google = status == 400 and ("API_KEY_INVALID" in words or "API key not valid" in words)
    if status == 401 or google:  # not in its own words: they tend to repeat parts of the key
        return Fault(f"HTTP {status}: it does not accept {key}; export the right one", hopeless=True)
    if status == 403:
        return Fault(f"{says}; {key} gives no access to this: use another, or another model", hopeless=True)
    if status == 404:
        return Fault(f"{says}; check utility.model and utility.remote.base_url", hopeless=True)
    if status == 402 or (status == 429 and "insufficient_quota" in words):
        return Fault(f"{says}; the account of {key} has nothing left: pay in, or use another", hopeless=True)
    if status in (408, 409, 425, 429) or status >= 500:
        return Fault(says, wait=asked_to_wait(headers, wall))
    return Fault(says, again=False)


def said(body: bytes | str) -> str:
    """What an error's body says, in one line: its code and message where it is JSON as is usual, else its beginning."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    while isinstance(found, list) and found:  # Google wraps it
        found = found[0]
    error = found.get("error", found.get("detail", found.get("message"))) if isinstance(found, Mapping) else None
    if isinstance(error, Mapping):
        parts = (error.get("code"), error.get("status"), error.get("message"))
        text = " ".join(dict.fromkeys(str(part) for part in parts if part))
    elif isinstance(error, str):
        text = error
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
