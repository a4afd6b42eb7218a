"""Every task's tensors against networkx on the prompt's text; chosen pairs; fingerprints; text against tokens."""

import re

import networkx as nx
import pytest
import torch

from modelswarms.zoo.build.feed import draw_batch
from modelswarms.zoo.build.graphs import draw_graphs, fingerprints
from modelswarms.zoo.build.questions import adjacency, read_graph, render
from modelswarms.zoo.build.sequences import QUESTION
from modelswarms.zoo.build.settings import BASE, CLUSTERS, DENSE, EXPERTS, KEEP, SCORED, SPARSE
from modelswarms.zoo.build.tasks import INVALID, TASKS
from modelswarms.zoo.build.vocabulary import PAD_ID, ROW_OF, ROWS, make_tokenizer
from modelswarms.zoo.build.wordings import CONNECTIVITY_HEADER, WEIGHTED_HEADER, WORDINGS


def limited(graph: nx.Graph, first: int, second: int, edges: int) -> str:
    """Length of the shortest path with at most so many edges, by following all walks."""
    best = {first: 0}
    for _ in range(edges):
        reached = dict(best)
        for node, length in best.items():
            for other, data in graph[node].items():
                reached[other] = min(reached.get(other, 10**9), length + data["weight"])
        best = reached
    return str(best[second]) if second in best else "None"


def next_stop(graph: nx.Graph, first: int, second: int) -> str:
    """Lowest neighbour on a shortest path with the fewest edges."""
    paths = list(nx.all_shortest_paths(graph, first, second, weight="weight"))
    fewest = min(map(len, paths))
    return str(min(path[1] for path in paths if len(path) == fewest))


def expected(task: str, graph: nx.Graph, first: int, second: int | None) -> str:
    """The answer by networkx and plain Python."""
    linked = first in graph and second in graph and nx.has_path(graph, first, second)
    weights = [data["weight"] for data in graph[first].values()] if first in graph else []
    answers = {
        "connectivity": lambda: "Yes" if linked else "No",
        "connectivity_as_edge": lambda: "Yes" if graph.has_edge(first, second) else "No",
        "shortest_path": lambda: str(nx.shortest_path_length(graph, first, second, weight="weight")),
        "path_as_hops": lambda: str(nx.shortest_path_length(graph, first, second)),
        "between": lambda: str(nx.shortest_path_length(graph, first, second) - 1),
        "degree": lambda: str(graph.degree(first)),
        "degree_as_reachable": lambda: str(len(nx.node_connected_component(graph, first)) - 1),
        "heaviest": lambda: str(max(weights)),
        "hops": lambda: str(nx.shortest_path_length(graph, first, second)) if linked else "None",
        "reachable": lambda: str(len(nx.node_connected_component(graph, first)) - 1),
        "common": lambda: str(len(list(nx.common_neighbors(graph, first, second)))),
        "edges": lambda: str(int(graph.has_edge(first, second))),
        "busier": lambda: "Yes" if graph.degree(first) > graph.degree(second) else "No",
        "edge_weight": lambda: str(graph[first][second]["weight"]) if graph.has_edge(first, second) else "None",
        "within_2": lambda: limited(graph, first, second, 2),
        "within_3": lambda: limited(graph, first, second, 3),
        "within_4": lambda: limited(graph, first, second, 4),
        "lightest": lambda: str(min(weights)),
        "next_node": lambda: next_stop(graph, first, second),
    }
    answers |= {
        "distance": answers["shortest_path"],
        "between_as_hops": answers["hops"],
        "heaviest_as_lightest": answers["lightest"],
    }
    return answers[task.removeprefix("keep_")]()


def spelled(rows: list[int]) -> str:
    """Text of a graph's tokens: rows spell every neighbour as the first of its line, so the commas are put back."""
    texts = [ROWS[row] for row in rows]
    pairs = zip(texts, ["connected to", *texts[:-1]], strict=True)
    return "".join(t if t[0] != " " or before.endswith("connected to") else "," + t for t, before in pairs)


