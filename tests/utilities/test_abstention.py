"""Abstention: two turns over a block, what each of them costs and gains, and the figures beside the value."""

from __future__ import annotations

import json
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelswarms import ConfigError, DataError, Example, evaluate, search
from modelswarms.engines import ScriptedEngine
from modelswarms.reports.statistics import mean_interval
from modelswarms.types import Response
from modelswarms.utilities import load_utility
from modelswarms.utilities.abilities import Parted
from modelswarms.utilities.abstention import ABSTAINS, Abstention
from modelswarms.utilities.multiple_choice import MultipleChoice

OPTIONS = {"A": "Paris", "B": "London"}
CITIES = [Example(str(k), f"The capital of country {k}?", "A", OPTIONS) for k in range(7)]


class Turns:
    """A model that says one list of texts after another, and remembers what it was asked."""

    def __init__(self, *turns):
        self.turns, self.asked = list(turns), []

    def generate(self, requests):
        self.asked.append(list(requests))
        said = self.turns[len(self.asked) - 1]
        assert len(said) == len(requests)
        return [Response(text) for text in said]

    def render_chat(self, messages):
        return "".join(f"[{m['role']}] {m['content']}" for m in messages) + "[assistant]"


def test_right_gains_wrong_costs_and_nothing_said_is_nothing():
    answers = [" A", "B.", "A", "B", "who knows", "who knows", "A"]
    verdicts = ["True", "true.", "False.", "The proposed answer is false", "True", "False", "maybe"]
    scores = Abstention().score(CITIES, Turns(answers, verdicts))
    assert [s.value for s in scores] == [1, -1, 0, 0, -1, 0, 1]
    assert [s.answer for s in scores] == ["A", "B", ABSTAINS, ABSTAINS, None, ABSTAINS, "A"]
    assert [s.parsed for s in scores] == [True, True, True, True, False, True, False]
    assert scores[3].response == "B\n[The proposed answer is false]"


def test_both_turns_are_asked_of_the_whole_block():
    model = Turns([" A\n"] * 7, ["True"] * 7)
    utility = Abstention()
    utility.score(CITIES, model)
    assert [len(asked) for asked in model.asked] == [7, 7]
    first, second = model.asked[0][0], model.asked[1][0]
    assert first.prompt == MultipleChoice().prompt(CITIES[0]) == utility.prompt(CITIES[0])
    assert second.prompt == (
        f"{first.prompt}\nProposed answer: A\nIs the proposed answer true or false? Say only true or false:"
    )
    assert (first.max_new_tokens, second.max_new_tokens) == (10, 10)


def test_in_a_chat_it_is_a_second_turn():
    model = Turns(["B it is"], ["False"])
    utility = Abstention(chat=True, system="Be brief.", reflection="Is {answer} true?", instruction=None)
    utility.score(CITIES[:1], model)
    asked = f"[system] Be brief.[user] {utility.filled(CITIES[0])}"
    assert [requests[0].prompt for requests in model.asked] == [
        f"{asked}[assistant]",
        f"{asked}[assistant] B it is[user] Is B it is true?[assistant]",
    ]
    assert not any(requests[0].special_tokens for requests in model.asked)


def test_compat_is_the_originals_rule():
    """A letter near the ends; an abstention wherever "false" is."""
    scores = Abstention(parsing="compat").score(CITIES[:2], Turns(["Answer: B", "B"], ["True, not false", "I wonder"]))
    assert [(s.value, s.answer) for s in scores] == [(0, ABSTAINS), (-1, "B")]
    strict = Abstention().score(CITIES[:2], Turns(["Answer: B", "B"], ["True, not false", "I wonder"]))
    assert [(s.value, s.answer) for s in strict] == [(-1, "B"), (-1, "B")]


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1))
def test_the_value_is_made_of_the_share_answered_and_its_accuracy(values):
    utility = Abstention()
    assert isinstance(utility, Parted)
    examples = [CITIES[0]] * len(values)
    parts = utility.parts(examples, values)
    right, wrong = values.count(1.0), values.count(-1.0)
    assert utility.aggregate(values) == pytest.approx((right - wrong) / len(values))
    assert utility.combine(parts) == pytest.approx(utility.aggregate(values))
    assert parts["answered"] == (right + wrong) / len(values)
    assert parts.get("accuracy") == (right / (right + wrong) if right + wrong else None)
    assert utility.range == (-1, 1)


