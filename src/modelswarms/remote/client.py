"""Many questions at once to one service, with patience, a cache, a ledger and limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any, Final

from modelswarms.errors import EvaluationError, ModelswarmsError, SearchFailedError
from modelswarms.remote.cache import Cache, address_of
from modelswarms.remote.config import RemoteConfig
from modelswarms.remote.ledger import Ledger
from modelswarms.remote.loop import Loop
from modelswarms.remote.redact import hidden
from modelswarms.remote.service import Answer, Fault, Question, Service
from modelswarms.remote.waiting import Waiting

__all__ = ["Remote"]

log = logging.getLogger(__name__)

FOLDER: Final = "remote"
"""Where in a run's folder answers and ledger are kept."""

FIRST_CONTACT: Final = 30.0
"""Seconds that a service which never answered yet may be unreachable: most likely, the address is wrong."""

IN_A_ROW: Final = 4
"""So many requests given up with no answer between them: it is the service, and no candidate is to blame."""


class Remote:
    """Asks a service; everything it says, writes and raises is without the key. Several threads may ask at once.

    Args:
        service: what is asked.
        config: how, and how much of it.
        key: what must not appear anywhere.
        waiting: clocks and sleep.

    Example:
        >>> remote = Remote(Chat(config, key), config, key)  # doctest: +SKIP
        >>> remote.open(run.path)  # doctest: +SKIP
        >>> remote.ask([{"model": "judge", "messages": [...]}])  # doctest: +SKIP
    """

    def __init__(
        self, service: Service, config: RemoteConfig, key: str | None = None, waiting: Waiting | None = None
    ) -> None:
        self._service, self._config, self._key = service, config, key
        self._waiting = waiting or Waiting()
        self._cache = Cache(Path(config.cache) if config.cache else None)
        self._ledger = Ledger(config)
        self._loop = Loop()
        self._not_before = 0.0
        self._answered, self._given_up = False, 0
        self._places = asyncio.Semaphore(config.concurrency)
        self._under_way: dict[str, asyncio.Event] = {}

    def open(self, folder: Path) -> None:
        """Keeps answers and ledger in a run's folder, and goes on from what is there. Called before the first ask."""
        if self._config.cache is None:
            self._cache = Cache(folder / FOLDER / "answers")
        self._ledger.close()
        self._ledger = Ledger(self._config, folder / FOLDER / "ledger.jsonl")

    def give_up(self) -> None:
        """Ends every ask that another thread is in, with an EvaluationError."""
        self._loop.cancel()

    def close(self) -> None:
        """Ends connections and thread; a later ask begins anew."""
        self._loop.close(self._service.close)
        self._ledger.close()
        self._places = asyncio.Semaphore(self._config.concurrency)  # the old one belongs to the loop that is gone

    def usage(self) -> dict[str, float]:
        """Totals of the run so far: see :data:`~modelswarms.remote.ledger.COUNTS`, and ``cost``."""
        return self._ledger.usage()

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer a question, in their order; what was answered before, or is asked twice here, is sent once.

        Raises:
            EvaluationError: a question was given up; the message says why. What was answered meanwhile is kept.
            SearchFailedError: a limit is used up, or the service cannot be used until something is mended.
        """
        try:
            return self._loop.run(self._ask(questions))
        except CancelledError:
            pass
        raise EvaluationError(f"{self._name}: stopped while it was asked")

    async def _ask(self, questions: Sequence[Question]) -> list[Answer]:
        """All that changes is changed in the loop's thread, whichever thread asks."""
        known = {address_of(question): self._cache.get(question) for question in questions}
        missing = {  # the first of equal ones stands for all
            address: question for question in questions if known[address := address_of(question)] is None
        }
        if len(questions) > len(missing):
            self._ledger.add(cached=len(questions) - len(missing))
        try:
            if missing:
                await self._service.open()
                known |= await self._ask_all(missing)
        finally:
            self._ledger.settle()
        return [_restored(known[address_of(question)]) for question in questions]

    async def _ask_all(self, questions: Mapping[str, Question]) -> dict[str, dict[str, Any]]:
        """Answers by address. At the first that is given up no more are begun; those under way are seen through."""
        answers: dict[str, dict[str, Any]] = {}
        failures: list[ModelswarmsError] = []
        waiting = iter(questions.items())

        async def work() -> None:
            for address, question in waiting:
                try:
                    answers[address] = await self._alone(address, question, failures)
                except (EvaluationError, SearchFailedError) as error:
                    failures.append(error)
                if failures:
                    return

        await asyncio.gather(*(work() for _ in range(min(self._config.concurrency, len(questions)))))
        if failures:
            raise next((error for error in failures if isinstance(error, SearchFailedError)), failures[0])
        return answers

    async def _alone(self, address: str, question: Question, failures: Sequence[ModelswarmsError]) -> dict[str, Any]:
        """An answer to what nobody else is asking at this moment; else theirs, or where they got none, one's own."""
        while (other := self._under_way.get(address)) is not None:
            await other.wait()
        kept = self._cache.get(question)  # it may have been answered since the asking began
        if kept is not None:
            self._ledger.add(cached=1)
            return kept
        self._under_way[address] = asyncio.Event()
        try:
            async with self._places:
                return await self._answer(question, failures)
        finally:
            self._under_way.pop(address).set()

    async def _answer(self, question: Question, failures: Sequence[ModelswarmsError]) -> dict[str, Any]:
        """Tries until there is an answer, and keeps it; ``failures`` are those of the others."""
        await self._turn()
        began, attempt, left = self._waiting.now(), 1, self._config.deadline
        while True:
            fault = await self._attempt(question, min(self._config.timeout, left), attempt)
            if isinstance(fault, Answer):
                return self._kept(question, fault)
            wait = self._wait(fault, attempt, self._waiting.now() - began)
            if wait is not None:
                log.info("%s: %s; tried again in %.1f s", self._name, self._clean(fault.reason), wait)
                await self._waiting.sleep(wait)
                await self._turn()
            left = self._config.deadline - (self._waiting.now() - began)
            if wait is None or left <= 0:
                raise self._failure(fault, attempt)
            if failures:
                raise EvaluationError(f"{self._name}: another request was given up")
            attempt += 1

    async def _attempt(self, question: Question, seconds: float, attempt: int) -> Answer | Fault:
        limit = self._ledger.reached()
        if limit:
            raise SearchFailedError(
                f"{self._name}: the limit is reached: {limit}. All answers are kept; raise it to go on."
            )
        self._ledger.add(requests=1, retried=int(attempt > 1))
        try:
            async with asyncio.timeout(seconds):
                return await self._service.send(question, seconds)
        except TimeoutError:
            return Fault(f"no answer within {seconds:.3g} s (utility.remote.timeout)")
        except Fault as fault:
            return fault
        except Exception as error:  # whatever a package raises is this attempt's fault
            return Fault(f"{type(error).__name__}: {error}")

    def _kept(self, question: Question, answer: Answer) -> dict[str, Any]:
        """The answer as the cache holds it, counted, and on disk."""
        self._answered, self._given_up = True, 0
        read, written = answer.prompt_tokens, answer.completion_tokens
        self._ledger.add(
            answered=1,
            untold=int(read is None or written is None),
            prompt_tokens=read or 0,
            completion_tokens=written or 0,
        )
        content = {
            "content": self._clean_content(answer.content),
            "prompt_tokens": read,
            "completion_tokens": written,
        }
        self._cache.put(question, content)
        return content

    def _wait(self, fault: Fault, attempt: int, spent: float) -> float | None:
        """Seconds before the next attempt; None where there is none."""
        if not fault.again:
            return None
        patience = self._config.deadline
        if fault.unreached and not self._answered:
            patience = min(patience, FIRST_CONTACT)
        if fault.wait is None:
            wait = self._waiting.before_retry(attempt)
        else:
            wait = self._waiting.after_asked(fault.wait)
            if spent + wait < patience:  # what one was told holds for all
                self._not_before = max(self._not_before, self._waiting.now() + fault.wait)
        return wait if spent + wait < patience else None

    async def _turn(self) -> None:
        """Waits until a request may be sent: the service asked for a pause, or so many a minute are allowed."""
        while (wait := self._not_before - self._waiting.now()) > 0:
            await self._waiting.sleep(self._waiting.after_asked(wait))  # not all at the same moment
        if self._config.requests_per_minute is not None:
            self._not_before = self._waiting.now() + 60 / self._config.requests_per_minute

    def _failure(self, fault: Fault, attempts: int) -> ModelswarmsError:
        """What a request that is given up raises."""
        tried = f" ({attempts} attempts)" if attempts > 1 else ""
        asked = "" if fault.wait is None else f", and asks to wait {fault.wait:.0f} s"
        said = f"{self._name}: {self._clean(fault.reason)}{asked}{tried}"
        self._given_up += 1
        if fault.hopeless:
            return SearchFailedError(f"{said}.")
        if fault.unreached and not self._answered:
            return SearchFailedError(f"{said}; start it, or mend utility.remote.base_url.")
        if self._given_up >= IN_A_ROW:
            return SearchFailedError(f"{said}; {self._given_up} requests in a row had no answer.")
        return EvaluationError(said)

    @property
    def _name(self) -> str:
        return self._clean(self._service.name)

    def _clean(self, text: str) -> str:
        return hidden(text, self._key)

    def _clean_content(self, value: Any) -> Any:
        """JSON without the key in any of its texts."""
        if isinstance(value, str):
            return self._clean(value)
        if isinstance(value, Mapping):
            return {key: self._clean_content(inner) for key, inner in value.items()}
        return [self._clean_content(inner) for inner in value] if isinstance(value, list | tuple) else value


def _restored(kept: dict[str, Any] | None) -> Answer:
    if kept is None:
        raise EvaluationError("an answer is missing; report this.")
    return Answer(kept["content"], kept.get("prompt_tokens"), kept.get("completion_tokens"))
