"""One frozen tree of settings, from YAML, options or Python; every mistake is named with its remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from modelswarms.baselines import method_of
from modelswarms.datasets import anchored_source
from modelswarms.engines.config import EngineConfig
from modelswarms.errors import ConfigError
from modelswarms.experts.hub import is_path
from modelswarms.grid import SweepConfig
from modelswarms.naming import kind_of, nearest
from modelswarms.settings import arguments, build, key_names, plain
from modelswarms.swarm import PRESETS, SwarmConfig
from modelswarms.utilities.table import PLACES, models_of

__all__ = [
    "SearchConfig",
    "anchored",
    "config_from_mapping",
    "load_config",
    "nested_overrides",
    "overlaid",
    "read_yaml",
    "settings_from",
    "to_mapping",
]

Experts = str | tuple[str, ...] | Mapping[str, str]

_NAMED_GROUPS: Final = {"swarm": "preset", "utility": "kind", "searcher": "kind"}
"""Groups that a name may stand for, and the key in which the group has it."""


@dataclass(frozen=True)
class SearchConfig:
    """Everything a search depends on.

    Attributes:
        base: folder (or hub id) of the base model, or ``zoo``.
        experts: a folder of adapter folders, a list of folders, a mapping of names to folders, or ``zoo``.
        utility: a name, a kind, ``module:attribute``, or ``{kind, data, ...}``.
        combine: ``delta`` adds the experts' weight changes exactly; ``factors`` adds A and B apart, as published.
        searcher: ``swarm``, or the name of another method, or ``{kind, evaluations, ...}``.
        swarm: the search itself; ``preset`` names the values to start from. What a swarm may do is also the budget
            and the freedom of any other searcher.
        engine: how the model answers.
        test: ``best`` values the best and the best single expert on the test split, once; ``none`` leaves it alone.
        random_search: also values as many random mixtures, with the same freedom of their sum.
        ensemble: how many of the best vote together, at the start and at the end; 0: none.
        racing: an evaluation ends as soon as its value is known not to matter. What is found is the same; a value that
            does not matter stays unknown.
        rescore: values the saved best expert once more, loaded by PEFT, and says what differs.
        seed: of everything that is drawn.
        tracking: where else the figures go: a tracker's name, ``{kind, ...}``, or a list of such.
        sweep: what ``modelswarms sweep`` tries; without effect on a search.
        run_dir: the folder of the run; by default ``runs/`` and the configuration's name.
    """

    base: str = "zoo"
    experts: Experts = "zoo"
    utility: str | Mapping[str, Any] = "zoo"
    combine: Literal["factors", "delta"] = "delta"
    searcher: str | Mapping[str, Any] = "swarm"
    swarm: SwarmConfig = field(default_factory=SwarmConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    test: Literal["best", "none"] = "best"
    random_search: bool = False
    ensemble: int = 3
    racing: bool = True
    rescore: bool = True
    seed: int = 0
    tracking: str | tuple[Any, ...] | Mapping[str, Any] | None = None
    sweep: SweepConfig = field(default_factory=SweepConfig)
    run_dir: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise ConfigError(f"seed: {self.seed} is out of range; give a whole number from 0 to 2**63 - 1.")
        if not 0 <= self.ensemble <= 10**6:
            raise ConfigError(f"ensemble: {self.ensemble} is not allowed; give 0 or a larger whole number.")
        method = method_of(self.searcher)
        if method is not None:
            method.check()


def load_config(
    path: str | Path | None,
    overrides: Mapping[str, str] | None = None,
    below: Mapping[str, Any] | None = None,
) -> SearchConfig:
    """The configuration in a YAML file, with ``--key value`` overrides (values are read as YAML).

    Relative folders in the file are relative to the file; those in overrides to the working directory.
    ``below`` holds keys for what neither gives.

    Raises:
        ConfigError: the file is missing or not YAML, a key is unknown, or a value is not allowed.
    """
    mapping = dict(below or {})
    if path is not None:
        mapping = overlaid(mapping, anchored(read_yaml(Path(path)), Path(path).resolve().parent))
    given = anchored(nested_overrides(overrides or {}), Path.cwd())
    return config_from_mapping(overlaid(mapping, given))


def settings_from(
    config: SearchConfig | Mapping[str, Any] | str | Path | None, keys: Mapping[str, Any]
) -> SearchConfig:
    """A configuration in whatever form it was given, with keys laid over it.

    Relative folders in a file are relative to the file, all others to the working directory.

    Raises:
        ConfigError: the file is missing or not YAML, a key is unknown, or a value is not allowed.
    """
    below: Mapping[str, Any] = {}
    if isinstance(config, SearchConfig):
        below = to_mapping(config)
    elif isinstance(config, Mapping):
        below = anchored(config, Path.cwd())
    elif config is not None:
        below = anchored(read_yaml(Path(config)), Path(config).resolve().parent)
    return config_from_mapping(overlaid(below, anchored(keys, Path.cwd())))


def config_from_mapping(mapping: Mapping[str, Any]) -> SearchConfig:
    """A validated configuration from nested mappings, ``swarm`` also as the name of a preset."""
    mapping = dict(mapping)
    if "swarm" in mapping:
        mapping["swarm"] = _swarm(mapping["swarm"])
    return build(SearchConfig, mapping, suggestion=_suggestion)


def to_mapping(config: Any) -> dict[str, Any]:
    """Nested plain values of a configuration, as ``run.yaml`` holds them."""
    return dict(plain(config))


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file."""
    try:
        loaded = yaml.load(path.read_text(encoding="utf-8"), _EachKeyOnce)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such configuration file; check the path.") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check what it is and who may read it.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8; save it as UTF-8 text.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1} ({getattr(error, 'problem', '')})" if mark else ""
        raise ConfigError(f"{path}: not valid YAML{where}; mend the file.") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path}: holds {kind_of(loaded)}, not keys and values; write 'key: value' lines.")
    return loaded


