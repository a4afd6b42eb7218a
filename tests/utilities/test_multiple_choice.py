"""Multiple choice: the published prompt, answers that are read, options that are compared."""

from __future__ import annotations

import json

import pytest

from modelswarms import ConfigError, DataError, EvaluationError, Example, ExpertSpace, evaluate, zoo
from modelswarms.cli import main
from modelswarms.datasets import DataSet
from modelswarms.engines.config import EngineConfig
from modelswarms.engines.local import LocalEngine
from modelswarms.types import Loglikelihood, Response
from modelswarms.utilities import NAMED, MultipleChoice, load_utility

CAPITALS = [
    Example("0", "The capital of France?", "A", {"A": "Paris", "B": "London"}),
    Example("1", "The capital of Peru?", "C", {"A": "Paris", "B": "Rome", "C": "Lima"}),
    Example("2", "The capital of Italy?", "B", {"A": "Lima", "B": "Rome"}),
]
CHOSEN = sorted(name for name, named in NAMED.items() if named.kind == "multiple_choice")
SAMPLED = [*CHOSEN, "nlgraph", "gsm8k"]


class Says:
    """A model that says one text after another, and remembers what it was asked."""

    def __init__(self, *texts):
        self.texts, self.asked = texts, []

    def generate(self, requests):
        self.asked.append(requests)
        return [Response(text) for text in self.texts]

    def render_chat(self, messages):
        return f"<{messages[0]['content']}>\n"


class Weighs(Says):
    """A model to which continuations are so likely: log-probability and number of tokens."""

    def __init__(self, **values):
        super().__init__()
        self.values = values

    def loglikelihood(self, requests):
        self.asked.append(requests)
        found = [self.values[r.continuation.strip()] for r in requests]
        return [Loglikelihood(logprob, False, tokens) for logprob, tokens in found]


def test_the_prompt_is_the_published_one():
    said = MultipleChoice().prompt(CAPITALS[1])
    assert said == (
        "Please choose an option that best answers the question.\n"
        "Question: The capital of Peru?\nA: Paris\nB: Rome\nC: Lima\nThe answer is"
    )


def test_hellaswag_and_crosswords_have_their_own(shared, monkeypatch):
    monkeypatch.setenv("MODELSWARMS_DATA", str(shared / "data" / "eval"))
    utility, data = load_utility("hellaswag", shared)
    assert utility.prompt(data.dev[0]).startswith(
        "Please choose an option that best completes the sentence.\nQuestion: "
    )
    utility, data = load_utility("knowledge_crosswords", shared)
    example, said = data.dev[0], utility.prompt(data.dev[0])
    assert said.startswith(f"{data.icl_prompt}\nQuestion: {example.question}\nA: {example.choices['A']}\n")
    assert said.endswith("\nThe answer is")
    assert "Please choose" not in said


def test_data_without_the_example_that_a_template_asks_for_are_refused(tmp_path):
    items = [{"question": "1 + 1?", "choices": {"A": "1", "B": "2"}, "answer": "B"}]
    (tmp_path / "d.json").write_text(json.dumps({"dev": items}))
    with pytest.raises(DataError, match=r"d\.json: has no 'icl_prompt', which utility\.template asks for"):
        load_utility({"kind": "knowledge_crosswords", "data": "d.json"}, tmp_path)


def test_answers_are_read_and_what_cannot_be_is_counted():
    model = Says(" A.", "The answer is B: Rome", "a city")
    scores = MultipleChoice(max_new_tokens=7).score(CAPITALS, model)
    assert [s.value for s in scores] == [1, 0, 0]
    assert [s.answer for s in scores] == ["A", "B", None]
    assert [s.parsed for s in scores] == [True, True, False]
    assert scores[2].response == "a city"
    (asked,) = model.asked
    assert [r.max_new_tokens for r in asked] == [7, 7, 7]
    assert MultipleChoice().aggregate([1.0, 0.0, 0.0, 0.0]) == 0.25


