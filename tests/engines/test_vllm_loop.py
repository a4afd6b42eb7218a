"""The thread that owns vLLM, with a stand-in for vLLM's engine: what happens when it refuses, dies or is closed.

How the real one answers is in test_vllm.py; a real one cannot be made to die at a certain step.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from modelswarms import EngineError
from modelswarms.engines.vllm_loop import Asked, Loop


class StandIn:
    """Answers one request a step, the youngest first; dies at a step, or stands still until it is let go."""

    def __init__(self, dies_at: int | None = None, still: threading.Event | None = None) -> None:
        self.dies_at, self.still = dies_at, still
        self.waiting: dict[str, list[int]] = {}
        self.steps = 0
        self.owner = threading.get_ident()

    def add_request(self, id, prompt, params, lora_request=None):
        assert threading.get_ident() == self.owner
        if prompt["prompt_token_ids"] == [0]:
            raise ValueError("token 0 is not allowed. More about it.")
        self.waiting[id] = prompt["prompt_token_ids"]

    def has_unfinished_requests(self):
        return bool(self.waiting)

    def abort_request(self, ids):
        for id in ids:
            self.waiting.pop(id, None)

    def step(self):
        assert threading.get_ident() == self.owner
        self.steps += 1
        if self.still is not None:
            self.still.wait(10)
        if self.steps == self.dies_at:
            raise RuntimeError("the core is dead. See above.")
        id = list(self.waiting)[-1]
        return [SimpleNamespace(request_id=id, finished=True, tokens=self.waiting.pop(id))]


def loop_of(ended: list, **keys) -> Loop:
    return Loop(lambda: StandIn(**keys), ended.append)


def asked(*tokens: int) -> list[Asked]:
    return [Asked([token], None) for token in tokens]


def test_answers_come_in_the_order_of_the_requests_from_any_thread():
    ended: list = []
    loop = loop_of(ended)
    with ThreadPoolExecutor(8) as threads:
        given = list(threads.map(lambda k: loop.answers(asked(*range(10 * k + 1, 10 * k + 10))), range(16)))
    assert [[output.tokens[0] for output in outputs] for outputs in given] == [
        list(range(10 * k + 1, 10 * k + 10)) for k in range(16)
    ]
    assert loop.answers([]) == []
    loop.close()
    loop.close()
    assert len(ended) == 1


def test_what_is_refused_takes_its_whole_batch_with_it_and_no_other():
    loop = loop_of([])
    with pytest.raises(EngineError, match=r"vLLM: token 0 is not allowed"):
        loop.answers(asked(1, 0, 2))
    assert loop.call(lambda engine: engine.waiting) == {}
    assert len(loop.answers(asked(3))) == 1
    with pytest.raises(EngineError, match="vLLM: no such thing"):
        loop.call(lambda engine: (_ for _ in ()).throw(LookupError("no such thing")))
    loop.close()


def test_alone_is_after_all_that_was_asked_and_before_what_comes():
    still = threading.Event()
    loop = loop_of([], still=still)
    with ThreadPoolExecutor(3) as threads:
        before = threads.submit(loop.answers, asked(1, 2, 3))
        while not loop._waiting:
            threading.Event().wait(0.01)
        alone = threads.submit(loop.call, lambda engine: (engine.steps, dict(engine.waiting)), alone=True)
        while loop._inbox.empty():
            threading.Event().wait(0.01)
        after = threads.submit(loop.answers, asked(4))
        still.set()
        assert alone.result(10) == (3, {})
        assert len(before.result(10)) == 3 and len(after.result(10)) == 1
    loop.close()


def test_an_engine_that_dies_fails_all_who_wait_and_all_who_come_later():
    ended: list = []
    still = threading.Event()
    loop = loop_of(ended, dies_at=3, still=still)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(loop.answers, asked(1, 2, 3, 4))
        while not loop._waiting:
            threading.Event().wait(0.01)
        alone = threads.submit(loop.call, lambda engine: engine.steps, alone=True)
        still.set()
        for one in (first, alone):
            with pytest.raises(EngineError, match="vLLM stopped"):
                one.result(10)
    for _ in range(2):
        with pytest.raises(EngineError, match=r"vLLM stopped \(.*the core is dead.*\); resume the run"):
            loop.answers(asked(1, 2, 3, 4))
    with pytest.raises(EngineError, match="vLLM stopped"):
        loop.call(lambda engine: engine.steps)
    loop.close()
    assert len(ended) == 1


def test_closing_fails_what_waits():
    still = threading.Event()
    loop = loop_of([], still=still)
    with ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(loop.answers, asked(1, 2, 3))
        while not loop._waiting:  # until the loop has taken them
            threading.Event().wait(0.01)
        closing = threads.submit(loop.close)
        while loop._inbox.empty():
            threading.Event().wait(0.01)
        still.set()
        with pytest.raises(EngineError, match="closed while it was asked"):
            waiting.result(10)
        closing.result(10)
    with pytest.raises(EngineError, match="closed"):
        loop.answers(asked(1))


def test_what_fails_to_start_is_raised_where_it_was_started():
    def make():
        raise OSError("no such model")

    with pytest.raises(OSError, match="no such model"):
        Loop(make, lambda engine: None)
