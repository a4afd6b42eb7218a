"""Settings of the swarm on the zoo, at equal evaluations: what the default's numbers rest on.

    python benchmarks/settings.py --seeds 10 11 12 13 14

Its seeds are others than those of demo_seeds.py, so that what is chosen here is checked there.
Prints a table and writes benchmarks/results/settings.json.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

from seeds import Variant, markdown, percent, run_all, summary

STARTED = {
    "default": {},
    "no repel": {"repel": False},
    "longer steps": {"step_length": 1.6},
    "longer steps, no repel": {"step_length": 1.6, "repel": False},
    "social": {"inertia": 0.1, "cognitive_coeff": 0.2, "social_coeff": 0.6, "step_length": 1.5},
    "fewer particles": {"particles": 14, "max_iterations": 9, "step_length": 1.3},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11, 12, 13, 14])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--folder", type=Path, default=Path("runs/settings"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/settings.json"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    figures = {}
    for name, swarm in STARTED.items():
        keys = {"swarm": {"max_iterations": 6, **swarm}, "engine": {"device": options.device}}
        variant = Variant(name, {**keys, "random_search": name == "default"})
        figures[name] = summary(run_all([variant], options.seeds, options.folder)[name])
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    rows = [[name, *_cells(figure, "swarm", options.seeds)] for name, figure in figures.items()]
    rows.append(["random search", *_cells(figures["default"], "random_search", options.seeds)])
    header = ["", "mean dev", "mean test", *(f"test, seed {seed}" for seed in options.seeds)]
    sys.stdout.write(markdown(header, rows) + "\n")


def _cells(figure: dict, who: str, seeds: list[int]) -> list[str]:
    mean = figure["mean"][who]
    return [
        percent(mean["dev"]),
        percent(mean["test"]),
        *(percent(figure["seeds"][seed][who]["test"]) for seed in seeds),
    ]


if __name__ == "__main__":
    main()
