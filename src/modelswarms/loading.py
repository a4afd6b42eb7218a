"""How transformers is asked for a model: on which device, in which precision, and without a word too many."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelswarms.errors import ConfigError

if TYPE_CHECKING:
    import torch

__all__ = ["BLOCK_TOKENS", "DEVICE", "DTYPES", "LOADING_ERRORS", "device_of", "dtype_of", "first_sentence", "quiet"]

DTYPES: Final = ("auto", "float32", "bfloat16", "float16")
DEVICE: Final = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
"""What a configuration may call a precision, and a device."""

BLOCK_TOKENS: Final = {"cpu": 2048, "mps": 8192, "cuda": 32768}
"""Padded tokens that a model runs together, where nobody says otherwise."""

LOADING_ERRORS: Final = (OSError, ValueError, KeyError, RuntimeError)
"""What transformers raises for a model that it cannot load."""


def device_of(name: str, key: str) -> torch.device:
    """The device that a configuration's ``key`` names; ``auto`` is cuda, else mps, else cpu.

    Raises:
        ConfigError: it is not there.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"{key}: {name!r}, but torch sees {torch.cuda.device_count()} CUDA devices; {_OR}")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError(f"{key}: 'mps', but torch sees no such device; {_OR}")
    return device


_OR: Final = "give 'cpu' or 'auto', or mend the installation of torch."


def dtype_of(name: str, device: torch.device) -> torch.dtype:
    """The precision of that name; ``auto`` is bfloat16 where the device computes it fast, else float32."""
    import torch

    if name == "auto":
        name = "bfloat16" if device.type == "cuda" or (device.type == "cpu" and _fast_bfloat16()) else "float32"
    dtype: torch.dtype = getattr(torch, name)
    return dtype


@cache
def _fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware; where that cannot be told, it counts as no."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False
    return bool({"avx512_bf16", "amx_bf16"} & set(flags))


@contextmanager
def quiet() -> Iterator[None]:
    """Without the progress bar and the reports of transformers: what they say is said in one line, or was asked for."""
    from transformers.utils import logging as transformers_logging

    showed, level = transformers_logging.is_progress_bar_enabled(), transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if showed:
            transformers_logging.enable_progress_bar()


def first_sentence(error: Exception) -> str:
    """The beginning of an error's text, on one line."""
    text = " ".join(str(error).split())
    return text.partition(". ")[0].rstrip(".")[:200]
