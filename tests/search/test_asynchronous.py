"""A search whose particles do not wait: its journal replays exactly, from any line."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from modelswarms import resume, search
from modelswarms.engines import ScriptedEngine
from modelswarms.runs import RunFolder


@pytest.fixture
def free(keys):
    return {**keys, "swarm": {**keys["swarm"], "asynchronous": True}, "rescore": False}


def uneven(answer, seed, slots=4):
    draws = random.Random(seed)

    def late(prompt, coefficients):
        time.sleep(draws.random() * 0.001)
        if coefficients[0] == 1 and coefficients.sum() == 1:
            raise RuntimeError("out of order")
        return answer(prompt, coefficients)

    return ScriptedEngine(late, block_tokens=20, slots=slots)


def told(run: Path) -> list:
    return [(r["candidate"], r["coefficients"]) for r in RunFolder(run).journal.read() if r["kind"] == "evaluation"]


@pytest.fixture
def refusing():
    def refuse(prompt, coefficients):
        raise AssertionError("asked again")

    return ScriptedEngine(refuse, block_tokens=20, slots=4)


def test_a_finished_journal_replays_without_asking(free, scripted, refusing):
    run = search(free, engine=uneven(scripted()._answer, 1)).run_dir
    before = {name: (run / name).read_bytes() for name in ("journal.jsonl", "result.json")}
    (run / "result.json").unlink()
    resume(run, engine=refusing)
    assert {name: (run / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("kept", [9, 41])
def test_a_cut_journal_goes_on_from_there(free, scripted, kept):
    run = search(free, engine=uneven(scripted()._answer, 2)).run_dir
    journal = run / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:kept]))
    before = told(run)
    (run / "result.json").unlink()
    resume(run, engine=uneven(scripted()._answer, 3, slots=2))
    after = told(run)
    assert after[: len(before)] == before
    assert len({id for id, _ in after if id}) >= len(before)
    result = json.loads((run / "result.json").read_text())
    assert result["stopped_by"] == "max_iterations"
    assert result["best"]["dev"] >= result["best_single"]["dev"]


def test_one_at_a_time_is_the_same_twice(free, scripted, tmp_path):
    one = search(free, engine=scripted()).run_dir
    other = search({**free, "run_dir": str(tmp_path / "other")}, engine=scripted()).run_dir
    assert (one / "journal.jsonl").read_bytes() == (other / "journal.jsonl").read_bytes()
