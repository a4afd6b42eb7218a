"""``modelswarms resume``: go on with a run that was interrupted, failed, or should go further."""

from __future__ import annotations

from pathlib import Path

from modelswarms.cli.options import Keys, overrides
from modelswarms.cli.watched import show

__all__ = ["resume"]


def resume(run: Path, *keys: Keys) -> None:
    """Go on with a run; nothing that was evaluated is evaluated again.

    Examples:
      modelswarms resume runs/demo
      modelswarms resume runs/demo --swarm.max_iterations 12

    Parameters
    ----------
    run
        Folder of the run.
    """
    from modelswarms.search import resume as resume_search

    given = overrides(keys)
    show(lambda watch: resume_search(run, overrides=given, watch=watch))
