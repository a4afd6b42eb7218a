"""A run's report, written anew."""

from __future__ import annotations

from pathlib import Path

from modelswarms.errors import ConfigError
from modelswarms.reports.html import write_report

__all__ = ["report"]


def report(run: str | Path, out: str | Path | None = None) -> Path:
    """Writes ``report.html`` of a run that is over, under way or failed; the run itself is only read.

    Args:
        run: folder of the run.
        out: the file to write; by default ``report.html`` in the run's folder.

    Returns:
        The file.

    Raises:
        RunError: the folder is no run's, or something in it is damaged.
        ConfigError: there cannot be a file at ``out``.
    """
    if out is not None:
        file = Path(out)
        if file.is_dir():
            raise ConfigError(f"out: {file} is a folder; give a file in it, such as {file / 'report.html'}.")
        if not file.parent.is_dir():
            raise ConfigError(f"out: {file.parent} is no folder; make it first, or give another file.")
    return write_report(run, out)
