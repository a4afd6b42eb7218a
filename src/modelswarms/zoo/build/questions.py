"""The zoo's development and test questions, as text: NLGraph's format, answers checked by networkx.

No graph occurs twice, up to renaming of its nodes: not within the two sets, not between them, and the training feed
drops every graph whose fingerprint is theirs (see :func:`modelswarms.zoo.build.graphs.fingerprints`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import networkx as nx
import torch
from torch import Tensor

from modelswarms.zoo.build.feed import Source
from modelswarms.zoo.build.graphs import Facts, draw_graphs, fingerprints
from modelswarms.zoo.build.sequences import STRING_ORDER
from modelswarms.zoo.build.settings import SCORED, BuildSettings
from modelswarms.zoo.build.tasks import INVALID, ask
from modelswarms.zoo.build.vocabulary import ROWS
from modelswarms.zoo.build.wordings import LABELS, WORDINGS

__all__ = [
    "Question",
    "adjacency",
    "held_out_fingerprints",
    "load_questions",
    "make_questions",
    "read_graph",
    "render",
    "save_questions",
    "solve",
]

_LINE = re.compile(r"\nNode (\d+) is connected to ([^\n]*)\.")
_WEIGHTED = re.compile(r"node (\d+) with weight (\d+)")


@dataclass(frozen=True)
class Question:
    """One item: prompt, the one-token answer, a number that names it, its family."""

    question: str
    answer: str
    id: int
    domain: str


def render(weights: Sequence[Sequence[int]], header: str, weighted: bool, question: str) -> str:
    """The prompt for a graph given as a matrix of weights; ``question`` starts with the full stop before it."""
    lines = []
    for node in STRING_ORDER:
        said = [
            f"node {other} with weight {weights[node][other]}" if weighted else str(other)
            for other in STRING_ORDER
            if weights[node][other]
        ]
        if said:
            lines.append(f"\nNode {node} is connected to " + ", ".join(said))
    return header + "." + ".".join(lines) + question


def read_graph(prompt: str) -> nx.Graph:
    """The graph of a prompt; nodes without edges are not in it."""
    graph = nx.Graph()
    for node, rest in _LINE.findall(prompt):
        pairs = _WEIGHTED.findall(rest) or [(other, "1") for other in re.findall(r"\d+", rest)]
        graph.add_weighted_edges_from((int(node), int(other), int(weight)) for other, weight in pairs)
    return graph


def solve(prompt: str, domain: str) -> str:
    """The answer to a question of one of the scored families, from its text alone.

    Raises:
        ValueError: if ``domain`` is no scored family.
    """
    graph = read_graph(prompt)
    first, *rest = (int(node) for node in re.findall(r" node (\d+)", prompt.rpartition("\nQ: ")[2]))
    if domain == "connectivity":
        known = first in graph and rest[0] in graph
        return "Yes" if known and nx.has_path(graph, first, rest[0]) else "No"
    if domain == "shortest_path":
        return str(nx.shortest_path_length(graph, first, rest[0], weight="weight"))
    if domain == "between":
        return str(nx.shortest_path_length(graph, first, rest[0]) - 1)
    if domain == "degree":
        return str(graph.degree(first))
    if domain == "heaviest":
        return str(max(weight for _, _, weight in graph.edges(first, data="weight")))
    raise ValueError(f"domain {domain!r}: must be one of {', '.join(SCORED)}")


def adjacency(graph: nx.Graph) -> Tensor:
    """The (30, 30) matrix of weights of a prompt's graph."""
    weights = torch.zeros(LABELS, LABELS, dtype=torch.long)
    for first, second, weight in graph.edges(data="weight"):
        weights[first, second] = weights[second, first] = weight
    return weights


def held_out_fingerprints(questions: Iterable[Question]) -> Tensor:
    """Fingerprints of the questions' graphs, read back from their text."""
    return fingerprints(torch.stack([adjacency(read_graph(item.question)) for item in questions]))


def make_questions(settings: BuildSettings, seed: int) -> dict[str, list[Question]]:
    """Development and test questions, families in equal parts and in mixed order.

    Raises:
        ValueError: if an answer worked out in tensors differs from networkx's.
    """
    generator = torch.Generator().manual_seed(seed)
    seen: set[int] = set()
    sets: dict[str, list[Question]] = {}
    for split, size in (("dev", settings.dev), ("test", settings.test)):
        drawn: list[tuple[str, str, str]] = []
        for domain, sources in SCORED.items():
            for source in sources:
                wanted = size // len(SCORED) // len(sources)
                drawn += _draw(source, domain, wanted, generator, seen)
        order = torch.randperm(len(drawn), generator=generator).tolist()
        first = sum(len(items) for items in sets.values())
        sets[split] = []
        for i, place in enumerate(order):
            prompt, answer, domain = drawn[place]
            sets[split].append(Question(prompt, answer, first + i, domain))
    return sets


def _draw(
    source: Source, domain: str, count: int, generator: torch.Generator, seen: set[int]
) -> list[tuple[str, str, str]]:
    """(prompt, answer, domain) on graphs that ``seen`` does not hold yet; it is added to."""
    found: list[tuple[str, str, str]] = []
    while len(found) < count:
        weights = draw_graphs(source.recipe, 4 * count + 16, generator)
        asked = ask(Facts(weights), source.mixture, 1, generator)
        prints = fingerprints(weights).tolist()
        for i, mark in enumerate(prints):
            target = int(asked.target[i, 0])
            if target == INVALID or mark in seen or len(found) == count:
                continue
            question = WORDINGS[domain].ask(int(asked.first[i, 0]), int(asked.second[i, 0]))
            prompt = render(weights[i].tolist(), source.headers[0], source.recipe.weighted, question)
            if solve(prompt, domain) != ROWS[target]:
                raise ValueError(f"{domain}: answer {ROWS[target]} is not networkx's for {prompt!r}")
            seen.add(mark)
            found.append((prompt, ROWS[target], domain))
    return found


def save_questions(path: Path, sets: dict[str, list[Question]]) -> None:
    """Write both sets as one file, the format of the datasets' own files."""
    content = {"dataset": "zoo", **{split: [asdict(item) for item in items] for split, items in sets.items()}}
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=1) + "\n")
    partial.replace(path)


def load_questions(path: Path) -> dict[str, list[Question]]:
    """Read both sets from a file in that format."""
    content = json.loads(path.read_text())
    return {
        split: [Question(item["question"], item["answer"], int(item["id"]), item["domain"]) for item in content[split]]
        for split in ("dev", "test")
    }
