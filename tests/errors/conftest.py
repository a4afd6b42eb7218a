"""A finished run that rows copy, folders that nobody is kept out of, and a machine without a GPU or a network."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from wrong_inputs.running import finished_run


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with a run that is over."""
    return finished_run(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, as the other temporary ones cannot be."""
    with tempfile.TemporaryDirectory() as place:
        yield Path(place).resolve()


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No GPU, no network, no keys, nothing kept: as the table describes it, wherever the tests run."""
    import datasets
    import huggingface_hub.constants
    import torch

    for name in ("OPENAI_API_KEY", "PERSPECTIVE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("datasets"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
