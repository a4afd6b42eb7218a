"""What a judge is asked, how its replies count, and that no fault of its service is ever a score."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from judge_server import KEY, JudgeServer
from modelswarms import ConfigError, EvaluationError, Example
from modelswarms.datasets import DataSet
from modelswarms.remote import RemoteConfig
from modelswarms.types import Response
from modelswarms.utilities.judge import UNRATED, Judge
from modelswarms.utilities.judging import TEMPLATES
from modelswarms.utilities.parsing.verdicts import stated_verdict
from remotes import Patient

EXAMPLES = [Example(str(k), f"question {k}?") for k in range(10)]


class Parrot:
    """A model that says a number of its own to each question."""

    def __init__(self, say: Callable[[int], str] = lambda k: f"answer number {k}") -> None:
        self.say, self.asked = say, []

    def generate(self, requests):
        self.asked += requests
        return [Response(self.say(int("".join(c for c in r.prompt if c.isdigit())))) for r in requests]

    def render_chat(self, messages):
        return f"<{messages[-1]['content']}>"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def judge_at(server: JudgeServer, patient: Patient | None = None, remote: dict[str, Any] | None = None, **keys: Any):
    config = RemoteConfig(**{"base_url": server.address, "timeout": 10.0, "deadline": 20.0, **(remote or {})})
    return Judge(model="judge-1", remote=config, waiting=(patient or Patient()).waiting, **keys)


def rating_of_number(body) -> str:
    """One more than the number that the answer says."""
    said = body["messages"][0]["content"].split("answer number ")[1].split()[0]
    return f"Rating: {1 + int(said)}/10\nIt says so."


def test_ratings_of_a_whole_block_at_once():
    with JudgeServer(rating_of_number, delay=lambda asked: 0.05) as server, closing(judge_at(server)) as judge:
        model = Parrot()
        scores = judge.score(EXAMPLES, model)
        assert [s.value for s in scores] == [1.0 + k for k in range(10)]
        assert [s.answer for s in scores] == [str(1 + k) for k in range(10)]
        assert [s.response for s in scores] == [f"answer number {k}" for k in range(10)]
        assert judge.aggregate([s.value for s in scores]) == 5.5
        assert judge.score(EXAMPLES[3:4], Parrot()) == scores[3:4]
    assert server.requests == 10
    assert server.most_at_once == 10
    assert (model.asked[0].prompt, model.asked[0].max_new_tokens) == ("<question 0?>", 512)
    assert not model.asked[0].special_tokens, "the chat template brings them"
    asked = {body["messages"][0]["content"] for body in server.bodies}
    assert asked == {
        TEMPLATES["rating"].replace("{question}", f"question {k}?").replace("{answer}", f"answer number {k}")
        for k in range(10)
    }


def test_what_stands_in_braces_in_an_answer_stays():
    with JudgeServer() as server, closing(judge_at(server)) as judge:
        judge.score(EXAMPLES[:1], Parrot(lambda k: "{question} {answer} {x}"))
    assert "{question} {answer} {x}" in server.bodies[0]["messages"][0]["content"]


@pytest.mark.parametrize("fault", ["eleven", "empty", "null"])
def test_a_reply_without_a_rating_is_asked_for_again_once(fault):
    with JudgeServer(rating_of_number, faults=[fault]) as server, closing(judge_at(server)) as judge:
        (score,) = judge.score(EXAMPLES[4:5], Parrot())
    assert (score.value, score.parsed) == (5.0, True)
    first, second = (body["messages"] for body in server.bodies)
    assert len(second) == (3 if fault == "eleven" else 1), "an empty turn is not sent"
    assert "Your reply has to begin with" in second[-1]["content"]
    assert second[0]["content"].startswith(first[0]["content"])


@pytest.mark.parametrize("fault", ["eleven", "empty", "null"])
def test_then_it_is_no_rating_and_left_out(fault):
    with (
        JudgeServer(rating_of_number, faults=[fault, fault]) as server,
        closing(judge_at(server, remote={"concurrency": 1})) as judge,
    ):
        first = judge.score(EXAMPLES[:1], Parrot())
        scores = first + judge.score(EXAMPLES[1:], Parrot())
    assert server.requests == 11
    assert (first[0].value, first[0].parsed, first[0].answer) == (UNRATED, False, None)
    values = [s.value for s in scores]
    assert judge.aggregate(values) == 6.0, "the mean of 2 to 10"
    with pytest.raises(EvaluationError, match=r"2 of 10 answers .*max_unparsed \(0.1\)"):
        judge.aggregate([UNRATED, UNRATED, *values[2:]])
    with pytest.raises(EvaluationError):
        judge.aggregate([UNRATED])


def test_too_many_say_what_was_replied():
    with JudgeServer(lambda body: "I would rather\nnot say.") as server, closing(judge_at(server)) as judge:
        scores = judge.score(EXAMPLES, Parrot())
        with pytest.raises(EvaluationError, match="asked again, it replied: 'I would rather not say.'"):
            judge.aggregate([s.value for s in scores])
    assert server.requests == 20


def test_the_original_rule():
    reply = "I would rather not say."
    with JudgeServer(lambda body: reply) as server, closing(judge_at(server, parsing="compat")) as judge:
        scores = judge.score(EXAMPLES[:2], Parrot())
    assert ([s.value for s in scores], server.requests) == ([1.0, 1.0], 2)


@pytest.mark.parametrize("fault", ["429", "429-after", "500", "hang", "half", "not-json", "dropped", "no-choices"])
def test_a_fault_is_waited_out(fault):
    remote = {"timeout": 0.4 if fault == "hang" else 10.0}
    server = JudgeServer(rating_of_number, faults=[None, fault, fault])
    with server, closing(judge_at(server, remote=remote)) as judge:
        assert [s.value for s in judge.score(EXAMPLES, Parrot())] == [1.0 + k for k in range(10)]
    assert server.requests >= 12


def test_a_fault_that_stays_is_no_score():
    faults = itertools.chain([None] * 4, ["400-x"], itertools.repeat(None))
    with (
        JudgeServer(rating_of_number, faults=faults) as server,
        closing(judge_at(server, remote={"concurrency": 1})) as judge,
    ):
        with pytest.raises(EvaluationError, match="HTTP 400"):
            judge.score(EXAMPLES, Parrot())
        assert len(judge.score(EXAMPLES, Parrot())) == 10
    assert server.requests == 11, "what was answered is not asked again"


def verdict_for(preferred: str) -> Callable[[dict[str, Any]], str]:
    """The verdict of a judge that looks for a text in the answers."""

    def reply(body: dict[str, Any]) -> str:
        first, second = body["messages"][0]["content"].split("[answer A]")[1].split("[answer B]")
        return (
            f"Verdict: {'tie' if (preferred in first) == (preferred in second) else 'A' if preferred in first else 'B'}"
        )

    return reply


def test_pairs_are_asked_in_both_orders():
    examples = [Example(str(k), f"question {k}?", answer="the known one") for k in range(3)]
    cases = [("answer number", 1.0), ("known", 0.0), ("neither has this", 0.5)]
    for preferred, share in cases:
        with JudgeServer(verdict_for(preferred)) as server, closing(judge_at(server, mode="pairwise")) as judge:
            scores = judge.score(examples, Parrot())
        assert ([s.value for s in scores], server.requests) == ([share] * 3, 6)
        assert judge.aggregate([s.value for s in scores]) == share
        assert judge.range == (0.0, 1.0)


def test_a_judge_that_always_prefers_the_first_place_prefers_nobody():
    example = Example("0", "question 0?", extra={"reference": "the known one"})
    with JudgeServer(lambda body: "Verdict: A") as server, closing(judge_at(server, mode="pairwise")) as judge:
        assert [s.value for s in judge.score([example], Parrot())] == [0.5]
    with (
        JudgeServer(lambda body: "Verdict: A", faults=[None, "eleven", "eleven"]) as server,
        closing(judge_at(server, mode="pairwise", remote={"concurrency": 1})) as judge,
    ):
        (score,) = judge.score([example], Parrot())
    assert (score.value, score.parsed, server.requests) == (UNRATED, False, 3), "one verdict is none"


def test_a_reference_is_shown_where_there_is_one():
    examples = [Example("0", "question 0?", "a known answer"), Example("1", "question 1?")]
    with JudgeServer() as server, closing(judge_at(server, remote={"concurrency": 1})) as judge:
        judge.score(examples, Parrot())
    shown = ["[reference answer]\na known answer\n" in body["messages"][0]["content"] for body in server.bodies]
    assert shown == [True, False]


def test_ones_own_template_and_parameters():
    keys = {"judge_template": "{question}|{answer}|{reference}", "parameters": {"max_completion_tokens": 9}}
    with JudgeServer() as server, closing(judge_at(server, **keys)) as judge:
        judge.score([Example("0", "question 0?", "known")], Parrot())
    (body,) = server.bodies
    assert body["messages"][0]["content"] == "question 0?|answer number 0|known"
    assert body.keys() == {"model", "messages", "max_completion_tokens"}


def test_what_data_and_environment_lack(monkeypatch):
    data = DataSet("d", (Example("0", "q"),))
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ConfigError, match="OPENAI_API_KEY is not set"):
        Judge(model="m").unsuited(data)
    no_key = RemoteConfig(api_key_env=None)
    assert Judge(model="m", remote=no_key).unsuited(data) is None
    assert "no 'answer'" in Judge(model="m", mode="pairwise", remote=no_key).unsuited(data)
    assert Judge(model="m", mode="pairwise", against="base", remote=no_key).unsuited(data) is None
    assert "no 'answer'" in Judge(model="m", judge_template="{answer}{reference}", remote=no_key).unsuited(data)


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("Verdict: A", "A"),
        ("**Verdict:** B\nIt is true, A is not.", "B"),
        ("Verdict: a tie", "tie"),
        ("Verdict: tie.", "tie"),
        ("verdict: b", "B"),
        ("My verdict is A, since B rambles.", "A"),
        ("Verdict: Answer B", "B"),
        ("Verdict: [A]", "A"),
        ("Verdict: neither", "tie"),
        ("[[B]]", "B"),
        ("A", "A"),
        ("B.", "B"),
        ("Tie", "tie"),
        ("A\nIt is clearer.", "A"),
        ("Answer A is better because B is wrong.", "A"),
        ("I think answer B is clearly better.", "B"),
        ("Both answers are equally good.", "tie"),
        ("<think>Verdict: A? No.</think>\nVerdict: B", "B"),
        ("Verdict: A or B", None),
        ("Verdict: A/B", None),
        ("Verdict: C", None),
        ("Verdict: ?", None),
        ("A good answer would be longer.", None),
        ("Answer A is not better.", None),
        ("Both are long.", None),
        ("", None),
    ],
)
def test_verdicts(reply, verdict):
    assert stated_verdict(reply) == verdict
