"""Utilities by name, by kind and from one's own file."""

import json
import sys

import pytest

from modelswarms import ConfigError, EvaluationError, Example
from modelswarms.types import Request, Response
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
    ({"kind": "exact_mach"}, "'exact_match'"),
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
    ({"kind": "function", "target": "mine:NUMBER"}, "is a int"),
    ({"kind": "function", "target": "mine:Half"}, "lacks"),
    ({"kind": "function", "target": "mine:Needy"}, "without arguments"),
    ({"kind": "function", "target": "torn:f"}, "line 2"),
    ({"kind": "function", "target": "needs:f"}, "a_package_nobody_has"),
    ({"kind": "function", "target": "raises:f"}, "ZeroDivisionError"),
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
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "helper.py").write_text("BONUS = 0.5\n")
    (tmp_path / "torn.py").write_text("a = 1\ndef f(:\n")
    (tmp_path / "needs.py").write_text("import a_package_nobody_has\n")
    (tmp_path / "raises.py").write_text("1 / 0\n")
    return tmp_path


@pytest.mark.parametrize(("spec", "says"), WRONG)
def test_mistakes_are_named(spec, says, folder, data_file):
    with pytest.raises(ConfigError) as caught:
        load(spec, folder, data_file)
    assert says in str(caught.value)


def test_an_unknown_name_and_missing_data_are_named(tmp_path):
    with pytest.raises(ConfigError, match="'zoo'"):
        load_utility("zo", tmp_path)
    with pytest.raises(ConfigError, match="utility.data"):
        load_utility({"kind": "exact_match"}, tmp_path)


def test_a_function_of_ones_own(folder, data_file):
    path = list(sys.path)
    utility, data = load({"kind": "function", "target": "mine:score"}, folder, data_file)
    scores = utility.score(data.dev[:2], Parrot("a", "bcd"))
    assert [s.value for s in scores] == [1.5, 3.5]
    assert utility.aggregate([1.0, 2.0]) == 1.5
    assert sys.path == path
    with pytest.raises(EvaluationError, match="2 scores for 3"):
        utility.score(data.dev[:3], Parrot("a", "b"))


def test_the_docs_example_works(tmp_path, data_file):
    """The Python block of docs/utilities.md, as it is."""
    import re
    from pathlib import Path

    text = (Path(__file__).parents[2] / "docs" / "utilities.md").read_text()
    (tmp_path / "brief.py").write_text(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1])
    utility, data = load({"kind": "function", "target": "brief:Brief"}, tmp_path, data_file)
    scores = utility.score(data.dev[:2], Parrot("one two", "0123456789 " * 9))
    assert scores[0].value > scores[1].value
    assert json.loads(json.dumps(utility.range)) == [0.0, 1.0]
