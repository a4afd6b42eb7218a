"""Searches with a small reward model on the zoo: reward and length on prompts that the search did not see.

    python benchmarks/reward_zoo.py --seeds 0 1 2

The reward model is made on the spot, its weights set by hand: it reads an answer without its question, and likes low
digits. Its reward is minus the mean digit, from -9 to 0, where the end counts as 2 and every other character as 9.
The prompts are beginnings of rows of numbers ("3, 5, 7,"), which the zoo's experts were not made for: some say a number
and end, others go on until they are stopped.
Prints the table of docs/results.md and writes benchmarks/results/reward_zoo.json.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))

from modelswarms import RunResult, evaluate
from scorers import save_scorer
from seeds import Variant, markdown, run_all

MODES = ("default", "concise", "verbose")
NEW_TOKENS = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--particles", type=int, default=20)
    parser.add_argument("--dev", type=int, default=16)
    parser.add_argument("--test", type=int, default=40)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--folder", type=Path, default=Path("runs/reward-zoo"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/reward_zoo.json"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    data, model = write_prompts(options.folder, options.dev, options.test), options.folder / "reward_model"
    if not (model / "model.safetensors").exists():
        save_scorer(model, lowness, template="{{ messages[-1]['content'] }}{{ eos_token }}")
    runs = run_all([variant(mode, data, model, options) for mode in MODES], options.seeds, options.folder)
    figures = {mode: {seed: figures_of(run) for seed, run in runs[mode].items()} for mode in MODES}
    engine = next(iter(runs["default"].values())).details["engine"]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    found = {"runs": figures, "means": {mode: means(list(figures[mode].values())) for mode in MODES}}
    options.out.write_text(json.dumps({**found, "engine": engine}, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(table(figures, found["means"]) + "\n")


def lowness(token: str) -> float:
    """Of a digit, minus itself; of a number, its digits' mean; of the end -2, of all else -9."""
    text = chr(int(token[3:5], 16)) if token.startswith("<0x") else token
    if text == "<eos>":
        return -2.0
    return -statistics.fmean(map(int, text)) if text.isascii() and text.isdecimal() else -9.0


def write_prompts(folder: Path, dev: int, test: int) -> Path:
    """Rows of numbers with small steps, each once; those of test are none of dev's."""
    rows = [f"{start}, {start + step}, {start + 2 * step}," for step in range(1, 5) for start in range(14)]
    asked = spread(rows, dev)
    kept = {"dev": asked, "test": spread([row for row in rows if row not in asked], test)}
    content = {split: [{"prompt": p, "id": i} for i, p in enumerate(prompts)] for split, prompts in kept.items()}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "prompts.json"
    path.write_text(json.dumps({"dataset": "rows of numbers", **content}, indent=1) + "\n", encoding="utf-8")
    return path


def spread(prompts: Sequence[str], number: int) -> list[str]:
    """So many, evenly from all, so that every step is among them."""
    return [prompts[i * len(prompts) // number] for i in range(number)]


def variant(mode: str, data: Path, model: Path, options: argparse.Namespace) -> Variant:
    keys = {
        "utility": {
            "kind": "reward_model",
            "mode": mode,
            "data": str(data.resolve()),
            "model": str(model.resolve()),
            "dtype": "float32",
            "max_new_tokens": NEW_TOKENS,
            "normalisation": {"low": -9, "high": 0},  # all that this reward can be
        },
        "swarm": {"particles": options.particles, "max_iterations": options.iterations},
        "engine": {"device": options.device},
        "rescore": False,
    }
    return Variant(mode, keys)


def figures_of(run: RunResult) -> dict[str, Any]:
    """On the unseen prompts: the utility's value, raw reward and length of base, best single expert and best."""
    records = [json.loads(line) for line in (run.run_dir / "journal.jsonl").read_text().splitlines()]
    tested = {r["candidate"]: r["answers"] for r in records if r["kind"] == "evaluation" and r["split"] == "test"}
    (base,) = evaluate(run.run_dir, expert="base", split="test")
    single = next(c for c, r in starting(records) if r == run.best_single["dev"])
    return {
        "expert": run.best_single["expert"],
        "base": {"value": base.value, **told([a["answer"] for a in base.answers])},
        "single": {"value": run.best_single["test"], **told(tested[single])},
        "best": {"value": run.best["test"], **told(tested[run.best["candidate"]])},
        "difference": run.difference,
        "evaluations": run.details["evaluations"],
    }


def starting(records: Sequence[Mapping[str, Any]]) -> list[tuple[str, float]]:
    """Dev values of the starting experts, in their order."""
    experts = len(records[0]["experts"])
    first = [r for r in records if r["kind"] == "evaluation" and r["split"] == "dev" and r["iteration"] == 0]
    return [(r["candidate"], r["value"]) for r in first if r["particle"] < experts]


def told(answers: Sequence[str]) -> dict[str, float]:
    """Mean raw reward and mean length, as they stand beside the scores."""
    words = [answer.replace(",", "").split() for answer in answers]
    return {
        "reward": statistics.fmean(float(w[1]) for w in words),
        "length": statistics.fmean(float(w[2]) for w in words),
    }


def means(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    return {
        who: {key: statistics.fmean(r[who][key] for r in runs) for key in ("value", "reward", "length")}
        for who in ("base", "single", "best")
    }


def table(figures: Mapping[str, Mapping[int, Any]], mean: Mapping[str, Any]) -> str:
    header = ["", "base reward", "single reward", "**best reward**", "base length", "single length", "**best length**"]
    header += ["single value", "**best value**"]
    rows = []
    for mode in MODES:
        rows += [[f"{mode}, seed {seed} ({f['expert']})", *cells(f)] for seed, f in figures[mode].items()]
        rows.append([f"**{mode}, mean**", *cells(mean[mode])])
    return markdown(header, rows)


def cells(figures: Mapping[str, Any]) -> list[str]:
    rewards = [f"{figures[who]['reward']:+.2f}" for who in ("base", "single", "best")]
    lengths = [f"{figures[who]['length']:.1f}" for who in ("base", "single", "best")]
    return [*rewards, *lengths, f"{figures['single']['value']:.3f}", f"{figures['best']['value']:.3f}"]


if __name__ == "__main__":
    main()
