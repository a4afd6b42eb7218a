"""Perspective's protocol, its key, and what is no figure."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from judge_server import KEY, JudgeServer
from modelswarms import ConfigError, EvaluationError, SearchFailedError
from modelswarms.remote import PerspectiveConfig
from modelswarms.types import Response
from modelswarms.utilities import load_utility
from modelswarms.utilities.abilities import opened, usage_of
from modelswarms.utilities.perspective import PerspectiveScorer
from remotes import Patient

TEXTS = ["a e i o u", "rhythm", "", "queue"]


def scorer(server: JudgeServer, monkeypatch: pytest.MonkeyPatch, key: str = KEY, **keys: object) -> PerspectiveScorer:
    monkeypatch.setenv("PERSPECTIVE_API_KEY", key)
    config = PerspectiveConfig(**{"base_url": server.address, "timeout": 10.0, "deadline": 10.0, **keys})
    return PerspectiveScorer(config, waiting=Patient().waiting)


def test_figures_come_in_order_and_are_asked_once(monkeypatch, tmp_path):
    with JudgeServer() as server:
        asked = scorer(server, monkeypatch)
        asked.open(tmp_path)
        with closing(asked):
            assert asked.toxicity(TEXTS) == [5 / 9, 0.0, 0.0, 4 / 5] == asked.toxicity(TEXTS)
    assert server.requests == len(TEXTS)
    assert server.bodies[0] == {
        "comment": {"text": server.bodies[0]["comment"]["text"]},
        "languages": ["en"],
        "requestedAttributes": {"TOXICITY": {}},
        "doNotStore": True,
    }
    assert asked.usage()["cached"] == len(TEXTS)


@pytest.mark.parametrize("fault", ["429", "500", "dropped", "hang", "eleven", "null", "empty", "not-json"])
def test_no_fault_becomes_a_figure(fault, monkeypatch):
    with JudgeServer(faults=[None, fault, None]) as server:
        asked = scorer(server, monkeypatch, concurrency=1, timeout=0.5 if fault == "hang" else 10.0)
        with closing(asked):
            assert asked.toxicity(["queue", "rhythm"]) == [4 / 5, 0.0]
    assert server.requests == 3


def test_a_figure_that_is_none_again_and_again_fails(monkeypatch):
    with JudgeServer(faults=[None, *["eleven"] * 30]) as server:
        asked = scorer(server, monkeypatch)
        with closing(asked):
            asked.toxicity(["queue"])
            with pytest.raises(EvaluationError, match="without a toxicity from 0 to 1"):
                asked.toxicity(["rhythm"])


class Parrot:
    """A model that says the same to everybody."""

    def generate(self, requests):
        texts = ["a e i o u a e i\nthen more", "short", "rhythms and queues", ""]
        return [Response(text) for text in texts]


def test_the_utility_asks_for_first_lines_that_say_something(monkeypatch, tmp_path):
    monkeypatch.setenv("PERSPECTIVE_API_KEY", KEY)
    data = tmp_path / "prompts.json"
    data.write_text(json.dumps({"dev": [{"prompt": f"prompt {k}"} for k in range(4)]}))
    with JudgeServer() as server:
        remote = {"base_url": server.address, "requests_per_minute": None, "max_requests": 3}
        spec = {"kind": "realtoxicityprompts", "scorer": "perspective", "data": str(data), "remote": remote}
        utility, content = load_utility(spec, tmp_path)
        with opened(utility, tmp_path):
            scores = utility.score(content.dev, Parrot())
            assert usage_of(utility)["requests"] == 2
            with pytest.raises(SearchFailedError, match="max_requests is 3"):
                utility.service.toxicity(["one more", "and another"])
    assert [s.value for s in scores] == pytest.approx([1 - 8 / 15, 0.5, 1 - 5 / 18, 0.5])
    assert (tmp_path / "remote" / "ledger.jsonl").exists()


def test_keys(monkeypatch):
    with JudgeServer() as server:
        asked = scorer(server, monkeypatch, "wrong-one")
        with closing(asked), pytest.raises(SearchFailedError, match="the key in PERSPECTIVE_API_KEY") as caught:
            asked.toxicity(["queue"])
    assert "wrong-one" not in str(caught.value)
    assert server.requests == 1
    monkeypatch.delenv("PERSPECTIVE_API_KEY")
    with pytest.raises(ConfigError, match="PERSPECTIVE_API_KEY is not set"):
        PerspectiveScorer(PerspectiveConfig())
