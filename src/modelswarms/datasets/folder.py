"""Where the data sets that have a name are kept."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["data_folder", "data_path"]


def data_folder() -> Path:
    """``MODELSWARMS_DATA``, or ``data`` in the user's cache folder; it need not exist."""
    import platformdirs

    given = os.environ.get("MODELSWARMS_DATA")
    return Path(given).expanduser() if given else Path(platformdirs.user_cache_dir("modelswarms")) / "data"


def data_path(name: str) -> Path | None:
    """The file of a data set in the data folder; None where ``modelswarms data download`` has not brought it."""
    path = data_folder() / f"{name}.json"
    return path if path.is_file() else None
