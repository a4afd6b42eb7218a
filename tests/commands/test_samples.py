"""Samples of the published data, each through ``evaluate`` with the zoo's base: its scores are poor, and true."""

from __future__ import annotations

import json

import pytest

from modelswarms import evaluate
from modelswarms.utilities import NAMED
from scorers import save_scorer

FILES = (
    "citation_prediction_classification gsm8k hearsay hellaswag human_cartoons human_phd_application "
    "knowledge_crosswords medmcqa medqa mmlu mmlu_pro nlgraph normad_country normad_value rm scifact stem truthfulqa"
).split()
ITEMS = 2


def names_of(file: str) -> list[str]:
    """The utilities that are about a published data set."""
    return [name for name, named in NAMED.items() if (named.data or name) == file and not named.keys.get("parts")]


CASES = [names_of(file)[0] for file in FILES if names_of(file)]


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    """A small reward model."""
    return str(save_scorer(tmp_path_factory.mktemp("scorer") / "scorer", lambda token: float(len(token))))


def test_every_sample_has_a_name(shared):
    assert sorted(path.stem for path in (shared / "data" / "eval").glob("*.json")) == sorted(FILES)
    assert [file for file in FILES if not names_of(file)] == []


@pytest.mark.parametrize("name", CASES)
def test_a_sample_is_evaluated(name, shared, scorer):
    path = shared / "data" / "eval" / f"{NAMED[name].data or name}.json"
    keys = {"kind": name, "data": {"file": str(path), "dev_size": ITEMS}}
    if NAMED[name].kind == "reward_model":
        keys |= {"model": scorer, "dtype": "float32", "max_new_tokens": 8, "allow_harmful": True}
    if name == "gsm8k":
        keys |= {"max_new_tokens": 20}
    (measured,) = evaluate(utility=keys, expert="base", split="dev", engine={"device": "cpu", "threads": 1})
    assert measured.utility == name
    assert measured.examples == ITEMS
    low, high = {"reward_model": (-1, 1)}.get(NAMED[name].kind, (0, 1))
    assert low <= measured.value <= high
    assert all(isinstance(answer["response"], str) for answer in measured.answers)
    known = {str(item.get("id", k)) for k, item in enumerate(json.loads(path.read_text())["dev"])}
    assert {answer["id"].partition(" (item")[0] for answer in measured.answers} <= known
