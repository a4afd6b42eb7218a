"""The same model with its adapter loaded by PEFT: a second opinion on what was composed here.

Decoding, batching and numbers are shared with :class:`LocalEngine`; the weights are not.
"""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any

import torch

from modelswarms.engines.local import LocalEngine, load_base
from modelswarms.errors import ExpertError, MissingExtraError
from modelswarms.experts import ExpertSpace
from modelswarms.types import Array

__all__ = ["PeftEngine", "peft_is_installed"]


def peft_is_installed() -> bool:
    """Whether PEFT can be imported."""
    return importlib.util.find_spec("peft") is not None


class PeftEngine(LocalEngine):
    """Runs transformers in this process with the one adapter of a space, as PEFT loads it from its folder.

    Coefficients are 1 (the adapter) or None (the base): nothing is combined here.
    """

    def start(self, space: ExpertSpace) -> None:
        """Loads base and adapter.

        Raises:
            MissingExtraError: PEFT is not installed.
            ExpertError: the space holds several experts, or PEFT cannot load the one.
        """
        if not peft_is_installed():
            raise MissingExtraError("PEFT is not installed; pip install 'modelswarms[peft]'.")
        if len(space.folders) != 1:
            raise ExpertError(f"{len(space.folders)} experts are given, but PEFT is to load one; give one.")
        from peft import PeftModel

        if self.config.threads:
            torch.set_num_threads(self.config.threads)
        self._tokenizer, base = load_base(self.base, self.device, self.dtype)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # PEFT's, about names in transformers
                wrapped = PeftModel.from_pretrained(base, space.folders[0]).eval()
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            why = " ".join(str(error).split())[:300]
            raise ExpertError(f"expert {space.names[0]}: PEFT cannot load {space.folders[0]} ({why}).") from error
        self._model = wrapped.get_base_model()
        self._weights = _OneAdapter(wrapped, space)
        self._make_room()


class _OneAdapter:
    """PEFT's own layers, on or off."""

    def __init__(self, wrapped: Any, space: ExpertSpace) -> None:
        self._wrapped, self._space = wrapped, space

    def set(self, coefficients: Array | None) -> None:
        """Raises ExpertError for a coefficient that is not 1."""
        if coefficients is None:
            self._wrapped.base_model.disable_adapter_layers()
            return
        if self._space.coefficients(coefficients).tolist() != [1.0]:
            raise ExpertError("coefficients: PEFT loads an adapter as it is; give 1, or None for the base.")
        self._wrapped.base_model.enable_adapter_layers()
