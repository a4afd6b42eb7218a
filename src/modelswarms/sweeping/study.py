"""A sweep's trials in Optuna's database: who runs which, what each came to, and which are hopeless."""

from __future__ import annotations

import fcntl
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from modelswarms.errors import MissingExtraError
from modelswarms.grid import Range, Setting, SweepConfig, space_of
from modelswarms.sweeping.locks import held, locked

__all__ = ["Study", "Trial", "needs_optuna"]

NAME: Final = "sweep"
STARTUP: Final = 5
"""Complete trials that there have to be before one is stopped."""

_LOOK_AGAIN: Final = 0.2
"""Seconds between two looks whether another process is through with its trial."""

State = Literal["running", "complete", "pruned", "failed"]


@dataclass(frozen=True)
class Trial:
    """One search of a sweep.

    Attributes:
        number: from 0, in the order in which they were begun.
        settings: what it has otherwise than the configuration, by dotted key.
        state: ``pruned``: it was stopped as hopeless; ``failed``: its settings do not go together.
        value: best dev value, of a pruned one so far; None while it runs, and where it failed.
        reason: why it failed.
        last: the iteration of the last report.
    """

    number: int
    settings: Mapping[str, Any]
    state: State
    value: float | None
    reason: str | None = None
    last: int | None = None


class Study:
    """The database ``study.jsonl`` in a sweep's folder, which any number of processes may use at once.

    It is Optuna's journal with a lock of the system's, which a killed process leaves free; what such a process wrote
    of a line is cut off. A trial and all its settings are one line, so that none is there by half. Whoever runs a
    trial holds a lock for it: a trial that is running, and has nobody, is taken over by the next who asks.

    Args:
        folder: the sweep's.
        config, seed: what is tried; the settings of a trial depend on the seed, its number and the trials before.
    """

    def __init__(self, folder: Path, config: SweepConfig, seed: int) -> None:
        import optuna
        from optuna.storages.journal import JournalFileBackend

        self._folder, self._config, self._seed = folder, config, seed
        self._locks = folder / "locks"
        self._locks.mkdir(parents=True, exist_ok=True)
        path = folder / "study.jsonl"
        storage = optuna.storages.JournalStorage(
            JournalFileBackend(str(path), _SystemLock(path, self._locks / "study"))
        )
        with locked(self._locks / "begin"), _quiet():
            self._study = optuna.create_study(
                storage=storage, study_name=NAME, direction="maximize", load_if_exists=True
            )

    @property
    def trials(self) -> list[Trial]:
        """All of them, by number."""
        return [_trial(t) for t in self._study.get_trials(deepcopy=False)]

    @property
    def abandoned(self) -> list[int]:
        """Trials that are running and have nobody who runs them."""
        found = []
        for trial in self.trials:
            if trial.state == "running" and (lock := held(self._claim_of(trial.number))) is not None:
                os.close(lock)
                found.append(trial.number)
        return found

    @contextmanager
    def next(self) -> Iterator[Trial | None]:
        """A trial to run: an abandoned one, or else a new one; None when all are over.

        Waits for those that other processes run, in case one of them is abandoned.
        """
        descriptor: int | None = None
        try:
            while True:
                with locked(self._locks / "trials"):
                    found = self._claimed()
                if found is not None:
                    trial, descriptor = found
                    yield trial
                    return
                if all(t.state != "running" for t in self.trials):
                    yield None
                    return
                time.sleep(_LOOK_AGAIN)
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def hopeless(self, number: int, iteration: int, value: float) -> bool:
        """Takes down a trial's best value after an iteration, and says whether to stop it.

        What was taken down before is not asked about again, but for the last: an earlier process decided that.
        """
        import optuna

        frozen = self._frozen(number)
        last = frozen.last_step
        if last is not None and iteration < last:
            return False
        trial = optuna.trial.Trial(self._study, frozen._trial_id)
        if last is None or iteration > last:
            trial.report(value, iteration)
        if not self._config.prune:
            return False
        pruner = optuna.pruners.PercentilePruner(
            100.0 * (1.0 - self._config.prune), n_startup_trials=STARTUP, n_warmup_steps=self._config.prune_after
        )
        return bool(pruner.prune(self._study, self._frozen(number)))

    def end(self, number: int, state: State, value: float | None = None, reason: str | None = None) -> None:
        """What became of a trial."""
        from optuna.trial import Trial, TrialState

        frozen = self._frozen(number)
        if reason is not None:
            Trial(self._study, frozen._trial_id).set_user_attr("reason", reason)
        with _quiet():
            if state == "complete":
                self._study.tell(number, value)
            else:
                self._study.tell(number, state=TrialState.PRUNED if state == "pruned" else TrialState.FAIL)

    def _frozen(self, number: int) -> Any:
        return self._study.get_trials(deepcopy=False)[number]

    def _claim_of(self, number: int) -> Path:
        return self._locks / f"trial-{number:04d}"

    def _claimed(self) -> tuple[Trial, int] | None:
        """A trial that is this process' own now, with its lock."""
        trials = self.trials
        for trial in trials:
            if trial.state != "running" or (lock := held(self._claim_of(trial.number))) is None:
                continue
            if self.trials[trial.number].state == "running":
                return trial, lock
            os.close(lock)  # it ended between the two looks
        if len(trials) >= self._config.trials:
            return None
        drawn = self._drawn(len(trials))
        if drawn is None:
            return None
        lock = held(self._claim_of(len(trials)))
        if lock is None:
            raise RuntimeError("a new trial has an owner")
        self._study.add_trial(drawn)
        return self.trials[-1], lock

    def _drawn(self, number: int) -> Any | None:
        """A new trial with settings; None where the grid is used up.

        Drawn from a copy in memory, because Optuna writes one setting after the other.
        """
        import optuna

        space = space_of(self._config.space)
        if self._config.sampler == "grid" and number >= np.prod([len(s.values) for s in space.values()]):
            return None
        grid = self._config.sampler == "grid"  # which has one order, and a trial's number is its place in it
        seed = int(np.random.SeedSequence([self._seed, 0 if grid else number]).generate_state(1)[0])
        with _quiet():
            study = optuna.create_study(
                storage=optuna.storages.InMemoryStorage(),
                direction="maximize",
                sampler=_sampler(self._config.sampler, space, seed),
            )
            study.add_trials(self._study.get_trials())
            study.ask({key: _distribution(setting) for key, setting in space.items()})
        drawn = study.trials[-1]
        return optuna.trial.create_trial(
            state=optuna.trial.TrialState.RUNNING,
            params=drawn.params,
            distributions=drawn.distributions,
            system_attrs=drawn.system_attrs,
        )


