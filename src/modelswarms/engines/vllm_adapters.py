"""How a candidate's weights reach a running vLLM: as an adapter of its own, held as long as the candidate is bound."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from itertools import count
from pathlib import Path
from typing import Any, Final, Protocol

from modelswarms.engines.vllm_loop import Loop
from modelswarms.engines.vllm_package import composed_rank
from modelswarms.experts import ExpertSpace
from modelswarms.types import Array

__all__ = ["Adapters", "Handover", "memory_folder"]

log = logging.getLogger(__name__)

SHARED_MEMORY: Final = Path("/dev/shm")
"""Files here are memory; where there is none, or too little, the system's folder for temporary files is taken."""


class Handover(Protocol):
    """A way for weights to get into the running engine.

    Adapters are one; whole checkpoints, whose weights are changed in place, would be another, with one candidate at a
    time and the prefix cache emptied between two.
    """

    def give(self, coefficients: Array | None) -> Any:
        """Makes the weights at ``coefficients`` known, and gives what requests for them carry; None is the base.

        Raises:
            EngineError: the engine does not take them.
            ExpertError: wrong number of coefficients, or one that is not finite.
        """
        ...

    def take_back(self, given: Any) -> None:
        """Forgets them. Raises EngineError where the engine has stopped."""
        ...

    def close(self) -> None:
        """Leaves nothing behind."""
        ...


class Adapters:
    """Composed adapters, written to memory-backed storage, loaded, and deleted again at once.

    vLLM takes adapters from folders. Each has a number and a name that no other had: vLLM finds cached prefixes by the
    name, and a second candidate under the same one would be given the first one's. Its scaling is in its
    configuration, and vLLM alone applies it, when it loads the adapter.

    The base is an adapter of zeros: on a processor, vLLM gives requests without one the weights of its last slot, if
    requests with adapters are in the same step.

    Args:
        loop: the running engine, which holds as many adapters as there are slots.
        space: the experts.
    """

    def __init__(self, loop: Loop, space: ExpertSpace) -> None:
        self._loop, self._space = loop, space
        self._numbers = count(1)
        self._folder = memory_folder(_size(space))

    def give(self, coefficients: Array | None) -> Any:
        from vllm.lora.request import LoRARequest

        if coefficients is None:  # see above
            coefficients = self._space.coefficients([0.0] * self._space.n)
        adapter = self._space.compose(coefficients)
        number = next(self._numbers)
        folder = self._folder / str(number)
        try:
            adapter.save(folder)
            request = LoRARequest(f"candidate-{number}", number, str(folder))
            self._loop.call(lambda engine: engine.add_lora(request))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return request

    def take_back(self, given: Any) -> None:
        self._loop.call(lambda engine: engine.remove_lora(given.lora_int_id))

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def memory_folder(needed: int) -> Path:
    """A new folder for files of ``needed`` bytes, in memory where there is room for two such.

    Containers often come with 64 MiB of shared memory; it is then the folder for temporary files.
    """
    memory = SHARED_MEMORY
    fits = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= 2 * needed
    if not fits:
        log.info("%s has no room for adapters of %d MB; they are written to disk", memory, needed // 10**6)
    return Path(tempfile.mkdtemp(prefix="modelswarms-", dir=memory if fits else None))


def _size(space: ExpertSpace) -> int:
    """Bytes of a composed adapter, in float32."""
    rank = composed_rank(space)
    shapes = {module: shape for adapter in space.adapters for module, shape in adapter.shapes.items()}
    return 4 * rank * sum(out + into for out, into in shapes.values())
