"""Which items a search compares candidates on, and which it claims with; drawn where the file does not say."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from modelswarms.datasets.content import Content
from modelswarms.datasets.items import Item
from modelswarms.datasets.leakage import normalised
from modelswarms.datasets.source import Source
from modelswarms.errors import DataError

__all__ = ["arranged"]


def arranged(content: Content, source: Source) -> tuple[list[Item], list[Item]]:
    """The items of dev and of test.

    Items without a split are dev, or are drawn into both by ``dev_size`` and ``test_size``, and so are dev items where
    a test is asked for that is not there. Splits that are there are cut down to these sizes.

    Raises:
        DataError: there are fewer than that.
    """
    loose = content.splits.get("")
    if loose is None:
        dev, test = (content.splits.get(split, []) for split in ("dev", "test"))
        if test or source.test_size is None:
            return _cut(dev, source.dev_size, "dev", source), _cut(test, source.test_size, "test", source)
        loose = dev
    if source.dev_size is None and source.test_size is None:
        return loose, []
    count = len(loose)
    for_dev = source.dev_size if source.dev_size is not None else count - (source.test_size or 0)
    for_test = source.test_size if source.test_size is not None else count - for_dev
    if for_dev < 1 or for_test < 0 or for_dev + for_test > count:
        asked = [f"{key} {size}" for key in ("dev_size", "test_size") if (size := getattr(source, key)) is not None]
        raise DataError(
            f"{source.label}: holds {count} examples, too few for {' and '.join(asked)}; give smaller sizes."
        )
    order = _order(loose, source.seed)
    chosen = order[:for_dev], order[for_dev : for_dev + for_test]
    return [loose[k] for k in sorted(chosen[0])], [loose[k] for k in sorted(chosen[1])]


def _cut(items: list[Item], size: int | None, split: str, source: Source) -> list[Item]:
    if size is None:
        return items
    if size > len(items):
        raise DataError(
            f"{source.label}: {split} holds {len(items)} examples, utility.data.{split}_size is {size}; "
            f"give at most {len(items)}, or leave it out."
        )
    return [items[k] for k in sorted(_order(items, source.seed)[:size])]


def _order(items: Sequence[Item], seed: int) -> list[int]:
    """Positions in an order that the seed and the questions alone decide, so that equal questions lie side by side."""

    def drawn(k: int) -> bytes:
        content = items[k].content
        question = content.get("question", content.get("prompt")) if isinstance(content, dict) else content
        return hashlib.sha256(f"{seed} {normalised(str(question))}".encode(errors="replace")).digest()

    return sorted(range(len(items)), key=drawn)
