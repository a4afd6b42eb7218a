"""The one reader: whatever form the examples have, they become a data set, or an error that names what is wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from modelswarms.datasets.content import Content
from modelswarms.datasets.csv_file import csv_content
from modelswarms.datasets.dataset import DataSet
from modelswarms.datasets.hub import hub_content, is_saved
from modelswarms.datasets.items import Item, examples_of
from modelswarms.datasets.json_file import json_content, jsonl_content
from modelswarms.datasets.problems import Problem, refuse
from modelswarms.datasets.source import HubData, Source, source_of
from modelswarms.datasets.splits import arranged
from modelswarms.errors import DataError
from modelswarms.types import Example, Split

__all__ = ["Reading", "examples_from", "fingerprint_of", "read_dataset", "read_source"]

_LINES: Final = (".jsonl", ".ndjson")
_TABLES: Final = (".csv", ".tsv")
_NOT_READ: Final = {
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "save the sheet as 'CSV UTF-8'."),
    **dict.fromkeys((".parquet", ".arrow"), "give its folder as hf:FOLDER, or save it as JSON Lines."),
    **dict.fromkeys((".gz", ".zip", ".zst"), "unpack it."),
}


@dataclass(frozen=True)
class Reading:
    """What was read, whether a search can use it or not.

    Attributes:
        data: of the items without a fault.
        pairs: each example with its item, by split.
        problems: what keeps a search from using the file.
    """

    data: DataSet
    pairs: Mapping[str, list[tuple[Item, Example]]]
    problems: list[Problem]


def read_dataset(given: str | Path | Mapping[str, Any], folder: Path | None = None) -> DataSet:
    """Reads and checks a data set.

    Args:
        given: a JSON, JSON Lines or CSV file; ``hf:org/name@revision:config``; or keys and values that say more,
            ``{file: a.csv, fields: {question: input}, dev_size: 200}`` (docs/data.md has all of them).
        folder: where relative files are looked for; by default the working directory.

    Raises:
        DataError: names the file, the item and field, and the remedy.
        ConfigError: a key is unknown, or its value is not allowed.
        MissingExtraError: ``hf:`` without the ``datasets`` package.

    Example:
        >>> read_dataset({"file": "exam.csv", "fields": {"answer": "label"}, "test_size": 200})  # doctest: +SKIP
    """
    reading = read_source(source_of(given, folder))
    refuse(reading.problems)
    return reading.data


def read_source(source: Source) -> Reading:
    """Reads as much as can be read.

    Raises:
        DataError: nothing can.
    """
    content = _content(source)
    splits: tuple[Split, ...] = ("dev", "test")
    items: dict[str, list[Item]] = dict(zip(splits, arranged(content, source), strict=True))
    problems = list(content.problems)
    pairs: dict[str, list[tuple[Item, Example]]] = {}
    for split in splits:
        pairs[split], faults = examples_of(items[split], split)
        problems += faults
    if not items["dev"] and not any(problem.kind == "problem" for problem in content.problems):
        what = "'dev' holds no examples"
        problems.append(Problem(source.label, "", what, "give some, on which a search can compare candidates."))
    problems.sort(key=lambda problem: (problem.file, _line(problem)))
    fingerprint = fingerprint_of(items["dev"], items["test"], content.icl_prompt)
    name = source.name or content.name or _name(source)
    dev, test = (tuple(example for _, example in pairs[split]) for split in ("dev", "test"))
    return Reading(DataSet(name, dev, test, content.icl_prompt, fingerprint), pairs, problems)


def _line(problem: Problem) -> int:
    """Where it stands in a file of lines; elsewhere the order is right as it is."""
    word, _, number = problem.place.partition(" ")
    return int(number) if word == "line" else 0


def examples_from(items: Sequence[Any], where: str) -> tuple[Example, ...]:
    """The examples that items stand for, such as those of a configuration.

    Args:
        items: of keys and values.
        where: what messages call the list.

    Raises:
        DataError: names the item and field, and the remedy.
    """
    pairs, problems = examples_of(Item(f"{where}[{k}]", "", item, k) for k, item in enumerate(items))
    refuse(problems)
    return tuple(example for _, example in pairs)


def _content(source: Source) -> Content:
    if source.hub is not None:
        return hub_content(source.hub, source)
    if source.file is not None:
        return _of_file(source.file, source)
    contents = {split: _of_file(path, source, split) for split, path in source.files.items()}
    splits = {split: content.splits.get(split, []) for split, content in contents.items()}
    return Content(splits, [problem for content in contents.values() for problem in content.problems])


def _of_file(path: Path, source: Source, split: str | None = None) -> Content:
    """A file's items, by its name's ending; what has none of those that are known is read as JSON."""
    ending = path.suffix.lower()
    if ending in _NOT_READ and path.exists():
        raise DataError(f"{path}: {ending} files are not read; {_NOT_READ[ending]}")
    if is_saved(path):
        return hub_content(HubData(str(path)), source, split)
    if ending in _LINES:
        return jsonl_content(path, source, split)
    if ending in _TABLES:
        return csv_content(path, source, split)
    return json_content(path, source, split)


def _name(source: Source) -> str:
    if source.hub is not None:
        return source.hub.name.rstrip("/").rpartition("/")[2]
    return (source.file or source.files["dev"]).stem


def fingerprint_of(dev: Sequence[Item], test: Sequence[Item], icl_prompt: str | None) -> str:
    """SHA-256 of the items' canonical JSON, ``[dev, test, icl_prompt]``, which is never in memory whole."""
    digest, encoder = hashlib.sha256(), json.JSONEncoder(sort_keys=True)
    for before, items in (("[[", dev), ("], [", test)):
        digest.update(before.encode())
        for k, item in enumerate(items):
            digest.update(f"{', ' if k else ''}{encoder.encode(item.content)}".encode())
    digest.update(f"], {json.dumps(icl_prompt)}]".encode())
    return digest.hexdigest()
