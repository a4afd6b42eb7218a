"""How an example becomes a prompt; the keys that every utility with prompts has."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from modelswarms.datasets import DataSet, examples_from, read_dataset
from modelswarms.datasets.leakage import key_of
from modelswarms.errors import ConfigError
from modelswarms.types import Example, Model, Request

__all__ = ["Prompting", "instructed"]

_FIELD: Final = re.compile(r"\{(\w+)\}")
_BETWEEN: Final = "\n\n"


@dataclass(frozen=True)
class Prompting:
    """Makes prompts and requests of examples.

    Attributes:
        template: the prompt; ``{question}`` stands for the question, ``{choices}`` for a line an option (``A: text``),
            ``{domain}`` and any other key of the data's items for what the item has there, and ``{icl_prompt}`` for the
            data set's own prompt.
        instruction: a line before everything else.
        few_shot: answered examples shown first: a data file (its dev items), or a list of items with question and
            answer. They are never taken from the examples that are scored.
        shots: how many of them; by default all.
        stop: texts that end an answer.
        chat: whether the prompt goes through the base's chat template, each shown example as a turn of its own.
        system: what the system says first, in a chat.

    Raises:
        ConfigError: a value is not allowed; the message names the key.
        DataError: the examples to be shown cannot be read.
    """

    template: str = "{question}"
    instruction: str | None = None
    few_shot: str | tuple[Any, ...] | None = None
    shots: int | None = None
    stop: tuple[str, ...] = ()
    chat: bool = False
    system: str | None = None

    def __post_init__(self) -> None:
        if "{question}" not in self.template:
            raise ConfigError(
                f"utility.template: {self.template!r} has no {{question}}; put it where the question goes."
            )
        if "" in self.stop:
            raise ConfigError("utility.stop: holds an empty text, which would end every answer; leave it out.")
        if self.system is not None and not self.chat:
            raise ConfigError("utility.system: only a chat has a system; set utility.chat to true, or leave it out.")
        if self.shots is not None and self.few_shot is None:
            raise ConfigError("utility.shots: no examples are given; give some as utility.few_shot.")
        if self.shots is not None and not 0 < self.shots <= len(self._given):
            raise ConfigError(
                f"utility.shots: {self.shots} is not allowed; give 1 to {len(self._given)}, as many as few_shot holds."
            )
        for position, example in enumerate(self.shown):
            if example.answer is None:
                raise ConfigError(f"utility.few_shot: example {position} has no 'answer'; give the right one.")

    @property
    def shown(self) -> tuple[Example, ...]:
        """The answered examples that each prompt begins with."""
        return self._given[: self.shots]

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 of the shown examples; None where there are none."""
        if not self.shown:
            return None
        said = json.dumps([[self.filled(e), self.answered(e)] for e in self.shown])
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()

    def prompt(self, example: Example) -> str:
        """Instruction, shown examples and the example's own question, as one text."""
        shown = [f"{self._open(self.filled(e))}{self.answered(e)}" for e in self.shown]
        return instructed(self.instruction, _BETWEEN.join([*shown, self.filled(example)]))

    def messages(self, example: Example) -> list[dict[str, str]]:
        """The same as a chat: each shown example is a turn, and the instruction begins the first one."""
        turns = [text for e in self.shown for text in (self.filled(e), self.answered(e))]
        turns.append(self.filled(example))
        turns[0] = instructed(self.instruction, turns[0])
        system = [] if self.system is None else [{"role": "system", "content": self.system}]
        roles = ("user", "assistant")
        return system + [{"role": roles[i % 2], "content": text} for i, text in enumerate(turns)]

    def request(self, example: Example, model: Model, max_new_tokens: int) -> Request:
        """What the model is asked for an example."""
        prompt = model.render_chat(self.messages(example)) if self.chat else self.prompt(example)
        return Request(prompt, max_new_tokens, self.stop, special_tokens=not self.chat)

    def filled(self, example: Example) -> str:
        """The template with what an example has in the places of its fields; other braces stay as they are."""
        fields = _fields(example)
        return _FIELD.sub(lambda match: fields.get(match[1], match[0]), self.template)

    def answered(self, example: Example) -> str:
        """What a shown example answers."""
        return str(example.answer)

    def shown_among(self, data: DataSet) -> str | None:
        """Which scored example is shown as well, as ``unsuited`` says it; None where none is."""
        known = {key_of(e): i for i, e in enumerate(self.shown)}
        for split, examples in (("dev", data.dev), ("test", data.test)):
            for position, example in enumerate(examples):
                if key_of(example) in known:
                    return (
                        f"{split}[{position}] is example {known[key_of(example)]} of utility.few_shot, "
                        "which would tell its answer; leave one of them out."
                    )
        return None

    @cached_property
    def _given(self) -> tuple[Example, ...]:
        if self.few_shot is None:
            return ()
        if isinstance(self.few_shot, str):
            return read_dataset(Path(self.few_shot)).dev
        return examples_from(self.few_shot, "utility.few_shot")

    @staticmethod
    def _open(prompt: str) -> str:
        """A prompt that an answer follows."""
        return prompt if not prompt or prompt[-1].isspace() else prompt + " "


def instructed(instruction: str | None, text: str) -> str:
    """A text with a line before it."""
    return text if not instruction else f"{instruction}\n{text}"


def _fields(example: Example) -> Mapping[str, str]:
    plain = {k: str(v) for k, v in example.extra.items() if isinstance(v, str | int | float)}
    own = {"question": example.question}
    if example.choices is not None:
        own["choices"] = "\n".join(f"{letter}: {text}" for letter, text in example.choices.items())
    if example.domain is not None:
        own["domain"] = example.domain
    return {**plain, **own}
