"""A client for a service of one's own, whose waiting takes no time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from judge_server import KEY, JudgeServer
from modelswarms.remote import Chat, Remote, RemoteConfig, Waiting


@dataclass
class Patient:
    """Sleeps at once, remembers how long it would have been, and moves its clock on by that."""

    slept: list[float] = field(default_factory=list)

    @property
    def waiting(self) -> Waiting:
        return Waiting(now=lambda: time.monotonic() + sum(self.slept), sleep=self._sleep, jitter=lambda: 0.5)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


def remote_to(
    server: JudgeServer | str, patient: Patient | None = None, key: str | None = KEY, **keys: Any
) -> tuple[Remote, Chat]:
    """A remote, and the chat that makes its questions."""
    address = server if isinstance(server, str) else server.address
    config = RemoteConfig(**{"base_url": address, "timeout": 10.0, **keys})
    waiting = (patient or Patient()).waiting
    chat = Chat("judge-1", config, key, {"temperature": 0.0, "max_tokens": 64}, waiting)
    return Remote(chat, config, key, waiting), chat


def asked(remote: Remote, chat: Chat, *texts: str) -> list[str]:
    """What is answered to texts."""
    questions = [chat.question([{"role": "user", "content": text}]) for text in texts]
    return [answer.content["text"] for answer in remote.ask(questions)]
