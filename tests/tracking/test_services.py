"""The real packages, offline, and what they wrote read back."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from modelswarms import search

SCRIPT = """
import json, sys
from modelswarms import search
from modelswarms.engines import ScriptedEngine

def answer(prompt, coefficients):
    return str(int(prompt.split()[4].rstrip("?")) % 5) if coefficients[0] > 0.5 else "none of them"

if __name__ == "__main__":
    keys = json.loads(sys.argv[1])
    search(keys, engine=ScriptedEngine(answer, block_tokens=20))
"""


def run_tracked(keys, tracking, tmp_path, **environment):
    """In a process of its own: these packages keep much in the process that they are in."""
    (tmp_path / "tracked.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, tmp_path / "tracked.py", json.dumps({**keys, "tracking": tracking})],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "failed (" not in done.stderr, done.stderr
    return done


def test_tensorboard(keys, scripted):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = search(keys, tracking="tensorboard", engine=scripted())
    events = EventAccumulator(str(result.run_dir / "tracking" / "tensorboard"))
    events.Reload()
    tags = events.Tags()["scalars"]
    assert events.Scalars("global_best")[-1].value == pytest.approx(result.best["dev"])
    assert len(events.Scalars("particle/003")) == result.details["iterations"] + 1
    for name, weight in result.best["coefficients"].items():
        assert events.Scalars(f"coefficient/{name}")[-1].value == pytest.approx(weight, rel=1e-5)
    assert events.Scalars("result/best_test")[-1].value == pytest.approx(result.best["test"])
    assert "cost/tokens" in tags
    assert "result/text_summary" in events.Tags()["tensors"]


def test_wandb_offline(keys, tmp_path):
    pytest.importorskip("wandb")
    run_tracked(keys, {"kind": "wandb", "project": "here", "name": "mine"}, tmp_path, WANDB_MODE="offline")
    (file,) = (tmp_path / "run" / "tracking" / "wandb").glob("offline-run-*/*.wandb")
    id = json.loads((tmp_path / "run" / "tracking.json").read_text())["id"]
    assert id in file.name
    content = file.read_bytes()
    for word in (b"global_best", b"particle/003", b"coefficient/between", b"result/best_test", b"mine"):
        assert word in content


def test_trackio_local(keys, tmp_path):
    pytest.importorskip("trackio")
    folder = tmp_path / "trackio"
    run_tracked(keys, {"kind": "trackio", "project": "here"}, tmp_path, TRACKIO_DIR=str(folder))
    read = (
        "import json; from trackio import SQLiteStorage as s; (run,) = s.get_runs('here'); "
        "print(json.dumps([run, s.get_logs('here', run)], default=str))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", read], env={**os.environ, "TRACKIO_DIR": str(folder)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    name, logs = json.loads(done.stdout)
    assert name.startswith("run-")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    bests = [entry["global_best"] for entry in logs if "global_best" in entry]
    assert bests[-1] == result["best"]["dev"]
    assert {entry["iteration"] for entry in logs if "iteration" in entry} == set(range(1, result["iterations"] + 1))
    assert any(entry.get("result/best_test") == result["best"]["test"] for entry in logs)
