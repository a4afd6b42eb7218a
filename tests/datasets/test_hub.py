"""Data sets of the datasets package: over HTTP, from the cache, from folders."""

from __future__ import annotations

import builtins
import json

import pytest

from hub_server import Hub, Repository, forget_connections, only_hub
from modelswarms import DataError, MissingExtraError
from modelswarms.datasets import read_dataset

datasets = pytest.importorskip("datasets")

ROWS = [
    {"question": f"Item {k}?", "choices": ["red", "blue", "green"], "answer": k % 3, "subject": "colours"}
    for k in range(9)
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """One data set in every form that the package writes."""
    folder = tmp_path_factory.mktemp("sets")
    datasets.disable_progress_bars()
    kinds = datasets.Features(
        {
            "question": datasets.Value("string"),
            "choices": datasets.List(datasets.Value("string")),
            "answer": datasets.ClassLabel(names=["A", "B", "C"]),
            "subject": datasets.Value("string"),
        }
    )
    splits = {"train": ROWS, "validation": ROWS[:4], "test": ROWS[4:]}
    whole = datasets.DatasetDict({name: datasets.Dataset.from_list(rows, kinds) for name, rows in splits.items()})
    whole.save_to_disk(folder / "saved")
    whole["train"].save_to_disk(folder / "single")
    (folder / "parquet").mkdir()
    for name, part in whole.items():
        part.to_parquet(folder / "parquet" / f"{name}.parquet")
    for name in ("main", "extra"):
        (folder / "several" / name).mkdir(parents=True)
        (folder / "several" / name / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS[:2]))
    (folder / "several" / "README.md").write_text(
        "---\nconfigs:\n- {config_name: main, data_files: main/*}\n- {config_name: extra, data_files: extra/*}\n---\n"
    )
    return folder


@pytest.fixture
def hub(saved, tmp_path, monkeypatch):
    known = {
        "lab/quiz": Repository({"main": saved / "parquet", "v1": saved / "several"}),
        "lab/several": Repository({"main": saved / "several"}),
        "lab/gated": Repository({"main": saved / "parquet"}, (403, "GatedRepo"), "secret"),
        "lab/private": Repository({"main": saved / "parquet"}, (401, ""), "secret"),
    }
    with Hub(known) as running:
        only_hub(monkeypatch, running.address, tmp_path)
        monkeypatch.setattr(datasets.config, "HF_ENDPOINT", running.address)
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "sets"))
        monkeypatch.chdir(tmp_path)
        yield running
        forget_connections()


def said(examples):
    return [(e.question, e.answer, dict(e.choices), dict(e.extra)) for e in examples]


def as_read(rows):
    extra = {"subject": "colours"}
    return [(r["question"], "ABC"[r["answer"]], dict(zip("ABC", r["choices"], strict=True)), extra) for r in rows]


def test_an_id_is_the_data_set_s_validation_and_test(hub):
    data = read_dataset("hf:lab/quiz")
    assert (said(data.dev), said(data.test), data.name) == (as_read(ROWS[:4]), as_read(ROWS[4:]), "quiz")
    assert "validation.parquet" in hub.downloaded()


def test_splits_and_columns_may_be_named(hub):
    data = read_dataset(
        {"hf": "lab/quiz", "dev": "train", "test": "validation", "fields": {"domain": "subject"}, "dev_size": 5}
    )
    assert (len(data.dev), len(data.test), data.dev[0].domain) == (5, 4, "colours")
    half = read_dataset({"hf": "lab/several", "config": "extra", "dev": "train", "dev_size": 1, "test_size": 1})
    assert (len(half.dev), len(half.test)) == (1, 1)


def test_what_was_had_once_is_had_without_the_hub(hub, monkeypatch):
    data = read_dataset("hf:lab/quiz")
    hub.requests.clear()
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    assert read_dataset("hf:lab/quiz") == data and hub.requests == []
    with pytest.raises(DataError, match="hf:lab/several:main: is not in the cache, and the hub cannot be reached"):
        read_dataset("hf:lab/several:main")


def test_a_token_opens_what_is_closed(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert len(read_dataset("hf:lab/private").dev) == 4


WRONG = {
    "hf:lab/absent": "hf:lab/absent: is no folder here, and no data set on the hub that you may see.*HF_TOKEN",
    "hf:lab/private": "hf:lab/private: is no folder here, and no data set on the hub that you may see.*HF_TOKEN",
    "hf:lab/gated": "hf:lab/gated: is gated; ask for access",
    "hf:lab/quiz@v9": "hf:lab/quiz@v9: has no revision 'v9'; check the part after the @",
    "hf:lab/several": r"hf:lab/several: needs another configuration .*'main'.*give one of them: hf:lab/several:CONFIG",
    "hf:lab/several:mian": r"hf:lab/several:mian: needs another configuration .*'mian' not found.*'main'",
    "hf:lab/several:main": r"has no split for dev \(there are: train\); say which is meant, as {hf: ..., dev: NAME}",
}


@pytest.mark.parametrize(("given", "says"), WRONG.items(), ids=WRONG)
def test_wrong_ids_are_one_clear_line(hub, given, says):
    with pytest.raises(DataError, match=says) as refused:
        read_dataset(given)
    assert "\n" not in str(refused.value)


def test_a_split_that_is_not_there(hub):
    with pytest.raises(DataError, match=r"has no split 'trian' \(there are: .*\); mend utility.data.dev"):
        read_dataset({"hf": "lab/quiz", "dev": "trian"})


@pytest.mark.parametrize("given", ["saved", "hf:./saved", "hf:./parquet"])
def test_folders(saved, given):
    data = read_dataset(given, saved)
    assert (said(data.dev), said(data.test)) == (as_read(ROWS[:4]), as_read(ROWS[4:]))


def test_a_folder_without_splits(saved):
    assert said(read_dataset("single", saved).dev) == as_read(ROWS)
    drawn = read_dataset({"file": "single", "dev_size": 6}, saved)
    assert (len(drawn.dev), len(drawn.test)) == (6, 3)
    pair = read_dataset({"dev": "single", "test": "several/main/test.jsonl"}, saved)
    assert (len(pair.dev), said(pair.test)) == (9, as_read(ROWS[:2]))
    with pytest.raises(DataError, match="holds no splits; leave utility.data.dev and .test out"):
        read_dataset({"hf": "./single", "dev": "train"}, saved)
    with pytest.raises(DataError, match="holds the splits train, validation, test; as one split"):
        read_dataset({"dev": "saved"}, saved)


def test_classes_without_choices_are_their_names(tmp_path):
    kinds = datasets.Features(
        {
            "prompt": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["bad", "good"]),
            "when": datasets.Value("date32"),
        }
    )
    rows = [{"prompt": "a", "label": 1, "when": None}, {"prompt": "b", "label": 0, "when": None}]
    datasets.Dataset.from_list(rows, kinds).save_to_disk(tmp_path / "set")
    data = read_dataset({"file": "set", "fields": {"answer": "label"}}, tmp_path)
    assert [e.answer for e in data.dev] == ["good", "bad"]


def test_without_the_package_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def missing(name, *rest, **more):
        if name == "datasets":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingExtraError, match=r"hf:lab/quiz: needs the datasets package; .*'modelswarms\[data\]'"):
        read_dataset("hf:lab/quiz")
