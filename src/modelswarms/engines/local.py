"""The engine for one machine: a transformers model that stays in memory, its weights composed in place."""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from modelswarms.engines.config import EngineConfig
from modelswarms.engines.decoding import Decoded, greedy
from modelswarms.engines.likelihood import Likelihoods
from modelswarms.engines.packed import Packed, packed_or_none
from modelswarms.engines.quantized import quantize
from modelswarms.engines.room import CHUNK_TOKENS, LEAST_CHUNK, room_of
from modelswarms.engines.texts import Texts, context_of, ends_of, load_tokenizer, rendered_chat
from modelswarms.engines.weights import Weights, make_weights
from modelswarms.errors import EngineError, ExpertError
from modelswarms.experts import ExpertSpace
from modelswarms.loading import BLOCK_TOKENS, LOADING_ERRORS, device_of, dtype_of, first_sentence, quiet
from modelswarms.plan import make_plan
from modelswarms.types import Array, Loglikelihood, LoglikelihoodRequest, Model, Request, Response

__all__ = ["LocalEngine", "load_base"]

log = logging.getLogger(__name__)

PAD = 0
"""Any token will do where it is masked; the tokenizer's own may be one that the model has no row for."""


LARGE = 10**9
"""Parameters of a model that takes longer to run than to compile."""


class LocalEngine:
    """Runs transformers in this process.

    Args:
        config: device, dtype, threads, block size.
        base: folder of the base model.

    Raises:
        ConfigError: the device is not there.
    """

    deterministic = True
    slots = 1

    def __init__(self, config: EngineConfig, base: Path) -> None:
        self.config, self.base = config, base
        self.device = device_of(config.device, "engine.device")
        self.dtype = dtype_of(config.dtype, self.device)
        self._model: Any = None
        self._tokenizer: Any = None
        self._weights: Weights | None = None
        self._bound: _BoundModel | None = None
        self._likelihoods: Likelihoods | None = None
        self._packed: Packed | None = None

    def start(self, space: ExpertSpace) -> None:
        """Loads the base, once. Raises ExpertError where it cannot be loaded, or the experts do not fit."""
        if self.config.threads:
            torch.set_num_threads(self.config.threads)
        self._tokenizer, self._model = load_base(self.base, self.device, self.dtype, self.config.quantize)
        self._weights = make_weights(self._model, space, self.merged)
        self._make_room()

    @property
    def merged(self) -> bool:
        """Whether experts are added to the weights, or run beside them."""
        return self.config.adapter != "unmerged" and self.config.quantize is None

    def count_tokens(self, texts: Sequence[str], *, any_length: bool = False) -> list[int]:
        """Length of each text in tokens. Raises DataError for one that the model cannot take in."""
        self._started()
        return self._texts.lengths(texts, any_length)

    @property
    def block_tokens(self) -> int:
        return self.config.block_tokens or BLOCK_TOKENS[self.device.type]

    def _make_room(self) -> None:
        """Fixes, once weights are in place, how many tokens' keys and values are held at once."""
        if self.config.packed:
            chunk = min(self.block_tokens, CHUNK_TOKENS[self.device.type])
            slots, chunk = room_of(self._model, self.config.memory_fraction, chunk)
            self._packed = packed_or_none(self._model, slots, chunk, self._compiles)

    @property
    def _compiles(self) -> bool:
        """Whether layers are compiled: it takes some 15 seconds, so by default only on a GPU for a large model."""
        if self.config.compile is not None:
            return self.config.compile
        parameters = sum(p.numel() for p in self._model.parameters())
        return self.device.type == "cuda" and parameters >= LARGE

    @contextmanager
    def bind(self, coefficients: Array | None) -> Iterator[Model]:
        """A model with the weights at ``coefficients``, one at a time.

        Raises:
            EngineError: the engine was not started, or a model is bound already.
            ExpertError: wrong number of coefficients, or one that is not finite.
        """
        weights = self._started()
        if self._bound is not None:
            raise EngineError("a model is bound already; leave its 'with engine.bind(...)' first.")
        weights.set(coefficients)
        self._bound = bound = _BoundModel(self)
        try:
            yield bound
        finally:
            self._release(bound)

    def describe(self) -> dict[str, object]:
        return {
            "kind": "local",
            "device": self.device.type,
            "dtype": str(self.dtype).removeprefix("torch."),
            "threads": self.config.threads or torch.get_num_threads(),
            "processor": torch.cuda.get_device_name() if self.device.type == "cuda" else platform.machine(),
            "block_tokens": self.block_tokens,
            **({"quantize": self.config.quantize} if self.config.quantize else {}),
            **({} if self.merged else {"adapter": "unmerged"}),
            **({} if self.config.packed else {"packed": False}),
        }

    def close(self) -> None:
        if self._bound is not None:
            self._release(self._bound)
        if self._packed is not None:
            self._packed.free()
        self._model = self._tokenizer = self._weights = self._likelihoods = self._packed = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _started(self) -> Weights:
        if self._weights is None:
            raise EngineError("the engine was not started, or was closed; call start(space) first.")
        return self._weights

    def _release(self, bound: _BoundModel) -> None:
        bound.released = True
        if self._bound is bound:
            self._bound = None

    @property
    def _ends(self) -> set[int]:
        return ends_of(self._tokenizer, self._model.config, self._model.generation_config)

    @property
    def _texts(self) -> Texts:
        return Texts(self._tokenizer, context_of(self._model.config))

    @torch.inference_mode()
    def _generate(self, requests: Sequence[Request]) -> list[Response]:
        rows = self._texts.prompts(requests)
        responses: list[Response | None] = [None] * len(requests)
        for block in make_plan([len(row) for row in rows], self.block_tokens):
            asked, given = [requests[i] for i in block], [rows[i] for i in block]
            for i, said in zip(block, self._decoded(given, asked), strict=True):
                responses[i] = Response(said.text, len(rows[i]), len(said.tokens), said.margin)
        return [r for r in responses if r is not None]

    def _decoded(self, rows: Sequence[list[int]], requests: Sequence[Request]) -> list[Decoded]:
        """Rows decoded together, or as many at a time as there is room for."""
        packed, decoded = self._packed, list[Decoded]()
        if packed is None:
            return greedy(self._model, self._tokenizer, rows, requests, PAD, self._ends)
        needed = [packed.needed(len(row), request.max_new_tokens) for row, request in zip(rows, requests, strict=True)]
        while len(decoded) < len(rows):
            begin = len(decoded)
            some = slice(begin, begin + packed.fitting(needed[begin:]))
            try:
                decoded += packed.generate(rows[some], requests[some], self._tokenizer, self._ends)
            except torch.OutOfMemoryError as error:
                self._shrink(packed, error)
        return decoded

    def _shrink(self, packed: Packed, error: Exception) -> None:
        """Runs less at once from now on. Raises EngineError where there is nothing left to cut."""
        slots, chunk = packed.slots * 3 // 4, packed.chunk // 2
        if chunk < LEAST_CHUNK:
            raise EngineError(
                f"the device's memory does not hold the base and one prompt ({first_sentence(error)}); use a smaller "
                "base, engine.quantize, a smaller engine.dtype, or another device."
            ) from error
        packed.limit(slots, chunk)
        torch.cuda.empty_cache()
        log.warning("out of memory: %d tokens are run at once from now on, and %d are held", chunk, slots)

    @property
    def limits(self) -> dict[str, int]:
        """What is run and held at once, in tokens; values may depend on it in their last digits."""
        if self._packed is None or self.device.type != "cuda":
            return {}
        return {"call_tokens": self._packed.chunk, "held_tokens": self._packed.slots}

    def limit(self, limits: Mapping[str, int]) -> dict[str, int]:
        """Runs no more at once than an earlier process of the same run did; gives what is gone by now."""
        if self._packed is not None and limits:
            packed = self._packed
            packed.limit(min(packed.slots, limits["held_tokens"]), min(packed.chunk, limits["call_tokens"]))
        return self.limits

    @torch.inference_mode()
    def _loglikelihood(self, requests: Sequence[LoglikelihoodRequest]) -> list[Loglikelihood]:
        if self._likelihoods is None or self._likelihoods.model is not self._model:
            self._likelihoods = Likelihoods(self._model, self.block_tokens, PAD, self._packed)
        return self._likelihoods(requests, self._texts)

    def _render_chat(self, messages: Sequence[Mapping[str, str]], continue_last: bool) -> str:
        return rendered_chat(self._tokenizer, self.base, messages, continue_last)


