"""What a file holds, under this project's names of fields and splits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from modelswarms.datasets.items import LETTERS, Item
from modelswarms.datasets.problems import Problem
from modelswarms.datasets.source import Source
from modelswarms.errors import DataError
from modelswarms.naming import nearest

__all__ = ["DEV_NAMES", "Content", "Row", "from_rows"]

DEV_NAMES: Final = ("dev", "validation", "valid", "val")
"""What the split that a search compares candidates on is called elsewhere."""

_MISSING: Final = object()


@dataclass(frozen=True)
class Row:
    """What a file says of one example: where, its keys and values, and its split where the file's form tells it."""

    place: str
    content: Any
    split: str | None = None


@dataclass
class Content:
    """Items by split, ``""`` for those without one, and the faults of what could not be made an item."""

    splits: dict[str, list[Item]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    name: str | None = None
    icl_prompt: str | None = None

    def add(self, label: str, row: Row, split: str) -> None:
        """One more item of a split."""
        items = self.splits.setdefault(split, [])
        items.append(Item(label, row.place, row.content, len(items)))


def from_rows(label: str, rows: Iterable[Row], source: Source) -> Content:
    """Rows by the split that each belongs to.

    Raises:
        DataError: a field of the column mapping is nowhere, or a split that was asked for.
    """
    content, seen, passed = Content(), _Seen(source), dict[str, int]()
    for row in rows:
        seen.look(row.content)
        if row.split is not None:
            content.add(label, Row(row.place, _renamed(row.content, source)), row.split)
            continue
        keys = _renamed(row.content, source)
        given = keys.get("split") if isinstance(keys, dict) else None
        if isinstance(keys, dict):
            keys = {key: value for key, value in keys.items() if key != "split"}
        split = _split(given, source)
        if split is not None:
            content.add(label, Row(row.place, keys), split)
        elif source.dev or source.test or given == "train":
            passed[str(given)] = passed.get(str(given), 0) + 1
        else:
            remedy = "give dev or test, or say which are meant, as {file: ..., dev: NAME, test: NAME}."
            content.problems.append(Problem(label, row.place, f"'split' is {given!r}", remedy))
    seen.refuse(label)
    _check_splits(label, content, passed, source)
    return content


def _split(given: Any, source: Source) -> str | None:
    """Ours of the split that a row names, ``""`` where it names none; None for one that is not asked for."""
    if source.dev or source.test:
        return next((ours for ours in ("dev", "test") if getattr(source, ours) == given), None)
    name = "" if given is None else str(given).strip().casefold()
    return "dev" if name in DEV_NAMES else name if name in ("", "test") else None


def _check_splits(label: str, content: Content, passed: Mapping[str, int], source: Source) -> None:
    """Says where a split that was asked for is missing, and which rows name none though others do."""
    there = f"there are: {', '.join(map(repr, passed)) or 'none'}"
    for split in ("dev", "test"):
        name = getattr(source, split)
        if name and split not in content.splits:
            raise DataError(f"{label}: no item is of split {name!r} ({there}); mend utility.data.{split}.")
    if passed and not content.splits and not content.problems:
        raise DataError(f"{label}: no item is of split dev ({there}); say which is meant, as {{file: ..., dev: NAME}}.")
    if passed and not (source.dev or source.test):
        what = f"holds {sum(passed.values()):,} items of split {', '.join(map(repr, passed))}, which are left out"
        remedy = "say so, if they are meant, as {file: ..., dev: NAME}."
        content.problems.append(Problem(label, "", what, remedy, "warning", "splits"))
    if "" in content.splits and len(content.splits) > 1:
        loose = content.splits.pop("")
        remedy = "give dev or test, as the others do."
        content.problems += [item.problem("has no 'split'", remedy) for item in loose if isinstance(item.content, dict)]
        content.splits.setdefault("dev", []).extend(loose)


def _renamed(row: Any, source: Source) -> Any:
    """A row with our names of its fields, and its answer as it is meant."""
    if not isinstance(row, dict) or not (source.fields or source.answers):
        return row
    found = {ours: _value(row, theirs) for ours, theirs in source.fields.items()}
    taken = {name for theirs in source.fields.values() for name in _names(theirs)}
    out = {key: value for key, value in row.items() if key not in taken and key not in found}
    if "question" in found:
        out.pop("prompt", None)
    out |= {ours: value for ours, value in found.items() if value is not _MISSING}
    if source.answers and "answer" in out:
        out["answer"] = source.answers.get(str(out["answer"]).strip().casefold(), out["answer"])
    return out


def _value(row: Mapping[str, Any], theirs: str | tuple[str, ...]) -> Any:
    """A field's value; of several fields those that say something, lettered in their order."""
    if isinstance(theirs, str):
        return _at(row, theirs)
    options = zip(LETTERS, (_at(row, name) for name in theirs), strict=False)
    return {letter: text for letter, text in options if text is not _MISSING and text not in (None, "")} or _MISSING


def _at(row: Mapping[str, Any], name: str) -> Any:
    """The value under a name, or along a path of names and positions: ``answers.text.0``."""
    if name in row:
        return row[name]
    value: Any = row
    for step in name.split("."):
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return _MISSING
    return value


def _names(theirs: str | tuple[str, ...]) -> tuple[str, ...]:
    return (theirs,) if isinstance(theirs, str) else theirs


@dataclass
class _Seen:
    """Which of the mapped fields any row has, and what there is instead."""

    source: Source
    missing: dict[str, str] = field(init=False)
    names: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.missing = {name: ours for ours, theirs in self.source.fields.items() for name in _names(theirs)}

    def look(self, row: Any) -> None:
        if not self.missing or not isinstance(row, dict):
            return
        self.missing = {name: ours for name, ours in self.missing.items() if _at(row, name) is _MISSING}
        if len(self.names) < 30:
            self.names.update(dict.fromkeys(map(str, row)))

    def refuse(self, label: str) -> None:
        for name, ours in self.missing.items():
            if self.names:
                raise DataError(
                    f"{label}: no item has {name!r}, which utility.data.fields.{ours} names; "
                    f"{nearest(name, self.names)}"
                )
