"""``modelswarms sweep``: searches with other settings, the best of which is tested."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from modelswarms.cli.console import RUN_IN_PROGRESS, output
from modelswarms.cli.options import Config, Keys, file_and_keys, overrides
from modelswarms.types import Candidate, Evaluation, RunSearcher

if TYPE_CHECKING:
    from modelswarms.reports import RunResult
    from modelswarms.sweeping import Sweep

__all__ = ["Trials", "show_sweep", "sweep"]


def sweep(
    config: Config = None,
    *keys: Keys,
    trials: int | None = None,
    sampler: str | None = None,
    parallel: int | None = None,
    space: Path | None = None,
    out: Path | None = None,
) -> None:
    """Search with other settings again and again; choose on dev, and test the best of them once.

    By default the settings are those of the paper's grid. Trials share their evaluations,
    hopeless ones are stopped early, and several processes may work at once. The same
    command, or `modelswarms resume FOLDER`, goes on where it was interrupted.

    Examples:
      modelswarms sweep my.yaml --trials 30
      modelswarms sweep my.yaml --trials 200 --sampler grid --parallel 4
      modelswarms sweep my.yaml --space space.yaml --swarm default --out runs/spreads

    Parameters
    ----------
    config
        YAML file, as for a search; by default the zoo's.
    trials
        Searches at most; by default the configuration's sweep.trials, 50.
    sampler
        grid (none twice), random or tpe (learns from the trials so far, the default).
    parallel
        Processes at once, each with an engine of its own.
    space
        YAML file of what is tried: keys with lists of values, or with low and high.
    out
        Folder for the table and a run of each trial; by default runs/sweep-NAME.
    """
    from modelswarms.config import nested_overrides
    from modelswarms.sweeping import sweep as run_sweep

    file, tokens = file_and_keys(config, keys)
    given = overrides(tokens)
    for name, value in (("trials", trials), ("sampler", sampler), ("parallel", parallel)):
        if value is not None:
            given[f"sweep.{name}"] = str(value)
    folder = out or Path("runs") / f"sweep-{file.stem if file else 'zoo'}"
    nested = nested_overrides(given)
    go_on = f"modelswarms resume {shlex.quote(str(folder))}"
    show_sweep(
        lambda terminal: run_sweep(file, out=folder, space=space, watch=terminal, say=terminal.say, **nested),
        folder,
        go_on,
    )


def show_sweep(run: Callable[[Trials], Sweep], folder: Path, go_on: str) -> None:
    """Runs with live progress, then prints what was chosen and where the table is."""
    with Trials(folder, go_on) as terminal:
        found = run(terminal)
    RUN_IN_PROGRESS.clear()
    chosen = found.markdown.split("\n| ")[0].splitlines()[2:]
    for line in (*(line for line in chosen if line), f"The table: {folder / 'sweep.md'}, {folder / 'sweep.json'}."):
        output.print(line, markup=False, highlight=False, soft_wrap=True)
    line = f"Its settings: modelswarms search {folder / 'chosen.yaml'}"
    output.print(line, markup=False, highlight=False, soft_wrap=True)


class Trials:
    """A bar for the trials of a sweep, and a line for each that is over."""

    def __init__(self, folder: Path, go_on: str) -> None:
        self._folder, self._go_on = folder, go_on
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=output
        )
        self._task = self._progress.add_task("trials", total=None)
        self._name = ""

    def __enter__(self) -> Trials:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._progress.live.is_started:
            self._progress.stop()

    def started(self, about: Mapping[str, Any], searcher: RunSearcher) -> None:
        self._begin()
        name = Path(about["run"]).name
        self._name = f"trial {int(name)}" if name.isdigit() else name

    def asked(self, stage: str, batch: Sequence[Candidate]) -> None:
        where = f"iteration {batch[0].iteration}" if stage == "search" else stage.replace("_", " ")
        self._progress.update(self._task, description=f"{self._name}, {where}")

    def evaluated(self, stage: str, candidate: Candidate, evaluation: Evaluation) -> None: ...

    def finished(self, result: RunResult) -> None: ...

    def say(self, line: str) -> None:
        """A line above the bar, which shows how many trials are over."""
        from modelswarms.sweeping import sweep_status

        self._begin()
        found = sweep_status(self._folder)
        over = sum(found.trials[state] for state in ("complete", "pruned", "failed"))
        self._progress.update(self._task, completed=over, total=found.expected)
        best = "" if found.best is None else f" (best: trial {found.best['trial']}, dev {found.best['dev']:.3f})"
        self._progress.console.print(f"{line}{best}", markup=False, highlight=False, soft_wrap=True)

    def _begin(self) -> None:
        """From here on a fault is one that can be resumed."""
        if not self._progress.live.is_started:
            self._progress.start()
            RUN_IN_PROGRESS.append(self._go_on)
