"""Utilisation and time to finish from 1 to 1,024 workers: simulated, and validated with real workers that sleep.

    python benchmarks/scaling.py measure        # times of the zoo's blocks on this machine
    python benchmarks/scaling.py simulate       # 1 to 1,024 workers, three ways of scheduling
    python benchmarks/scaling.py validate       # real Ray at 1, 2 and 4 workers, the same times slept

Each prints a table of docs/scaling.md and adds its part to benchmarks/results/scaling.json.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from slept_times import BLOCKS, Sleeping, slept
from worker_simulation import Outcome, Workload, simulate

RESULTS = Path("benchmarks/results/scaling.json")
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
WAYS = ("whole", "split", "asynchronous")


@dataclass(frozen=True)
class Condition:
    """What may go wrong, beside evaluation times that differ."""

    name: str
    cv: float = 0.2
    slow: float = 0.0
    slowness: float = 1.0
    lost: float = 0.0


CONDITIONS = (
    Condition("as measured", cv=0.0),
    Condition("evaluations of cv 0.2"),
    Condition("cv 0.2 and stragglers: 2 % of blocks take 10 times as long", slow=0.02, slowness=10.0),
    Condition(
        "cv 0.2 and failures: 1 % of blocks lose their worker, replaced after the time of an evaluation", lost=0.01
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["measure", "simulate", "validate"])
    parser.add_argument("--particles", type=int, default=20)
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--candidates", type=int, default=10, help="that are measured")
    parser.add_argument("--block-tokens", type=int, default=None, help="of blocks that are measured")
    parser.add_argument("--seconds", type=float, default=0.4, help="mean time of a block that is slept")
    options = parser.parse_args()
    found = {"measure": measure, "simulate": simulated, "validate": validated}[options.part](options)
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps({**kept, options.part: found}, indent=1) + "\n", encoding="utf-8")


def measure(options: argparse.Namespace) -> dict:
    """Seconds of each block of the zoo's dev examples, for random candidates; only their ratios are used.

    They are the processor's, of one thread, so that it does not matter what else the machine does.
    """
    from modelswarms import zoo
    from modelswarms.engines import EngineConfig, make_engine
    from modelswarms.experts import ExpertSpace
    from modelswarms.scoring import plan_of, score_block
    from modelswarms.utilities import load_utility

    utility, data = load_utility("zoo", Path.cwd())
    config = EngineConfig(device="cpu", dtype="float32", threads=1, block_tokens=options.block_tokens)
    engine = make_engine(config, zoo.base_path())
    space = ExpertSpace.load(zoo.expert_paths(), base=zoo.base_path())
    engine.start(space)
    blocks = plan_of(engine, utility, data.dev)
    draws = np.random.default_rng(0)
    rows = []
    for count in range(options.candidates + 1):
        with engine.bind(space.coefficients(draws.dirichlet(np.ones(space.n)))) as model:
            row = []
            for block in blocks:
                began = time.process_time()
                score_block(utility, data.dev, block, model)
                row.append(time.process_time() - began)
        if count:  # the first is to get warm
            rows.append(row)
    engine.close()
    totals = [sum(row) for row in rows]
    cv = statistics.pstdev(totals) / statistics.fmean(totals)
    sys.stdout.write(f"{len(blocks)} blocks; an evaluation takes {statistics.fmean(totals):.2f} s, cv {cv:.3f}\n")
    return {"seconds": rows, "cv": cv, "engine": engine.describe()}


def simulated(options: argparse.Namespace) -> dict:
    """Tables of utilisation, and of time to finish in evaluations' times, for each condition."""
    rows = json.loads(RESULTS.read_text())["measure"]["seconds"]
    found: dict[str, dict] = {}
    for condition in CONDITIONS:
        work = workload(options, condition, rows)
        evaluation = statistics.fmean(sum(row) for row in rows)
        found[condition.name] = {
            way: {str(w): _mean(work, w, way, options.repeats, evaluation) for w in WORKERS} for way in WAYS
        }
        _print(condition.name, found[condition.name])
    return {"particles": options.particles, "iterations": options.iterations, "blocks": len(rows[0]), "by": found}


