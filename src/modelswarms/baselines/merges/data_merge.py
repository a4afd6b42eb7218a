"""The data merge: one adapter trained on all that the experts were trained on, in the place of any merge of weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from modelswarms.baselines.merges.base import Merging, Variant
from modelswarms.baselines.merges.changes import Merged
from modelswarms.errors import ConfigError
from modelswarms.experts import ExpertSpace, read_adapter
from modelswarms.experts.base import check_fit, file_digest
from modelswarms.experts.problems import refuse
from modelswarms.experts.tensors import WEIGHTS
from modelswarms.experts.together import together_problems
from modelswarms.settings import required
from modelswarms.types import Array

__all__ = ["DataMerge"]

NAME = "data merge"


@dataclass(frozen=True)
class DataMerge(Merging):
    """An adapter of the same base that was trained on the union of the experts' data, valued as it is.

    It is trained elsewhere, by whoever has the data: with the experts' settings, and all of their steps.

    Attributes:
        adapter: its folder.
        digest: SHA-256 of its weights, so that a run is not gone on with another.
    """

    adapter: str = required("path/to/adapter")
    digest: str | None = None

    title: ClassVar[str] = NAME

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (Path(self.adapter).expanduser() / WEIGHTS).is_file():
            raise ConfigError(f"data merge: {self.adapter} holds no {WEIGHTS}; give a PEFT adapter's folder.")
        if self.digest not in (None, self.found):
            raise ConfigError(
                f"data merge: {self.adapter} changed since the run began; restore it, or start a new run."
            )

    @property
    def found(self) -> str:
        """SHA-256 of the weights that are there."""
        return file_digest(Path(self.adapter).expanduser() / WEIGHTS)

    def settled_keys(self) -> dict[str, Any]:
        return {"digest": self.found}

    def variants(self, n: int, evaluations: int, free: bool) -> Sequence[Variant]:
        return [Variant(NAME)]

    def check_experts(self, space: ExpertSpace) -> None:
        """Raises ExpertError where it is of another base than the experts."""
        adapter = read_adapter(NAME, Path(self.adapter).expanduser())
        refuse(together_problems([*space.adapters, adapter], "delta", space.adapters))
        if space.base is not None:
            check_fit([adapter], space.base)

    def merge(self, space: ExpertSpace, variant: Variant, values: Array, seed: int) -> Merged:
        return Merged(replace(read_adapter(NAME, Path(self.adapter).expanduser()), name=NAME))
