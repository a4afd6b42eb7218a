"""Which folders are meant by ``experts`` and ``base``."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from modelswarms.errors import ExpertError
from modelswarms.experts.adapter import is_folder
from modelswarms.experts.hub import fetch_adapters, fetch_model, hub_id

__all__ = ["Found", "expand", "find_base", "find_experts", "passed_over"]

log = logging.getLogger(__name__)

_SIGNS: Final = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")
"""A folder that holds one of these is meant to be an expert; one that lacks another is refused, not passed over."""


@dataclass(frozen=True)
class Found:
    """An expert's name, its local folder, and how a configuration would name it."""

    name: str
    folder: Path
    given: str


def find_experts(spec: str | Path | Sequence[str | Path] | Mapping[str, str | Path]) -> list[tuple[str, Path]]:
    """Names and folders of the experts, in a fixed order.

    Args:
        spec: a folder of adapter folders (in order of their names), one adapter folder, a list of
            adapter folders, or a mapping of names to them. For a folder, a text may also name one on the
            hub: ``org/name@revision:subfolder``, the last two where they are needed.

    Raises:
        ExpertError: nothing is there, or two experts have one name.
    """
    if isinstance(spec, Mapping):
        found = [_one(path, str(name)) for name, path in spec.items()]
    elif isinstance(spec, str | Path):
        found = expand(spec)
    elif isinstance(spec, Sequence):
        found = [_one(path) for path in spec]
    else:
        raise ExpertError(f"experts: {spec!r} is not a folder; {_GIVE}")
    if not found:
        raise ExpertError(f"experts: none are given; {_GIVE}")
    names = [expert.name for expert in found]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        where = " and ".join(expert.given for expert in found if expert.name == double)
        raise ExpertError(f"experts: two are called {double!r} ({where}); give a mapping of distinct names to folders.")
    for expert in found:
        if not is_folder(expert.folder):
            raise ExpertError(f"expert {expert.name}: {expert.folder} is no folder; {_CHECK}")
    return [(expert.name, expert.folder) for expert in found]


def find_base(given: str | Path) -> tuple[Path, str]:
    """The base model's folder, and the name that adapters made from it give it.

    Args:
        given: a folder, or on the hub ``org/name`` or ``org/name@revision``.

    Raises:
        ExpertError: the hub does not give it.
    """
    wanted = hub_id(given, "base")
    if wanted is not None:
        return fetch_model(wanted), wanted.repository
    return Path(given).expanduser(), str(given)


_GIVE: Final = "give a folder of adapters, a list of adapter folders, or a mapping of names to them."
_CHECK: Final = "check the path, or give a hub id (org/name)."


def expand(given: str | Path) -> list[Found]:
    """The adapter that a folder (or hub id) is, or those in its subfolders, in order of their names.

    Raises:
        ExpertError: nothing is there.
    """
    wanted = hub_id(given, "experts")
    folder = _path(given) if wanted is None else fetch_adapters(wanted, "experts")
    if not is_folder(folder):
        raise ExpertError(f"experts: {folder} is no folder; {_CHECK}")
    if _is_expert(folder):
        return [_named(folder) if wanted is None else Found(wanted.name, folder, str(wanted))]
    inside = _in_folder(folder)
    if wanted is None:
        return [_named(path) for path in inside]
    return [Found(path.name, path, str(wanted.inside(path.name))) for path in inside]


def _in_folder(folder: Path) -> list[Path]:
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
    for path in passed_over(folder):
        log.info("experts: %s holds no adapter, and is passed over", path)
    return found


def passed_over(given: str | Path) -> list[Path]:
    """The folders in a folder of experts that are none; nothing for what is no such folder."""
    folder = Path(given).expanduser()
    try:
        there = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return []
    passed = [path for path in there if not _is_expert(path)]
    return passed if len(passed) < len(there) and not _is_expert(folder) else []


def _one(given: str | Path, name: str | None = None) -> Found:
    """One expert of a list or a mapping."""
    wanted = hub_id(given, f"expert {name}" if name else "experts")
    if wanted is None:
        found = _named(_path(given, f"expert {name}" if name else "experts"))
        return Found(name or found.name, found.folder, found.given)
    who = name or wanted.name
    folder = fetch_adapters(wanted, f"expert {who}")
    if not _is_expert(folder):
        inside = ", ".join(str(wanted.inside(path.name)) for path in _in_folder(folder)[:4])
        raise ExpertError(f"expert {who}: {wanted} holds several adapters; name one of them, such as {inside}.")
    return Found(who, folder, str(wanted))


def _is_expert(folder: Path) -> bool:
    """Whether it holds a sign of an expert; one that may not be looked into is meant to be one."""
    try:
        return any((folder / sign).exists() for sign in _SIGNS)
    except OSError:
        return True


def _named(folder: Path) -> Found:
    """The folder and its name, which ``.`` and ``..`` do not show."""
    return Found(Path(os.path.abspath(folder)).name, folder, str(folder))


def _path(given: object, who: str = "experts") -> Path:
    if not isinstance(given, str | Path) or not str(given).strip():
        raise ExpertError(f"{who}: {given!r} is not a folder; {_GIVE}")
    return Path(given).expanduser()
