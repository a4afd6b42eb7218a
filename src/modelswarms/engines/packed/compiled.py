"""A model's layers with what lies between their matrix products fused, by torch.compile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

__all__ = ["Compiled"]


class Compiled:
    """Decoder layers that are compiled while :meth:`on`, and are what they were elsewhere.

    Attention stays as it is: it keeps state that a compiler cannot follow.
    """

    def __init__(self, model: Any) -> None:
        self._layers = _layers(model)
        for layer in self._layers:
            layer.compile(dynamic=True)
        self._calls = [layer._compiled_call_impl for layer in self._layers]
        self._put([None] * len(self._calls))

    @contextmanager
    def on(self) -> Iterator[None]:
        """With the layers compiled."""
        self._put(self._calls)
        try:
            yield
        finally:
            self._put([None] * len(self._calls))

    def _put(self, calls: list[Any]) -> None:
        for layer, call in zip(self._layers, calls, strict=True):
            layer._compiled_call_impl = call


def _layers(model: Any) -> list[torch.nn.Module]:
    """The decoder's layers: the list that is as long as the configuration says."""
    wanted = model.config.get_text_config().num_hidden_layers
    for module in model.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == wanted:
            return list(module)
    return []
