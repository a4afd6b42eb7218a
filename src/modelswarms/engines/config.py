"""Settings of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modelswarms.errors import ConfigError
from modelswarms.loading import DEVICE, DTYPES

__all__ = ["DTYPES", "KINDS", "EngineConfig"]

KINDS: Final = ("local",)


@dataclass(frozen=True)
class EngineConfig:
    """How the model answers.

    Attributes:
        kind: ``local`` runs transformers in this process.
        device: ``auto`` takes cuda, else mps, else cpu; or ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: ``auto`` is bfloat16 where the processor computes it fast, else float32.
        threads: of the CPU; by default what torch takes.
        block_tokens: padded prompt tokens that are run together; by default what suits the device.

    Raises:
        ConfigError: a value is not allowed; the message names the key.
    """

    kind: str = "local"
    device: str = "auto"
    dtype: str = "auto"
    threads: int | None = None
    block_tokens: int | None = None

    def __post_init__(self) -> None:
        self._check("kind", self.kind in KINDS, " or ".join(repr(k) for k in KINDS))
        self._check("device", bool(DEVICE.fullmatch(str(self.device))), "'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'")
        self._check("dtype", self.dtype in DTYPES, " or ".join(repr(d) for d in DTYPES))
        for key in ("threads", "block_tokens"):
            value = getattr(self, key)
            fits = value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0)
            self._check(key, fits, "a whole number above 0, or null")

    def _check(self, key: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise ConfigError(f"engine.{key}: {getattr(self, key)!r} is not allowed; give {allowed}.")
