"""Toxicity: the first line's, by a classifier; silence is neither rewarded nor punished."""

from __future__ import annotations

import json
import math
from contextlib import closing

import pytest

from judge_server import KEY, JudgeServer
from modelswarms import ConfigError, EvaluationError, Example, resume, search
from modelswarms.engines import ScriptedEngine
from modelswarms.types import Request, Response
from modelswarms.utilities import load_utility
from modelswarms.utilities.abilities import Metered, Opened
from modelswarms.utilities.toxicity import Toxicity, ToxicityScorer
from scorers import mean_weight, save_scorer

AWFUL = "you are awful, all of you"
TEXTS = [AWFUL, " you are kind\nand then awful", "\nawful awful awful", "too short", "tenletters", ""]
EXAMPLES = [Example(str(k), f"And then he said: {k}") for k in range(len(TEXTS))]


class Parrot:
    def __init__(self):
        self.asked = []

    def generate(self, requests):
        self.asked += requests
        return [Response(text) for text in TEXTS]


def bad(token: str) -> float:
    return 8.0 if token == "<0x77>" else -1.0  # the byte w


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_scorer(tmp_path_factory.mktemp("scorer") / "bad", bad, labels=["toxic"])


def test_first_lines_are_scored_and_silence_counts_one_half(folder):
    model = Parrot()
    scores = Toxicity(model=str(folder), dtype="float32", stop=("!",)).score(EXAMPLES, model)
    first = [TEXTS[0], " you are kind", None, None, "tenletters", None]
    expected = [0.5 if line is None else 1 - sigmoid(mean_weight(line, bad)) for line in first]
    assert [s.value for s in scores] == pytest.approx(expected, abs=1e-5)
    assert model.asked[0] == Request("And then he said: 0", 20, ("!", "\n"))
    assert scores[1].response == " you are kind" and scores[1].answer == f"toxicity {1 - expected[1]:.3f}"
    assert scores[3].answer == "under 10 characters" and scores[3].parsed
    assert Toxicity(model=str(folder)).range == (0, 1)


def test_a_label_is_found_by_its_usual_names(tmp_path):
    """unitary/toxic-bert has six that do not exclude each other, s-nlp's classifier two that do."""
    several = save_scorer(
        tmp_path / "a", bad, slopes=(1, 5, 5), labels=("toxic", "obscene", "threat"),
        problem_type="multi_label_classification",
    )  # fmt: skip
    two = save_scorer(tmp_path / "b", bad, slopes=(-1, 1), labels=("neutral", "Toxicity"))
    line = TEXTS[0]
    for made, logit in ((several, mean_weight(line, bad)), (two, 2 * mean_weight(line, bad))):
        score = Toxicity(model=str(made), dtype="float32").score(EXAMPLES, Parrot())[0]
        assert score.value == pytest.approx(1 - sigmoid(logit), abs=1e-4)
    unknown = save_scorer(tmp_path / "c", bad, slopes=(-1, 1), labels=("fine", "vile"))
    with pytest.raises(ConfigError, match=r"utility\.label: .* has 2 labels, .* one of fine, vile"):
        Toxicity(model=str(unknown)).load()
    Toxicity(model=str(unknown), label="vile").load()


def test_a_scorer_beyond_the_range_is_an_error(folder, monkeypatch):
    class Wrong:
        def toxicity(self, texts):
            return [1.5 for _ in texts]

    assert isinstance(Wrong(), ToxicityScorer)
    monkeypatch.setattr(Toxicity, "_judge", lambda self: Wrong())
    with pytest.raises(EvaluationError, match="is not between 0 and 1"):
        Toxicity(model=str(folder)).score(EXAMPLES, Parrot())


def test_silence_alone_needs_no_scorer(folder):
    utility = Toxicity(model=str(folder))

    class Silent:
        def generate(self, requests):
            return [Response("no") for _ in requests]

    assert [s.value for s in utility.score(EXAMPLES[:2], Silent())] == [0.5, 0.5]
    assert utility.held._loaded is None


def test_the_name(folder, tmp_path):
    (tmp_path / "rtp.json").write_text('{"dev": [{"prompt": "He said", "id": 1}]}')
    utility, _ = load_utility({"kind": "realtoxicityprompts", "data": "rtp.json", "model": str(folder)}, tmp_path)
    assert (utility.name, utility.max_new_tokens, utility.scorer) == ("realtoxicityprompts", 20, "local")


def by_service(server, **keys):
    remote = {"base_url": server.address, "requests_per_minute": None, "timeout": 10.0, **keys}
    return {"kind": "toxicity", "scorer": "perspective", "remote": remote, "model": "./nowhere"}


def test_perspective_is_asked_where_it_is_wanted_and_no_classifier_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("PERSPECTIVE_API_KEY", KEY)
    (tmp_path / "rtp.json").write_text('{"dev": [{"prompt": "He said", "id": 1}]}')
    with JudgeServer() as server:
        utility, _ = load_utility({**by_service(server), "data": "rtp.json"}, tmp_path)
        assert isinstance(utility, Metered) and isinstance(utility, Opened)
        utility.load()
        utility.open(tmp_path / "run")
        with closing(utility):
            scores = utility.score(EXAMPLES, Parrot())
        spoken = [AWFUL, " you are kind", "tenletters"]
        assert [s.value for s in scores if s.answer.startswith("toxicity")] == [
            pytest.approx(1 - sum(c in "aeiou" for c in line) / len(line)) for line in spoken
        ]
        assert server.requests == utility.usage()["requests"] == 3
    assert utility.fingerprint is None


def test_a_search_asks_perspective_nothing_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("PERSPECTIVE_API_KEY", KEY)
    items = [{"prompt": f"item {k}", "id": k} for k in range(10)]
    (tmp_path / "rtp.json").write_text(json.dumps({"dev": items[:6], "test": items[6:]}))

    def answer(prompt, coefficients):
        vowels = round(6 * min(1, abs(coefficients[0] - 0.8) + abs(coefficients[1] - 0.6)))
        return "a" * vowels + "x" * (12 - vowels) + prompt[-1]

    with JudgeServer() as server:
        result = search(
            utility={**by_service(server), "data": str(tmp_path / "rtp.json")},
            swarm={"particles": 11, "max_iterations": 1},
            run_dir=str(tmp_path / "run"),
            rescore=False,
            engine=ScriptedEngine(answer),
        )
        run, asked = result.run_dir, server.requests
        assert max(server.answered.values()) == 1
        journal = run / "journal.jsonl"
        whole = journal.read_bytes()
        journal.write_bytes(b"".join(whole.splitlines(keepends=True)[:9]))
        resume(run, engine=ScriptedEngine(answer))
        assert journal.read_bytes() == whole and server.requests == asked
    assert KEY.encode() not in whole and "PERSPECTIVE_API_KEY" not in whole.decode()
    timing = json.loads((run / "timing.json").read_text())
    assert timing["remote"]["requests"] == asked


def test_perspective_without_a_key_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("PERSPECTIVE_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="PERSPECTIVE_API_KEY is not set"):
        Toxicity(scorer="perspective")
