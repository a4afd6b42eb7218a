"""Which documents of a task are searched on, which are claimed on, and what the model is asked about each."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from lm_eval.api.instance import Instance

from modelswarms.errors import ConfigError
from modelswarms.naming import nearest
from modelswarms.types import Split
from modelswarms.utilities.harness.keys import LmEval

__all__ = ["Documents", "documents_of"]

Render = Callable[..., str]


@dataclass(frozen=True)
class Documents:
    """The documents of one split of a task, as the harness numbers them.

    Attributes:
        task: the harness' own object, which knows where shown examples come from.
        split: of the task's data.
        docs: all documents of that split up to the last that is used; shown examples are drawn for each in turn, so
            that a document has the ones that it has in the harness.
        kept: numbers of those that are used.
    """

    task: Any
    split: str
    docs: Sequence[Any]
    kept: tuple[int, ...]

    def requests(self, keys: LmEval, render: Render | None = None) -> dict[int, list[Instance]]:
        """What is asked about each document that is used.

        Args:
            keys: how prompts are made.
            render: the chat template, where prompts go through one.
        """
        task, kept = self.task, frozenset(self.kept)
        task.set_fewshot_seed(keys.fewshot_seed)
        asked = {}
        for number, doc in enumerate(self.docs):
            context = task.fewshot_context(
                doc,
                num_fewshot=task.config.num_fewshot,
                system_instruction=keys.system_instruction,
                apply_chat_template=render is not None,
                fewshot_as_multiturn=keys.fewshot_as_multiturn,
                chat_template=render,
                gen_prefix=task.doc_to_prefix(doc),
            )
            if number not in kept:
                continue
            made = task.construct_requests(
                doc=doc,
                ctx=context,
                metadata=(task.config.task, number, task.config.repeats),
                apply_chat_template=render is not None,
                chat_template=render,
            )
            asked[number] = made if isinstance(made, list) else [made]
        return asked


def documents_of(name: str, task: Any, keys: LmEval) -> Mapping[Split, Documents]:
    """A task's documents for dev and for test. Raises ConfigError where a split that is named is not there."""
    splits = _splits(task)
    evaluated = splits.get("test") or splits["validation"]  # by the harness, which refuses a task that has neither
    held = _place(name, task, splits, "test_split", keys.test_split or evaluated)
    others = [splits[role] for role in ("validation", "training") if splits.get(role, held) != held]
    searched = _place(name, task, splits, "dev_split", keys.dev_split or (others[0] if others else held))
    if searched == held:
        return _halves(name, task, keys, held, evaluated)
    most = keys.limit if isinstance(keys.limit, int) else None
    dev, test = _docs(task, searched, splits, most), _docs(task, held, splits, most)
    return {
        "dev": _limited(_seen_from(task, searched), searched, dev, range(len(dev)), keys.limit),
        "test": _limited(
            task if held == evaluated else _seen_from(task, held), held, test, range(len(test)), keys.limit
        ),
    }


def _splits(task: Any) -> dict[str, str]:
    """The names that a task's data has for test, validation and training, where it has them."""
    config = task.config
    named = {"test": config.test_split, "validation": config.validation_split, "training": config.training_split}
    return {role: split for role, split in named.items() if split}


def _place(name: str, task: Any, splits: Mapping[str, str], key: str, given: str) -> str:
    """The data's own name of a split that is given by its role or its name."""
    if given in splits:
        return splits[given]
    there = list(task.dataset)
    if given not in there:
        raise ConfigError(
            f"utility.{key}: {name} has no split {given!r}; {nearest(given, dict.fromkeys((*splits, *there)))}"
        )
    return given


def _docs(task: Any, split: str, splits: Mapping[str, str], most: int | None = None) -> list[Any]:
    """The documents of a split, or the first so many, as the task makes them."""
    roles = {"test": task.test_docs, "validation": task.validation_docs, "training": task.training_docs}
    for role, made in roles.items():
        if splits.get(role) == split:
            return list(islice(made(), most))
    process = task.config.process_docs
    return list(islice(process(task.dataset[split]) if process is not None else task.dataset[split], most))


def _limited(task: Any, split: str, docs: Sequence[Any], kept: Sequence[int], limit: float | None) -> Documents:
    """The first so many, as the harness takes them."""
    if limit is not None:
        kept = kept[: math.ceil(len(kept) * limit) if limit < 1 else int(limit)]
    last = max(kept, default=-1)
    return Documents(task, split, docs[: last + 1], tuple(kept))


def _seen_from(task: Any, split: str) -> Any:
    """The task as if ``split`` were what it evaluates, so that no document is shown with its own answer."""
    source = task.fewshot_cfg.split
    if source is None and task.fewshot_cfg.samples is None:  # the harness' own rule
        roles = (task.config.training_split, task.config.validation_split, task.config.test_split)
        source = next((role for role in roles if role), None)
    return _with(task, split, source)


def _with(task: Any, split: str, source: str | None, shown: Sequence[Any] | None = None) -> Any:
    seen = copy.copy(task)
    seen._config = copy.copy(task.config)
    seen._config.test_split = split
    seen.fewshot_cfg = copy.copy(task.fewshot_cfg)
    seen.fewshot_cfg.split = source
    if hasattr(task, "sampler"):
        seen.sampler = copy.copy(task.sampler)
        if shown is not None:
            seen.sampler.replace_df(list(shown))
    return seen


def _halves(name: str, task: Any, keys: LmEval, split: str, evaluated: str) -> Mapping[Split, Documents]:
    """Half of a split for either; where shown examples come from it too, from dev's half alone, never the document."""
    docs = _docs(task, split, _splits(task))
    order = sorted(range(len(docs)), key=lambda k: hashlib.sha256(f"{keys.split_seed}:{k}".encode()).digest())
    half = (len(docs) + 1) // 2
    dev, test = sorted(order[:half]), sorted(order[half:])
    if not test:
        raise ConfigError(f"utility.task: {name} has {len(docs)} documents, which cannot be halved; take another task.")
    seen = _seen_from(task, split)
    if seen.fewshot_cfg.split == split:
        seen = _with(task, split, split, [docs[k] for k in dev])
    elif split == evaluated:
        seen = task
    return {"dev": _limited(seen, split, docs, dev, keys.limit), "test": _limited(seen, split, docs, test, keys.limit)}
