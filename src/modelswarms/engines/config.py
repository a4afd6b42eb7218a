"""Settings of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modelswarms.errors import ConfigError
from modelswarms.loading import DEVICE, DTYPES

__all__ = ["DTYPES", "KINDS", "MEMORY_FRACTION", "EngineConfig"]

KINDS: Final = ("local", "vllm")

QUANTIZED: Final = ("int8", "int4", "float8")

MEMORY_FRACTION: Final = 0.9
"""Share of a GPU's memory that the local engine uses, unless told otherwise."""

ADAPTERS: Final = ("auto", "merged", "unmerged")

_ONLY: Final = {
    "threads": ("local",),
    "slots": ("vllm",),
    "memory_fraction": ("local", "vllm"),
    "packed": ("local",),
    "adapter": ("local",),
    "compile": ("local",),
    "quantize": ("local",),
    "max_model_len": ("vllm",),
    "tensor_parallel": ("vllm",),
}
"""Keys that some kinds alone have."""


@dataclass(frozen=True)
class EngineConfig:
    """How the model answers.

    Attributes:
        kind: ``local`` runs transformers in this process; ``vllm`` runs vLLM, several candidates at once.
        device: ``auto`` takes cuda, else mps, else cpu; or ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: ``auto`` is bfloat16 where the processor computes it fast, else float32.
        threads: of the CPU; by default what torch takes.
        block_tokens: padded prompt tokens that are run together; by default what suits the device.
        slots: candidates in flight; by default 6.
        memory_fraction: share of the device's memory that the engine may take; by default the engine's own.
        packed: whether prompts of different lengths are run side by side without padding, where the base allows it.
        adapter: ``merged`` adds the experts to the base's weights, ``unmerged`` runs them beside; ``auto`` chooses.
        compile: whether the model's layers are compiled, which takes some 15 seconds once; by default on a GPU, for a
            base of a billion parameters or more.
        quantize: ``int8`` or ``int4`` hold the base in fewer bits, for cards that it does not fit otherwise; ``float8``
            also multiplies so, on GPUs that can. Experts then run beside it. Needs the extra ``quantize``.
        max_model_len: tokens of prompt and answer together; by default the base's context.
        tensor_parallel: devices that share one model; by default 1.
        devices: numbers of this machine's GPUs, each with an engine of its own; Ray is started for them here.
        workers: how many such engines there are, each in a process of its own; by default one a device, or as many as
            the cluster holds, also when it grows.
        address: of the Ray cluster that runs the workers; ``auto`` is the one of this machine.
        gpus_per_worker: a fraction shares a GPU; by default 1 where GPUs are used.
        cpus_per_worker: by default 1.

    Raises:
        ConfigError: a value is not allowed; the message names the key.
    """

    kind: str = "local"
    device: str = "auto"
    dtype: str = "auto"
    threads: int | None = None
    block_tokens: int | None = None
    slots: int | None = None
    memory_fraction: float | None = None
    packed: bool = True
    adapter: str = "auto"
    compile: bool | None = None
    quantize: str | None = None
    max_model_len: int | None = None
    tensor_parallel: int | None = None
    devices: tuple[int, ...] | None = None
    workers: int | None = None
    address: str | None = None
    gpus_per_worker: float | None = None
    cpus_per_worker: float | None = None

    def __post_init__(self) -> None:
        self._check("kind", self.kind in KINDS, " or ".join(repr(k) for k in KINDS))
        self._check("device", bool(DEVICE.fullmatch(str(self.device))), "'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'")
        self._check("dtype", self.dtype in DTYPES, " or ".join(repr(d) for d in DTYPES))
        self._check("packed", isinstance(self.packed, bool), "true or false")
        self._check("compile", self.compile is None or isinstance(self.compile, bool), "true, false or null")
        self._check("quantize", self.quantize in (None, *QUANTIZED), " or ".join(map(repr, QUANTIZED)) + ", or null")
        if self.quantize and self.adapter == "merged":
            raise ConfigError("engine.adapter: 'merged' is not possible with engine.quantize; leave one of them out.")
        self._check("adapter", self.adapter in ADAPTERS, " or ".join(repr(a) for a in ADAPTERS))
        for key in ("threads", "block_tokens", "slots", "max_model_len", "tensor_parallel", "workers"):
            value = getattr(self, key)
            fits = value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0)
            self._check(key, fits, "a whole number above 0, or null")
        share = self.memory_fraction
        fits = share is None or (isinstance(share, int | float) and not isinstance(share, bool) and 0 < share <= 1)
        self._check("memory_fraction", fits, "a number above 0 and up to 1, or null")
        self._check_kinds()
        self._check_workers()

    @property
    def several(self) -> bool:
        """Whether there are workers in processes of their own."""
        return any(value is not None for value in (self.devices, self.workers, self.address))

    def _check_kinds(self) -> None:
        for key, kinds in _ONLY.items():
            default = type(self).__dataclass_fields__[key].default
            if getattr(self, key) != default and self.kind not in kinds:
                raise ConfigError(
                    f"engine.{key}: a key of engine.kind {' or '.join(kinds)}, and the kind is {self.kind}; "
                    "leave it out, or choose that kind."
                )

    def _check_workers(self) -> None:
        numbers = self.devices
        if numbers is not None:
            whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in numbers)
            fits = bool(numbers) and whole and len(set(numbers)) == len(numbers)
            self._check("devices", fits, "different GPUs' numbers, such as [0, 1], or null")
            if self.address is not None or self.device != "auto":
                key = "address" if self.address is not None else "device"
                raise ConfigError(f"engine.devices and engine.{key} both say where to run; leave one of them out.")
        for key in ("gpus_per_worker", "cpus_per_worker"):
            value = getattr(self, key)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            self._check(key, value is None or (number and 0 <= value <= 10**4), "a number of at least 0, or null")
            if key == "gpus_per_worker" and value is not None and value > 1:
                self._check(key, value == int(value), "a fraction, or a whole number of GPUs")
            if value is not None and not self.several:
                raise ConfigError(f"engine.{key}: there are no workers; give engine.workers as well, or leave it out.")
        self._check("address", self.address is None or bool(str(self.address).strip()), "HOST:PORT, 'auto' or null")

    def _check(self, key: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise ConfigError(f"engine.{key}: {getattr(self, key)!r} is not allowed; give {allowed}.")
