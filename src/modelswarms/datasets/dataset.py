"""What a search works on: examples to compare candidates by, and examples for what is claimed."""

from __future__ import annotations

from dataclasses import dataclass

from modelswarms.types import Example

__all__ = ["DataSet"]


@dataclass(frozen=True)
class DataSet:
    """Examples for the search (dev) and for what is claimed afterwards (test).

    Attributes:
        fingerprint: SHA-256 of what the examples say, whatever the file's formatting.
    """

    name: str
    dev: tuple[Example, ...]
    test: tuple[Example, ...] = ()
    icl_prompt: str | None = None
    fingerprint: str = ""
