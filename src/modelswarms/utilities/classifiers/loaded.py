"""A classifier in memory: what it makes of texts, many at a time."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from modelswarms.errors import EvaluationError
from modelswarms.plan import make_plan
from modelswarms.utilities.classifiers.folder import KEY

if TYPE_CHECKING:
    import torch

__all__ = ["Exchange", "Form", "Loaded", "Text", "beginning"]


@dataclass(frozen=True)
class Exchange:
    """What was asked and what was answered: put through the scorer's chat template where it has one, else a pair."""

    prompt: str
    answer: str


Text: TypeAlias = str | Exchange
Form: TypeAlias = Literal["raw", "probability"]
Row: TypeAlias = dict[str, list[int]]


class Loaded:
    """Tokenizer and model in memory."""

    def __init__(self, tokenizer: Any, model: Any, column: int, budget: int) -> None:
        self.tokenizer, self.model, self.column, self.budget = tokenizer, model, column, budget
        text_config = model.config.get_text_config()
        self.context = min(_positions(model), int(tokenizer.model_max_length))
        self.vocabulary = int(model.get_input_embeddings().num_embeddings)
        self.pad: int | None = getattr(text_config, "pad_token_id", None)
        self.accepts = set(inspect.signature(model.forward).parameters)
        exclusive = getattr(model.config, "problem_type", None) != "multi_label_classification"
        self.softmax = exclusive and model.config.num_labels > 1

    def rows(self, texts: Sequence[Text]) -> tuple[list[Row], int]:
        """The tokens of each text, and how many had to be cut."""
        rows, cut = self._encoded(texts), 0
        for place, row in enumerate(rows):
            if len(row["input_ids"]) > self.context:
                rows[place], cut = self._cut(texts[place], len(row["input_ids"])), cut + 1
        for text, row in zip(texts, rows, strict=True):
            ids = row["input_ids"]
            if not ids:
                raise EvaluationError(f"{KEY}: a text has no tokens to score; give the scorer a tokenizer that fits.")
            if max(ids) >= self.vocabulary:
                raise EvaluationError(
                    f"{KEY}: its tokenizer made token {max(ids)} of a text that begins {beginning(text)!r}, but the "
                    f"model knows {self.vocabulary}; the two do not belong together: copy the model again."
                )
        return rows, cut

    def outputs(self, rows: Sequence[Row], form: Form) -> list[float]:
        """The label's output for each row; rows of like length are run together."""
        import torch

        found: list[float] = [math.nan] * len(rows)
        for block in make_plan([len(row["input_ids"]) for row in rows], self.budget):
            try:
                with torch.inference_mode():
                    logits = self.model(**self._padded([rows[i] for i in block])).logits.float()
            except torch.OutOfMemoryError as error:
                raise EvaluationError(
                    f"{KEY}: no memory left to score {len(block)} texts together; set utility.batch_tokens below "
                    f"{self.budget}, or utility.device to another."
                ) from error
            if form == "probability":
                logits = logits.softmax(-1) if self.softmax else logits.sigmoid()
            for i, value in zip(block, logits[:, self.column].tolist(), strict=True):
                found[i] = value
        return found

    def _encoded(self, texts: Sequence[Text]) -> list[Row]:
        """Each text's tokens; those of one sort are encoded together."""
        templated = bool(getattr(self.tokenizer, "chat_template", None))
        plain = [i for i, text in enumerate(texts) if isinstance(text, str)]
        exchanges = [(i, text) for i, text in enumerate(texts) if isinstance(text, Exchange)]
        rows: dict[int, Row] = {}
        if plain:
            rows |= zip(plain, self._tokens([str(texts[i]) for i in plain]), strict=True)
        if exchanges and templated:
            rendered = [self._rendered(text) for _, text in exchanges]
            rows |= zip([i for i, _ in exchanges], self._tokens(rendered, add_special_tokens=False), strict=True)
        elif exchanges:
            asked, answered = [e.prompt for _, e in exchanges], [e.answer for _, e in exchanges]
            rows |= zip([i for i, _ in exchanges], self._tokens(asked, answered), strict=True)
        return [rows[i] for i in range(len(texts))]

    def _tokens(self, *texts: list[str], add_special_tokens: bool = True) -> list[Row]:
        encoded = self.tokenizer(*texts, add_special_tokens=add_special_tokens, verbose=False)
        keys = [key for key in ("input_ids", "token_type_ids") if key in encoded]
        return [{key: list(encoded[key][i]) for key in keys} for i in range(len(texts[0]))]

    def _rendered(self, text: Exchange) -> str:
        messages = [{"role": "user", "content": text.prompt}, {"role": "assistant", "content": text.answer}]
        rendered: str = self.tokenizer.apply_chat_template(messages, tokenize=False)
        return rendered

    def _cut(self, text: Text, length: int) -> Row:
        """The tokens of as much as the context holds: the answer's end, and its whole, matter most."""
        while length > self.context:
            text = self._shorter(text, length - self.context)
            row = self._encoded([text])[0]
            length = len(row["input_ids"])
        return row

    def _shorter(self, text: Text, excess: int) -> Text:
        if isinstance(text, str):
            return self._without(text, excess, "end")
        if text.prompt:
            return Exchange(self._without(text.prompt, excess, "beginning"), text.answer)
        if text.answer:
            return Exchange("", self._without(text.answer, excess, "end"))
        raise EvaluationError(
            f"{KEY}: its chat template alone is longer than its context of {self.context} tokens; give another model."
        )

    def _without(self, text: str, excess: int, side: Literal["beginning", "end"]) -> str:
        """A text with at least one token less, and about ``excess`` of them."""
        ids = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        kept = ids[excess:] if side == "beginning" else ids[: max(0, len(ids) - excess)]
        shorter: str = self.tokenizer.decode(kept) if kept else ""
        if len(shorter) < len(text):
            return shorter
        return text[1:] if side == "beginning" else text[:-1]  # bytes that are no character decode to more

    def _padded(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        """Right-padded tensors, (rows, longest), with the padding masked."""
        import torch

        longest = max(len(row["input_ids"]) for row in rows)
        pad = self._pad_for(rows)
        fills = {"input_ids": pad, "token_type_ids": 0}
        tensors = {
            key: torch.tensor([row[key] + [fills[key]] * (longest - len(row[key])) for row in rows])
            for key in rows[0]
            if key in self.accepts
        }
        mask = [[1] * len(row["input_ids"]) + [0] * (longest - len(row["input_ids"])) for row in rows]
        tensors["attention_mask"] = torch.tensor(mask)
        return {key: tensor.to(self.model.device) for key, tensor in tensors.items()}

    def _pad_for(self, rows: Sequence[Row]) -> int:
        """What rows are padded with.

        Decoders with a head read their score off the last token that is not the padding: where the model
        names none, one is taken that no row ends with, so that a row's score is that of the row alone.
        """
        if self.pad is not None and self.pad < self.vocabulary:
            return self.pad
        ends = {row["input_ids"][-1] for row in rows}
        pad = next(token for token in range(self.vocabulary) if token not in ends)
        self.model.config.get_text_config().pad_token_id = pad
        return pad


def _positions(model: Any) -> int:
    """Tokens that a model has positions for; RoBERTa's kind counts them from behind its padding token."""
    config = model.config.get_text_config()
    for name, module in model.named_modules():
        first = getattr(module, "padding_idx", None)
        if name.endswith("position_embeddings") and first is not None:
            return int(module.num_embeddings - first - 1)
    return int(getattr(config, "max_position_embeddings", None) or 2**31)


def beginning(text: Text) -> str:
    """The first words of a text, for messages."""
    return (text if isinstance(text, str) else text.answer or text.prompt)[:40]
