"""Engines for workers in other processes, which have to be able to import them."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

from modelswarms.engines import ScriptedEngine
from modelswarms.types import Array


def answer(prompt: str, coefficients: Array) -> str:
    """Right on more items the nearer the first two coefficients are to 0.8 and 0.6."""
    item = int((re.findall(r"\d+", prompt) or ["0"])[0])
    missed = abs(coefficients[0] - 0.8) + abs(coefficients[1] - 0.6) + 0.1 * abs(coefficients[2:]).sum()
    return str(item % 5) if item % 11 >= 6 * missed else "none of them"


def late(seconds: float):
    """The same answers after a while."""

    def answered(prompt: str, coefficients: Array) -> str:
        time.sleep(seconds)
        return answer(prompt, coefficients)

    return answered


def frail(folder: str, times: int):
    """The same answers, but so many times the process is killed instead, and then once it takes two minutes."""

    def answered(prompt: str, coefficients: Array) -> str:
        for k in range(times):
            if _first(Path(folder, f"ended-{k}")):
                os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(120 if _first(Path(folder, "slept")) else 0.002)
        return answer(prompt, coefficients)

    return answered


def _first(mark: Path) -> bool:
    """Whether nobody was here before, in any process."""
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def cards(prompt: str, coefficients: Array) -> str:
    """The GPUs that the process may use."""
    time.sleep(0.2)  # so that others have a share
    return os.environ.get("CUDA_VISIBLE_DEVICES", "all")


class Scripted:
    """Makes scripted engines; ``how`` makes the answering function on the worker."""

    def __init__(self, how=None, *arguments):
        self.how, self.arguments = how, arguments

    def __call__(self) -> ScriptedEngine:
        return ScriptedEngine(self.how(*self.arguments) if self.how else answer, block_tokens=20)


class Cards:
    """Makes engines that say which GPUs they have."""

    def __call__(self) -> ScriptedEngine:
        return ScriptedEngine(cards, block_tokens=1)
