"""``modelswarms resume``: go on with a run that was interrupted, failed, or should go further."""

from __future__ import annotations

import shlex
from pathlib import Path

from modelswarms.cli.options import Keys, overrides
from modelswarms.cli.sweep import show_sweep
from modelswarms.cli.watched import show

__all__ = ["resume"]


def resume(run: Path, *keys: Keys) -> None:
    """Go on with a run or a sweep; nothing that was evaluated is evaluated again.

    Examples:
      modelswarms resume runs/demo
      modelswarms resume runs/demo --swarm.max_iterations 12
      modelswarms resume runs/sweep-my --sweep.trials 100

    Parameters
    ----------
    run
        Folder of the run, or of the sweep.
    """
    from modelswarms.search import resume as resume_search
    from modelswarms.sweeping import go_on, is_sweep

    given = overrides(keys)
    if is_sweep(run):
        show_sweep(
            lambda terminal: go_on(run, given, watch=terminal, say=terminal.say),
            run,
            f"modelswarms resume {shlex.quote(str(run))}",
        )
        return
    show(lambda watch: resume_search(run, overrides=given, watch=watch))
