"""What one adapter reaches that is trained on both of the zoo's families at once: the ceiling for any mixture.

    python benchmarks/ceiling.py --device cuda

An adapter of the experts' shape (rank 8, alpha 16, all linear layers), trained on questions of the zoo's own
generator whose graphs are in neither split. Prints percent right on dev and test; writes
benchmarks/results/ceiling.json.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from modelswarms import ExpertSpace, zoo
from modelswarms.datasets import read_dataset
from modelswarms.engines import EngineConfig, make_engine
from modelswarms.utilities import load_utility
from modelswarms.zoo.questions import make_dataset

log = logging.getLogger(__name__)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--questions", type=int, default=16_000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, help="also score this data file")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/ceiling.json"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    with tempfile.TemporaryDirectory() as folder:
        adapter = Path(folder) / "ceiling"
        train(adapter, options)
        figures = {"zoo": percent_right(adapter, "zoo", options.device)}
        if options.data:
            utility = {"kind": "exact_match", "data": str(options.data), "max_new_tokens": zoo.ANSWER_TOKENS}
            figures[options.data.stem] = percent_right(adapter, utility, options.device)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(figures) + "\n")


def train(folder: Path, options: argparse.Namespace) -> None:
    """Cross-entropy of the answer's one token after the prompt."""
    torch.manual_seed(options.seed)
    device = "cuda" if options.device == "auto" and torch.cuda.is_available() else options.device.replace("auto", "cpu")
    tokenizer = AutoTokenizer.from_pretrained(zoo.base_path())
    base = AutoModelForCausalLM.from_pretrained(zoo.base_path(), dtype=torch.float32).to(device)
    model = get_peft_model(base, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    rates = [
        {"params": [p for name, p in model.named_parameters() if f"lora_{factor}" in name], "lr": rate}
        for factor, rate in (("A", 0.75e-3), ("B", 3e-3))
    ]
    optimiser = torch.optim.AdamW(rates, weight_decay=0.0)
    items = [(tokenizer(q)["input_ids"], tokenizer(a)["input_ids"][0]) for q, a in questions(options)]
    steps = options.epochs * (len(items) // options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, [g["lr"] for g in rates], total_steps=steps, pct_start=0.1
    )
    for step, batch in enumerate(batches(items, options)):
        longest = max(len(ids) for ids, _ in batch)
        ids = torch.tensor([row + [0] * (longest - len(row)) for row, _ in batch], device=device)
        last = torch.tensor([len(row) - 1 for row, _ in batch], device=device)
        answers = torch.tensor([answer for _, answer in batch], device=device)
        hidden = model.base_model.model.model(input_ids=ids).last_hidden_state  # causal: padding behind has no say
        logits = model.base_model.model.lm_head(hidden[torch.arange(len(batch), device=device), last])
        loss = torch.nn.functional.cross_entropy(logits.float(), answers)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            log.info("step %d of %d: loss %.3f", step, steps, loss.item())
    model.save_pretrained(folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    log.info("trained on %d questions, rank %d", len(items), config["r"])


def questions(options: argparse.Namespace) -> list[tuple[str, str]]:
    """New questions, none of whose texts is in either split."""
    held_out = read_dataset(zoo.questions_path())
    known = {example.question for example in (*held_out.dev, *held_out.test)}
    made = make_dataset(seed=options.seed, dev=options.questions, test=0)["dev"]
    return [(item["question"], item["answer"]) for item in made if item["question"] not in known]


def batches(items: list, options: argparse.Namespace) -> Iterator[list]:
    """Batches of like length, in a new random order each time."""
    order = random.Random(options.seed)
    for _ in range(options.epochs):
        mixed = sorted(items, key=lambda item: len(item[0]) + order.uniform(0, 8))
        cut = [mixed[k : k + options.batch] for k in range(0, len(mixed) - options.batch + 1, options.batch)]
        order.shuffle(cut)
        yield from cut


def percent_right(adapter: Path, utility: object, device: str) -> dict[str, float]:
    """As a search would score it."""
    scorer, data = load_utility(utility, Path.cwd())
    space = ExpertSpace.load([adapter], base=zoo.base_path())
    engine = make_engine(EngineConfig(device=device), zoo.base_path())
    engine.start(space)
    right = {}
    with engine.bind(space.coefficients([1.0])) as model:
        for split in ("dev", "test"):
            examples = getattr(data, split)
            right[split] = 100 * scorer.aggregate([s.value for s in scorer.score(examples, model)])
    return right


if __name__ == "__main__":
    main()
