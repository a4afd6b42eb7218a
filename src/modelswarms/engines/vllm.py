"""The engine for many prompts: vLLM with a candidate an adapter, several of them in flight."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, Final

import torch

from modelswarms.engines.config import EngineConfig
from modelswarms.engines.texts import Texts, ends_of, load_tokenizer, rendered_chat
from modelswarms.engines.vllm_adapters import Adapters, Handover
from modelswarms.engines.vllm_asking import Asking
from modelswarms.engines.vllm_clearing import Clearing, answers
from modelswarms.engines.vllm_loop import Asked, Loop
from modelswarms.engines.vllm_package import check_device, installed, lora_rank
from modelswarms.errors import ConfigError, EngineError, ExpertError
from modelswarms.experts import ExpertSpace
from modelswarms.loading import dtype_of, first_sentence
from modelswarms.types import Array, Loglikelihood, LoglikelihoodRequest, Model, Request, Response

__all__ = ["VllmEngine"]

SLOTS: Final = 6
"""Candidates in flight where nobody says otherwise: while one's last answers are written, others fill the batch."""

BLOCK_TOKENS: Final = 131072
"""Prompt tokens of one block: vLLM batches by itself, and pads nothing, so that a block is many prompts."""

CPU_MEMORY: Final = 0.25
"""Share of the machine's memory on a processor; vLLM itself would ask for nearly all of it."""

CPU_STEP: Final = {"max_num_batched_tokens": 64, "max_num_seqs": 64}
"""One step on a processor, where vLLM copies an adapter's matrices for every token: few, so that they stay in cache."""

ENVIRONMENT: Final = {"VLLM_LOGGING_LEVEL": "WARNING", "VLLM_NO_USAGE_STATS": "1"}
"""What vLLM takes from the environment alone, where it says nothing else."""


