"""``modelswarms search``: the experts and the utility of a configuration file."""

from __future__ import annotations

from pathlib import Path

from modelswarms.cli.options import Keys, overrides
from modelswarms.cli.watched import show

__all__ = ["search"]


def search(config: Path, *keys: Keys, run_dir: Path | None = None) -> None:
    """Search the combined weights of your experts for the best utility on your dev set.

    Any key of the configuration can be given as an option, after the file: --swarm.particles 30,
    --engine.device cuda, --seed 1. docs/configuration.md lists all keys.

    Examples:
      modelswarms search my.yaml
      modelswarms search my.yaml --run-dir runs/first --seed 1 --swarm.preset paper

    Parameters
    ----------
    config
        YAML file with base, experts, utility and whatever else should differ from the defaults.
    run_dir
        Folder of the run; by default runs/ and the name of the configuration file.
    """
    from modelswarms.config import load_config
    from modelswarms.search import search as run_search

    given = overrides(keys)
    if run_dir is not None:
        given["run_dir"] = str(run_dir)
    settings = load_config(config, given, below={"run_dir": str(Path("runs") / config.stem)})
    show(lambda watch: run_search(settings, watch=watch))
