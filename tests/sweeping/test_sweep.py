"""Sweeps with a scripted model: shared evaluations, kills, processes at once, the table."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml

import noted_sweep
from forked import Forked
from modelswarms import ConfigError, RunError, SearchFailedError, search, sweep
from modelswarms.cli import main
from modelswarms.config import load_config, to_mapping
from modelswarms.engines import ScriptedEngine
from modelswarms.grid import space_of
from modelswarms.runs import RunFolder
from modelswarms.sweeping import go_on, sweep_status
from modelswarms.sweeping.processes import run_processes


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> str:
    items = [{"question": f"How much is item {k}?", "answer": str(k % 5), "id": k} for k in range(22)]
    path = tmp_path_factory.mktemp("data") / "numbers.json"
    path.write_text(json.dumps({"dataset": "numbers", "dev": items[:12], "test": items[12:]}))
    return str(path)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """A sweep that nothing disturbed, and what it ran."""
    folder = tmp_path_factory.mktemp("whole")
    found = noted_sweep.run(str(folder / "sweep"), data, str(folder / "notes"))
    return found, noted(folder / "notes")


def noted(path: Path) -> Counter:
    """How often each (item, coefficients) was asked."""
    return Counter(tuple(line.split()[1:]) for line in path.read_text().splitlines())


def journals(folder: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in sorted(folder.glob("trials/*/journal.jsonl"))}


def dev_of(folder: Path) -> list[dict]:
    records = [r for run in sorted(folder.glob("trials/*")) for r in RunFolder(run).journal.read()]
    return [r for r in records if r["kind"] == "evaluation" and r["split"] == "dev"]


def test_no_evaluation_is_made_twice(whole):
    found, asked = whole
    assert set(asked.values()) == {1}
    coefficients = {tuple(r["coefficients"]) for r in dev_of(found.folder)}
    made = found.table["evaluations"]["made"]
    assert made == len(coefficients)
    assert found.table["evaluations"]["shared"] == len(dev_of(found.folder)) - made >= 4 * 5


def test_what_is_shared_is_what_would_have_been_found(whole):
    """A trial's settings as a search by itself lead to the same values."""
    found, _ = whole
    config = load_config(found.folder / "chosen.yaml")
    alone = search(config, engine=noted_sweep.engine(os.devnull), run_dir=str(found.folder.parent / "alone"))
    assert alone.best["dev"] == found.chosen["dev"]
    assert alone.best["coefficients"] == pytest.approx(
        json.loads((found.folder / "trials" / f"{found.chosen['trial']:04d}" / "result.json").read_text())["best"][
            "coefficients"
        ]
    )
    assert alone.best["test"] == found.chosen["test"]


def test_the_best_on_dev_alone_is_tested(whole):
    found, _ = whole
    rows = {row["trial"]: row for row in found.table["trials"]}
    assert found.chosen["dev"] == max(row["dev"] for row in rows.values())
    tested = [
        run.name
        for run in sorted(found.folder.glob("trials/*"))
        if any(r["kind"] == "evaluation" and r["split"] == "test" for r in RunFolder(run).journal.read())
    ]
    assert tested == [f"{found.chosen['trial']:04d}"]
    assert found.table["tested"] == 1
    assert found.chosen["best_single"]["test"] is not None and found.chosen["difference"] is not None
    assert (found.folder / "trials" / tested[0] / "report.html").exists()
    assert not (found.folder / "trials" / "experts" / "best").exists()


def test_the_effect_of_a_setting_is_that_of_its_values(whole):
    found, _ = whole
    rows = found.table["trials"]
    for effect in found.table["settings"]:
        values = np.array([row["dev"] for row in rows])
        between = 0.0
        for group in effect["values"]:
            devs = [row["dev"] for row in rows if row["settings"][effect["setting"]] == group["value"]]
            assert group["trials"] == len(devs)
            assert group["dev"] == pytest.approx(np.mean(devs))
            between += len(devs) * (np.mean(devs) - values.mean()) ** 2
        assert effect["share"] == pytest.approx(between / ((values - values.mean()) ** 2).sum())
    text = found.markdown
    assert "swarm.inertia" in text and f"Chosen on dev: trial {found.chosen['trial']}" in text


