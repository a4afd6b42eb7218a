"""A goal of your own: right answers to the zoo's questions, with shortest paths counting twice."""

import tempfile
from pathlib import Path

from modelswarms import search, zoo
from modelswarms.utilities import ExactMatch

exact = ExactMatch(max_new_tokens=zoo.ANSWER_TOKENS)


def paths_count_twice(examples, model):
    """One number an example."""
    scores = exact.score(examples, model)
    return [s.value * (2 if e.domain == "shortest_path" else 1) for e, s in zip(examples, scores, strict=True)]


if __name__ == "__main__":
    names = ("connect_large", "path_large", "hop_counter")
    with tempfile.TemporaryDirectory() as folder:
        result = search(
            experts={name: str(zoo.expert_paths()[name]) for name in names},
            utility={
                "kind": "function",
                "target": f"{Path(__file__).stem}:paths_count_twice",
                "folder": str(Path(__file__).parent),
                "data": str(zoo.questions_path()),
            },
            swarm={"particles": 7, "max_iterations": 1},
            run_dir=f"{folder}/run",
        )
        print("best single", result.best_single["expert"], round(result.best_single["test"], 3))
        print("swarm", round(result.best["test"], 3), {k: round(v, 2) for k, v in result.best["coefficients"].items()})
