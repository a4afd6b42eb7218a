"""What every engine has to do, whatever it runs on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import numpy as np

from modelswarms.engines.base import Engine, lanes_of
from modelswarms.errors import EngineError
from modelswarms.experts import ExpertSpace
from modelswarms.types import Array, Loglikelihood, LoglikelihoodRequest, Model, Request

__all__ = ["check_answers", "check_binding", "check_engine", "check_likelihoods", "check_refusals", "check_slots"]


def check_engine(engine: Engine, space: ExpertSpace, prompts: Sequence[str]) -> None:
    """Starts an engine and checks the whole contract of :class:`~modelswarms.engines.base.Engine`.

    Args:
        engine: to be checked, not started yet; it is closed at the end.
        space: experts that it can load.
        prompts: at least two different ones.

    Raises:
        AssertionError: says which promise is broken.

    Example:
        >>> check_engine(MyEngine(), space, ["one prompt", "another"])  # doctest: +SKIP
    """
    _promise(isinstance(engine, Engine), "it has every member of the Protocol")
    _refused(lambda: _texts_at(engine, None, prompts), EngineError, "nothing is bound before the start")
    engine.start(space)
    _promise(engine.slots >= 1, "slots is at least 1")
    _promise(engine.block_tokens >= 1, "block_tokens is at least 1")
    lengths = engine.count_tokens(list(prompts))
    _promise(len(lengths) == len(prompts) and min(lengths) > 0, "count_tokens gives a length a text")
    _promise(engine.count_tokens(list(prompts[::-1])) == lengths[::-1], "a text's length is its own")
    _promise(engine.describe() == engine.describe(), "describe gives one answer")
    check_answers(engine, space, prompts)
    check_likelihoods(engine, space, prompts)
    check_binding(engine, space, prompts)
    check_slots(engine, space, prompts)
    check_refusals(engine, space, prompts)
    engine.close()
    engine.close()
    _refused(lambda: _texts_at(engine, None, prompts), EngineError, "nothing is bound once it is closed")


def check_answers(engine: Engine, space: ExpertSpace, prompts: Sequence[str]) -> None:
    """Answers come in the order of the requests, one each, whoever else is in the batch.

    Takes a started engine; arguments and Raises as :func:`check_engine`.
    """
    requests = [Request(prompt, 3) for prompt in prompts]
    scored = [LoglikelihoodRequest(prompt, text) for prompt in prompts for text in (" Yes", " 12")]
    with engine.bind(_corner(space)) as model:
        first = model.generate(requests)
        _promise(len(first) == len(requests), "generate gives an answer a request")
        texts = [response.text for response in first]
        _promise(_texts(model, requests[::-1]) == texts[::-1], "answers come in the order of the requests")
        _promise([_texts(model, [r])[0] for r in requests] == texts, "an answer does not depend on the batch")
        _promise(_texts(model, [*requests, *requests]) == [*texts, *texts], "a request may be repeated")
        _promise(all(r.margin >= 0 for r in first), "margins are not negative")
        _promise(model.generate([]) == [] and model.loglikelihood([]) == [], "no requests have no answers")
        sure = model.loglikelihood(scored)
        _promise(len(sure) == len(scored), "loglikelihood gives an answer a request")
        _promise(
            all(answer.logprob <= 0 and answer.tokens >= 1 for answer in sure), "log-probabilities are not above 0"
        )
        turned = model.loglikelihood(scored[::-1])[::-1]
        _promise(
            all(math.isclose(a.logprob, b.logprob, abs_tol=1e-2) for a, b in zip(sure, turned, strict=True)),
            "log-probabilities come in the order of the requests",
        )


def check_likelihoods(engine: Engine, space: ExpertSpace, prompts: Sequence[str]) -> None:
    """What is predicted from what: also without a context, and where white space ends one.

    Takes a started engine; arguments and Raises as :func:`check_engine`.
    """
    texts = [f"{prompt} Yes" for prompt in prompts]
    with engine.bind(_corner(space)) as model:
        whole = model.loglikelihood([LoglikelihoodRequest("", text) for text in texts])
        _promise(all(a.logprob <= 0 and a.tokens >= 1 for a in whole), "a text may be asked for without a context")
        spaced = model.loglikelihood([LoglikelihoodRequest(prompt + " ", "Yes") for prompt in prompts])
        joined = model.loglikelihood([LoglikelihoodRequest(prompt, " Yes") for prompt in prompts])
        _promise(
            all(_alike(a, b) for a, b in zip(spaced, joined, strict=True)),
            "white space at a context's end belongs to the continuation",
        )
        cut = model.loglikelihood([LoglikelihoodRequest(prompt, " Yes", truncate=True) for prompt in prompts])
        _promise(all(_alike(a, b) for a, b in zip(cut, joined, strict=True)), "what fits is not cut")


def _alike(one: Loglikelihood, other: Loglikelihood) -> bool:
    return one.tokens == other.tokens and math.isclose(one.logprob, other.logprob, abs_tol=1e-2)


def check_binding(engine: Engine, space: ExpertSpace, prompts: Sequence[str]) -> None:
    """What was bound before has no say; as many as there are slots are bound at once, each its own model.

    Takes a started engine; arguments and Raises as :func:`check_engine`.
    """
    corner, middle = _corner(space), np.full(space.n, 1 / space.n)
    first, base = _texts_at(engine, corner, prompts), _texts_at(engine, None, prompts)
    given = middle.copy()
    _texts_at(engine, given, prompts)
    _promise(np.array_equal(given, middle), "the coefficients are not changed")
    _promise(_texts_at(engine, corner, prompts) == first, "what was bound before has no say")
    _promise(_texts_at(engine, corner[None], prompts) == first, "coefficients of one group are taken as a vector")
    _promise(_texts_at(engine, np.zeros(space.n), prompts) == base, "zero coefficients are the base")
    try:
        with engine.bind(middle):
            raise _Interruption
    except _Interruption:
        pass
    _promise(_texts_at(engine, None, prompts) == base, "an evaluation that failed has no say")
    with ExitStack() as held:
        points = [corner * (1 + k) for k in range(min(engine.slots, 3))]
        models = [held.enter_context(engine.bind(point)) for point in points]
        together = [_texts(model, [Request(prompt, 3) for prompt in prompts]) for model in models]
    _promise(together == [_texts_at(engine, point, prompts) for point in points], "each slot has weights of its own")


def check_slots(engine: Engine, space: ExpertSpace, prompts: Sequence[str]) -> None:
    """Threads that bind at once, and lanes that share a model, get the answers that each gets alone.

    Takes a started engine; arguments and Raises as :func:`check_engine`.
    """
    requests = [Request(prompt, 3) for prompt in prompts]
    points: list[Array | None] = [_corner(space) * (1 + k) for k in range(min(engine.slots, 6))]
    if len(points) > 1:
        points[-1] = None  # the base, beside others
    lanes = min(lanes_of(engine), 6)
    alone = [_texts_at(engine, point, prompts) for point in points]
    with ThreadPoolExecutor(len(points)) as threads:
        for _ in range(2 if len(points) > 1 else 0):  # what the first round left behind has no say in the second
            together = list(threads.map(lambda point: _texts_at(engine, point, prompts), points))
            _promise(together == alone, "each slot has weights of its own, whichever thread binds it")
    if lanes > len(points):
        with engine.bind(points[0]) as model, ThreadPoolExecutor(lanes) as threads:
            shared = list(threads.map(lambda _: _texts(model, requests), range(lanes)))
        _promise(shared == [alone[0]] * lanes, "lanes that share a model get its answers")


def check_refusals(engine: Engine, space: ExpertSpace, prompts: Sequence[str]) -> None:
    """Wrong coefficients, and models that were left, are errors rather than answers.

    Takes a started engine; arguments and Raises as :func:`check_engine`.
    """
    with engine.bind(None) as model:
        pass
    _refused(lambda: _texts(model, [Request(prompts[0], 1)]), EngineError, "a model that was left does not answer")
    for wrong in (np.ones(space.n + 1), np.ones(space.n - 1), np.full(space.n, np.nan), np.full(space.n, np.inf)):
        _refused(partial(_texts_at, engine, wrong, prompts), ValueError, "coefficients are n finite numbers")


class _Interruption(Exception):
    """Stands for whatever may go wrong while a model is bound."""


def _corner(space: ExpertSpace) -> Array:
    corner = np.zeros(space.n)
    corner[0] = 1
    return corner


def _texts_at(engine: Engine, coefficients: Array | None, prompts: Sequence[str]) -> list[str]:
    with engine.bind(coefficients) as model:
        return _texts(model, [Request(prompt, 3) for prompt in prompts])


def _texts(model: Model, requests: Sequence[Request]) -> list[str]:
    return [response.text for response in model.generate(requests)]


def _refused(act: Callable[[], object], error: type[Exception], promise: str) -> None:
    try:
        act()
    except error:
        return
    raise AssertionError(f"broken promise: {promise} ({error.__name__} was to be raised)")


def _promise(kept: bool, promise: str) -> None:
    if not kept:
        raise AssertionError(f"broken promise: {promise}")
