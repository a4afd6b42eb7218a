"""Journals survive what happens to files and processes."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from modelswarms import RunError
from modelswarms.runs import Journal, RunFolder

RECORDS = [{"kind": "a", "n": k, "text": "é\n" * k, "x": 0.1 * k, "none": None} for k in range(4)]
MANIFEST = {"config": {"seed": 1}}


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    for record in RECORDS:
        journal.append(record)
    return journal


def test_it_reads_what_it_wrote(journal):
    assert Journal(journal.path).read() == RECORDS
    for line in journal.path.read_text().splitlines():
        assert list(json.loads(line)) == sorted(json.loads(line))


def test_every_truncation_keeps_the_whole_lines(journal, tmp_path):
    content = journal.path.read_bytes()
    for size in range(len(content) + 1):
        path = tmp_path / "cut.jsonl"
        path.write_bytes(content[:size])
        whole = content[:size].count(b"\n")
        assert Journal(path).read() == RECORDS[:whole]
        Journal(path).append({"kind": "after"})
        assert Journal(path).read() == [*RECORDS[:whole], {"kind": "after"}]


def test_damage_in_the_middle_is_named_by_line(journal):
    content = journal.path.read_bytes()
    for place in range(0, len(content), 3):
        damaged = bytearray(content)
        damaged[place] ^= 1
        journal.path.write_bytes(damaged)
        line = content[: place + 1].count(b"\n") + (content[place : place + 1] != b"\n")
        if place >= content.rindex(b"\n"):
            continue  # the newline of the last line: that is a torn tail
        with pytest.raises(RunError, match=rf"line {line} is damaged|line {line + 1} is damaged"):
            Journal(journal.path).read()
        with pytest.raises(RunError, match="is damaged"):
            Journal(journal.path).append({"kind": "b"})


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), object()])
def test_what_json_cannot_say_is_refused(journal, bad):
    before = journal.path.read_bytes()
    with pytest.raises((ValueError, TypeError)):
        journal.append({"x": bad})
    assert journal.path.read_bytes() == before


WRITER = """
import sys
from modelswarms.runs import RunFolder
with RunFolder.create(sys.argv[1], {"config": {}}) as run:
    k = 0
    while True:
        run.journal.append({"kind": "n", "k": k, "pad": "x" * 500}); k += 1
"""


def test_killed_while_writing(tmp_path):
    run = tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(run)])
    while not (run / "journal.jsonl").exists() or (run / "journal.jsonl").stat().st_size < 5000:
        time.sleep(0.005)
    with pytest.raises(RunError, match=f"process {process.pid} is working in this run"), RunFolder.open(run):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    with RunFolder.open(run) as reopened:
        records = reopened.journal.read()
        assert [r["k"] for r in records] == list(range(len(records)))
        reopened.journal.append({"kind": "n", "k": len(records)})
        assert len(reopened.journal.read()) == len(records) + 1


def test_a_folder_is_used_once(tmp_path):
    with RunFolder.create(tmp_path / "run", MANIFEST):
        pass
    with pytest.raises(RunError, match="modelswarms resume"):
        RunFolder.check_free(tmp_path / "run")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("x")
    (tmp_path / "file").write_text("x")
    for taken in ("other", "file", "file/below"):
        with pytest.raises(RunError, match="another run_dir"):
            RunFolder.check_free(tmp_path / taken)
    RunFolder.check_free(tmp_path / "new" / "deep")
    (tmp_path / "empty").mkdir()
    RunFolder.check_free(tmp_path / "empty")


def test_what_is_not_a_run_is_said(tmp_path):
    with pytest.raises(RunError, match=r"not the folder of a run \(no run.yaml\)"), RunFolder.open(tmp_path):
        pass
    for text in ("{", "[1]", "a: 1", ""):
        (tmp_path / "run.yaml").write_text(text)
        with pytest.raises(RunError, match=r"run\.yaml"), RunFolder.open(tmp_path):
            pass


def test_a_second_process_waits_for_the_first(tmp_path):
    busy = pytest.raises(RunError, match=f"process {os.getpid()}")
    with RunFolder.create(tmp_path / "run", MANIFEST), busy, RunFolder.open(tmp_path / "run"):
        pass
    with RunFolder.open(tmp_path / "run") as run:
        assert run.manifest() == MANIFEST


def test_responses_are_kept_once_under_their_content(tmp_path):
    with RunFolder.create(tmp_path / "run", MANIFEST) as run:
        one = run.write_responses([{"id": "1", "response": "é"}])
        assert run.write_responses([{"response": "é", "id": "1"}]) == one
        assert run.write_responses([{"id": "1", "response": "e"}]) != one
        assert len(list((run.path / "responses").iterdir())) == 2
        run.write_json("x.json", {"b": 1, "a": [1.5]})
        assert list(json.loads((run.path / "x.json").read_text())) == ["a", "b"]
        with pytest.raises(ValueError, match="JSON"):
            run.write_json("y.json", float("nan"))
        assert not (run.path / "y.json").exists()


def test_times_that_cannot_be_read_are_begun_anew(tmp_path):
    with RunFolder.create(tmp_path / "run", MANIFEST) as run:
        assert run.read_timing() == {}
        run.write_json("timing.json", {"stages": {"search": {"seconds": 3}}})
        assert run.read_timing() == {"search": {"seconds": 3.0}}
        (run.path / "timing.json").write_text("[]")
        assert run.read_timing() == {}
