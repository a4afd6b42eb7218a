"""Everything a run needs, found and checked before anything long starts."""

from __future__ import annotations

import copy
import logging
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelswarms import zoo
from modelswarms.baselines import SWARM, kind_of_searcher, make_searcher, merging_of, settled, variants_of
from modelswarms.config import SearchConfig, to_mapping
from modelswarms.datasets import DataSet
from modelswarms.engines import make_engine
from modelswarms.errors import DataError, RunError
from modelswarms.experts import ExpertSpace, find_base, find_experts
from modelswarms.naming import kind_of
from modelswarms.types import Example, Utility
from modelswarms.utilities import load_utility
from modelswarms.utilities.abilities import Unbounded, abilities_of, check_opponent, loaded, why_not_raced
from modelswarms.utilities.combining import combination_of
from modelswarms.utilities.table import PLACES, models_of

if TYPE_CHECKING:
    from modelswarms.engines.base import Engine

__all__ = [
    "Prepared",
    "base_of",
    "check_unchanged",
    "experts_of",
    "header_of",
    "merge_names",
    "names_of",
    "prepare",
    "prompt_lengths",
]

log = logging.getLogger(__name__)

Record = dict[str, Any]

MAY_CHANGE = frozenset({
    "swarm.max_iterations", "swarm.patience", "utility.remote.base_url",
    "ensemble", "racing", "random_search", "rescore", "test",
    "engine.devices", "engine.workers", "engine.address", "engine.gpus_per_worker", "engine.cpus_per_worker",
    "engine.slots", "engine.memory_fraction", "engine.tensor_parallel",
})  # fmt: skip
"""What a resumed run may have otherwise than it had: how long it goes on, what is compared at its end, who works."""

_VERSIONED = ("modelswarms", "numpy", "torch", "transformers", "tokenizers")


@dataclass(frozen=True)
class Prepared:
    """The checked parts of a run; the engine is not started yet."""

    config: SearchConfig
    space: ExpertSpace
    utility: Utility
    data: DataSet
    engine: Engine
    fingerprints: Mapping[str, Any]
    base_name: str

    def manifest(self) -> dict[str, Any]:
        """What ``run.yaml`` holds."""
        return {"config": to_mapping(self.config), "versions": versions(), "fingerprints": dict(self.fingerprints)}

    def describe(self, path: Path) -> dict[str, Any]:
        """What a person who watches wants to know first."""
        return {
            "run": str(path),
            "experts": list(self.space.names),
            "merges": merge_names(self.config, self.space.n),
            "utility": self.utility.name,
            "dev": len(self.data.dev),
            "test": len(self.data.test) if self.config.test == "best" else 0,
            "config": self.config,
            **self.engine.describe(),
        }

    def races(self) -> bool:
        """Whether evaluations may end early; where they are wanted to, and may not, the log says why."""
        if not self.config.racing:
            return False
        if (reason := why_not_raced(self.utility, self.data.dev)) is not None:
            log.info("no evaluation ends early: %s", reason)
        elif (kind := kind_of_searcher(self.config.searcher)) != SWARM:
            log.info("no evaluation of the search ends early: %s needs every value", kind)
        return reason is None

    def make_ready(self) -> None:
        """What the started engine and the utility have to do before a run is begun.

        Raises:
            WrongInputError: the engine cannot take a prompt in, or what the utility scores with cannot be loaded.
        """
        for examples in (self.data.dev, self.data.test if self.config.test == "best" else ()):
            prompt_lengths(self.engine, self.utility, examples)
        loaded(self.utility)


def prepare(config: SearchConfig, engine: Engine | None = None) -> Prepared:
    """Finds and checks base, experts, utility, data and engine; no model is loaded.

    Raises:
        WrongInputError: one of them cannot be used.
    """
    config = replace(config, searcher=settled(config.searcher))
    (base, base_name), found = base_of(config), experts_of(config)
    utility, data = load_utility(config.utility, Path.cwd())
    _check_prompts(utility, data)
    engine = engine if engine is not None else make_engine(config.engine, base)
    space = ExpertSpace.load(found, base=base, combine=config.combine)
    check_opponent(utility, space.names)
    make_searcher(config.searcher, config.swarm, space.n, config.seed)
    if (merging := merging_of(config.searcher)) is not None:
        merging.check_experts(space)
    fingerprints = {**space.fingerprint(), "data": data.fingerprint, "utility": getattr(utility, "fingerprint", None)}
    return Prepared(config, space, utility, data, engine, fingerprints, base_name)


