"""Trackers see what a search does, and whatever becomes of them, the search is the same."""

from __future__ import annotations

import logging
import sys
import threading
import time

import pytest

from modelswarms import ConfigError, MissingExtraError, SearchFailedError, resume, search
from modelswarms.engines import ScriptedEngine
from modelswarms.runs import RunFolder
from modelswarms.tracking import Background, make_trackers
from modelswarms.tracking.base import markdown

DERIVED = ("journal.jsonl", "result.json", "report.html", "best/adapter_model.safetensors")


class Recorder:
    """A tracker that remembers, and fails or hangs where it is told to."""

    def __init__(self, fails=None, hangs=None):
        self.calls, self._fails, self._hangs = [], fails, hangs

    def _called(self, method, *arguments):
        if self._hangs == method:
            threading.Event().wait(60)
        if self._fails == method:
            raise ConnectionError("nobody answers")
        self.calls.append((method, *arguments))

    def start(self, run, id, config):
        self._called("start", run, id, config)

    def log(self, step, figures):
        self._called("log", step, dict(figures))

    def finish(self, step, summary, table):
        self._called("finish", step, dict(summary), list(table))

    def logged(self):
        return [(step, figures) for method, step, figures, *_ in self.calls if method == "log"]


@pytest.fixture
def tracker(monkeypatch):
    """Takes the place of TensorBoard."""

    def put(recorder):
        home = sys.modules["modelswarms.search"]  # the package's attribute of that name is the function
        monkeypatch.setattr(home, "make_trackers", lambda tracking: [("recorder", recorder)])
        return recorder

    return put


def bytes_of(run):
    return {name: (run / name).read_bytes() for name in DERIVED}


def dev_records(run):
    return [r for r in RunFolder(run).journal.read() if r["kind"] == "evaluation" and r["split"] == "dev"]


def test_everything_is_told(keys, scripted, tracker):
    seen = tracker(Recorder())
    result = search(keys, engine=scripted())
    method, run, _, config = seen.calls[0]
    assert (method, run) == ("start", result.run_dir)
    assert config["seed"] == 0
    records = dev_records(result.run_dir)
    particles = [(s, f) for s, f in seen.logged() if any(name.startswith("particle/") for name in f)]
    known = [(step, r) for step, r in enumerate(records, start=1) if r["value"] is not None]
    assert len(known) < len(records), "some ended early"
    assert [f[f"particle/{r['particle']:03d}"] for (_, f), (_, r) in zip(particles, known, strict=True)] == [
        r["value"] for _, r in known
    ]
    assert [step for step, _ in particles] == [step for step, _ in known]
    assert all(f["failures"] == 0 for _, f in seen.logged() if "failures" in f)
    iterations = [f for _, f in seen.logged() if "iteration" in f]
    assert iterations[-1]["global_best"] == result.best["dev"]
    for name, weight in result.best["coefficients"].items():
        assert iterations[-1][f"coefficient/{name}"] == weight
    first = [r["value"] for r in records if r["iteration"] == 0]
    assert iterations[0]["iteration/best"] == max(first)
    assert iterations[0]["iteration/worst"] == min(first)
    assert iterations[0]["iteration/mean"] == pytest.approx(sum(first) / len(first))
    assert iterations[0]["personal_best/003"] == first[3]
    assert not any("iteration/mean" in f for f in iterations[1:]), "not known of evaluations that ended early"
    steps = [step for step, _ in seen.logged()]
    assert steps == sorted(steps)
    method, _, summary, rows = seen.calls[-1]
    assert method == "finish"
    assert summary["result/best_test"] == result.best["test"]
    assert summary["result/difference_test"] == result.difference["test"]
    assert summary["cost/tokens"] > 0
    assert [row["test"] for row in rows] == [result.best_single["test"], result.best["test"]]
    assert "| swarm |" in markdown(rows)


