"""Parts that pull apart: the search on their harmonic mean against the searches on each part alone.

    python benchmarks/multi_task.py --seeds 0 1 2 3 4

Two families of the zoo's questions are the parts: each has a specialist that knows nothing of the other, and the sum of
all experts is worse at one of them than the base.
Every search has the same experts, questions, seeds and number of evaluations; only what is optimised differs. All are
compared by the harmonic mean on the test questions, which no search sees. The best of the searches on one part is
chosen by that same test figure, seed by seed, which favours it. Searches that exist are gone on with.

Prints the table of docs/results.md and writes benchmarks/results/multi_task.json.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np

from modelswarms import RunResult, zoo
from modelswarms.reports.statistics import percentiles, resampled_means
from modelswarms.utilities.combining import Combination
from seeds import Variant, markdown, percent, run_all, test_scores

FAMILIES = ("connectivity", "degree")
ALL = "all parts"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--families", nargs="+", default=list(FAMILIES))
    parser.add_argument("--particles", type=int, default=14)
    parser.add_argument("--iterations", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--folder", type=Path, default=Path("runs/multi-task"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/multi_task.json"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    parts = questions_by_family(options.families, options.folder / "data")
    common = {
        "swarm": {"particles": options.particles, "max_iterations": options.iterations},
        "engine": {"device": options.device},
        "rescore": False,
    }
    variants = [
        Variant(name, {**common, "utility": {"kind": "multi_task", "parts": parts, "optimise": optimise}})
        for name, optimise in ((ALL, None), *((family, family) for family in parts))
    ]
    runs = run_all(variants, options.seeds, options.folder)
    figures = compared(runs, sorted(parts), options.seeds)
    some = runs[ALL][options.seeds[0]].details
    seconds = sum(_seconds(run) for by_seed in runs.values() for run in by_seed.values())
    figures |= {"evaluations": some["evaluations"], "engine": some["engine"], "seconds": seconds}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(table(figures, options.seeds) + "\n")


def questions_by_family(families: list[str], folder: Path) -> dict[str, Any]:
    """A data file of each family's questions, and the utility that scores it."""
    content = json.loads(zoo.questions_path().read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    parts = {}
    for family in families:
        own = {split: [q for q in content[split] if q["domain"] == family] for split in ("dev", "test")}
        path = folder / f"{family}.json"
        path.write_text(json.dumps({"dataset": family, **own}), encoding="utf-8")
        keys = {"kind": "exact_match", "data": str(path.resolve()), "max_new_tokens": zoo.ANSWER_TOKENS}
        parts[family] = keys
    return parts


def compared(runs: dict[str, dict[int, RunResult]], families: list[str], seeds: list[int]) -> dict[str, Any]:
    """The harmonic mean of each search's best on test, by seed, and the difference with its interval."""
    harmonic = Combination("harmonic", dict.fromkeys(families, (0.0, 1.0)))
    by_seed: dict[int, Any] = {}
    differences = []
    for seed in seeds:
        values = {name: _parts(run[seed].best) for name, run in runs.items()}
        whole = {name: harmonic.of(found) for name, found in values.items()}
        alone = max(families, key=lambda name: whole[name])
        single = harmonic.of(_parts(runs[ALL][seed].best_single))
        by_seed[seed] = {"harmonic": whole, "parts": values, "best_alone": alone, "best_single": single,
                         "difference": whole[ALL] - whole[alone]}  # fmt: skip
        differences.append(
            harmonic.over(_resampled(runs[ALL][seed], families))
            - harmonic.over(_resampled(runs[alone][seed], families))
        )
    mean = statistics.fmean(f["difference"] for f in by_seed.values())
    return {"seeds": by_seed, "difference": {"mean": mean, "ci": percentiles(np.mean(differences, axis=0))}}


def _seconds(run: RunResult) -> float:
    """What a search took, in all the processes that went on with it."""
    return float(json.loads((run.run_dir / "timing.json").read_text(encoding="utf-8"))["seconds"])


def _parts(figures: Any) -> dict[str, float]:
    return {name: part["value"] for name, part in figures["parts"]["test"].items()}


def _resampled(run: RunResult, families: list[str]) -> dict[str, Any]:
    """Means of each part's test scores over resampled examples: the same ones for every search and seed."""
    scores = test_scores(run, run.best["candidate"])
    records = [json.loads(line) for line in (run.run_dir / "journal.jsonl").read_text(encoding="utf-8").splitlines()]
    tasks = next(r["tasks"] for r in records if r["kind"] == "plan" and r["split"] == "test")
    own = dict(zip((task for task, _ in tasks), np.split(scores, np.cumsum([n for _, n in tasks])[:-1]), strict=True))
    return {family: resampled_means(own[family], stream=k) for k, family in enumerate(families)}


def table(figures: dict[str, Any], seeds: list[int]) -> str:
    """Markdown: the harmonic mean on test, by what was optimised."""
    families = sorted(name for name in figures["seeds"][seeds[0]]["harmonic"] if name != ALL)
    header = ["", *(f"{name} alone" for name in families), "best single expert", ALL, "against the best alone"]
    rows = []
    for seed in seeds:
        found = figures["seeds"][seed]
        values = [found["harmonic"][name] for name in families]
        cells = [percent(value) for value in (*values, found["best_single"], found["harmonic"][ALL])]
        rows.append([f"seed {seed}", *cells, f"{100 * found['difference']:+.1f}"])
    names = [*families, ALL]
    means = {n: statistics.fmean(figures["seeds"][s]["harmonic"][n] for s in seeds) for n in names}
    single = statistics.fmean(figures["seeds"][s]["best_single"] for s in seeds)
    low, high = (f"{100 * end:+.1f}" for end in figures["difference"]["ci"])
    cells = [percent(value) for value in (*(means[n] for n in families), single, means[ALL])]
    rows.append(["**mean**", *cells, f"**{100 * figures['difference']['mean']:+.1f}** ({low} to {high})"])
    return markdown(header, rows)


if __name__ == "__main__":
    main()
