"""The same answers, and the same scores to the last example, as lm-evaluation-harness' own Hugging Face model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import lm_eval
import numpy as np
import pytest
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from harness_tasks import TASKS
from modelswarms import ExpertSpace, zoo
from modelswarms.engines import EngineConfig, make_engine
from modelswarms.plan import make_plan
from modelswarms.preparation import prompt_lengths
from modelswarms.scoring import score_blocks, value_of
from modelswarms.utilities import load_utility
from modelswarms.utilities.harness.model import BoundLM
from random_bases import random_base

ROOM = 150
"""Tokens that the bases take in: some documents are longer."""

MODES = {
    "plain": {},
    "turns": {"apply_chat_template": True, "fewshot_as_multiturn": True},
    "one-turn": {"apply_chat_template": True, "fewshot_as_multiturn": False},
}
CHATS = {"turns": ["choice", "follows", "write", "write_alone"], "one-turn": ["choice", "write_prefix", "write_alone"]}


@pytest.fixture(scope="module")
def zoo_base(tmp_path_factory):
    """The zoo's base, said to take in less; without its own limit of new tokens, which transformers puts above the
    task's (docs/harness.md)."""
    base = tmp_path_factory.mktemp("zoo") / "base"
    shutil.copytree(zoo.base_path(), base)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "max_position_embeddings": ROOM}))
    generation = json.loads((base / "generation_config.json").read_text())
    del generation["max_new_tokens"]
    (base / "generation_config.json").write_text(json.dumps(generation))
    return base


