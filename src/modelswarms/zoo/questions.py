"""Questions about graphs in NLGraph's format (Wang et al. 2023, arXiv 2305.10037), from a seed.

Two of its families: whether two nodes are connected, and the length of the shortest path between them.
``python -m modelswarms.zoo.questions FILE`` writes the zoo's data set.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["SEED", "Graph", "canonical_key", "distances", "make_dataset", "render_graph"]

SEED = 20241015
DEV, TEST = 300, 600

PLAIN = "The following text describes an undirected graph. Determine if there is a path between two nodes in the graph."
WEIGHTED = "The following paragraph describes an undirected graph with weights."
ASK_CONNECTED = "Q: Is there a path between node {0} and node {1}?\nPlease directly answer with Yes or No:"
ASK_LENGTH = (
    "Q: What is the shortest path between node {0} and node {1}, and what is the length of the shortest path?\n"
    "Please directly answer with the length of the shortest path:"
)

Graph = dict[int, dict[int, int]]
"""Neighbours of each node with the weight of the edge; 1 where edges have no weights."""


@dataclass(frozen=True)
class _Asked:
    graph: Graph
    first: int
    second: int
    answer: str


def make_dataset(seed: int = SEED, dev: int = DEV, test: int = TEST) -> dict[str, Any]:
    """The data set, half of each family; no graph of one split is isomorphic to one of the other.

    The same seed gives the same bytes on every platform and Python version: only ``random.random``
    is used, whose sequence Python promises.
    """
    draw = random.Random(seed).random
    seen: set[str] = set()
    items = [_item(number, draw, seen) for number in range(dev + test)]
    return {"dataset": "zoo", "dev": items[:dev], "test": items[dev:]}


def distances(graph: Graph, start: int) -> dict[int, int]:
    """Length of the shortest path to every node that can be reached (Dijkstra's algorithm)."""
    found: dict[int, int] = {}
    waiting = [(0, start)]
    while waiting:
        length, node = heapq.heappop(waiting)
        if node in found:
            continue
        found[node] = length
        for other, weight in graph[node].items():
            heapq.heappush(waiting, (length + weight, other))
    return found


def canonical_key(graph: Graph) -> str:
    """Equal for isomorphic graphs: the colours of the nodes, refined by their neighbourhoods."""
    colours = dict.fromkeys(graph, "")
    for _ in range(len(graph)):
        refined = {
            node: _digest([colours[node], sorted([w, colours[other]] for other, w in graph[node].items())])
            for node in graph
        }
        settled = len(set(refined.values())) == len(set(colours.values()))
        colours = refined
        if settled:
            break
    return _digest(sorted(colours.values()))


def render_graph(graph: Graph, weighted: bool) -> str:
    """One line a node that has edges; nodes in the order of their names as texts."""
    lines = []
    for node in sorted(graph, key=str):
        neighbours = sorted(graph[node].items(), key=lambda pair: str(pair[0]))
        if weighted:
            said = ", ".join(f"node {other} with weight {weight}" for other, weight in neighbours)
        else:
            said = ", ".join(str(other) for other, _ in neighbours)
        if neighbours:
            lines.append(f"Node {node} is connected to {said}.")
    return "\n".join(lines)


def _item(number: int, draw: Callable[[], float], seen: set[str]) -> dict[str, Any]:
    """Families take turns; within one, yes and no, or dense and sparse graphs, do."""
    weighted, turn = bool(number % 2), bool(number // 2 % 2)
    attempts = _shortest_paths(draw, dense=turn) if weighted else _connectivities(draw, wanted=turn)
    for asked in attempts:
        key = canonical_key(asked.graph)
        if key not in seen:
            break
    seen.add(key)
    head, ask = (WEIGHTED, ASK_LENGTH) if weighted else (PLAIN, ASK_CONNECTED)
    return {
        "question": f"{head}\n{render_graph(asked.graph, weighted)}\n{ask.format(asked.first, asked.second)}",
        "answer": asked.answer,
        "id": number,
        "domain": "shortest_path" if weighted else "connectivity",
    }


def _connectivities(draw: Callable[[], float], wanted: bool) -> Iterator[_Asked]:
    """Graphs of one to three clusters, with two nodes that are connected or, if not ``wanted``, are not."""
    while True:
        size = _whole(draw, 6, 28)
        clusters = _pick(draw, ((0.12, 1), (0.63, 2), (0.25, 3)))
        density = _pick(draw, ((1 / 3, 0.3), (1 / 3, 0.7), (1 / 3, 1.0))) if size < 16 else 0.12 + 0.4 * draw()
        nodes = _shuffled(draw, size)
        parts = [nodes[k::clusters] for k in range(clusters)]
        graph: Graph = {node: {} for node in range(size)}
        for part in parts:
            for i, node in enumerate(part):
                for other in part[:i]:
                    if draw() < density:
                        graph[node][other] = graph[other][node] = 1
        graph = {node: edges for node, edges in graph.items() if edges}
        first, second = _two(draw, sorted(graph)) if len(graph) > 1 else (0, 0)
        if first != second and (second in distances(graph, first)) == wanted:
            yield _Asked(graph, first, second, "Yes" if wanted else "No")


def _shortest_paths(draw: Callable[[], float], dense: bool) -> Iterator[_Asked]:
    """Connected weighted graphs; in sparse ones, the two nodes are never neighbours."""
    while True:
        size = _whole(draw, 5, 10) if dense else _whole(draw, 11, 20)
        density, heaviest = (0.72, 4) if dense else (0.22, 10)
        graph: Graph = {node: {} for node in range(size)}
        for node in range(size):
            for other in range(node):
                if draw() < density:
                    graph[node][other] = graph[other][node] = _whole(draw, 1, heaviest)
        first, second = _two(draw, range(size))
        found = distances(graph, first)
        if len(found) == size and (dense or second not in graph[first]) and found[second] < 100:
            yield _Asked(graph, first, second, str(found[second]))


def _whole(draw: Callable[[], float], low: int, high: int) -> int:
    return low + int(draw() * (high - low + 1))


def _pick(draw: Callable[[], float], options: tuple[tuple[float, Any], ...]) -> Any:
    left = draw()
    for share, value in options:
        left -= share
        if left < 0:
            return value
    return options[-1][1]


def _shuffled(draw: Callable[[], float], size: int) -> list[int]:
    return [node for _, node in sorted((draw(), node) for node in range(size))]


def _two(draw: Callable[[], float], nodes: Any) -> tuple[int, int]:
    first = _whole(draw, 0, len(nodes) - 1)
    second = _whole(draw, 0, len(nodes) - 2)
    return nodes[first], nodes[second + (second >= first)]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(make_dataset(), indent=1) + "\n", encoding="utf-8")
