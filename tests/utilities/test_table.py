"""Utilities by name, by kind and from one's own file."""

import json
import re
import sys
from pathlib import Path

import pytest

from modelswarms import ConfigError, DataError, EvaluationError, Example
from modelswarms.types import Request, Response, Score
from modelswarms.utilities import ExactMatch, load_utility


class Parrot:
    """A model that answers from a list and remembers what it was asked."""

    def __init__(self, *texts):
        self.texts, self.asked = texts, []

    def generate(self, requests):
        self.asked += requests
        return [Response(text) for text in self.texts]

    def render_chat(self, messages):
        return f"<{messages[0]['content']}>"


def load(spec, folder, data_file):
    return load_utility({"data": str(data_file), **spec}, folder)


def test_exact_match_scores_and_counts():
    examples = [Example(str(k), f"q{k}", answer) for k, answer in enumerate(("Yes", "12", "1000", "3"))]
    model = Parrot("No", "12 or 1", "1,000.", "who knows")
    scores = ExactMatch(max_new_tokens=4, template="Q {question}{x}").score(examples, model)
    assert [s.value for s in scores] == [0, 1, 1, 0]
    assert [s.parsed for s in scores] == [True, True, True, False]
    assert scores[3].response == "who knows"
    assert model.asked[0] == Request("Q q0{x}", 4)
    assert ExactMatch().aggregate([s.value for s in scores]) == 0.5


def test_chat_goes_through_the_template():
    model = Parrot("1")
    ExactMatch(chat=True).score([Example("0", "one?", "1")], model)
    assert model.asked == [Request("<one?>", 10, special_tokens=False)]


def test_an_example_without_answer_fails_by_name():
    with pytest.raises(EvaluationError, match="example e7"):
        ExactMatch().score([Example("e7", "?")], Parrot("1"))


WRONG = [
    ({}, "utility.kind: not given; write one of abstention, exact_match, function"),
    ({"kind": "exact_mach"}, "'exact_match'"),
    ({"kind": "exact_match", 5: 3}, "'utility.5'"),
    ({"kind": "exact_match", "max_tokens": 3}, "'max_new_tokens'"),
    ({"kind": "exact_match", "max_new_tokens": "3"}, "utility.max_new_tokens"),
    ({"kind": "exact_match", "max_new_tokens": 0}, "utility.max_new_tokens"),
    ({"kind": "exact_match", "stop": "x"}, "utility.stop"),
    ({"kind": "exact_match", "stop": [""]}, "utility.stop"),
    ({"kind": "exact_match", "template": "none"}, "utility.template"),
    ({"kind": "exact_match", "chat": "yes"}, "utility.chat"),
    ({"kind": "exact_match", "which": "middle"}, "utility.which"),
    ({"kind": "function"}, "utility.target"),
    ({"kind": "function", "target": "mine"}, "module:attribute"),
    ({"kind": "function", "target": "no_such_module_here:f"}, "no_such_module_here"),
    ({"kind": "function", "target": "mine:scor"}, "'score'"),
    ({"kind": "function", "target": "mine:NUMBER"}, "is a number"),
    ({"kind": "function", "target": "mine:Half"}, "lacks"),
    ({"kind": "function", "target": "mine:Needy"}, "without arguments"),
    ({"kind": "function", "target": "torn:f"}, "line 2"),
    ({"kind": "function", "target": "needs:f"}, "a_package_nobody_has"),
    ({"kind": "function", "target": "raises:f"}, "raises.py, line 2 (ZeroDivisionError"),
    ({"kind": "function", "target": "leaves:f"}, "leaves.py, line 1 (SystemExit"),
    ({"kind": "function", "target": "min:score"}, "did you mean 'mine'?"),
    ({"kind": "function", "target": "mine:Broken"}, "mine:Broken failed (ValueError: no key)"),
    ({"kind": "function", "target": "mine:Endless"}, "mine:Endless.range is (0, inf)"),
    ({"kind": "function", "target": "mine:Nameless"}, "mine:Nameless.name is 7"),
    ({"kind": "function", "tarket": "mine:score"}, "'target'"),
]

