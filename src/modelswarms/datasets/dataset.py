"""What a search works on: examples to compare candidates by, and examples for what is claimed."""

from __future__ import annotations

from dataclasses import dataclass, fields

from modelswarms.types import Example

__all__ = ["DataSet", "Leakage"]


@dataclass(frozen=True)
class Leakage:
    """What a search knows of test examples that its dev split holds too.

    Attributes:
        test: test examples in the data.
        by_key, reordered, by_question: how many of them overlap, by what; see
            :class:`~modelswarms.datasets.leakage.Overlap`.
        left_out: how many are not valued; those that overlap by key, unless they are kept on purpose.
    """

    test: int
    by_key: int
    reordered: int
    by_question: int
    left_out: int

    def to_dict(self) -> dict[str, int]:
        """Plain values, as the journal holds them."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True)
class DataSet:
    """Examples for the search (dev) and for what is claimed afterwards (test).

    Attributes:
        fingerprint: SHA-256 of what the examples say, whatever the file's formatting.
        leakage: what a search found of test examples that are dev examples too; None where there are none, or where
            nobody looked.
        test_reason: why no value can be had on the test split; None where one can.
    """

    name: str
    dev: tuple[Example, ...]
    test: tuple[Example, ...] = ()
    icl_prompt: str | None = None
    fingerprint: str = ""
    leakage: Leakage | None = None
    test_reason: str | None = None
