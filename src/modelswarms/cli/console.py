"""Where the command line writes, and the run that it is busy with."""

from __future__ import annotations

from rich.console import Console

__all__ = ["RUN_IN_PROGRESS", "errors", "output"]

output = Console()
errors = Console(stderr=True)

RUN_IN_PROGRESS: list[str] = []
"""The command that goes on with the run that was begun, so that an error can say it."""
