"""Journals survive what happens to files and processes."""

import errno
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
    last_line = content[:-1].rindex(b"\n") + 1
    for place in range(0, last_line, 3):
        damaged = bytearray(content)
        damaged[place] ^= 1
        journal.path.write_bytes(damaged)
        line = content[:place].count(b"\n") + 1
        with pytest.raises(RunError, match=rf"line {line} is damaged.*delete that line and all after it"):
            Journal(journal.path).read()
        with pytest.raises(RunError, match="is damaged"):
            Journal(journal.path).append({"kind": "b"})
        assert journal.path.read_bytes() == damaged


def test_a_damaged_last_line_is_a_torn_tail_and_told(journal, caplog):
    content = journal.path.read_bytes()
    last_line = content[:-1].rindex(b"\n") + 1
    for place in range(last_line, len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1
        journal.path.write_bytes(damaged)
        caplog.clear()
        assert Journal(journal.path).read() == RECORDS[:-1]
        assert journal.path.read_bytes() == damaged, "reading changes nothing"
        if place < len(content) - 1:
            assert f"line {len(RECORDS)}, the last, has a wrong checksum" in caplog.text
    Journal(journal.path).append(RECORDS[-1])
    assert journal.path.read_bytes() == content


def test_a_damaged_line_before_a_torn_tail_is_no_tail(journal):
    journal.path.write_bytes(journal.path.read_bytes() + b"{}\n" + b'{"kind"')
    with pytest.raises(RunError, match=f"line {len(RECORDS) + 1} is damaged"):
        Journal(journal.path).read()


@pytest.mark.parametrize("tail", [b"\0" * 50, b"\r\0\r", b"\xff\xfe", b'{"a":"\xe2\x80\xa8'])
def test_whatever_a_lost_power_supply_leaves_is_cut_off(journal, tail):
    content = journal.path.read_bytes()
    journal.path.write_bytes(content + tail)
    Journal(journal.path).append({"kind": "after"})
    assert journal.path.read_bytes().startswith(content + b'{"crc":')
    assert Journal(journal.path).read() == [*RECORDS, {"kind": "after"}]


@pytest.mark.parametrize(
    "line", [b'{"a":NaN,"crc":"0"}', b'{"a":1e999,"crc":"0"}', b"[" * 100_000, b"9" * 5000, b"[]", b"", b"\xff"]
)
def test_lines_that_json_stumbles_over_are_damage(journal, line):
    journal.path.write_bytes(line + b"\n" + journal.path.read_bytes())
    with pytest.raises(RunError, match="line 1 is damaged"):
        Journal(journal.path).read()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), object(), {1: "a", "1": "b"}, {9: "a", 10: "b"}])
def test_what_json_cannot_say_is_refused(journal, bad):
    before = journal.path.read_bytes()
    with pytest.raises((ValueError, TypeError)):
        journal.append({"x": bad})
    assert journal.path.read_bytes() == before


def test_a_record_brings_no_checksum_of_its_own(journal):
    with pytest.raises(ValueError, match="crc"):
        journal.append({"crc": "0"})
    assert journal.read() == RECORDS


ON_A_SMALL_DISK = """
import resource, signal, sys
from pathlib import Path
from modelswarms import RunError
from modelswarms.runs import Journal
from modelswarms.runs.atomic import replace_file

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
folder = Path(sys.argv[1])
journal = Journal(folder / "journal.jsonl")
written = 0
try:
    while True:
        journal.append({"k": written, "pad": "x" * 400})
        written += 1
except RunError as error:
    assert "make room" in str(error), error
assert 3 < written < 8 and journal.path.stat().st_size == 3000, "part of a line was written"
assert len(journal.read()) == written
(folder / "whole.json").write_bytes(b"old")
try:
    replace_file(folder / "whole.json", b"n" * 4000)
except RunError as error:
    assert "make room" in str(error), error
else:
    raise SystemExit("not refused")
assert (folder / "whole.json").read_bytes() == b"old"
assert sorted(p.name for p in folder.iterdir()) == ["journal.jsonl", "whole.json"]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.append({"k": written})
assert [r["k"] for r in Journal(journal.path).read()] == list(range(written + 1))
"""


def test_a_full_disk_is_said_and_nothing_is_lost(tmp_path):
    subprocess.run([sys.executable, "-c", ON_A_SMALL_DISK, str(tmp_path)], check=True)


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


def leave(folder, *names):
    (folder / "responses").mkdir(parents=True)
    for name in names:
        (folder / name).write_text("x")
    return folder


@pytest.mark.parametrize("left", [(), ("lock",), ("lock", ".run.yaml.partial")])
def test_a_run_killed_before_it_began_is_begun_again(tmp_path, left):
    run = leave(tmp_path / "run", *left)
    with pytest.raises(RunError, match="start it again in the same folder"), RunFolder.open(run):
        pass
    with RunFolder.create(run, MANIFEST):
        pass
    with RunFolder.open(run) as opened:
        assert opened.manifest() == MANIFEST
    assert not (run / ".run.yaml.partial").exists()


def test_what_others_left_is_not_taken_for_a_run(tmp_path):
    for mine in (leave(tmp_path / "one", "mine.txt"), leave(tmp_path / "two", "responses/mine.json")):
        with pytest.raises(RunError, match="not an empty folder"):
            RunFolder.check_free(mine)
        with pytest.raises(RunError, match="not the folder of a run"), RunFolder.open(mine):
            pass


def test_of_two_that_begin_at_once_one_is_refused(tmp_path, monkeypatch):
    check = RunFolder.check_free

    def overtaken(path):
        check(path)
        monkeypatch.setattr(RunFolder, "check_free", staticmethod(check))
        with RunFolder.create(path, {"config": {"seed": 2}}) as quicker:
            quicker.journal.append({"kind": "a"})

    monkeypatch.setattr(RunFolder, "check_free", staticmethod(overtaken))
    with pytest.raises(RunError, match="holds a run already"), RunFolder.create(tmp_path / "run", MANIFEST):
        pass
    assert RunFolder(tmp_path / "run").manifest() == {"config": {"seed": 2}}
    assert RunFolder(tmp_path / "run").journal.read() == [{"kind": "a"}]


def test_places_that_cannot_be_folders_are_said(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for place in ("link", "x" * 300):
        with pytest.raises(RunError, match="another run_dir"):
            RunFolder.check_free(tmp_path / place)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_said(tmp_path):
    with RunFolder.create(tmp_path / "run", MANIFEST):
        pass
    (tmp_path / "run").chmod(0o500)
    (tmp_path / "run" / "lock").chmod(0o400)
    try:
        with pytest.raises(RunError, match="may not be written"):
            RunFolder.check_free(tmp_path / "run" / "below")
        with pytest.raises(RunError, match="permissions"), RunFolder.open(tmp_path / "run"):
            pass
        with pytest.raises(RunError, match="permissions"):
            RunFolder(tmp_path / "run").write_json("x.json", 1)
    finally:
        (tmp_path / "run").chmod(0o700)


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch):
    def no_locks(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    with RunFolder.create(tmp_path / "run", MANIFEST):
        pass
    monkeypatch.setattr("modelswarms.runs.folder.fcntl.flock", no_locks)
    with pytest.raises(RunError, match="file system that has locks"), RunFolder.open(tmp_path / "run"):
        pass