MINE = """
from helper import BONUS
NUMBER = 3
def score(examples, model):
    return [len(r.text) + BONUS for r in model.generate([e.question for e in examples])]
class Half:
    def score(self, examples, model): ...
class Needy:
    def __init__(self, x): ...
class Broken:
    def __init__(self): raise ValueError("no key")
class Whole:
    name = "whole"
    range = (0, 9)
    def prompt(self, example): return "Q: " + example.question
    def score(self, examples, model): return model  # what a test wants given
    def aggregate(self, scores): return max(scores)
class Endless(Whole):
    range = (0, float("inf"))
class Nameless(Whole):
    name = 7
whole = Whole()
def plain(examples, model): return model
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "helper.py").write_text("BONUS = 0.5\n")
    (tmp_path / "torn.py").write_text("a = 1\ndef f(:\n")
    (tmp_path / "needs.py").write_text("import a_package_nobody_has\n")
    (tmp_path / "raises.py").write_text("x = 1\n1 / 0\n")
    (tmp_path / "leaves.py").write_text("raise SystemExit(1)\n")
    return tmp_path


@pytest.mark.parametrize(("spec", "says"), WRONG)
def test_mistakes_are_named(spec, says, folder, data_file):
    with pytest.raises(ConfigError) as caught:
        load(spec, folder, data_file)
    assert says in str(caught.value)


def test_a_module_that_fails_leaves_nothing_behind(folder, data_file):
    path = list(sys.path)
    with pytest.raises(ConfigError):
        load({"kind": "function", "target": "raises:f"}, folder, data_file)
    assert "raises" not in sys.modules
    assert sys.path == path


def test_a_file_called_as_a_known_module_hides_nothing(folder, data_file):
    (folder / "json.py").write_text("def f(examples, model): return [3.0] * len(examples)\n")
    utility, data = load({"kind": "function", "target": "json:f"}, folder, data_file)
    assert [s.value for s in utility.score(data.dev[:2], None)] == [3, 3]
    assert sys.modules["json"] is json


def test_data_without_answers_is_refused_before_it_is_scored(tmp_path):
    (tmp_path / "open.json").write_text('{"dev": [{"question": "a", "answer": 1}], "test": [{"prompt": "b"}]}')
    with pytest.raises(DataError, match=r"open\.json: test\[0\] has no 'answer'"):
        load_utility({"kind": "exact_match", "data": "open.json"}, tmp_path)


@pytest.mark.parametrize("name", ["nlgraph", "gsm8k"])
def test_real_answers_state_themselves(shared, name):
    """Each right answer, said in a sentence, scores 1, and the next one's scores 1 only where they are equal."""
    path = str(shared / "data" / "eval" / f"{name}.json")
    utility, data = load_utility({"kind": "exact_match", "data": path, "which": "last"}, shared)
    answers = [e.answer for e in data.dev]
    scores = utility.score(data.dev, Parrot(*(f"So the answer is {a}." for a in answers)))
    assert {s.value for s in scores} == {1.0}
    others = answers[1:] + answers[:1]
    scores = utility.score(data.dev, Parrot(*(f"So the answer is {a}." for a in others)))
    plain = [a.replace(",", "") == b.replace(",", "") for a, b in zip(answers, others, strict=True)]
    assert [bool(s.value) for s in scores] == plain


@pytest.mark.parametrize("target", ["mine:Whole", "mine:whole", "mine:plain"])
def test_what_ones_own_code_gives_is_checked(target, folder, data_file):
    utility, data = load({"kind": "function", "target": target}, folder, data_file)
    examples = data.dev[:2]
    assert utility.score(examples, iter((True, Score(2, answer="x")))) == [Score(1.0), Score(2.0, answer="x")]
    for wrong in (
        None,
        3,
        "ab",
        [1.0],
        [1, "2"],
        [1, None],
        [1, float("nan")],
        [1, Score(float("inf"))],
        {"a": 1, "b": 2},
    ):
        with pytest.raises(EvaluationError, match=utility.name):
            utility.score(examples, wrong)


