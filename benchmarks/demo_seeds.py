"""The demo over seeds: best single expert, swarm and random search at equal evaluations and freedom.

    python benchmarks/demo_seeds.py --seeds 0 1 2 3 4

Prints the table of docs/results.md and writes benchmarks/results/demo_seeds.json.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

from seeds import Variant, markdown, percent, run_all, summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--iterations", type=int, default=6)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--folder", type=Path, default=Path("runs/demo-seeds"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/demo_seeds.json"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    keys = {
        "swarm": {"max_iterations": options.iterations},
        "engine": {"device": options.device},
        "random_search": True,
    }
    runs = run_all([Variant("demo", keys)], options.seeds, options.folder)["demo"]
    figures = summary(runs)
    rows = [[f"seed {seed}", *_row(f)] for seed, f in figures["seeds"].items()]
    rows.append(["mean", *_row(figures["mean"])])
    engine = next(iter(runs.values())).details["engine"]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({**figures, "engine": engine}, indent=1) + "\n", encoding="utf-8")
    header = ["", "single dev", "single test", "swarm dev", "swarm test", "gain on test", "random dev", "random test"]
    sys.stdout.write(markdown(header, rows) + "\n")


def _row(figures: dict) -> list[str]:
    single, swarm, random = (figures[k] for k in ("best_single", "swarm", "random_search"))
    return [
        percent(single["dev"]),
        percent(single["test"]),
        percent(swarm["dev"]),
        percent(swarm["test"]),
        percent(swarm["test"] - single["test"]),
        percent(random["dev"]),
        percent(random["test"]),
    ]


if __name__ == "__main__":
    main()
