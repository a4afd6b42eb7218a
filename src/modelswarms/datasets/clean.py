"""A copy of a data set without what is wrong with it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from modelswarms.datasets.items import Item
from modelswarms.datasets.leakage import key_of, overlap
from modelswarms.datasets.reader import Reading
from modelswarms.errors import DataError
from modelswarms.types import Example

__all__ = ["write_clean"]


def write_clean(reading: Reading, path: Path) -> dict[str, int]:
    """Writes what can be used as one JSON file, under ids of its own and with letters for choices.

    Left out are items that cannot be read, test items that are dev items too, and of items that ask and answer the
    same all but the first.

    Returns:
        How many items of dev and test were written, and how many of each were left out of what can be read.

    Raises:
        DataError: the file is there already, or cannot be written.
    """
    if path.exists():
        raise DataError(f"{path}: is there already; give another name.")
    seen_in_dev = set(overlap(reading.data).by_key)
    dev = list(_once(reading.pairs["dev"]))
    test = list(_once([pair for k, pair in enumerate(reading.pairs["test"]) if k not in seen_in_dev]))
    document: dict[str, Any] = {"dataset": reading.data.name, "dev": dev, "test": test}
    if reading.data.icl_prompt is not None:
        document["icl_prompt"] = reading.data.icl_prompt
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DataError(
            f"{path}: cannot be written ({error.strerror}); give a file in a folder that exists."
        ) from error
    return {
        "dev": len(dev),
        "test": len(test),
        "dev_left_out": len(reading.pairs["dev"]) - len(dev),
        "test_left_out": len(reading.pairs["test"]) - len(test),
    }


def _once(pairs: Sequence[tuple[Item, Example]]) -> Iterator[dict[str, Any]]:
    seen = set()
    for item, example in pairs:
        asked = key_of(example), example.answer
        if asked not in seen:
            seen.add(asked)
            yield _written(item, example)


def _written(item: Item, example: Example) -> dict[str, Any]:
    """The example as an item of our schema."""
    asks = "prompt" if "prompt" in item.content and "question" not in item.content else "question"
    keys = {
        asks: example.question,
        "choices": example.choices,
        "answer": example.answer,
        "id": example.id,
        "domain": example.domain,
    }
    return {**{key: value for key, value in keys.items() if value is not None}, **example.extra}
