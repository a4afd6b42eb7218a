"""Experts and bases by hub id, against a hub that answers over HTTP."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from huggingface_hub import constants

from adapters import make_expert
from hub_server import Hub, Repository, forget_connections, only_hub
from modelswarms import ExpertError, ExpertSpace
from modelswarms.config import load_config
from modelswarms.experts import check_experts, find_base, find_experts
from modelswarms.experts.hub import HubId, hub_id
from modelswarms.preparation import prepare

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@pytest.fixture(scope="session")
def repositories(base, equal_experts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("repositories")
    make_expert(base, folder / "old", 7)
    several = folder / "several"
    shutil.copytree(equal_experts, several / "inner")
    shutil.copytree(equal_experts / "ant", several / "dog")
    shutil.copytree(equal_experts / "bee", several / "eel")
    (several / "README.md").write_text("two, and three further in")
    trained = folder / "trained"
    shutil.copytree(equal_experts / "ant", trained)
    shutil.copytree(equal_experts / "bee", trained / "checkpoint-10")
    (trained / "optimizer.pt").write_text("large")
    model = folder / "model"
    shutil.copytree(base, model)
    shutil.copytree(equal_experts / "ant", model / "adapter")
    for name in ("pytorch_model.bin", "adapter_config.json", "README.md"):
        (model / name).write_text("{}")
    in_bin = folder / "bin"
    shutil.copytree(equal_experts / "ant", in_bin)
    (in_bin / WEIGHTS).rename(in_bin / "adapter_model.bin")
    (folder / "nothing").mkdir()
    (folder / "nothing" / "README.md").write_text("nothing")
    return folder


@pytest.fixture
def hub(repositories, tmp_path, monkeypatch):
    """A hub, and a cache of its own."""
    ant = {"main": repositories / "trained"}
    known = {
        "lab/ant": Repository({**ant, "v1": repositories / "old"}),
        "lab/several": Repository({"main": repositories / "several"}),
        "lab/model": Repository({"main": repositories / "model"}),
        "lab/bin": Repository({"main": repositories / "bin"}),
        "lab/nothing": Repository({"main": repositories / "nothing"}),
        "lab/private": Repository(ant, (401, ""), "secret"),
        "lab/gated": Repository(ant, (403, "GatedRepo"), "secret"),
        "lab/forbidden": Repository(ant, (403, "")),
    }
    with Hub(known) as running:
        only_hub(monkeypatch, running.address, tmp_path)
        monkeypatch.chdir(tmp_path)
        yield running
        forget_connections()


def read(folder):
    return (folder / WEIGHTS).read_bytes()


def test_an_id_is_its_repository_s_adapter(hub, equal_experts):
    ((name, folder),) = find_experts("lab/ant")
    assert name == "ant" and read(folder) == read(equal_experts / "ant")
    assert any(path.endswith(CONFIG) for path in hub.downloaded()), "of two that are equal, one is enough"
    assert {path for path in hub.downloaded() if not path.endswith(CONFIG)} == {WEIGHTS}, "no checkpoints, no .pt"


def test_a_revision_is_that_revision(hub, repositories, equal_experts):
    ((name, folder),) = find_experts("lab/ant@v1")
    assert name == "ant" and read(folder) == read(repositories / "old") != read(equal_experts / "ant")


def test_a_repository_of_several_adapters(hub, equal_experts):
    assert [name for name, _ in find_experts("lab/several")] == ["dog", "eel"]
    found = dict(find_experts("lab/several:inner"))
    assert {name: read(folder) for name, folder in found.items()} == {
        name: read(equal_experts / name) for name in ("ant", "bee", "cat")
    }
    mapping = {"one": "lab/several:inner/cat", "two": "lab/several@main:dog", "three": equal_experts / "bee"}
    found = dict(find_experts(mapping))
    assert list(found) == ["one", "two", "three"]
    assert read(found["one"]) == read(equal_experts / "cat") and read(found["two"]) == read(equal_experts / "ant")
    assert hub_id("lab/several@main:dog", "experts") == HubId("lab/several", "main", "dog")


def test_what_exists_is_a_folder(hub, equal_experts, tmp_path):
    shutil.copytree(equal_experts / "cat", tmp_path / "lab" / "ant")
    ((_, folder),) = find_experts("lab/ant")
    assert read(folder) == read(equal_experts / "cat") and hub.requests == []


def test_a_base_without_what_lies_beside_it(hub, base):
    folder, name = find_base("lab/model")
    assert name == "lab/model"
    assert {path.name for path in folder.iterdir()} == {path.name for path in base.iterdir()}
    assert (folder / "model.safetensors").read_bytes() == (base / "model.safetensors").read_bytes()
    assert ExpertSpace.load(["lab/ant"], base="lab/model").n == 1


WRONG = {
    "lab/absent": "lab/absent is no folder here, and no repository on the hub that you may see.*HF_TOKEN",
    "lab/private": "lab/private is no folder here, and no repository on the hub that you may see.*HF_TOKEN",
    "lab/gated": "lab/gated is gated; ask for access.*HF_TOKEN",
    "lab/forbidden": "lab/forbidden cannot be had: the hub answered 403; check HF_TOKEN",
    "lab/ant@v9": "lab/ant@v9 has no revision 'v9'; check the part after the @",
    "lab/several:fly": r"has no subfolder 'fly' with an adapter \(adapters are in: dog, eel, inner/ant,.*\)",
    "lab/nothing": "lab/nothing holds no adapter_config.json: it is no LoRA adapter",
    "lab/bin": "lab/bin holds no adapter_model.safetensors .*can run code.*load the adapter with PEFT",
    "lab/an t": "'lab/an t' is no folder, and no valid hub id",
    "lab/ant:../up": "leads out of its repository",
    "lab/ant@": "is no folder, and no valid hub id",
    "lab/ant..x--y": "no valid hub id|no repository",
}


@pytest.mark.parametrize(("given", "says"), WRONG.items(), ids=WRONG)
def test_wrong_ids_are_one_clear_line(hub, given, says):
    for spec, who in (([given], "experts?.*"), ({"mine": given}, "expert mine")):
        with pytest.raises(ExpertError, match=rf"^{who}: .*{says}") as refused:
            find_experts(spec)
        assert "\n" not in str(refused.value) and "; " in str(refused.value)
    (problem,) = check_experts([given]).problems
    assert problem.remedy and problem.expert


def test_one_of_several_has_to_be_named(hub):
    with pytest.raises(ExpertError, match="expert x: lab/several holds several adapters; name one.* lab/several:dog"):
        find_experts({"x": "lab/several"})


@pytest.mark.parametrize("given", ["lab/private", "lab/gated"])
def test_a_token_opens_what_is_closed(hub, given, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert len(find_experts(given)) == 1


def test_wrong_bases(hub):
    for given, says in (
        ("lab/absent", "base: lab/absent is no folder here, and no repository"),
        ("lab/nothing", "base: lab/nothing holds no config.json"),
        ("lab/model:adapter", "names a subfolder"),
        ("lab/ant", "base: lab/ant holds no config.json"),
    ):
        with pytest.raises(ExpertError, match=says):
            find_base(given)


def test_a_hub_that_is_down_says_so_and_the_cache_serves(hub):
    hub.down = True
    with pytest.raises(ExpertError, match="lab/ant cannot be had: the hub answered 500; try again later"):
        find_experts("lab/ant")
    hub.down = False
    find_experts("lab/ant")
    hub.down = True
    assert len(find_experts("lab/ant")) == 1


def test_a_hub_that_cannot_be_reached(hub, monkeypatch):
    find_experts("lab/ant")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert len(find_experts("lab/ant")) == 1
    with pytest.raises(ExpertError, match=r"lab/several .*not in the hub's cache, and http://127.0.0.1:9 cannot be"):
        find_experts("lab/several")


def test_offline_the_cache_serves_and_nothing_is_asked(hub, monkeypatch):
    find_experts("lab/ant")
    find_base("lab/model")
    hub.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    forget_connections()
    assert ExpertSpace.load(["lab/ant"], base="lab/model").n == 1
    with pytest.raises(ExpertError, match="lab/ant@v1 .*HF_HUB_OFFLINE forbids"):
        find_experts("lab/ant@v1")
    assert hub.requests == []


def test_a_configuration_with_ids_is_prepared(hub, data_file, tmp_path, scripted):
    text = f"""
        base: lab/model
        experts: {{a: lab/ant, b: 'lab/ant@v1', c: 'lab/several:inner/cat'}}
        utility: {{kind: exact_match, data: {data_file.name}}}
    """
    (tmp_path / "my.yaml").write_text(text)
    prepared = prepare(load_config(tmp_path / "my.yaml"), scripted())
    assert prepared.space.names == ("a", "b", "c")
    assert prepared.base_name == "lab/model"


def test_the_command_uses_the_hub_that_the_environment_names(hub, tmp_path):
    patient = {"HF_HUB_ETAG_TIMEOUT": "60", "HF_HUB_DOWNLOAD_TIMEOUT": "60"}  # where other tests take all processors
    environment = {**os.environ, **patient, "HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home")}
    arguments = [sys.executable, "-m", "modelswarms", "experts", "check"]
    done = subprocess.run(
        [*arguments, "lab/several:inner", "lab/ant@v9", "--base", "lab/model", "--json"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    report = json.loads(done.stdout)
    assert report["good"] == ["ant", "bee", "cat"], report["problems"]
    assert [row["given"] for row in report["rows"]][:2] == ["lab/several:inner/ant", "lab/several:inner/bee"]
    assert "has no revision 'v9'" in report["problems"][0]["text"]
