"""What an adapter's configuration may say: an allow-list, so that nothing is combined wrongly in silence.

PEFT adds fields with every version. A field counts as safe when it is handled here, when it has no say in
what a trained adapter computes, or when it holds its neutral value; everything else is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from modelswarms.experts.problems import Problem

__all__ = ["config_problems", "is_in_layers", "is_targeted"]

_NO_SAY: Final = frozenset(
    {
        "auto_mapping",
        "ensure_weight_tying",
        "exclude_modules",
        "inference_mode",
        "layers_pattern",
        "layers_to_transform",
        "lora_dropout",
        "megatron_core",
        "peft_version",
        "qalora_group_size",
        "revision",
        "runtime_config",
    }
)
"""Names, training-time settings, and which modules have factors, which the tensors themselves tell."""

_LARGEST: Final = 1e9

_HANDLED: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "peft_type": (lambda v: v == "LORA", "only LORA adapters can be combined"),
    "task_type": (lambda v: v in (None, "CAUSAL_LM"), "only CAUSAL_LM adapters can be combined"),
    "r": (lambda v: isinstance(v, int) and not isinstance(v, bool) and v > 0, "the rank is a whole number above 0"),
    "lora_alpha": (
        lambda v: isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < _LARGEST,
        "alpha is a finite number",
    ),
    "target_modules": (
        lambda v: v is None or isinstance(v, str) or (isinstance(v, list) and all(isinstance(m, str) for m in v)),
        "it is a list of module names or a regular expression",
    ),
    "base_model_name_or_path": (lambda v: v is None or isinstance(v, str), "it is a name or a path"),
    "use_rslora": (lambda v: isinstance(v, bool) or v is None, "it is true or false"),
    "bias": (lambda v: v in (None, "none"), "trained biases are not combined"),
    "init_lora_weights": (
        lambda v: v is None or isinstance(v, bool) or v in ("gaussian", "orthogonal"),
        "this initialisation changes the base's weights as well, so its adapter does not stand alone",
    ),
}

_NEUTRAL: Final[tuple[Any, ...]] = (None, False, "", [], {})


def config_problems(name: str, config: Mapping[str, Any]) -> Iterator[Problem]:
    """Everything in an adapter's configuration that cannot be combined exactly.

    Args:
        name: the expert, for messages.
        config: what its ``adapter_config.json`` holds.
    """
    if config.get("peft_type", "LORA") != "LORA":  # its other fields mean something else
        yield _unsupported(name, "peft_type", config["peft_type"], ": only LORA adapters can be combined")
        return
    for key in ("peft_type", "r", "lora_alpha"):
        if key not in config:
            yield Problem(name, key, f"adapter_config.json has no {key!r}", "save the adapter with PEFT again.")
    for key, value in config.items():
        if key in _HANDLED:
            allowed, why = _HANDLED[key]
            if not allowed(value):
                yield _unsupported(name, key, value, f": {why}")
        elif key not in _NO_SAY and not any(value is n or (value == n and type(value) is type(n)) for n in _NEUTRAL):
            yield _unsupported(name, key, value, ", which cannot be combined exactly")


def _unsupported(name: str, key: str, value: object, why: str) -> Problem:
    return Problem(name, key, f"{key} is {value!r}{why}", _REMEDY, "unsupported", repr(value))


def is_targeted(module: str, targets: object) -> bool:
    """Whether PEFT would give the module the factors stored for it; what it does not target, it passes over.

    True as well for targets that are of no use at all, which :func:`config_problems` tells.
    """
    if isinstance(targets, list):
        return any(module == target or module.endswith(f".{target}") for target in targets)
    if not isinstance(targets, str) or targets == "all-linear":
        return True  # chosen by the architecture: the tensors tell what was
    try:
        return re.fullmatch(targets, module) is not None
    except re.error:
        return False


def is_in_layers(module: str, layers: object) -> bool:
    """Whether a module is of one of the layers that ``layers_to_transform`` names; PEFT passes over the others'.

    The layer's number is the first in the module's name that stands between dots, as in PEFT.
    """
    wanted = [layers] if isinstance(layers, int) and not isinstance(layers, bool) else layers
    if not isinstance(wanted, list) or not wanted:
        return True
    number = re.search(r"\.(\d+)\.", module)
    return number is not None and int(number[1]) in wanted


_REMEDY: Final = "leave the expert out, or train it without this setting."
