"""Which test examples the search has already seen: figures on them would show memory, not merit."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any, Final

from modelswarms.datasets.dataset import DataSet, Leakage
from modelswarms.types import Example

__all__ = [
    "NO_TEST",
    "Key",
    "Overlap",
    "all_seen",
    "guarded",
    "key_of",
    "normalised",
    "overlap",
    "question_of",
    "without_overlap",
]

Key = tuple[str, tuple[str, ...]]

NO_TEST: Final = "the data has no test examples"

_TYPOGRAPHY: Final = str.maketrans(
    {**dict.fromkeys("‘’‚‛′", "'"), **dict.fromkeys("“”„‟″", '"'), **dict.fromkeys("‐‑‒–—−", "-")}
)


@dataclass(frozen=True)
class Overlap:
    """Positions of the test examples that are dev examples too, ascending.

    Attributes:
        by_key: the question and its choices are those of a dev example (see :func:`key_of`).
        reordered: the question is, and so are the choices, but in another order.
        by_question: the question alone is; holds the two others.
        tested: how many test examples there are.
    """

    by_key: tuple[int, ...]
    reordered: tuple[int, ...]
    by_question: tuple[int, ...]
    tested: int

    @property
    def everything(self) -> bool:
        """Whether no test example would remain without those that overlap by key."""
        return 0 < self.tested == len(self.by_key)

    def to_dict(self) -> dict[str, Any]:
        """Counts, as ``result.json`` holds them."""
        counts = {name: len(getattr(self, name)) for name in ("by_key", "reordered", "by_question")}
        return {"test": self.tested, **counts}


def guarded(data: DataSet, keep: bool = False) -> DataSet:
    """``data`` without the test examples that a search sees on dev, and with what was found.

    Args:
        data: as it was read.
        keep: whether they stay; they are counted all the same.
    """
    found = overlap(data)
    if not found.by_question:
        return data if data.test else replace(data, test_reason=NO_TEST)
    counts = {name: len(getattr(found, name)) for name in ("by_key", "reordered", "by_question")}
    leakage = Leakage(found.tested, **counts, left_out=0 if keep else len(found.by_key))
    left = data if keep else without_overlap(data, found)
    return replace(left, leakage=leakage, test_reason=None if left.test else all_seen(found.tested))


def all_seen(count: int) -> str:
    """Why a test split of so many examples gives no value: each of them is a dev example too."""
    return (
        f"all {count} test examples are dev examples too, so that a figure on them would show memory; give others, or "
        "keep them by utility.keep_overlap: true"
    )


def overlap(data: DataSet) -> Overlap:
    """The test examples of ``data`` that its dev split holds too.

    Where the choices say the same in another order, the right letter is another one: such examples are
    counted by question and as reordered, not by key.
    """
    by_key, reordered, by_question = (
        _seen(data, how) for how in (key_of, lambda example: _unordered(key_of(example)), question_of)
    )
    return Overlap(by_key, tuple(k for k in reordered if k not in set(by_key)), by_question, tested=len(data.test))


def without_overlap(data: DataSet, found: Overlap | None = None) -> DataSet:
    """``data`` without the test examples that overlap by key; its fingerprint stays, since the file does."""
    left_out = set((found or overlap(data)).by_key)
    return replace(data, test=tuple(example for k, example in enumerate(data.test) if k not in left_out))


def key_of(example: Example) -> Key:
    """What makes two examples the same: the normalised question, and the normalised choices in order of their letters.

    Example:
        >>> key_of(Example("1", "Is it  so?", "A", {"A": "Yes", "B": "No"}))
        ('is it so?', ('yes', 'no'))
    """
    choices = example.choices or {}
    return question_of(example), tuple(normalised(choices[letter]) for letter in sorted(choices))


def question_of(example: Example) -> str:
    """The normalised question alone."""
    return normalised(example.question)


def normalised(text: str) -> str:
    """The text without what does not change its meaning: case, spaces, invisible and typographic characters.

    Compatible characters become one (NFKC: "ﬁ" and "fi", full-width letters), as do curled and straight quotes, and
    dashes and hyphens. Accents stay.
    """
    if text.isascii():  # as most texts are, and the rest changes nothing of them
        return " ".join(text.lower().split())
    text = unicodedata.normalize("NFKC", text).translate(_TYPOGRAPHY)
    text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", text.casefold()).split())


def _seen(data: DataSet, how: Callable[[Example], Hashable]) -> tuple[int, ...]:
    seen = {how(example) for example in data.dev}
    return tuple(k for k, example in enumerate(data.test) if how(example) in seen)


def _unordered(key: Key) -> Key:
    return key[0], tuple(sorted(key[1]))