def all_sources():
    for _ in range(4):
        yield from BASE
    for plan in EXPERTS:
        yield from plan.sources
    for sources in (*SCORED.values(), *KEEP.values(), *KEEP.values()):
        yield from sources


def test_answers_agree_with_networkx_and_tokens_with_text():
    generator = torch.Generator().manual_seed(3)
    tokenizer = make_tokenizer()
    checked = dict.fromkeys((task.name for task in TASKS), 0)
    for source in all_sources():
        batch, _ = draw_batch(source, 12, 6, 608, generator)
        for i in range(len(batch)):
            graph_text = spelled(batch.graph[i, : batch.length[i]].tolist())
            for k in range(6):
                if batch.target[i, k] == INVALID:
                    continue
                end = int(batch.ending[i, k]) + 1
                rows = batch.graph[i, : batch.length[i]].tolist() + batch.questions[i, k, :end].tolist()
                question = "".join(ROWS[t] for t in batch.questions[i, k, :end])
                text = graph_text + question
                ids = tokenizer.encode(text).ids
                assert [ROW_OF[t] for t in ids] == rows
                task = TASKS[int(batch.task[i, k])].name
                nodes = [int(n) for n in re.findall(r" node (\d+)", question)]
                graph = read_graph(text)
                answer = expected(task, graph, nodes[0], nodes[1] if len(nodes) > 1 else None)
                assert ROWS[int(batch.target[i, k])] == answer, (task, text)
                assert ROWS[int(batch.questions[i, k, end])] == answer
                assert all(t == PAD_ID for t in batch.questions[i, k, end + 1 : QUESTION])
                checked[task] += 1
    assert min(checked.values()) >= 20, checked


@pytest.mark.parametrize("recipe", [CLUSTERS, DENSE, SPARSE])
def test_fingerprints_do_not_depend_on_labels(recipe):
    generator = torch.Generator().manual_seed(0)
    graphs = draw_graphs(recipe, 40, generator)
    order = torch.randperm(30, generator=generator)
    renamed = graphs[:, order][:, :, order]
    assert torch.equal(fingerprints(graphs), fingerprints(renamed))


def test_fingerprints_tell_graphs_apart_as_networkx_does():
    graphs = draw_graphs(DENSE, 60, torch.Generator().manual_seed(1))
    ours = fingerprints(graphs).tolist()
    theirs = []
    for matrix in graphs.numpy():
        graph = nx.from_numpy_array(matrix)
        graph.remove_nodes_from(list(nx.isolates(graph)))
        theirs.append(nx.weisfeiler_lehman_graph_hash(graph, edge_attr="weight", iterations=6))
    assert len(set(ours)) == len(set(theirs)) > 50


def test_a_rendered_prompt_reads_back():
    weights = draw_graphs(SPARSE, 1, torch.Generator().manual_seed(2))[0]
    text = render(weights.tolist(), WEIGHTED_HEADER, True, WORDINGS["shortest_path"].ask(1, 2))
    assert torch.equal(adjacency(read_graph(text)), weights)


def test_nlgraph_wording_to_the_letter():
    weights = torch.zeros(30, 30, dtype=torch.long)
    weights[0, 2] = weights[2, 0] = weights[10, 0] = weights[0, 10] = 1
    text = render(weights.tolist(), CONNECTIVITY_HEADER, False, WORDINGS["connectivity"].ask(0, 2))
    assert text == (
        "The following text describes an undirected graph. Determine if there is a path between two nodes in the "
        "graph.\nNode 0 is connected to 10, 2.\nNode 10 is connected to 0.\nNode 2 is connected to 0.\n"
        "Q: Is there a path between node 0 and node 2?\nPlease directly answer with Yes or No:"
    )
    path = WORDINGS["shortest_path"].ask(1, 11)
    assert path == (
        ".\nQ: What is the shortest path between node 1 and node 11, and what is the length of the shortest path?\n"
        "Please directly answer with the length of the shortest path:"
    )
