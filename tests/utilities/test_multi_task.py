"""Several utilities as one: their values combined, their examples kept apart, their abilities kept."""

from __future__ import annotations

import itertools
import json
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelswarms import ConfigError, EvaluationError, Example
from modelswarms.datasets import DataSet
from modelswarms.scoring import parts_of, plan_of, score_blocks, value_of
from modelswarms.types import Response, Score
from modelswarms.utilities import load_utility
from modelswarms.utilities.abilities import Calibrated, Metered, Opened, Parted, opened, usage_of
from modelswarms.utilities.combining import HOW, Combination
from modelswarms.utilities.multi_task import Joined, Part

UNIT = (0.0, 1.0)


def combination(how="harmonic", ranges=(UNIT, UNIT), **keys):
    names = [chr(ord("a") + k) for k in range(len(ranges))]
    weights = dict(zip(names, keys.pop("weights", ()), strict=False))
    return Combination(how, dict(zip(names, ranges, strict=True)), weights, **keys)


def of(how, *values, **keys):
    return combination(how, [UNIT] * len(values), **keys).of(dict(zip("abc", values, strict=False)))


def test_values_by_hand():
    assert of("harmonic", 0.6, 0.3) == pytest.approx(0.4)
    assert of("harmonic", 0.6, 0.0) == 0.0
    assert of("harmonic", 0.0, 0.0) == 0.0
    assert of("harmonic", 0.0, 0.0, zero_counts_as=0.01) == pytest.approx(0.01)
    assert of("harmonic", 0.6, 0.0, zero_counts_as=0.01) == 0.0
    assert of("mean", 0.6, 0.3) == pytest.approx(0.45)
    assert of("min", 0.6, 0.3) == 0.3
    assert of("weighted", 0.6, 0.3, weights=(1, 3)) == pytest.approx(0.375)


def test_each_range_becomes_zero_to_one():
    ranges = [(-1.0, 1.0), (1.0, 10.0)]
    assert combination("mean", ranges).of({"a": 0.0, "b": 5.5}) == pytest.approx(0.5)
    assert combination("harmonic", ranges).of({"a": -1.0, "b": 10.0}) == 0.0
    assert combination("min", ranges).of({"a": 1.0, "b": 10.0}) == 1.0


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=3))
def test_against_the_standard_library(values):
    assert of("harmonic", *values) == pytest.approx(statistics.harmonic_mean(values))
    assert of("mean", *values) == pytest.approx(statistics.fmean(values))
    assert min(values) - 1e-12 <= of("harmonic", *values) <= of("mean", *values) + 1e-12


@given(st.sampled_from(HOW), st.permutations([("a", 0.2), ("b", 0.9), ("c", 0.5)]))
def test_the_order_of_the_parts_changes_nothing(how, parts):
    weights = {"a": 1.0, "b": 2.0, "c": 0.5} if how == "weighted" else {}
    one = Combination(how, dict.fromkeys("abc", UNIT), weights)
    other = Combination(how, dict.fromkeys((name for name, _ in parts), UNIT), weights)
    assert one.of({"a": 0.2, "b": 0.9, "c": 0.5}) == pytest.approx(other.of(dict(parts)))


def test_one_part_is_optimised_as_it_is_and_one_that_is_missing_leaves_no_value():
    one = combination(ranges=[(1.0, 10.0), None], optimise="a")
    assert (one.of({"a": 7.0, "b": 3.0}), one.range) == (7.0, (1.0, 10.0))
    assert combination().of({"a": 0.5}) is None
    assert Combination.from_dict(json.loads(json.dumps(one.to_dict()))) == one


class Letters:
    """A model that says the last word of the prompt, and counts its batches."""

    def __init__(self):
        self.batches = []

    def generate(self, requests):
        self.batches.append([r.prompt for r in requests])
        return [Response(r.prompt.split()[-1].strip("?")) for r in requests]

    def loglikelihood(self, requests):
        raise NotImplementedError

    def render_chat(self, messages, *, continue_last=False):
        raise NotImplementedError


class Words:
    """An engine as far as a batch plan needs one."""

    block_tokens = 1000

    def count_tokens(self, texts):
        return [len(text.split()) for text in texts]


