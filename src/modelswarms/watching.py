"""What a search tells those who watch it: progress bars, trackers, tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from modelswarms.types import Candidate, Evaluation, RunSearcher

if TYPE_CHECKING:
    from modelswarms.reports.result import RunResult

__all__ = ["Silent", "Together", "Watcher"]


class Watcher(Protocol):
    """Is told of every step of a run, in order; it looks and never changes anything."""

    def started(self, about: Mapping[str, Any], searcher: RunSearcher) -> None:
        """The run begins or goes on; ``about``: run folder, experts, utility, examples, engine."""
        ...

    def asked(self, stage: str, batch: Sequence[Candidate]) -> None:
        """A batch is about to be evaluated; stages are search, random_search and test."""
        ...

    def evaluated(self, stage: str, candidate: Candidate, evaluation: Evaluation) -> None:
        """An evaluation is durable and told."""
        ...

    def finished(self, result: RunResult) -> None:
        """The run is complete and its result written."""
        ...


class Silent:
    """Watches nothing."""

    def started(self, about: Mapping[str, Any], searcher: RunSearcher) -> None: ...

    def asked(self, stage: str, batch: Sequence[Candidate]) -> None: ...

    def evaluated(self, stage: str, candidate: Candidate, evaluation: Evaluation) -> None: ...

    def finished(self, result: RunResult) -> None: ...


class Together:
    """Tells several watchers, in their order."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = watchers

    def started(self, about: Mapping[str, Any], searcher: RunSearcher) -> None:
        for watcher in self._watchers:
            watcher.started(about, searcher)

    def asked(self, stage: str, batch: Sequence[Candidate]) -> None:
        for watcher in self._watchers:
            watcher.asked(stage, batch)

    def evaluated(self, stage: str, candidate: Candidate, evaluation: Evaluation) -> None:
        for watcher in self._watchers:
            watcher.evaluated(stage, candidate, evaluation)

    def finished(self, result: RunResult) -> None:
        for watcher in self._watchers:
            watcher.finished(result)
