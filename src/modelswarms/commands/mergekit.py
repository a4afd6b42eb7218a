"""A run's best expert as a configuration of mergekit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from modelswarms.baselines import kind_of_searcher, merging_of, variants_of
from modelswarms.baselines.base import Start
from modelswarms.baselines.merges import DataMerge, Merging, RecipeMerge, Variant
from modelswarms.commands.export import experts_unchanged
from modelswarms.config import SearchConfig, load_config
from modelswarms.errors import ConfigError, RunError
from modelswarms.experts import ExpertSpace
from modelswarms.preparation import base_of
from modelswarms.reports.result import build_result
from modelswarms.runs import RunFolder
from modelswarms.runs.atomic import replace_file

__all__ = ["export_recipe"]

Record = dict[str, Any]


def export_recipe(run: str | Path, out: str | Path) -> Path:
    """Writes the best expert of a run, the best so far where it is not over, as a configuration that mergekit takes.

    Coefficients become task arithmetic; a merge, the method of that name (slerp: nuslerp, which turns changes as well).
    DARE's masks are drawn by mergekit anew, so that of DARE the weights differ.

    Args:
        run: folder of the run; it is only read.
        out: file to write; it must not exist.

    Raises:
        RunError: the folder is no run's, has no value yet, or its experts changed since.
        ConfigError: the file is there, or mergekit has no method for what the run found.
    """
    folder, out = RunFolder(run), Path(out)
    manifest = folder.manifest()
    if out.exists():
        raise ConfigError(f"{out}: exists; give a file that is new.")
    records = folder.journal.read()
    if not any(r["kind"] == "evaluation" and r["split"] == "dev" for r in records):
        raise RunError(f"{folder.path}: nothing has a value yet; go on with 'modelswarms resume {folder.path}'.")
    config, result = load_config(None, below=manifest["config"]), build_result(records)
    space = experts_unchanged(folder.path, config, records)
    recipe = _recipe(config, result, space, folder.path)
    text = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, default_flow_style=False)
    lines = [f"# {line}" for line in _about(config, result)]
    try:
        replace_file(out, ("\n".join(lines) + "\n" + text).encode())
    except OSError as error:
        raise ConfigError(
            f"{out}: cannot be written ({error.strerror}); give a file in a folder that exists."
        ) from None
    return out


def _about(config: SearchConfig, result: Record) -> list[str]:
    kind = kind_of_searcher(config.searcher)
    lines = [
        f"The best of {result['evaluations']} evaluations of {kind} by modelswarms: "
        f"{result['utility']} {result['best']['dev']:.4f} on dev, which chose it."
    ]
    if kind.startswith("dare"):
        lines.append("mergekit draws masks of its own: what it gives is another draw than the one that was valued.")
    return lines


def _recipe(config: SearchConfig, result: Record, space: ExpertSpace, run: Path) -> Record:
    weights = {name: a for name, a in result["best"]["coefficients"].items() if a}
    method = merging_of(config.searcher)
    base = _base_name(config)
    if method is not None:
        for variant in variants_of(method, config.swarm, space.n):
            if variant.name in weights:
                return _of_merge(method, variant, weights[variant.name], result, space, base)
    if config.combine != "delta" and list(weights.values()) != [1.0]:
        raise ConfigError(
            "combine: factors brings cross terms, which mergekit's methods have not; write the adapter instead: "
            f"modelswarms export {run} FOLDER, and give {base}+FOLDER to mergekit."
        )
    return _task_vectors("task_arithmetic", weights, space, base, {"normalize": False})


def _of_merge(method: Merging, variant: Variant, scale: float, result: Record, space: ExpertSpace, base: str) -> Record:
    if isinstance(method, RecipeMerge):
        return dict(method.content)
    if isinstance(method, DataMerge):
        model = f"{base}+{Path(method.adapter).expanduser().resolve()}"
        return {
            **_task_vectors("task_arithmetic", {}, space, base, {}),
            "models": [{"model": model, "parameters": {"weight": 1.0}}],
        }
    kind, settings = variant.name.partition(" ")[0], variant.settings
    if kind == "model_stock":
        return _task_vectors(kind, dict.fromkeys(space.names), space, base, {})
    if kind == "slerp":
        values = np.array([result["experts"].get(name, np.nan) for name in space.names])
        first, second = (space.names[place] for place in (Start(values, 0).ranked * 2)[:2])
        return _task_vectors("nuslerp", {first: 1 - settings["t"], second: settings["t"]}, space, base, {})
    density = {"density": settings["density"]}
    if kind == "dare_linear":
        each = dict.fromkeys(space.names, scale / space.n)
        return _task_vectors(kind, each, space, base, {"normalize": False, "rescale": True}, density)
    rescale = {"rescale": True} if kind == "dare_ties" else {}
    common = {"normalize": True, "lambda": scale, **rescale}
    return _task_vectors(kind, dict.fromkeys(space.names, 1.0), space, base, common, density)


def _task_vectors(
    method: str,
    weights: Mapping[str, float | None],
    space: ExpertSpace,
    base: str,
    common: Mapping[str, Any],
    own: Mapping[str, float] | None = None,
) -> Record:
    places = {name: folder.resolve() for name, folder in zip(space.names, space.folders, strict=True)}
    models: Sequence[Record] = [
        {"model": f"{base}+{places[name]}", **({} if a is None else {"parameters": {"weight": a, **(own or {})}})}
        for name, a in weights.items()
    ]
    parameters = {"parameters": dict(common)} if common else {}
    return {"merge_method": method, "base_model": base, "models": list(models), **parameters, "dtype": "float32"}


def _base_name(config: SearchConfig) -> str:
    """A folder as it is found from anywhere; a hub id as it is."""
    folder, _ = base_of(config)
    is_folder = config.base == "zoo" or Path(config.base).expanduser().exists()
    return str(folder.resolve()) if is_folder else config.base