def merge_names(config: SearchConfig, n_experts: int) -> list[str]:
    """What a searcher calls the merges that it makes of the experts; empty for one that makes none."""
    merging = merging_of(config.searcher)
    return [] if merging is None else [variant.name for variant in variants_of(merging, config.swarm, n_experts)]


def names_of(header: Mapping[str, Any]) -> list[str]:
    """What coefficients belong to: the experts, then a searcher's merges of them."""
    return [*header["experts"], *header.get("merges", [])]


def base_of(config: SearchConfig) -> tuple[Path, str]:
    """The base's folder, and the name that adapters made from it give it. Raises ExpertError where there is none."""
    return (zoo.base_path(), "modelswarms-zoo/base") if config.base == "zoo" else find_base(config.base)


def experts_of(config: SearchConfig) -> list[tuple[str, Path]]:
    """Names and folders of the experts, in their order. Raises ExpertError where they cannot be found."""
    return find_experts(zoo.expert_paths() if config.experts == "zoo" else config.experts)


def _check_prompts(utility: Utility, data: DataSet) -> None:
    """Raises DataError where a utility (it may be the user's own) makes no prompt of an example."""
    for split, examples in (("dev", data.dev), ("test", data.test)):
        for example in examples:
            try:
                prompt = utility.prompt(example)
            except Exception as error:
                raise DataError(
                    f"utility {utility.name}: its prompt of {split} example {example.id} failed "
                    f"({type(error).__name__}: {error}); mend the utility or the data."
                ) from error
            if not isinstance(prompt, str):
                raise DataError(
                    f"utility {utility.name}: its prompt of {split} example {example.id} is {kind_of(prompt)}; "
                    "give a text."
                )


def prompt_lengths(engine: Engine, utility: Utility, examples: Sequence[Example]) -> list[int]:
    """Tokens of each example's prompt. Raises DataError for one that the started engine cannot take in."""
    able = abilities_of(utility)
    unbounded = [isinstance(able, Unbounded) and able.any_length(example) for example in examples]
    lengths = [0] * len(examples)
    for any_length in sorted(set(unbounded)):
        places = [i for i, known in enumerate(unbounded) if known == any_length]
        prompts = [utility.prompt(examples[i]) for i in places]
        found = engine.count_tokens(prompts, any_length=True) if any_length else engine.count_tokens(prompts)
        for i, length in zip(places, found, strict=True):
            lengths[i] = length
    return lengths


def header_of(prepared: Prepared) -> Record:
    """The journal's first record: all that the values depend on, and no folder's name.

    Two runs of the same configuration in different folders have equal journals.
    """
    merges = merge_names(prepared.config, prepared.space.n)
    return {
        "kind": "constants",
        "name": "run",
        "seed": prepared.config.seed,
        "experts": list(prepared.space.names),
        "config": _portable(to_mapping(prepared.config)),
        "fingerprints": dict(prepared.fingerprints),
        "utility": _about_utility(prepared.utility),
        "engine": dict(prepared.engine.describe()),
        "versions": versions(),
        "unraced": why_not_raced(prepared.utility, prepared.data.dev),
        **({"merges": merges} if merges else {}),
        **({} if prepared.data.leakage is None else {"leakage": prepared.data.leakage.to_dict()}),
        **({} if prepared.data.test_reason is None else {"test_reason": prepared.data.test_reason}),
    }


def _about_utility(utility: Utility) -> Record:
    """Name and range; of one that combines several values also how, so that a report can give them intervals."""
    combination = combination_of(utility)
    about: Record = {"name": utility.name, "range": utility.range}
    return about if combination is None else {**about, "combination": combination.to_dict()}


