"""Tables as spreadsheets write them: a header, a row an example; quoted texts may hold line ends."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from string import ascii_uppercase
from typing import Any, Final

from modelswarms.datasets.content import Content, Row, from_rows
from modelswarms.datasets.problems import Problem, shown
from modelswarms.datasets.source import Source
from modelswarms.datasets.text import decoded, lines_of
from modelswarms.errors import DataError

__all__ = ["csv_content"]

_OURS: Final = ("question", "prompt", "answer", "choices", "id", "domain", "split")
_DELIMITERS: Final = (",", ";", "\t", "|")
_SEP: Final = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""The line with which Excel keeps its delimiter."""

_CELL: Final = 2**31 - 1
_QUOTES: Final = 'put texts with delimiters or line ends in quotes ("), and quotes in texts twice ("").'


def csv_content(path: Path, source: Source, split: str | None = None) -> Content:
    """A table's items; rows that cannot be read are faults of the content, blank ones are passed over.

    The delimiter (comma, semicolon, tab or bar) is the one that gives the header a column for the question.

    Raises:
        DataError: the file cannot be read, is not UTF-8, or has no such column.
    """
    problems: list[Problem] = []
    with _long_cells():
        content = from_rows(str(path), _rows(path, source, problems, split), source)
    content.problems[:0] = problems
    _without_empty_answers(content)
    return content


@contextmanager
def _long_cells() -> Iterator[None]:
    """Prompts may be longer than what the csv module takes a cell for."""
    before = csv.field_size_limit(_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _rows(path: Path, source: Source, problems: list[Problem], split: str | None) -> Iterator[Row]:
    delimiter, skipped = _delimiter(path, source)
    lines = (decoded(path, number, line) for number, line in lines_of(path))
    reader = csv.reader(islice(lines, skipped, None), delimiter=delimiter, strict=True)
    header: list[str] | None = None

    def fault(what: str, remedy: str = _QUOTES) -> None:
        problems.append(Problem(str(path), place, what, remedy))

    while True:
        place = f"line {skipped + reader.line_num + 1}"
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            if "new-line" in str(error) and not problems and header is None:
                told = "its lines end with CR alone; save it with the line ends of Unix or Windows."
                raise DataError(f"{path}: {told}") from None
            fault(f"is no row of cells ({error})")
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = _header(path, cells, source)
        elif len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :]):
            fault(f"has {len(cells)} cells, the header {len(header)}")
        else:
            keys = {name: cell.replace("\r\n", "\n") for name, cell in zip(header, cells, strict=False) if name}
            yield Row(place, _with_choices(keys, source, fault), split)
    if header is None and not problems:
        raise DataError(f"{path}: is empty; write a header, such as question,answer, and a row an example.")


def _delimiter(path: Path, source: Source) -> tuple[str, int]:
    """The delimiter, and how many lines come before the header."""
    first = [decoded(path, number, line) for number, line in islice(lines_of(path), 50)]
    told = _SEP.fullmatch(first[0]) if first else None
    if told:
        return told[1], 1
    wanted = _question_column(source)
    counts = {}
    for delimiter in _DELIMITERS:
        try:
            names = [name.strip() for name in next(csv.reader(first, delimiter=delimiter))]
        except (StopIteration, csv.Error):
            continue
        counts[delimiter] = (any(name in wanted or name.casefold() in wanted for name in names), len(names))
    return max(counts, key=lambda delimiter: counts[delimiter], default=","), 0


def _question_column(source: Source) -> tuple[str, ...]:
    named = source.fields.get("question")
    return (named,) if isinstance(named, str) else ("question", "prompt")


def _header(path: Path, cells: Sequence[str], source: Source) -> list[str]:
    """Names of the columns; ours are known in any case of letters."""
    named = {name for theirs in source.fields.values() for name in ([theirs] if isinstance(theirs, str) else theirs)}
    names = [cell.strip() for cell in cells]
    names = [name if name in named or name.casefold() not in _OURS else name.casefold() for name in names]
    double = next((name for name in names if name and names.count(name) > 1), None)
    if double is not None:
        raise DataError(f"{path}: has two columns {double!r}; give one of them another name.")
    if not set(_question_column(source)) & set(names):
        there = ", ".join(cell.strip() for cell in cells if cell.strip())
        wanted = _question_column(source)[0]
        remedy = (
            "mend utility.data.fields.question."
            if "question" in source.fields
            else "name it in the first line, or say which is meant, as {file: ..., fields: {question: NAME}}."
        )
        raise DataError(f"{path}: has no column {wanted!r} (columns: {there}); {remedy}")
    return names


def _with_choices(keys: dict[str, Any], source: Source, fault: Callable[[str, str], None]) -> dict[str, Any]:
    """A row's cells that are not empty, with choices from columns of their own, or from JSON in one."""
    options = source.fields.get("choices", "choices")
    kept = {source.fields.get("answer", "answer"), *(options if isinstance(options, tuple) else ())}
    letters = _letters(keys) if "choices" not in keys and "choices" not in source.fields else []
    keys = {name: text for name, text in keys.items() if text.strip() or name in kept}
    if letters:
        choices = {letter: keys.pop(letter) for letter in letters if letter in keys}
        return {**keys, "choices": choices} if choices else keys
    if isinstance(options, str) and options in keys:
        try:
            keys[options] = json.loads(keys[options])
        except (ValueError, RecursionError):
            remedy = 'give JSON, such as ["red", "blue"], or a column for each of A, B, ….'
            fault(f"'choices' is {shown(keys.pop(options))}", remedy)
    return keys


def _without_empty_answers(content: Content) -> None:
    """A column of answers that is empty altogether is none."""
    items = [item for split in content.splits.values() for item in split]
    if not any(item.content.get("answer", "").strip() for item in items):
        for item in items:
            item.content.pop("answer", None)


def _letters(header: Container[str]) -> list[str]:
    """The columns A, B, … as far as they go without a gap; one alone is something else."""
    letters = []
    for letter in ascii_uppercase:
        if letter not in header:
            break
        letters.append(letter)
    return letters if len(letters) > 1 else []