def test_killed_and_resumed_it_makes_nothing_twice(whole, data, tmp_path):
    """Killed among the experts alone, and in a trial; then done to the same bytes."""
    folder, notes, kills = tmp_path / "sweep", tmp_path / "notes", (2, 26)
    for lines in kills:
        arguments = [str(folder), data, str(notes)]
        process = Forked(arguments, tmp_path, tmp_path / "errors", lambda given: bool(noted_sweep.run(*given)))
        while process.poll() is None and sum(c.count(b"\n") for c in journals(folder).values()) < lines:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, process.stderr
        assert not (folder / "sweep.json").exists(), "it was over before it could be killed"
        status = sweep_status(folder)
        assert status.state == "interrupted" and "modelswarms resume" in status.next
    found = noted_sweep.run(str(folder), data, str(notes))
    cut = {coefficients for (_, coefficients), count in noted(notes).items() if count > 1}
    assert len(cut) <= len(kills), "more than what was cut off in the middle"
    made = Counter(tuple(r["coefficients"]) for r in dev_of(folder) if "same_as" not in r)
    assert set(made.values()) == {1}
    assert found.table == whole[0].table
    assert (folder / "sweep.md").read_bytes() == (whole[0].folder / "sweep.md").read_bytes()
    assert journals(folder) == journals(whole[0].folder)


def test_a_torn_line_of_the_database_is_cut_off(data, tmp_path):
    folder, notes = tmp_path / "sweep", tmp_path / "notes"
    noted_sweep.run(str(folder), data, str(notes), sweep={"trials": 1, "space": noted_sweep.SPACE})
    whole_lines = (folder / "study.jsonl").read_bytes()
    with (folder / "study.jsonl").open("ab") as file:
        file.write(b'{"op_code":4,"worker')
    found = go_on(folder, {"sweep.trials": "2"}, engine=noted_sweep.engine(str(notes)))
    assert len(found.table["trials"]) == 2
    assert (folder / "study.jsonl").read_bytes().startswith(whole_lines + b'{"op_code"')


def test_several_at_once_share_what_they_make(data, tmp_path):
    """Two that begin together on one folder, and no evaluation is made twice."""
    folder, notes, errors = tmp_path / "sweep", str(tmp_path / "notes"), []

    def work() -> None:
        try:
            noted_sweep.run(str(folder), data, notes)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert set(noted(Path(notes)).values()) == {1}
    table = json.loads((folder / "sweep.json").read_text())
    assert sorted(row["trial"] for row in table["trials"]) == [0, 1, 2, 3, 4]


def test_hopeless_trials_are_stopped(data, tmp_path):
    """A step length of nearly nothing finds nothing: after five complete trials it is stopped."""
    space = {"swarm.step_length": [1.0, 0.9, 0.8, 0.7, 0.6, 1e-9, 2e-9, 3e-9]}
    config = {
        **noted_sweep.keys(data),
        "swarm": {"preset": "paper", "particles": 5, "max_iterations": 6, "minimum_step_length": 0.0},
        "sweep": {"trials": 8, "sampler": "grid", "space": space, "prune_after": 2},
        "seed": 2,
    }
    found = sweep(config, out=tmp_path / "sweep", engine=noted_sweep.engine(os.devnull))
    rows = sorted(found.table["trials"], key=lambda row: row["trial"])
    assert {row["settings"]["swarm.step_length"] for row in rows} == set(space["swarm.step_length"])
    stopped = [row for row in rows if row["state"] == "pruned"]
    assert stopped and all(row["iterations"] < 6 and row["trial"] >= 5 for row in stopped)
    bests = {row["trial"]: curve(found.folder, row["trial"]) for row in rows}
    for row in stopped:  # the rule, by hand
        step = row["iterations"]
        known = [bests[r["trial"]][step] for r in rows if r["state"] == "complete" and r["trial"] < row["trial"]]
        assert bests[row["trial"]][step] < np.percentile(known, 25)


