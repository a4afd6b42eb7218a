"""Files that are there whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from modelswarms.errors import RunError

__all__ = ["partial_name", "replace_file", "replace_json", "sync_folder"]


def partial_name(name: str) -> str:
    """What a file is called until it is whole."""
    return f".{name}.partial"


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file through a temporary one beside it, durable before it appears.

    Raises:
        RunError: the disk is full, or the folder may not be written.
    """
    partial = path.with_name(partial_name(path.name))
    try:
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)  # a full disk needs the room
        sync_folder(path.parent)
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror}); make room or change the permissions.") from error


def replace_json(path: Path, value: Any) -> None:
    """Writes a value as JSON, sorted and indented. Raises as :func:`replace_file`."""
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    replace_file(path, (text + "\n").encode("utf-8", "surrogatepass"))


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