@pytest.fixture(scope="module")
def quick():
    """The harness, without its description of the machine, which takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lm_eval.evaluator.add_env_info", lambda results: None)
        patch.setattr("lm_eval.evaluator.get_git_commit_hash", lambda: "")
        yield


@pytest.fixture(scope="module")
def theirs(zoo_base):
    expert = next(iter(zoo.expert_paths().values()))
    return HFLM(str(zoo_base), peft=str(expert), dtype="float32", device="cpu", batch_size=8)


@pytest.fixture(scope="module")
def engine(zoo_base):
    space = ExpertSpace.load(dict(list(zoo.expert_paths().items())[:1]), base=zoo_base)
    engine = make_engine(EngineConfig(device="cpu", dtype="float32"), zoo_base)
    engine.start(space)
    yield engine
    engine.close()


def evaluated(lm, folder, names, **mode):
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    return lm_eval.simple_evaluate(model=lm, tasks=list(names), task_manager=manager, bootstrap_iters=0, **mode)


class Remembering:
    """A model that is asked everything once."""

    def __init__(self, model):
        self.model, self.known, self.render_chat = model, {}, model.render_chat

    def __getattr__(self, name):
        def answers(requests):
            new = [request for request in dict.fromkeys(requests) if request not in self.known]
            self.known |= zip(new, getattr(self.model, name)(new), strict=True)
            return [self.known[request] for request in requests]

        return answers


@pytest.fixture(scope="module", params=MODES)
def both(request, theirs, engine, folder, quick):
    """What the harness makes of its own model, and of ours."""
    mode, names = MODES[request.param], CHATS.get(request.param, list(TASKS))
    with engine.bind(np.array([1.0])) as bound:
        model = Remembering(bound)
        ours = evaluated(BoundLM(model), folder, names, **mode)
        yield names, mode, evaluated(theirs, folder, names, **mode), ours, model


def flat(value):
    """Numbers of nested answers, apart from everything else in them."""
    if isinstance(value, float):
        return [value], [None]
    if isinstance(value, list | tuple):
        found = [flat(each) for each in value]
        return [n for numbers, _ in found for n in numbers], [o for _, others in found for o in others]
    return [], [value]


def test_every_answer_is_that_of_the_harness_own_model(both):
    names, _, theirs, ours, _ = both
    for name in names:
        assert len(theirs["samples"][name]) == len(ours["samples"][name]) > 0
        for their, our in zip(theirs["samples"][name], ours["samples"][name], strict=True):
            assert (their["doc_id"], their["filter"]) == (our["doc_id"], our["filter"])
            assert their["arguments"] == our["arguments"]
            (numbers, others), (wanted, said) = flat(our["resps"]), flat(their["resps"])
            assert others == said
            assert numbers == pytest.approx(wanted, abs=2e-3, rel=1e-5)


def metrics_of(name):
    return [metric["metric"] for metric in TASKS[name]["metric_list"]]


def filters_of(name):
    return [each["name"] for each in TASKS[name].get("filter_list", [{"name": "none"}])]


def test_the_utility_scores_each_example_as_the_harness_does(both, engine, folder):
    names, mode, theirs, _, model = both
    asked = len(model.known)
    for name in names:
        for metric in metrics_of(name)[: 1 if mode else None]:
            for filter_name in filters_of(name)[: 1 if mode else None]:
                keys = {"kind": "lm_eval", "task": name, "include_path": str(folder), "metric": metric,
                        "filter": filter_name, **mode}  # fmt: skip
                compare(keys, engine, model, theirs, name, metric, filter_name)
    assert len(model.known) == asked  # what was asked is what the harness asks


def compare(keys, engine, model, theirs, name, metric, filter_name):
    utility, data = load_utility(keys, Path.cwd())
    blocks = make_plan(prompt_lengths(engine, utility, data.test), 400)
    scores = score_blocks(utility, data.test, blocks, model)
    samples = [s for s in theirs["samples"][name] if s["filter"] == filter_name]
    assert [e.extra["document"] for e in data.test] == [s["doc_id"] for s in samples]
    total = theirs["results"][name][f"{metric},{filter_name}"]
    items = [s[metric] for s in samples]
    value = value_of(utility, data.test, scores)
    if metric in ("acc", "acc_norm", "acc_mutual_info", "exact_match"):
        assert [s.value for s in scores] == items
        assert value == total
    else:  # less is better
        assert value == pytest.approx(-total, rel=1e-4)
    if metric == "perplexity":
        assert [s.value for s in scores] == pytest.approx(items, abs=1e-3)
    if TASKS[name]["output_type"] == "loglikelihood_rolling":
        assert [s.value for s in scores] == pytest.approx([logprob for logprob, _ in items], abs=1e-2)
    if metric == "exact_match":
        assert [s.response for s in scores] == [s["resps"][0][0] for s in samples]
        assert [s.answer for s in scores if s.parsed] == [
            s["filtered_resps"][0] for s in samples if s["filtered_resps"][0] != "[invalid]"
        ]


def test_the_comparison_is_worth_something(both):
    """Values that differ between documents, texts beyond the context, answers that a filter cannot read."""
    _, mode, theirs, _, _ = both
    for name in ("choice", "write_alone"):
        metric = metrics_of(name)[0]
        assert len({sample[metric] for sample in theirs["samples"][name]}) == 2
    assert any(s["filtered_resps"] == ["[invalid]"] for s in theirs["samples"]["write_alone"])
    if not mode:
        tokenizer = AutoTokenizer.from_pretrained(zoo.base_path())
        assert max(len(tokenizer(s["target"])["input_ids"]) for s in theirs["samples"]["texts"]) > 2 * ROOM


@pytest.fixture(scope="module")
def bos_base(tmp_path_factory):
    return random_base(tmp_path_factory.mktemp("bos") / "base", adds_bos=True, max_position_embeddings=ROOM)


@pytest.mark.parametrize("mode", [{}, MODES["turns"]], ids=["plain", "chat"])
def test_a_base_whose_texts_begin_with_a_token(bos_base, folder, quick, mode, tmp_path):
    template = (bos_base / "chat_template.jinja").read_text()
    (bos_base / "chat_template.jinja").write_text("{{ bos_token }}" + template.removeprefix("{{ bos_token }}"))
    lora = LoraConfig(r=1, target_modules=["q_proj"], task_type="CAUSAL_LM")
    get_peft_model(AutoModelForCausalLM.from_pretrained(bos_base), lora).save_pretrained(tmp_path / "expert")
    names = CHATS["one-turn"] if mode else list(TASKS)
    theirs = evaluated(HFLM(str(bos_base), dtype="float32", device="cpu", batch_size=8), folder, names, **mode)
    engine = make_engine(EngineConfig(device="cpu", dtype="float32"), bos_base)
    engine.start(ExpertSpace.load([("one", tmp_path / "expert")], base=bos_base))
    with engine.bind(None) as model:
        ours = evaluated(BoundLM(model), folder, names, **mode)
    engine.close()
    for name in names:
        for their, our in zip(theirs["samples"][name], ours["samples"][name], strict=True):
            (numbers, others), (wanted, said) = flat(our["resps"]), flat(their["resps"])
            assert others == said
            assert numbers == pytest.approx(wanted, abs=2e-3, rel=1e-5)
