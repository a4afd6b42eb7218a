"""What racing saves, beside what it could save at best, and whether the search stays the same.

    python benchmarks/racing.py

Every search is run twice, with racing and without. The zoo's are real ones, with the embedded model on the local
engine. The simulated ones go through the same swarm, evaluator and journal, with an engine that answers by difficulty:
200 items, and candidates between two accuracies, near which the worst value and the particles' own bests come to be.
Blocks are run whole, so that what is saved depends on how many examples one holds. Prints the table of
docs/performance.md and writes benchmarks/results/racing.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import statistics
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from modelswarms import search, zoo
from modelswarms.engines import ScriptedEngine
from modelswarms.runs import RunFolder
from modelswarms.types import Array

RESULTS = Path("benchmarks/results/racing.json")

PROFILES = ((0.55, 0.25), (0.55, 0.40), (0.70, 0.30))
ITEMS = 200

COLUMNS = ("search", "motion", "examples a block", "own best, worst", "evaluations ended early", "examples saved",
           "at best", "ratio", "search the same")  # fmt: skip


class Simulated:
    """Answers items right where the candidate's ability is above the item's difficulty.

    Abilities go from one that gets the lower share right to one that gets the higher share right, the nearer the
    better to a mixture of the experts. What an expert knows besides differs from item to item, and a little of what a
    candidate answers depends on nothing but itself.
    """

    def __init__(self, high: float, low: float, experts: int) -> None:
        draws = np.random.default_rng(7)
        self.difficulty = draws.normal(size=ITEMS)
        self.known = 0.5 * draws.normal(size=(experts, ITEMS))
        self.target = draws.dirichlet(np.ones(experts))
        spread = statistics.NormalDist(0, float(np.sqrt(1 + 0.5**2 * (self.target**2).sum() + 0.2**2)))
        self.ends = spread.inv_cdf(low), spread.inv_cdf(high)

    def answer(self, prompt: str, coefficients: Array) -> str:
        item = int(re.findall(r"\d+", prompt)[0])
        farthest = ((np.eye(len(self.target)) - self.target) ** 2).sum(axis=1).max()
        away = min(1.0, float(((coefficients - self.target) ** 2).sum() / farthest))
        ability = self.ends[1] - away * (self.ends[1] - self.ends[0])
        own = hashlib.sha256(np.round(coefficients, 9).tobytes() + bytes([item])).digest()
        chance = statistics.NormalDist(0, 0.2).inv_cdf((int.from_bytes(own[:6]) + 0.5) / 2**48)
        right = ability + float(coefficients @ self.known[:, item]) + chance > self.difficulty[item]
        return str(item) if right else str(ITEMS)


def simulated(folder: Path, blocks: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Rows of the three profiles; blocks hold so many examples."""
    draws = np.random.default_rng(8)
    items = [
        {"question": f"item {k}" + " word" * int(draws.integers(5, 12)), "answer": str(k), "id": k}
        for k in range(ITEMS)
    ]
    data = folder / "items.json"
    data.write_text(json.dumps({"dataset": "items", "dev": items, "test": []}))
    for high, low in PROFILES:
        model = Simulated(high, low, len(zoo.expert_paths()))
        for examples in blocks:
            engine = {"answer": model.answer, "block_tokens": 1 if examples == 1 else 12 * examples}
            swarm = {"preset": "paper", "particles": 16, "max_iterations": 8}
            keys = {"utility": {"kind": "exact_match", "data": str(data)}, "swarm": swarm}
            yield both(f"simulated, {high:.2f} and {low:.2f}", keys, folder, engine)


def real(folder: Path, presets: list[str], block_tokens: list[int]) -> Iterator[dict[str, Any]]:
    """Rows of the zoo; 0 tokens stand for what the engine has by default."""
    questions = json.loads(Path(zoo.questions_path()).read_text())
    data = folder / "zoo.json"
    data.write_text(json.dumps({**questions, "dev": questions["dev"][::3], "test": []}))
    for preset, tokens in product(presets, block_tokens):
        utility = {"kind": "exact_match", "data": str(data), "max_new_tokens": zoo.ANSWER_TOKENS}
        swarm = {"preset": preset, "particles": 12, "max_iterations": 5}
        keys = {"utility": utility, "swarm": swarm, "engine": {"block_tokens": tokens or None}}
        yield both("zoo", keys, folder, None)


