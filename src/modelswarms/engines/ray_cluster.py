"""The Ray cluster: joined or started, how many workers fit it, and workers as actors of it."""

from __future__ import annotations

import logging
import math
import os
import socket
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from modelswarms.engines.base import Engine
from modelswarms.engines.ray_pool import Done
from modelswarms.engines.ray_worker import Answer, Worker
from modelswarms.errors import ConfigError, EngineError, MissingExtraError
from modelswarms.experts import ExpertSpace

__all__ = ["Cluster", "Placement", "import_ray"]

log = logging.getLogger(__name__)

LOOKED_AFTER: Final = 2.0
"""Seconds after which the cluster is asked again how much it holds."""

CONNECTED_IN: Final = 10.0
"""Seconds in which a cluster's address has to answer."""

MEMORY: Final = 512 * 2**20
"""Of the object store where Ray is started here: the experts, and answers on their way."""


@dataclass(frozen=True)
class Placement:
    """Where workers run.

    Attributes:
        address: of a running cluster, ``auto`` for the one of this machine; None starts Ray on this machine.
        workers: how many; None is as many as the cluster holds, also when it grows.
        devices: numbers of this machine's GPUs; None leaves them to Ray.
        gpus, cpus: of each worker; a fraction of a GPU shares it.
        memory: bytes of the object store where Ray is started here.
    """

    address: str | None = None
    workers: int | None = None
    devices: tuple[int, ...] | None = None
    gpus: float = 0.0
    cpus: float = 1.0
    memory: int = MEMORY

    def on(self, held: Mapping[str, float]) -> int:
        """Workers that fit a node that holds so much of ``CPU`` and ``GPU``; none is on parts of two GPUs."""
        rooms = []
        if self.cpus:
            rooms.append(_times(self.cpus, held.get("CPU", 0.0)))
        if self.gpus:
            gpus = held.get("GPU", 0.0)
            rooms.append(int(gpus) * _times(self.gpus, 1.0) if self.gpus < 1 else _times(self.gpus, gpus))
        return min(rooms, default=self.workers or 1)


def import_ray() -> Any:
    """The package. Raises MissingExtraError where it is not installed."""
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError(
            "engine: several workers need Ray, which is not installed; pip install 'modelswarms[ray]'."
        ) from error
    return ray