@pytest.mark.parametrize("lines", [1, 2, 9, 14, 15, 40, 52])
def test_a_resumed_run_goes_on_where_it_was(lines, keys, scripted, tracker, tmp_path):
    whole = tracker(Recorder())
    run = search(keys, engine=scripted()).run_dir
    kept = (run / "journal.jsonl").read_text().splitlines(keepends=True)
    (run / "journal.jsonl").write_text("".join(kept[:lines]))
    rest = tracker(Recorder())
    resume(run, engine=scripted())
    assert rest.calls[0][2] == whole.calls[0][2]  # the same id
    told = [f for _, f in rest.logged() if any(name.startswith("particle/") for name in f)]
    all_told = [f for _, f in whole.logged() if any(name.startswith("particle/") for name in f)]
    before = [line for line in kept[:lines] if '"kind":"evaluation"' in line and '"split":"dev"' in line]
    known = sum('"value":null' not in line for line in before)
    assert [_values(f) for f in told] == [_values(f) for f in all_told[known:]]
    assert all(step > len(before) for step, _ in rest.logged())


def _values(figures):
    return {name: value for name, value in figures.items() if not name.startswith("cost/")}


@pytest.mark.parametrize("how", ["start", "log", "finish"])
def test_a_tracker_that_fails_changes_nothing_and_is_told_once(how, keys, scripted, tracker, tmp_path, caplog):
    alone = bytes_of(search({**keys, "run_dir": str(tmp_path / "alone")}, engine=scripted()).run_dir)
    tracker(Recorder(fails=how))
    with caplog.at_level(logging.WARNING):
        run = search(keys, engine=scripted()).run_dir
    assert {**bytes_of(run), "report.html": b""} == {**alone, "report.html": b""}
    (said,) = [r.message for r in caplog.records if "tracker" in r.message]
    assert said == "tracker recorder failed (ConnectionError: nobody answers); the search goes on without it"


@pytest.mark.parametrize("how", ["start", "log", "finish"])
def test_a_tracker_that_hangs_is_left_behind(how, keys, scripted, tracker, monkeypatch, caplog):
    monkeypatch.setattr("modelswarms.tracking.background.PATIENCE", 0.3)
    monkeypatch.setattr(Background.__init__, "__defaults__", (2_000, 0.3))
    tracker(Recorder(hangs=how))
    began = time.monotonic()
    result = search(keys, engine=scripted())
    assert time.monotonic() - began < 20
    assert result.best["test"] is not None
    assert any("left behind" in r.message for r in caplog.records)


def test_what_a_slow_tracker_cannot_take_is_dropped_and_counted(caplog):
    slow = Recorder(hangs="start")
    background = Background("slow", slow, waiting=3, patience=0.2)
    background.start(None, "id", {})
    time.sleep(0.05)
    began = time.monotonic()
    for step in range(50):
        background.log(step, {"a": 1.0})
    assert time.monotonic() - began < 1
    background.close()
    assert any("47 of its figures were dropped" in r.message or "48" in r.message for r in caplog.records)


def test_a_failed_search_ends_its_trackers(keys, tracker):
    def broken(prompt, coefficients):
        raise RuntimeError("no model")

    before = set(threading.enumerate())
    seen = tracker(Recorder())
    with pytest.raises(SearchFailedError):
        search(keys, engine=ScriptedEngine(broken, block_tokens=20))
    assert seen.logged()[-1][1]["failures"] > 0
    assert set(threading.enumerate()) <= before


WRONG = {
    "unknown": ("wandbb", "did you mean 'wandb'"),
    "a number": (3, "give a name"),
    "no kind": ({"project": "p"}, "give a name"),
    "option": ({"kind": "wandb", "projct": "p"}, "did you mean 'project'"),
    "option's value": ({"kind": "tensorboard", "log_dir": 3}, "tracking.log_dir: 3 is not allowed; give a text"),
    "in a list": (["tensorboard", "w&b"], "unknown tracker 'w&b'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_keys_are_named(case):
    given, says = WRONG[case]
    with pytest.raises(ConfigError, match=says):
        make_trackers(given)


def test_a_missing_package_is_told_before_anything_is_done(keys, scripted, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'modelswarms\[tracking\]'"):
        search(keys, tracking="wandb", engine=scripted())
    assert not RunFolder(keys["run_dir"]).path.exists()


def test_where_a_run_is_tracked_is_no_part_of_its_journal(keys, scripted, tmp_path):
    pytest.importorskip("tensorboard")
    alone = search({**keys, "run_dir": str(tmp_path / "alone")}, engine=scripted()).run_dir
    run = search(keys, tracking=["tensorboard"], engine=scripted()).run_dir
    assert (run / "journal.jsonl").read_bytes() == (alone / "journal.jsonl").read_bytes()
    resume(run, overrides={"tracking": "none"}, engine=scripted())
