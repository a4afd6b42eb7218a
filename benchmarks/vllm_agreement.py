"""vLLM against the local engine: whether answers agree, whether a search comes out the same, and what we cost.

    python benchmarks/vllm_agreement.py

Needs vLLM's environment (make test-vllm). In float32 on the zoo: every answer that differs is listed with the distance
between its two highest logits; a whole search is made with both engines; and evaluating six candidates in flight (the
evaluator, its utility, its journal, composing and loading adapters) is timed against vLLM's own loop on the same
prompts and adapters, alternately. vLLM runs in this process, so that its processor time can be told.
Writes benchmarks/results/vllm_agreement.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")

from modelswarms import ExpertSpace, search, zoo
from modelswarms.engines import EngineConfig, make_engine
from modelswarms.evaluator import Evaluator
from modelswarms.runs import RunFolder
from modelswarms.types import Candidate, Request, Response
from modelswarms.utilities import load_utility
from seeds import markdown

NEW_TOKENS = 4
NEAR_TIE = 1e-4
PARTS = ("agreement", "overhead", "search")  # the last one closes the engines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--timed", type=int, default=100, help="prompts a candidate in the timing")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--searched", type=int, default=40, help="dev questions of the search")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="others stay as they were measured")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/vllm_agreement.json"))
    options = parser.parse_args()
    space = ExpertSpace.load(zoo.expert_paths(), base=zoo.base_path(), combine="factors")
    prompts = [item["question"] for item in json.loads(zoo.questions_path().read_text())["dev"]][: options.prompts]
    keys = {"device": options.device, "dtype": options.dtype}
    vllm, local = (make_engine(EngineConfig(kind=kind, **keys), zoo.base_path()) for kind in ("vllm", "local"))
    for engine in (vllm, local):
        engine.start(space)
    requests = [Request(prompt, NEW_TOKENS) for prompt in prompts]
    engines = {"vllm": vllm.describe(), "local": local.describe()}
    known = json.loads(options.out.read_text()) if options.out.exists() else {}
    figures: dict[str, Any] = {**known, "engines": engines, "combine": "factors", "experts": space.n}
    parts = {
        "agreement": lambda: _agreement(vllm, local, space, requests),
        "overhead": lambda: _overhead(vllm, space, options.timed, options.repeats),
        "search": lambda: _searches(keys, options.searched),
    }
    for name in options.parts:
        if name == "search":  # it starts engines of its own
            vllm.close()
            local.close()
        figures[name] = parts[name]()
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    vllm.close()
    local.close()
    if figures.keys() >= set(PARTS):
        sys.stdout.write(_table(figures))


def _agreement(vllm: Any, local: Any, space: ExpertSpace, requests: list[Request]) -> dict[str, Any]:
    draws = np.random.default_rng(0).dirichlet(np.ones(space.n), size=2)
    points = {"base": None, "first expert": np.eye(space.n)[0], "mixture 1": draws[0], "mixture 2": 1.5 * draws[1]}
    differing, answers = [], 0
    for name, point in points.items():
        with vllm.bind(point) as there, local.bind(point) as here:
            pairs = list(zip(there.generate(requests), here.generate(requests), strict=True))
        answers += len(pairs)
        differing += [
            {"point": name, "prompt": k, "vllm": a.text, "local": b.text, "margin": min(a.margin, b.margin)}
            for k, (a, b) in enumerate(pairs)
            if a.text != b.text
        ]
    near = sum(each["margin"] < NEAR_TIE for each in differing)
    return {
        "prompts": len(requests),
        "points": list(points),
        "answers": answers,
        "agree": 1 - len(differing) / answers,
        "near_ties": near,
        "differing": differing,
    }


def _searches(keys: dict[str, str], examples: int) -> dict[str, Any]:
    """The same search with both engines: whether every value and the result are the same."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "questions.json")
        items = json.loads(zoo.questions_path().read_text())["dev"]
        data.write_text(json.dumps({"dataset": "zoo", "dev": items[:examples], "test": []}))
        records = {}
        for kind in ("local", "vllm"):
            run = Path(folder, kind)
            result = search(
                engine={"kind": kind, **keys},
                swarm={"particles": 6, "max_iterations": 3},
                utility={"kind": "exact_match", "data": str(data), "max_new_tokens": NEW_TOKENS},
                test="none",
                rescore=False,
                run_dir=str(run),
            )
            lines = map(json.loads, (run / "journal.jsonl").read_text().splitlines())
            records[kind] = {r["candidate"]: r for r in lines if r["kind"] == "evaluation"}
            found[kind] = {"best": result.best, "evaluations": len(records[kind])}
    pairs = [(records["vllm"].get(name), record) for name, record in records["local"].items()]
    same = [(a, b) for a, b in pairs if a is not None and a["coefficients"] == b["coefficients"]]
    return {
        **found,
        "dev": examples,
        "same_points": len(same),
        "answers": sum(len(b["answers"]) for _, b in same),
        "differing": sum(x != y for a, b in same for x, y in zip(a["answers"], b["answers"], strict=True)),
        "same_best": found["local"]["best"] == found["vllm"]["best"],
    }


