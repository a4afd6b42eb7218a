"""Perplexity: against transformers' own cross-entropy, alone and in blocks, of texts of any length."""

from __future__ import annotations

import json
import math

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import modelswarms.zoo
from modelswarms import ConfigError, DataError, EvaluationError, Example, search
from modelswarms.engines import EngineConfig, ScriptedEngine, make_engine
from modelswarms.experts import ExpertSpace
from modelswarms.types import Loglikelihood
from modelswarms.utilities import load_utility
from modelswarms.utilities.abilities import Unbounded
from modelswarms.utilities.perplexity import Perplexity

TEXTS = [
    "Node 3",
    "A graph has nodes.",
    "The following paragraph describes an undirected graph.\nNode 0 is connected to 1",
]
EXAMPLES = [
    Example(str(k), text, answer) for k, (text, answer) in enumerate(zip(TEXTS, ("7", "Yes", "No"), strict=True))
]


@pytest.fixture(scope="module")
def base():
    path = modelswarms.zoo.base_path()
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
    return AutoTokenizer.from_pretrained(path), model


@pytest.fixture(scope="module")
def bound():
    paths = list(modelswarms.zoo.expert_paths().items())[:1]
    engine = make_engine(EngineConfig(device="cpu", dtype="float32"), modelswarms.zoo.base_path())
    engine.start(ExpertSpace.load(paths, base=modelswarms.zoo.base_path()))
    with engine.bind(None) as model:
        yield model
    engine.close()


def mean_logprob(base, before, after):
    """Of the tokens after some others, by the model's own loss."""
    _, model = base
    ids = torch.tensor([before + after])
    labels = torch.tensor([[-100] * len(before) + after])
    with torch.no_grad():
        return -float(model(input_ids=ids, labels=labels).loss)


def test_a_texts_value_is_its_mean_log_probability(base, bound):
    tokenizer, _ = base
    utility = Perplexity()
    scores = utility.score(EXAMPLES, bound)
    expected = [mean_logprob(base, [tokenizer.eos_token_id], tokenizer(text)["input_ids"]) for text in TEXTS]
    assert [s.value for s in scores] == pytest.approx(expected, abs=1e-4)
    assert utility.aggregate([s.value for s in scores]) == pytest.approx(sum(expected) / 3, abs=1e-4)
    tokens = len(tokenizer(TEXTS[1])["input_ids"])
    assert scores[1].answer == f"perplexity {math.exp(-scores[1].value):.4g}, {tokens} tokens"
    assert utility.range is None
    alone = [utility.score([e], bound)[0].value for e in EXAMPLES]
    assert [s.value for s in scores] == pytest.approx(alone, abs=1e-5)


def test_an_answers_value_is_its_own_tokens_only(base, bound):
    tokenizer, _ = base
    scores = Perplexity(of="answer", template="{question}\n").score(EXAMPLES, bound)
    expected = []
    for e in EXAMPLES:
        whole, context = (tokenizer(t)["input_ids"] for t in (f"{e.question}\n{e.answer}", e.question))
        expected.append(mean_logprob(base, context, whole[len(context) :]))
    assert [s.value for s in scores] == pytest.approx(expected, abs=1e-4)


class Told:
    """A model that remembers what it was asked, and gives what it was told."""

    def __init__(self, *found):
        self.found, self.asked = found, []

    def loglikelihood(self, requests):
        self.asked.append(list(requests))
        return list(self.found)

    def render_chat(self, messages):
        return "".join(f"[{m['role']}]{m['content']}" for m in messages) + "[assistant]"


def test_a_block_is_one_call_and_an_answer_follows_a_space_or_the_template():
    model = Told(*[Loglikelihood(-6.0, False, 3)] * 3)
    assert [s.value for s in Perplexity(of="answer").score(EXAMPLES, model)] == [-2.0] * 3
    chat = Told(Loglikelihood(-1, True, 1))
    Perplexity(of="answer", chat=True).score(EXAMPLES[:1], chat)
    assert len(model.asked) == 1
    assert [(r.context, r.continuation, r.special_tokens) for r in (model.asked[0][0], chat.asked[0][0])] == [
        ("Node 3", " 7", True),
        ("[user]Node 3[assistant]", "7", False),
    ]


@pytest.mark.parametrize("found", [Loglikelihood(float("-inf"), False, 3), Loglikelihood(0.0, True, 0)])
def test_what_has_no_mean_fails_by_name(found):
    with pytest.raises(EvaluationError, match="example 0 has the log-probability"):
        Perplexity().score(EXAMPLES[:1], Told(found))


def test_a_hopeless_text_is_told_in_powers():
    score = Perplexity().score(EXAMPLES[:1], Told(Loglikelihood(-3000.0, False, 3)))[0]
    assert (score.value, score.answer) == (-1000.0, "perplexity e^1000, 3 tokens")


def test_what_is_asked_for_has_to_be_there(tmp_path):
    (tmp_path / "texts.json").write_text('{"dev": [{"prompt": "a", "answer": "b"}, {"prompt": "c"}]}')
    spec = {"kind": "perplexity", "data": "texts.json"}
    assert isinstance(load_utility(spec, tmp_path)[0], Unbounded)
    with pytest.raises(DataError, match=r"dev\[1\] has no 'answer'; give one, or set utility\.of: text"):
        load_utility({**spec, "of": "answer"}, tmp_path)
    with pytest.raises(ConfigError, match=r"utility\.chat: a text is read as it is"):
        load_utility({**spec, "chat": True}, tmp_path)
    with pytest.raises(ConfigError, match=r"utility\.of: 'question' is not allowed"):
        load_utility({**spec, "of": "question"}, tmp_path)


def test_a_search_makes_texts_likelier_however_long_they_are(tmp_path, monkeypatch):
    """The scripted engine takes in any length; the local one is asked to, too."""
    items = [{"prompt": f"text {k} " * (1 + 40 * (k % 2)), "id": k} for k in range(12)]
    (tmp_path / "texts.json").write_text(json.dumps({"dev": items[:6], "test": items[6:]}))
    asked = []
    count = ScriptedEngine.count_tokens

    def counted(self, texts, *, any_length=False):
        asked.append(any_length)
        return count(self, texts, any_length=any_length)

    monkeypatch.setattr(ScriptedEngine, "count_tokens", counted)

    def logprob(context, continuation, coefficients):
        return -len(continuation.split()) * (1 + abs(coefficients[0] - 0.7) + abs(coefficients[1] - 0.4))

    result = search(
        utility={"kind": "perplexity", "data": str(tmp_path / "texts.json")},
        swarm={"particles": 11, "max_iterations": 2},
        run_dir=str(tmp_path / "run"),
        rescore=False,
        engine=ScriptedEngine(lambda *_: "", logprob=logprob),
    )
    assert result.best_single["test"] < result.best["test"] <= -1
    assert asked and all(asked)
