"""Whole searches that a judge decides: disturbed in every way, they end as undisturbed ones do, at the cost shown."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import judged
import modelswarms
from faults import command
from judge_server import FAULTS, KEY, JudgeServer
from judged import folder_for, opinion
from modelswarms.engines import ScriptedEngine
from modelswarms.remote import waiting
from modelswarms.runs import RunFolder

SILENT = ("empty", "null", "eleven")
DERIVED = ("result.json", "best/adapter_config.json", "best/adapter_model.safetensors")


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A key, no long waits, and signals as a terminal has them."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(waiting, "FIRST", 0.002)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A run in which nothing goes wrong, and the number of requests it takes."""
    with pytest.MonkeyPatch.context() as patch, JudgeServer(opinion) as server:
        patch.setenv("OPENAI_API_KEY", KEY)
        work = folder_for(tmp_path_factory.mktemp("undisturbed"), server)
        assert judged.judged("search", str(work / "my.yaml")) == 0
        assert_cost(work / "run", server)
        assert max(server.answered.values()) == 1
        return work / "run", server.requests


def assert_cost(run: Path, server: JudgeServer) -> None:
    """What is shown is what the server counted."""
    used = json.loads((run / "timing.json").read_text())["remote"]
    assert used["requests"] == server.requests
    assert [used["prompt_tokens"], used["completion_tokens"]] == server.tokens
    assert used["cost"] == pytest.approx((2 * server.tokens[0] + 3 * server.tokens[1]) / 1e6)


def values_of(run: Path) -> list[tuple]:
    """Everything that the journal says of evaluations."""
    told = ("candidate", "split", "value", "scores", "answers", "unparsed")
    return [tuple(map(str, (r[k] for k in told))) for r in RunFolder(run).journal.read() if r["kind"] == "evaluation"]


def assert_same(run: Path, other: Path) -> None:
    assert values_of(run) == values_of(other)
    for name in DERIVED[1:]:
        assert (run / name).read_bytes() == (other / name).read_bytes()


def disturbed() -> Iterator[str | None]:
    """Every third request is answered wrongly; now and then with a reply that holds no rating, never twice in a row."""
    yield from ("hang", "429-date")
    draws = random.Random(5)
    transient = [f for f in FAULTS if f not in ("hang", "429-date", *SILENT)]
    for k in itertools.count(1):
        yield draws.choice(SILENT) if k % 20 == 0 else draws.choice(transient) if k % 3 == 0 else None


def test_no_fault_becomes_a_score(tmp_path, undisturbed):
    """The values are those of a service without faults."""
    with JudgeServer(opinion, faults=disturbed(), retry_after="0.01") as server:
        work = folder_for(tmp_path, server, remote={"timeout": 2.0})
        assert judged.judged("search", str(work / "my.yaml")) == 0
        assert_cost(work / "run", server)
    assert_same(work / "run", undisturbed[0])
    assert server.requests > 1.3 * undisturbed[1]


def test_killed_in_the_middle_it_asks_nothing_again_that_was_answered(tmp_path, undisturbed):
    """The server kills the process instead of answering a request, with every other answer written out and read."""
    processes: list[subprocess.Popen[str]] = []

    def delay(asked: int) -> float:
        if asked in (20, 40):
            os.kill(processes[-1].pid, signal.SIGKILL)
            return 3600.0  # never
        return 0.0

    with JudgeServer(opinion, delay=delay) as server:
        work = folder_for(tmp_path, server, remote={"concurrency": 1})
        for verb in (("search", "my.yaml"), ("resume", "run")):
            processes.append(
                subprocess.Popen([sys.executable, judged.__file__, *verb], cwd=work, stderr=subprocess.PIPE, text=True)
            )
            said = processes[-1].communicate(timeout=300)[1]
            assert processes[-1].returncode == -signal.SIGKILL, said
        assert judged.judged("resume", str(work / "run")) == 0
        assert max(server.answered.values()) == 1
        assert server.requests == undisturbed[1] + 2, "the two that had no answer are asked again"
        assert_cost(work / "run", server)
    assert_same(work / "run", undisturbed[0])


def test_killed_with_many_requests_under_way(tmp_path, undisturbed):
    """Only what was being answered at that moment may be asked again, and all that was sent is in the cost."""
    processes: list[subprocess.Popen[str]] = []

    def delay(asked: int) -> float:
        if asked == 30:
            os.kill(processes[0].pid, signal.SIGKILL)
        return 0.005

    with JudgeServer(opinion, delay=delay) as server:
        work = folder_for(tmp_path, server, remote={"concurrency": 8})
        processes.append(subprocess.Popen([sys.executable, judged.__file__, "search", "my.yaml"], cwd=work))
        assert processes[0].wait(300) == -signal.SIGKILL
        assert judged.judged("resume", str(work / "run")) == 0
        assert server.requests - undisturbed[1] <= 8
        used = json.loads((work / "run" / "timing.json").read_text())["remote"]
        # Written down before it is sent: what was just going to be sent is counted too.
        assert server.requests <= used["requests"] <= server.requests + 8
    assert_same(work / "run", undisturbed[0])


def test_a_limit_stops_the_search_and_can_be_raised(tmp_path, undisturbed, capsys):
    with JudgeServer(opinion) as server:
        work = folder_for(tmp_path, server, remote={"max_requests": 20})
        assert judged.judged("search", str(work / "my.yaml")) == 3
        said = capsys.readouterr().err.splitlines()[-1]
        assert "20 requests were used, and utility.remote.max_requests is 20" in said
        assert said.endswith(f"Go on with: modelswarms resume {work / 'run'}")
        assert server.requests == 20
        assert judged.judged("resume", str(work / "run"), "--utility.remote.max_requests", "30") == 3
        assert server.requests == 30
        assert judged.judged("resume", str(work / "run"), "--utility.remote.max_requests", "5000") == 0
        assert server.requests == undisturbed[1]
        assert_cost(work / "run", server)
    assert_same(work / "run", undisturbed[0])


