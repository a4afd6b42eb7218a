"""A zoo evaluation on a processor beside a bare loop of forward calls over the same tokens.

    python benchmarks/processor.py
    python benchmarks/processor.py --block-tokens 256 512 1024 2048 --dtypes float32 bfloat16

Bare is transformers' model called on the same prompts, sorted by length, in batches of as many tokens, padded: no
cache, no answer, no score. Ours is a whole evaluation: composing, prompts, two new tokens, scores, journal. Both take
turns in one process; ratios are of tokens of prompts a second, medians of several. Writes
benchmarks/results/processor.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modelswarms import zoo
from modelswarms.engines import EngineConfig, make_engine
from modelswarms.evaluator import Evaluator
from modelswarms.experts import ExpertSpace
from modelswarms.plan import make_plan
from modelswarms.runs import RunFolder
from modelswarms.types import Candidate
from modelswarms.utilities import load_utility


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--block-tokens", type=int, nargs="+", default=[256, 512, 1024, 2048])
    parser.add_argument("--dtypes", nargs="+", default=["float32"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/processor.json"))
    options = parser.parse_args()
    rows = [measured(dtype, tokens, options.repeats) for dtype in options.dtypes for tokens in options.block_tokens]
    options.out.write_text(json.dumps({"threads": torch.get_num_threads(), "rows": rows}, indent=1) + "\n")
    print("| dtype | tokens of a block | bare, tokens/s | ours, tokens/s | ours / bare |\n|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['dtype']} | {row['block_tokens']} | {row['bare']:,.0f} | {row['ours']:,.0f} | {row['ratio']:.2f} |"
        )


def measured(dtype: str, block_tokens: int, repeats: int) -> dict[str, Any]:
    """One row of the table."""
    space = ExpertSpace.load(zoo.expert_paths(), base=zoo.base_path())
    engine: Any = make_engine(EngineConfig(device="cpu", dtype=dtype, block_tokens=block_tokens), zoo.base_path())
    engine.start(space)
    utility, data = load_utility(
        {"kind": "exact_match", "data": str(zoo.questions_path()), "max_new_tokens": 2}, Path()
    )
    texts = [utility.prompt(example) for example in data.dev]
    rows = engine._tokenizer(texts)["input_ids"]
    lengths = [len(row) for row in rows]
    points = np.random.default_rng(0).dirichlet(np.ones(space.n), size=repeats + 1) * 1.5
    bare, ours = [], []
    with tempfile.TemporaryDirectory() as folder, RunFolder.create(Path(folder) / "run", {}) as run:
        evaluator = Evaluator(engine, utility, data, run)
        for k, point in enumerate(points):
            began = time.perf_counter()
            forward(engine._model, [[rows[i] for i in block] for block in make_plan(lengths, block_tokens)])
            middle = time.perf_counter()
            list(evaluator.evaluate([Candidate(f"001-{k:03d}", k, 1, point)]))
            bare.append(middle - began)
            ours.append(time.perf_counter() - middle)
    engine.close()
    tokens, pairs = sum(lengths), list(zip(bare, ours, strict=True))[1:]  # the first ones warm up
    return {
        "dtype": dtype, "block_tokens": block_tokens, "prompt_tokens": tokens,
        "bare": tokens / statistics.median(b for b, _ in pairs),
        "ours": tokens / statistics.median(o for _, o in pairs),
        "ratio": statistics.median(b / o for b, o in pairs),
        "ratios": sorted(b / o for b, o in pairs),
    }  # fmt: skip


@torch.inference_mode()
def forward(model: Any, blocks: list[list[list[int]]]) -> None:
    """The model's logits at the last place of every row."""
    for block in blocks:
        longest = max(len(row) for row in block)
        ids = torch.tensor([[0] * (longest - len(row)) + row for row in block])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in block])
        model(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=1)


if __name__ == "__main__":
    main()
