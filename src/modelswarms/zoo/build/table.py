"""How good the base, the experts and their plain mixtures are: percent right by family, on dev and test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from modelswarms.zoo.build.model import ModelShape, Weights, next_token_logits
from modelswarms.zoo.build.questions import Question
from modelswarms.zoo.build.vocabulary import END_ID, PAD_ID, VOCABULARY, make_tokenizer

__all__ = ["Examination", "Scores", "write_table"]

_TOKEN = {text: index for index, text in enumerate(VOCABULARY)}


@dataclass(frozen=True)
class _Chunk:
    items: Tensor
    tokens: Tensor
    lengths: Tensor
    answers: Tensor


class Examination:
    """A set of questions, tokenised once, in batches of like length; scores many models."""

    def __init__(self, questions: Sequence[Question], device: torch.device, batch: int = 64) -> None:
        self.questions = tuple(questions)
        tokenizer = make_tokenizer()
        ids = [tokenizer.encode(item.question).ids for item in questions]
        self.mean_tokens = sum(map(len, ids)) / len(ids)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        self._chunks = []
        for start in range(0, len(order), batch):
            items = order[start : start + batch]
            longest = max(len(ids[i]) for i in items)
            rows = [ids[i] + [PAD_ID] * (longest - len(ids[i])) for i in items]
            columns = (
                items,
                rows,
                [len(ids[i]) for i in items],
                [_TOKEN[questions[i].answer] for i in items],
            )
            self._chunks.append(_Chunk(*(torch.tensor(column, device=device) for column in columns)))

    def right(self, weights: Weights, shape: ModelShape) -> Tensor:
        """Whether the most likely next token is the answer, (items,) bool."""
        result = torch.zeros(len(self.questions), dtype=torch.bool, device=weights["embed"].device)
        for chunk in self._chunks:
            said = next_token_logits(weights, shape, chunk.tokens, chunk.lengths).argmax(-1)
            result[chunk.items] = said == chunk.answers
        return result

    def ends(self, weights: Weights, shape: ModelShape) -> float:
        """Share of the questions after whose right answer the model says end-of-text."""
        stopped = 0
        for chunk in self._chunks:
            tokens = torch.cat([chunk.tokens, torch.full_like(chunk.tokens[:, :1], PAD_ID)], 1)
            tokens.scatter_(1, chunk.lengths[:, None], chunk.answers[:, None])
            said = next_token_logits(weights, shape, tokens, chunk.lengths + 1).argmax(-1)
            stopped += int((said == END_ID).sum())
        return stopped / len(self.questions)

    def by_family(self, right: Tensor) -> dict[str, float]:
        """Percent right over all and by family."""
        hits: dict[str, list[bool]] = {"all": []}
        for item, ok in zip(self.questions, right.tolist(), strict=True):
            hits["all"].append(ok)
            hits.setdefault(item.domain, []).append(ok)
        ordered = ["all", *sorted(name for name in hits if name != "all")]
        return {name: round(100 * sum(hits[name]) / len(hits[name]), 1) for name in ordered}

    def counts(self) -> dict[str, int]:
        """Number of questions over all and by family."""
        domains = [item.domain for item in self.questions]
        return {"all": len(domains), **{name: domains.count(name) for name in sorted(set(domains))}}


Scores = dict[str, dict[str, dict[str, float]]]
"""Model name to split to family to percent."""


def write_table(folder: Path, scores: Scores, counts: dict[str, dict[str, int]], roles: dict[str, str]) -> None:
    """Write table.json and table.md."""
    content = {"counts": counts, "roles": roles, "percent": scores}
    (folder / "table.json").write_text(json.dumps(content, indent=1) + "\n")
    lines = []
    for split, families in counts.items():
        heads = [f"{name} (n {n})" for name, n in families.items()]
        lines += [f"## {split}, percent right", "", "| model | role | " + " | ".join(heads) + " |"]
        lines.append("|---|---|" + "---:|" * len(heads))
        for model, results in scores.items():
            cells = [f"{results[split][name]:.1f}" for name in families]
            lines.append(f"| {model} | {roles.get(model, '')} | " + " | ".join(cells) + " |")
        lines.append("")
    (folder / "table.md").write_text("\n".join(lines))
