"""The tasks: which nodes are asked about, and what the right answer is.

A task picks its nodes so that answers are spread evenly (a model cannot score by always saying the commonest one),
then reads the answer off the graph's :class:`Facts`. Everything is batched: B graphs, K questions each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from modelswarms.zoo.build.graphs import Facts, edges_of, length_of
from modelswarms.zoo.build.vocabulary import ANSWERS, FIRST_ANSWER, NO_ID, NONE_ID, YES_ID
from modelswarms.zoo.build.wordings import ASK_YES_NO, KEPT, LABELS, WORDINGS

__all__ = ["Answerer", "Asked", "Chooser", "INVALID", "TASKS", "TASK_NUMBER", "Task", "ask"]

INVALID: Final = -100
"""Target of a question that must not be asked (no such pair in this graph)."""

_CLASSES: Final = 12

_UNLISTED: Final = 0.15
"""How often a pair with an unlisted node is asked about, against other pairs."""

Chooser = Callable[[Facts], Tensor]
"""Facts to choice weights (B, 30, 30) of ordered pairs."""

Answerer = Callable[[Facts, Tensor, Tensor], Tensor]
"""Facts and nodes (B, K), (B, K) to values (B, K) int64; -1 stands for "None"."""


@dataclass(frozen=True)
class Task:
    """One kind of question: its name (see ``wordings``), how nodes are chosen, how it is answered.

    The answer of a ``kept`` task is not taught.
    """

    name: str
    choose: Chooser
    answer: Answerer
    kept: bool = False

    @property
    def yes_no(self) -> bool:
        return WORDINGS[self.name].ending == ASK_YES_NO


def _pairs(facts: Facts) -> Tensor:
    """Ordered pairs of different listed nodes."""
    both = facts.listed[:, :, None] & facts.listed[:, None, :]
    return both & ~torch.eye(LABELS, dtype=torch.bool, device=both.device)


def _evenly(classes: Tensor, weights: Tensor) -> Tensor:
    """Scale choice weights so that every class present in a graph gets the same total."""
    flat = classes.clamp(0, _CLASSES - 1).flatten(1)
    weight = weights.flatten(1).float()
    # One class after the other: adding up by index has no fixed order on a GPU, and a build is to be repeatable.
    totals = torch.stack([(weight * (flat == number)).sum(1) for number in range(_CLASSES)], 1)
    return (weight / totals.gather(1, flat).clamp(min=1e-6)).view(weights.shape)


def _any_pair(facts: Facts) -> Tensor:
    return _pairs(facts).float()


def _by_edge(facts: Facts) -> Tensor:
    return _evenly(facts.edge.long(), _pairs(facts))


def _by_hops(facts: Facts) -> Tensor:
    return _evenly(facts.hops + 1, _pairs(facts))


def _by_connection(facts: Facts) -> Tensor:
    """Half connected, half not; neighbours are asked about half as often as chance would have it.

    Otherwise "are they neighbours?" answers most questions, and no path need ever be followed. NLGraph also asks
    about nodes that no line lists (they have no edges): one question in ten, so a few are asked here.
    """
    label = torch.arange(LABELS, device=facts.weights.device)
    named = label <= (facts.listed * label).amax(1, keepdim=True)
    pairs = named[:, :, None] & named[:, None, :] & ~torch.eye(LABELS, dtype=torch.bool, device=label.device)
    rarely = torch.where(_pairs(facts), torch.where(facts.edge, 0.5, 1.0), _UNLISTED)
    return _evenly(facts.connected.long(), pairs * rarely)


def _apart(facts: Facts) -> Tensor:
    """Connected pairs that are no neighbours, evenly by the number of edges of their shortest path."""
    return _evenly(edges_of(facts.path), _pairs(facts) & facts.connected & ~facts.edge)


def _joined(facts: Facts) -> Tensor:
    """Connected pairs, evenly by the fewest edges between them."""
    return _evenly(facts.hops, _pairs(facts) & facts.connected)


def _by_common(facts: Facts) -> Tensor:
    return _evenly(facts.common, _pairs(facts))


def _first_node(value: Callable[[Facts], Tensor]) -> Chooser:
    """Evenly by a value of the first node; the second node is not asked about."""

    def choose(facts: Facts) -> Tensor:
        pairs = _pairs(facts)
        return _evenly(value(facts)[:, :, None].expand(-1, -1, LABELS), pairs)

    return choose


def _at(table: Callable[[Facts], Tensor]) -> Answerer:
    """Read a (B, 30, 30) table at both nodes."""

    def answer(facts: Facts, first: Tensor, second: Tensor) -> Tensor:
        return table(facts).flatten(1).gather(1, first * LABELS + second).long()

    return answer


def _of(table: Callable[[Facts], Tensor]) -> Answerer:
    """Read a (B, 30) table at the first node."""

    def answer(facts: Facts, first: Tensor, second: Tensor) -> Tensor:
        return table(facts).gather(1, first).long()

    return answer


def _busier(facts: Facts, first: Tensor, second: Tensor) -> Tensor:
    return (facts.degree.gather(1, first) > facts.degree.gather(1, second)).long()


def _next_node(facts: Facts, first: Tensor, second: Tensor) -> Tensor:
    """The first stop on the way, the lowest label among equally short ways."""
    row = torch.arange(len(first), device=first.device)[:, None]
    onward = facts.step[row, first] + facts.path[row, second]
    best = facts.path[row, first, second]
    stop = (onward == best[:, :, None]) & (facts.step[row, first] > 0)
    return torch.where(stop.any(2), stop.long().argmax(2), -1)


def _between(facts: Facts) -> Tensor:
    return torch.where(facts.hops > 0, facts.hops - 1, -1)


def _reachable(facts: Facts) -> Tensor:
    return facts.connected.sum(2) - 1


_TAUGHT: Final = (
    Task("connectivity", _by_connection, _at(lambda f: f.connected)),
    Task("shortest_path", _apart, _at(lambda f: length_of(f.path))),
    Task("between", _joined, _at(_between)),
    Task("degree", _first_node(lambda f: f.degree), _of(lambda f: f.degree)),
    Task("heaviest", _first_node(lambda f: f.heaviest), _of(lambda f: f.heaviest)),
    Task("hops", _by_hops, _at(lambda f: f.hops)),
    Task("reachable", _first_node(_reachable), _of(_reachable)),
    Task("common", _by_common, _at(lambda f: f.common)),
    Task("edges", _by_edge, _at(lambda f: f.edge)),
    Task("busier", _any_pair, _busier),
    Task("distance", _apart, _at(lambda f: length_of(f.path))),
    Task("edge_weight", _by_edge, _at(lambda f: torch.where(f.edge, f.weights, -1))),
    Task("within_2", _apart, _at(lambda f: length_of(f.within_2))),
    Task("within_3", _apart, _at(lambda f: length_of(f.within_3))),
    Task("within_4", _apart, _at(lambda f: length_of(f.within_4))),
    Task("lightest", _first_node(lambda f: f.lightest), _of(lambda f: f.lightest)),
    Task("next_node", _apart, _next_node),
    Task("connectivity_as_edge", _by_connection, _at(lambda f: f.edge)),
    Task("path_as_hops", _apart, _at(lambda f: f.hops)),
    Task("degree_as_reachable", _first_node(_reachable), _of(_reachable)),
    Task("between_as_hops", _joined, _at(lambda f: f.hops)),
    Task("heaviest_as_lightest", _first_node(lambda f: f.lightest), _of(lambda f: f.lightest)),
)

TASKS: Final[tuple[Task, ...]] = (
    *_TAUGHT,
    *(replace(task, name=name, kept=True) for name, family in KEPT.items() for task in _TAUGHT if task.name == family),
)
"""Every task; a task's place here is its number in the tensors."""

