"""Intervals of values that are made of several parts, against simulation; and where they are shown."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import numpy as np
import pytest

from modelswarms import evaluate, search
from modelswarms.engines import ScriptedEngine
from modelswarms.reports.intervals import Intervals
from modelswarms.reports.statistics import mean_interval, paired_interval
from modelswarms.reports.table import result_table
from modelswarms.utilities.combining import Combination

UNIT = (0.0, 1.0)


def record(scores: dict[str, list[float]], parts: dict[str, float] | None = None) -> dict:
    """An evaluation on dev of several parts, one after the other."""
    given = {name: statistics.fmean(values) for name, values in scores.items()}
    flat = [value for values in scores.values() for value in values]
    return {"split": "dev", "value": 0.0, "scores": flat, "parts": parts or given}


def intervals(combination: Combination | None, **counts: int) -> Intervals:
    return Intervals(combination, {"dev": [name for name, count in counts.items() for _ in range(count)]})


def bits(share: float, count: int) -> list[float]:
    return [float(i < round(share * count)) for i in range(count)]


def test_a_plain_value_has_the_interval_of_a_mean():
    plain = {"split": "dev", "value": 0.5, "scores": [1.0, 0.0]}
    assert Intervals(None, {}).of(plain) == mean_interval([1.0, 0.0])
    assert Intervals(None, {}).difference(plain, plain) == paired_interval([1.0, 0.0], [1.0, 0.0])
    assert Intervals(None, {}).parts(plain) is None


@pytest.mark.parametrize("how", ["harmonic", "mean", "min"])
def test_the_interval_of_a_combination_is_that_of_fresh_samples(how):
    """The spread of the value over new samples of examples, drawn from the shares themselves."""
    combination = Combination(how, {"a": UNIT, "b": UNIT})
    one = record({"a": bits(0.7, 200), "b": bits(0.4, 50)})
    low, high = intervals(combination, a=200, b=50).of(one)
    draws = np.random.default_rng(5)
    fresh = combination.over({"a": draws.binomial(200, 0.7, 20_000) / 200, "b": draws.binomial(50, 0.4, 20_000) / 50})
    assert np.allclose((low, high), np.percentile(fresh, [2.5, 97.5]), atol=0.02)


def test_differences_are_paired_within_the_parts():
    combination = Combination("mean", {"a": UNIT, "b": UNIT})
    a, b = bits(0.5, 40), bits(0.5, 60)
    better = record({"a": [1.0, *a[1:]], "b": b[::-1]})
    same = intervals(combination, a=40, b=60)
    assert same.difference(record({"a": a, "b": b}), record({"a": a, "b": b})) == (0.0, 0.0)
    low, high = same.difference(better, record({"a": a, "b": b}))
    assert low < 0 < high, "what is right on other examples of b spreads"


def test_a_part_has_the_interval_of_its_own_examples():
    one = record({"a": bits(0.5, 40), "b/x": bits(0.25, 20)}, {"a": 0.5, "b": 0.9, "b/x": 0.25})
    found = intervals(None, **{"a": 40, "b/x": 20}).parts(one)
    assert found["a"] == {"value": 0.5, "ci": mean_interval(bits(0.5, 40))}
    assert found["b"] == {"value": 0.9, "ci": None}, "it is no mean of its examples' scores"
    assert found["b/x"]["ci"] == mean_interval(bits(0.25, 20))


def test_without_a_word_on_how_it_is_made_there_is_no_interval():
    one = record({"a": bits(0.5, 4), "b": bits(0.5, 4)})
    assert intervals(None, a=4, b=4).of(one) is None
    assert intervals(Combination("mean", {"a": UNIT, "b": UNIT}), a=4, b=3).of(one) is None, "another plan"
    optimised = Combination("mean", {"a": UNIT, "b": None}, optimise="a")
    assert intervals(optimised, a=4, b=4).of(one) == mean_interval(bits(0.5, 4))


@pytest.fixture
def two_tasks(tmp_path: Path, data_file: Path) -> dict:
    """A search on two tasks: the scripted model knows the second one's answers half as well."""
    content = json.loads(data_file.read_text())
    for split in ("dev", "test"):
        for item in content[split]:
            item["answer"] = item["answer"] if item["id"] % 2 else "9"
    (tmp_path / "half.json").write_text(json.dumps(content))
    parts = {"whole": {"kind": "exact_match", "data": str(data_file)},
             "half": {"kind": "exact_match", "data": str(tmp_path / "half.json")}}  # fmt: skip
    return {
        "utility": {"kind": "multi_task", "parts": parts},
        "swarm": {"particles": 12, "max_iterations": 2},
        "run_dir": str(tmp_path / "run"),
        "random_search": True,
    }


def test_a_run_shows_the_parts_wherever_it_shows_figures(two_tasks, scripted):
    result = search(two_tasks, engine=scripted())
    best = result.best
    for split in ("dev", "test"):
        parts = {name: figures["value"] for name, figures in best["parts"][split].items()}
        assert set(parts) == {"whole", "half"}
        assert best[split] == pytest.approx(statistics.harmonic_mean(list(parts.values())))
        assert all(f["ci"][0] <= f["value"] <= f["ci"][1] for f in best["parts"][split].values())
        assert best[f"{split}_ci"][0] <= best[split] <= best[f"{split}_ci"][1]
    low, high = result.difference["ci"]
    assert low <= result.difference["test"] <= high
    shown = _text(result_table(result))
    assert shown.count("whole") == shown.count("half") == 3, "the best single expert's, random search's and the swarm's"
    page = (result.run_dir / "report.html").read_text()
    assert "Parts of the value" in page
    assert "the harmonic mean of its parts" in page
    assert "There are no intervals" not in page
    assert "| whole | " in (result.adapter / "README.md").read_text()


def test_evaluate_shows_the_parts_and_their_intervals(two_tasks, scripted):
    measured = evaluate(two_tasks, expert=["between", "degree"], split="dev", engine=scripted())
    for one in measured:
        assert set(one.parts) == {"whole", "half"}
        assert one.ci[0] <= one.value <= one.ci[1]
        assert one.parts["whole"]["ci"] == mean_interval([a["score"] for a in one.answers if "whole" in a["id"]])
    low, high = measured[1].difference_ci
    assert low <= measured[1].difference <= high


def test_a_value_of_ones_own_making_has_no_interval_and_no_page_breaks(two_tasks, tmp_path):
    """A utility with parts that says nothing of how they are combined."""
    (tmp_path / "own.py").write_text(
        "from modelswarms.types import Score\n"
        "class Own:\n"
        "    name, range = 'own', (0.0, 1.0)\n"
        "    def prompt(self, example): return example.question\n"
        "    def score(self, examples, model): return [Score(float(len(e.question) % 2)) for e in examples]\n"
        "    def aggregate(self, scores): return max(scores)\n"
        "    def parts(self, examples, scores): return {'low': min(scores), 'high': max(scores)}\n"
        "    def combine(self, parts): return (parts['low'] + parts['high']) / 2\n"
    )
    data = two_tasks["utility"]["parts"]["whole"]["data"]
    spec = {"kind": "function", "target": "own:Own", "data": data, "folder": str(tmp_path)}
    result = search({**two_tasks, "utility": spec}, engine=ScriptedEngine(lambda prompt, coefficients: "", 20))
    assert result.best["test_ci"] is None
    assert result.best["parts"]["dev"]["high"] == {"value": 1.0, "ci": None}
    assert "There are no intervals" in (result.run_dir / "report.html").read_text()
    assert "low" in _text(result_table(result))


def _text(renderable) -> str:
    from rich.console import Console

    console = Console(width=200)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()
