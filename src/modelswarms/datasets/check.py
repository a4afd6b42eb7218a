"""Everything that is wrong with a data set, or may not be meant; the reader alone stops at the first."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from modelswarms.datasets.dataset import DataSet
from modelswarms.datasets.items import Item
from modelswarms.datasets.leakage import Overlap, key_of, normalised, overlap, question_of
from modelswarms.datasets.problems import Problem
from modelswarms.datasets.reader import Reading, read_source
from modelswarms.datasets.remarks import remarks_on_items
from modelswarms.datasets.source import Source
from modelswarms.errors import DataError
from modelswarms.types import Example

__all__ = ["DataReport", "check_source"]

FEW: Final = 20
"""Dev examples below which one answer more or less moves the value by over 5 points."""

Pairs = Sequence[tuple[Item, Example]]


@dataclass(frozen=True)
class DataReport:
    """All that a check found.

    Attributes:
        source: the file or hub id.
        data: what can be read of it; None where nothing can.
        overlap: of its splits.
        findings: faults and remarks, in the order of the file within each topic.
        length: characters of the median and of the longest question, choices included.
    """

    source: str
    data: DataSet | None
    overlap: Overlap | None
    findings: tuple[Problem, ...]
    length: tuple[int, int] = (0, 0)

    @property
    def problems(self) -> list[Problem]:
        """What keeps a search from using it."""
        return [finding for finding in self.findings if finding.kind == "problem"]

    @property
    def warnings(self) -> list[Problem]:
        """What does not, but may not be meant."""
        return [finding for finding in self.findings if finding.kind == "warning"]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        data = self.data
        return {
            "source": self.source,
            "usable": not self.problems,
            "name": data and data.name,
            "dev": len(data.dev) if data else 0,
            "test": len(data.test) if data else 0,
            "fingerprint": data and data.fingerprint,
            "overlap": self.overlap and self.overlap.to_dict(),
            "characters": {"median": self.length[0], "longest": self.length[1]},
            "findings": [{**asdict(finding), "text": finding.text} for finding in self.findings],
        }


def check_source(source: Source) -> DataReport:
    """Reads a data set and says all that is wrong with it; goes on after a mistake wherever something follows it.

    Raises:
        DataError: there is no such file.
    """
    for path in (source.file, *source.files.values()):
        if path is not None and not path.exists():
            raise DataError(f"{path}: no such data file; check the path.")
    try:
        reading = read_source(source)
    except DataError as error:
        what, _, remedy = str(error).removeprefix(f"{source.label}: ").partition("; ")
        return DataReport(source.label, None, None, (Problem(source.label, "", what, remedy),))
    found = overlap(reading.data)
    findings = [*reading.problems, *_remarks(reading, found, source.label)]
    lengths = [_length(example) for pairs in reading.pairs.values() for _, example in pairs] or [0]
    length = int(statistics.median(lengths)), max(lengths)
    return DataReport(source.label, reading.data, found, tuple(findings), length)


def _remarks(reading: Reading, found: Overlap, label: str) -> Iterator[Problem]:
    dev, test = reading.pairs["dev"], reading.pairs["test"]
    yield from _of_the_splits(reading, found, label)
    yield from _overlapping(dev, test, found)
    for pairs in (dev, test):
        yield from _repeated_ids(pairs)
        yield from _asked_twice(pairs)
    yield from _shown_in_prompt(reading)
    yield from remarks_on_items(label, [*dev, *test])


def _of_the_splits(reading: Reading, found: Overlap, label: str) -> Iterator[Problem]:
    dev, test = len(reading.data.dev), len(reading.data.test)
    if 0 < dev < FEW:
        what = f"holds {dev} dev example{'s' * (dev > 1)}: one answer more or less is {100 / dev:.0f} points"
        yield Problem(label, "", what, "give a hundred or more, if you can.", "warning", "splits")
    if dev and not test:
        remedy = "give some that the search does not see; or a file of one split with utility.data.test_size."
        yield Problem(label, "", "holds no test examples, so nothing can be claimed", remedy, "warning", "splits")
    if found.everything:
        what = "has no test example that is not in dev: a search reports no test score"
        yield Problem(label, "", what, "give others for the test.", "warning", "splits")


def _overlapping(dev: Pairs, test: Pairs, found: Overlap) -> Iterator[Problem]:
    """Test items that the search sees."""
    by_key, by_question = ({how(e): item.place for item, e in reversed(dev)} for how in (key_of, question_of))
    keys, reordered = set(found.by_key), set(found.reordered)
    for k in found.by_key:
        item, example = test[k]
        remedy = "leave it out of test: a search does, unless utility.keep_overlap says otherwise."
        yield item.remark("overlap", f"is {by_key[key_of(example)]}", remedy)
    for k in found.by_question:
        if k not in keys:
            item, example = test[k]
            how = "with its choices in another order" if k in reordered else "with other choices"
            what = f"asks what {by_question[question_of(example)]} asks, {how}"
            yield item.remark("question", what, "leave it out of test, if the one gives the other away.")


def _repeated_ids(pairs: Pairs) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for item, _ in pairs:
        given = item.content.get("id")
        if given is not None and first.setdefault(str(given), item.place) != item.place:
            remedy = "give each its own, or leave ids out; a search adds the position."
            yield item.remark("ids", f"has the id of {first[str(given)]} ({given})", remedy)


def _asked_twice(pairs: Pairs) -> Iterator[Problem]:
    first: dict[Any, tuple[str, str | None]] = {}
    for item, example in pairs:
        place, answer = first.setdefault(key_of(example), (item.place, example.answer))
        if place == item.place:
            continue
        if answer == example.answer:
            yield item.remark("twice", f"asks what {place} asks", "leave one of them out.")
        else:
            what = f"asks what {place} asks, and answers {example.answer!r} where that answers {answer!r}"
            yield item.remark("contradiction", what, "keep the one that is right.")


def _shown_in_prompt(reading: Reading) -> Iterator[Problem]:
    shown = normalised(reading.data.icl_prompt or "")
    for item, example in (pair for pairs in reading.pairs.values() for pair in pairs):
        if shown and question_of(example) in shown:
            remedy = "leave it out, since its answer may be read there."
            yield item.remark("icl_prompt", "is in 'icl_prompt', which every prompt begins with", remedy)


def _length(example: Example) -> int:
    return len(example.question) + sum(map(len, (example.choices or {}).values()))
