"""What evaluating costs over the engine's own answers to the same prompts.

    python benchmarks/overhead.py --engine local
    python benchmarks/overhead.py --engine ray --workers 1
    python benchmarks/overhead.py --engine vllm

Raw is the started engine asked for the plan's blocks at the same coefficients, bound once a candidate; ours is the
evaluator with its utility, journal and kept texts. With workers, inside is the engine that they run, asked in this
process without Ray; compare it with one worker. All go through the same candidates in turn, and the median of ratios
counts: of processor seconds, of this process and all workers, which do not depend on what else the machine does; and of
seconds on a clock. Prints rows of docs/scaling.md and adds them to benchmarks/results/overhead.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from modelswarms import zoo
from modelswarms.engines import EngineConfig, make_engine
from modelswarms.engines.base import Engine, innermost, lanes_of, utilisation_of
from modelswarms.evaluator import Evaluator
from modelswarms.experts import ExpertSpace
from modelswarms.runs import RunFolder
from modelswarms.scoring import plan_of
from modelswarms.types import Array, Candidate, Model, Request, Response
from modelswarms.utilities import load_utility

RESULTS = Path("benchmarks/results/overhead.json")

CLOCKS = ("processor", "clock")

Way = Callable[[list[Array], int], None]


class Recorder:
    """A model that writes down what a utility asks, and answers nothing of use."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def generate(self, requests: list[Request]) -> list[Response]:
        self.requests += requests
        return [Response("") for _ in requests]

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(f"{name}: this benchmark is of generated answers")


def engine_of(options: argparse.Namespace) -> Engine:
    """The engine to be measured; another kind is one more line."""
    common: dict[str, Any] = {"dtype": "float32"}
    configs = {
        "local": {"device": "cpu", "threads": 1},
        "ray": {"device": "cpu", "threads": 1, "workers": options.workers},
        "vllm": {"kind": "vllm"},
    }
    return make_engine(EngineConfig(**common, **configs[options.engine]), zoo.base_path())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=["local", "ray", "vllm"], default="local")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--examples", type=int, default=60)
    parser.add_argument("--candidates", type=int, default=4, help="in each of the repeats")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    utility, data = load_utility("zoo", Path.cwd())
    data = type(data)(**{**vars(data), "dev": data.dev[: options.examples], "test": ()})
    engine = engine_of(options)
    space = ExpertSpace.load(zoo.expert_paths(), base=zoo.base_path())
    engine.start(space)
    blocks = plan_of(engine, utility, data.dev)
    asked = []
    for block in blocks:
        recorder = Recorder()
        utility.score([data.dev[i] for i in block], recorder)
        asked.append(recorder.requests)
    inside = innermost(engine)
    if inside is not engine:
        inside.start(space)
    with tempfile.TemporaryDirectory() as folder, RunFolder.create(Path(folder, "run"), {"config": {}}) as run:
        evaluator = Evaluator(engine, utility, data, run)
        evaluator.prepare("dev")
        ways: dict[str, Way] = {
            "ours": partial(_ours, evaluator),
            "raw": lambda points, repeat: _raw(engine, points, asked),
        }
        if inside is not engine:
            ways["inside"] = lambda points, repeat: _raw(inside, points, asked)
        seconds = _in_turn(ways, options, space.n, engine)
    about = engine.describe()
    engine.close()
    found: dict[str, Any] = {"examples": len(data.dev), "blocks": len(blocks), "seconds": seconds, "engine": about}
    for other in [way for way in ways if way != "ours"]:
        cells = []
        for clock in CLOCKS:
            pairs = zip(seconds["ours"], seconds[other], strict=True)
            ratios = [ours[clock] / theirs[clock] for ours, theirs in pairs]
            found[f"over_{other}_{clock}"] = overhead = statistics.median(ratios) - 1
            cells.append(f"{overhead:+.1%} | {min(ratios) - 1:+.1%} to {max(ratios) - 1:+.1%}")
        sys.stdout.write(f"| {options.engine} | {other} | {' | '.join(cells)} |\n")
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps({**kept, options.engine: found}, indent=1) + "\n", encoding="utf-8")


def _in_turn(
    ways: dict[str, Way], options: argparse.Namespace, n: int, engine: Engine
) -> dict[str, list[dict[str, float]]]:
    """Seconds of each way in each repeat, all at the same points; each way comes first, and last, as often."""
    draws = np.random.default_rng(0)
    seconds: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for repeat in range(-1, options.repeats):  # the first is to get warm
        points = [draws.dirichlet(np.ones(n)) for _ in range(options.candidates)]
        order = list(ways)
        for _ in range(repeat % len(order)):
            order.append(order.pop(0))
        for way in order:
            before = _clocks(engine)
            ways[way](points, repeat)
            if repeat >= 0:
                after = _clocks(engine)
                seconds[way].append({clock: after[clock] - before[clock] for clock in CLOCKS})
    return seconds


def _clocks(engine: Engine) -> dict[str, float]:
    """Seconds so far: of the processor, for this process and its workers, and of the clock."""
    spent = time.process_time()
    for worker in utilisation_of(engine):
        times = psutil.Process(worker["process"]).cpu_times()
        spent += times.user + times.system
    return {"processor": spent, "clock": time.perf_counter()}


def _raw(engine: Engine, points: list[Array], asked: list[list[Request]]) -> None:
    """The same prompts, asked with as many threads as the engine takes; nothing is done with the answers."""
    with ThreadPoolExecutor(lanes_of(engine)) as threads:

        def block(model: Model, requests: list[Request]) -> None:
            model.generate(requests)

        for start in range(0, len(points), engine.slots):
            held = [engine.bind(point) for point in points[start : start + engine.slots]]
            models = [one.__enter__() for one in held]
            try:
                if lanes_of(engine) == 1:
                    for requests in asked:
                        block(models[0], requests)
                else:
                    list(threads.map(lambda pair: block(*pair), [(m, r) for m in models for r in asked]))
            finally:
                for one in held:
                    one.__exit__(None, None, None)


def _ours(evaluator: Evaluator, points: list[Array], repeat: int) -> None:
    batch = [Candidate(f"{repeat + 1:03d}-{k:03d}", k, repeat + 1, point) for k, point in enumerate(points)]
    for evaluation in evaluator.evaluate(batch):
        if evaluation.failure:
            raise RuntimeError(evaluation.failure)


if __name__ == "__main__":
    main()
