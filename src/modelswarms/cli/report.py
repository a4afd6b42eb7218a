"""``modelswarms report``: a run as one page."""

from __future__ import annotations

from pathlib import Path

from modelswarms.cli.console import output

__all__ = ["report"]


def report(run: Path, *, out: Path | None = None) -> None:
    """Write the report of a run as one HTML page that opens in any browser, offline.

    A search writes it at its end. This writes it anew: for a run that is under
    way or was interrupted, or as a file of its own, to send to somebody.

    Examples:
      modelswarms report runs/demo
      modelswarms report runs/demo --out demo.html

    Parameters
    ----------
    run
        Folder of the run.
    out
        File to write; by default report.html in the run's folder.
    """
    from modelswarms.commands.report import report as write

    path = write(run, out)
    for line in (f"The report is {path}", f"Open it in a browser: {path.resolve().as_uri()}"):
        output.print(line, markup=False, highlight=False, soft_wrap=True)
