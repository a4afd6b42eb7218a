"""The engines by name; a new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from modelswarms.engines.base import Engine
from modelswarms.engines.config import EngineConfig

__all__ = ["ENGINES", "make_engine"]


def _local(config: EngineConfig, base: Path) -> Engine:
    from modelswarms.engines.local import LocalEngine

    return LocalEngine(config, base)


def _vllm(config: EngineConfig, base: Path) -> Engine:
    from modelswarms.engines.vllm import VllmEngine

    return VllmEngine(config, base)


ENGINES: Final[Mapping[str, Callable[[EngineConfig, Path], Engine]]] = {"local": _local, "vllm": _vllm}


def make_engine(config: EngineConfig, base: Path) -> Engine:
    """The engine of ``config.kind``, checked and not started; several of them where there are workers."""
    if config.several:
        from modelswarms.engines.ray_setup import ray_engine

        return ray_engine(config, base, ENGINES[config.kind])
    return ENGINES[config.kind](config, base)
