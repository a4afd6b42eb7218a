"""Test examples that a search has seen on dev are no part of what is claimed."""

from __future__ import annotations

import json

import pytest

from modelswarms import DataError, evaluate, search
from modelswarms.cli import main
from modelswarms.engines import ScriptedEngine
from modelswarms.runs import RunFolder
from modelswarms.utilities import load_examples, load_utility


@pytest.fixture
def half_seen(tmp_path, keys):
    """Keys of a search on data of whose four test questions two are dev questions as well."""
    items = [{"question": f"How much is item {k}?", "answer": str(k % 5), "id": k} for k in range(8)]
    data = {"dev": items[:6], "test": [{**items[0], "question": " how MUCH is item 0?"}, items[1], *items[6:]]}
    (tmp_path / "seen.json").write_text(json.dumps(data))
    return {**keys, "utility": {"kind": "exact_match", "data": str(tmp_path / "seen.json")}, "rescore": False}


def test_they_are_left_out_and_told(half_seen, scripted):
    result = search(half_seen, engine=scripted())
    assert result.details["leakage"] == {"test": 4, "by_key": 2, "reordered": 0, "by_question": 2, "left_out": 2}
    assert result.details["test_reason"] is None
    tested = [r for r in RunFolder(result.run_dir).journal.read() if r.get("split") == "test" and "scores" in r]
    assert {len(r["scores"]) for r in tested} == {2}
    assert any("2 are dev examples too, and were left out" in w for w in result.details["warnings"])
    assert "2 are dev examples too" in (result.run_dir / "report.html").read_text()


def test_they_are_kept_where_that_is_asked_for(half_seen, scripted):
    utility = {**half_seen["utility"], "keep_overlap": True}
    result = search({**half_seen, "utility": utility}, engine=scripted())
    assert result.details["leakage"]["left_out"] == 0
    tested = [r for r in RunFolder(result.run_dir).journal.read() if r.get("split") == "test" and "scores" in r]
    assert {len(r["scores"]) for r in tested} == {4}
    assert any("were kept all the same" in w for w in result.details["warnings"])


def test_evaluate_says_so_too(half_seen, scripted):
    first, _ = evaluate(half_seen, expert=["between", "degree"], engine=scripted())
    assert (first.examples, first.leakage["left_out"]) == (2, 2)
    first, _ = evaluate(half_seen, expert=["between", "degree"], split="dev", engine=scripted())
    assert first.leakage is None


def test_the_questions_of_a_report_are_those_that_were_asked(half_seen, tmp_path):
    _, data = load_utility(half_seen["utility"], tmp_path)
    assert load_examples(half_seen["utility"], tmp_path).test == data.test
    parts = {"kind": "multi_task", "parts": [half_seen["utility"], "zoo"]}
    assert load_examples(parts, tmp_path).test == load_utility(parts, tmp_path)[1].test
    own = {"kind": "function", "target": "nowhere:f"}
    assert load_examples(own, tmp_path) is None
    assert load_examples({"kind": "multi_task", "parts": [own, "zoo"]}, tmp_path) is None


def say_a(prompt, coefficients):
    return "A" if coefficients[0] > 0.3 else "B"


def test_hearsay_has_no_test_value_and_the_run_succeeds(shared, tmp_path, keys):
    """All of its published test examples are its dev examples."""
    utility = {"kind": "exact_match", "data": str(shared / "data" / "eval" / "hearsay.json")}
    result = search({**keys, "utility": utility}, engine=ScriptedEngine(say_a, 9999))
    assert result.best["dev"] > 0.4
    assert (result.best["test"], result.best["test_ci"], result.difference) == (None, None, None)
    assert result.details["test_reason"].startswith("all 94 test examples are dev examples too")
    assert any("There is no test figure (all 94 test" in w for w in result.details["warnings"])
    saved = json.loads((result.run_dir / "result.json").read_text())
    assert saved["best"]["test"] is None and saved["leakage"]["left_out"] == 94
    with pytest.raises(DataError, match="all 94 test examples are dev examples too"):
        evaluate(utility=utility, expert="base", engine=ScriptedEngine(say_a, 9999))


def test_a_task_of_two_parts_has_no_test_value_but_its_parts(shared, keys):
    names = ("hearsay", "citation_prediction_classification")
    parts = {n: {"kind": "exact_match", "data": str(shared / "data" / "eval" / f"{n}.json")} for n in names}
    utility = {"kind": "multi_task", "parts": parts}
    result = search({**keys, "utility": utility}, engine=ScriptedEngine(say_a, 9999))
    assert result.best["test"] is None
    assert result.details["test_reason"].startswith("its part hearsay has none: all 94")
    assert list(result.best["parts"]["test"]) == ["citation_prediction_classification"]
    assert result.details["leakage"]["by_key"] == 94 + 20
    assert "Parts of the value" in (result.run_dir / "report.html").read_text()


@pytest.mark.parametrize(
    ("name", "by_key", "by_question"), [("knowledge_crosswords", 0, 9), ("citation_prediction_classification", 20, 40)]
)
def test_the_published_overlaps(shared, name, by_key, by_question):
    spec = {"kind": "exact_match", "data": str(shared / "data" / "eval" / f"{name}.json")}
    data = load_utility(spec, shared)[1]
    assert (data.leakage.by_key, data.leakage.by_question, data.leakage.left_out) == (by_key, by_question, by_key)
    assert len(data.test) == 40 - by_key


def test_the_command_line_says_it(half_seen, tmp_path, monkeypatch, capsys, scripted):
    monkeypatch.setattr("modelswarms.commands.evaluate.make_engine", lambda config, base: scripted())
    (tmp_path / "c.yaml").write_text(json.dumps({"utility": half_seen["utility"]}))
    assert main(["evaluate", str(tmp_path / "c.yaml"), "--expert", "between", "--expert", "degree"]) == 0
    assert "Of 4 test examples, 2 are dev examples too, and were left out." in capsys.readouterr().out
