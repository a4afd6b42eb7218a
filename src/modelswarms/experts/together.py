"""Whether experts can be combined with one another: each is compared with what most of them have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from modelswarms.experts.adapter import Adapter
from modelswarms.experts.problems import Problem, first_of_each

__all__ = ["Combine", "named_bases", "together_problems"]

Combine = Literal["factors", "delta"]

Shape = tuple[int, int]


def named_bases(adapters: Iterable[Adapter]) -> dict[str | None, list[str]]:
    """The experts' names by what they call their base."""
    bases: dict[str | None, list[str]] = {}
    for adapter in adapters:
        bases.setdefault(adapter.base_name, []).append(adapter.name)
    return bases


def together_problems(
    adapters: Sequence[Adapter], combine: Combine, trusted: Sequence[Adapter] | None = None
) -> list[Problem]:
    """Where experts differ from most of the others in what must be equal; those without a problem can be combined.

    Args:
        adapters: all that are compared.
        combine: ``delta`` needs equal shapes of the same module, ``factors`` equal ranks, scalings and modules too.
        trusted: those who say what most have; all of them by default.
    """
    jury = trusted or adapters
    if not jury:
        return []
    found = [problem for adapter in adapters for problem in first_of_each(_shapes(adapter, jury))]
    if combine == "factors":
        alike = _largest_group(jury)
        found += [problem for adapter in adapters for problem in _factors(adapter, alike)]
    return found


def _shapes(adapter: Adapter, jury: Sequence[Adapter]) -> Iterator[Problem]:
    """Modules that are a matrix of another shape than with most; where as many have either, the first counts."""
    for module, shape in adapter.shapes.items():
        having: dict[Shape, list[str]] = {}
        for other in jury:
            if module in other.tensors:
                having.setdefault(other.shapes[module], []).append(other.name)
        expected = max(having, key=lambda s: len(having[s]), default=shape)
        if shape != expected:
            what = f"{module} changes a {shape} matrix, expert {having[expected][0]}'s is {expected}"
            remedy = "they were made from different bases. Leave one out."
            yield Problem(
                adapter.name, "shapes", what, remedy, "differs", str(shape), str(expected), len(having[expected])
            )


def _largest_group(adapters: Sequence[Adapter]) -> list[Adapter]:
    """Those who agree in all that adding A and B apart needs; of groups as large, the first."""
    keys = [(a.rank, a.alpha, a.use_rslora, frozenset(a.shapes.items())) for a in adapters]
    most, _ = Counter(keys).most_common(1)[0]
    return [adapter for adapter, key in zip(adapters, keys, strict=True) if key == most]


def _factors(adapter: Adapter, alike: Sequence[Adapter]) -> Iterator[Problem]:
    """Adding A and B apart only means something where rank, scaling and modules agree."""
    first, many = alike[0], len(alike)
    remedy = "combine: factors needs them equal, combine: delta does not."
    for field in ("rank", "alpha", "use_rslora"):
        theirs, ours = getattr(adapter, field), getattr(first, field)
        if theirs != ours:
            what = f"{field} is {theirs}, expert {first.name}'s is {ours}"
            yield Problem(adapter.name, field, what, remedy, "differs", str(theirs), str(ours), many)
    differ = sorted(first.tensors.keys() ^ adapter.tensors.keys())
    if differ:
        what = f"not the same modules as expert {first.name} (such as {differ[0]})"
        counts = str(len(adapter.tensors)), str(len(first.tensors))
        yield Problem(adapter.name, "modules", what, remedy, "differs", *counts, many, len(differ) - 1)
