"""Why an expert cannot be combined: one value, whether the first is raised or all are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from modelswarms.errors import ExpertError

__all__ = ["Kind", "Problem", "first_of_each", "refuse"]

Kind = Literal["broken", "unsupported", "differs"]


@dataclass(frozen=True)
class Problem:
    """One reason, in the words of the error that a search would give.

    Attributes:
        expert: its name; None for the base.
        field: what of it is wrong: a key of its configuration, a file, or a property of its tensors.
        what: the fault, with the values.
        remedy: what mends it.
        kind: ``broken`` files, an ``unsupported`` setting, or a value that ``differs`` from the others'.
        value, expected: what the expert has, and what the others (or the base) have, where two values differ.
        others: how many of the experts have what is expected.
        more: how many further tensors or modules of the expert have the same fault.
    """

    expert: str | None
    field: str
    what: str
    remedy: str
    kind: Kind = "broken"
    value: str | None = None
    expected: str | None = None
    others: int = 0
    more: int = 0

    def __str__(self) -> str:
        who = "base" if self.expert is None else f"expert {self.expert}"
        return f"{who}: {self.what}; {self.remedy}"


def refuse(problems: Iterable[Problem]) -> None:
    """Raises ExpertError for the first problem, where there is one; further ones are not looked for."""
    for problem in problems:
        raise ExpertError(str(problem))


def first_of_each(problems: Iterable[Problem]) -> list[Problem]:
    """One problem for each field and remedy, which counts those like it."""
    alike: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        alike.setdefault((problem.field, problem.remedy), []).append(problem)
    return [replace(group[0], more=len(group) - 1) for group in alike.values()]
