"""Numbers that are not finite: they must not outlive the candidate whose weights made them.

vLLM keeps keys and values in blocks of memory, and gives a block on as it was left. What is masked counts nothing, but
nothing times NaN is NaN: on a processor, one candidate whose numbers overflow spoils the answers of whoever is given
its blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from modelswarms.engines.vllm_loop import Asked, Loop
from modelswarms.errors import EngineError

__all__ = ["Clearing", "answers"]

CLEAR: Final = "clear_keys_and_values"


class Clearing:
    """What vLLM's workers can do because of us: the engine is given this class as ``worker_extension_cls``."""

    model_runner: Any

    def clear_keys_and_values(self) -> None:
        """Makes the cache's memory what it was at the start."""
        for cache in _tensors(self.model_runner.kv_caches):
            cache.zero_()


def answers(loop: Loop, asked: Sequence[Asked], adapter: Any) -> list[Any]:
    """As :meth:`Loop.answers`, and what others' overflow has spoiled is asked again.

    Where an answer's numbers are not finite, nobody can tell whose fault it is: all are asked again, alone and
    with the cache cleared. If they are not finite then, the weights are to blame, and the cache is cleared once more.
    """
    outputs = loop.answers(asked, adapter)
    if all(map(_finite, outputs)):
        return outputs

    def again(engine: Any) -> list[Any]:
        _clear(engine)
        for k, each in enumerate(asked):
            prompt = {"prompt_token_ids": list(each.tokens)}
            engine.add_request(f"alone-{k}", prompt, each.params, lora_request=adapter)
        found: dict[str, Any] = {}
        while engine.has_unfinished_requests():
            found |= {output.request_id: output for output in engine.step() if output.finished}
        outputs = [found[f"alone-{k}"] for k in range(len(asked))]
        if not all(map(_finite, outputs)):
            _clear(engine)
        return outputs

    return loop.call(again, alone=True)


def _clear(engine: Any) -> None:
    """Empties the cache of an engine that answers nothing now."""
    if not engine.reset_prefix_cache():
        raise EngineError("vLLM does not let go of its cache; resume the run.")
    engine.collective_rpc(CLEAR)


def _finite(output: Any) -> bool:
    said = [at for each in output.outputs for at in each.logprobs or ()]
    return not any(math.isnan(value) for value in _values([*said, *(output.prompt_logprobs or ())]))


def _values(positions: Iterable[Mapping[int, Any] | None]) -> Iterable[float]:
    return (each.logprob for at in positions if at for each in at.values())


def _tensors(caches: Any) -> Iterable[Any]:
    """The tensors of a list that may hold lists of them, one for each kind of layer."""
    for cache in caches:
        if isinstance(cache, list | tuple):
            yield from _tensors(cache)
        else:
            yield cache
