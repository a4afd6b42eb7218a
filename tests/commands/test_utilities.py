"""What utilities there are: the list, the keys of each, and the table of the docs."""

from __future__ import annotations

import json

import pytest
import yaml

import utilities_page
from modelswarms import ConfigError
from modelswarms.cli import main
from modelswarms.commands.utilities import list_utilities, utility_help
from modelswarms.config import config_from_mapping
from modelswarms.settings import build, key_names
from modelswarms.utilities import KINDS, NAMED
from modelswarms.utilities.table import RESERVED

BOTH = [*KINDS, *NAMED]


@pytest.fixture(autouse=True)
def no_data(monkeypatch, tmp_path):
    monkeypatch.setenv("MODELSWARMS_DATA", str(tmp_path))


def test_names_and_kinds_share_one_namespace():
    assert len(set(BOTH)) == len(BOTH)
    assert [each.name for each in list_utilities()] == BOTH
    assert {named.kind for named in NAMED.values()} <= set(KINDS)
    for each in list_utilities():
        assert each.about.endswith("."), each


@pytest.mark.parametrize("name", BOTH)
def test_every_key_is_explained_and_the_example_is_one(name):
    found = utility_help(name)
    assert {key.name for key in found.keys} == set(key_names(KINDS[found.listed.kind]))
    for key in found.keys:
        assert key.about, f"{name}: the key {key.name} is explained in no docstring"
        assert key.allowed
    utility = config_from_mapping(yaml.safe_load(found.example)).utility
    keys = {"kind": utility} if isinstance(utility, str) else utility
    assert keys["kind"] == name
    given = {**(NAMED[name].keys if name in NAMED else {}), **{k: v for k, v in keys.items() if k not in RESERVED}}
    if "allow_harmful" in key_names(KINDS[found.listed.kind]):
        given["allow_harmful"] = True
    build(KINDS[found.listed.kind], given, "utility.")


def test_a_names_own_defaults_are_shown():
    keys = {key.name: key.default for key in utility_help("gsm8k").keys}
    assert (keys["max_new_tokens"], keys["which"]) == (200, "last")
    assert [key.name for key in utility_help("multi_task").keys if key.is_required] == ["parts"]


def test_where_the_data_is(tmp_path):
    state = {each.name: (each.data, each.data_state) for each in list_utilities()}
    assert state["nlgraph"] == ("nlgraph", "to be downloaded")
    assert state["legal"] == ("hearsay, citation_prediction_classification", "to be downloaded")
    assert state["zoo"] == ("questions", "here")
    assert state["exact_match"] == (None, "your own")
    for name in ("nlgraph", "hearsay", "citation_prediction_classification"):
        (tmp_path / f"{name}.json").touch()
    state = {each.name: each.data_state for each in list_utilities()}
    assert (state["nlgraph"], state["legal"]) == ("here", "here")


def test_an_unknown_one_is_named():
    with pytest.raises(ConfigError, match="unknown name 'nlgraf'; did you mean 'nlgraph'"):
        utility_help("nlgraf")


def test_the_command(capsys):
    assert main(["utilities"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in BOTH)
    assert main(["utilities", "multi_task"]) == 0
    said = capsys.readouterr().out
    assert "required" in said and "zero_counts_as" in said and "kind: multi_task" in said
    assert main(["utilities", "--json"]) == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)] == BOTH
    assert main(["utilities", "gsm8k", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["example"] == "utility: gsm8k\n"


def test_the_docs_begin_with_the_table():
    assert utilities_page.page() == utilities_page.PAGE.read_text(encoding="utf-8")
    before = utilities_page.PAGE.read_text(encoding="utf-8").partition(utilities_page.BEGIN)[0]
    assert before.count("\n#") == 0, "nothing but the title and a word come before it"
