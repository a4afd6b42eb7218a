"""One evaluation of a Gemma-7B-shaped model: ours, the original program's way, a resident model, and arithmetic.

    python benchmarks/evaluation.py --data DATA                    # on a GPU of 80 GB or more
    python benchmarks/evaluation.py --data DATA --small --device cpu   # to try it out

DATA holds nlgraph.json, mmlu.json and gsm8k.json. Every way answers the same prompts, in one run, by the same random
weights and the same LoRA experts (rank 16 on q, k, v and o):

- original: reloads the base for the evaluation, loads the composed adapter with PEFT, and generates ten padded prompts
  at a time, as the published program does;
- resident: the base and the adapter stay in memory; the batch size is the best of a few;
- ours: the local engine from binding coefficients to texts, experts beside the weights and merged into them.

Prints tables of docs/performance.md and writes benchmarks/results/evaluation.json.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import shapes
from modelswarms.engines import EngineConfig, make_engine
from modelswarms.experts import ExpertSpace
from modelswarms.plan import make_plan
from modelswarms.search import search
from modelswarms.types import Request

BATCHES = {"nlgraph": (25, 50), "mmlu": (100, 200), "gsm8k": (100, 200)}
ORIGINAL_BATCH = 10
EXPERTS = 10


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/evaluation.json"))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="a model of a few thousand parameters")
    parser.add_argument("--tasks", nargs="+", default=list(shapes.NEW_TOKENS))
    parser.add_argument("--ways", nargs="+", default=["original", "resident", "ours"])
    parser.add_argument("--adapters", nargs="+", default=["unmerged", "merged"])
    parser.add_argument("--quantize", nargs="*", default=[], help="int8, int4, float8: measured as well")
    parser.add_argument("--particles", type=int, default=0, help="of a search on mmlu of five iterations, measured too")
    parser.add_argument("--repeats", type=int, default=3, help="of ours and of the resident way's best batch size")
    parser.add_argument("--new-tokens", type=int, help="instead of the published ones")
    options = parser.parse_args()
    shape = shapes.SMALL if options.small else shapes.GEMMA
    texts = {name: shapes.prompts(name, options.data) for name in shapes.NEW_TOKENS}
    with tempfile.TemporaryDirectory() as folder:
        work = Work(Path(folder), shape, options, texts)
        found = work.run()
        work.keep(found)
    print(table(found))


class Work:
    """Everything that is measured in one run."""

    def __init__(self, folder: Path, shape: dict[str, Any], options: argparse.Namespace, texts: Any) -> None:
        self.base, self.experts, self.mixed = folder / "base", folder / "experts", folder / "mixed"
        self.shape, self.options, self.texts = shape, options, texts
        self.dtype = torch.bfloat16
        shapes.random_model(shape, options.device, self.dtype).save_pretrained(self.base)
        shapes.make_tokenizer(self.base, [text for some in texts.values() for text in some])
        shapes.save_experts(self.experts, shape, EXPERTS)
        self.space = ExpertSpace.load(self.experts, base=self.base)
        self.point = np.random.default_rng(0).dirichlet(np.ones(EXPERTS)) * 1.5
        self.space.compose(self.point).save(self.mixed)
        free()

    def run(self) -> dict[str, Any]:
        """Figures of every task."""
        cuda = self.options.device == "cuda"
        found: dict[str, Any] = {
            "device": torch.cuda.get_device_name() if cuda else "cpu",
            "versions": {"torch": torch.__version__},
            **(rates(self.options.device) if cuda else {}),
            "tasks": {name: {} for name in self.options.tasks},
        }
        answers: dict[str, dict[str, list[str]]] = {name: {} for name in self.options.tasks}
        if "original" in self.options.ways:
            for name, figures in found["tasks"].items():
                figures["original"] = self.original(name, answers[name])
        self.keep(found)
        if "resident" in self.options.ways:
            model = self.loaded()
            for name, figures in found["tasks"].items():
                figures["resident"] = self.resident(model, name, answers[name])
            del model
            free()
        self.keep(found)
        if "ours" in self.options.ways:
            for adapter in self.options.adapters:
                found[f"start_{adapter}"] = self.ours(adapter, {"adapter": adapter}, found["tasks"], answers)
                self.keep(found)
        if self.options.particles:
            found["search"] = self.search()
            self.keep(found)
        for bits in self.options.quantize:
            found[f"start_{bits}"] = self.ours(bits, {"quantize": bits}, found["tasks"], answers)
            self.keep(found)
        for name, figures in found["tasks"].items():
            if cuda and "ours" in self.options.ways:
                figures |= self.arithmetic(figures, found)
            figures["differ"] = differing(answers[name])
        for key in ("vs_original", "vs_resident", "of_roofline", "seconds"):
            values = [figures.get(key) for figures in found["tasks"].values()]
            if all(value is not None for value in values):
                found[key] = values
        return found

    def keep(self, found: dict[str, Any]) -> None:
        """Writes what is measured so far."""
        self.options.out.write_text(json.dumps(found, indent=1) + "\n")

    def new(self, name: str) -> int:
        return self.options.new_tokens or shapes.NEW_TOKENS[name]

    def loaded(self) -> Any:
        """Base and adapter as a user loads them."""
        from peft import PeftModel
        from transformers import AutoModelForCausalLM

        base = AutoModelForCausalLM.from_pretrained(self.base, dtype=self.dtype).to(self.options.device)
        return PeftModel.from_pretrained(base, self.mixed).eval()

    def original(self, name: str, answers: dict[str, list[str]]) -> dict[str, float]:
        """Seconds of an evaluation that reloads the base, which is in the page cache."""
        free()
        began = time.perf_counter()
        model = self.loaded()
        self.wait()
        loaded = time.perf_counter()
        answers["plain, 10 at a time"] = self.generate(model, name, ORIGINAL_BATCH)
        ended = time.perf_counter()
        del model
        free()
        return {"seconds": ended - began, "reload": loaded - began}

    def resident(self, model: Any, name: str, answers: dict[str, list[str]]) -> dict[str, Any]:
        """Seconds at each batch size, and the best of them."""
        seconds: dict[str, float] = {}
        self.generate(model, name, 10, only=10)
        for batch in BATCHES[name]:
            try:
                began = time.perf_counter()
                answers[f"plain, {batch} at a time"] = self.generate(model, name, batch)
                seconds[str(batch)] = time.perf_counter() - began
            except torch.OutOfMemoryError:
                free()
        best = min(seconds, key=lambda batch: seconds[batch])
        again = [seconds[best]]
        for _ in range(self.options.repeats - 1 if seconds[best] < 8 else 0):
            began = time.perf_counter()
            self.generate(model, name, int(best))
            again.append(time.perf_counter() - began)
        return {"seconds": statistics.median(again), "batch": int(best), "of_batches": seconds}

    @torch.inference_mode()
    def generate(self, model: Any, name: str, batch: int, only: int | None = None) -> list[str]:
        """Answers by transformers' generate, prompts in their order, padded on the left."""
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(self.base)
        texts, answers = self.texts[name][:only], []
        for begin in range(0, len(texts), batch):
            given = tokenizer(texts[begin : begin + batch], return_tensors="pt", padding=True)
            ids, mask = (given[key].to(self.options.device) for key in ("input_ids", "attention_mask"))
            out = model.generate(
                input_ids=ids, attention_mask=mask, max_new_tokens=self.new(name), do_sample=False, pad_token_id=0
            )
            answers += tokenizer.batch_decode(out[:, ids.shape[1] :], skip_special_tokens=True)
        self.wait()
        return answers

    def search(self) -> dict[str, Any]:
        """Evaluations a second of a whole search on mmlu, and of its engine asked for the same blocks alone."""
        keys = {
            "experts": str(self.experts), "base": str(self.base), "test": "none", "random_search": False,
            "utility": {"kind": "mmlu", "data": str(self.options.data / "mmlu.json")},
            "swarm": {"particles": self.options.particles, "max_iterations": 5}, "racing": False,
            "run_dir": str(self.base.parent / "run"),
        }  # fmt: skip
        engine: Any = make_engine(EngineConfig(device=self.options.device, dtype="bfloat16"), self.base)
        engine.start(self.space)
        self.evaluate(engine, "mmlu", self.point)
        engine.start = lambda space: None  # it is started and warm; loading is not what is measured
        close, engine.close = engine.close, lambda: None
        began = time.perf_counter()
        search(keys, engine=engine)
        seconds = time.perf_counter() - began
        lines = (self.base.parent / "run" / "journal.jsonl").read_text().splitlines()
        records = [json.loads(line) for line in lines]
        points = [r["coefficients"] for r in records if r.get("kind") == "evaluation" and "same_as" not in r]
        raw = statistics.median(
            self.timed(lambda p=p: self.evaluate(engine, "mmlu", np.array(p)), 1) for p in points[:30]
        )
        close()
        stages = json.loads((self.base.parent / "run" / "timing.json").read_text())["stages"]
        kept = {"evaluations": len(points), "seconds": seconds, "raw_seconds": raw * len(points), "stages": stages}
        evaluating = stages["search"]["seconds"]
        return {
            **kept,
            "share_of_raw_rate": raw * len(points) / seconds,
            "while_evaluating": raw * len(points) / evaluating,
        }

    def evaluate(self, engine: Any, name: str, point: Any) -> list[str]:
        """An evaluation by the engine alone."""
        requests = [Request(text, self.new(name)) for text in self.texts[name]]
        plan = make_plan(engine.count_tokens(self.texts[name]), engine.block_tokens)
        said: dict[int, str] = {}
        with engine.bind(point) as model:
            for block in plan:
                got = model.generate([requests[i] for i in block])
                said |= {i: response.text for i, response in zip(block, got, strict=True)}
        return [said[i] for i in range(len(requests))]

    def ours(
        self, way: str, keys: dict[str, Any], tasks: dict[str, Any], answers: dict[str, dict[str, list[str]]]
    ) -> float:
        """Figures of the local engine go into the tasks; gives the seconds of its start."""
        engine: Any = make_engine(EngineConfig(device=self.options.device, dtype="bfloat16", **keys), self.base)
        began = time.perf_counter()
        engine.start(self.space)
        started = time.perf_counter() - began
        for name, figures in tasks.items():
            requests = [Request(text, self.new(name)) for text in self.texts[name]]
            plan = make_plan(engine.count_tokens(self.texts[name]), engine.block_tokens)

            def evaluate(name: str = name) -> list[str]:
                return self.evaluate(engine, name, self.point)

            def compose() -> None:
                with engine.bind(self.point):
                    pass

            def prompts(requests: list[Request] = requests, plan: Any = plan) -> None:
                with engine.bind(None) as model:
                    for block in plan:
                        model.generate([Request(requests[i].prompt, 1) for i in block])

            first = self.timed(evaluate, 1)
            answers[name][f"ours, {way}"] = evaluate()
            figures[way] = {
                "seconds": self.timed(evaluate, self.options.repeats),
                "first": first,
                "prompts": self.timed(prompts, self.options.repeats),
                "composing": self.timed(compose, 10),
                "blocks": len(plan),
                "prompt_tokens": sum(engine.count_tokens(self.texts[name])),
                "weights_gib": held(engine),
            }
        engine.close()
        free()
        return started

    def arithmetic(self, figures: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
        """What the hardware needs at least, by the rates measured in this run, and ours beside it."""
        ways = [way for way in ("unmerged", "merged") if way in figures]
        best = min(ways, key=lambda way: figures[way]["seconds"])
        ours, tokens = figures[best], figures[best]["prompt_tokens"]
        shape, rows = self.shape, len(self.texts["nlgraph"])
        name = next(name for name, some in found["tasks"].items() if some is figures)
        weights = shape["num_hidden_layers"] * shape["hidden_size"] * (
            4 * shape["num_attention_heads"] * shape["head_dim"] + 3 * shape["intermediate_size"]
        )  # fmt: skip
        lengths = np.array([len(row) for row in self.tokens(name)])
        attention = 2 * shape["num_hidden_layers"] * shape["num_attention_heads"] * shape["head_dim"]
        prefill = 2 * weights * tokens + attention * float((lengths**2).sum())
        head = 2 * shape["vocab_size"] * shape["hidden_size"]
        held = 2 * 2 * shape["num_hidden_layers"] * shape["num_key_value_heads"] * shape["head_dim"]
        steps = self.new(name) - 1
        step = 2 * weights + head + held * (tokens + rows * self.new(name) / 2)
        products = rows * (2 * weights + head) / found["products_per_second"]
        least = prefill / found["products_per_second"] + steps * max(step / found["bytes_per_second"], products)
        row = {
            "seconds": ours["seconds"], "way": best, "arithmetic": least, "of_roofline": least / ours["seconds"],
            "prefill_of_products": prefill / ours["prompts"] / found["products_per_second"],
            "composing_share": ours["composing"] / ours["seconds"],
        }  # fmt: skip
        for other in ("original", "resident"):
            if other in figures:
                row[f"vs_{other}"] = figures[other]["seconds"] / ours["seconds"]
        return row

    def tokens(self, name: str) -> list[list[int]]:
        from transformers import AutoTokenizer

        rows: list[list[int]] = AutoTokenizer.from_pretrained(self.base)(self.texts[name])["input_ids"]
        return rows

    def timed(self, run: Callable[[], Any], repeats: int) -> float:
        """Median seconds."""
        seconds = []
        for _ in range(repeats):
            self.wait()
            began = time.perf_counter()
            run()
            self.wait()
            seconds.append(time.perf_counter() - began)
        return statistics.median(seconds)

    def wait(self) -> None:
        if self.options.device == "cuda":
            torch.cuda.synchronize()


@torch.inference_mode()
def rates(device: str) -> dict[str, float]:
    """Operations a second of a large matrix product in bfloat16, and bytes a second of a copy (read and written)."""
    a = torch.randn(8192, 8192, device=device, dtype=torch.bfloat16)
    b, big = torch.randn_like(a), torch.empty(2**30, device=device, dtype=torch.bfloat16)
    other = torch.empty_like(big)

    def seconds(run: Callable[[], Any], times: int) -> float:
        found = []
        for _ in range(4):
            torch.cuda.synchronize()
            began = time.perf_counter()
            for _ in range(times):
                run()
            torch.cuda.synchronize()
            found.append((time.perf_counter() - began) / times)
        return statistics.median(found[1:])

    return {
        "products_per_second": 2 * 8192**3 / seconds(lambda: a @ b, 30),
        "bytes_per_second": 2 * 2 * big.numel() / seconds(lambda: other.copy_(big), 10),
    }


def differing(answers: dict[str, list[str]]) -> dict[str, float]:
    """Share of answers that differ, for every two ways."""
    ways = list(answers)
    return {
        f"{one} / {other}": sum(x != y for x, y in zip(answers[one], answers[other], strict=True)) / len(answers[one])
        for k, one in enumerate(ways)
        for other in ways[k + 1 :]
    }


def held(engine: Any) -> float:
    """GiB of the base's weights as they lie in memory."""
    total = 0
    for parameter in engine._model.parameters():
        inner = [getattr(parameter, name) for name in getattr(parameter, "tensor_data_names", [])]
        parts = [part for part in inner if isinstance(part, torch.Tensor)] or [parameter]
        total += sum(part.numel() * part.element_size() for part in parts)
    return total / 2**30


def free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def table(found: dict[str, Any]) -> str:
    """The main table, in Markdown."""
    lines = [
        "| work | ours | original | resident | arithmetic / ours | prompts: of the product rate | composing |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in found["tasks"].items():
        if "seconds" not in row:
            continue
        lines.append(
            f"| {name} | {row['seconds']:.2f} s ({row['way']}) | {row.get('vs_original', float('nan')):.1f} | "
            f"{row.get('vs_resident', float('nan')):.1f} | {row['of_roofline']:.0%} | "
            f"{row['prefill_of_products']:.0%} | {row['composing_share']:.2%} |"
        )
    for name, row in found["tasks"].items():
        lines += [
            "",
            f"{name}:",
            *(f"- {pair}: {share:.1%} of answers differ" for pair, share in row["differ"].items()),
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
