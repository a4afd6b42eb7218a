"""A LoRA adapter: read from a PEFT folder with every doubt refused, and written as one."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelswarms.errors import ExpertError
from modelswarms.experts.problems import Problem, refuse
from modelswarms.experts.tensors import CONFIG, FACTOR, WEIGHTS, tensor_problems
from modelswarms.experts.validation import config_problems

if TYPE_CHECKING:
    import torch

__all__ = [
    "CONFIG",
    "WEIGHTS",
    "Adapter",
    "adapter_of",
    "check_folder",
    "examine_folder",
    "is_folder",
    "read_adapter",
    "read_tensors",
    "union_of_targets",
]


@dataclass(frozen=True, eq=False)
class Adapter:
    """LoRA factors by module.

    Attributes:
        name: of the expert, or of what was composed.
        rank, alpha, use_rslora: give the scaling s, alpha/r, or alpha/√r with rank-stabilised LoRA.
        tensors: module name to (A, B), float32, shapes (r, in) and (out, r).
        base_name: what the adapter says its base is called.
        targets: names (or their endings) that select just these modules in the base; their full names do too.
    """

    name: str
    rank: int
    alpha: float
    use_rslora: bool
    tensors: Mapping[str, tuple[torch.Tensor, torch.Tensor]]
    base_name: str | None = None
    targets: tuple[str, ...] = ()

    @cached_property
    def scaling(self) -> float:
        """What B·A is multiplied by."""
        return self.alpha / (math.sqrt(self.rank) if self.use_rslora else self.rank)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Shape of the matrix that is changed, by module."""
        return {module: (b.shape[0], a.shape[1]) for module, (a, b) in self.tensors.items()}

    def delta(self, module: str) -> torch.Tensor:
        """ΔW = s·B·A of a module, (out, in) float32."""
        a, b = self.tensors[module]
        return self.scaling * (b @ a)

    def save(self, folder: str | Path, base_name: str | None = None) -> None:
        """Writes a PEFT folder; equal adapters give equal bytes.

        Other files in the folder stay. The configuration goes first and comes last, so that a folder
        whose writing was interrupted is no adapter, rather than half of one.

        Raises:
            ExpertError: the folder is a file.
        """
        from safetensors.torch import save

        folder = Path(folder)
        if folder.exists() and not folder.is_dir():
            raise ExpertError(f"{folder} is a file; give a folder to save the adapter in.")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONFIG).unlink(missing_ok=True)
        flat = {}
        for module in sorted(self.tensors):
            for factor, tensor in zip("AB", self.tensors[module], strict=True):
                flat[f"base_model.model.{module}.lora_{factor}.weight"] = tensor.contiguous()
        partial = folder / f".{WEIGHTS}.partial"
        partial.write_bytes(save(flat, metadata={"format": "pt"}))  # save_file's files are for their owner alone
        _settle(partial, folder / WEIGHTS)
        text = json.dumps(self._config(base_name or self.base_name), sort_keys=True, indent=2)
        partial = folder / f".{CONFIG}.partial"
        partial.write_text(text + "\n", encoding="utf-8")
        _settle(partial, folder / CONFIG)

    def _config(self, base_name: str | None) -> dict[str, Any]:
        return {
            "base_model_name_or_path": base_name,
            "bias": "none",
            "fan_in_fan_out": False,
            "inference_mode": True,
            "init_lora_weights": True,
            "lora_alpha": int(self.alpha) if float(self.alpha).is_integer() else self.alpha,
            "lora_dropout": 0.0,
            "modules_to_save": None,
            "peft_type": "LORA",
            "r": self.rank,
            "target_modules": sorted(self.targets or self.tensors),
            "task_type": "CAUSAL_LM",
            "use_dora": False,
            "use_rslora": self.use_rslora,
        }


def is_folder(path: Path) -> bool:
    """Whether there is a folder that one may look for: what is behind a closed door counts as not there."""
    try:
        return path.is_dir()
    except OSError:
        return False


def check_folder(name: str, folder: str | Path) -> dict[str, Any]:
    """What can be known without reading weights: the checked adapter configuration.

    Raises:
        ExpertError: no such folder, no or unreadable files, or a field outside the allow-list.
    """
    config, problems = examine_folder(name, Path(folder))
    refuse(problems)
    return config