def test_as_published():
    scores = MultipleChoice(parsing="compat").score(CAPITALS, Says("Answer: B", "It is the city called Lima", "???"))
    assert [(s.value, s.answer, s.parsed) for s in scores] == [(1, "A", True), (1, "C", True), (0, None, False)]


def test_by_likelihood_all_options_of_a_block_are_asked_at_once():
    model = Weighs(A=(-1.0, 1), B=(-0.5, 1), C=(-0.7, 1))
    scores = MultipleChoice(by="likelihood").score(CAPITALS, model)
    (asked,) = model.asked
    assert [r.continuation for r in asked] == [" A", " B", " A", " B", " C", " A", " B"]
    assert asked[0].context == MultipleChoice().prompt(CAPITALS[0])
    assert [s.answer for s in scores] == ["B", "B", "B"]
    assert [s.value for s in scores] == [0, 0, 1]
    assert all(s.parsed for s in scores)


def test_equally_likely_options_leave_the_first():
    (score,) = MultipleChoice(by="likelihood").score(CAPITALS[:1], Weighs(A=(-1.0, 1), B=(-1.0, 1)))
    assert score.answer == "A"


@pytest.mark.parametrize(("normalise", "chosen"), [("none", "A"), ("tokens", "B"), ("characters", "B"), ("bytes", "C")])
def test_long_texts_can_be_made_up_for(normalise, chosen):
    """Per token −2.0, −1.5, −1.8; per character −1.0, −0.5, −0.51; per byte −1.0, −0.5, −0.468."""
    example = Example("0", "?", "C", {"A": "no", "B": "maybe so", "C": "perhaps née"})
    values = {"no": (-2.0, 1), "maybe so": (-4.0, 3), "perhaps née": (-5.61, 3)}
    utility = MultipleChoice(by="likelihood", option="text", normalise=normalise)
    (score,) = utility.score([example], Weighs(**values))
    assert score.answer == chosen


def test_in_a_chat_the_option_begins_the_answer():
    model = Weighs(Paris=(-1.0, 1), London=(-2.0, 1))
    utility = MultipleChoice(by="likelihood", option="text", chat=True)
    (score,) = utility.score(CAPITALS[:1], model)
    (asked,) = model.asked
    assert [(r.continuation, r.special_tokens) for r in asked] == [("Paris", False), ("London", False)]
    assert score.value == 1


def test_answers_of_shown_examples_are_letters():
    shown = ({"question": "0 + 0?", "choices": {"A": "0", "B": "1"}, "answer": "A"},)
    said = MultipleChoice(few_shot=shown).prompt(CAPITALS[0])
    assert "Question: 0 + 0?\nA: 0\nB: 1\nThe answer is A\n\nQuestion: The capital of France?" in said


def test_data_without_options_is_refused():
    utility = MultipleChoice()
    bare = Example("0", "?", "A")
    assert utility.unsuited(DataSet("d", (CAPITALS[0], bare))).startswith("dev[1] has no 'choices'")
    asked = Example("0", "?", None, {"A": "x"})
    assert utility.unsuited(DataSet("d", (CAPITALS[0],), (asked,))).startswith("test[0] has no 'answer'")
    with pytest.raises(EvaluationError, match="example 0 has no choices"):
        MultipleChoice(by="likelihood").score([bare], Weighs())


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"max_new_tokens": 0}, "utility.max_new_tokens: 0"),
        ({"option": "text"}, "utility.option: 'text' needs by: likelihood"),
        ({"normalise": "tokens"}, "utility.normalise: 'tokens' needs by: likelihood"),
        ({"by": "likelihood", "parsing": "compat"}, "utility.parsing: by likelihood"),
        ({"by": "guess"}, "utility.by: 'guess' is not allowed; give 'answer' or 'likelihood'"),
        ({"parsing": "lax"}, "utility.parsing: 'lax' is not allowed; give 'strict' or 'compat'"),
    ],
)
def test_mistakes_are_named(keys, says, tmp_path):
    with pytest.raises(ConfigError) as caught:
        load_utility({"kind": "multiple_choice", "data": "d.json", **keys}, tmp_path)
    assert says in str(caught.value)


