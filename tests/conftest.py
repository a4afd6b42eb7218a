"""What tests share: the samples of real data, where they are, and a search that needs no model."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded; processes that tests start have it too

import modelswarms.zoo
from modelswarms.engines import ScriptedEngine
from modelswarms.types import Array

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of data samples, which is no part of the project."""
    folder = Path(os.environ.get("MODELSWARMS_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no data samples in {folder}")
    return folder


@pytest.fixture
def signal_handlers() -> Iterator[None]:
    """Those for signals, as they were; whoever starts the tests in the background may have SIGINT ignored."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    """Twelve dev and ten test questions, each about one number."""
    items = [{"question": f"How much is item {k}?", "answer": str(k % 5), "id": k} for k in range(22)]
    path = tmp_path / "numbers.json"
    path.write_text(json.dumps({"dataset": "numbers", "dev": items[:12], "test": items[12:]}))
    return path


@pytest.fixture
def keys(tmp_path: Path, data_file: Path) -> dict:
    """A small search over the zoo's experts with a scripted model."""
    return {
        "utility": {"kind": "exact_match", "data": str(data_file)},
        "swarm": {"particles": 12, "max_iterations": 3},
        "run_dir": str(tmp_path / "run"),
    }


def answer(prompt: str, coefficients: Array) -> str:
    """Right on more items the nearer the first two coefficients are to 0.8 and 0.6."""
    item = int(re.findall(r"\d+", prompt)[0])
    missed = abs(coefficients[0] - 0.8) + abs(coefficients[1] - 0.6) + 0.1 * abs(coefficients[2:]).sum()
    return str(item % 5) if item % 11 >= 6 * missed else "none of them"


@pytest.fixture
def scripted() -> Callable[[], ScriptedEngine]:
    return lambda: ScriptedEngine(answer, block_tokens=20)


@pytest.fixture(scope="session")
def zoo_experts() -> list[str]:
    return list(modelswarms.zoo.expert_paths())
