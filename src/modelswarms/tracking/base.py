"""What a tracker is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

__all__ = ["Row", "Tracker", "markdown"]

Row = Mapping[str, str | float | None]
"""A row of the final table: ``expert`` and its figures."""


class Tracker(Protocol):
    """Somewhere that figures are sent to. Any method may raise or take its time: the search does not notice."""

    def start(self, run: Path, id: str, config: Mapping[str, Any]) -> None:
        """Begins, or goes on where a tracker with the same ``id`` was.

        Args:
            run: the run's folder; its name is the run's name unless the user gave one.
            id: the same whenever the run is resumed.
            config: the configuration and what else the values depend on.
        """
        ...

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Figures by name, at a step; steps never go back."""
        ...

    def finish(self, step: int, summary: Mapping[str, float], table: Sequence[Row]) -> None:
        """The result, then the end."""
        ...


def markdown(table: Sequence[Row]) -> str:
    """The final table as text."""
    if not table:
        return ""
    lines = [list(table[0]), ["---"] * len(table[0])]
    lines += [["" if v is None else f"{v:.4f}" if isinstance(v, float) else str(v) for v in row.values()]
              for row in table]  # fmt: skip
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
