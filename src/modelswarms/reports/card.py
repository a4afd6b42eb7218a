"""The model card of a best expert: what it is, where it comes from, how good it is, how to use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from modelswarms.baselines import SWARM, kind_of_searcher, title_of
from modelswarms.preparation import current_header

__all__ = ["model_card", "public_name"]

Record = Mapping[str, Any]

_HOW: Final = {
    "delta": "their weight changes are added exactly, ΔW = Σ coefficient · s · B·A",
    "factors": "their factors A and B are added apart, as published, which brings cross terms into B·A",
}


def model_card(
    result: Mapping[str, Any], records: Sequence[Record], base_name: str, *, merged: bool = False, over: bool = True
) -> str:
    """Markdown with YAML front matter; the same run gives the same bytes, wherever it was.

    Args:
        result: what ``result.json`` holds, or would hold by now.
        records: the journal.
        base_name: of the base model; of a local folder, its last part is told.
        merged: whether the card goes with full weights instead of an adapter.
        over: whether the search came to its end.
    """
    header = current_header(records)
    base = public_name(base_name)
    parts = [
        _front_matter(base, merged),
        _what(result, records, header, base, merged, over),
        _parents(result, header),
        _figures(result, over),
        _loading(base, merged),
        _reproducing(header, base),
    ]
    return "\n\n".join(parts) + "\n"


def public_name(base_name: str) -> str:
    """A hub id as it is; of a folder, its own name, because where it lies is nobody else's business."""
    path = Path(base_name)
    is_place = path.is_absolute() or base_name.startswith((".", "~")) or base_name.count("/") > 1 or path.is_dir()
    return path.resolve().name if is_place else base_name


def _front_matter(base: str, merged: bool) -> str:
    about = {
        "base_model": base,
        "library_name": "transformers" if merged else "peft",
        "pipeline_tag": "text-generation",
        "tags": ["modelswarms", "model-merging", "particle-swarm-optimisation", *([] if merged else ["lora"])],
    }
    return f"---\n{yaml.safe_dump(about, sort_keys=False)}---"


def _what(
    result: Mapping[str, Any], records: Sequence[Record], header: Record, base: str, merged: bool, over: bool
) -> str:
    kind = "Full weights" if merged else "A LoRA adapter"
    text = (
        f"# Best expert of a search\n\n{kind} of `{base}`: {len(header['experts'])} experts, "
        f"{'merged' if result.get('merges') else 'combined'} with the "
        f"{'settings' if result.get('merges') else 'coefficients'} that were best for the utility "
        f"`{header['utility']['name']}` on "
        f"{_dev_examples(records, result)} dev examples, found by modelswarms ({_searcher(result)}). "
        "No weights were trained for it."
    )
    if not over:
        text += "\n\n**The search is not over: this is the best expert so far, and its test split was left alone.**"
    return text


def _searcher(result: Mapping[str, Any]) -> str:
    """How it was found."""
    if kind_of_searcher(result.get("searcher")) == SWARM:
        return "particle swarm optimisation, Feng et al. 2024, arXiv 2410.11163"
    return title_of(result.get("searcher"))


def _dev_examples(records: Sequence[Record], result: Mapping[str, Any]) -> int:
    best = result["best"]["candidate"]
    return next(
        len(r["scores"])
        for r in records
        if r["kind"] == "evaluation" and r["split"] == "dev" and r["candidate"] == best
    )


def _parents(result: Mapping[str, Any], header: Record) -> str:
    prints = header["fingerprints"]["experts"]
    weights, merges = result["best"]["coefficients"], header.get("merges", [])
    rows = [
        f"| {name} | {weight:+.6f} | {_value(result['experts'].get(name))} | `{prints[name][:16]}` |"
        for name, weight in weights.items()
        if name not in merges
    ]
    rows += [f"| {name} | {weights[name]:+.6f} | a merge of all | |" for name in merges if weights.get(name)]
    combine = header["config"]["combine"]
    how = f"by {_searcher(result)}, as a change of its own" if merges else f"by `{combine}`: {_HOW[combine]}"
    return "\n".join(
        [
            "## Parents",
            "",
            "| expert | coefficient | its own dev value | fingerprint |",
            "|---|---|---|---|",
            *rows,
            "",
            f"Combined {how}.",
        ]
    )


