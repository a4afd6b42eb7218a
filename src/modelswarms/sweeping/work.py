"""What a process does in a sweep: trial after trial, until none is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelswarms.config import SearchConfig
from modelswarms.errors import ConfigError
from modelswarms.preparation import Prepared
from modelswarms.records import MEASURED
from modelswarms.reports.result import RunResult
from modelswarms.runs import RunFolder
from modelswarms.search import search_started
from modelswarms.sweeping.folder import SweepFolder, settings_of
from modelswarms.sweeping.locks import locked
from modelswarms.sweeping.sharing import SharedEvaluations
from modelswarms.sweeping.study import Study, Trial
from modelswarms.types import Candidate, Evaluation, RunSearcher
from modelswarms.watching import Silent, Together, Watcher

__all__ = ["Worker"]

Record = dict[str, Any]


class _Hopeless(Exception):
    """The trial is not worth going on with."""


class Worker:
    """Runs trials with one engine, which is started when it is first needed.

    Args:
        prepared: the sweep's configuration; its engine stays open.
        folder, study: the sweep's.
        watch: is told of every step of every trial.
        say: is told in a line what became of each trial.
    """

    def __init__(
        self,
        prepared: Prepared,
        folder: SweepFolder,
        study: Study,
        watch: Watcher | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._prepared, self._folder, self._study = prepared, folder, study
        self._watch, self._say = watch or Silent(), say
        self._ready = False
        self._shared: list[tuple[Path, Record]] | None = None

    def work(self) -> None:
        """Trials until all are over.

        Raises:
            SearchFailedError: one cannot go on; mend the cause, and it is gone on with.
        """
        while self._next():
            pass

    def finish(self, trial: Trial) -> RunResult:
        """Makes a trial's run whole: with its test figures, its best expert and its report."""
        config = settings_of(self._prepared.config, trial.settings)
        return self._run(config, self._folder.run_of(trial.number), self._watch, figures_only=False)

    def _next(self) -> bool:
        """One trial; whether there was one."""
        with self._study.next() as trial:
            if trial is None:
                return False
            name = f"trial {trial.number}"
            try:
                config = settings_of(self._prepared.config, trial.settings)
                reporting = Together(self._watch, _Reporting(self._study, trial.number))
                result = self._run(_quick(config), self._folder.run_of(trial.number), reporting, figures_only=True)
            except _Hopeless:
                self._study.end(trial.number, "pruned")
                told = self._study.trials[trial.number]
                value = "" if told.value is None else f", dev {told.value:.3f}"
                self._say(f"{name}: stopped after iteration {told.last}{value}")
            except ConfigError as error:
                self._study.end(trial.number, "failed", reason=str(error))
                self._say(f"{name}: {error}")
            else:
                self._study.end(trial.number, "complete", result.best["dev"])
                self._say(f"{name}: dev {result.best['dev']:.3f}, {result.details['evaluations']} evaluations")
            return True

    def _run(self, config: SearchConfig, path: Path, watch: Watcher, *, figures_only: bool) -> RunResult:
        shared = self._from_experts()
        prepared = replace(self._prepared, config=config)
        with SharedEvaluations(self._folder.runs, path, self._folder.locks / "evaluations") as others:
            return search_started(prepared, path, watch, shared, others=others, figures_only=figures_only)

    def _from_experts(self) -> Sequence[tuple[Path, Record]]:
        """What was measured on the experts alone, which a run of their own values before all trials."""
        if not self._ready:
            self._prepared.engine.start(self._prepared.space)
            self._prepared.make_ready()
            self._ready = True
        if self._shared is None:
            path = self._folder.experts
            config = replace(_quick(self._prepared.config), searcher="best_single")
            with locked(self._folder.locks / "experts"):  # whoever comes second finds it done
                prepared = replace(self._prepared, config=config)
                with SharedEvaluations(self._folder.runs, path, self._folder.locks / "evaluations") as others:
                    search_started(prepared, path, self._watch, others=others, figures_only=True)
            records = RunFolder(path).journal.read()
            self._shared = [(path, r) for r in records if r["kind"] == "constants" and r["name"] in MEASURED]
        return self._shared


def _quick(config: SearchConfig) -> SearchConfig:
    """A search that leaves the test split alone, and whose every value is one that another trial can take over."""
    bare = replace(config, test="none", ensemble=0, rescore=False, random_search=False, racing=False)
    return replace(bare, sweep=type(config.sweep)(), run_dir=None)


class _Reporting:
    """Takes down a trial's best value after every iteration, and ends it where it is hopeless."""

    def __init__(self, study: Study, number: int) -> None:
        self._study, self._number = study, number
        self._searcher: RunSearcher | None = None

    def started(self, about: Mapping[str, Any], searcher: RunSearcher) -> None:
        self._searcher = searcher

    def asked(self, stage: str, batch: Sequence[Candidate]) -> None:
        """A new batch means that the one before is told."""
        iteration = batch[0].iteration - 1
        value = self._searcher.best_value if self._searcher else None
        if iteration < 0 or value is None:
            return
        if self._study.hopeless(self._number, iteration, value):
            raise _Hopeless

    def evaluated(self, stage: str, candidate: Candidate, evaluation: Evaluation) -> None: ...

    def finished(self, result: RunResult) -> None: ...