class VllmEngine:
    """Runs vLLM: one engine that holds the base and up to ``slots`` composed adapters at once.

    Answers depend on what else is in a batch by the last bits of its numbers, so the engine is not
    ``deterministic``: a near tie may fall otherwise in another run (``Response.margin`` says how near).

    Args:
        config: device, dtype, slots, memory, context, GPUs.
        base: folder of the base model.

    Raises:
        MissingExtraError: vLLM is not installed.
        ConfigError: another version is supported, or it does not run on that device.
    """

    deterministic = False

    def __init__(self, config: EngineConfig, base: Path) -> None:
        self.config, self.base = config, base
        self.version, cpu_only = installed()
        self.device = check_device(config.device, cpu_only)
        self.dtype = str(dtype_of(config.dtype, torch.device(self.device))).removeprefix("torch.")
        self.slots = config.slots or SLOTS
        self._lock = Lock()
        self._bound: set[_BoundModel] = set()
        self._loop: Loop | None = None
        self._weights: Handover | None = None
        self._asking: Asking | None = None

    def start(self, space: ExpertSpace) -> None:
        """Starts vLLM, and has it take one adapter.

        Raises:
            ExpertError: the adapters' rank is too high, or the base or its experts cannot be used.
            ConfigError: vLLM cannot start.
        """
        self.close()
        rank = lora_rank(space)  # before anything is loaded
        tokenizer = load_tokenizer(self.base)
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            self._loop = loop = Loop(lambda: _engine(self._arguments(space, rank)), _end)
        except Exception as error:
            why = first_sentence(error)
            raise ConfigError(
                f"engine.kind: vLLM cannot start with {self.base} ({why}); see docs/vllm.md, or take local."
            ) from error
        room = loop.call(lambda engine: int(engine.model_config.max_model_len))
        scores = "lm_head" not in _endings(space)
        self._asking = Asking(Texts(tokenizer, room), frozenset(self._ends(tokenizer)), scores)
        self._weights = Adapters(loop, space)
        try:
            self._weights.take_back(self._weights.give(space.coefficients([1 / space.n] * space.n)))
        except EngineError as error:
            self.close()
            raise ExpertError(
                f"experts: vLLM does not take adapters like theirs ({error}); take engine.kind: local."
            ) from error

    def count_tokens(self, texts: Sequence[str], *, any_length: bool = False) -> list[int]:
        """Length of each text in tokens. Raises DataError for one that the model cannot take in."""
        return self._started()[1].texts.lengths(texts, any_length)

    @property
    def block_tokens(self) -> int:
        return self.config.block_tokens or BLOCK_TOKENS

    @contextmanager
    def bind(self, coefficients: Array | None) -> Iterator[Model]:
        """A model with the weights at ``coefficients``; ``slots`` at once, from any threads.

        Raises:
            EngineError: the engine was not started, does not take the weights, or has no slot free.
            ExpertError: wrong number of coefficients, or one that is not finite.
        """
        loop, asking, weights = self._started()
        bound = _BoundModel(asking, self.base)
        with self._lock:
            if len(self._bound) >= self.slots:
                raise EngineError(
                    f"{self.slots} models are bound already; leave a 'with engine.bind(...)' first, or raise "
                    "engine.slots."
                )
            self._bound.add(bound)
        try:
            given = weights.give(coefficients)
            bound.ask = lambda asked: answers(loop, asked, given)
            try:
                yield bound
            finally:
                bound.ask = None
                with suppress(EngineError):  # an engine that has stopped holds nothing any more
                    weights.take_back(given)
        finally:
            with self._lock:
                self._bound.discard(bound)

    def describe(self) -> dict[str, object]:
        return {
            "kind": "vllm",
            "vllm": self.version,
            "device": self.device,
            "dtype": self.dtype,
            "tensor_parallel": self.config.tensor_parallel or 1,
            "slots": self.slots,
            "block_tokens": self.block_tokens,
        }

    def close(self) -> None:
        for bound in list(self._bound):
            bound.ask = None
        if self._loop is not None:
            self._loop.close()
        if self._weights is not None:
            self._weights.close()
        self._loop = self._weights = self._asking = None

    def _started(self) -> tuple[Loop, Asking, Handover]:
        if self._loop is None or self._asking is None or self._weights is None:
            raise EngineError("the engine was not started, or was closed; call start(space) first.")
        return self._loop, self._asking, self._weights

    def _arguments(self, space: ExpertSpace, rank: int) -> dict[str, Any]:
        """What vLLM's ``EngineArgs`` are given.

        Only what the experts change is prepared for adapters: less memory, and log-probabilities of prompts, which
        fail where the output matrix is prepared too.
        """
        config, on_cpu = self.config, self.device == "cpu"
        memory = config.memory_fraction or (CPU_MEMORY if on_cpu else None)
        chosen = {
            "gpu_memory_utilization": memory,
            "max_model_len": config.max_model_len,
            "tensor_parallel_size": config.tensor_parallel,
            **(CPU_STEP if on_cpu else {}),
        }
        return {
            "model": str(self.base),
            "dtype": self.dtype,
            "enable_lora": True,
            "max_lora_rank": rank,
            "lora_target_modules": _endings(space),
            "max_loras": self.slots,
            "max_cpu_loras": self.slots,
            "enable_prefix_caching": True,
            "disable_log_stats": True,
            "worker_extension_cls": f"{Clearing.__module__}.{Clearing.__qualname__}",
            "seed": 0,
            **{name: value for name, value in chosen.items() if value is not None},
        }

    def _ends(self, tokenizer: Any) -> set[int]:
        from transformers import AutoConfig, GenerationConfig

        sources = [tokenizer, AutoConfig.from_pretrained(self.base, local_files_only=True)]
        with suppress(OSError):  # not every base has one
            sources.append(GenerationConfig.from_pretrained(self.base, local_files_only=True))
        return ends_of(*sources)


class _BoundModel:
    """A candidate while its adapter is loaded; using it later is an error, not another model's answer."""

    def __init__(self, asking: Asking, base: Path) -> None:
        self._asking, self._base = asking, base
        self.ask: Callable[[Sequence[Asked]], list[Any]] | None = None

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        return self._asking.generate(requests, self._held())

    def loglikelihood(self, requests: Sequence[LoglikelihoodRequest]) -> list[Loglikelihood]:
        return self._asking.loglikelihood(requests, self._held())

    def render_chat(self, messages: Sequence[Mapping[str, str]], *, continue_last: bool = False) -> str:
        self._held()
        return rendered_chat(self._asking.texts.tokenizer, self._base, messages, continue_last)

    def _held(self) -> Callable[[Sequence[Asked]], list[Any]]:
        if self.ask is None:
            raise EngineError("this model was released; use it inside its 'with engine.bind(...)' only.")
        return self.ask


def _endings(space: ExpertSpace) -> list[str]:
    """The last names of the modules that the experts change, by which vLLM selects them."""
    return sorted({module.rpartition(".")[2] for module in space.modules})


def _engine(arguments: dict[str, Any]) -> Any:
    from vllm.engine.arg_utils import EngineArgs
    from vllm.v1.engine.llm_engine import LLMEngine

    return LLMEngine.from_engine_args(EngineArgs(**arguments))


def _end(engine: Any) -> None:
    """Ends vLLM's processes, or what it holds in this one, so that another may be started."""
    from vllm.distributed import cleanup_dist_env_and_memory

    engine.engine_core.shutdown()
    cleanup_dist_env_and_memory()
