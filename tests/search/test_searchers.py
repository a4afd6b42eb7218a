"""Whole searches that something else than the swarm leads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelswarms import RunError, resume, search
from modelswarms.commands.status import status
from modelswarms.runs import RunFolder

DERIVED = ("journal.jsonl", "result.json", "best/adapter_config.json", "best/adapter_model.safetensors")


@pytest.fixture
def short(keys):
    return {**keys, "rescore": False, "searcher": {"kind": "cmaes", "evaluations": 25}}


def test_cma_es_leads_a_search(short, scripted):
    result = search(short, engine=scripted())
    assert result.details["searcher"] == "cmaes"
    assert result.details["evaluations"] == 25
    assert result.details["stopped_by"] == "evaluations"
    assert result.best["dev"] >= result.best_single["dev"]
    assert "CMA-ES" in (result.run_dir / "report.html").read_text()
    assert "found by modelswarms (CMA-ES)" in (result.run_dir / "best" / "README.md").read_text()
    found = status(result.run_dir)
    assert (found.state, found.evaluations, found.expected) == ("complete", 25, 25)


def test_the_uniform_soup_is_the_result_even_where_an_expert_is_better(short, scripted):
    result = search({**short, "searcher": "uniform_soup"}, engine=scripted())
    np.testing.assert_allclose(list(result.best["coefficients"].values()), 0.1)
    assert result.best["dev"] < result.best_single["dev"]
    assert result.best["test"] is not None


@pytest.mark.parametrize("kept", [5, 13, 25])
def test_resume_from_any_line_gives_the_same_bytes(short, scripted, tmp_path, kept):
    whole = search(short, engine=scripted())
    run = Path(search({**short, "run_dir": str(tmp_path / "cut")}, engine=scripted()).run_dir)
    journal = run / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:kept]) + lines[kept][: len(lines[kept]) // 2])
    (run / "result.json").unlink()
    resume(run, engine=scripted())
    assert [(run / name).read_bytes() for name in DERIVED] == [(whole.run_dir / name).read_bytes() for name in DERIVED]


def test_a_budget_that_the_points_may_depend_on_cannot_change(keys, scripted):
    keys = {**keys, "rescore": False, "searcher": "task_arithmetic", "swarm": {"particles": 11, "max_iterations": 0}}
    run = search(keys, engine=scripted()).run_dir
    with pytest.raises(RunError, match=r"swarm\.max_iterations was 0 and is now 5"):
        resume(run, overrides={"swarm.max_iterations": "5"}, engine=scripted())
    with pytest.raises(RunError, match="searcher"):
        resume(run, overrides={"searcher": "random"}, engine=scripted())


def test_a_run_from_before_there_were_searchers_goes_on(keys, scripted):
    run = search({**keys, "rescore": False}, engine=scripted()).run_dir
    folder = RunFolder(run)
    records = folder.journal.read()
    records[0]["config"].pop("searcher")
    folder.journal.path.unlink()
    again = RunFolder(run)
    for record in records:
        again.journal.append(record)
    assert resume(run, engine=scripted()).details["searcher"] == "swarm"
