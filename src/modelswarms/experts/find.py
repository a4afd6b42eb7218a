"""Which folders are meant by ``experts``."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from modelswarms.errors import ExpertError

__all__ = ["find_experts"]

log = logging.getLogger(__name__)

_SIGNS: Final = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")
"""A folder that holds one of these is meant to be an expert; one that lacks another is refused, not passed over."""


def find_experts(spec: str | Path | Sequence[str | Path] | Mapping[str, str | Path]) -> list[tuple[str, Path]]:
    """Names and folders of the experts, in a fixed order.

    Args:
        spec: a folder of adapter folders (in order of their names), one adapter folder, a list of
            adapter folders, or a mapping of names to them.

    Raises:
        ExpertError: nothing is there, or two experts have one name.
    """
    if isinstance(spec, Mapping):
        found = [(str(name), _path(path)) for name, path in spec.items()]
    elif isinstance(spec, str | Path):
        found = _in_folder(_path(spec))
    elif isinstance(spec, Sequence):
        found = [_named(_path(path)) for path in spec]
    else:
        raise ExpertError(f"experts: {spec!r} is not a folder; {_GIVE}")
    if not found:
        raise ExpertError(f"experts: none are given; {_GIVE}")
    names = [name for name, _ in found]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        where = " and ".join(str(path) for name, path in found if name == double)
        raise ExpertError(f"experts: two are called {double!r} ({where}); give a mapping of distinct names to folders.")
    for name, path in found:
        if not path.is_dir():
            raise ExpertError(f"expert {name}: {path} is no folder; check the path.")
    return found


_GIVE: Final = "give a folder of adapters, a list of adapter folders, or a mapping of names to them."


def _in_folder(folder: Path) -> list[tuple[str, Path]]:
    if not folder.is_dir():
        raise ExpertError(f"experts: {folder} is no folder; check the path.")
    if _is_expert(folder):
        return [_named(folder)]
    try:
        there = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise ExpertError(f"experts: {folder} cannot be read ({error.strerror}); check who may read it.") from None
    found = [path for path in there if _is_expert(path)]
    if not found:
        raise ExpertError(
            f"experts: {folder} holds no adapter folders (there is: "
            f"{', '.join(path.name for path in there[:8]) or 'nothing'}); "
            "give a folder whose subfolders hold adapter_config.json."
        )
    for path in there:
        if path not in found and path.is_dir():
            log.info("experts: %s holds no adapter, and is passed over", path)
    return [_named(path) for path in found]


def _is_expert(folder: Path) -> bool:
    return any((folder / sign).exists() for sign in _SIGNS)


def _named(folder: Path) -> tuple[str, Path]:
    """The folder and its name, which ``.`` and ``..`` do not show."""
    return Path(os.path.abspath(folder)).name, folder


def _path(given: object) -> Path:
    if not isinstance(given, str | Path) or not str(given).strip():
        raise ExpertError(f"experts: {given!r} is not a folder; {_GIVE}")
    return Path(given).expanduser()