def test_an_object_of_ones_own_keeps_its_ways(folder, data_file):
    utility, data = load({"kind": "function", "target": "mine:Whole"}, folder, data_file)
    assert (utility.name, utility.range, utility.aggregate([1.0, 4.0])) == ("whole", (0, 9), 4.0)
    assert utility.prompt(data.dev[0]) == "Q: " + data.dev[0].question


@pytest.mark.parametrize("target", ["mine:Whole", "mine:plain"])
def test_edited_code_has_another_fingerprint(target, folder, data_file):
    spec = {"kind": "function", "target": target}
    before = load(spec, folder, data_file)[0].fingerprint
    assert load(spec, folder, data_file)[0].fingerprint == before
    (folder / "mine.py").write_text(MINE + "\n# edited\n")
    assert load(spec, folder, data_file)[0].fingerprint not in (before, None)


def test_an_unknown_name_and_missing_data_are_named(tmp_path):
    with pytest.raises(ConfigError, match="'zoo'"):
        load_utility("zo", tmp_path)
    with pytest.raises(ConfigError, match="utility.data"):
        load_utility({"kind": "exact_match"}, tmp_path)


def test_a_name_is_a_kind_with_its_own_keys_and_data(tmp_path, data_file, monkeypatch):
    utility, data = load_utility({"kind": "gsm8k", "data": str(data_file), "max_new_tokens": 7}, tmp_path)
    assert utility == ExactMatch(max_new_tokens=7, which="last", name="gsm8k")
    assert data.name == "numbers"
    monkeypatch.setenv("MODELSWARMS_DATA", str(tmp_path))
    with pytest.raises(
        DataError, match=r"nlgraph\.json, is not there; get it with 'modelswarms data download nlgraph'"
    ):
        load_utility("nlgraph", tmp_path)
    data_file.rename(tmp_path / "nlgraph.json")
    assert load_utility("nlgraph", tmp_path)[0].name == "nlgraph"
    with pytest.raises(ConfigError, match="utility.data: no data file is given"):
        load_utility("exact_match", tmp_path)


def test_a_data_sets_own_prompt_may_stand_in_the_template(tmp_path):
    (tmp_path / "p.json").write_text('{"icl_prompt": "For example: 1.", "dev": [{"question": "a?", "answer": 1}]}')
    utility, data = load_utility(
        {"kind": "exact_match", "data": "p.json", "template": "{icl_prompt} {question}"}, tmp_path
    )
    assert utility.prompt(data.dev[0]) == "For example: 1. a?"


def test_relative_examples_to_be_shown_are_beside_the_configuration(tmp_path, data_file):
    (tmp_path / "shots.json").write_text('{"dev": [{"question": "a?", "answer": 1}]}')
    utility, _ = load_utility({"kind": "exact_match", "data": str(data_file), "few_shot": "shots.json"}, tmp_path)
    assert utility.prompt(Example("0", "b?")) == "a? 1\n\nb?"


def test_a_function_of_ones_own(folder, data_file):
    path = list(sys.path)
    utility, data = load({"kind": "function", "target": "mine:score"}, folder, data_file)
    scores = utility.score(data.dev[:2], Parrot("a", "bcd"))
    assert [s.value for s in scores] == [1.5, 3.5]
    assert utility.aggregate([1.0, 2.0]) == 1.5
    assert sys.path == path
    with pytest.raises(EvaluationError, match="2 scores for 3"):
        utility.score(data.dev[:3], Parrot("a", "b"))


def test_the_docs_examples_work(tmp_path, data_file):
    """The Python blocks of docs/utilities.md, as they are."""
    text = (Path(__file__).parents[2] / "docs" / "utilities.md").read_text()
    manners, brief = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "manners.py").write_text(manners)
    (tmp_path / "brief.py").write_text(brief)
    utility, data = load({"kind": "function", "target": "manners:politeness"}, tmp_path, data_file)
    assert [s.value for s in utility.score(data.dev[:2], Parrot("Thank you!", "7"))] == [1, 0]
    utility, data = load({"kind": "function", "target": "brief:Brief"}, tmp_path, data_file)
    scores = utility.score(data.dev[:2], Parrot("one two", "0123456789 " * 9))
    assert scores[0].value > scores[1].value
    assert json.loads(json.dumps(utility.range)) == [0.0, 1.0]