def workload(options: argparse.Namespace, condition: Condition, rows: list[list[float]]) -> Workload:
    """Evaluations whose blocks take as long as those of a measured one, times a factor of the condition's cv."""
    sigma = math.sqrt(math.log(1 + condition.cv**2))

    def draw(draws: np.random.Generator, iteration: int, particle: int) -> list[float]:
        factor = math.exp(sigma * draws.standard_normal() - sigma**2 / 2)
        return [factor * seconds for seconds in rows[draws.integers(len(rows))]]

    return Workload(
        particles=options.particles,
        iterations=options.iterations,
        draw=draw,
        usual=statistics.median(seconds for row in rows for seconds in row),
        slow=condition.slow,
        slowness=condition.slowness,
        lost=condition.lost,
        replaced_after=statistics.fmean(sum(row) for row in rows),
    )


def _mean(work: Workload, workers: int, way: str, repeats: int, evaluation: float) -> dict[str, float]:
    outcomes: list[Outcome] = [simulate(replace(work, seed=seed), workers, way) for seed in range(repeats)]
    finish = statistics.fmean(o.finish for o in outcomes)
    return {"utilisation": statistics.fmean(o.utilisation for o in outcomes), "finish": finish / evaluation}


def _print(name: str, ways: dict[str, dict[str, dict[str, float]]]) -> None:
    sys.stdout.write(f"\n{name}\n\n| workers | " + " | ".join(f"{way}: busy | finish" for way in ways) + " |\n")
    sys.stdout.write("|---:" * (1 + 2 * len(ways)) + "|\n")
    for workers in next(iter(ways.values())):
        cells = [f"{w[workers]['utilisation']:.1%} | {w[workers]['finish']:.1f}" for w in ways.values()]
        sys.stdout.write(f"| {workers} | " + " | ".join(cells) + " |\n")


def validated(options: argparse.Namespace) -> dict:
    """Real Ray, the same times slept by workers that need no processor, beside the simulation of those times."""
    found = {}
    sys.stdout.write(
        "\n| workers | busy, Ray | busy, simulated | seconds, Ray | seconds, simulated |\n|---:|---:|---:|---:|---:|\n"
    )
    for workers in (1, 2, 4):
        busy, seconds = _real(workers, options)
        work = Workload(options.particles, options.iterations, slept(options.seconds), options.seconds)
        outcome = simulate(work, workers, "split")
        found[str(workers)] = {
            "ray": {"utilisation": busy, "seconds": seconds},
            "simulated": {"utilisation": outcome.utilisation, "seconds": outcome.finish},
        }
        row = f"| {workers} | {busy:.1%} | {outcome.utilisation:.1%} | {seconds:.1f} | {outcome.finish:.1f} |\n"
        sys.stdout.write(row)
        sys.stdout.flush()
    return found


def _real(workers: int, options: argparse.Namespace) -> tuple[float, float]:
    """Busy share and seconds of the evaluations of as many iterations, through the evaluator and Ray."""
    from modelswarms.datasets import read_dataset
    from modelswarms.engines.ray import RayEngine
    from modelswarms.engines.ray_cluster import Placement
    from modelswarms.evaluator import Evaluator
    from modelswarms.experts import ExpertSpace
    from modelswarms.runs import RunFolder
    from modelswarms.types import Candidate
    from modelswarms.utilities import load_utility
    from modelswarms.zoo import expert_paths

    with tempfile.TemporaryDirectory() as folder:
        items = [{"question": f"Item {k}?", "answer": "yes", "id": k} for k in range(BLOCKS)]
        path = Path(folder, "data.json")
        path.write_text(json.dumps({"dataset": "items", "dev": items, "test": []}))
        engine = RayEngine(Sleeping(options.seconds), Placement(workers=workers, cpus=0.0, memory=100 * 2**20))
        space = ExpertSpace.load(dict(list(expert_paths().items())[:2]))
        engine.start(space)
        until = time.monotonic() + 120
        while engine.slots < workers and time.monotonic() < until:
            time.sleep(0.1)
        utility, _ = load_utility({"kind": "exact_match", "data": str(path)}, Path.cwd())
        with RunFolder.create(Path(folder, "run"), {"config": {}}) as run:
            evaluator = Evaluator(engine, utility, read_dataset(path), run)
            evaluator.prepare("dev")
            began = time.perf_counter()
            for iteration in range(options.iterations):
                batch = [
                    Candidate(f"{iteration:03d}-{k:03d}", k, iteration, np.array([float(k), float(iteration)]))
                    for k in range(options.particles)
                ]
                for _ in evaluator.evaluate(batch):
                    pass
            seconds = time.perf_counter() - began
        busy = sum(worker["busy"] for worker in engine.utilisation())
        engine.close()
    return busy / seconds / workers, seconds


if __name__ == "__main__":
    main()
