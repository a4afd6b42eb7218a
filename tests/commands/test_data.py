"""modelswarms data: what is published, what is here, what is wrong."""

from __future__ import annotations

import hashlib
import json

import pytest

from file_server import Fault, FileServer
from modelswarms import DataError
from modelswarms.cli import main
from modelswarms.commands.data import _sets, check_data, download, list_data
from modelswarms.datasets import data_folder, data_path, read_dataset
from modelswarms.datasets.catalogue import Catalogue, Entry, catalogue
from modelswarms.datasets.download import Patience
from modelswarms.utilities.named import NAMED, Named

SETS = {
    name: json.dumps({"dataset": name, "dev": [{"question": f"{name} {k}?", "answer": str(k)} for k in range(30)]})
    for name in ("one", "two", "three")
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data folder of one's own."""
    monkeypatch.setenv("MODELSWARMS_DATA", str(tmp_path / "sets"))
    monkeypatch.delenv("MODELSWARMS_DATA_URL", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "sets"


@pytest.fixture
def server(folder, monkeypatch):
    """A server that has three data sets, which are all that there are."""
    content = {f"{name}.json": text.encode() for name, text in SETS.items()}
    entries = {
        name: Entry(name, "exact_match", 30, 0, len(text), hashlib.sha256(text.encode()).hexdigest())
        for name, text in SETS.items()
    }
    made = Catalogue("example.org/lab/sets", "0" * 40, "data", "CC0", entries)
    monkeypatch.setattr("modelswarms.commands.data.catalogue", lambda: made)
    monkeypatch.setattr(Patience, "wait", lambda self, failed, told=None: None)
    with FileServer(content) as running:
        monkeypatch.setenv("MODELSWARMS_DATA_URL", running.address)
        yield running


def test_the_catalogue_is_the_manifest_s(shared):
    manifest = json.loads((shared / "data" / "manifest.json").read_text())
    known = catalogue()
    for name, facts in manifest["files"].items():
        entry = known.entries[name]
        assert {"sha256": entry.sha256, "bytes": entry.bytes, "dev": entry.dev, "test": entry.test} == facts
        sample = shared / "data" / "eval" / f"{name}.json"
        if sample.exists():
            data = read_dataset(sample)
            kind = "multiple_choice" if data.dev[0].choices else "exact_match" if data.dev[0].answer else "prompts"
            assert entry.kind == kind, name
    assert known.entries.keys() == manifest["files"].keys()
    source = manifest["source"]
    repository = source["repository"].removeprefix("github.com/")
    assert known.url == f"https://raw.githubusercontent.com/{repository}/{source['commit']}/{source['path']}"


def test_where_data_is_kept(folder, monkeypatch):
    assert data_folder() == folder and data_path("one") is None
    folder.mkdir()
    (folder / "one.json").write_text("{}")
    assert data_path("one") == folder / "one.json"
    monkeypatch.delenv("MODELSWARMS_DATA")
    assert data_folder().parts[-2:] == ("modelswarms", "data")


def test_what_is_brought_is_here(server, folder, capsys):
    assert main(["data", "download", "one", "two", "one"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"one: downloaded, {folder / 'one.json'}",
        f"two: downloaded, {folder / 'two.json'}",
    ]
    assert read_dataset(data_path("two")).dev[3].answer == "3"
    assert main(["data", "download", "--all"]) == 0
    assert "one: here already" in capsys.readouterr().out
    assert [path for path, _ in server.requests] == ["/one.json", "/two.json", "/three.json"]


def test_list_says_what_is_here(server, folder, capsys):
    folder.mkdir()
    (folder / "one.json").write_text(SETS["one"])
    (folder / "two.json").write_text("mine")
    (folder / ".three.json.partial").write_text("{")
    assert [row.state for row in list_data()] == ["here", "other", "partly"]
    assert main(["data", "list"]) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("one", "exact match", "another file", "in part", str(folder)))
    assert main(["data", "list", "--to", "elsewhere", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["state"] for row in rows] == ["absent"] * 3
    assert rows[0] | {"path": ""} == {
        "name": "one", "kind": "exact_match", "dev": 30, "test": 0, "bytes": len(SETS["one"]), "state": "absent",
        "sha256": hashlib.sha256(SETS["one"].encode()).hexdigest(), "path": "", "licence": "CC0",
    }  # fmt: skip


def test_list_of_all_that_is_published(folder, capsys):
    assert main(["data", "list"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in catalogue().entries) and "each data set keeps its own licence" in said


def test_one_that_fails_does_not_keep_the_others(server, folder, capsys):
    del server.files["two.json"]
    assert main(["data", "download", "--all"]) == 2
    said = capsys.readouterr()
    assert said.err == (
        f"error: two.json: {server.address}/two.json does not exist (404); check --from and MODELSWARMS_DATA_URL.\n"
    )
    assert [path.name for path in sorted(folder.iterdir())] == ["one.json", "three.json"]


def test_without_a_connection_nothing_more_is_asked_for(server, folder, capsys):
    server.always = Fault(cut=10)
    server.ranges = False
    assert main(["data", "download", "--all"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and "cannot be reached, or broke off" in said[0]
    assert said[1] == "2 more were not asked for."
    assert {path for path, _ in server.requests} == {"/one.json"}
    server.always = Fault()
    assert main(["data", "download", "one", "--to", "here"]) == 0


def test_a_mirror_may_be_a_folder(server, folder, tmp_path):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "one.json").write_text(SETS["one"])
    (outcome,) = download(["one"], source="mirror")
    assert outcome.state == "downloaded" and server.requests == []


def test_a_utility_stands_for_its_data(server, folder, monkeypatch):
    named = {"both": Named("multi_task", {"parts": ("first", "two")}), "first": Named("exact_match", {}, "one")}
    monkeypatch.setattr("modelswarms.commands.data.NAMED", {**named, "zoo": Named("exact_match", {}, "/questions")})
    assert [outcome.name for outcome in download(["both", "one"])] == ["one", "two"]
    assert check_data("first").source == str(folder / "one.json")
    with pytest.raises(DataError, match="both: has several data sets; give one of them: one, two"):
        check_data("both")
    with pytest.raises(DataError, match="data set 'zoo': is a part of the package"):
        download(["zoo"])
    with pytest.raises(DataError, match="data set 'frist': unknown; did you mean 'first'"):
        download(["frist"])


def test_every_utility_s_data_is_published():
    for name in NAMED:
        if name != "zoo":
            assert all(each in catalogue().entries for each in _sets(name)), name


def test_a_file_of_one_s_own_is_left_alone(server, folder):
    folder.mkdir()
    (folder / "one.json").write_text("mine")
    (outcome,) = download(["one"])
    assert outcome.state == "failed" and "is there with another content than the published" in outcome.why
    assert (folder / "one.json").read_text() == "mine" and server.requests == []


def test_bytes_are_told_as_they_come(server, folder):
    seen = []
    download(["one"], told=lambda entry, done: seen.append((entry.name, done)))
    assert seen[0] == ("one", 0) and seen[-1] == ("one", len(SETS["one"]))


def test_a_check_goes_by_name_file_or_configuration(server, folder, capsys):
    with pytest.raises(DataError, match="data set one: is not here; get it with 'modelswarms data download one'"):
        check_data("one")
    download(["one"])
    assert check_data("one").source == str(folder / "one.json")
    assert main(["data", "check", "one", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["usable"], report["dev"], report["test"]) == (True, 30, 0)
    assert [finding["topic"] for finding in report["findings"]] == ["splits"]


def test_a_check_reads_as_a_search_would(folder, tmp_path, capsys):
    rows = "".join(f"Item {k}?;{k}\n" for k in range(60))
    (tmp_path / "a.csv").write_text("input;label\n" + rows)
    assert main(["data", "check", "a.csv"]) == 2
    assert "has no column 'question' (columns: input, label)" in capsys.readouterr().out
    keys = ["--fields.question", "input", "--fields.answer", "label", "--dev_size", "40"]
    assert main(["data", "check", "a.csv", *keys]) == 0
    said = capsys.readouterr().out
    assert said.startswith("a: 40 dev, 20 test (answers), questions of 8 characters, 8 at most\n") and said.endswith(
        "nothing was found.\n"
    )
    spec = "{kind: exact_match, data: {file: a.csv, dev_size: 40, fields: {question: input, answer: label}}}"
    (tmp_path / "my.yaml").write_text(f"utility: {spec}\n")
    assert main(["data", "check", "my.yaml"]) == 0
    (tmp_path / "my.yaml").write_text(f"utility: {spec.replace(', answer: label', '')}\n")
    assert main(["data", "check", "my.yaml"]) == 2
    assert "has no 'answer'; exact_match compares with it" not in (said := capsys.readouterr().out).splitlines()[0]
    assert "has no 'answer'" in said and "A search cannot use it: 1 thing to mend." in said


def test_a_check_shows_some_of_each_sort_and_mends(folder, tmp_path, capsys):
    items = [{"question": f"Item {k}?", "answer": str(k), "id": 7} for k in range(30)]
    (tmp_path / "a.json").write_text(json.dumps({"dev": items, "test": items[:9]}))
    assert main(["data", "check", "a.json", "--fix", "clean.json"]) == 0
    said = capsys.readouterr()
    assert "Of 9 test items, dev holds 9 by question and choices, 9 by question alone." in said.out
    assert "Ids (37)" in said.out and "… and 33 more (--all shows them)" in said.out
    assert "→ give each its own, or leave ids out" in said.out
    assert said.err == "clean.json: 30 dev, 0 test; 9 left out that can be read.\n"
    assert main(["data", "check", "a.json", "--all"]) == 0
    assert "more (--all" not in (said := capsys.readouterr().out) and said.count("has the id of") == 37
    assert main(["data", "check", "clean.json"]) == 0
    assert main(["data", "check", "a.json", "--fix", "clean.json"]) == 2
    assert "clean.json: is there already" in capsys.readouterr().err
