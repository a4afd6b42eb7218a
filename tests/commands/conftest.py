"""A small search with the zoo's own models in float32, shared by the tests of the verbs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelswarms import RunResult, search, zoo

DEV, TEST = 24, 20


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("verbs")
    questions = json.loads(zoo.questions_path().read_text())
    data = {"dataset": "small", "dev": questions["dev"][:DEV], "test": questions["test"][:TEST]}
    (folder / "data.json").write_text(json.dumps(data))
    names = ("between", "connect_large", "heaviest")
    return search(
        experts={name: str(zoo.expert_paths()[name]) for name in names},
        utility={"kind": "exact_match", "data": str(folder / "data.json"), "max_new_tokens": 2},
        swarm={"particles": 6, "max_iterations": 1},
        engine={"device": "cpu", "dtype": "float32"},
        run_dir=str(folder / "run"),
    )


@pytest.fixture(scope="session")
def config(small_run: RunResult) -> Path:
    """The same as a file."""
    path = small_run.run_dir.parent / "small.yaml"
    path.write_text(
        "experts: {" + ", ".join(f"{n}: '{zoo.expert_paths()[n]}'" for n in small_run.best["coefficients"]) + "}\n"
        "utility: {kind: exact_match, data: data.json, max_new_tokens: 2}\n"
        "engine: {device: cpu, dtype: float32}\n"
    )
    return path