class _BoundModel:
    """The engine's model while its weights are set; using it later is an error, not another model's answer."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self.released = False

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        return self._held()._generate(requests)

    def loglikelihood(self, requests: Sequence[LoglikelihoodRequest]) -> list[Loglikelihood]:
        return self._held()._loglikelihood(requests)

    def render_chat(self, messages: Sequence[Mapping[str, str]], *, continue_last: bool = False) -> str:
        return self._held()._render_chat(messages, continue_last)

    def _held(self) -> LocalEngine:
        if self.released:
            raise EngineError("this model was released; use it inside its 'with engine.bind(...)' only.")
        return self._engine


def load_base(base: Path, device: torch.device, dtype: torch.dtype, bits: str | None = None) -> tuple[Any, Any]:
    """Tokenizer and model, ready to answer, quantised where ``bits`` says so.

    Raises:
        ExpertError: they cannot be loaded.
        EngineError: they cannot be quantised so here.
    """
    from transformers import AutoModelForCausalLM

    tokenizer = load_tokenizer(base)
    with quiet():
        try:
            model, found = AutoModelForCausalLM.from_pretrained(
                base, local_files_only=True, dtype=dtype, output_loading_info=True
            )
        except LOADING_ERRORS as error:
            if "ignore_mismatched_sizes" in str(error):
                raise ExpertError(
                    f"base: the weights in {base} do not have the shapes of config.json; {_COPY}"
                ) from error
            raise ExpertError(f"base: {base} cannot be loaded ({first_sentence(error)}); {_COPY}") from error
    if found["missing_keys"]:  # transformers draws them at random, with a warning
        some = sorted(found["missing_keys"])[0]
        raise ExpertError(
            f"base: {base} holds no weights for {some} and {len(found['missing_keys']) - 1} more; {_COPY}"
        )
    model.eval().requires_grad_(False)
    if bits:
        quantize(model, bits, device)
    return tokenizer, model.to(device)


_COPY = "copy the model again, or update transformers."