def check_unchanged(records: Sequence[Record], now: Record, path: Path) -> Record | None:
    """Refuses to go on with another search in the same folder.

    Returns:
        A record of what may change and did, to be journalled; None where nothing did.

    Raises:
        RunError: names what changed.
    """
    then = current_header(records)
    _add_newer_keys(then["config"])
    if then["experts"] != now["experts"]:
        were, are = (", ".join(header["experts"]) for header in (then, now))
        raise RunError(f"{path}: the experts were {were} and are now {are}; restore them, or start a new run.")
    if then["seed"] != now["seed"]:
        raise RunError(f"{path}: seed was {then['seed']} and is now {now['seed']}; restore it, or start a new run.")
    mended = {}
    for key in ("fingerprints", "utility"):
        for name in _differences(then[key], now[key], key):
            if name == "fingerprints.utility" and all(r["kind"] != "evaluation" for r in records):
                mended["utility"] = now["fingerprints"]["utility"]  # it has failed so far: no value is of the old one
                continue
            name = name.removeprefix("fingerprints.")
            raise RunError(f"{path}: {name} changed since the run began; restore it, or start a new run.")
    changed = {}
    for name, old, new in _changes(then["config"], now["config"]):
        fixed = name.startswith("swarm.") and kind_of_searcher(now["config"].get("searcher")) != SWARM
        if name not in MAY_CHANGE or fixed:  # of another searcher it is the budget, which its points may depend on
            raise RunError(f"{path}: {name} was {old!r} and is now {new!r}; restore it, or start a new run.")
        if name.startswith("swarm.") and new < old:
            raise RunError(f"{path}: {name} was {old} and is now {new}: a run can go further, not back; give more.")
        changed[name] = new
    for part in ("engine", "versions"):
        for name, old, new in _changes(then[part], now[part]):
            if name == "dtype":
                raise RunError(f"{path}: the engine's dtype was {old} and is now {new}; set engine.dtype to {old}.")
            log.warning("%s %s was %s and is now %s: further values may differ slightly", part, name, old, new)
    if not changed and not mended:
        return None
    record: dict[str, Any] = {"kind": "constants", "name": "changed", "config": changed}
    return {**record, "fingerprints": mended} if mended else record


def _add_newer_keys(config: dict[str, Any]) -> None:
    """Gives keys that there were not yet when a run began the values that it went with."""
    defaults = to_mapping(SearchConfig())
    config.setdefault("searcher", SWARM)
    config.setdefault("ensemble", 0)
    config.setdefault("racing", defaults["racing"])
    for part in ("swarm", "engine"):
        config[part] = {**defaults[part], **config.get(part, {})}


def current_header(records: Sequence[Mapping[str, Any]]) -> Record:
    """The header with later changes applied."""
    header = next(r for r in records if r["kind"] == "constants" and r["name"] == "run")
    config, fingerprints = copy.deepcopy(dict(header["config"])), dict(header["fingerprints"])
    for record in records:
        if record["kind"] == "constants" and record["name"] == "changed":
            fingerprints |= record.get("fingerprints", {})
            for dotted, value in record["config"].items():
                *parents, leaf = dotted.split(".")
                level = config
                for parent in parents:
                    level = level.setdefault(parent, {})
                level[leaf] = value
    return {**header, "config": config, "fingerprints": fingerprints}


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that values depend on."""
    found = {"python": platform.python_version()}
    for package in _VERSIONED:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _portable(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration without the places of things: their contents are fingerprinted instead."""
    kept = {k: v for k, v in config.items() if k not in ("base", "experts", "tracking", "sweep", "run_dir")}
    return {**kept, "utility": _portable_utility(kept["utility"])}


def _portable_utility(utility: Any) -> Any:
    if isinstance(utility, list | tuple):
        return [_portable_utility(part) for part in utility]
    if not isinstance(utility, Mapping):
        return utility
    places = (*PLACES, *models_of(utility.get("kind")))
    kept = {k: v for k, v in utility.items() if not (k in ("data", "folder") or (k in places and isinstance(v, str)))}
    remote = kept.pop("remote", None)  # how a service is asked, and how much; only where it is may change an answer
    if isinstance(remote, Mapping) and remote.get("base_url") is not None:
        kept["remote"] = {"base_url": remote["base_url"]}
    if isinstance(kept.get("parts"), Mapping):
        kept["parts"] = {name: _portable_utility(part) for name, part in kept["parts"].items()}
    elif "parts" in kept:
        kept["parts"] = _portable_utility(kept["parts"])
    return kept


def _differences(then: Any, now: Any, name: str) -> list[str]:
    return [".".join(filter(None, (name, key))) for key, _, _ in _changes(then, now)] if then != now else []


def _changes(then: Any, now: Any, prefix: str = "") -> list[tuple[str, Any, Any]]:
    """Dotted name, old and new value of everything that differs."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        found = []
        for key in dict.fromkeys((*then, *now)):
            inner = f"{prefix}.{key}" if prefix else str(key)
            found += _changes(then.get(key), now.get(key), inner)
        return found
    same = list(then) == list(now) if isinstance(then, list | tuple) and isinstance(now, list | tuple) else then == now
    return [] if same else [(prefix, then, now)]
