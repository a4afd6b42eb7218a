"""The embedded default: a tiny base model, ten LoRA experts and questions about graphs.

It demonstrates the method on a processor, offline; it is no evidence about large models.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["ANSWER_TOKENS", "base_path", "ceiling_path", "expert_paths", "questions_path", "table_path"]

ANSWER_TOKENS: Final = 2
"""The zoo's answers are one token each, and its models end them with another."""

_DATA = Path(__file__).parent / "data"


def base_path() -> Path:
    """Folder of the base model."""
    return _DATA / "base"


def expert_paths() -> dict[str, Path]:
    """Name and folder of each expert, in order of their names."""
    return {path.name: path for path in sorted((_DATA / "experts").iterdir()) if path.is_dir()}


def ceiling_path() -> Path | None:
    """One adapter trained on everything at once, which no mixture of experts is expected to beat; None without it."""
    path = _DATA / "ceiling"
    return path if path.is_dir() else None


def table_path() -> Path:
    """What base and experts answer rightly, measured by the build: JSON with ``percent``, ``counts`` and ``roles``."""
    return _DATA / "table.json"


def questions_path() -> Path:
    """The zoo's data set."""
    return _DATA / "questions.json"
