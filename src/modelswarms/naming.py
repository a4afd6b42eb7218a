"""How messages call things: the nearest known name, and what a value is."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["kind_of", "nearest"]


def nearest(name: str, known: Iterable[str]) -> str:
    """The nearest known name, or all of them."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}."


def kind_of(value: Any) -> str:
    """What a value is, in the words of someone who writes YAML or JSON."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    words: tuple[tuple[Any, str], ...] = (
        (str, "a text"), (int | float, "a number"), (Mapping, "a mapping"), (list | tuple, "a list"),
    )  # fmt: skip
    return next((word for kind, word in words if isinstance(value, kind)), f"of type {type(value).__name__}")
