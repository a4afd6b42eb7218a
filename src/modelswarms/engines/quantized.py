"""Bases in fewer bits, by torchao."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from modelswarms.errors import EngineError, MissingExtraError

__all__ = ["quantize", "torchao_is_installed"]


def torchao_is_installed() -> bool:
    """Whether torchao can be found."""
    return importlib.util.find_spec("torchao") is not None


def quantize(model: Any, kind: str, device: torch.device) -> None:
    """Quantises the linear layers of a model in place, all but the one that makes logits, and takes them to a device
    one by one, so that it need not hold them as they were.

    Args:
        model: in a dtype of 16 bits or float32.
        kind: as ``engine.quantize`` says.

    Raises:
        MissingExtraError: torchao is not installed.
        EngineError: this device or dtype has no such products.
    """
    if not torchao_is_installed():
        raise MissingExtraError("engine.quantize needs torchao; pip install 'modelswarms[quantize]'.")
    head = model.get_output_embeddings()

    def taken(layer: torch.nn.Module, _: str) -> bool:
        return isinstance(layer, torch.nn.Linear) and layer is not head

    with _quiet():
        try:
            from torchao.quantization import quantize_

            quantize_(model, _config(kind), taken, device=device)
        except (RuntimeError, ImportError, AssertionError, NotImplementedError, ValueError) as error:
            why = " ".join(str(error).split())[:200]
            raise EngineError(
                f"engine.quantize: {kind} is not possible on this device ({why}); give another kind, or leave it out."
            ) from error


def _config(kind: str) -> Any:
    from torchao import quantization

    if kind == "int8":
        return quantization.Int8WeightOnlyConfig()
    if kind == "float8":
        return quantization.Float8DynamicActivationFloat8WeightConfig(granularity=quantization.PerRow())
    return quantization.Int4WeightOnlyConfig(group_size=128, int4_packing_format="tile_packed_to_4d")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torchao says of kernels that it has not and that are not needed here."""
    logger = logging.getLogger("torchao")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
