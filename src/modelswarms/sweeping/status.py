"""How far a sweep is, read from its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from modelswarms.reports.swept import TABLE
from modelswarms.sweeping.folder import SweepFolder
from modelswarms.sweeping.study import Study, needs_optuna

__all__ = ["SweepStatus", "is_sweep", "sweep_status"]


@dataclass(frozen=True)
class SweepStatus:
    """Where a sweep stands.

    Attributes:
        state: ``running`` (a process works in it), ``complete``, or ``interrupted``.
        trials: of each state, how many there are; ``abandoned`` ones are gone on with.
        expected: trials in all.
        best: trial, settings and dev value of the best so far.
        next: what to do now.
    """

    sweep: Path
    state: Literal["running", "complete", "interrupted"]
    trials: Mapping[str, int]
    expected: int
    best: Mapping[str, Any] | None
    next: str


def is_sweep(path: str | Path) -> bool:
    """Whether a folder is a sweep's."""
    return SweepFolder(Path(path)).begun


def sweep_status(path: str | Path) -> SweepStatus:
    """Reads where a sweep stands, also while processes work in it.

    Raises:
        RunError: the folder is no sweep's.
        MissingExtraError: optuna is not installed.
    """
    needs_optuna()
    folder = SweepFolder(Path(path))
    config = folder.config()
    study = Study(folder.path, config.sweep, config.seed)
    abandoned, trials = study.abandoned, study.trials
    count = {state: sum(t.state == state for t in trials) for state in ("complete", "pruned", "failed", "running")}
    count["running"] -= len(abandoned)
    count["abandoned"] = len(abandoned)
    complete = [t for t in trials if t.state == "complete" and t.value is not None]
    best = max(complete, key=lambda t: (t.value, -t.number), default=None)
    over = len(trials) >= config.sweep.trials and not count["running"] and not abandoned
    state: Literal["running", "complete", "interrupted"] = "interrupted"
    if count["running"]:
        state = "running"
    elif over and (folder.path / TABLE).exists():
        state = "complete"
    said = {
        "running": "processes work in it; look again later.",
        "complete": f"see {folder.path / 'sweep.md'}; its settings: modelswarms search {folder.path / 'chosen.yaml'}",
        "interrupted": f"modelswarms resume {folder.path}",
    }
    return SweepStatus(
        sweep=folder.path,
        state=state,
        trials=count,
        expected=config.sweep.trials,
        best=None if best is None else {"trial": best.number, "dev": best.value, "settings": dict(best.settings)},
        next=said[state],
    )
