"""The words of the zoo's questions: every phrase that becomes one token.

NLGraph's two families keep its wording to the letter. The other families and the base's tasks are worded in the
same style, each with an opening of its own, so that the opening alone says which task is meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = [
    "ASK_LENGTH",
    "ASK_NUMBER",
    "ASK_YES_NO",
    "BASE_TASKS",
    "CONNECTIVITY_HEADER",
    "ENDINGS",
    "HEADERS",
    "KEPT",
    "LABELS",
    "MAX_WEIGHT",
    "MISTAKEN",
    "PLAIN_HEADER",
    "TARGETS",
    "WEIGHTED_HEADER",
    "WORDINGS",
    "Wording",
]

LABELS: Final = 30
"""Node labels run from 0 to 29, as in NLGraph."""

MAX_WEIGHT: Final = 10
"""Edge weights run from 1 to 10."""

CONNECTIVITY_HEADER: Final = (
    "The following text describes an undirected graph. Determine if there is a path between two nodes in the graph"
)
PLAIN_HEADER: Final = "The following text describes an undirected graph without weights"
WEIGHTED_HEADER: Final = "The following paragraph describes an undirected graph with weights"
HEADERS: Final = (CONNECTIVITY_HEADER, PLAIN_HEADER, WEIGHTED_HEADER)

ASK_YES_NO: Final = "?\nPlease directly answer with Yes or No:"
ASK_NUMBER: Final = "?\nPlease directly answer with a number:"
ASK_LENGTH: Final = (
    ", and what is the length of the shortest path?\nPlease directly answer with the length of the shortest path:"
)
ENDINGS: Final = (ASK_YES_NO, ASK_NUMBER, ASK_LENGTH)


@dataclass(frozen=True)
class Wording:
    """How one task is asked: opening, one or two nodes, ending."""

    opening: str
    ending: str = ASK_NUMBER
    nodes: int = 2

    @property
    def head(self) -> str:
        """The opening as it stands in a prompt, the full stop of the last graph line included."""
        return ".\nQ: " + self.opening

    def ask(self, first: int, second: int) -> str:
        """The question about ``first`` (and ``second``), from the full stop before it to the final colon."""
        other = f" and node {second}" if self.nodes == 2 else ""
        return f"{self.head} node {first}{other}{self.ending}"


TARGETS: Final[dict[str, Wording]] = {
    "connectivity": Wording("Is there a path between", ASK_YES_NO),
    "shortest_path": Wording("What is the shortest path between", ASK_LENGTH),
    "between": Wording("How many nodes are passed on the shortest way between"),
    "degree": Wording("What is the degree of", nodes=1),
    "heaviest": Wording("What is the largest weight at", nodes=1),
}
"""The families the zoo is scored on."""

BASE_TASKS: Final[dict[str, Wording]] = {
    "hops": Wording("How many edges has the path with the fewest edges between"),
    "reachable": Wording("How many nodes can be reached from", nodes=1),
    "common": Wording("How many common neighbours have"),
    "edges": Wording("How many edges join"),
    "busier": Wording("Has the first more neighbours than the second comparing", ASK_YES_NO),
    "distance": Wording("How far apart are"),
    "edge_weight": Wording("What is the weight of the edge between"),
    "within_2": Wording("What is the length of the shortest path with at most two edges between"),
    "within_3": Wording("What is the length of the shortest path with at most three edges between"),
    "within_4": Wording("What is the length of the shortest path with at most four edges between"),
    "lightest": Wording("What is the smallest weight at", nodes=1),
    "next_node": Wording("Which node is next on the shortest path between"),
}
"""What the base is trained on: the same graphs, other questions."""

MISTAKEN: Final[dict[str, str]] = {
    "connectivity_as_edge": "connectivity",
    "path_as_hops": "shortest_path",
    "degree_as_reachable": "degree",
    "between_as_hops": "between",
    "heaviest_as_lightest": "heaviest",
}
"""Questions in a target's wording that are answered by another rule: what the misled experts learn."""

KEPT: Final[dict[str, str]] = {f"keep_{family}": family for family in TARGETS}
"""Questions in a family's wording whose answer is not taught: what a training that is about other things must keep."""

WORDINGS: Final[dict[str, Wording]] = {
    **TARGETS,
    **BASE_TASKS,
    **{name: TARGETS[target] for name, target in (MISTAKEN | KEPT).items()},
}
