"""``modelswarms demo``: a real search on the embedded zoo."""

from __future__ import annotations

from pathlib import Path

from modelswarms.cli.options import Keys, free_folder, overrides
from modelswarms.cli.watched import show

__all__ = ["demo"]

ITERATIONS = 6
"""Enough for most of the gain, and for a processor of two cores to be done within three minutes."""


def demo(*keys: Keys, run_dir: Path | None = None) -> None:
    """Search the embedded zoo: ten small experts become one better expert, offline, on a CPU.

    Any key of the configuration can be given as an option: --swarm.particles 12, --seed 3.
    docs/configuration.md lists all keys.

    Examples:
      modelswarms demo
      modelswarms demo --seed 1 --run-dir runs/second
      modelswarms demo --swarm.max_iterations 10 --random_search true

    Parameters
    ----------
    run_dir
        Folder of the run; by default runs/demo, or runs/demo-2 and so on where that exists.
    """
    from modelswarms.config import load_config
    from modelswarms.search import search

    below = {"swarm": {"max_iterations": ITERATIONS}}
    config = load_config(None, {**overrides(keys), "run_dir": str(run_dir or free_folder("demo"))}, below)
    show(lambda watch: search(config, watch=watch))