def both(name: str, keys: dict[str, Any], folder: Path, scripted: dict[str, Any] | None) -> dict[str, Any]:
    """The row of one search, with racing and without."""
    runs = {}
    for racing in (True, False):
        run = Path(tempfile.mkdtemp(dir=folder)) / "run"
        common = {"rescore": False, "test": "none", "ensemble": 0, "seed": 1, "run_dir": str(run), "racing": racing}
        engine = {} if scripted is None else {"engine": ScriptedEngine(**scripted)}
        result = search({**keys, **common}, **engine)
        runs[racing] = (RunFolder(run).journal.read(), result.details, RunFolder(run).read_timing())
    records = [r for r in runs[True][0] if "thresholds" in r]
    plan = next(r for r in runs[True][0] if r["kind"] == "plan")["blocks"]
    said = runs[True][1]["racing"]
    worst = [r["thresholds"][1] for r in records if r["thresholds"][1] is not None]
    return {
        "search": name,
        "motion": "bare bones" if keys["swarm"]["preset"] == "default" else "velocity",
        "examples_a_block": sum(map(len, plan)) / len(plan),
        "own_best": statistics.fmean(r["thresholds"][0] for r in records),
        "worst": statistics.fmean(worst) if worst else None,
        **said,
        "ratio": said["saved"] / said["could_be_saved"],
        "same": _trajectory(*runs[True][:2]) == _trajectory(*runs[False][:2]) and _agree(runs[True][0], runs[False][0]),
        "seconds": [timing["search"]["seconds"] for _, _, timing in (runs[True], runs[False])],
    }


def _trajectory(records: list[dict[str, Any]], result: dict[str, Any]) -> Any:
    """Whoever was asked, in which order, and what was found."""
    asked = [(r["candidate"], r["coefficients"]) for r in records if r["kind"] == "evaluation"]
    return asked, result["best"], result["iterations"], result["stopped_by"]


def _agree(raced: list[dict[str, Any]], whole: list[dict[str, Any]]) -> bool:
    """Whether every value and every score that is known is the one without racing, and bounds hold it."""
    values = {r["candidate"]: r for r in whole if r["kind"] == "evaluation"}
    for record in (r for r in raced if r["kind"] == "evaluation"):
        kept = values[record["candidate"]]
        low, high = record["bounds"] or (record["value"], record["value"])
        scores = zip(record["scores"], kept["scores"], strict=True)
        if not low <= kept["value"] <= high or any(mine not in (None, its) for mine, its in scores):
            return False
    return True


def cells(row: dict[str, Any]) -> list[str]:
    """A row, written out."""
    worst = "not used" if row["worst"] is None else f"{row['worst']:.2f}"
    return [
        row["search"],
        row["motion"],
        f"{row['examples_a_block']:.1f}",
        f"{row['own_best']:.2f}, {worst}",
        f"{row['ended_early']} of {row['evaluations']}",
        f"{row['saved'] / row['examples']:.1%}",
        f"{row['could_be_saved'] / row['examples']:.1%}",
        f"{row['ratio']:.2f}",
        "yes" if row["same"] else "NO",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["simulated", "zoo"])
    parser.add_argument("--blocks", type=int, nargs="*", default=[1, 4, 8], help="examples a block, simulated")
    parser.add_argument("--block-tokens", type=int, nargs="*", default=[64, 0], help="of the zoo; 0: the engine's own")
    parser.add_argument("--presets", nargs="*", default=["paper", "default"], help="of the zoo")
    options = parser.parse_args()
    sys.stdout.write(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n")
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        for part in ("simulated", "zoo"):
            if options.only in (None, part):
                folder = Path(name)
                rows = []
                for row in (
                    simulated(folder, tuple(options.blocks))
                    if part == "simulated"
                    else real(folder, options.presets, options.block_tokens)
                ):
                    rows.append(row)
                    sys.stdout.write(f"| {' | '.join(cells(row))} |\n")
                    sys.stdout.flush()
                kept[part] = rows
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
