"""Tasks of lm-evaluation-harness as utilities: documents, keys, scores; and everything that cannot be."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

import datasets
import huggingface_hub
import pytest
import yaml
from jinja2.exceptions import TemplateError
from lm_eval.api.instance import Instance

from harness_tasks import CHOICE, DOCS, SPLITS, TASKS, WRITE, written
from modelswarms import ConfigError, DataError, EvaluationError, MissingExtraError
from modelswarms.scoring import parts_of, score_blocks, value_of
from modelswarms.settings import key_names
from modelswarms.types import Loglikelihood, Response
from modelswarms.utilities import load_utility
from modelswarms.utilities.combining import combination_of
from modelswarms.utilities.harness import LmEval
from modelswarms.utilities.harness.model import BoundLM, decoding_of


def load(folder, task, **keys):
    return load_utility({"kind": "lm_eval", "task": task, "include_path": str(folder), **keys}, Path.cwd())


class Fake:
    """Likes short continuations, writes ``says``, and remembers what it was asked."""

    def __init__(self, says="12"):
        self.says, self.asked = says, []

    def generate(self, requests):
        self.asked.append(("generate", list(requests)))
        return [Response(self.says) for _ in requests]

    def loglikelihood(self, requests):
        self.asked.append(("loglikelihood", list(requests)))
        return [Loglikelihood(-float(len(r.continuation)), len(r.continuation) < 5, 1, 1) for r in requests]

    def render_chat(self, messages, *, continue_last=False):
        return "".join(f"<{m['role']}>{m['content']}" for m in messages) + ("" if continue_last else "<assistant>")


def numbers_of(examples):
    return [example.extra["document"] for example in examples]


def test_documents_are_examples(folder):
    utility, data = load(folder, "choice")
    assert utility.name == data.name == "choice acc (dev: validation, test: test)"
    assert utility.range == (0, 1)
    assert [e.question for e in data.dev] == [doc["question"] for doc in SPLITS["validation"]]
    assert [e.id for e in data.test] == [f"test-{k}" for k in range(len(SPLITS["test"]))]
    first, doc = data.test[0], SPLITS["test"][0]
    assert first.choices == dict(zip("ABC", doc["options"], strict=True))
    assert first.answer == "ABC"[doc["gold"]]
    utility, data = load(folder, "texts")
    assert data.dev[0].question == SPLITS["validation"][0]["text"]
    assert data.dev[0].answer is None
    assert (utility.range, utility.any_length(data.dev[0])) == (None, True)
    for truncate in (True, False):
        utility, data = load(folder, "write", truncate=truncate)
        assert utility.any_length(data.dev[0]) is truncate
    assert load(folder, "texts", value_range=[-100, 0])[0].range == (-100, 0)


def test_each_kind_of_request_is_one_call_a_block(folder):
    for task, kind in (("choice", "loglikelihood"), ("write", "generate"), ("texts", "loglikelihood")):
        utility, data = load(folder, task)
        model = Fake()
        scores = utility.score(data.test, model)
        assert len(scores) == len(data.test)
        assert [called for called, _ in model.asked] == [kind]


def test_shown_examples_and_description_are_in_the_prompt(folder):
    utility, data = load(folder, "choice")
    for example in data.dev:
        prompt = utility.prompt(example)
        assert prompt.startswith("Choose.\n\n")
        assert prompt.count(" After ") == 3
        assert any(prompt.endswith(f"{example.question} {text}") for text in example.choices.values())
    bare, _ = load(folder, "choice", num_fewshot=0, system_instruction="Think.")
    assert bare.prompt(data.dev[0]).startswith("Think.\n\nChoose.\n\n(4) After ")
    assert bare.prompt(data.dev[0]).count(" After ") == 1
    drawn = {load(folder, "choice", fewshot_seed=seed)[0].prompt(data.dev[0]) for seed in range(6)}
    assert len(drawn) > 1


SPLIT_TASKS = {
    "no_validation": {**CHOICE, "validation_split": None},
    "no_test": {**CHOICE, "test_split": None},
    "only_test": {**CHOICE, "validation_split": None, "training_split": None, "num_fewshot": 2},
    "only_validation": {**CHOICE, "test_split": None, "training_split": None, "fewshot_split": "train"},
    "shown_validation": {**CHOICE, "training_split": None, "num_fewshot": 2},
}


@pytest.fixture(scope="module")
def splits_folder(tmp_path_factory):
    return written(tmp_path_factory.mktemp("splits"), SPLIT_TASKS)


@pytest.mark.parametrize(
    ("task", "keys", "says"),
    [("no_validation", {}, "dev: train, test: test"), ("no_test", {}, "dev: train, test: validation"),
     ("only_test", {}, "dev, test: halves of test"), ("only_validation", {}, "dev, test: halves of validation"),
     ("no_test", {"test_split": "test"}, "dev: validation, test: test"),
     ("no_test", {"dev_split": "test"}, "dev: test, test: validation"),
     ("no_validation", {"dev_split": "validation"}, "dev: validation, test: test"),
     ("no_validation", {"dev_split": "training", "test_split": "train"}, "dev, test: halves of train")],
)  # fmt: skip
def test_what_is_searched_on_and_what_is_claimed_on(splits_folder, task, keys, says):
    utility, data = load(splits_folder, task, **keys)
    assert utility.name == f"{task} acc ({says})"
    if "halves" in says:
        split = says.split()[-1]
        assert sorted(numbers_of(data.dev) + numbers_of(data.test)) == list(range(len(SPLITS[split])))
        assert len(data.dev) - len(data.test) in (0, 1)
        others = {tuple(numbers_of(load(splits_folder, task, split_seed=s, **keys)[1].dev)) for s in range(5)}
        assert len(others) > 1
    else:
        dev, test = (part.split(": ")[1] for part in says.split(", "))
        assert [e.question for e in data.dev] == [doc["question"] for doc in SPLITS[dev]]
        assert [e.question for e in data.test] == [doc["question"] for doc in SPLITS[test]]


def test_no_document_is_shown_with_its_own_answer(splits_folder):
    """Where shown examples come from what is scored, they are dev's, and others."""
    utility, data = load(splits_folder, "only_test")
    dev = {e.question for e in data.dev}
    for example in (*data.dev, *data.test):
        shown = [q for q in (doc["question"] for doc in DOCS) for _ in range(utility.prompt(example).count(q))]
        shown.remove(example.question)
        assert len(shown) == 2
        assert set(shown) <= dev - {example.question}
    utility, data = load(splits_folder, "shown_validation")
    for example in data.dev:
        assert utility.prompt(example).count(example.question) == 1


