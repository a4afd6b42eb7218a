from __future__ import annotations

from pathlib import Path

import pytest

from adapters import make_base, make_expert


@pytest.fixture(scope="session")
def base(tmp_path_factory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def equal_experts(base, tmp_path_factory) -> Path:
    """Three experts with equal ranks, alphas and targets."""
    folder = tmp_path_factory.mktemp("equal")
    for seed, name in enumerate(("ant", "bee", "cat")):
        make_expert(base, folder / name, seed + 1)
    return folder


@pytest.fixture(scope="session")
def mixed_experts(base, tmp_path_factory) -> Path:
    """Three experts that differ in rank, alpha, scaling and targets."""
    folder = tmp_path_factory.mktemp("mixed")
    make_expert(base, folder / "ant", 1, r=2, lora_alpha=5)
    make_expert(base, folder / "bee", 2, r=6, lora_alpha=3, use_rslora=True)
    make_expert(base, folder / "cat", 3, target_modules=["q_proj", "up_proj"])
    return folder
