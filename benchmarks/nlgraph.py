"""The zoo on real NLGraph questions: what to combine, and what the coefficients' sum may do.

    python benchmarks/nlgraph.py --data nlgraph.json --seeds 0 1 2 3 4

The search sees a seeded half of the dev items; its figures are made on the other half and the test
items. `factors` against `delta`, and the base with sums of pairs against neither, at equal
evaluations. Prints the tables of docs/results.md and writes benchmarks/results/nlgraph.json.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
from pathlib import Path

from seeds import Variant, markdown, paired_over_seeds, percent, run_all, summary

COMBINE = ("factors", "delta")
AS_PUBLISHED = {"draws_per": "particle", "leaders": 1}
START = {
    "interpolations": {"include_base": False, "populate_by": "interpolation", **AS_PUBLISHED},
    "base and sums": {"include_base": True, "populate_by": "sums", **AS_PUBLISHED},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--iterations", type=int, default=6)
    parser.add_argument("--max-new-tokens", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--folder", type=Path, default=Path("runs/nlgraph"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/nlgraph.json"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    by_seed = {seed: _halves(options.data, seed, options.folder) for seed in options.seeds}
    runs: dict = {}
    for seed, data in by_seed.items():
        for name, results in run_all(_variants(options, data), [seed], options.folder).items():
            runs.setdefault(name, {}).update(results)
    figures = {name: summary(results) for name, results in runs.items()}
    pairs = {
        "delta - factors, interpolations": ("delta, interpolations", "factors, interpolations"),
        "delta - factors, base and sums": ("delta, base and sums", "factors, base and sums"),
        "base and sums - interpolations, delta": ("delta, base and sums", "delta, interpolations"),
        "base and sums - interpolations, factors": ("factors, base and sums", "factors, interpolations"),
    }
    paired = {label: _paired(runs[a], runs[b]) for label, (a, b) in pairs.items()}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"variants": figures, "paired": paired}, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(_tables(figures, paired))


def _variants(options: argparse.Namespace, data: Path) -> list[Variant]:
    utility = {"kind": "exact_match", "data": str(data), "max_new_tokens": options.max_new_tokens}
    return [
        Variant(
            f"{combine}, {name}",
            {
                "utility": utility,
                "combine": combine,
                "swarm": {**start, "max_iterations": options.iterations},
                "engine": {"device": options.device, "dtype": options.dtype},
            },
        )
        for combine in COMBINE
        for name, start in START.items()
    ]


def _halves(path: Path, seed: int, folder: Path) -> Path:
    """The data with a seeded half of dev as dev, and the other half and the test items as test."""
    data = json.loads(path.read_text(encoding="utf-8"))
    dev = list(data["dev"])
    random.Random(seed).shuffle(dev)
    half = len(dev) // 2
    test = [{**item, "id": f"{split}-{item['id']}"} for split, items in (("dev", dev[half:]), ("test", data["test"]))
            for item in items]  # fmt: skip
    out = folder / "data" / f"nlgraph-{seed}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"dataset": "nlgraph", "dev": dev[:half], "test": test}), encoding="utf-8")
    return out.resolve()


def _paired(one: dict, other: dict) -> dict:
    """Each seed has items of its own, so differences are paired within seeds and pooled."""
    by_seed = {seed: paired_over_seeds({seed: one[seed]}, {seed: other[seed]}) for seed in one}
    differences = [d["difference"] for d in by_seed.values()]
    return {"mean": sum(differences) / len(differences), "by_seed": by_seed}


def _tables(figures: dict, paired: dict) -> str:
    rows = []
    columns = [(who, split) for who in ("best_single", "swarm") for split in ("dev", "test")]
    for name, figure in figures.items():
        for seed, f in figure["seeds"].items():
            rows.append([name, str(seed), *(percent(f[who][split]) for who, split in columns), f"{f['sum']:.2f}"])
        rows.append([name, "mean", *(percent(figure["mean"][who][split]) for who, split in columns), ""])
    first = markdown(["variant", "seed", "single dev", "single test", "swarm dev", "swarm test", "sum"], rows)
    second = markdown(
        ["difference on test, points", "mean", *(f"seed {s}" for s in next(iter(paired.values()))["by_seed"])],
        [[label, percent(p["mean"]), *(percent(d["difference"]) for d in p["by_seed"].values())]
         for label, p in paired.items()],
    )  # fmt: skip
    return f"{first}\n\n{second}\n"


if __name__ == "__main__":
    main()