def test_limits_are_the_first_of_each_split(folder):
    for limit, dev, test in ((2, 2, 2), (0.5, 2, 3), (100, 4, 5)):
        _, data = load(folder, "write", limit=limit)
        assert (numbers_of(data.dev), numbers_of(data.test)) == (list(range(dev)), list(range(test)))
    whole, some = load(folder, "choice"), load(folder, "choice", limit=2)
    assert [some[0].prompt(e) for e in some[1].test] == [whole[0].prompt(e) for e in whole[1].test[:2]]


def test_less_is_better_is_negated(folder):
    utility, data = load(folder, "texts")
    scores = score_blocks(utility, data.test, [range(len(data.test))], Fake())
    texts = [doc["text"] for doc in SPLITS["test"]]
    assert [s.value for s in scores] == [-len(text) for text in texts]
    words = sum(len(text.split()) for text in texts)
    assert value_of(utility, data.test, scores) == pytest.approx(-(2.718281828459045 ** (sum(map(len, texts)) / words)))
    assert list(parts_of(utility, data.test, scores)) == ["texts"]
    assert utility.name.startswith("texts -word_perplexity (")
    brier, data = load(folder, "choice", metric="brier_score")
    scores = brier.score(data.test, Fake())
    assert all(-2 <= s.value <= 0 for s in scores)
    assert brier.range == (-2, 0)
    assert brier.aggregate([s.value for s in scores]) == pytest.approx(sum(s.value for s in scores) / len(scores))