def test_a_name_says_where_its_data_come_from(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSWARMS_DATA", str(tmp_path))
    with pytest.raises(DataError, match="modelswarms data download medqa"):
        load_utility("medqa", tmp_path)


def test_the_published_data_sets_are_named():
    published = (
        "citation_prediction_classification", "hearsay", "hellaswag", "knowledge_crosswords", "medmcqa", "medqa",
        "mmlu",
        "mmlu_pro", "normad_country", "normad_value", "scifact", "stem", "truthfulqa",
    )  # fmt: skip
    assert tuple(CHOSEN) == published


class Kept:
    """An engine that was started once, for many evaluations."""

    def __init__(self, engine):
        self._engine = engine

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def start(self, space): ...

    def close(self): ...


@pytest.fixture(scope="module")
def zoo_engine():
    engine = LocalEngine(EngineConfig(), zoo.base_path())
    engine.start(ExpertSpace.load(list(zoo.expert_paths().items())[:1], base=zoo.base_path()))
    yield Kept(engine)
    engine.close()


def sample(shared, name, folder):
    """The shortest dev item of a sample as a file of its own."""
    content = json.loads((shared / "data" / "eval" / f"{name}.json").read_text(encoding="utf-8"))
    items = sorted(content["dev"], key=lambda item: len(json.dumps(item)))[:1]
    (folder / "d.json").write_text(json.dumps({**content, "dev": items, "test": []}))
    return str(folder / "d.json")


@pytest.mark.parametrize("name", SAMPLED)
def test_samples_of_the_real_files_are_evaluated(name, shared, tmp_path, zoo_engine):
    """By the zoo's base, which knows nothing of them: a true figure, whatever it is."""
    spec = {"kind": name, "data": sample(shared, name, tmp_path), "max_new_tokens": 1}
    (found,) = evaluate(utility=spec, expert="base", split="dev", engine=zoo_engine)
    (answer,) = found.answers
    assert (found.utility, found.value, found.unparsed) == (name, answer["score"], int(answer["answer"] is None))


def test_a_sample_is_evaluated_from_the_command_line(shared, tmp_path, capsys):
    spec = f"{{kind: medmcqa, data: {sample(shared, 'medmcqa', tmp_path)}, by: likelihood}}"
    (tmp_path / "my.yaml").write_text(f"utility: {spec}\n")
    out = tmp_path / "out.json"
    assert main(["evaluate", str(tmp_path / "my.yaml"), "--expert", "base", "--split", "dev", "--out", str(out)]) == 0
    assert "Utility: medmcqa, 1 dev examples" in capsys.readouterr().out
    (found,) = json.loads(out.read_text())
    assert found["answers"][0]["answer"] in "ABCD"


@pytest.mark.parametrize("name", CHOSEN)
def test_right_answers_of_the_real_files_score(name, shared, monkeypatch):
    """Each right letter and each right text in a sentence is read back; so is each wrong letter, as wrong."""
    monkeypatch.setenv("MODELSWARMS_DATA", str(shared / "data" / "eval"))
    utility, data = load_utility(name, shared)
    for form in ("({0}) {1}", "The answer is {0}: {1}", "{1}"):
        said = [form.format(e.answer, e.choices[e.answer].strip()) for e in data.dev]
        scores = utility.score(data.dev, Says(*said))
        missed = [text for e, s, text in zip(data.dev, scores, said, strict=True) if s.value != 1 and not _unclear(e)]
        assert missed == [], form
    wrong = [next(key for key in e.choices if key != e.answer) for e in data.dev]
    assert {s.value for s in utility.score(data.dev, Says(*wrong))} == {0.0}


def _unclear(example):
    """Whether two options differ in signs alone, or one's text is another's letter: which was meant cannot be told."""
    plain = ["".join(c for c in text.casefold() if c.isalnum()) for text in example.choices.values()]
    return len(set(plain)) < len(plain) or any(text.upper() in example.choices for text in plain)
