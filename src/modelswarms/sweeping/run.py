"""A sweep from configuration to table."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from modelswarms.baselines import SWARM, kind_of_searcher, make_searcher, merging_of
from modelswarms.config import (
    SearchConfig,
    anchored,
    config_from_mapping,
    load_config,
    overlaid,
    read_yaml,
    settings_from,
    to_mapping,
)
from modelswarms.errors import ConfigError, SearchFailedError
from modelswarms.grid import space_of
from modelswarms.preparation import Prepared, prepare
from modelswarms.reports.swept import TABLE, markdown, table_of
from modelswarms.runs import RunFolder
from modelswarms.runs.atomic import replace_file, replace_json
from modelswarms.sweeping.folder import SweepFolder, settings_of
from modelswarms.sweeping.locks import locked
from modelswarms.sweeping.processes import run_processes
from modelswarms.sweeping.study import Study, Trial, needs_optuna
from modelswarms.sweeping.work import Worker
from modelswarms.watching import Watcher

if TYPE_CHECKING:
    from modelswarms.engines.base import Engine

__all__ = ["Sweep", "go_on", "sweep", "sweep_settings"]

log = logging.getLogger(__name__)

CHOSEN = "chosen.yaml"


@dataclass(frozen=True)
class Sweep:
    """What a sweep found.

    Attributes:
        folder: holds ``sweep.json``, ``sweep.md``, ``chosen.yaml`` and a run of each trial.
        table: what ``sweep.json`` holds.
    """

    folder: Path
    table: Mapping[str, Any]

    @property
    def chosen(self) -> Mapping[str, Any]:
        """The best trial on dev: ``trial``, ``settings``, ``dev``, ``test``, ``best_single``, ``difference``."""
        return dict(self.table["chosen"])

    @property
    def markdown(self) -> str:
        """The table as Markdown."""
        return markdown(self.table)


def sweep(
    config: SearchConfig | Mapping[str, Any] | str | Path | None = None,
    *,
    out: str | Path = "runs/sweep",
    space: Mapping[str, Any] | str | Path | None = None,
    watch: Watcher | None = None,
    say: Callable[[str], None] = lambda line: None,
    engine: Engine | Mapping[str, Any] | None = None,
    **keys: Any,
) -> Sweep:
    """Searches with other settings each, chosen by their dev values; the best of them is tested, once.

    Called again with the same folder it goes on: neither a trial nor an evaluation is made twice. Several processes
    may call it with the same folder at once.

    Args:
        config: a configuration, nested keys and values, or the path of a YAML file; its ``sweep`` keys say how many
            trials there are, and of what. With the paper's grid the settings begin from ``swarm: paper``.
        out: the folder.
        space: ``sweep.space``, or a YAML file that holds it.
        watch: is told of every step of every trial of this process.
        say: is told in a line what became of each trial.
        engine: the configuration's ``engine`` keys, or an engine of your own, for one process alone.
        **keys: the configuration's keys, laid over ``config``.

    Raises:
        WrongInputError: something given cannot be used; no trial was begun.
        SearchFailedError: a trial cannot go on; mend the cause and call it again.

    Example:
        >>> found = sweep("my.yaml", out="runs/sweep", sweep={"trials": 30})  # doctest: +SKIP
        >>> found.chosen["settings"], found.chosen["test"]  # doctest: +SKIP
    """
    if isinstance(engine, Mapping):
        keys, engine = {**keys, "engine": engine}, None
    return _sweep(sweep_settings(config, keys, space), SweepFolder(Path(out)), watch, say, engine)


def go_on(
    folder: str | Path,
    overrides: Mapping[str, str] | None = None,
    *,
    watch: Watcher | None = None,
    say: Callable[[str], None] = lambda line: None,
    engine: Engine | None = None,
) -> Sweep:
    """Goes on with a sweep from its folder alone; ``overrides`` may give it more trials or processes.

    Raises as :func:`sweep`; also RunError where the folder is no sweep's.
    """
    found = SweepFolder(Path(folder))
    settings = load_config(None, overrides, below=to_mapping(found.config()))
    return _sweep(settings, found, watch, say, engine)


def sweep_settings(
    config: SearchConfig | Mapping[str, Any] | str | Path | None,
    keys: Mapping[str, Any],
    space: Mapping[str, Any] | str | Path | None = None,
) -> SearchConfig:
    """The configuration of a sweep; with the paper's grid it begins from the paper's swarm.

    Raises:
        ConfigError: as of any configuration.
    """
    if isinstance(config, SearchConfig):
        mapping: Mapping[str, Any] = to_mapping(settings_from(config, keys))
    else:
        mapping = anchored(config, Path.cwd()) if isinstance(config, Mapping) else {}
        if isinstance(config, str | Path):
            mapping = anchored(read_yaml(Path(config)), Path(config).resolve().parent)
        mapping = overlaid(mapping, anchored(keys, Path.cwd()))
    given = mapping.get("sweep") or {}
    if space is not None:
        found = space if isinstance(space, Mapping) else read_yaml(Path(space))
        if not isinstance(given, Mapping):
            raise ConfigError(f"sweep: {given!r} is not keys and values; write sweep: {{key: value}}.")
        mapping = {**mapping, "sweep": {**given, "space": dict(found)}}
    elif isinstance(given, Mapping) and given.get("space") is None:
        mapping = overlaid({"swarm": "paper"}, mapping)
    return config_from_mapping(mapping)


def _sweep(
    config: SearchConfig,
    folder: SweepFolder,
    watch: Watcher | None,
    say: Callable[[str], None],
    engine: Engine | None,
) -> Sweep:
    needs_optuna()
    config = replace(config, run_dir=None)
    if config.sweep.parallel > 1 and engine is not None:
        raise ConfigError("sweep.parallel: an engine of your own is for one process alone; set sweep.parallel to 1.")
    prepared = prepare(config, engine)
    with closing(prepared.engine):
        _check_space(prepared)
        folder.begin(config)
        study = Study(folder.path, config.sweep, config.seed)
        worker = Worker(prepared, folder, study, watch, say)
        if config.sweep.parallel > 1 and not _over(study.trials, config.sweep.trials):
            run_processes(folder.path, config.sweep.parallel, say)
        worker.work()  # what is left, or nothing
        with locked(folder.locks / "finish"):
            return _finished(worker, prepared, folder, study.trials)


def _finished(worker: Worker, prepared: Prepared, folder: SweepFolder, trials: list[Trial]) -> Sweep:
    """The best on dev is tested, unless that was done before; then the table."""
    complete = [t for t in trials if t.state == "complete" and t.value is not None]
    if not complete:
        reasons = "; ".join(dict.fromkeys(t.reason for t in trials if t.reason))
        raise SearchFailedError(f"no trial of the sweep is complete: {reasons or 'all were stopped'}.")
    chosen = max(complete, key=lambda t: (t.value, -t.number))
    result = worker.finish(chosen)
    settings = replace(settings_of(prepared.config, chosen.settings), run_dir=None)
    text = yaml.safe_dump({k: v for k, v in to_mapping(settings).items() if k not in ("sweep", "run_dir")})
    replace_file(folder.path / CHOSEN, text.encode())
    journals = {t.number: RunFolder(folder.run_of(t.number)).journal.read() for t in trials if t.state != "failed"}
    experts = RunFolder(folder.experts).journal.read()
    about = {"sampler": prepared.config.sweep.sampler, "seed": prepared.config.seed}
    table = table_of([asdict(t) for t in trials], journals, experts, chosen.number, result.details, about)
    replace_json(folder.path / TABLE, table)
    replace_file(folder.path / "sweep.md", (markdown(table) + "\n").encode())
    return Sweep(folder.path, dict(json.loads((folder.path / TABLE).read_text(encoding="utf-8"))))


def _over(trials: list[Trial], wanted: int) -> bool:
    return len(trials) >= wanted and all(t.state != "running" for t in trials)


def _check_space(prepared: Prepared) -> None:
    """Raises ConfigError where a value that is to be tried is not allowed, the others being the first of theirs."""
    config, space = prepared.config, space_of(prepared.config.sweep.space)
    searchers = space["searcher"].ends if "searcher" in space else (config.searcher,)
    if config.sweep.space is None and (kind_of_searcher(config.searcher), config.swarm.motion) != (SWARM, "velocity"):
        raise ConfigError(
            "sweep.space: the paper's grid is of swarms with velocity; set swarm to paper, or give a space of your own."
        )
    if not any(kind_of_searcher(s) == SWARM for s in searchers) and all(k.startswith("swarm.") for k in space):
        log.warning("sweep.space: what it tries is the swarm's, and the searcher is %s", searchers[0])
    first = {key: setting.ends[0] for key, setting in space.items()}
    for key, setting in space.items():
        for value in setting.ends:
            try:
                tried = settings_of(config, {**first, key: value})
                make_searcher(tried.searcher, tried.swarm, prepared.space.n, tried.seed)
            except ConfigError as error:
                raise ConfigError(f"sweep.space: {key}: {error}") from None
            if merging_of(tried.searcher) is not None:
                raise ConfigError(
                    f"sweep: searcher {kind_of_searcher(tried.searcher)} makes weights of its own, which trials that "
                    "share their evaluations cannot; give another searcher."
                )
