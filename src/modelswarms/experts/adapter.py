"""A LoRA adapter: read from a PEFT folder with every doubt refused, and written as one."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelswarms.errors import ExpertError
from modelswarms.experts.validation import check_adapter_config, is_targeted

if TYPE_CHECKING:
    import torch

__all__ = ["Adapter", "check_folder", "read_adapter", "union_of_targets"]

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_KEY = re.compile(r"^base_model\.model\.(?P<module>.+)\.lora_(?P<factor>[AB])\.weight$")


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
        from safetensors.torch import save_file

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
        save_file(flat, partial, metadata={"format": "pt"})
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


def check_folder(name: str, folder: str | Path) -> dict[str, Any]:
    """What can be known without reading weights: the checked adapter configuration.

    Raises:
        ExpertError: no such folder, no or unreadable files, or a field outside the allow-list.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ExpertError(f"expert {name}: {folder} is no folder; check the path.")
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ExpertError(f"expert {name}: {folder} holds no {CONFIG}; give a PEFT adapter folder.") from None
    except (OSError, ValueError) as error:
        raise ExpertError(f"expert {name}: {path} cannot be read ({error}); save the adapter again.") from None
    if not isinstance(config, dict):
        raise ExpertError(f"expert {name}: {path} holds no keys and values; save the adapter again.")
    check_adapter_config(name, config)
    if not (folder / WEIGHTS).is_file():
        if (folder / "adapter_model.bin").exists():
            raise ExpertError(
                f"expert {name}: {folder} holds adapter_model.bin, which can run code when it is opened; "
                "load it with PEFT and save it with safe_serialization=True."
            )
        raise ExpertError(f"expert {name}: {folder} holds no {WEIGHTS}; save the adapter again.")
    return config


def read_adapter(name: str, folder: str | Path) -> Adapter:
    """Reads and checks a PEFT LoRA folder.

    Raises:
        ExpertError: names the expert, the field or tensor, and the remedy.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    config = check_folder(name, folder)
    path = Path(folder) / WEIGHTS
    try:
        flat = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ExpertError(f"expert {name}: {path} is damaged ({error}); copy or save the adapter again.") from None
    tensors = _paired(name, flat, config["r"])
    for module in tensors:
        if not is_targeted(module, config.get("target_modules")):
            raise ExpertError(
                f"expert {name}: {WEIGHTS} changes {module}, which target_modules in {CONFIG} leaves out; "
                "copy both files from one place, or save the adapter again."
            )
    return Adapter(
        name,
        config["r"],
        config["lora_alpha"],
        bool(config.get("use_rslora")),
        tensors,
        config.get("base_model_name_or_path"),
        _targets(config),
    )


def _paired(name: str, flat: Mapping[str, torch.Tensor], rank: int) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    factors: dict[str, dict[str, torch.Tensor]] = {}
    for key in sorted(flat):
        match = _KEY.match(key)
        if match is None:
            raise ExpertError(f"expert {name}: tensor {key} is not a LoRA factor; {_remedy(key)}")
        factors.setdefault(match["module"], {})[match["factor"]] = _checked(name, key, flat[key])
    if not factors:
        raise ExpertError(f"expert {name}: {WEIGHTS} holds no tensors; save the adapter again.")
    for module, pair in factors.items():
        if set(pair) != {"A", "B"}:
            missing = "B" if "A" in pair else "A"
            raise ExpertError(f"expert {name}: {module} has no lora_{missing}; save the adapter again.")
        if pair["A"].shape[0] != rank or pair["B"].shape[1] != rank:
            raise ExpertError(
                f"expert {name}: {module} has factors {tuple(pair['A'].shape)} and {tuple(pair['B'].shape)}, but "
                f"adapter_config.json says r = {rank}; save the adapter again."
            )
    return {module: (pair["A"], pair["B"]) for module, pair in factors.items()}


_ONLY = "Only linear LoRA factors can be combined."


def _remedy(key: str) -> str:
    if key.endswith((".base_layer.weight", "embed_tokens.weight", "lm_head.weight")):
        return "PEFT stored a matrix of the base beside them: save the adapter with save_embedding_layers=False."
    return f"leave the expert out. {_ONLY}"


def _checked(name: str, key: str, tensor: torch.Tensor) -> torch.Tensor:
    """The tensor in float32."""
    if tensor.ndim != 2:
        raise ExpertError(f"expert {name}: {key} has {tensor.ndim} dimensions, not 2; leave the expert out. {_ONLY}")
    if not tensor.is_floating_point():
        raise ExpertError(f"expert {name}: {key} is {tensor.dtype}, not floating point; save the adapter again.")
    tensor = tensor.float()
    if not tensor.isfinite().all():
        raise ExpertError(f"expert {name}: {key} holds NaN or infinite values; train or copy the adapter again.")
    return tensor


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
