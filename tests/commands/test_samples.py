"""Samples of the published data, each through ``evaluate`` with the zoo's base: its scores are poor, and true."""

from __future__ import annotations

import json

import pytest

from judge_server import KEY, JudgeServer
from modelswarms import evaluate
from modelswarms.utilities import NAMED
from scorers import save_scorer

FILES = (
    "citation_prediction_classification", "gsm8k", "hearsay", "hellaswag", "human_cartoons", "human_phd_application",
    "knowledge_crosswords", "medmcqa", "medqa", "mmlu", "mmlu_pro", "nlgraph", "normad_country", "normad_value", "rm",
    "scifact", "stem", "truthfulqa",
)  # fmt: skip
ITEMS = 2


def names_of(file: str) -> list[str]:
    """The utilities that are about a published data set."""
    return [name for name, named in NAMED.items() if (named.data or name) == file and not named.keys.get("parts")]


CASES = [name for file in FILES for name in names_of(file) if not name.startswith("rm_") or name == "rm_concise"]
RANGES = {"abstention": (-1.0, 1.0), "judge": (1.0, 10.0)}


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    """A small reward model."""
    return str(save_scorer(tmp_path_factory.mktemp("scorer") / "scorer", lambda token: float(len(token))))


def test_every_sample_has_a_name(shared):
    assert sorted(path.stem for path in (shared / "data" / "eval").glob("*.json")) == sorted(FILES)
    assert [file for file in FILES if not names_of(file)] == []


@pytest.fixture(scope="module")
def judge():
    """A service that rates every answer 3."""
    with pytest.MonkeyPatch.context() as patch, JudgeServer(lambda body: "Rating: 3/10") as server:
        patch.setenv("OPENAI_API_KEY", KEY)
        yield server


def keys_of(name: str, scorer: str, judge: JudgeServer) -> dict:
    """What a name needs, and short answers: the base is asked, not admired."""
    kind = NAMED[name].kind
    if kind == "judge":
        return {"model": "judge-1", "remote": {"base_url": judge.address}, "max_new_tokens": 8}
    if kind == "reward_model":
        return {"model": scorer, "dtype": "float32", "max_new_tokens": 8}
    return {"max_new_tokens": 20} if name == "gsm8k" else {}


@pytest.mark.parametrize("name", CASES)
def test_a_sample_is_evaluated(name, shared, scorer, judge):
    path = shared / "data" / "eval" / f"{NAMED[name].data or name}.json"
    utility = {"kind": name, "data": {"file": str(path), "dev_size": ITEMS}, **keys_of(name, scorer, judge)}
    (measured,) = evaluate(utility=utility, expert="base", split="dev", engine={"device": "cpu", "threads": 1})
    assert measured.utility == name
    assert measured.examples == ITEMS
    low, high = RANGES.get(NAMED[name].kind, (0.0, 1.0))
    assert low <= measured.value <= high
    assert all(isinstance(answer["response"], str) for answer in measured.answers)
    known = {str(item.get("id", k)) for k, item in enumerate(json.loads(path.read_text())["dev"])}
    assert {answer["id"].partition(" (item")[0] for answer in measured.answers} <= known
