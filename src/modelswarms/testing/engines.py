"""What every engine has to do, whatever it runs on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelswarms.engines.base import Engine
from modelswarms.experts import ExpertSpace
from modelswarms.types import Model, Request

__all__ = ["check_engine"]


def check_engine(engine: Engine, space: ExpertSpace, prompts: Sequence[str]) -> None:
    """Starts an engine and checks the contract of :class:`~modelswarms.engines.base.Engine`.

    Args:
        engine: to be checked; it is closed at the end.
        space: experts that it can load.
        prompts: at least two different ones.

    Raises:
        AssertionError: says which promise is broken.
    """
    engine.start(space)
    _promise(isinstance(engine, Engine), "it has every member of the Protocol")
    _promise(engine.slots >= 1, "slots is at least 1")
    _promise(engine.block_tokens >= 1, "block_tokens is at least 1")
    lengths = engine.count_tokens(list(prompts))
    _promise(len(lengths) == len(prompts) and min(lengths) > 0, "count_tokens gives a length a text")
    requests = [Request(prompt, 3) for prompt in prompts]
    corner, middle = np.eye(space.n)[0], np.full(space.n, 1 / space.n)
    with engine.bind(corner) as model:
        first = _texts(model, requests)
        _promise(_texts(model, requests[::-1]) == first[::-1], "answers come in the order of the requests")
        _promise(model.generate([]) == [], "no requests have no answers")
    with engine.bind(middle) as model:
        _texts(model, requests)
    with engine.bind(None) as model:
        base = _texts(model, requests)
    with engine.bind(np.zeros(space.n)) as model:
        _promise(_texts(model, requests) == base, "zero coefficients are the base")
    with engine.bind(corner) as model:
        _promise(_texts(model, requests) == first, "what was bound before has no say")
    _promise(engine.describe() == engine.describe(), "describe gives one answer")
    engine.close()
    engine.close()


def _texts(model: Model, requests: Sequence[Request]) -> list[str]:
    return [response.text for response in model.generate(requests)]


def _promise(kept: bool, promise: str) -> None:
    if not kept:
        raise AssertionError(f"broken promise: {promise}")
