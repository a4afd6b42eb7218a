"""Several processes in one sweep, each with an engine of its own."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from modelswarms.errors import ModelswarmsError, SearchFailedError
from modelswarms.preparation import prepare
from modelswarms.sweeping.folder import SweepFolder
from modelswarms.sweeping.study import Study
from modelswarms.sweeping.work import Worker

__all__ = ["join", "main", "run_processes"]

log = logging.getLogger(__name__)


def run_processes(folder: Path, count: int, say: Callable[[str], None]) -> None:
    """Has so many processes work in a sweep until no trial is left; they end when this one does.

    Raises:
        SearchFailedError: one of them failed; the others have gone on, and what they found is kept.
    """
    command = [sys.executable, "-c", "from modelswarms.sweeping.processes import main; main()", str(folder)]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(count)]
    errors: list[list[str]] = [[] for _ in processes]
    readers = [threading.Thread(target=_relay, args=(p.stdout, say), daemon=True) for p in processes]
    for process, said in zip(processes, errors, strict=True):
        readers.append(threading.Thread(target=_relay, args=(process.stderr, said.append), daemon=True))
    try:
        for reader in readers:
            reader.start()
        for process in processes:
            process.wait()
        for reader in readers:
            reader.join()
    finally:
        for process in processes:
            process.kill()  # its trial can be gone on with
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
    for process, said in zip(processes, errors, strict=True):
        if process.returncode:
            reason = said[-1] if said else f"it ended with code {process.returncode}"
            raise SearchFailedError(f"a process of the sweep failed: {reason}")


def _relay(stream: object, say: Callable[[str], None]) -> None:
    for line in stream:  # type: ignore[attr-defined]
        if line.strip():
            say(line.rstrip("\n"))


def join(folder: Path, say: Callable[[str], None]) -> None:
    """Works in a sweep that another process has begun, until no trial is left."""
    found = SweepFolder(folder)
    config = found.config()
    prepared = prepare(config)
    with closing(prepared.engine):
        Worker(prepared, found, Study(folder, config.sweep, config.seed), say=say).work()


def _end_with_parent() -> None:
    """Ends this process when the one that started it is gone, which closes its end of the pipe."""

    def wait() -> None:
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """What such a process does; the folder is its argument."""
    _end_with_parent()
    try:
        join(Path(sys.argv[1]), _say)
    except ModelswarmsError as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        sys.exit(3)
