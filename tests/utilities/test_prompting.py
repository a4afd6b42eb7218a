"""Prompts of examples: template, instruction, shown examples, chat."""

from __future__ import annotations

import json

import pytest

from modelswarms import ConfigError, DataError, Example
from modelswarms.datasets import DataSet
from modelswarms.types import Request
from modelswarms.utilities import ExactMatch, Prompting

EXAMPLE = Example("1", "Is {choices} it?", "A", {"A": "yes", "B": "no"}, domain="law", extra={"year": 1999, "tags": []})
SHOTS = ({"question": "one?", "answer": 1}, {"question": "two?", "answer": "2"})


class Chat:
    """A model whose chat template is easy to read."""

    def render_chat(self, messages):
        return "".join(f"<{m['role'][0]}:{m['content']}>" for m in messages)


def test_every_field_is_filled_once_and_other_braces_stay():
    template = "{domain} {year}: {question}\n{choices}\n{tags}{x} {{"
    said = Prompting(template=template).prompt(EXAMPLE)
    assert said == "law 1999: Is {choices} it?\nA: yes\nB: no\n{tags}{x} {{"


def test_the_default_is_the_question_as_it_is():
    assert Prompting().prompt(EXAMPLE) == EXAMPLE.question
    assert Prompting().request(EXAMPLE, Chat(), 3) == Request(EXAMPLE.question, 3)
    assert Prompting().fingerprint is None


def test_shown_examples_come_first_with_their_answers():
    prompting = Prompting(template="Q: {question}\nA:", instruction="Answer.", few_shot=SHOTS, stop=("\n",))
    assert prompting.prompt(Example("9", "nine?")) == "Answer.\nQ: one?\nA: 1\n\nQ: two?\nA: 2\n\nQ: nine?\nA:"
    one = Prompting(template="Q: {question}\nA:", instruction="Answer.", few_shot=SHOTS, shots=1)
    assert one.prompt(Example("9", "nine?")) == "Answer.\nQ: one?\nA: 1\n\nQ: nine?\nA:"
    assert one.fingerprint != prompting.fingerprint


def test_in_a_chat_each_is_a_turn():
    prompting = Prompting(instruction="Answer.", few_shot=SHOTS, shots=1, chat=True, system="Be brief.")
    request = prompting.request(Example("9", "nine?"), Chat(), 5)
    assert request == Request("<s:Be brief.><u:Answer.\none?><a:1><u:nine?>", 5, special_tokens=False)


def test_shown_examples_from_a_file(tmp_path):
    path = tmp_path / "shots.json"
    path.write_text(json.dumps({"dev": list(SHOTS), "test": []}))
    assert Prompting(few_shot=str(path)).shown == Prompting(few_shot=SHOTS).shown
    assert Prompting(few_shot=str(path)).fingerprint == Prompting(few_shot=SHOTS).fingerprint
    path.write_text(json.dumps({"dev": [{"question": "one?", "answer": 7}]}))
    assert Prompting(few_shot=str(path)).fingerprint != Prompting(few_shot=SHOTS).fingerprint


def test_a_scored_example_that_is_shown_is_refused():
    same = Example("4", " ONE?\n", "1")
    said = ExactMatch(few_shot=SHOTS).unsuited(DataSet("d", (Example("0", "new?", "1"),), (same,)))
    assert said is not None and said.startswith("test[0] is example 0 of utility.few_shot")


@pytest.mark.parametrize(
    ("keys", "error", "says"),
    [
        ({"shots": 1}, ConfigError, "utility.shots: no examples"),
        ({"few_shot": SHOTS, "shots": 0}, ConfigError, "utility.shots: 0 is not allowed; give 1 to 2"),
        ({"few_shot": ({"question": "x?"},)}, ConfigError, "example 0 has no 'answer'"),
        ({"few_shot": ({"answer": "x"},)}, DataError, "utility.few_shot[0]: 'question' is None"),
        ({"few_shot": (3,)}, DataError, "utility.few_shot[0] is a number"),
        ({"few_shot": "no/such.json"}, DataError, "no such data file"),
        ({"template": "x"}, ConfigError, "utility.template"),
        ({"stop": ("",)}, ConfigError, "utility.stop"),
        ({"system": "x"}, ConfigError, "utility.system"),
    ],
)
def test_mistakes_are_named(keys, error, says):
    with pytest.raises(error) as caught:
        Prompting(**keys)
    assert says in str(caught.value)
