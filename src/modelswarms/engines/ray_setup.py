"""From the engine's settings to workers: what each of them runs, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from modelswarms.engines.base import Engine
from modelswarms.engines.config import MEMORY_FRACTION, EngineConfig
from modelswarms.engines.ray import RayEngine
from modelswarms.engines.ray_cluster import Placement, import_ray
from modelswarms.errors import ConfigError

__all__ = ["ray_engine"]

Make = Callable[[EngineConfig, Path], Engine]


def ray_engine(config: EngineConfig, base: Path, make: Make) -> RayEngine:
    """Engines of the kind that ``make`` makes on workers, checked and not started.

    Raises:
        MissingExtraError: Ray is not installed.
        ConfigError: a device is not there.
    """
    import_ray()
    gpus = _gpus(config)
    cpus = 1.0 if config.cpus_per_worker is None else float(config.cpus_per_worker)
    alone = replace(
        config,
        devices=None,
        workers=None,
        address=None,
        gpus_per_worker=None,
        cpus_per_worker=None,
        device="cuda" if gpus else "cpu" if config.device == "auto" else config.device,
        threads=_threads(config, gpus, cpus),
        memory_fraction=_memory_fraction(config, gpus),
    )
    placement = Placement(config.address, config.workers, config.devices, gpus, cpus)
    if config.workers is None and config.devices is not None:
        fitting = replace(placement, cpus=0.0).on({"GPU": float(len(config.devices))})
        placement = replace(placement, workers=fitting)
    return RayEngine(partial(make, alone, base), placement, _here(make, alone, base, placement))


def _threads(config: EngineConfig, gpus: float, cpus: float) -> int | None:
    """Of each worker on processors, as many as it has of them, not as many as the machine has."""
    if config.threads is None and not gpus and config.kind == "local":
        return max(1, int(cpus))
    return config.threads


def _memory_fraction(config: EngineConfig, gpus: float) -> float | None:
    """Of each worker: its share of what one alone would take, where several share a GPU."""
    if config.memory_fraction is None and config.kind == "local" and 0 < gpus < 1:
        return MEMORY_FRACTION * gpus
    return config.memory_fraction


def _gpus(config: EngineConfig) -> float:
    """Of each worker: what is configured, else one (or one a shard) where the engine runs on GPUs."""
    import torch

    if config.devices is not None:
        seen = torch.cuda.device_count()
        if max(config.devices) >= seen:
            raise ConfigError(
                f"engine.devices: {list(config.devices)}, but torch sees {seen} CUDA devices; give their numbers, from "
                "0, or engine.workers for workers on processors."
            )
    if config.gpus_per_worker is not None:
        if config.devices is not None and not 0 < config.gpus_per_worker <= len(config.devices):
            raise ConfigError(
                f"engine.gpus_per_worker: {config.gpus_per_worker:g} of {len(config.devices)} devices cannot be; give "
                "a number above 0 and up to that of engine.devices."
            )
        return float(config.gpus_per_worker)
    on_gpus = config.devices is not None or config.device.startswith("cuda")
    if not on_gpus and config.device == "auto" and config.address is None:
        on_gpus = torch.cuda.is_available()
    return float(config.tensor_parallel or 1) if on_gpus else 0.0


def _here(make: Make, config: EngineConfig, base: Path, placement: Placement) -> Engine:
    """The engine as workers have it; it is never started here, where there may be no GPU."""
    import torch

    if placement.devices and config.kind == "local":  # a check by PEFT takes the first of them
        return make(replace(config, device=f"cuda:{placement.devices[0]}"), base)
    if not placement.gpus or torch.cuda.is_available():
        return make(config, base)
    return make(replace(config, device="cpu", dtype="bfloat16" if config.dtype == "auto" else config.dtype), base)
