"""A sweep's folder: what it was begun with, and where its runs are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml

from modelswarms.config import SearchConfig, config_from_mapping, nested_overrides, overlaid, read_yaml, to_mapping
from modelswarms.errors import ConfigError, RunError
from modelswarms.grid import SweepConfig, space_of
from modelswarms.runs import RunFolder
from modelswarms.runs.atomic import partial_name, replace_file
from modelswarms.settings import plain
from modelswarms.sweeping.locks import locked

__all__ = ["MANIFEST", "SweepFolder", "settings_of"]

MANIFEST: Final = "sweep.yaml"

_MAY_GROW: Final = ("trials", "parallel")


@dataclass(frozen=True)
class SweepFolder:
    """``sweep.yaml``, the database of the trials, a run for each, and the table."""

    path: Path

    @property
    def runs(self) -> Path:
        """Holds the run of each trial, and that of the experts alone."""
        return self.path / "trials"

    @property
    def experts(self) -> Path:
        """The run of the experts alone."""
        return self.runs / "experts"

    @property
    def locks(self) -> Path:
        """Holds files that are empty."""
        return self.path / "locks"

    @property
    def begun(self) -> bool:
        """Whether there is a sweep."""
        return os.path.exists(self.path / MANIFEST)  # false also where it may not be looked for

    def run_of(self, number: int) -> Path:
        """The run of a trial."""
        return self.runs / f"{number:04d}"

    def config(self) -> SearchConfig:
        """What the sweep was begun with. Raises RunError where there is none."""
        try:
            return config_from_mapping(read_yaml(self.path / MANIFEST))
        except ConfigError as error:
            raise RunError(f"{self.path}: is not the folder of a sweep ({error})") from error

    def begin(self, config: SearchConfig) -> None:
        """Writes down what the sweep is, or checks that it is the same.

        Raises:
            RunError: the folder holds something else, or a sweep of other settings.
        """
        if not self.begun and not (
            self.path.is_dir() and set(os.listdir(self.path)) <= {partial_name(MANIFEST), MANIFEST, self.locks.name}
        ):
            RunFolder.check_free(self.path)
        with locked(self.locks / "begin"):  # another process may be as far
            self._begin(config)

    def _begin(self, config: SearchConfig) -> None:
        if self.begun:
            then, now = self.config().sweep, config.sweep
            for key in ("space", "sampler", "prune", "prune_after"):
                before, after = _shown(then, key), _shown(now, key)
                if before != after:
                    raise RunError(
                        f"{self.path}: sweep.{key} was {before} and is now {after}; restore it, or start a new sweep."
                    )
            if now.trials < then.trials:
                raise RunError(
                    f"{self.path}: sweep.trials was {then.trials} and is now {now.trials}: a sweep can go further, "
                    "not back; give more."
                )
        text = yaml.safe_dump(to_mapping(config), sort_keys=True)
        if not self.begun or (self.path / MANIFEST).read_text(encoding="utf-8") != text:
            replace_file(self.path / MANIFEST, text.encode())


def _shown(config: SweepConfig, key: str) -> Any:
    if key == "space":
        return plain({name: list(s.values) or s for name, s in space_of(config.space).items()})
    return getattr(config, key)


def settings_of(base: SearchConfig, settings: Mapping[str, Any]) -> SearchConfig:
    """The configuration of a trial.

    Raises:
        ConfigError: the settings do not go together.
    """
    nested: dict[str, Any] = nested_overrides({})
    for dotted, value in settings.items():
        *parents, leaf = dotted.split(".")
        level = nested
        for parent in parents:
            level = level.setdefault(parent, {})
        level[leaf] = value
    keys = {k: v for k, v in to_mapping(base).items() if k not in ("sweep", "run_dir")}
    return replace(config_from_mapping(overlaid(keys, nested)), sweep=SweepConfig(), run_dir=None)