def needs_optuna() -> None:
    """Raises MissingExtraError where it is not installed."""
    if find_spec("optuna") is None:
        raise MissingExtraError(
            "sweep: needs optuna, which is not installed; install it: pip install 'modelswarms[searchers]'."
        )


class _SystemLock:
    """For Optuna's journal: the system frees it with the process; and the file then ends with a whole line."""

    def __init__(self, path: Path, lock: Path) -> None:
        self._path, self._lock = path, lock
        self._descriptors: list[int] = []

    def acquire(self) -> bool:
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._descriptors.append(descriptor)
        content = self._path.read_bytes()
        if content and not content.endswith(b"\n"):
            os.truncate(self._path, content.rfind(b"\n") + 1)
        return True

    def release(self) -> None:
        os.close(self._descriptors.pop())


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna says nothing, and does not warn that something in it is new."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def _sampler(kind: str, space: Mapping[str, Setting], seed: int) -> Any:
    import optuna

    if kind == "grid":
        return optuna.samplers.GridSampler({key: list(setting.values) for key, setting in space.items()}, seed=seed)
    return optuna.samplers.RandomSampler(seed=seed) if kind == "random" else optuna.samplers.TPESampler(seed=seed)


def _distribution(setting: Setting) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(setting, Range):
        return CategoricalDistribution(setting.values)
    if setting.whole:
        high = setting.high if setting.log else setting.values[-1]
        return IntDistribution(int(setting.low), int(high), log=setting.log, step=int(setting.step or 1))
    high = setting.values[-1] if setting.step is not None else setting.high
    return FloatDistribution(setting.low, high, log=setting.log, step=setting.step)


def _trial(frozen: Any) -> Trial:
    names: Mapping[str, State] = {"RUNNING": "running", "COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
    state = names[frozen.state.name]
    last = frozen.last_step
    value = frozen.value if state == "complete" else None if last is None else frozen.intermediate_values[last]
    return Trial(
        frozen.number,
        dict(frozen.params),
        state,
        None if state == "failed" else value,
        frozen.user_attrs.get("reason"),
        last,
    )
