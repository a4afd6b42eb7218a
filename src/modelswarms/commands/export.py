"""A run's best expert, as a folder of its own: a PEFT adapter, or full weights."""

from __future__ import annotations

import json
import logging
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from modelswarms.config import SearchConfig, load_config
from modelswarms.errors import ConfigError, RunError
from modelswarms.experts import Adapter, ExpertSpace, read_adapter
from modelswarms.merging import merged_space
from modelswarms.preparation import base_of, current_header, experts_of
from modelswarms.reports.card import model_card
from modelswarms.reports.result import build_result
from modelswarms.runs import RunFolder

__all__ = ["DTYPES", "Exported", "Precision", "experts_unchanged", "export"]

log = logging.getLogger(__name__)

Record = dict[str, Any]
Precision = Literal["float32", "bfloat16", "float16"]

DTYPES: Final[tuple[Precision, ...]] = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Exported:
    """What was written, and whether the search it comes from was over."""

    folder: Path
    candidate: str
    dev: float
    full: bool
    over: bool


def export(run: str | Path, out: str | Path, *, full: bool = False, dtype: Precision | None = None) -> Exported:
    """Writes the best expert of a run, the best so far where the run is not over.

    Args:
        run: folder of the run; it is only read.
        out: folder to write; new, or empty.
        full: whether the adapter is added to the base's weights (in float32), which are then written whole
            with tokenizer and generation settings.
        dtype: of full weights; by default the base's own.

    Raises:
        RunError: the folder is no run's, has no value yet, or its experts changed since.
        ConfigError: ``out`` is not empty, or ``dtype`` is not allowed.
    """
    folder, out = RunFolder(run), Path(out)
    if dtype is not None and (not full or dtype not in DTYPES):
        why = f"is not allowed; give {', '.join(DTYPES)}" if full else "goes with full weights; give --full as well"
        raise ConfigError(f"dtype: {dtype!r} {why}.")
    manifest = folder.manifest()
    _check_free(out)
    records = folder.journal.read()
    if not any(r["kind"] == "evaluation" and r["split"] == "dev" for r in records):
        raise RunError(f"{folder.path}: nothing has a value yet; go on with 'modelswarms resume {folder.path}'.")
    config, result = load_config(None, below=manifest["config"]), build_result(records)
    over = _is_over(folder, result)
    base, base_name = base_of(config)
    adapter = read_adapter("best", folder.path / "best") if over else _composed(folder.path, config, records, result)
    card = model_card(result, records, base_name, merged=full, over=over)
    partial = out.with_name(f".{out.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        if full:
            _save_merged(adapter, base, partial, dtype)
        else:
            adapter.save(partial, base_name)
        (partial / "README.md").write_text(card, encoding="utf-8")
        partial.replace(out)
    except OSError as error:
        raise RunError(f"{out}: cannot be written ({error.strerror}); make room or change the permissions.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Exported(out, result["best"]["candidate"], result["best"]["dev"], full, over)


def _check_free(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        what = "is not empty" if out.is_dir() else "is a file"
        raise ConfigError(f"{out}: exists and {what}; give a folder that is new or empty.")


def _is_over(folder: RunFolder, result: Record) -> bool:
    """Whether ``best/`` and ``result.json`` are those of the journal."""
    try:
        saved = json.loads((folder.path / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(saved == json.loads(json.dumps(result)) and (folder.path / "best" / "adapter_config.json").exists())


def _composed(path: Path, config: SearchConfig, records: Sequence[Record], result: Record) -> Adapter:
    """The best so far, from the experts, which must be those of the run."""
    space = experts_unchanged(path, config, records)
    values = np.array([result["experts"].get(name, math.nan) for name in space.names])
    space, _ = merged_space(space, config, values)
    return space.compose(list(result["best"]["coefficients"].values()))


def experts_unchanged(path: Path, config: SearchConfig, records: Sequence[Record]) -> ExpertSpace:
    """The experts of a run. Raises RunError where one changed since."""
    space = ExpertSpace.load(experts_of(config), base=base_of(config)[0], combine=config.combine)
    then, now = current_header(records)["fingerprints"]["experts"], space.fingerprint()["experts"]
    for name in dict.fromkeys((*then, *now)):
        if then.get(name) != now.get(name):
            raise RunError(f"{path}: expert {name} changed since the run began; restore it, or start a new run.")
    return space


def _save_merged(adapter: Adapter, base: Path, out: Path, dtype: Precision | None) -> None:
    """The base with the adapter's change added in float32, rounded once."""
    import torch

    from modelswarms.engines.local import load_base
    from modelswarms.engines.weights import ResidentWeights

    tokenizer, model = load_base(base, torch.device("cpu"), torch.float32)
    wanted = dtype or _own_dtype(base)
    ResidentWeights(model, ExpertSpace((adapter,))).set(ExpertSpace((adapter,)).coefficients([1.0]))
    model.to(getattr(torch, wanted)).save_pretrained(out)
    tokenizer.save_pretrained(out)
    if (base / "generation_config.json").exists():
        shutil.copyfile(base / "generation_config.json", out / "generation_config.json")


def _own_dtype(base: Path) -> str:
    """The precision that the base's configuration names, float32 where it names none."""
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    named = str(config.get("dtype") or config.get("torch_dtype") or "float32")
    return named if named in DTYPES else "float32"