def examine_folder(name: str, folder: Path) -> tuple[dict[str, Any], list[Problem]]:
    """The adapter's configuration, empty where it cannot be read, and all that is wrong without reading weights."""
    if not is_folder(folder):
        return {}, [Problem(name, "folder", f"{folder} is no folder", "check the path.")]
    path = folder / CONFIG
    config: Any = {}
    problems = []
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.append(Problem(name, CONFIG, f"{folder} holds no {CONFIG}", "give a PEFT adapter folder."))
    except PermissionError as error:
        what = f"{path} cannot be read ({error.strerror})"
        return {}, [Problem(name, "folder", what, "check who may read the folder and its files.")]
    except (OSError, ValueError, RecursionError) as error:
        problems.append(Problem(name, CONFIG, f"{path} cannot be read ({error})", "save the adapter again."))
    else:
        if isinstance(config, dict):
            problems += config_problems(name, config)
        else:
            config = {}
            problems.append(Problem(name, CONFIG, f"{path} holds no keys and values", "save the adapter again."))
    return config, [*problems, *_weights_missing(name, folder)]


def _weights_missing(name: str, folder: Path) -> Iterator[Problem]:
    if (folder / WEIGHTS).is_file():
        return
    if (folder / "adapter_model.bin").exists():
        what = f"{folder} holds adapter_model.bin, which can run code when it is opened"
        yield Problem(name, WEIGHTS, what, "load it with PEFT and save it with safe_serialization=True.")
    else:
        yield Problem(name, WEIGHTS, f"{folder} holds no {WEIGHTS}", "save the adapter again.")


def read_adapter(name: str, folder: str | Path) -> Adapter:
    """Reads and checks a PEFT LoRA folder.

    Raises:
        ExpertError: names the expert, the field or tensor, and the remedy.
    """
    config = check_folder(name, folder)
    flat, problems = read_tensors(name, Path(folder))
    refuse(problems)
    refuse(tensor_problems(name, flat, config))
    return adapter_of(name, config, flat)


def read_tensors(name: str, folder: Path) -> tuple[dict[str, torch.Tensor], list[Problem]]:
    """The stored tensors as they are, none where they cannot be read, and why that is so."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / WEIGHTS
    try:
        with path.open("rb"):  # safetensors says of what may not be read that it is not there
            return load_file(path), []
    except PermissionError as error:
        what = f"{path} cannot be read ({error.strerror or error})"
        return {}, [Problem(name, WEIGHTS, what, "check who may read the file.")]
    except (SafetensorError, OSError, ValueError) as error:
        return {}, [Problem(name, WEIGHTS, f"{path} is damaged ({error})", "copy or save the adapter again.")]


def adapter_of(name: str, config: Mapping[str, Any], flat: Mapping[str, torch.Tensor]) -> Adapter:
    """The adapter of a configuration and tensors that have no problems."""
    factors: dict[str, dict[str, torch.Tensor]] = {}
    for key in sorted(flat):
        match = FACTOR.match(key)
        if match is not None:
            factors.setdefault(match["module"], {})[match["factor"]] = flat[key].float()
    return Adapter(
        name,
        config["r"],
        config["lora_alpha"],
        bool(config.get("use_rslora")),
        {module: (pair["A"], pair["B"]) for module, pair in factors.items()},
        config.get("base_model_name_or_path"),
        _targets(config),
    )


def _targets(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The listed targets, where they are a list and nothing else narrows them down; else none."""
    listed = config.get("target_modules")
    narrowed = any(config.get(key) not in (None, []) for key in ("exclude_modules", "layers_to_transform"))
    return tuple(sorted(listed)) if isinstance(listed, list) and not narrowed else ()


def union_of_targets(adapters: Iterable[Adapter]) -> tuple[str, ...]:
    """Targets that select what any of the adapters changes; none where one of them has none."""
    targets = [adapter.targets for adapter in adapters]
    return tuple(sorted(set().union(*targets))) if all(targets) else ()


def _settle(partial: Path, path: Path) -> None:
    """Gives a finished file its name, once what it holds is durable."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)