class Cluster:
    """Workers as Ray actors, each with an engine that ``make`` makes.

    Raises:
        MissingExtraError: Ray is not installed.
    """

    def __init__(self, placement: Placement, make: Callable[[], Engine], lanes: int) -> None:
        self.placement, self._make, self._lanes = placement, make, lanes
        self._ray = import_ray()
        self._ours = False
        self._space: Any = None
        self._fits, self._looked = 0, 0.0

    def join(self, space: ExpertSpace) -> None:
        """Joins the cluster, or starts one, and hands the experts over: they travel once to each node.

        Raises:
            ConfigError: the cluster cannot be reached, or holds no worker of the wanted size.
        """
        if not self._ray.is_initialized():
            self._connect()
            self._ours = True
        self._fits, self._looked = self._fitting(), time.monotonic()
        wanted = self.placement.workers
        if not self._fits or (self.placement.address is None and wanted and self._fits < wanted):
            held = self._ray.cluster_resources()
            self.leave()
            raise ConfigError(
                f"engine.workers: {wanted or 1} of {self.placement.cpus:g} processors and {self.placement.gpus:g} GPUs "
                f"each, but Ray has {held.get('CPU', 0):g} and {held.get('GPU', 0):g}; give fewer, or "
                "engine.cpus_per_worker and engine.gpus_per_worker that fit."
            )
        self._space = self._ray.put(space)

    def leave(self) -> None:
        """Lets go of the experts, and of the cluster if it was joined here."""
        self._space = None
        if self._ours:
            self._ours = False
            self._ray.shutdown()

    def wanted(self) -> int:
        """As many workers as are configured, as far as they fit what the cluster holds now."""
        if time.monotonic() - self._looked > LOOKED_AFTER:
            self._looked = time.monotonic()
            try:
                self._fits = self._fitting()
            except Exception as error:  # the head is busy or away: what is known has to do
                log.warning("the cluster does not say what it holds (%s)", error)
        return self._fits if self.placement.workers is None else min(self._fits, self.placement.workers)

    def hire(self, done: Done) -> Any:
        """Begins a worker, on another node than the others where there are several."""
        actor = self._ray.remote(Worker).options(
            num_cpus=self.placement.cpus,
            num_gpus=self.placement.gpus,
            max_concurrency=self._lanes,
            max_restarts=0,
            scheduling_strategy="SPREAD",
        )
        worker = actor.remote([path for path in sys.path if path])
        _when_done(worker.begin.remote(self._make, self._space), done)
        return worker

    def call(self, worker: Any, method: str, arguments: tuple[Any, ...], keys: dict[str, Any], done: Done) -> None:
        """Calls a worker's method."""
        _when_done(getattr(worker, method).remote(*arguments, **keys), done)

    def dismiss(self, worker: Any) -> None:
        """Ends a worker, whatever it does."""
        try:
            self._ray.kill(worker, no_restart=True)
        except Exception as error:
            log.debug("a worker could not be ended (%s)", error)

    def _fitting(self) -> int:
        """Workers that fit the nodes that are alive, by what each node has in all."""
        fitting = 0
        for node in self._ray.nodes():
            if node["Alive"]:
                fitting += self.placement.on(node["Resources"])
        return fitting

    def _connect(self) -> None:
        place = self.placement
        _check_reachable(place.address)
        quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False, "configure_logging": False}
        with _visible(place.devices), _quiet():
            try:
                if place.address is not None:
                    self._ray.init(address=place.address, **quiet)
                else:
                    gpus = None if place.devices is None else len(place.devices)
                    cpus = max(1, math.ceil(place.workers * place.cpus)) if place.workers else None
                    self._ray.init(
                        address="local", num_cpus=cpus, num_gpus=gpus, include_dashboard=False,
                        object_store_memory=place.memory, **quiet,
                    )  # fmt: skip
            except (ConnectionError, ValueError, RuntimeError, OSError) as error:
                raise _unreachable(place.address or "local", error) from error


def _times(size: float, room: float) -> int:
    """How often a size fits; 0.1 fits ten times into 1."""
    return int(room / size + 1e-9)


def _check_reachable(address: str | None) -> None:
    """Raises ConfigError where nobody listens; Ray itself would try for minutes."""
    host, colon, port = (address or "").rpartition("://")[2].rpartition(":")
    if address is None or not colon:  # a name that Ray knows, such as auto
        return
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECTED_IN):
            pass
    except (OSError, ValueError, OverflowError) as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> ConfigError:
    why = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    return ConfigError(
        f"engine.address: {address} cannot be reached ({' '.join(why.split())}); start Ray there, or give the address "
        "that 'ray start --head' printed."
    )


def _when_done(ref: Any, done: Done) -> None:
    from ray.exceptions import RayTaskError

    def told(future: Any) -> None:
        error = future.exception()
        if isinstance(error, RayTaskError):  # the worker lives; what it was sent cannot be read there, say
            cause = error.cause
            done(Answer(error=EngineError(f"{type(cause).__name__}: {cause}")), None)
        else:
            done(None if error is not None else future.result(), error)

    ref.future().add_done_callback(told)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what Ray says of versions to come, and of how its nodes know each other."""
    ray_log = logging.getLogger("ray")
    level = ray_log.level
    ray_log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        ray_log.setLevel(level)


@contextmanager
def _visible(devices: Sequence[int] | None) -> Iterator[None]:
    """What Ray, started inside, sees of this machine's GPUs; its workers get theirs from it."""
    if devices is None:
        yield
        return
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    seen = before.split(",") if before else []  # numbers count among those that this process sees
    names = [seen[device].strip() if device < len(seen) else str(device) for device in devices]
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(names)
    try:
        yield
    finally:
        if before is None:
            del os.environ["CUDA_VISIBLE_DEVICES"]
        else:
            os.environ["CUDA_VISIBLE_DEVICES"] = before
