"""Files from a server that breaks off, lies, is busy or is not there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import random
import resource
import signal
import subprocess
import sys
import time

import pytest

from file_server import Fault, FileServer
from modelswarms import DataError
from modelswarms.datasets.download import Patience, UnreachableError, Wanted, fetch, partial_path

CONTENT = random.Random(5).randbytes(300_000)
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with FileServer({"a.json": CONTENT}) as running:
        yield running


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "a.json"


@pytest.fixture
def waits():
    return []


@pytest.fixture
def get(server, path, waits):
    """Fetches from the server, and says what it has asked for."""

    def get(name="a.json", content=CONTENT, **patience):
        wanted = Wanted(f"{server.address}/{name}", hashlib.sha256(content).hexdigest(), len(content))
        fetch(wanted, path, Patience(sleep=waits.append, **patience))
        assert path.read_bytes() == content
        assert [p.name for p in path.parent.iterdir()] == ["a.json"], "nothing else is left"

    return get


def ranges(server):
    return [asked for _, asked in server.requests]


def test_a_whole_file(get, server, waits):
    get()
    assert ranges(server) == [None] and waits == []


def test_a_transfer_that_breaks_goes_on_where_it_stopped(get, server, waits):
    server.faults = [Fault(cut=100_000), Fault(cut=1), Fault(cut=0), Fault(cut=50_000)]
    get()
    assert ranges(server) == [None, "bytes=100000-", "bytes=100001-", "bytes=100001-", "bytes=150001-"]
    assert server.sent == len(CONTENT), "no byte twice"
    assert waits == [0.5] * 4, "each brought something, or was the first that did not"


def test_a_length_that_was_never_promised(get, server):
    server.faults = [Fault(cut=100_000, promised=False)]
    get()
    assert ranges(server) == [None, "bytes=100000-"]


def test_a_server_without_ranges_begins_anew(get, server):
    server.ranges = False
    server.faults = [Fault(cut=100_000), Fault(cut=200_000)]
    get()
    assert ranges(server) == [None, "bytes=100000-", "bytes=200000-"]


def test_a_part_that_begins_elsewhere_is_not_taken(get, server):
    server.faults = [Fault(cut=100_000), Fault(shifted=True)]
    get()
    assert ranges(server) == [None, "bytes=100000-", None]


def test_a_server_that_is_busy_is_waited_for(get, server, waits):
    server.faults = [Fault(500), Fault(503, (("Retry-After", "7"),)), Fault(429, (("Retry-After", "900"),)), Fault(502)]
    get()
    assert waits == [0.5, 7.0, 30.0, 4.0]


def test_what_an_earlier_call_left_is_not_asked_for_again(get, server, path):
    path.parent.mkdir()
    partial_path(path).write_bytes(CONTENT[:123_456])
    get()
    assert ranges(server) == ["bytes=123456-"]
    path.unlink()
    server.requests.clear()
    partial_path(path).write_bytes(CONTENT)
    get()
    assert server.requests == []


@pytest.mark.parametrize("left", [b"something else", CONTENT + b"more", bytes(len(CONTENT))])
def test_what_was_left_of_another_file_is_not_mixed_in(get, path, left):
    path.parent.mkdir()
    partial_path(path).write_bytes(left)
    get()


def refused(get, path, says, error=DataError, **more):
    with pytest.raises(error, match=says) as raised:
        get(**more)
    assert not path.exists()
    return raised.value


def test_other_bytes_are_no_file(get, server, path):
    server.always = Fault(instead=b"x" * len(CONTENT))
    refused(get, path, rf"a\.json: what {server.address}/a\.json gives is not the published .*give another place")
    assert list(path.parent.iterdir()) == []
    server.always = Fault(instead=b"<html>log in</html>")
    refused(get, path, "is not the published file")
    server.always = Fault(instead=CONTENT + CONTENT)
    server.sent = 0
    refused(get, path, "is not the published file")
    assert server.sent < 2 * len(CONTENT) + 2, "it is not read to its end"


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (404, r"a\.json: http.*/a\.json does not exist \(404\); check --from and MODELSWARMS_DATA_URL"),
        (403, r"cannot be had \(403\); check --from, or who may read it"),
        (500, r"127\.0\.0\.1:\d+ answered 500; try again later, or give --from a mirror\.$"),
    ],
)
def test_a_server_that_does_not_give_it(get, server, path, status, says):
    server.always = Fault(status)
    refused(get, path, says)
    assert len(server.requests) == (5 if status == 500 else 1)


def test_a_server_that_goes_away_for_good(get, server, path, waits):
    server.faults, server.always = [Fault(cut=90_000)], Fault(cut=0)
    error = refused(get, path, "cannot be reached, or broke off .*kept: the same command goes on", UnreachableError)
    assert "\n" not in str(error) and partial_path(path).stat().st_size == 90_000
    assert waits == [0.5, 0.5, 1.0, 2.0, 4.0]
    server.always = Fault()
    get()
    assert ranges(server)[-1] == "bytes=90000-"


def test_a_server_that_hangs(get, server, path):
    server.always = Fault(waits=True, cut=0)
    refused(get, path, "cannot be reached, or broke off.*Timeout", UnreachableError, timeout=0.1, attempts=2)


def test_no_server_at_all(path, waits):
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9 cannot be reached.*check the connection"):
        fetch(Wanted("http://127.0.0.1:9/a.json", SHA, len(CONTENT)), path, Patience(sleep=waits.append))
    for place in ("ftp://127.0.0.1/a.json", "http://a:b/a.json"):
        with pytest.raises(DataError, match="is no address"):
            fetch(Wanted(place, SHA, len(CONTENT)), path)


def test_an_address_that_leads_in_circles(get, server, path):
    server.always = Fault(302, (("Location", "/a.json"),))
    refused(get, path, "cannot be reached, or broke off .TooManyRedirects", UnreachableError, attempts=1)


def test_an_address_that_leads_elsewhere(get, server):
    server.faults = [Fault(302, (("Location", "/a.json"),))]
    get("moved.json")
    assert server.requests[:2] == [("/moved.json", None), ("/a.json", None)]


def test_a_folder_instead_of_a_server(path, tmp_path):
    wanted = Wanted(str(tmp_path / "mirror.json"), SHA, len(CONTENT))
    with pytest.raises(DataError, match=r"mirror\.json is no file that can be read; check --from"):
        fetch(wanted, path)
    (tmp_path / "mirror.json").write_bytes(CONTENT[:-1])
    with pytest.raises(DataError, match="is not the published file"):
        fetch(wanted, path)
    (tmp_path / "mirror.json").write_bytes(CONTENT)
    fetch(wanted, path)
    assert path.read_bytes() == CONTENT


def test_a_disk_that_is_full(get, server, path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        refused(get, path, r"a\.json: cannot be written \(File too large\); make room")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert partial_path(path).stat().st_size <= 100_000
    get()


def test_a_disk_without_room_is_seen_before(get, server, path, monkeypatch):
    usage = type("Usage", (), {"free": 299_999})
    monkeypatch.setattr("modelswarms.datasets.download.shutil.disk_usage", lambda folder: usage)
    refused(get, path, r"a\.json: needs 300,000 bytes more than the disk has; make room, or give --to")
    assert server.requests == []


def test_a_folder_that_may_not_be_written(get, path, monkeypatch):
    def refuse(*arguments, **more):
        raise PermissionError(errno.EACCES, "Permission denied", str(path.parent))

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    refused(get, path, r"data: cannot be written \(Permission denied\); make room, or give another folder")


def test_a_file_where_the_folder_should_be(get, path):
    path.parent.write_text("")
    with pytest.raises(DataError, match=r"data: cannot be written \(File exists\)"):
        get()


ELSEWHERE = """
import sys
from pathlib import Path
from modelswarms.datasets.download import Patience, Wanted, fetch
fetch(Wanted(sys.argv[1], sys.argv[2], int(sys.argv[3])), Path(sys.argv[4]), Patience(timeout=20))
"""


@contextlib.contextmanager
def another_process(server, path):
    arguments = [f"{server.address}/a.json", SHA, str(len(CONTENT)), str(path)]
    process = subprocess.Popen([sys.executable, "-c", ELSEWHERE, *arguments], stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def begun(path, process):
    while not (partial_path(path).exists() and partial_path(path).stat().st_size):
        assert process.poll() is None
        time.sleep(0.01)


def test_a_process_killed_in_the_middle_is_gone_on_from(get, server, path):
    server.faults = [Fault(cut=150_000), Fault(waits=True, cut=1000)]
    with another_process(server, path) as process:
        begun(path, process)
        with pytest.raises(DataError, match="another process is downloading this file; wait for it"):
            get()
        while len(server.requests) < 2:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not path.exists() and partial_path(path).stat().st_size >= 150_000
    get()
    assert int(ranges(server)[-1].removeprefix("bytes=").rstrip("-")) >= 150_000


def test_progress_is_told(server, path):
    seen = []
    server.faults = [Fault(cut=100_000)]
    wanted = Wanted(f"{server.address}/a.json", SHA, len(CONTENT))
    fetch(wanted, path, Patience(sleep=lambda seconds: None), seen.append)
    assert seen[0] == 0 and seen[-1] == len(CONTENT) and seen == sorted(seen)
    assert os.listdir(path.parent) == ["a.json"]
