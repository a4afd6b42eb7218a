"""Evaluations that end early: the search is the one without, to the last bit, in every way that it can go."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from modelswarms import RunError, resume, search
from modelswarms.engines import ScriptedEngine
from modelswarms.reports import build_result
from modelswarms.runs import RunFolder
from modelswarms.swarm import PRESETS, AsynchronousSwarm, Swarm, swarm_of
from modelswarms.types import Evaluation, Thresholds

RACED = {"racing", "examples", "unparsed_rate", "warnings"}
"""What a result says otherwise of a run that was raced."""


def right(item: int, coefficients: np.ndarray) -> bool:
    """Whether an item is answered well: each is as hard as its number says, for every expert in another way."""
    known = np.cos(np.arange(len(coefficients)) * (1 + item % 7)) @ np.clip(coefficients, -2, 2)
    return bool(known + 0.4 > ((item * 37) % 40) / 16)


def answer(prompt: str, coefficients: np.ndarray) -> str:
    item = int(re.findall(r"\d+", prompt)[0])
    return str(item % 5) if right(item, coefficients) else "7" if item % 3 else "none of them"


def engine(**keys) -> ScriptedEngine:
    return ScriptedEngine(answer, block_tokens=24, **keys)


@pytest.fixture
def numbers(tmp_path):
    items = [{"question": f"How much is item {k}?", "answer": str(k % 5), "id": k} for k in range(50)]
    path = tmp_path / "fifty.json"
    path.write_text(json.dumps({"dataset": "fifty", "dev": items[:40], "test": items[40:]}))
    return path


@pytest.fixture
def raced(numbers, tmp_path):
    """Keys of a search in a folder of its own."""

    def keys(name, **more):
        swarm = {"particles": 12, "max_iterations": 4} | more.pop("swarm", {})
        utility = {"kind": "exact_match", "data": str(numbers)}
        return {"utility": utility, "rescore": False, "run_dir": str(tmp_path / name), "swarm": swarm, **more}

    return keys


def evaluations(run):
    return {r["candidate"]: r for r in RunFolder(run).journal.read() if r["kind"] == "evaluation"}


def assert_same(one, other):
    """Both searches asked for the same, and found the same."""
    raced, whole = evaluations(one.run_dir), evaluations(other.run_dir)
    dev = [{k: r for k, r in found.items() if r["split"] == "dev"} for found in (raced, whole)]
    assert {k: r["coefficients"] for k, r in dev[0].items()} == {k: r["coefficients"] for k, r in dev[1].items()}
    for candidate, record in raced.items():
        kept = whole[candidate]
        if record["value"] is not None or record["bounds"] is None:
            assert {k: v for k, v in record.items() if k not in ("thresholds", "same_as", "attempt")} == {
                k: v for k, v in kept.items() if k not in ("same_as", "attempt")
            }
            continue
        best, worst = (record.get("thresholds") or [record["bounds"][1], None])[:2]
        assert record["bounds"][0] <= kept["value"] <= record["bounds"][1] <= best
        assert worst is None or worst <= record["bounds"][0]
        pairs = list(zip(record["scores"], kept["scores"], strict=True))
        assert all(mine is None or mine == its for mine, its in pairs)
        assert any(mine is None for mine, _ in pairs)
    results = [{k: v for k, v in json.loads(json.dumps(r.details)).items() if k not in RACED} for r in (one, other)]
    assert results[0] == results[1]
    assert (one.run_dir / "best/adapter_model.safetensors").read_bytes() == (
        other.run_dir / "best/adapter_model.safetensors"
    ).read_bytes()


SWARMS = {
    **{name: {"preset": name, "particles": 12, "max_iterations": 4} for name in PRESETS},
    "asynchronous": {"asynchronous": True},
    "asynchronous velocity": {"preset": "paper", "particles": 12, "max_iterations": 5, "asynchronous": True},
    "no repel": {"preset": "paper", "particles": 12, "max_iterations": 5, "repel": False},
    "stale": {"preset": "original", "particles": 12, "max_iterations": 9, "patience": 9, "restart_patience": 2},
}


@pytest.mark.parametrize(
    "name",
    [
        "default",
        "paper",
        "asynchronous",
        *(pytest.param(k, marks=pytest.mark.slow) for k in ("original", "light", "stale")),
    ],
)
def test_the_search_is_the_same_with_and_without(raced, name):
    swarm, seed = SWARMS[name], len(name)
    one = search(raced("raced", swarm=swarm, seed=seed, random_search=True), engine=engine())
    other = search(raced("whole", swarm=swarm, seed=seed, random_search=True, racing=False), engine=engine())
    assert_same(one, other)
    said = one.details["racing"]
    assert said["off"] is None
    assert 0 < said["ended_early"] < said["evaluations"]
    assert 0 < said["saved"] <= said["could_be_saved"]
    assert one.details["examples"] == other.details["examples"] - said["saved"]
    off = other.details["racing"]
    assert (off["evaluations"], off["off"]) == (0, "the configuration says racing: false")


@pytest.mark.parametrize("keys", [{"slots": 3, "lanes": 8}])
def test_on_several_lanes_the_journal_holds_the_same(raced, keys):
    alone = search(raced("alone"), engine=engine())
    spread = search(raced("spread"), engine=engine(**keys))
    lines = [sorted((r.run_dir / "journal.jsonl").read_text().splitlines()) for r in (alone, spread)]
    assert lines[0] == lines[1]


@pytest.mark.parametrize("swarm", ["default", "asynchronous", pytest.param("paper", marks=pytest.mark.slow)])
def test_a_run_that_was_cut_goes_on_to_the_same_bytes(raced, swarm):
    run = search(raced("run", swarm=SWARMS[swarm]), engine=engine()).run_dir
    whole = (run / "journal.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    result = (run / "result.json").read_bytes()
    for kept in (21, 46):
        (run / "journal.jsonl").write_bytes(b"".join(lines[:kept]) + lines[kept][:40])
        resume(run, engine=engine())
        assert (run / "journal.jsonl").read_bytes() == whole
        assert (run / "result.json").read_bytes() == result


def test_racing_may_be_switched_on_a_resumed_run(raced):
    plain = search(raced("plain", racing=False, swarm={"max_iterations": 6}), engine=engine())
    run = search(raced("run", swarm={"max_iterations": 3}), engine=engine()).run_dir
    done = resume(run, overrides={"racing": "false", "swarm.max_iterations": "6"}, engine=engine())
    assert done.details["racing"]["ended_early"] > 0
    assert {k: v for k, v in done.best.items() if k != "rescored"} == {
        k: v for k, v in plain.best.items() if k != "rescored"
    }
    assert all("thresholds" not in r for r in evaluations(run).values() if r["iteration"] > 3)
    with pytest.raises(RunError, match="seed"):
        resume(run, overrides={"seed": "4"}, engine=engine())


def test_a_twin_of_what_ended_early_is_evaluated_by_its_own_thresholds(raced):
    swarm = {"preset": "paper", "particles": 12, "max_iterations": 5, "starting_velocity": "zero", "repel": False}
    flat = lambda: ScriptedEngine(lambda p, c: answer(p, np.round(c, 1)), block_tokens=24)  # noqa: E731
    one = search(raced("raced", swarm=swarm, random_search=True), engine=flat())
    other = search(raced("whole", swarm=swarm, random_search=True, racing=False), engine=flat())
    assert_same(one, other)


def test_the_result_does_not_depend_on_the_order_of_the_journal(raced):
    records = RunFolder(search(raced("run"), engine=engine()).run_dir).journal.read()
    result = build_result(records)
    assert build_result([records[0], *records[:0:-1]]) == result


def test_other_searchers_are_told_every_value(raced, caplog):
    with caplog.at_level("INFO"):
        result = search(raced("run", searcher={"kind": "random", "evaluations": 20}), engine=engine())
    assert all(r["bounds"] is None for r in evaluations(result.run_dir).values())
    assert result.details["racing"]["off"] == "random search needs every value"
    assert "needs every value" in caplog.text


@pytest.mark.parametrize("motion", ["bare_bones", "velocity"])
def test_a_swarm_asks_with_what_a_value_has_to_pass(motion):
    config = PRESETS["default"] if motion == "bare_bones" else PRESETS["original"]
    swarm = Swarm(4, replace(config, particles=6, max_iterations=3), seed=2)
    batch = swarm.ask()
    assert all(c.thresholds is None for c in batch), "the first values are all wanted"
    for candidate in batch:
        swarm.tell(candidate.id, float(candidate.coefficients[0]))
    for candidate in swarm.ask():
        best, worst = swarm.personal_best_value(candidate.particle), swarm.state.global_worst.value
        expected = Thresholds(best) if motion == "bare_bones" else Thresholds(best, worst, True)
        assert candidate.thresholds == expected


def test_a_particle_without_a_best_has_to_pass_nothing():
    swarm = Swarm(4, replace(PRESETS["paper"], particles=6, max_iterations=3), seed=2)
    for candidate in swarm.ask():
        swarm.tell(candidate.id, None if candidate.particle == 2 else 0.5)
    assert [c.particle for c in swarm.ask() if c.thresholds is None] == [2]


def told_with_bounds(config, seed, value, bounds):
    """Two swarms, one told every value, the other bounds wherever they settle it; the states of both."""
    swarms = [swarm_of(4, config, seed) for _ in range(2)]
    waiting = [s.ask() for s in swarms]
    states, early = [], 0
    while waiting[0]:
        for candidate, twin in zip(*waiting, strict=True):
            assert candidate.coefficients.tobytes() == twin.coefficients.tobytes()
            assert candidate.thresholds == twin.thresholds
            number = value(candidate)
            swarms[0].tell(candidate.id, number)
            low, high = bounds(number)
            settled = candidate.thresholds is not None and candidate.thresholds.settle(low, high)
            early += settled
            told = Evaluation(candidate.id, None, bounds=(low, high)) if settled else number
            swarms[1].tell(candidate.id, told)
        states.append([s.state for s in swarms])
        waiting = [s.more() if isinstance(s, AsynchronousSwarm) else s.ask() for s in swarms]
        waiting = [found or s.ask() for found, s in zip(waiting, swarms, strict=True)]
    assert swarms[0].stopped_by == swarms[1].stopped_by
    return states, early


@pytest.mark.parametrize("name", SWARMS)
@pytest.mark.parametrize("width", [0.0, 0.05])
def test_bounds_told_leave_the_state_as_it_would_be(name, width):
    """Values of few steps, so that there are ties with the best and with the worst; bounds as narrow as can be."""
    keys = {k: v for k, v in SWARMS[name].items() if k != "preset"} | {"particles": 8, "max_iterations": 30}
    config = replace(PRESETS[SWARMS[name].get("preset", "default")], **keys)
    values = lambda c: float(np.round(2 * np.cos(7 * c.coefficients.sum() + c.coefficients[0]), 0) / 2)  # noqa: E731
    states, early = told_with_bounds(config, 3, values, lambda v: (v - width, v + width))
    assert early > 0 or name == "light"
    for whole, raced in states:
        found = [{k: v for k, v in s.to_dict().items() if k != "global_worst"} for s in (whole, raced)]
        assert found[0] == found[1]
        if config.motion == "velocity" and config.repel:
            assert whole.global_worst.to_dict() == raced.global_worst.to_dict()
