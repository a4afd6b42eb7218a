"""Toxicity by Google's Perspective API, which is announced to end on 31 December 2026."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modelswarms.remote import Perspective, PerspectiveConfig, Remote, Waiting

__all__ = ["PerspectiveScorer"]


class PerspectiveScorer:
    """Asks how toxic texts seem, with the patience, the cache and the limits of every remote scorer.

    Args:
        config: how the service is asked, and how much.
        language: of the texts.
        waiting: clocks and sleep of the requests.

    Raises:
        ConfigError: the environment variable with the key is not set.
        MissingExtraError: the package ``httpx`` is not installed.
    """

    def __init__(self, config: PerspectiveConfig, language: str = "en", waiting: Waiting | None = None) -> None:
        key = config.key()
        self._service = Perspective(config, key, language, waiting)
        self._remote = Remote(self._service, config, key, waiting)

    def open(self, folder: Path) -> None:
        """Keeps the figures and what they cost in the run's folder."""
        self._remote.open(folder)

    def close(self) -> None:
        """Ends the connections."""
        self._remote.close()

    def give_up(self) -> None:
        """Gives up the requests under way."""
        self._remote.give_up()

    def usage(self) -> dict[str, float]:
        """Requests of the run so far."""
        return self._remote.usage()

    def toxicity(self, texts: Sequence[str]) -> list[float]:
        """From 0 to 1, one figure a text, in their order.

        Raises:
            EvaluationError: a text was given up; the message says why.
            SearchFailedError: a limit is used up, or the service cannot be used until something is mended.
        """
        answers = self._remote.ask([self._service.question(text) for text in texts])
        return [float(answer.content["toxicity"]) for answer in answers]