@pytest.mark.parametrize(
    ("keys", "error", "says"),
    [
        ({"reflection": "True or false?"}, ConfigError, "utility.reflection: 'True or false?' has no {answer}"),
        ({"max_new_tokens": 0}, ConfigError, "utility.max_new_tokens"),
        ({"parsing": "lenient"}, ConfigError, "utility.parsing: 'lenient' is not allowed"),
        ({"template": "no"}, ConfigError, "utility.template"),
        ({"by": "likelihood"}, ConfigError, "unknown key 'utility.by'"),
        ({"data": "open.json"}, DataError, "dev[0] has no 'choices'"),
    ],
)
def test_mistakes_are_named(keys, error, says, tmp_path):
    item = {"question": "q", "choices": OPTIONS, "answer": "A"}
    (tmp_path / "mine.json").write_text(json.dumps({"dev": [item]}))
    (tmp_path / "open.json").write_text(json.dumps({"dev": [{"question": "q", "answer": "A"}]}))
    with pytest.raises(error) as caught:
        load_utility({"kind": "abstention", "data": "mine.json", **keys}, tmp_path)
    assert says in str(caught.value)


def test_the_name_takes_the_published_questions(shared):
    path = str(shared / "data" / "eval" / "mmlu.json")
    utility, data = load_utility({"kind": "abstain_mmlu", "data": path}, shared)
    assert (utility.name, len(data.dev)) == ("abstain_mmlu", 200)
    (measured,) = evaluate(
        utility={"kind": "abstain_mmlu", "data": path}, expert="base", engine=ScriptedEngine(lambda *_: "A, true")
    )
    right = sum(e.answer == "A" for e in data.test)
    assert measured.value == pytest.approx((2 * right - len(data.test)) / len(data.test))
    assert measured.parts["answered"] == {"value": 1.0, "ci": None}
    assert measured.ci is not None


def test_a_search_shows_the_figures_beside_the_value_and_how_sure_it_is(tmp_path):
    items = [{"question": f"item {k}?", "choices": OPTIONS, "answer": "AB"[k % 2], "id": k} for k in range(24)]
    (tmp_path / "mine.json").write_text(json.dumps({"dev": items[:12], "test": items[12:]}))

    def answer(prompt, coefficients):
        item = int(prompt.split("item ")[1].split("?")[0])
        known = item % 6 < 6 * (1 - abs(coefficients[0] - 0.8) - abs(coefficients[1] - 0.6))
        if "Proposed" not in prompt:
            return "AB"[item % 2] if known else "A"
        return "True" if known or coefficients[2] < 0.3 else "False"

    result = search(
        utility={"kind": "abstention", "data": str(tmp_path / "mine.json")},
        swarm={"particles": 11, "max_iterations": 2},
        run_dir=str(tmp_path / "run"),
        rescore=False,
        engine=ScriptedEngine(answer),
    )
    parts = result.best["parts"]["test"]
    value, answered = result.best["test"], parts["answered"]["value"]
    assert value == pytest.approx(answered * (2 * parts["accuracy"]["value"] - 1))
    records = [json.loads(line) for line in (result.run_dir / "journal.jsonl").read_text().splitlines()]
    (tested,) = [r for r in records if r.get("split") == "test" and r.get("candidate") == result.best["candidate"]]
    assert tuple(result.best["test_ci"]) == pytest.approx(mean_interval(tested["scores"]))
    assert statistics.fmean(tested["scores"]) == pytest.approx(value)
    assert result.difference["ci"] is not None
    report = (result.run_dir / "report.html").read_text()
    assert "answered" in report and "accuracy" in report and "The value is the mean of all scores" in report


def test_the_zoo_runs_through_it(tmp_path):
    """Its scores are poor and true: both turns are its own."""
    items = [{"question": f"1 + {k}?", "choices": {"A": "1", "B": "2"}, "answer": "B", "id": k} for k in range(3)]
    (tmp_path / "mine.json").write_text(json.dumps({"dev": items, "test": items}))
    spec = {"kind": "abstention", "data": str(tmp_path / "mine.json")}
    (measured,) = evaluate(utility=spec, expert="base", split="dev")
    assert {a["score"] for a in measured.answers} <= {-1.0, 0.0, 1.0}
    assert all("\n[" in a["response"] for a in measured.answers)
