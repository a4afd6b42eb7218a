"""What these tests share: tasks on local files, and a place for what the harness' reader of data keeps."""

from __future__ import annotations

import datasets
import pytest

from harness_tasks import written


@pytest.fixture(scope="session", autouse=True)
def kept_here(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("datasets"))
        yield


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """One task of each kind."""
    return written(tmp_path_factory.mktemp("tasks"))
