"""The same search on two devices: how many answers agree, and how near the others were to a tie.

    python benchmarks/agreement.py --one cpu --other cuda

Searches on the first device, then asks every candidate of that search the same questions on the second, in the
same precision; also searches on the second and compares the two results. Every answer that differs is listed with
the distance between its two highest logits, on both devices. Writes benchmarks/results/agreement.json.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modelswarms import ExpertSpace, search, zoo
from modelswarms.engines import EngineConfig, make_engine
from modelswarms.scoring import score_blocks
from modelswarms.types import Model, Request, Response
from modelswarms.utilities import load_utility
from seeds import markdown

log = logging.getLogger(__name__)

NEAR_TIE = 1e-4
LISTED = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", default="cpu")
    parser.add_argument("--other", default="cuda")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--other-dtype", help="by default the same")
    parser.add_argument("--iterations", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("runs/agreement"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/agreement.json"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    engines = {
        "one": {"device": options.one, "dtype": options.dtype},
        "other": {"device": options.other, "dtype": options.other_dtype or options.dtype},
    }
    runs = {name: _search(options, name, engine) for name, engine in engines.items()}
    figures = {
        "engines": {name: run["details"]["engine"] for name, run in runs.items()},
        **_agreement(options.folder / "one", engines),
        "searches": {
            name: {"dev": run["best"]["dev"], "test": run["best"]["test"], "seconds": run["seconds"]}
            for name, run in runs.items()
        },
        "same_best": runs["one"]["best"]["coefficients"] == runs["other"]["best"]["coefficients"],
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(_table(figures))


def _search(options: argparse.Namespace, name: str, engine: dict[str, str]) -> dict[str, Any]:
    began = time.perf_counter()
    result = search(
        engine=engine,
        swarm={"max_iterations": options.iterations},
        seed=options.seed,
        run_dir=str(options.folder / name),
    )
    return {"best": result.best, "details": result.details, "seconds": time.perf_counter() - began}


def _agreement(run: Path, engines: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Every dev answer of a run's journal against the other engine's."""
    records = [json.loads(line) for line in (run / "journal.jsonl").read_text(encoding="utf-8").splitlines()]
    blocks = next(r for r in records if r["kind"] == "plan" and r["split"] == "dev")["blocks"]
    valued = [r for r in records if r["kind"] == "evaluation" and r["split"] == "dev" and "same_as" not in r]
    utility, data = load_utility("zoo", Path.cwd())
    started = {name: _started(keys) for name, keys in engines.items()}
    differing = []
    for record in valued:
        coefficients = np.asarray(record["coefficients"])
        with started["other"].bind(coefficients) as model:
            scores = score_blocks(utility, data.dev, blocks, model)
        places = [i for i, score in enumerate(scores) if score.answer != record["answers"][i]]
        margins = {name: _margins(engine, coefficients, utility, [data.dev[i] for i in places])
                   for name, engine in started.items() if places}  # fmt: skip
        for k, i in enumerate(places):
            differing.append({
                "candidate": record["candidate"], "id": data.dev[i].id, "one": record["answers"][i],
                "other": scores[i].answer, "margin_one": margins["one"][k], "margin_other": margins["other"][k],
            })  # fmt: skip
    for engine in started.values():
        engine.close()
    answers = len(valued) * len(data.dev)
    return {
        "candidates": len(valued),
        "answers": answers,
        "differ": len(differing),
        "near_ties": sum(min(d["margin_one"], d["margin_other"]) < NEAR_TIE for d in differing),
        "agree": 1 - len(differing) / answers,
        "differing": differing,
    }


def _started(keys: dict[str, str]) -> Any:
    engine = make_engine(EngineConfig(**keys), zoo.base_path())
    engine.start(ExpertSpace.load(zoo.expert_paths(), base=zoo.base_path()))
    return engine


@dataclass
class _Watched:
    """A model, remembering the smallest margin of the last answer."""

    model: Model
    margin: float = float("inf")

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        responses = self.model.generate(requests)
        self.margin = min(response.margin for response in responses)
        return responses


def _margins(engine: Any, coefficients: np.ndarray, utility: Any, examples: list) -> list[float]:
    found = []
    with engine.bind(coefficients) as model:
        for example in examples:
            watched = _Watched(model)
            utility.score([example], watched)
            found.append(watched.margin)
    return found


def _table(figures: dict[str, Any]) -> str:
    one, other = (f"{e['device']} {e['dtype']}" for e in figures["engines"].values())
    rows = [
        ["answers compared", f"{figures['answers']} ({figures['candidates']} candidates)"],
        ["agree", f"{100 * figures['agree']:.3f} %"],
        ["differ", f"{figures['differ']}, of them {figures['near_ties']} near ties (margin under {NEAR_TIE})"],
        ["best of both searches", "the same" if figures["same_best"] else "not the same"],
        *(
            [f"search on {name}", f"dev {100 * s['dev']:.1f}, test {100 * s['test']:.1f}, {s['seconds']:.0f} s"]
            for name, s in zip((one, other), figures["searches"].values(), strict=True)
        ),
    ]
    listed = [
        [d["candidate"], d["id"], str(d["one"]), str(d["other"]), f"{d['margin_one']:.2e}", f"{d['margin_other']:.2e}"]
        for d in sorted(figures["differing"], key=lambda d: -d["margin_one"])[:LISTED]
    ]
    text = markdown([f"{one} against {other}", ""], rows) + "\n"
    header = ["candidate", "question", one, other, "margin there", "margin here"]
    return text + ("\n" + markdown(header, listed) + "\n" if listed else "")


if __name__ == "__main__":
    main()