def test_interrupted_in_the_middle(tmp_path, undisturbed, capsys):
    def delay(asked: int) -> float:
        if asked == 25:
            threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        return 3600.0 if asked == 25 else 0.0

    with JudgeServer(opinion, delay=delay) as server:
        work = folder_for(tmp_path, server, remote={"concurrency": 1})
        assert judged.judged("search", str(work / "my.yaml")) == 130
        assert "interrupted; nothing evaluated is lost. Go on with: modelswarms resume" in capsys.readouterr().err
        assert judged.judged("resume", str(work / "run")) == 0
        assert server.requests == undisturbed[1] + 1
    assert_same(work / "run", undisturbed[0])


def test_interrupted_while_several_threads_wait_for_the_judge(tmp_path, undisturbed):
    """None of them is waited for."""

    def delay(asked: int) -> float:
        if asked == 30:
            threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        return 3600.0 if asked >= 26 else 0.0

    with JudgeServer(opinion, delay=delay) as server:
        work = folder_for(tmp_path, server, remote={"timeout": 3000.0, "deadline": 3000.0, "concurrency": 5})
        engine = ScriptedEngine(judged.answer, block_tokens=40, slots=4)
        assert command(["search", str(work / "my.yaml")], engine) == 130
    with JudgeServer(opinion, port=server.port) as server:
        assert judged.judged("resume", str(work / "run")) == 0
    assert sorted(values_of(work / "run")) == sorted(values_of(undisturbed[0]))


def test_a_run_that_fails_writes_the_key_nowhere(tmp_path, capsys):
    """Neither what is said nor what is written holds it, though the server repeats it in all its answers."""
    faults = itertools.chain([None] * 30, itertools.repeat("403-x"))
    with JudgeServer(lambda body: opinion(body) + f" {KEY}", faults=faults) as server:
        work = folder_for(tmp_path, server)
        assert judged.judged("search", str(work / "my.yaml")) == 3
    said = "".join(capsys.readouterr())
    assert "the key in OPENAI_API_KEY gives no access" in said.splitlines()[-1]
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len([path for path in written if "answers" in path.parts]) == 30
    for text in (said, *(path.read_bytes().decode(errors="replace") for path in written)):
        assert KEY not in text
    assert server.requests <= 30 + 16


def test_against_the_base(tmp_path):
    with JudgeServer(opinion) as server:
        work = folder_for(tmp_path, server, mode="pairwise", against="base")
        assert judged.judged("search", str(work / "my.yaml")) == 0
        run = RunFolder(work / "run")
        kept = [r for r in run.journal.read() if r["kind"] == "constants" and r["name"] == "opponent"]
        assert [(r["who"], r["split"]) for r in kept] == [("base", "dev"), ("base", "test")]
        result = json.loads((work / "run" / "result.json").read_text())
        assert result["best"]["dev"] > 0.5, "better than the base"
        names = list(result["experts"])
        before = server.requests
        assert judged.judged("resume", str(work / "run")) == 0
        assert server.requests == before
        assert [r for r in run.journal.read() if r["kind"] == "constants" and r["name"] == "opponent"] == kept
        base, other = modelswarms.evaluate(work / "run", expert=["base", names[0]], engine=judged.engine())
        assert base.value == 0.5, "against itself"
        assert other.value > base.value


def test_against_nobody(tmp_path, capsys):
    with JudgeServer(opinion) as server:
        work = folder_for(tmp_path, server, mode="pairwise", against="betwen")
        assert judged.judged("search", str(work / "my.yaml")) == 2
    assert "utility.against: unknown expert 'betwen'; did you mean 'between'?" in capsys.readouterr().err
    assert not (work / "run").exists()


def test_what_the_judge_does_not_rate_is_left_out_and_shown(tmp_path, capsys):
    """It never rates items 3 (dev) and 7 (test): values and intervals are those of the others."""

    def silent_on_some(body) -> str:
        said = body["messages"][0]["content"]
        return "" if "to item 3" in said or "to item 7" in said else opinion(body)

    with JudgeServer(silent_on_some) as server:
        work = folder_for(tmp_path, server, max_unparsed=0.3)
        assert judged.judged("search", str(work / "my.yaml")) == 0
        run = work / "run"
        records = [r for r in RunFolder(run).journal.read() if r["kind"] == "evaluation"]
        for record in records:
            place = 3 if record["split"] == "dev" else 1
            assert (record["left_out"], record["unparsed"], record["answers"][place]) == ([place], 1, None)
            rated = [score for i, score in enumerate(record["scores"]) if i != place]
            assert record["value"] == pytest.approx(sum(rated) / len(rated))
            assert min(rated) >= 1
        result = json.loads((run / "result.json").read_text())
        low, high = result["best"]["test_ci"]
        assert low <= result["best"]["test"] <= high and low >= 1, "-1 is no rating"
        assert 0.15 < result["unparsed_rate"] < 0.26
        assert "Used of services" in capsys.readouterr().out
        (measured,) = modelswarms.evaluate(run, expert=[run], engine=judged.engine(), split="test")
        assert [answer["score"] for answer in measured.answers][1] is None
        assert measured.ci is not None and measured.unparsed == 1
        assert "interval" in (run / "report.html").read_text()