def _overhead(vllm: Any, space: ExpertSpace, examples: int, repeats: int) -> dict[str, Any]:
    utility, data = load_utility("zoo", Path.cwd())
    data = replace(data, dev=data.dev[:examples], test=())
    recorder = _Recorder()
    utility.score(data.dev, recorder)
    draws = np.random.default_rng(1)
    seconds: dict[str, list[tuple[float, float]]] = {"raw": [], "engine": []}
    with tempfile.TemporaryDirectory() as folder, RunFolder.create(Path(folder, "run"), {"config": {}}) as run:
        evaluator = Evaluator(vllm, utility, data, run)
        evaluator.prepare("dev")
        for repeat in range(repeats + 1):
            points = draws.dirichlet(np.ones(space.n), size=vllm.slots)
            folders = [Path(folder, f"{repeat}-{k}") for k in range(len(points))]
            for point, path in zip(points, folders, strict=True):
                space.compose(point).save(path)
            ways = {
                "raw": _raw(vllm, folders, recorder.requests, 10**6 + 100 * repeat),
                "engine": partial(_ours, evaluator, points, repeat),
            }
            for name in list(ways)[:: 1 if repeat % 2 else -1]:
                vllm._loop.call(lambda engine: engine.reset_prefix_cache())
                clock, processor = time.perf_counter(), time.process_time()
                ways[name]()
                seconds[name].append((time.perf_counter() - clock, time.process_time() - processor))
    ratios = [
        (ours[0] / theirs[0] - 1, ours[1] / theirs[1] - 1)
        for theirs, ours in list(zip(seconds["raw"], seconds["engine"], strict=True))[1:]  # the first warms up
    ]
    return {
        "candidates": vllm.slots,
        "prompts": examples,
        "clock_ratios": [clock for clock, _ in ratios],
        "processor_ratios": [processor for _, processor in ratios],
        "repeats": repeats,
        "clock_seconds": {name: [clock for clock, _ in all_[1:]] for name, all_ in seconds.items()},
        "processor_seconds": {name: [processor for _, processor in all_[1:]] for name, all_ in seconds.items()},
        "over_raw_by_clock": statistics.median(clock for clock, _ in ratios),
        "over_raw_by_processor": statistics.median(processor for _, processor in ratios),
    }


def _raw(vllm: Any, folders: list[Path], requests: list[Request], first: int) -> Callable[[], None]:
    """vLLM's own loop, which loads the adapters and writes the texts; tokens and adapters were made before."""
    from vllm import SamplingParams
    from vllm.lora.request import LoRARequest

    rows = vllm._asking.texts.prompts(requests)
    ends = sorted(vllm._asking.ends)

    def run() -> None:
        adapters = [LoRARequest(f"raw-{n}", n, str(path)) for n, path in enumerate(folders, first)]
        vllm._loop.call(lambda engine: step_through(engine, adapters))

    def step_through(engine: Any, adapters: list[Any]) -> None:
        for adapter in adapters:
            for k, row in enumerate(rows):
                params = SamplingParams(temperature=0.0, max_tokens=requests[k].max_new_tokens, stop_token_ids=ends)
                name = f"{adapter.lora_name}-{k}"
                engine.add_request(name, {"prompt_token_ids": row}, params, lora_request=adapter)
        while engine.has_unfinished_requests():
            engine.step()
        for adapter in adapters:
            engine.remove_lora(adapter.lora_int_id)

    return run


def _ours(evaluator: Evaluator, points: Any, repeat: int) -> None:
    batch = [Candidate(f"{repeat:03d}-{k:03d}", k, repeat, point) for k, point in enumerate(points)]
    for evaluation in evaluator.evaluate(batch):
        if evaluation.failure:
            raise RuntimeError(evaluation.failure)


class _Recorder:
    """A model that writes down what a utility asks, and answers nothing of use."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        self.requests += requests
        return [Response("") for _ in requests]

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(f"{name}: this benchmark is of generated answers")


def _table(figures: dict[str, Any]) -> str:
    of, over = figures["agreement"], figures["overhead"]
    rows = [
        ["answers compared", f"{of['answers']} ({of['prompts']} prompts at {len(of['points'])} points)"],
        ["agree", f"{100 * of['agree']:.2f} %"],
        ["differ", f"{len(of['differing'])}, of them {of['near_ties']} near ties (margin under {NEAR_TIE})"],
        ["the same search with both", _said(figures["search"])],
        ["over vLLM's own loop, by the clock", f"{100 * over['over_raw_by_clock']:+.1f} %"],
        ["over vLLM's own loop, processor time", f"{100 * over['over_raw_by_processor']:+.1f} %"],
    ]
    return markdown(["vLLM against local", ""], rows) + "\n"


def _said(found: dict[str, Any]) -> str:
    best = "the same best" if found["same_best"] else "another best"
    return f"{best}; {found['differing']} of {found['answers']} answers differ at {found['same_points']} points"


if __name__ == "__main__":
    main()