def curve(folder: Path, trial: int) -> list[float]:
    """Best dev value after each iteration."""
    records = [r for r in RunFolder(folder / "trials" / f"{trial:04d}").journal.read() if r["kind"] == "evaluation"]
    dev = [r for r in records if r["split"] == "dev"]
    last = max(r["iteration"] for r in dev)
    return [max(r["value"] for r in dev if r["iteration"] <= k) for k in range(last + 1)]


def test_settings_that_do_not_go_together_are_a_failed_trial(data, tmp_path):
    space = {"swarm.motion": ["velocity", "bare_bones"], "swarm.spread": [1.5, 2.0]}
    config = {
        **noted_sweep.keys(data),
        "swarm": {"particles": 5, "max_iterations": 1},
        "sweep": {
            "trials": 4,
            "sampler": "grid",
            "space": {"swarm.motion": ["bare_bones"], "swarm.spread": [1.5, 2.0]},
        },
    }
    assert len(sweep(config, out=tmp_path / "fits", engine=noted_sweep.engine(os.devnull)).table["trials"]) == 2
    config["sweep"] = {**config["sweep"], "space": space}
    with pytest.raises(ConfigError, match="sweep.space: swarm.spread: swarm.spread: 2.0 has no effect"):
        sweep(config, out=tmp_path / "not", engine=noted_sweep.engine(os.devnull))
    config["sweep"]["space"] = {"swarm.motion": ["bare_bones", "velocity"], "swarm.spread": [1.5, 2.0]}
    found = sweep(config, out=tmp_path / "some", engine=noted_sweep.engine(os.devnull))
    failed = [row for row in found.table["trials"] if row["state"] == "failed"]
    assert [row["settings"] for row in failed] == [{"swarm.motion": "velocity", "swarm.spread": 2.0}]
    assert "has no effect" in failed[0]["reason"]


def test_it_goes_further_and_not_back(whole, data, tmp_path):
    folder = tmp_path / "sweep"
    run = {"engine": noted_sweep.engine(os.devnull)}
    first = sweep(
        {**noted_sweep.keys(data), "sweep": {"trials": 2, "sampler": "tpe", "space": noted_sweep.SPACE}},
        out=folder,
        **run,
    )
    more = go_on(folder, {"sweep.trials": "3"}, engine=noted_sweep.engine(os.devnull))
    assert len(more.table["trials"]) == 3
    rows = {row["trial"]: row["dev"] for row in more.table["trials"]}
    assert {row["trial"]: row["dev"] for row in first.table["trials"]}.items() <= rows.items()
    with pytest.raises(RunError, match="sweep.trials was 3 and is now 2"):
        go_on(folder, {"sweep.trials": "2"}, engine=noted_sweep.engine(os.devnull))
    with pytest.raises(RunError, match="sweep.sampler was tpe and is now grid"):
        go_on(folder, {"sweep.sampler": "grid"}, engine=noted_sweep.engine(os.devnull))
    with pytest.raises(RunError, match="seed was 0 and is now 1"):
        go_on(folder, {"seed": "1"}, engine=noted_sweep.engine(os.devnull))


def test_the_chosen_settings_are_a_configuration(whole):
    found, _ = whole
    config = load_config(found.folder / "chosen.yaml")
    for name, value in found.chosen["settings"].items():
        assert getattr(config.swarm, name.removeprefix("swarm.")) == value
    assert (config.rescore, config.swarm.particles, config.test) == (False, 5, "best")
    assert to_mapping(config)["utility"]["kind"] == "exact_match"


def test_a_refusing_engine_is_never_asked_once_all_is_done(whole, data):
    def refuse(prompt, coefficients):
        raise AssertionError("asked again")

    found = go_on(whole[0].folder, engine=ScriptedEngine(refuse, block_tokens=1_000))
    assert found.table == whole[0].table


def test_an_engine_of_ones_own_is_for_one_process(data, tmp_path):
    config = {**noted_sweep.keys(data), "sweep": {"parallel": 2}}
    with pytest.raises(ConfigError, match="sweep.parallel: an engine of your own"):
        sweep(config, out=tmp_path / "sweep", engine=noted_sweep.engine(os.devnull))
    assert not (tmp_path / "sweep").exists()


