"""The command line in a process forked from this one: as real to kill as any, without loading torch once more."""

from __future__ import annotations

import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from modelswarms.cli import main

__all__ = ["Forked"]


class Forked:
    """Begins a command at once.

    Args:
        arguments: of the command line.
        cwd: where it works.
        errors: the file for what it says.
        run: what the arguments are given to.
    """

    def __init__(self, arguments: list[str], cwd: Path, errors: Path, run: Callable[[list[str]], int] = main) -> None:
        import torch  # noqa: F401  # so that the child has it
        import transformers  # noqa: F401

        self._errors, self.returncode = errors, None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside other threads: they are idle
            self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                os.chdir(cwd)
                sys.stdout = sys.stderr = errors.open("w", buffering=1)
                code = run(arguments)
            finally:
                sys.stderr.flush()
                os._exit(code)

    def poll(self) -> int | None:
        """Its exit code, or minus the signal that ended it; None while it runs."""
        return self._waited(os.WNOHANG)

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self, timeout: float = 120.0) -> int:
        """Its exit code, or minus the signal that ended it."""
        end = time.monotonic() + timeout
        while (code := self._waited(os.WNOHANG)) is None:
            if time.monotonic() > end:
                self.send_signal(signal.SIGKILL)
                raise TimeoutError(f"the command has not ended in {timeout} seconds")
            time.sleep(0.005)
        return code

    @property
    def stderr(self) -> str:
        """What it has said."""
        return self._errors.read_text()

    def _waited(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode
