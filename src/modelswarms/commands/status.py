"""How far a run is, read from its folder alone: no lock is taken, nothing is written."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from modelswarms.baselines import SWARM, budget_of, kind_of_searcher, method_of
from modelswarms.config import SearchConfig, config_from_mapping
from modelswarms.reports.evidence import Evidence, gather
from modelswarms.runs import RunFolder

__all__ = ["Status", "status"]

State = Literal["running", "complete", "failed", "interrupted"]


@dataclass(frozen=True)
class Status:
    """Where a run stands.

    Attributes:
        state: ``running`` (a process holds the lock), ``complete``, ``failed`` (what it did last was a failure), or
            ``interrupted``.
        process: the id of the process that works in it, where one does.
        iteration, max_iterations: of the searcher; None where it has not begun, or has no such limit.
        evaluations, expected: done, and at most to be done with ``max_iterations``, random search included.
        best, best_single: dev values so far, with coefficients and the expert's name; None before there are any.
        test: the best's test value, where the run is complete and had one.
        examples, racing: answered so far, and how many were saved; ``racing`` as in ``result.json``.
        failures, unparsed_rate: attempts that failed; share of answers that could not be read.
        seconds: spent so far, in all processes; ``remaining``: expected for what is left of
            the dev evaluations, at the pace so far.
        remote: what was used of services so far, by name: requests, tokens, cost.
        last_failure: why the last attempt failed, where the run is failed.
        next: what to do now.
    """

    run: Path
    state: State
    process: int | None
    iteration: int | None
    max_iterations: int | None
    evaluations: int
    expected: int
    best: Mapping[str, Any] | None
    best_single: Mapping[str, Any] | None
    test: float | None
    examples: int
    racing: Mapping[str, Any] | None
    failures: int
    unparsed_rate: float
    seconds: float
    remaining: float | None
    remote: Mapping[str, float]
    last_failure: str | None
    next: str


def status(run: str | Path) -> Status:
    """Reads where a run stands, also while another process works in it.

    Raises:
        RunError: the folder is no run's, or something in it is damaged.
    """
    folder = RunFolder(run)
    manifest, records = folder.manifest(), folder.journal.read()
    process = _owner(folder.path)
    evidence = gather(records, manifest, _saved(folder.path))
    keys = evidence.header["config"]
    config = config_from_mapping({key: keys[key] for key in ("swarm", "searcher") if key in keys})
    state = _state(evidence, process, records)
    done = len(evidence.dev) + len(evidence.ended_early)
    expected = _expected(evidence, config, done, state)
    seconds = sum(amounts.get("seconds", 0.0) for amounts in folder.read_timing().values())
    if process is not None:
        seconds += _since(folder.path)
    result = evidence.result
    return Status(
        run=folder.path,
        state=state,
        process=process,
        iteration=result["iterations"] if result else None,
        max_iterations=config.swarm.max_iterations if kind_of_searcher(config.searcher) == SWARM else None,
        evaluations=done,
        expected=expected,
        best=_best(result),
        best_single={k: result["best_single"][k] for k in ("expert", "dev")} if result else None,
        test=result["best"]["test"] if result and state == "complete" else None,
        examples=result["examples"] if result else 0,
        racing=result["racing"] if result else None,
        failures=len(evidence.failures),
        unparsed_rate=result["unparsed_rate"] if result else 0.0,
        seconds=seconds,
        remaining=seconds / done * (expected - done) if done and seconds and state != "complete" else None,
        remote=folder.read_usage(),
        last_failure=evidence.failures[-1]["reason"] if state == "failed" else None,
        next=_next(state, folder.path, process),
    )


def _best(result: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return {k: result["best"][k] for k in ("candidate", "dev", "coefficients")} if result else None


def _state(evidence: Evidence, process: int | None, records: Sequence[Mapping[str, Any]]) -> State:
    if process is not None:
        return "running"
    if evidence.finished:
        return "complete"
    return "failed" if records and records[-1]["kind"] == "failure" else "interrupted"


def _expected(evidence: Evidence, config: SearchConfig, done: int, state: State) -> int:
    """At most so many dev evaluations; patience and dropout may end it earlier."""
    if state == "complete":
        return done
    method = method_of(config.searcher)
    budget = (method.evaluations if method else None) or budget_of(config.swarm, len(evidence.experts))
    return max(done, budget * (2 if evidence.header["config"].get("random_search") else 1))


def _next(state: State, path: Path, process: int | None) -> str:
    if state == "running":
        return f"process {process} works in it; look again later."
    if state == "complete":
        return f"modelswarms report {path}, modelswarms export {path} FOLDER, or resume with more swarm.max_iterations."
    mend = "mend the cause, then: " if state == "failed" else ""
    return f"{mend}modelswarms resume {path}"


def _since(path: Path) -> float:
    """Seconds that a running process has not written down yet: since it began, or wrote its times last."""
    written = [file.stat().st_mtime for name in ("lock", "timing.json") if (file := path / name).exists()]
    return max(0.0, time.time() - max(written)) if written else 0.0


def _saved(path: Path) -> dict[str, Any] | None:
    try:
        loaded = json.loads((path / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return loaded if isinstance(loaded, dict) else None


def _owner(path: Path) -> int | None:
    """The process that holds the run's lock; asked for with a shared lock that is given back at once."""
    try:
        descriptor = os.open(path / "lock", os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        return int(text) if text.isdigit() else 0
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None
