"""The scores that a value is made of: all, but for those of examples of which nothing is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["known_in_both", "known_scores", "left_out"]

Record = Mapping[str, Any]


def left_out(*records: Record) -> frozenset[int]:
    """The places of examples that the utility left out of one of some evaluations."""
    return frozenset(place for record in records for place in record.get("left_out", ()))


def known_scores(record: Record) -> list[float]:
    """An evaluation's scores of the examples that count."""
    out = left_out(record)
    return [score for place, score in enumerate(record["scores"]) if place not in out]


def known_in_both(one: Record, other: Record) -> tuple[list[float], list[float]]:
    """Two evaluations' scores of the examples that count in both. Raises ValueError where these are others."""
    out = left_out(one, other)
    pairs = [pair for i, pair in enumerate(zip(one["scores"], other["scores"], strict=True)) if i not in out]
    return [first for first, _ in pairs], [second for _, second in pairs]