TASK_NUMBER: Final = {task.name: number for number, task in enumerate(TASKS)}


@dataclass(frozen=True)
class Asked:
    """Questions on a batch of graphs: each field is (B, K) int64; ``target`` is a row of the vocabulary or INVALID."""

    task: Tensor
    first: Tensor
    second: Tensor
    target: Tensor


def ask(facts: Facts, mixture: Mapping[str, float], per_graph: int, generator: torch.Generator) -> Asked:
    """Draw ``per_graph`` questions for every graph, tasks in the proportions of ``mixture``."""
    device = generator.device
    count = len(facts.weights)
    numbers = torch.tensor([TASK_NUMBER[name] for name in mixture], device=device)
    shares = torch.tensor(list(mixture.values()), device=device)
    drawn = torch.multinomial(shares, count * per_graph, replacement=True, generator=generator)
    task = numbers[drawn].view(count, per_graph)
    first = torch.zeros_like(task)
    second = torch.zeros_like(task)
    target = torch.full_like(task, INVALID)
    choices: dict[Chooser, tuple[Tensor, Tensor, Tensor]] = {}
    for name in mixture:
        rule = TASKS[TASK_NUMBER[name]]
        if rule.choose not in choices:
            choices[rule.choose] = _draw(rule.choose(facts), per_graph, generator)
        a, b, possible = choices[rule.choose]
        mine = task == TASK_NUMBER[name]
        first = torch.where(mine, a, first)
        second = torch.where(mine, b, second)
        target = torch.where(mine & possible, _token(rule, rule.answer(facts, a, b)), target)
    return Asked(task, first, second, target)


def _draw(weights: Tensor, per_graph: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Nodes (B, K), (B, K), and whether the graph had any choice at all, (B, 1)."""
    flat = weights.flatten(1)
    possible = flat.sum(1, keepdim=True) > 0
    pair = torch.multinomial(flat + (~possible) * 1.0, per_graph, replacement=True, generator=generator)
    return pair // LABELS, pair % LABELS, possible


def _token(task: Task, value: Tensor) -> Tensor:
    """The answer's row of the vocabulary; numbers past 99 cannot be said in one token and are INVALID."""
    if task.yes_no:
        return torch.where(value > 0, YES_ID, NO_ID)
    number = torch.where(value < 0, NONE_ID, FIRST_ANSWER + value)
    return torch.where(value >= ANSWERS, INVALID, number)