def test_an_answer_that_the_filter_cannot_read_is_unparsed(folder):
    utility, data = load(folder, "write")
    for says, parsed in (("maybe", False), ("it is 12", True)):
        scores = utility.score(data.test, Fake(says))
        assert {(s.parsed, s.response) for s in scores} == {(parsed, says)}
        assert {s.answer for s in scores} == ({"12"} if parsed else {None})
    whole, _ = load(folder, "write", filter="whole")
    assert {s.answer for s in whole.score(data.test, Fake("maybe"))} == {"maybe"}


def test_generation_settings(folder):
    model = Fake()
    utility, data = load(folder, "write", gen_kwargs={"max_gen_toks": 3})
    utility.score(data.test[:1], model)
    utility, _ = load(
        folder, "write", gen_kwargs={"until": "stop", "temperature": 0.7, "do_sample": False}, truncate=True
    )
    utility.score(data.test[:1], model)
    one, other = (requests[0] for _, requests in model.asked)
    assert (one.max_new_tokens, one.stop, one.truncate) == (3, ("\n", "e"), False)
    assert (other.max_new_tokens, other.stop, other.truncate) == (6, ("stop",), True)
    assert decoding_of({}) == ((), 256)
    assert decoding_of({"until": ["", "a"], "max_new_tokens": 9, "top_p": 1.0, "num_beams": 1}) == (("a",), 9)


GROUP = {"group": "both", "task": ["choice", "half"], "aggregate_metric_list": [{"metric": "acc"}]}


def test_a_group_has_parts(tmp_path):
    folder = written(tmp_path, {"choice": TASKS["choice"], "half": {**CHOICE, "validation_split": None}})
    (folder / "both.yaml").write_text(yaml.safe_dump(GROUP))
    (folder / "loose.yaml").write_text(yaml.safe_dump({"group": "loose", "task": ["choice", "half"]}))
    utility, data = load(folder, "both")
    assert utility.name == "both acc (2 tasks; dev: validation, test: test or dev: train, test: test)"
    assert {e.task for e in data.dev} == {"choice", "half"}
    assert len({e.id for e in data.dev}) == len(data.dev)
    blocks = [[k for k, e in enumerate(data.test) if e.task == name] for name in ("choice", "half")]
    scores = score_blocks(utility, data.test, blocks, Fake())
    parts = parts_of(utility, data.test, scores)
    each = {name: [s.value for s, e in zip(scores, data.test, strict=True) if e.task == name] for name in parts}
    assert parts == {name: sum(values) / len(values) for name, values in each.items()}
    assert value_of(utility, data.test, scores) == pytest.approx(sum(s.value for s in scores) / len(scores))
    assert combination_of(utility).of(parts) == pytest.approx(value_of(utility, data.test, scores))
    with pytest.raises(ConfigError, match=r"loose is a group of 2 tasks \(choice, half, \.\.\.\) without a value"):
        load(folder, "loose")


def test_a_chat_is_built_by_the_bases_template(folder):
    utility, data = load(folder, "write", apply_chat_template=True)
    one, _ = load(folder, "write", apply_chat_template=True, fewshot_as_multiturn=False)
    model = Fake()
    utility.score(data.test[2:3], model)
    one.score(data.test[2:3], model)
    turns, single = (requests[0].prompt for _, requests in model.asked)
    assert (turns.count("<user>"), turns.count("<assistant>")) == (3, 3)
    assert turns.startswith("<system>Write a number.")
    assert (single.count("<user>"), single.count("<assistant>")) == (1, 1)
    assert turns.replace("<assistant>", "").replace("<user>", "").split("<system>")[1][:17] == "Write a number.\n\n"


