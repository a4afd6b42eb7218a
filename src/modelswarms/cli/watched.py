"""A search with its progress on the terminal, ending in the table."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from modelswarms.cli.console import RUN_IN_PROGRESS, output
from modelswarms.types import Candidate, Evaluation, RunSearcher

if TYPE_CHECKING:
    from modelswarms.reports import RunResult

__all__ = ["Terminal", "show"]


def show(run: Callable[[Terminal], RunResult]) -> None:
    """Runs with live progress, then prints the table."""
    from modelswarms.reports.table import result_table

    with Terminal() as terminal:
        result = run(terminal)
    output.print(result_table(result), soft_wrap=True)


class Terminal:
    """A bar for the stage in hand, and a line for every iteration that is over.

    Args:
        go_on: the command that goes on with what is watched; by default with the run alone.
    """

    def __init__(self, go_on: str | None = None) -> None:
        self._go_on = go_on
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=output
        )
        self._task: TaskID | None = None
        self._searcher: RunSearcher | None = None
        self._waiting = 0
        self._stage = ""
        self._began = time.monotonic()
        self._evaluations = 0

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._progress.live.is_started:  # it ends with an empty line
            self._progress.stop()

    def started(self, about: Mapping[str, Any], searcher: RunSearcher) -> None:
        self._progress.start()
        self._searcher = searcher
        self._began, self._evaluations = time.monotonic(), 0
        RUN_IN_PROGRESS.append(self._go_on or f"modelswarms resume {shlex.quote(about['run'])}")
        self.say(
            f"{about['run']}: {len(about['experts'])} experts, utility {about['utility']}, "
            f"{about['dev']} dev and {about['test']} test examples, {about.get('device', '')} {about.get('dtype', '')}"
        )

    def asked(self, stage: str, batch: Sequence[Candidate]) -> None:
        self._stage, self._waiting = stage, len(batch)
        where = f"iteration {batch[0].iteration}" if stage == "search" else stage.replace("_", " ")
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(where, total=len(batch))

    def evaluated(self, stage: str, candidate: Candidate, evaluation: Evaluation) -> None:
        self._waiting -= 1
        self._evaluations += 1
        if self._task is not None:
            self._progress.advance(self._task)
        if self._waiting == 0 and stage == "search":
            self.say(self._summary(candidate.iteration))

    def finished(self, result: RunResult) -> None:
        if self._go_on is None:
            RUN_IN_PROGRESS.clear()

    def _summary(self, iteration: int) -> str:
        best = self._searcher.best_value if self._searcher else None
        return (
            f"iteration {iteration}: best dev {'none yet' if best is None else f'{best:.3f}'}, "
            f"{self._evaluations} evaluations, {time.monotonic() - self._began:.0f} s"
        )

    def say(self, line: str) -> None:
        """A line above the bar."""
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)