class _EachKeyOnce(yaml.SafeLoader):
    """Refuses a key that is given twice, of which YAML would take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    problem = f"{key.value!r} is given twice"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def nested_overrides(overrides: Mapping[str, str]) -> dict[str, Any]:
    """``{"swarm.inertia": "0.2"}`` as ``{"swarm": {"inertia": 0.2}}``."""
    nested: dict[str, Any] = {}
    for group, inner in _NAMED_GROUPS.items():  # a preset, or a utility's name, and keys over it
        if group in overrides and any(key.startswith(f"{group}.") for key in overrides):
            overrides = {(f"{group}.{inner}" if key == group else key): text for key, text in overrides.items()}
    for dotted, text in overrides.items():
        *parents, leaf = dotted.replace("-", "_").split(".")
        level = nested
        for parent in parents:
            inner = level.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"--{dotted}: {parent} is given both as a value and as a group; give one of them.")
            level = inner
        try:
            level[leaf] = yaml.safe_load(text)
        except yaml.YAMLError:
            level[leaf] = text
    return nested


def anchored(mapping: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The mapping with its relative folders and files made absolute, seen from ``folder``."""
    out = dict(mapping)
    for key in ("base", "experts"):
        if key in out:
            out[key] = _anchored_paths(out[key], folder)
    if isinstance(out.get("run_dir"), str):
        out["run_dir"] = str(folder / Path(out["run_dir"]).expanduser())
    if "utility" in out:
        out["utility"] = _anchored_utility(out["utility"], folder)
    return out


def _anchored_utility(utility: Any, folder: Path) -> Any:
    """A utility with its files and its own code seen from ``folder``, and so are those of its parts."""
    if isinstance(utility, str) and ":" in utility and not utility.endswith(".json"):
        return {"kind": "function", "target": utility, "folder": str(folder)}
    if not isinstance(utility, Mapping):
        return utility
    out = dict(utility)
    if isinstance(out.get("kind"), str) and ":" in out["kind"]:  # --utility module:attribute --utility.data my.json
        out |= {"kind": "function", "target": out["kind"]}
    if out.get("kind") == "function":
        out.setdefault("folder", str(folder))
    if "data" in out:
        out["data"] = anchored_source(out["data"], folder)
    for key in (*PLACES, *models_of(out.get("kind"))):
        if isinstance(out.get(key), str | Path) and out[key]:
            out[key] = _anchored_paths(out[key], folder)
    remote = out.get("remote")
    if isinstance(remote, Mapping) and isinstance(remote.get("cache"), str | Path):
        out["remote"] = {**remote, "cache": str((folder / Path(remote["cache"]).expanduser()).resolve())}
    parts = out.get("parts")
    if isinstance(parts, Mapping):
        out["parts"] = {name: _anchored_utility(part, folder) for name, part in parts.items()}
    elif isinstance(parts, list | tuple):
        out["parts"] = [_anchored_utility(part, folder) for part in parts]
    return out


def _anchored_paths(value: Any, folder: Path) -> Any:
    """Paths that exist, or can only be paths, become absolute; names (zoo, hub ids) stay."""
    if isinstance(value, Mapping):
        return {k: _anchored_paths(v, folder) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_anchored_paths(v, folder) for v in value]
    if not isinstance(value, str | Path) or value == "zoo":
        return value
    path = Path(value).expanduser()
    is_place = isinstance(value, Path) or ("/" in str(value) and is_path(value)) or (folder / path).exists()
    return str((folder / path).resolve()) if is_place else value


def overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` laid over ``below``, group by group."""
    out = dict(below)
    for key, value in above.items():
        old = out.get(key)
        if isinstance(value, Mapping) and key in _NAMED_GROUPS and isinstance(old, str):
            old = {_NAMED_GROUPS[key]: old}
        if isinstance(old, Mapping) and isinstance(value, Mapping) and not _of_another_kind(old, value):
            value = overlaid(old, value)
        out[key] = value
    return out


def _of_another_kind(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a group is about something else now, so that the keys below are none of its own."""
    return "kind" in new and new["kind"] != old.get("kind", new["kind"])


def _swarm(value: Any) -> SwarmConfig:
    """A swarm's configuration from a preset's name, or from keys over a preset."""
    if isinstance(value, SwarmConfig):
        return value
    keys = {"preset": value} if isinstance(value, str) else value
    if not isinstance(keys, Mapping):
        raise ConfigError(
            f"swarm: {value!r} is neither a preset's name nor keys and values; "
            "write swarm: paper, or swarm: {key: value}."
        )
    name = keys.get("preset", "default")
    if not isinstance(name, str) or name not in PRESETS:
        raise ConfigError(f"swarm.preset: unknown preset {name!r}; {nearest(str(name), PRESETS)}")
    given = {k: v for k, v in keys.items() if k != "preset"}
    keys_here = [f"swarm.{key}" for key in ("preset", *key_names(SwarmConfig))]
    return replace(
        PRESETS[name], **arguments(SwarmConfig, given, "swarm.", lambda key: nearest(f"swarm.{key}", keys_here))
    )


def _suggestion(key: str) -> str:
    """The nearest key, or the group that a key given at the top belongs to."""
    for group, cls in (("swarm", SwarmConfig), ("engine", EngineConfig), ("sweep", SweepConfig)):
        if key in key_names(cls):
            return f"did you mean '{group}.{key}'?"
    return nearest(key, key_names(SearchConfig))
