"""The engine without a model keeps the contract; engines that do not are caught by the suite."""

from __future__ import annotations

import time
from contextlib import contextmanager

import numpy as np
import pytest

from modelswarms import ExpertSpace, zoo
from modelswarms.engines import ScriptedEngine
from modelswarms.testing import check_engine
from modelswarms.types import LoglikelihoodRequest, Request

PROMPTS = ["one two", "three"]


@pytest.fixture(scope="module")
def space():
    return ExpertSpace.load(dict(list(zoo.expert_paths().items())[:2]))


def answer(prompt, coefficients):
    return f"{(prompt.split() or ['nothing'])[-1]} {coefficients[0]:.2f} end"


def test_the_contract(space):
    check_engine(ScriptedEngine(answer), space, PROMPTS)
    check_engine(ScriptedEngine(answer, slots=3), space, PROMPTS)
    check_engine(ScriptedEngine(answer, slots=2, lanes=5), space, PROMPTS)


def test_what_is_scripted_is_answered(space):
    engine = ScriptedEngine(answer, block_tokens=9)
    engine.start(space)
    assert engine.block_tokens == 9
    assert engine.count_tokens(["", "a b", "c"]) == [0, 2, 1]
    with engine.bind(np.array([0.5, 0.25])) as model:
        (response,) = model.generate([Request("say it", stop=(" end", "5"))])
        assert (response.text, response.prompt_tokens, response.new_tokens) == ("it 0.", 2, 2)
        sure, unsure = model.loglikelihood(
            [LoglikelihoodRequest("it", "it 0.50 end"), LoglikelihoodRequest("it", "no")]
        )
        assert (sure.logprob, sure.is_greedy, sure.tokens) == (0.0, True, 3)
        assert (unsure.logprob, unsure.is_greedy) == (-10.0, False)
        assert model.render_chat([{"role": "user", "content": "hello"}]) == "user: hello\nassistant:"
    with engine.bind(None) as model:
        assert model.generate([Request("it")])[0].text == "it 0.00 end"


class Broken(ScriptedEngine):
    """A scripted engine with one promise broken."""

    def __init__(self, broken):
        super().__init__(answer, slots=3 if broken == "shared" else 1)
        self.broken, self.last = broken, None

    def count_tokens(self, texts):
        lengths = super().count_tokens(texts)
        return {"lengths": lengths[:-1], "order of lengths": sorted(lengths)}.get(self.broken, lengths)

    @contextmanager
    def bind(self, coefficients):
        if self.broken == "start" and self._space is None:
            yield Loose(self, None)
            return
        if self.broken == "wrong" and coefficients is not None:
            coefficients = np.resize(np.nan_to_num(coefficients), self._space.n)
        if self.broken == "residue" and self.last is not None and coefficients is not None:
            coefficients = coefficients + 0.5 * self.last
        if self.broken == "changed" and coefficients is not None:
            coefficients *= 2
        if self.broken == "shared" and coefficients is not None:
            self.latest = coefficients
            time.sleep(0.02)
            coefficients = self.latest
        self.last = None if coefficients is None else np.reshape(coefficients, -1).copy()
        with super().bind(coefficients) as model:
            yield Loose(self, model)

    def close(self):
        if self.broken == "twice" and self._space is None:
            raise RuntimeError("closed already")
        super().close()


class Loose:
    """A bound model that breaks the promise its engine names."""

    def __init__(self, engine, model):
        self.broken, self.model, self.last = engine.broken, model, engine.last

    def generate(self, requests):
        if self.model is None:
            return []
        if self.broken == "released":
            self.model.released = False
        answers = self.model.generate(requests)
        return {"order": sorted(answers, key=str), "one": answers[:1]}.get(self.broken, answers)

    def loglikelihood(self, requests):
        answers = self.model.loglikelihood(requests)
        if self.broken == "order of logprobs":
            return [type(a)(-float(k), False, 1) for k, a in enumerate(answers)]
        return answers


@pytest.mark.parametrize(
    ("broken", "says"),
    [("start", "before the start"), ("lengths", "a length a text"), ("order of lengths", "length is its own"),
     ("one", "an answer a request"), ("order", "order of the requests"),
     ("order of logprobs", "log-probabilities come"),
     ("residue", "has no say"), ("shared", "whichever thread binds it"), ("changed", "not changed"),
     ("released", "that was left"),
     ("wrong", "n finite numbers")],
)  # fmt: skip
def test_a_broken_promise_is_named(space, broken, says):
    with pytest.raises(AssertionError, match=f"broken promise: .*{says}"):
        check_engine(Broken(broken), space, PROMPTS)


def test_closing_twice_is_tried(space):
    with pytest.raises(RuntimeError, match="closed already"):
        check_engine(Broken("twice"), space, PROMPTS)


def test_an_unbroken_one_passes(space):
    check_engine(Broken("nothing"), space, PROMPTS)
