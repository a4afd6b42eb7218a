"""best/ is valued once more by PEFT, and what differs is found and told."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from modelswarms import resume, search, zoo
from modelswarms.runs import RunFolder


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A search without rescoring."""
    folder = tmp_path_factory.mktemp("rescoring")
    questions = json.loads(zoo.questions_path().read_text())
    (folder / "data.json").write_text(json.dumps({"dataset": "d", "dev": questions["dev"][:20], "test": []}))
    return search(
        experts={name: str(zoo.expert_paths()[name]) for name in ("between", "heaviest")},
        utility={"kind": "exact_match", "data": str(folder / "data.json"), "max_new_tokens": 2},
        swarm={"particles": 5, "max_iterations": 0},
        engine={"device": "cpu", "dtype": "float32"},
        run_dir=str(folder / "run"),
        rescore=False,
    )


@pytest.fixture
def run(done, tmp_path):
    shutil.copytree(done.run_dir, tmp_path / "run")
    return tmp_path / "run"


def rescored(run):
    return [record for record in RunFolder(run).journal.read() if record["kind"] == "rescored"]


def test_it_can_be_had_later_and_is_not_done_twice(done, run):
    assert done.best["rescored"] is None
    assert rescored(run) == []
    result = resume(run, overrides={"rescore": "true"})
    (record,) = rescored(run)
    assert record["differ"] == record["near_ties"] == 0
    assert record["value"] == result.best["dev"] == done.best["dev"]
    assert result.best["rescored"]["dtype"] == "float32"
    before = (run / "journal.jsonl").read_bytes()
    resume(run, overrides={"rescore": "true"})
    assert (run / "journal.jsonl").read_bytes() == before


def test_an_adapter_that_is_not_what_was_searched_is_found(run, monkeypatch):
    from modelswarms.experts import Adapter

    save = Adapter.save

    def spoilt(self, folder, base_name):
        save(self, folder, base_name)
        path = folder / "adapter_model.safetensors"
        tensors = {name: -3 * t if "lora_B" in name else t for name, t in load_file(path).items()}
        save_file({name: t.contiguous() for name, t in tensors.items()}, path, {"format": "pt"})

    monkeypatch.setattr(Adapter, "save", spoilt)
    result = resume(run, overrides={"rescore": "true"})
    again = result.best["rescored"]
    assert again["differ"] > again["near_ties"]
    assert again["difference"] < 0
    assert all(answer["journal"] != answer["peft"] for answer in again["answers"])
    assert any("best/ is not what was searched" in w or "Best/ is not" in w for w in result.details["warnings"])


def test_a_failure_costs_nothing_but_the_figure(run, monkeypatch):
    from modelswarms.engines.peft import PeftEngine

    def no_room(self, space):
        raise torch.OutOfMemoryError("no room for another model")

    monkeypatch.setattr(PeftEngine, "start", no_room)
    result = resume(run, overrides={"rescore": "true"})
    assert result.best["rescored"] is None
    assert any("no room for another model" in warning for warning in result.details["warnings"])
    monkeypatch.undo()
    assert resume(run, overrides={"rescore": "true"}).best["rescored"]["differ"] == 0


def test_a_scripted_engine_has_no_counterpart(keys, scripted):
    result = search(keys, engine=scripted())
    assert result.best["rescored"] is None
    assert any("answers PEFT cannot give" in warning for warning in result.details["warnings"])