def _figures(result: Mapping[str, Any], over: bool) -> str:
    single = result["best_single"]
    rows = [
        f"| {name} | {_with_interval(figures, 'dev')} | {_with_interval(figures, 'test') if over else 'not run'} |"
        for name, figures in ((f"best single expert ({single['expert']})", single), ("this expert", result["best"]))
    ]
    lines = ["## Figures", "", "| | dev (optimistic) | test |", "|---|---|---|", *rows, ""]
    lines.append(
        "In brackets: 95 % intervals over examples. The dev figures chose this expert and are optimistic; "
        "quote the test figure."
    )
    difference = result["difference"]
    if difference and over:
        ci = difference["ci"]
        paired = f" (paired, {ci[0]:+.4f} to {ci[1]:+.4f})" if ci else ""
        lines.append(f"On test it is {difference['test']:+.4f} from the best single expert{paired}.")
    if result["best"].get("parts"):
        lines += ["", *_parts(result["best"]["parts"], over), ""]
    again = result["best"]["rescored"]
    if again:
        lines.append(
            f"Loaded by PEFT in {again['dtype']}, it has {again['value']:.4f} on dev: {again['differ']} of "
            f"{again['examples']} answers differ from the search's, {again['near_ties']} of them near ties."
        )
    warnings = result["warnings"]
    return "\n".join([*lines, *(["", "What to know beside the figures:", ""] if warnings else []),
                      *(f"- {warning}" for warning in warnings)])  # fmt: skip


def _parts(parts: Mapping[str, Any], over: bool) -> list[str]:
    """What a utility of several parts is made of."""
    rows = []
    for name, dev in parts["dev"].items():
        test = (parts["test"] or {}).get(name) if over else None
        rows.append(f"| {name} | {_part(dev)} | {_part(test) if test else 'not run'} |")
    return ["| part of its value | dev | test |", "|---|---|---|", *rows]


def _part(figures: Mapping[str, Any]) -> str:
    interval = figures["ci"]
    return f"{figures['value']:.4f}" + (f" ({interval[0]:.4f} to {interval[1]:.4f})" if interval else "")


def _loading(base: str, merged: bool) -> str:
    if merged:
        return (
            "## Loading\n\n```python\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
            'model = AutoModelForCausalLM.from_pretrained("this-folder")\n'
            'tokenizer = AutoTokenizer.from_pretrained("this-folder")\n```'
        )
    return (
        "## Loading\n\nWith PEFT:\n\n```python\nfrom peft import PeftModel\n"
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        f'base = AutoModelForCausalLM.from_pretrained("{base}")  # or the folder where the base is\n'
        'model = PeftModel.from_pretrained(base, "this-folder")\n'
        f'tokenizer = AutoTokenizer.from_pretrained("{base}")\n```\n\n'
        "With transformers alone (PEFT installed):\n\n```python\n"
        'base.load_adapter("this-folder")\n```'
    )


def _reproducing(header: Record, base: str) -> str:
    config = {"base": base, "experts": {name: f"path/to/{name}" for name in header["experts"]}, **header["config"]}
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    prints = header["fingerprints"]
    versions = ", ".join(f"{name} {version}" for name, version in header["versions"].items())
    engine = ", ".join(f"{key} {value}" for key, value in sorted(header["engine"].items()))
    return "\n".join(
        [
            "## Reproducing",
            "",
            f"Seed {header['seed']}. Versions: {versions}. Engine: {engine}.",
            f"SHA-256 of the base `{prints['base']}`, of the data `{prints['data']}`.",
            "",
            "With this as `search.yaml`, its paths (and `utility.data`) filled in, `modelswarms search search.yaml`:",
            "",
            f"```yaml\n{text}```",
        ]
    )


def _value(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"


def _with_interval(figures: Mapping[str, Any], split: str) -> str:
    value, interval = figures[split], figures[f"{split}_ci"]
    if value is None:
        return "not run"
    return f"{value:.4f}" + (f" ({interval[0]:.4f} to {interval[1]:.4f})" if interval else "")