def test_a_template_without_system_messages(caplog):
    class Strict(Fake):
        def render_chat(self, messages, *, continue_last=False):
            if messages[0]["role"] == "system":
                raise TemplateError("no system")
            return super().render_chat(messages, continue_last=continue_last)

    lm = BoundLM(Strict())
    chat = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]
    for _ in range(2):
        assert lm.apply_chat_template(chat, add_generation_prompt=False) == "<user>u<assistant>a"
    assert caplog.text.count("takes no system message") == 1
    assert lm.apply_chat_template(chat[1:2]) == "<user>u<assistant>"
    request = Instance("loglikelihood", {}, ("", "b"), 0)
    assert lm.loglikelihood([request]) == [(-1.0, True)]


def test_the_fingerprint_is_what_scores_depend_on(tmp_path):
    def of(folder, name="t", **keys):
        utility, data = load(folder, name, **keys)
        return utility.fingerprint + data.fingerprint

    task = {"t": {**CHOICE, "process_docs": None}}
    first = of(written(tmp_path / "a", task))
    assert of(written(tmp_path / "elsewhere" / "b", task)) == first
    for number, change in enumerate(({"description": "Now."}, {"metadata": {"version": 2.0}}, {"num_fewshot": 1})):
        assert of(written(tmp_path / f"changed{number}", task, **change)) != first
    assert of(tmp_path / "a", metric="acc_norm") != first
    assert of(tmp_path / "a", limit=2) != first
    changed = written(tmp_path / "data", task)
    lines = (changed / "test.jsonl").read_text().replace("seven", "eight")
    (changed / "test.jsonl").write_text(lines)
    assert of(changed) != first
    folder = written(tmp_path / "code", {"t": {**CHOICE}})
    (folder / "helpers.py").write_text("def text(doc):\n    return doc['question']\n")
    plain = (
        (folder / "t.yaml").read_text().replace("doc_to_text: '{{question}}'", "doc_to_text: !function helpers.text")
    )
    (folder / "t.yaml").write_text(plain)
    before = of(folder)
    (folder / "helpers.py").write_text("def text(doc):\n    return doc['question']  # as before\n")
    os.utime(folder / "helpers.py", (1, 1))
    assert of(folder) != before


REFUSED = {
    "f1": ({**CHOICE, "metric_list": [{"metric": "f1"}, {"metric": "acc"}]},
           r"utility\.metric: f1 of f1 is made of all answers together.* give acc\."),
    "samples": ({**WRITE, "generation_kwargs": {"do_sample": True, "temperature": 0.7}},
                r"utility\.gen_kwargs: the task samples its answers \(do_sample: True, temperature: 0\.7\).*"),
    "warm": ({**WRITE, "generation_kwargs": {"temperature": 0.7}}, r"utility\.gen_kwargs: the task samples"),
    "beams": ({**WRITE, "generation_kwargs": {"num_beams": 4}}, r"utility\.gen_kwargs: 'num_beams' is not supported"),
    "template": ({**CHOICE, "doc_to_text": "{{nothing.at.all}}"}, r"utility\.task: template cannot be loaded"),
    "many": ({**CHOICE, "num_fewshot": 50}, r"utility\.task: the prompts of many cannot be made \(ValueError"),
    "images": ({**CHOICE, "doc_to_image": "question"}, r"utility\.task: images shows pictures or sounds"),
    "unsafe": ({**WRITE, "unsafe_code": True}, r"utility\.task: unsafe runs the code that the model writes"),
}  # fmt: skip


@pytest.fixture(scope="module")
def refused_folder(tmp_path_factory):
    return written(tmp_path_factory.mktemp("refused"), {name: task for name, (task, _) in REFUSED.items()})


@pytest.mark.parametrize("task", REFUSED)
def test_tasks_that_cannot_be_utilities(refused_folder, task):
    with pytest.raises(ConfigError, match=REFUSED[task][1]):
        load(refused_folder, task)


