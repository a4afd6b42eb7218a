"""The base model's folder: what it is, and whether the experts fit it. No model is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from modelswarms.errors import ExpertError
from modelswarms.experts.problems import Problem, first_of_each, refuse

if TYPE_CHECKING:
    import torch

    from modelswarms.experts.adapter import Adapter

__all__ = ["base_fingerprint", "base_shapes", "base_weight", "check_base", "check_fit", "file_digest", "fit_problems"]

_HEADS: Final = ("lm_head", "embed_out")

_TEXTS: Final = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model",
    "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "chat_template.jinja",
    "chat_template.json",
)  # fmt: skip


def check_base(base: Path) -> None:
    """Raises ExpertError where the folder cannot be a base model's."""
    if not base.is_dir():
        raise ExpertError(f"base: {base} is no folder; check the path, or give a hub id (org/name).")
    try:
        config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ExpertError(f"base: {base} holds no config.json; give the folder of a transformers model.") from None
    except (OSError, ValueError) as error:
        raise ExpertError(f"base: {base / 'config.json'} cannot be read ({error}); copy the model again.") from None
    if not isinstance(config, dict) or "model_type" not in config:
        raise ExpertError(f"base: {base / 'config.json'} names no model_type; give the folder of a transformers model.")
    if config.get("quantization_config"):
        raise ExpertError(
            f"base: {base} is quantised, and changes cannot be added to it; give the full-precision model."
        )
    if not _weight_files(base):
        raise ExpertError(f"base: {base} holds no weights (*.safetensors); copy the model again.")
    _check_shards(base)


def _check_shards(base: Path) -> None:
    """Raises ExpertError where the index of a model in several files names one that is not there."""
    path = base / "model.safetensors.index.json"
    if not path.exists():
        return
    try:
        shards = set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ExpertError(f"base: {path} cannot be read; copy the model again.") from None
    for shard in sorted(shards):
        if not (base / shard).is_file():
            raise ExpertError(f"base: {base} holds no {shard}, which its index names; copy the model again.")


def base_shapes(base: Path) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor, from the weight files' headers."""
    from safetensors import SafetensorError, safe_open

    shapes: dict[str, tuple[int, ...]] = {}
    for path in _weight_files(base):
        if path.suffix != ".safetensors":
            continue
        try:
            with safe_open(path, "pt") as file:
                shapes |= {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise ExpertError(f"base: {path} is damaged ({error}); copy the model again.") from None
    return shapes


def base_weight(base: Path, module: str) -> torch.Tensor:
    """The weights of one of the base's modules, float32. Raises ExpertError where its files do not name it."""
    from safetensors import SafetensorError, safe_open

    for path in _weight_files(base):
        try:
            with safe_open(path, "pt") as file:
                if f"{module}.weight" in file.keys():  # noqa: SIM118
                    return cast("torch.Tensor", file.get_tensor(f"{module}.weight").float())
        except (SafetensorError, OSError) as error:
            raise ExpertError(f"base: {path} is damaged ({error}); copy the model again.") from None
    raise ExpertError(f"base: the weights of {module} are not in {base}/*.safetensors; save the model again.")


def check_fit(adapters: Iterable[Adapter], base: Path) -> None:
    """Raises ExpertError where an adapter's factors do not fit the base's weights."""
    shapes = base_shapes(base)
    for adapter in adapters:
        refuse(fit_problems(adapter, base, shapes))


def fit_problems(adapter: Adapter, base: Path, shapes: Mapping[str, tuple[int, ...]]) -> list[Problem]:
    """Where an adapter's factors do not fit the base's weights, whose shapes are given.

    An adapter none of whose modules the files name is left to the engine: some architectures store
    their weights under other names than they load them.
    """
    return first_of_each([*_head_problems(adapter, base, shapes), *_shape_problems(adapter, shapes)])


def _shape_problems(adapter: Adapter, shapes: Mapping[str, tuple[int, ...]]) -> Iterator[Problem]:
    if not any(f"{module}.weight" in shapes for module in adapter.tensors):
        return
    remedy = "it was made from another base: give that, or leave the expert out."
    for module, changed in adapter.shapes.items():
        shape = shapes.get(f"{module}.weight")
        if shape is None:
            yield Problem(adapter.name, "modules", f"the base has no {module}", remedy, "differs", module)
        elif shape != changed:
            what = f"{module} changes a {changed} matrix, the base's is {shape}"
            yield Problem(adapter.name, "shapes", what, remedy, "differs", str(changed), str(shape))


def _head_problems(adapter: Adapter, base: Path, shapes: Mapping[str, tuple[int, ...]]) -> Iterator[Problem]:
    """Factors of an output matrix that is the input embedding as well.

    PEFT changes the output alone; in the weights themselves, the one cannot change without the other.
    """
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    for module in sorted(adapter.tensors):
        is_head = module.rpartition(".")[2] in _HEADS
        if is_head and shapes and (config.get("tie_word_embeddings") or f"{module}.weight" not in shapes):
            yield Problem(
                adapter.name,
                "modules",
                f"changes {module}, which in this base is tied to the input embedding, "
                "so that the change cannot be added to the weights",
                "leave the expert out, or train it without it.",
                "unsupported",
                module,
            )


def base_fingerprint(base: Path) -> str:
    """SHA-256 over all that an answer depends on: configurations, tokenizer, chat template and weights."""
    digest = hashlib.sha256()
    for name in _TEXTS:
        if (base / name).exists():
            digest.update(f"{name} {file_digest(base / name)}\n".encode())
    for path in _weight_files(base):
        digest.update(f"{path.name} {file_digest(path)}\n".encode())
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _weight_files(base: Path) -> list[Path]:
    return sorted(base.glob("*.safetensors")) or sorted(base.glob("pytorch_model*.bin"))
