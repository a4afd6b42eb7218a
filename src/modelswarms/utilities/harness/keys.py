"""The keys of a utility that is a task of lm-evaluation-harness."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from modelswarms.errors import ConfigError, MissingExtraError
from modelswarms.settings import required
from modelswarms.types import Utility

__all__ = ["LmEval"]


@dataclass(frozen=True)
class LmEval:
    """A task of lm-evaluation-harness, scored by the harness' own code.

    Attributes:
        task: a task or group that the harness knows, or one in ``include_path``.
        include_path: a folder of YAML files with tasks of your own.
        metric: which of the task's; by default its first of which more is better, else its first, negated.
        filter: which of the task's filters reads the answers; by default its first.
        num_fewshot: answered examples before each question; by default as many as the task says, else none.
        fewshot_seed: of the draw of those examples.
        limit: so many documents of each split, or such a share of them below 1; by default all.
        dev_split: searched on; by default the split that the harness would evaluate next (see ``test_split``).
        test_split: claimed on; by default what the harness evaluates: test, else validation. Where the task has
            no other split, or both keys name the same, either gets a half, drawn by ``split_seed``.
        split_seed: of the halves.
        apply_chat_template: whether prompts go through the base's chat template.
        fewshot_as_multiturn: in a chat, whether each shown example is a turn of its own.
        system_instruction: stands before everything else, or is what the system says in a chat.
        gen_kwargs: over the task's own: ``until``, ``max_gen_toks``. Decoding is greedy.
        truncate: a prompt that does not fit the model loses its beginning, as in the harness; otherwise it is refused.
        value_range: lowest and highest value, where you know it and the metric does not say it.
        confirm_run_unsafe_code: runs what the model writes, for tasks that do that.

    Raises:
        ConfigError: a value is not allowed; the message names the key.
    """

    task: str = required("hellaswag")
    include_path: str | None = None
    metric: str | None = None
    filter: str | None = None
    num_fewshot: int | None = None
    fewshot_seed: int = 1234
    limit: int | float | None = None
    dev_split: str | None = None
    test_split: str | None = None
    split_seed: int = 0
    apply_chat_template: bool = False
    fewshot_as_multiturn: bool = True
    system_instruction: str | None = None
    gen_kwargs: Mapping[str, Any] = field(default_factory=dict)
    truncate: bool = False
    value_range: tuple[float, ...] | None = None
    confirm_run_unsafe_code: bool = False

    needs: ClassVar[tuple[str, ...]] = ("the extra harness",)
    brings_examples: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.num_fewshot is not None and self.num_fewshot < 0:
            raise ConfigError(f"utility.num_fewshot: {self.num_fewshot} is not allowed; give 0 or more.")
        whole = isinstance(self.limit, int) and self.limit >= 1
        if self.limit is not None and not (whole or 0 < self.limit < 1):
            raise ConfigError(
                f"utility.limit: {self.limit} is not allowed; give a whole number of documents, or a share below 1."
            )
        span = self.value_range
        if span is not None and (len(span) != 2 or not span[0] < span[1]):
            raise ConfigError(f"utility.value_range: {list(span)} is not allowed; give two numbers, the lower first.")

    def made(self, folder: Path, load: object) -> Utility:
        """The task with its documents.

        Raises:
            MissingExtraError: lm-evaluation-harness is not installed, or lacks what the task needs.
            ConfigError: there is no such task, or it cannot be a utility; the message says why.
            DataError: its documents cannot be had.
        """
        if importlib.util.find_spec("lm_eval") is None:
            raise MissingExtraError(
                "utility.kind: lm_eval needs lm-evaluation-harness, which is not installed; "
                "pip install 'modelswarms[harness]'."
            )
        from modelswarms.utilities.harness.utility import harness_utility

        return harness_utility(self, folder)
