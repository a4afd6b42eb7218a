"""What is wrong with a data file: one value, whether the first is raised or all are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from modelswarms.errors import DataError

__all__ = ["Kind", "Problem", "refuse", "shown"]

_QUOTE: Final = "'"

Kind = Literal["problem", "warning"]

_SHOWN: Final = 100
"""Characters of a value that a message shows."""


@dataclass(frozen=True)
class Problem:
    """One fault, in the words of the error that a search would give.

    Attributes:
        file: the file (or hub id) that holds it.
        place: where in it: ``dev[3]``, ``line 7``; empty for the whole.
        what: the fault, with the value; begins with the field in quotes where one field is at fault.
        remedy: what mends it.
        kind: a ``problem`` keeps a search from using the file, a ``warning`` does not.
        topic: what faults of the same sort are counted under.
    """

    file: str
    place: str
    what: str
    remedy: str
    kind: Kind = "problem"
    topic: str = "schema"

    def __str__(self) -> str:
        return f"{self.file}{':' if self.place or self.what.startswith(_QUOTE) else ''} {self.text}"

    @property
    def text(self) -> str:
        """Without the file."""
        return f"{self.place}{self.colon} {self.what}; {self.remedy}".lstrip()

    @property
    def colon(self) -> str:
        """What comes after the place: nothing where all that is there is at fault, not one field."""
        return ":" if self.place and self.what.startswith("'") else ""


def refuse(problems: Iterable[Problem]) -> None:
    """Raises DataError for the first problem, where there is one, and says how the others are seen."""
    faults = [problem for problem in problems if problem.kind == "problem"]
    if faults:
        more = len(faults) - 1
        others = f" There {'is 1' if more == 1 else f'are {more}'} more: see modelswarms data check." if more else ""
        raise DataError(f"{faults[0]}{others}")


def shown(value: Any) -> str:
    """A value in a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
