"""Which folders are meant by ``experts``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from modelswarms.errors import ExpertError

__all__ = ["find_experts"]


def find_experts(spec: str | Path | Sequence[str | Path] | Mapping[str, str | Path]) -> list[tuple[str, Path]]:
    """Names and folders of the experts, in a fixed order.

    Args:
        spec: a folder of adapter folders (in order of their names), one adapter folder, a list of
            adapter folders, or a mapping of names to them.

    Raises:
        ExpertError: nothing is there, or two experts have one name.
    """
    if isinstance(spec, Mapping):
        found = [(str(name), Path(path)) for name, path in spec.items()]
    elif isinstance(spec, str | Path):
        found = _in_folder(Path(spec).expanduser())
    else:
        found = [(Path(path).name, Path(path)) for path in spec]
    if not found:
        raise ExpertError("experts: none are given; give a folder of adapters, or a list of adapter folders.")
    names = [name for name, _ in found]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise ExpertError(f"experts: two are called {double!r}; give a mapping of distinct names to folders.")
    for name, path in found:
        if not path.is_dir():
            raise ExpertError(f"expert {name}: {path} is no folder; check the path.")
    return found


def _in_folder(folder: Path) -> list[tuple[str, Path]]:
    if not folder.is_dir():
        raise ExpertError(f"experts: {folder} is no folder; check the path.")
    if (folder / "adapter_config.json").exists():
        return [(folder.name, folder)]
    found = [(path.name, path) for path in sorted(folder.iterdir()) if (path / "adapter_config.json").exists()]
    if not found:
        there = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise ExpertError(
            f"experts: {folder} holds no adapter folders (there is: {there}); "
            "give a folder whose subfolders hold adapter_config.json."
        )
    return found
