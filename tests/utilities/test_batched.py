"""Every kind asks for a block of examples at once: how often it asks does not depend on how many there are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from every_kind import CLASSIFIER, DATA, GENERATE, KEYS, LOGLIKELIHOOD, REMOTE, made_ready
from judge_server import KEY, JudgeServer
from modelswarms.remote import Remote
from modelswarms.scoring import score_blocks
from modelswarms.types import Loglikelihood, Response
from modelswarms.utilities import KINDS, load_utility
from modelswarms.utilities.abilities import Calibrated, abilities_of, loaded, opened, with_constants
from modelswarms.utilities.classifiers import Classifier


@pytest.fixture(scope="module")
def judge():
    """A service that finds everything good."""
    with JudgeServer(lambda body: "Rating: 7/10") as server:
        yield server


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Data, code, tasks and a classifier."""
    return made_ready(tmp_path_factory.mktemp("place"))


class Counting:
    """A model that answers anything, and counts."""

    def __init__(self):
        self.calls = Counter()

    def generate(self, requests):
        self.calls[GENERATE] += 1
        return [Response("The answer is A, which is 12.") for _ in requests]

    def loglikelihood(self, requests):
        self.calls[LOGLIKELIHOOD] += 1
        return [Loglikelihood(-1.0 - k, False, 2, 1) for k, _ in enumerate(requests)]

    def render_chat(self, messages, *, continue_last=False):
        return "\n".join(message["content"] for message in messages)


def counted(monkeypatch, model, whom, cls, *names):
    """Counts calls of a class's methods, too, as of ``whom``."""
    for name in names:
        inner = getattr(cls, name)

        def method(self, *args, inner=inner, **keys):
            model.calls[whom] += 1
            return inner(self, *args, **keys)

        monkeypatch.setattr(cls, name, method)


def test_no_kind_is_left_out():
    assert {name.partition(",")[0] for name in KEYS} == set(KINDS)


@pytest.mark.parametrize("name", KEYS)
def test_a_block_is_asked_for_at_once(name, place, judge, monkeypatch, tmp_path):
    keys, wanted = KEYS[name]
    if name == "judge":
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        keys = {**keys, "remote": {"base_url": judge.address}}
    utility, data = load_utility(keys, Path(place))
    loaded(utility)
    model = Counting()
    counted(monkeypatch, model, CLASSIFIER, Classifier, "logits", "probabilities")
    counted(monkeypatch, model, REMOTE, Remote, "ask")
    task = data.dev[0].task
    same = [k for k, example in enumerate(data.dev) if example.task == task]
    with opened(utility, tmp_path):
        for many in (1, 3, len(same)):
            model.calls.clear()
            scores = score_blocks(utility, [data.dev[k] for k in same[:many]], [range(many)], model)
            assert len(scores) == many
            assert dict(model.calls) == wanted, f"a block of {many}"


def test_figures_are_measured_a_block_at_a_time(place, monkeypatch):
    utility, data = load_utility({"kind": "reward_model", "model": "scorer", **DATA}, Path(place))
    able = abilities_of(utility)
    assert isinstance(able, Calibrated)
    loaded(utility)
    model = Counting()
    counted(monkeypatch, model, CLASSIFIER, Classifier, "logits", "probabilities")
    measured = able.measure(data.dev, model)
    assert dict(model.calls) == {GENERATE: 1, CLASSIFIER: 1}
    assert with_constants(utility, able.constants_from([measured])).name == utility.name