def test_what_is_refused_can_be_asked_for_otherwise(refused_folder):
    assert load(refused_folder, "f1", metric="acc")[0].range == (0, 1)
    load(refused_folder, "samples", gen_kwargs={"do_sample": False, "temperature": 0})
    load(refused_folder, "many", num_fewshot=1)
    load(refused_folder, "unsafe", confirm_run_unsafe_code=True)


@pytest.mark.parametrize(
    ("keys", "says"),
    [({"task": "chioce"}, r"utility\.task: unknown task 'chioce'; did you mean 'choice'\?"),
     ({"task": "choice.yaml"}, r"utility\.task: unknown task 'choice\.yaml'; give the name in it as task"),
     ({"task": "self_consistency"}, r"utility\.task: self_consistency is a tag that tasks share \(gsm8k_cot_self"),
     ({"task": "choice", "include_path": "nowhere"}, r"utility\.include_path: .*nowhere is no folder"),
     ({"task": "choice", "metric": "acc_nrm"}, r"utility\.metric: choice has no 'acc_nrm'; did you mean 'acc_norm'\?"),
     ({"task": "write", "filter": "wohle"}, r"utility\.filter: write has no 'wohle'; did you mean 'whole'\?"),
     ({"task": "choice", "dev_split": "tset"}, r"utility\.dev_split: choice has no split 'tset'; did you mean 'test'"),
     ({"task": "choice_alone", "num_fewshot": 2}, r"utility\.num_fewshot: choice_alone is a task without shown ex"),
     ({"task": "choice", "num_fewshot": -1}, r"utility\.num_fewshot: -1 is not allowed"),
     ({"task": "choice", "limit": 0}, r"utility\.limit: 0 is not allowed"),
     ({"task": "choice", "limit": 1.5}, r"utility\.limit: 1\.5 is not allowed"),
     ({"task": "choice", "value_range": [1.0, 1.0]}, r"utility\.value_range: \[1\.0, 1\.0\] is not allowed"),
     ({"task": "choice", "gen_kwargs": {"until": "x"}}, r"utility\.gen_kwargs: choice lets the model write nothing"),
     ({"task": "choice", "apply_chat": True}, r"unknown key 'utility\.apply_chat'; did you mean 'apply_chat_template'"),
     ({}, r"utility\.task: not given; write task: hellaswag\.")],
)  # fmt: skip
def test_wrong_keys_are_named(folder, keys, says):
    with pytest.raises(ConfigError, match=says):
        load_utility({"kind": "lm_eval", "include_path": str(folder), **keys}, Path.cwd())


def test_data_of_ones_own_is_refused(folder, data_file):
    with pytest.raises(ConfigError, match="utility.data: lm_eval brings its own examples"):
        load(folder, "choice", data=str(data_file))


def test_documents_that_cannot_be_had(tmp_path, monkeypatch):
    lost = {**CHOICE, "dataset_kwargs": {"data_files": "lost.jsonl"}}
    remote = {**CHOICE, "dataset_path": "nobody/nothing", "dataset_kwargs": None}
    folder = written(tmp_path, {"lost": lost, "remote": remote})
    with pytest.raises(DataError, match=r"utility\.task: the documents of lost are not there \(.*lost\.jsonl"):
        load(folder, "lost")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match=r"utility\.task: the documents of remote could not be had \("):
        load(folder, "remote")


def test_a_missing_package_is_named(folder, tmp_path, monkeypatch):
    lacking = written(tmp_path, {"lacking": CHOICE})
    (lacking / "lacking.yaml").write_text((lacking / "lacking.yaml").read_text() + "process_docs: !function more.x\n")
    (lacking / "more.py").write_text("import not_there_at_all\n")
    with pytest.raises(MissingExtraError, match=r"utility\.task: lacking needs a package.*not_there_at_all"):
        load(lacking, "lacking")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'modelswarms\[harness\]'"):
        load(folder, "choice")