@pytest.fixture
def two(tmp_path):
    """Two files: of the first's four dev answers the model says three, of the second's three one."""
    rows = {"one": ["1 1", "2 2", "3 3", "4 0"], "two": ["1 1", "5 0", "6 0"]}
    for name, pairs in rows.items():
        items = [{"question": f"{name}: {q}?", "answer": a, "id": i} for i, (q, a) in enumerate(map(str.split, pairs))]
        (tmp_path / f"{name}.json").write_text(
            json.dumps({"dataset": name, "dev": items, "test": [{**items[0], "question": f"{name}: new 1?"}]})
        )
    return tmp_path


def spec(*names, **keys):
    parts = {name: {"kind": "exact_match", "data": f"{name}.json"} for name in names}
    return {"kind": "multi_task", "parts": parts, **keys}


def scored(utility, examples):
    model = Letters()
    scores = score_blocks(utility, examples, plan_of(Words(), utility, examples), model)
    return scores, model


def test_examples_are_joined_scored_apart_and_combined(two):
    utility, data = load_utility(spec("one", "two"), two)
    assert [e.id for e in data.dev] == ["one/0", "one/1", "one/2", "one/3", "two/0", "two/1", "two/2"]
    assert [e.task for e in data.test] == ["one", "two"]
    scores, model = scored(utility, data.dev)
    assert [len(batch) for batch in model.batches] == [4, 3], "no block mixes parts"
    assert parts_of(utility, data.dev, scores) == {"one": 0.75, "two": pytest.approx(1 / 3)}
    assert value_of(utility, data.dev, scores) == pytest.approx(2 / (1 / 0.75 + 3))
    assert (utility.name, utility.range) == ("multi_task", (0.0, 1.0))
    with pytest.raises(EvaluationError, match="parts"):
        utility.aggregate([s.value for s in scores])


def test_a_block_of_several_parts_is_sorted_out(two):
    utility, data = load_utility(spec("one", "two"), two)
    mixed = [data.dev[i] for i in (4, 0, 5, 3)]
    assert [s.value for s in utility.score(mixed, Letters())] == [1, 1, 0, 0]


def test_a_part_is_optimised_and_all_are_reported(two):
    utility, data = load_utility(spec("one", "two", optimise="two"), two)
    scores, _ = scored(utility, data.dev)
    assert value_of(utility, data.dev, scores) == pytest.approx(1 / 3)
    assert set(parts_of(utility, data.dev, scores)) == {"one", "two"}


def test_without_examples_of_a_part_there_is_no_value(two):
    utility, data = load_utility(spec("one", "two"), two)
    scores, _ = scored(utility, data.dev[:4])
    assert value_of(utility, data.dev[:4], scores) is None
    assert parts_of(utility, data.dev[:4], scores) == {"one": 0.75}


def test_parts_may_have_parts(two):
    inner = {**spec("one", "two"), "combine": "min"}
    utility, data = load_utility({"kind": "multi_task", "parts": {"x": inner, "y": spec("one")["parts"]["one"]}}, two)
    assert [e.id for e in data.dev[:1]] == ["x/one/0"]
    scores, model = scored(utility, data.dev)
    assert [len(batch) for batch in model.batches] == [4, 3, 4]
    parts = parts_of(utility, data.dev, scores)
    assert parts == {"x": parts["x/two"], "x/one": 0.75, "x/two": pytest.approx(1 / 3), "y": 0.75}
    assert value_of(utility, data.dev, scores) == pytest.approx(2 / (3 + 1 / 0.75))


def test_names_lists_and_keys_for_each(two, monkeypatch):
    monkeypatch.setenv("MODELSWARMS_DATA", str(two))
    (two / "one.json").rename(two / "nlgraph.json")
    (two / "two.json").rename(two / "gsm8k.json")
    for parts in (["nlgraph", "gsm8k"], {"nlgraph": {"max_new_tokens": 3}, "gsm8k": {}}):
        utility, _ = load_utility({"kind": "multi_task", "parts": parts, "each": {"stop": ["x"]}}, two)
        assert {part.name: part.utility.which for part in utility.tasks} == {"nlgraph": "first", "gsm8k": "last"}
        assert {part.utility.stop for part in utility.tasks} == {("x",)}


