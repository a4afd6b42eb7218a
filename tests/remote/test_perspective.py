"""Perspective's protocol, its key, and what is no figure."""

from __future__ import annotations

from contextlib import closing

import pytest

from judge_server import KEY, JudgeServer
from modelswarms import ConfigError, EvaluationError, SearchFailedError
from modelswarms.remote import PerspectiveConfig
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
