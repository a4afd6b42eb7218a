"""What it costs in answers to merge experts into weights of 16 bits, or to run them beside.

    python benchmarks/merging.py
    python benchmarks/merging.py --device cuda

Mixtures of the zoo's experts at several scales answer the dev questions with the experts merged into bfloat16 weights,
beside bfloat16 weights, and as PEFT runs the composed adapter on a bfloat16 base; float32 says what is right. A small
change is the one that a merge could round away. Writes benchmarks/results/merging.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from modelswarms import zoo
from modelswarms.engines import EngineConfig, make_engine
from modelswarms.engines.peft import PeftEngine
from modelswarms.experts import ExpertSpace
from modelswarms.types import Request
from modelswarms.utilities import load_utility

WAYS = ("merged", "beside", "PEFT")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--scales", type=float, nargs="+", default=[1.5, 0.5, 0.15, 0.05])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/merging.json"))
    options = parser.parse_args()
    utility, data = load_utility(
        {"kind": "exact_match", "data": str(zoo.questions_path()), "max_new_tokens": 2}, Path()
    )
    requests = [Request(utility.prompt(example), 2) for example in data.dev]
    space = ExpertSpace.load(zoo.expert_paths(), base=zoo.base_path())
    mixture = np.random.default_rng(0).dirichlet(np.ones(space.n))
    points = [scale * mixture for scale in options.scales]
    half = {"device": options.device, "dtype": "bfloat16"}
    right = answers(EngineConfig(device=options.device, dtype="float32"), space, [None, *points], requests)
    found = {
        "merged": answers(EngineConfig(**half, adapter="merged"), space, points, requests),
        "beside": answers(EngineConfig(**half, adapter="unmerged"), space, points, requests),
        "PEFT": [by_peft(EngineConfig(**half), space, point, requests) for point in points],
    }
    rows = []
    for k, scale in enumerate(options.scales):
        row: dict[str, Any] = {"scale": scale, "changed": differing(right[k + 1], right[0])}
        row |= {way: differing(found[way][k], right[k + 1]) for way in WAYS}
        rows.append({**row, **{f"{way} / PEFT": differing(found[way][k], found["PEFT"][k]) for way in WAYS[:2]}})
    options.out.write_text(
        json.dumps({"questions": len(requests), "device": options.device, "rows": rows}, indent=1) + "\n"
    )
    print("| sum of coefficients | answers that the experts change | merged differs from float32 | beside | PEFT "
          "| merged differs from PEFT | beside |\n|---|---|---|---|---|---|---|")  # fmt: skip
    for row in rows:
        shares = [row["changed"], *(row[way] for way in WAYS), *(row[f"{way} / PEFT"] for way in WAYS[:2])]
        print(f"| {row['scale']} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")


def answers(config: EngineConfig, space: ExpertSpace, points: list[Any], requests: list[Request]) -> list[list[str]]:
    """Answers at each point."""
    engine: Any = make_engine(config, zoo.base_path())
    engine.start(space)
    found = []
    for point in points:
        with engine.bind(point) as model:
            found.append([response.text for response in model.generate(requests)])
    engine.close()
    return found


def by_peft(config: EngineConfig, space: ExpertSpace, point: Any, requests: list[Request]) -> list[str]:
    """Answers of the composed adapter as PEFT loads it."""
    with tempfile.TemporaryDirectory() as folder:
        space.compose(point).save(Path(folder) / "mixed")
        engine = PeftEngine(config, zoo.base_path())
        engine.start(ExpertSpace.load([Path(folder) / "mixed"], base=zoo.base_path()))
        with engine.bind(np.ones(1)) as model:
            said = [response.text for response in model.generate(requests)]
        engine.close()
    return said


def differing(one: list[str], other: list[str]) -> float:
    return sum(a != b for a, b in zip(one, other, strict=True)) / len(one)


if __name__ == "__main__":
    main()
