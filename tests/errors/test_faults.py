"""What goes wrong in the middle of a run: exit code 3, how to go on, and then the result it would have had."""

from __future__ import annotations

import json
import os
import random
import resource
import shlex
import shutil
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from faults import Faulty, command, killed_at
from forked import Forked
from modelswarms import EngineError, RunError
from modelswarms.runs import Journal, RunFolder
from wrong_inputs.row import settings, working_folder, written

pytestmark = pytest.mark.usefixtures("signal_handlers")

DERIVED = ("journal.jsonl", "result.json", "best/adapter_config.json", "best/adapter_model.safetensors")
SWARM = {"particles": 12, "max_iterations": 3}

OWN = """
from pathlib import Path
from modelswarms.types import Request

def score(examples, model):
    texts = [response.text for response in model.generate([Request(e.question, 3) for e in examples])]
    values = [float(text == example.answer) for text, example in zip(texts, examples)]
    fault = Path(__file__).with_name("fault")
    kind = fault.read_text() if fault.exists() else ""
    if kind == "raises":
        raise OSError("the judge\\nis away")
    if kind == "nan":
        values[0] = float("nan")
    if kind == "text":
        return "many"
    return values[1:] if kind == "short" else values
"""


def prepared(work: Path, **keys: object) -> Path:
    """A working folder for a search of three iterations."""
    working_folder(work)
    settings(swarm=SWARM, **keys)(work)
    return work


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run as it is when nothing goes wrong."""
    work = prepared(tmp_path_factory.mktemp("undisturbed"))
    assert command(["search", str(work / "my.yaml")]) == 0
    return work / "run"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return prepared(tmp_path)


def evaluations_before(run: Path, iteration: int) -> int:
    """How often the engine was asked before an iteration."""
    dev = [r for r in RunFolder(run).journal.read() if r["kind"] == "evaluation" and r["split"] == "dev"]
    return sum(r["iteration"] < iteration and "same_as" not in r for r in dev)


def result_of(run: Path) -> dict:
    """The result, but for what it says of failures, of which the undisturbed run had none."""
    result = json.loads((run / "result.json").read_text())
    return {key: value for key, value in result.items() if key not in ("failures", "warnings")}


def assert_said(err: str, work: Path, *texts: str) -> None:
    """One line that says what went wrong and how to go on."""
    line = err.splitlines()[-1]
    assert line.startswith("error: ")
    assert line.endswith(f" Go on with: modelswarms resume {work / 'run'}")
    assert "Traceback" not in err
    for text in texts:
        assert text in line


def resumed(work: Path) -> int:
    return command(["resume", str(work / "run")])


def raising(error: BaseException) -> Callable[[], None]:
    def fault() -> None:
        raise error

    return fault


ERRORS = {
    "engine": EngineError("the server hung up"),
    "memory of the GPU": RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has 1.00 GiB free."),
    "memory": MemoryError(),
}


@pytest.mark.parametrize(
    ("kind", "iteration", "into"),
    [("engine", 0, 0), ("engine", 2, 5), ("memory of the GPU", 2, 0), ("memory of the GPU", 0, 5), ("memory", 1, 3)],
)
def test_an_engine_that_fails_from_some_moment_on(work, undisturbed, kind, iteration, into, capsys):
    error = ERRORS[kind]
    engine = Faulty(evaluations_before(undisturbed, iteration) + into, raising(error))
    assert command(["search", str(work / "my.yaml")], engine) == 3
    stopped_at = iteration + (into > 0)
    assert_said(
        capsys.readouterr().err, work, f"every evaluation of iteration {stopped_at} failed", "Mend the cause",
        (str(error) or "MemoryError").splitlines()[0],
    )  # fmt: skip
    failures = [r for r in RunFolder(work / "run").journal.read() if r["kind"] == "failure"]
    assert failures and all((str(error) or "MemoryError") in r["reason"] for r in failures)
    assert not (work / "run" / "result.json").exists()
    assert resumed(work) == 0
    assert result_of(work / "run") == result_of(undisturbed)


@pytest.mark.parametrize("kind", ["raises", "nan", "short", "text"])
def test_an_own_utility_that_fails_in_the_third_batch(tmp_path, undisturbed, kind, capsys):
    (tmp_path / "whole").mkdir()
    spec = {"kind": "function", "target": "mine:score", "data": "data.json"}
    whole, work = prepared(tmp_path / "whole", utility=spec), prepared(tmp_path, utility=spec)
    for folder in (whole, work):
        written("mine.py", OWN)(folder)
    assert command(["search", str(whole / "my.yaml")]) == 0
    third = evaluations_before(whole / "run", 2)
    engine = Faulty(third, lambda: (work / "fault").write_text(kind))
    assert command(["search", str(work / "my.yaml")], engine) == 3
    assert_said(capsys.readouterr().err, work, "every evaluation of iteration 2 failed")
    (work / "fault").unlink()
    assert resumed(work) == 0
    assert result_of(work / "run") == result_of(whole / "run")


@pytest.fixture
def room() -> Iterator[Callable[[int], None]]:
    """Sets how large a file may become, as a disk does that is nearly full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("iteration", [0, 1, 3])