def test_a_document_without_the_metric_is_a_failure(tmp_path):
    folder = written(tmp_path, {"some": {**WRITE, "metric_list": [{"metric": "mine", "higher_is_better": True}]}})
    (folder / "own.py").write_text(
        "def results(doc, results):\n"
        "    said = {'': 0.0, 'x': float('nan'), 'y': 'y'}\n"
        "    return {'mine': said[results[0]]} if results[0] in said else {}\n"
    )
    (folder / "some.yaml").write_text((folder / "some.yaml").read_text() + "process_results: !function own.results\n")
    utility, data = load(folder, "some", filter="whole")
    assert [s.value for s in utility.score(data.test[:1], Fake(""))] == [0.0]
    with pytest.raises(EvaluationError, match="some: document test-0 has no mine"):
        utility.score(data.test, Fake("12"))
    for says in ("x", "y"):
        with pytest.raises(EvaluationError, match="some: document test-0: the task's mine is .*only numbers"):
            utility.score(data.test, Fake(says))


def test_answers_are_asked_for_once_where_they_are_repeated(tmp_path):
    utility, data = load(written(tmp_path, {"thrice": {**WRITE, "repeats": 3}}), "thrice")
    model = Fake("it is 7")
    assert {s.answer for s in utility.score(data.test, model)} == {"7"}
    assert len(model.asked[0][1]) == len(data.test)


def test_the_docs_example_works(tmp_path, monkeypatch):
    """The blocks of docs/harness.md, as they are."""
    text = (Path(__file__).parents[2] / "docs" / "harness.md").read_text()
    config, task = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL))
    (document,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "capitals.yaml").write_text(yaml.safe_dump(task))
    for name in ("train", "dev", "test"):
        (tmp_path / f"{name}.jsonl").write_text(document * 3)
    monkeypatch.chdir(tmp_path)
    utility, data = load_utility(config["utility"], tmp_path)
    assert utility.name == "capitals acc (dev: validation, test: test)"
    assert {(s.value, s.answer) for s in utility.score(data.dev, Fake())} == {(0.0, "B")}  # the shortest
    (table,) = re.findall(r"\| key \|.*?\n\n", text, re.DOTALL)
    told = "".join(row.split("|")[1] for row in table.strip().splitlines())
    assert set(re.findall(r"`(\w+)`", told)) == set(key_names(LmEval))


def test_a_value_without_its_documents_is_an_error(folder):
    utility, _ = load(folder, "texts")
    with pytest.raises(EvaluationError, match="made of its parts'"):
        utility.aggregate([-1.0])
    assert utility.combine({}) is None
    assert combination_of(utility) is None


def test_tasks_are_parts_of_what_has_parts(folder, tmp_path, data_file):
    group = written(tmp_path / "group", {"choice": TASKS["choice"], "half": CHOICE})
    (group / "both.yaml").write_text(yaml.safe_dump(GROUP))
    parts = {
        "options": {"kind": "lm_eval", "task": "choice", "include_path": str(folder)},
        "group": {"kind": "lm_eval", "task": "both", "include_path": str(group)},
        "numbers": {"kind": "exact_match", "data": str(data_file)},
    }
    utility, data = load_utility({"kind": "multi_task", "parts": parts, "combine": "mean"}, Path.cwd())
    tasks = [example.task for example in data.test]
    blocks = [[k for k, task in enumerate(tasks) if task == name] for name in dict.fromkeys(tasks)]
    scores = score_blocks(utility, data.test, blocks, Fake())
    found = parts_of(utility, data.test, scores)
    assert set(found) == {"options", "group", "group/choice", "group/half", "numbers"}
    assert found["group/choice"] == found["options"]
    assert value_of(utility, data.test, scores) == pytest.approx(
        (found["options"] + found["group"] + found["numbers"]) / 3
    )
    texts = {"kind": "lm_eval", "task": "texts", "include_path": str(folder)}
    with pytest.raises(ConfigError, match="texts has no finite range"):
        load_utility({"kind": "multi_task", "parts": {**parts, "texts": texts}}, Path.cwd())
