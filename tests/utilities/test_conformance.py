"""Every kind keeps the contract of utilities; and the suite that says so finds those that break it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from every_kind import KEYS, made_ready
from judge_server import KEY, JudgeServer
from modelswarms.testing import check_utility
from modelswarms.types import Example, Loglikelihood, Response, Score
from modelswarms.utilities import load_utility
from modelswarms.utilities.abilities import loaded, opened

EXAMPLES = [Example(str(k), f"What is {k}?", str(k), extra={"k": k}) for k in range(4)]


class Steady:
    """A model whose answer is a matter of the prompt alone."""

    def generate(self, requests):
        return [Response(("The answer is A.", "B", "I cannot say", "12")[len(r.prompt) % 4]) for r in requests]

    def loglikelihood(self, requests):
        return [Loglikelihood(-1.0 - len(r.continuation) % 5, False, 2, 1) for r in requests]

    def render_chat(self, messages, *, continue_last=False):
        return "\n".join(message["content"] for message in messages)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return made_ready(tmp_path_factory.mktemp("place"))


@pytest.mark.parametrize("name", [*KEYS, "reward_model, measured"])
def test_every_kind_keeps_the_contract(name, place, monkeypatch, tmp_path):
    measured = name == "reward_model, measured"
    keys = {**KEYS["reward_model"][0], "normalisation": "measured"} if measured else KEYS[name][0]
    with JudgeServer(lambda body: f"Rating: {1 + len(body['messages'][0]['content']) % 9}/10") as judge:
        if name == "judge":
            monkeypatch.setenv("OPENAI_API_KEY", KEY)
            keys = {**keys, "remote": {"base_url": judge.address}}
        utility, data = load_utility(keys, Path(place))
        loaded(utility)
        with opened(utility, tmp_path):
            check_utility(utility, data.dev, Steady())


class Good:
    """A share of answers of an even length."""

    name, range = "good", (0.0, 1.0)

    def prompt(self, example):
        return example.question

    def score(self, examples, model):
        return [Score(float(len(e.question) % 2), "x") for e in examples]

    def aggregate(self, scores):
        return math.fsum(scores) / len(scores)


class Sorted(Good):
    def score(self, examples, model):
        return sorted(super().score(examples, model), key=lambda score: score.value)


class Crowded(Good):
    def score(self, examples, model):
        return [Score(1 / len(examples)) for _ in examples]


class Fickle(Good):
    def prompt(self, example):
        self.asked = getattr(self, "asked", 0) + 1
        return f"{example.question} {self.asked}"


class Meddling(Good):
    def score(self, examples, model):
        for example in examples:
            example.extra["seen"] = True
        return super().score(examples, model)


class Beyond(Good):
    def aggregate(self, scores):
        return 1 + math.fsum(scores)


class Short(Good):
    def score(self, examples, model):
        return super().score(examples, model)[1:]


class Backwards(Good):
    range = (1.0, 0.0)


class Empty(Good):
    def score(self, examples, model):
        return [Score(math.nan) for _ in examples]


class Insatiable(Good):
    needs_constants = True

    def measure(self, examples, model):
        return [{} for _ in examples]

    def constants_from(self, measured):
        return {}

    def with_constants(self, constants):
        return self


BROKEN = {
    Sorted: "in the order of the examples",
    Crowded: "what else is in the block",
    Fickle: "the same each time",
    Meddling: "the examples are not changed",
    Beyond: "within the range",
    Short: "one score an example",
    Backwards: "the lower first",
    Empty: "scores are finite",
    Insatiable: "needs no more",
}


def test_a_good_one_passes():
    check_utility(Good(), EXAMPLES, Steady())


@pytest.mark.parametrize("cls", BROKEN, ids=lambda cls: cls.__name__)
def test_what_breaks_the_contract_is_found(cls):
    examples = [replace(e, question=e.question + "x" * k, extra=dict(e.extra)) for k, e in enumerate(EXAMPLES[:3])]
    with pytest.raises(AssertionError, match=BROKEN[cls]):
        check_utility(cls(), examples, Steady())