def test_a_disk_that_is_full(work, undisturbed, iteration, room, capsys):
    journal = work / "run" / "journal.jsonl"
    engine = Faulty(evaluations_before(undisturbed, iteration), lambda: room(journal.stat().st_size + 50))
    assert command(["search", str(work / "my.yaml")], engine) == 3
    room(resource.RLIM_INFINITY)
    assert_said(capsys.readouterr().err, work, "cannot be written (File too large)", "make room")
    assert resumed(work) == 0
    assert bytes_of(work / "run") == bytes_of(undisturbed)


def test_a_disk_that_is_full_before_the_run_begins(work, undisturbed, room, capsys):
    engine = Faulty()
    engine.start = lambda space: (Faulty.start(engine, space), room(100))
    assert command(["search", str(work / "my.yaml")], engine) == 2
    room(resource.RLIM_INFINITY)
    assert "run.yaml: cannot be written (File too large); make room" in capsys.readouterr().err
    assert not (work / "run" / "run.yaml").exists()
    assert command(["search", str(work / "my.yaml")]) == 0, "the same command begins it"
    assert bytes_of(work / "run") == bytes_of(undisturbed)


def test_a_disk_that_is_full_at_the_first_line(work, undisturbed, monkeypatch, capsys):
    with monkeypatch.context() as patched:
        error = RunError("journal.jsonl: cannot be written (No space left on device); make room, then resume.")
        patched.setattr(Journal, "append", lambda self, record: raising(error)())
        assert command(["search", str(work / "my.yaml")]) == 3
    assert_said(capsys.readouterr().err, work, "No space left on device")
    assert resumed(work) == 0
    assert bytes_of(work / "run") == bytes_of(undisturbed)


def test_a_data_file_that_is_deleted_is_not_missed_until_the_resume(work, undisturbed, capsys):
    data, content = work / "data.json", (work / "data.json").read_bytes()
    half = evaluations_before(undisturbed, 1)
    assert command(["search", str(work / "my.yaml")], Faulty(half, lambda: data.unlink(missing_ok=True))) == 0
    assert bytes_of(work / "run") == bytes_of(undisturbed)
    shutil.rmtree(work / "run")
    data.write_bytes(content)
    assert command(["search", str(work / "my.yaml")], Faulty(half, lambda: gone(data))) == 3
    capsys.readouterr()
    assert resumed(work) == 2
    assert f"error: {data}: no such data file; check the path." in capsys.readouterr().err
    data.write_bytes(content)
    assert resumed(work) == 0
    assert result_of(work / "run") == result_of(undisturbed)


def gone(data: Path) -> None:
    data.unlink(missing_ok=True)
    raise RuntimeError("and the engine stumbles")


@pytest.mark.parametrize(("number", "iteration"), [(signal.SIGINT, 0), (signal.SIGTERM, 2), (signal.SIGINT, 3)])
def test_an_interrupt_says_how_to_go_on(work, undisturbed, number, iteration, capsys):
    engine = Faulty(evaluations_before(undisturbed, iteration), lambda: os.kill(os.getpid(), number))
    assert command(["search", str(work / "my.yaml")], engine) == 130
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"interrupted; nothing evaluated is lost. Go on with: modelswarms resume {shlex.quote(str(work / 'run'))}"
    )
    assert resumed(work) == 0
    assert bytes_of(work / "run") == bytes_of(undisturbed)


def test_an_interrupt_before_the_run_is_one_line(work, monkeypatch, capsys):
    assert command(["search", str(work / "my.yaml")], Interrupted()) == 130
    assert capsys.readouterr().err == "interrupted.\n"
    assert not (work / "run").exists()


class Interrupted(Faulty):
    def start(self, space):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("moment", sorted(random.Random(3).sample(range(2, 110), 4)))
def test_killed_at_any_moment(work, undisturbed, moment):
    process = Forked(["search", "my.yaml"], work, work / "errors", partial(killed, moment))
    assert process.wait() == -signal.SIGKILL, f"it was over before: {process.stderr}"
    assert not (work / "run" / "result.json").exists()
    if (work / "run" / "run.yaml").exists():
        assert resumed(work) == 0
    else:
        assert command(["search", str(work / "my.yaml")]) == 0
    assert bytes_of(work / "run") == bytes_of(undisturbed)


def killed(moment: int, arguments: list[str]) -> int:
    killed_at(moment)
    return command(arguments)


def bytes_of(run: Path) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in DERIVED}
