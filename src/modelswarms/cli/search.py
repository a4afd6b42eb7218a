"""``modelswarms search``: the experts and the utility of a configuration file, or of options."""

from __future__ import annotations

from pathlib import Path

from modelswarms.cli.options import Config, Keys, file_and_keys, free_folder, overrides
from modelswarms.cli.watched import show

__all__ = ["search"]


def search(config: Config = None, *keys: Keys, run_dir: Path | None = None) -> None:
    """Search the combined weights of your experts for the best utility on your dev set.

    Any key of the configuration can be given as an option, beside the file or instead of one:
    --swarm.particles 30, --engine.device cuda, --seed 1. docs/configuration.md lists all keys.

    Examples:
      modelswarms search my.yaml
      modelswarms search my.yaml --run-dir runs/first --seed 1 --swarm.preset paper
      modelswarms search --base models/mine --experts adapters/ --utility nlgraph

    Parameters
    ----------
    config
        YAML file with base, experts, utility and whatever else should differ from the defaults; may be left
        out where options say it all. What neither names is the zoo's.
    run_dir
        Folder of the run; by default runs/ and the name of the configuration file, or runs/search without one.
    """
    from modelswarms.config import load_config
    from modelswarms.errors import ConfigError
    from modelswarms.search import search as run_search

    path, options = file_and_keys(config, keys)
    given = overrides(options)
    if path is None and not given:
        raise ConfigError("nothing to search: give a configuration file, or its keys as options (the zoo: demo).")
    if run_dir is not None:
        given["run_dir"] = str(run_dir)
    folder = free_folder("search") if path is None else Path("runs") / path.stem
    settings = load_config(path, given, below={"run_dir": str(folder)})
    show(lambda watch: run_search(settings, watch=watch))
