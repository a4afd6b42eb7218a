"""What an adapter's weight file may hold: pairs of linear LoRA factors that agree with its configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from modelswarms.experts.problems import Problem, first_of_each
from modelswarms.experts.validation import is_in_layers, is_targeted

if TYPE_CHECKING:
    import torch

__all__ = ["CONFIG", "FACTOR", "WEIGHTS", "tensor_problems"]

CONFIG: Final = "adapter_config.json"
WEIGHTS: Final = "adapter_model.safetensors"
FACTOR: Final = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<factor>[AB])\.weight\Z")

_ONLY: Final = "Only linear LoRA factors can be combined."
_AGAIN: Final = "save the adapter again."


def tensor_problems(name: str, flat: Mapping[str, torch.Tensor], config: Mapping[str, Any]) -> list[Problem]:
    """All that is wrong with an adapter's tensors; the same fault in several tensors is one problem.

    Args:
        name: the expert, for messages.
        flat: the tensors by their stored names.
        config: its configuration; what it does not tell rightly is not compared.
    """
    return first_of_each(_each(name, flat, config))


def _each(name: str, flat: Mapping[str, torch.Tensor], config: Mapping[str, Any]) -> Iterator[Problem]:
    pairs: dict[str, dict[str, torch.Tensor]] = {}
    for key in sorted(flat):
        match = FACTOR.match(key)
        if match is None:
            what = f"tensor {key} is not a LoRA factor"
            yield Problem(name, "tensors", what, _remedy(key), "unsupported")
        else:
            pairs.setdefault(match["module"], {})[match["factor"]] = flat[key]
            yield from _values(name, key, flat[key])
    if not flat:
        yield Problem(name, "tensors", f"{WEIGHTS} holds no tensors", _AGAIN)
    for module, pair in pairs.items():
        yield from _pair(name, module, pair, config)


def _values(name: str, key: str, tensor: torch.Tensor) -> Iterator[Problem]:
    """Whether one factor is a finite floating-point matrix in float32, in which it is combined."""
    if tensor.ndim != 2:
        what = f"{key} has {tensor.ndim} dimensions, not 2"
        yield Problem(name, "dimensions", what, f"leave the expert out. {_ONLY}", "unsupported")
    if not tensor.is_floating_point():
        yield Problem(name, "dtype", f"{key} is {tensor.dtype}, not floating point", _AGAIN)
    elif not tensor.float().isfinite().all():
        yield Problem(name, "values", f"{key} holds NaN or infinite values", "train or copy the adapter again.")


def _pair(name: str, module: str, pair: Mapping[str, torch.Tensor], config: Mapping[str, Any]) -> Iterator[Problem]:
    """Whether the factors of one module belong together, and to the configuration."""
    if set(pair) != {"A", "B"}:
        yield Problem(name, "factors", f"{module} has no lora_{'B' if 'A' in pair else 'A'}", _AGAIN)
    elif pair["A"].ndim == 2 and pair["B"].ndim == 2:
        yield from _rank(name, module, pair["A"], pair["B"], config.get("r"))
    if not is_targeted(module, config.get("target_modules")):
        what = f"{WEIGHTS} changes {module}, which target_modules in {CONFIG} leaves out"
        yield Problem(name, "target_modules", what, "copy both files from one place, or save the adapter again.")
    elif not is_in_layers(module, config.get("layers_to_transform")):
        what = f"{WEIGHTS} changes {module}, which layers_to_transform in {CONFIG} leaves out"
        yield Problem(name, "layers_to_transform", what, "copy both files from one place, or save the adapter again.")


def _rank(name: str, module: str, a: torch.Tensor, b: torch.Tensor, rank: object) -> Iterator[Problem]:
    if not isinstance(rank, int):
        rank = a.shape[0]  # the configuration has a problem of its own
    if a.shape[0] != rank or b.shape[1] != rank:
        what = f"{module} has factors {tuple(a.shape)} and {tuple(b.shape)}, but {CONFIG} says r = {rank}"
        yield Problem(name, "r", what, _AGAIN, "broken", f"{a.shape[0]} and {b.shape[1]}", str(rank))


def _remedy(key: str) -> str:
    if key.endswith((".base_layer.weight", "embed_tokens.weight", "lm_head.weight")):
        return "PEFT stored a matrix of the base beside them: save the adapter with save_embedding_layers=False."
    return f"leave the expert out. {_ONLY}"
