from __future__ import annotations

from pathlib import Path

import pytest

from modelswarms.config import (
    SearchConfig,
    config_from_mapping,
    load_config,
    nested_overrides,
    settings_from,
    to_mapping,
)
from modelswarms.errors import ConfigError
from modelswarms.swarm import PRESETS


def write(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_file_and_options_make_one_configuration(tmp_path: Path) -> None:
    path = write(tmp_path, "swarm: {preset: paper, particles: 12}\nseed: 3\n")
    config = load_config(path, {"swarm.particles": "30", "engine.device": "cpu", "random-search": "true"})
    assert config.swarm.particles == 30
    assert config.swarm.inertia == PRESETS["paper"].inertia
    assert (config.seed, config.engine.device, config.random_search) == (3, "cpu", True)


def test_swarm_may_be_the_name_of_a_preset(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "swarm: light")).swarm == PRESETS["light"]
    assert load_config(write(tmp_path, "swarm: light"), {"swarm.particles": "7"}).swarm.particles == 7


def test_relative_places_are_seen_from_the_file_and_options_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "adapters").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    path = write(tmp_path / "there", "experts: adapters\nutility: {kind: exact_match, data: ./my.json}\n")
    config = load_config(path, {"base": "./base"})
    assert config.experts == str(tmp_path / "there" / "adapters")
    assert config.utility == {"kind": "exact_match", "data": str(tmp_path / "there" / "my.json")}
    assert config.base == str(tmp_path / "here" / "base")


def test_own_code_is_found_beside_the_file(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, "utility: my_module:MyUtility"))
    assert config.utility == {"kind": "function", "target": "my_module:MyUtility", "folder": str(tmp_path)}


def test_plain_values_and_back() -> None:
    config = SearchConfig(swarm=PRESETS["original"], experts=("a", "b"), seed=5)
    assert config_from_mapping(to_mapping(config)) == config


def test_exponents_without_a_point_are_numbers(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "swarm: {inertia: 2e-1}")).swarm.inertia == 0.2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("swrm: {}", "unknown key 'swrm'; did you mean 'swarm'?"),
        ("swarm: {inertai: 0.1}", "unknown key 'swarm.inertai'; did you mean 'swarm.inertia'?"),
        ("inertia: 0.1", "did you mean 'swarm.inertia'?"),
        ("swarm: papr", "unknown preset 'papr'; did you mean 'paper'?"),
        ("swarm: 3", "swarm: 3 is neither"),
        ("swarm: {particles: many}", "swarm.particles: 'many' is not allowed; give a whole number."),
        ("swarm: {particles: 2.5}", "swarm.particles: 2.5 is not allowed; give a whole number."),
        ("swarm: {particles: true}", "swarm.particles: True is not allowed"),
        ("swarm: {repel: 1}", "swarm.repel: 1 is not allowed; give true or false."),
        ("combine: both", "combine: 'both' is not allowed; give 'factors' or 'delta'."),
        ("seed: -1", "seed: -1 is out of range"),
        ("engine: 5", "engine: 5 is not keys and values; write engine: {key: value}."),
        ("engine: {devcie: cpu}", "unknown key 'engine.devcie'; did you mean 'engine.device'?"),
        ("experts: 5", "experts: 5 is not allowed"),
        ("[1, 2]", "holds a list"),
        ("a: [", "not valid YAML in line"),
    ],
)
def test_mistakes_are_named_with_the_remedy(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, text))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such configuration file"):
        load_config(tmp_path / "none.yaml")


def test_an_option_cannot_be_a_value_and_a_group() -> None:
    with pytest.raises(ConfigError, match="both as a value and as a group"):
        nested_overrides({"engine": "local", "engine.device": "cpu"})


def test_a_preset_and_keys_over_it_as_options():
    for order in (("swarm", "swarm.patience"), ("swarm.patience", "swarm")):
        values = {"swarm": "light", "swarm.patience": "3"}
        config = load_config(None, {key: values[key] for key in order})
        assert (config.swarm.patience, config.swarm.dropout_k) == (3, 0.5)


def test_keys_of_another_kind_replace_a_group(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("utility: {kind: exact_match, data: a.json, max_new_tokens: 3}\n")
    (tmp_path / "a.json").touch()
    same = settings_from(tmp_path / "c.yaml", {"utility": {"max_new_tokens": 4}})
    assert same.utility == {"kind": "exact_match", "data": str(tmp_path / "a.json"), "max_new_tokens": 4}
    keys = {"kind": "function", "target": "m:f", "data": "/b.json"}
    other = settings_from(tmp_path / "c.yaml", {"utility": keys})
    assert {key: other.utility[key] for key in ("kind", "target", "data")} == keys
    assert "max_new_tokens" not in other.utility


def test_a_utilitys_name_and_keys_over_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.json").touch()
    there = str(tmp_path / "f.json")
    named = {"kind": "nlgraph", "data": there}
    assert load_config(None, {"utility": "nlgraph", "utility.data": "f.json"}).utility == named
    path = write(tmp_path, "utility: nlgraph\n")
    assert load_config(path, {"utility.data": "f.json"}).utility == named
    own = load_config(None, {"utility": "mine:f", "utility.data": "f.json"}).utility
    assert own == {"kind": "function", "target": "mine:f", "data": there, "folder": str(tmp_path)}


def test_places_of_parts_are_seen_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").touch()
    (tmp_path / "s.json").touch()
    parts = "[{kind: exact_match, data: a.json, few_shot: s.json}, 'mine:f', zoo]"
    utility = load_config(write(tmp_path, f"utility: {{kind: multi_task, parts: {parts}}}\n")).utility
    first, own, named = utility["parts"]
    assert first == {"kind": "exact_match", "data": str(tmp_path / "a.json"), "few_shot": str(tmp_path / "s.json")}
    assert own == {"kind": "function", "target": "mine:f", "folder": str(tmp_path)}
    assert named == "zoo"