PAIRS = {
    "legal": ("hearsay", "citation_prediction_classification"),
    "medical": ("medqa", "medmcqa"),
    "science": ("scifact", "stem"),
    "culture": ("normad_country", "normad_value"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_published_pairs_have_names(name, shared, monkeypatch):
    monkeypatch.setenv("MODELSWARMS_DATA", str(shared / "data" / "eval"))
    utility, data = load_utility(name, shared)
    assert (utility.name, tuple(part.name for part in utility.tasks)) == (name, PAIRS[name])
    assert {part.utility.name for part in utility.tasks} == set(PAIRS[name])
    assert {e.task for e in data.dev} == set(PAIRS[name])
    assert utility.combination.how == "harmonic"
    assert "Please choose" in utility.prompt(data.dev[0])
    own = {n: {"data": str(shared / "data" / "eval" / f"{n}.json")} for n in PAIRS[name]}
    monkeypatch.setenv("MODELSWARMS_DATA", "/nowhere")
    other, same = load_utility({"kind": name, "parts": own, "zero_counts_as": 0.01}, shared)
    assert (other.name, len(same.dev), other.combination.zero_counts_as) == (name, len(data.dev), 0.01)


def test_edited_data_of_a_part_changes_the_fingerprint(two):
    before = load_utility(spec("one", "two"), two)[1].fingerprint
    assert load_utility(spec("one", "two"), two)[1].fingerprint == before
    (two / "two.json").write_text((two / "two.json").read_text().replace("two: 5", "two: 7"))
    assert load_utility(spec("one", "two"), two)[1].fingerprint != before


def test_a_test_example_of_one_part_that_is_a_dev_example_of_another_is_left_out(two):
    one, other = (json.loads((two / f"{name}.json").read_text()) for name in ("one", "two"))
    one["test"] += other["dev"][:1]
    (two / "one.json").write_text(json.dumps(one))
    data = load_utility(spec("one", "two"), two)[1]
    assert [e.question for e in data.test] == ["one: new 1?", "two: new 1?"]
    assert data.leakage.to_dict() == {"test": 3, "by_key": 1, "reordered": 0, "by_question": 1, "left_out": 1}
    assert data.test_reason is None
    kept = load_utility(spec("one", "two", keep_overlap=True), two)[1]
    assert (len(kept.test), kept.leakage.by_key, kept.leakage.left_out) == (3, 1, 0)


def test_a_part_that_nothing_is_left_of_has_the_reason(two):
    one = json.loads((two / "one.json").read_text())
    (two / "one.json").write_text(json.dumps({**one, "test": one["dev"][:2]}))
    _, data = load_utility(spec("one", "two"), two)
    assert [e.task for e in data.test] == ["two"]
    assert data.test_reason.startswith("its part one has none: all 2 test examples are dev examples too")
    assert load_utility(spec("one", "two", optimise="two"), two)[1].test_reason is None
    nested = {"kind": "multi_task", "parts": {"x": spec("one", "two"), "y": spec("two")["parts"]["two"]}}
    assert "its part x has none: its part one has none" in load_utility(nested, two)[1].test_reason
    (two / "one.json").write_text(json.dumps({**one, "test": []}))
    assert (
        load_utility(spec("one", "two"), two)[1].test_reason == "its part one has none: the data has no test examples"
    )


WRONG = [
    (spec("one", "two", keep_overlap="yes"), "utility.keep_overlap: 'yes' is not allowed; give true or false."),
    ({"kind": "multi_task", "parts": [{"kind": "zoo", "keep_overlap": True}, "zoo"]}, "is for all parts together"),
    ({"kind": "multi_task"}, "utility.parts: not given"),
    (spec("one"), "fewer than two"),
    ({"kind": "multi_task", "parts": [3, 4]}, "utility.parts: 3 is no utility"),
    ({"kind": "multi_task", "parts": ["nlgraf", "gsm8k"]}, "utility.parts, number 1: utility: unknown name 'nlgraf'"),
    (spec("one", "two", combine="product"), "utility.combine: 'product' is not allowed; give 'harmonic' or 'mean'"),
    (spec("one", "two", optimise="three"), "utility.optimise: 'three' is no part; give one of one, two."),
    (spec("one", "two", combine="weighted"), "utility.weights: belong to combine: weighted"),
    (spec("one", "two", weights={"one": 1, "two": 1}), "utility.weights: belong to combine: weighted"),
    (spec("one", "two", combine="weighted", weights={"one": 1}), "give one for each of one, two"),
    (spec("one", "two", combine="weighted", weights={"one": 1, "two": -1}), "utility.weights.two: -1"),
    (spec("one", "two", combine="weighted", weights={"one": 0, "two": 0}), "utility.weights.one: 0"),
    (spec("one", "two", zero_counts_as=2), "utility.zero_counts_as: 2.0"),
    (spec("one", "two", data="one.json"), "utility.data: multi_task brings its own examples"),
    ({"kind": "multi_task", "parts": list(spec("one", "two")["parts"].values())}, "two are called exact_match"),
    ({"kind": "multi_task", "parts": {"a/b": spec("one")["parts"]["one"], "c": "zoo"}}, "'a/b' has a slash"),
    ({"kind": "multi_task", "parts": {"free": "mine:f", "zoo": "zoo"}}, "utility.parts, free: utility.data"),
    (
        {"kind": "multi_task", "parts": {"x": {"kind": "function", "target": "mine:f", "data": "one.json"}, "zoo": {}}},
        "utility.parts: x has no finite range",
    ),
]


@pytest.mark.parametrize(("keys", "says"), WRONG)
def test_mistakes_are_named(keys, says, two):
    (two / "mine.py").write_text("def f(examples, model): return [0.0] * len(examples)\n")
    with pytest.raises(ConfigError) as caught:
        load_utility(keys, two)
    assert says in str(caught.value)


def test_a_part_without_a_range_may_be_reported_beside_the_one_that_is_optimised(two):
    (two / "mine.py").write_text("def f(examples, model): return [7.0] * len(examples)\n")
    parts = {"free": {"kind": "function", "target": "mine:f", "data": "one.json"}, **spec("two")["parts"]}
    utility, data = load_utility({"kind": "multi_task", "parts": parts, "optimise": "two"}, two)
    scores, _ = scored(utility, data.dev)
    assert parts_of(utility, data.dev, scores)["free"] == 7.0


class Able:
    """A utility with every ability, which writes down what is asked of it."""

    name, range, needs_constants = "able", UNIT, True
    _numbers = itertools.count()

    def __init__(self, scale=None, log=None):
        self.scale, self.log = scale, [] if log is None else log

    def prompt(self, example):
        return example.question

    def score(self, examples, model):
        self.log.append(("score", [(e.id, e.task) for e in examples]))
        return [Score(self.scale) for _ in examples]

    def aggregate(self, scores):
        return math.fsum(scores) / len(scores)

    def measure(self, examples, model):
        return [{"x": float(len(e.question))} for e in examples]

    def constants_from(self, measured):
        assert all(len(figures) == 2 for figures in measured)
        return {"scale": 1 / max(f["x"] for figures in measured for f in figures)}

    def with_constants(self, constants):
        return Able(constants["scale"], self.log)

    def open(self, folder):
        self.log.append(("open", folder.name, folder.is_dir()))

    def close(self):
        self.log.append(("close",))

    def usage(self):
        return {"requests": 2.0, "cost": 0.5}


class Free(Able):
    """The same, its constants given."""

    needs_constants = False

    def with_constants(self, constants):
        raise AssertionError("it needs none")


def test_abilities_of_parts_are_those_of_the_whole(tmp_path):
    data = DataSet("d", tuple(Example(str(k), "q" * (k + 3)) for k in range(2)))
    able, free = Able(), Free(0.5)
    whole = Joined((Part("a", able, data), Part("b", free, data)), combination("mean"))
    assert all(isinstance(whole, ability) for ability in (Calibrated, Opened, Metered, Parted))
    examples = whole.dataset().dev
    measured = whole.measure(examples, None)
    assert measured == [{"a/x": 3.0}, {"a/x": 4.0}, {}, {}]
    constants = whole.constants_from([measured, measured])
    assert constants == {"a/scale": 0.25}
    with opened(whole, tmp_path):
        ready = whole.with_constants(constants)
        assert not Joined((Part("b", free, data),), combination("mean", [UNIT])).needs_constants
        values = [s.value for s in ready.score(examples, None)]
    assert values == [0.25, 0.25, 0.5, 0.5]
    assert ready.combine(ready.parts(examples, values)) == 0.375
    assert able.log == [("open", "a", True), ("score", [("0", None), ("1", None)]), ("close",)]
    assert usage_of(whole) == {"requests": 4.0, "cost": 1.0}