def test_processes_that_fail_say_why(tmp_path):
    with pytest.raises(SearchFailedError, match="a process of the sweep failed: .*is not the folder of a sweep"):
        run_processes(tmp_path, 1, lambda line: None)


def interrupting(prompt, coefficients):
    raise KeyboardInterrupt


def test_the_command_says_how_to_go_on_and_shows_what_was_chosen(data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    config = {k: v for k, v in noted_sweep.keys(data).items() if k != "sweep"}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "space.yaml").write_text("swarm: {inertia: [0.1, 0.2]}\n")
    engines = [ScriptedEngine(interrupting, block_tokens=1_000), noted_sweep.engine(os.devnull)]
    monkeypatch.setattr("modelswarms.preparation.make_engine", lambda config, base: engines.pop(0))
    assert (
        main(["sweep", "my.yaml", "--trials", "2", "--sampler", "grid", "--space", "space.yaml", "--seed", "3"]) == 130
    )
    assert "Go on with: modelswarms resume runs/sweep-my" in " ".join(capsys.readouterr().err.split())
    assert main(["status", "runs/sweep-my"]) == 0
    assert "next: modelswarms resume runs/sweep-my" in " ".join(capsys.readouterr().out.split())
    assert main(["resume", "runs/sweep-my"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Chosen on dev: trial" in shown and "modelswarms search runs/sweep-my/chosen.yaml" in shown
    table = json.loads((tmp_path / "runs/sweep-my/sweep.json").read_text())
    assert sorted(row["settings"]["swarm.inertia"] for row in table["trials"]) == [0.1, 0.2]
    assert table["seed"] == 3
    assert main(["status", "runs/sweep-my"]) == 0
    assert "complete, 2 complete, of at most 2 trials" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_processes_end_with_the_one_that_started_them(data, tmp_path):
    """Killed with -9, the two processes that it started end as well; resumed, nothing is made twice."""
    (tmp_path / "my.yaml").write_text(yaml.safe_dump({**noted_sweep.keys(data), "engine": {"threads": 1}}))
    command = [sys.executable, "-m", "modelswarms"]
    begin = [*command, "sweep", "my.yaml", "--parallel", "2", "--out", "out"]
    process = subprocess.Popen(begin, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while process.poll() is None and sum(c.count(b"\n") for c in journals(tmp_path / "out").values()) < 12:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    for _ in range(100):
        if sweep_status(tmp_path / "out").state == "interrupted":
            break
        time.sleep(0.1)
    assert sweep_status(tmp_path / "out").state == "interrupted"
    done = subprocess.run([*command, "resume", "out"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made = Counter(tuple(r["coefficients"]) for r in dev_of(tmp_path / "out") if "same_as" not in r)
    assert set(made.values()) == {1}


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"low": 1, "high": 4}, (1, 2, 3, 4)),
        ({"low": 10, "high": 31, "step": 10}, (10, 20, 30)),
        ({"low": 0.5, "high": 1.0, "step": 0.25}, (0.5, 0.75, 1.0)),
        ({"low": 0.5, "high": 1.0}, ()),
        ({"low": 1, "high": 100, "log": True}, ()),
        ([True, 1, None, "a"], (True, 1, None, "a")),
    ],
)
def test_the_values_of_a_setting(given, values):
    assert space_of({"swarm": {"particles": given}})["swarm.particles"].values == values


@pytest.mark.parametrize(
    "given",
    [[], [1, 1], "1", {"low": 1}, {"low": 2, "high": 2}, {"low": 0, "high": 1, "log": True}, {"low": 1, "high": "2"},
     {"low": 1, "high": 2, "step": 0}, {"low": 1, "high": 2, "more": 1}, [[1], [2]], None],
)  # fmt: skip
def test_what_is_no_setting_is_named(given):
    with pytest.raises(ConfigError, match="sweep.space: swarm.particles"):
        space_of({"swarm.particles": given})


def test_the_default_space_is_the_papers():
    space = space_of(None)
    assert np.prod([len(setting.values) for setting in space.values()]) == 1350
