"""A run's state is read from its folder, and nothing in it changes."""

from __future__ import annotations

import json
import shutil

import pytest

from modelswarms import RunError, SearchFailedError, resume, search, zoo
from modelswarms.cli import main
from modelswarms.commands.status import status
from modelswarms.commands.zoo_info import zoo_info
from modelswarms.engines import ScriptedEngine
from modelswarms.runs import RunFolder


def content(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_complete(keys, scripted):
    result = search(keys, engine=scripted())
    before = content(result.run_dir)
    found = status(result.run_dir)
    assert found.state == "complete"
    assert found.best["dev"] == result.best["dev"]
    assert found.test == result.best["test"]
    assert found.best_single == {"expert": result.best_single["expert"], "dev": result.best_single["dev"]}
    assert found.evaluations == found.expected == result.details["evaluations"]
    assert found.remaining is None
    assert "export" in found.next
    assert content(result.run_dir) == before


def test_interrupted_at_every_line(keys, scripted, tmp_path):
    run = search(keys, engine=scripted()).run_dir
    lines = (run / "journal.jsonl").read_text().splitlines(keepends=True)
    cut = tmp_path / "cut"
    for count in range(len(lines)):
        shutil.rmtree(cut, ignore_errors=True)
        shutil.copytree(run, cut, ignore=shutil.ignore_patterns("best", "result.json"))
        (cut / "journal.jsonl").write_text("".join(lines[:count]))
        found = status(cut)
        known = [json.loads(line) for line in lines[:count]]
        dev = [r["value"] for r in known if r["kind"] == "evaluation" and r["split"] == "dev"]
        assert found.state == "interrupted"
        assert found.evaluations == len(dev)
        assert found.best is None if not dev else found.best["dev"] == max(v for v in dev if v is not None)
        assert found.next == f"modelswarms resume {cut}"
        assert found.expected == 12 * 4
    assert found.test is None


def test_running_is_told_by_the_lock_which_stays_free_for_others(keys, scripted):
    result = search(keys, engine=scripted())
    with RunFolder.open(result.run_dir):
        found = status(result.run_dir)
        assert found.state == "running"
        assert found.process > 0
    assert status(result.run_dir).state == "complete"
    resume(result.run_dir, engine=scripted())


def test_failed_says_why(keys):
    def broken(prompt, coefficients):
        raise RuntimeError("no more memory")

    with pytest.raises(SearchFailedError):
        search(keys, engine=ScriptedEngine(broken, block_tokens=20))
    found = status(keys["run_dir"])
    assert found.state == "failed"
    assert "no more memory" in found.last_failure
    assert found.failures > 0
    assert found.next.startswith("mend the cause")


def test_command_for_people_and_programs(keys, scripted, capsys):
    result = search(keys, engine=scripted())
    run = str(result.run_dir)
    assert main(["status", run]) == 0
    said = capsys.readouterr().out
    assert f"{run}: complete, iteration 3 of at most 3" in said
    assert f"dev {result.best['dev']:.3f}" in said
    assert main(["status", run, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["best"]["coefficients"] == dict(result.best["coefficients"])


def test_what_is_no_run_is_refused(tmp_path, capsys):
    with pytest.raises(RunError, match=r"not the folder of a run"):
        status(tmp_path)
    assert main(["status", str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_zoo_info(capsys):
    found = zoo_info()
    assert found.members[0].name == "base"
    assert {m.name for m in found.members} == {"base", "ceiling", *zoo.expert_paths()}
    assert 4e6 < found.parameters < 5e6
    assert found.questions["dev"] == dict.fromkeys(found.questions["dev"], 40)
    assert main(["zoo", "info"]) == 0
    said = capsys.readouterr().out
    assert "4,096" in said or "4096" in said
    assert "connect_large" in said
    assert main(["zoo", "info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["context"] == found.context
