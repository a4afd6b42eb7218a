"""JSON data files: one document, ``{"dataset": name, "dev": [...], "test": [...]}``, or one item a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NoReturn

from modelswarms.datasets.content import Content, Row, from_rows
from modelswarms.datasets.problems import Problem
from modelswarms.datasets.source import Source
from modelswarms.datasets.text import decoded, lines_of, reading
from modelswarms.errors import DataError
from modelswarms.naming import kind_of

__all__ = ["json_content", "jsonl_content"]

_TOP: Final = ("dataset", "dev", "test", "icl_prompt")
_WRITE: Final = 'write one: {"dataset": name, "dev": [...], "test": [...]}'
_DOCUMENT: Final = "is one JSON document, not one item a line; save it as .json."
_OR_LINES: Final = "or name a file of one item a line .jsonl"


def json_content(path: Path, source: Source, split: str | None = None) -> Content:
    """A JSON document's items.

    Args:
        split: the one split that the file holds, as a list; a list will do as well where both are to be drawn.

    Raises:
        DataError: it cannot be read, or is not such a document.
    """
    document = _document(path)
    drawn = source.dev_size is not None or source.test_size is not None
    if isinstance(document, list) and (drawn or split):
        return from_rows(str(path), (Row(f"item {k}", item, split) for k, item in enumerate(document)), source)
    if split:
        raise DataError(f"{path}: holds {kind_of(document)}; as the file of one split, give a list of items.")
    if not isinstance(document, dict) or (source.dev or "dev") not in document:
        raise DataError(f'{path}: has no "{source.dev or "dev"}"; {_WRITE}{_instead(document)}.')
    splits = _splits(path, document, source)
    rows = (Row(f"{named}[{k}]", item, ours) for ours, named, items in splits for k, item in enumerate(items))
    content = from_rows(str(path), rows, replace(source, dev=None, test=None))
    content.splits = {ours: content.splits.get(ours, []) for ours in ("dev", "test")}
    content.icl_prompt = document.get("icl_prompt")
    if content.icl_prompt is not None and not isinstance(content.icl_prompt, str):
        raise DataError(f"{path}: 'icl_prompt' is {kind_of(content.icl_prompt)}; give a text, or leave it out.")
    content.name = document.get("dataset", path.stem)
    if not isinstance(content.name, str):
        raise DataError(f"{path}: 'dataset' is {kind_of(content.name)}; give the data set's name.")
    return content


def _instead(document: Any) -> str:
    """What else may be meant by a document without the split."""
    if isinstance(document, list) and document and isinstance(document[0], dict):
        return ", or draw from its items, as {file: ..., dev_size: 200, test_size: 1000}"
    lists = [key for key, value in document.items() if isinstance(value, list)] if isinstance(document, dict) else []
    other = next((key for key in lists if key not in _TOP), None)
    return f", or say which split is meant, as {{file: ..., dev: {other}}}" if other else ""


def _splits(path: Path, document: Mapping[str, Any], source: Source) -> list[tuple[str, str, list[Any]]]:
    """Our name, theirs, and the items of each split."""
    if source.test is not None and source.test not in document:
        raise DataError(f'{path}: has no "{source.test}"; mend utility.data.test.')
    for key in document.keys() - set(_TOP):
        meant = get_close_matches(key, [name for name in _TOP if name not in document], n=1, cutoff=0.7)
        if meant and source.dev is None and source.test is None:
            raise DataError(f"{path}: unknown key {key!r}; did you mean {meant[0]!r}?")
    splits = []
    for ours, named in (("dev", source.dev or "dev"), ("test", source.test or "test")):
        items = document.get(named, [])
        if not isinstance(items, list):
            raise DataError(f"{path}: {named!r} is {kind_of(items)}; give a list of items.")
        splits.append((ours, named, items))
    return splits


def _document(path: Path) -> Any:
    with reading(path):
        content = path.read_bytes()
    try:
        return json.loads(content.decode("utf-8-sig"), parse_constant=_refuse)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            raise DataError(f"{path}: line {error.lineno} begins a second JSON value; {_WRITE}, {_OR_LINES}.") from None
        raise DataError(f"{path}: not valid JSON at line {error.lineno} ({error.msg}); mend the file.") from None
    except (UnicodeDecodeError, RecursionError):
        raise DataError(f"{path}: not UTF-8 JSON; save it as UTF-8 text.") from None
    except ValueError as error:
        raise DataError(f"{path}: holds {_unreadable(error)}; write it as a text.") from None


def jsonl_content(path: Path, source: Source, split: str | None = None) -> Content:
    """The items of a JSON Lines file; lines that cannot be read are faults of the content, blank ones are passed over.

    Raises:
        DataError: the file cannot be read, is not UTF-8, or is one JSON document.
    """
    problems: list[Problem] = []
    content = from_rows(str(path), _lines(path, problems, split), source)
    content.problems[:0] = problems
    return content


def _lines(path: Path, problems: list[Problem], split: str | None) -> Iterator[Row]:
    decoder = json.JSONDecoder(parse_constant=_refuse)
    for number, line in lines_of(path):
        text = decoded(path, number, line).strip()
        if not text:
            continue
        try:
            value = decoder.decode(text)
        except json.JSONDecodeError as error:
            if number == 1 and (text == "{" or text[0] == "["):
                raise DataError(f"{path}: {_DOCUMENT}") from None
            what, remedy = f"is not valid JSON ({error.msg} at column {error.colno})", "mend it, or leave it out."
        except RecursionError:
            what, remedy = "is nested too deeply", "mend it, or leave it out."
        except ValueError as error:
            what, remedy = f"holds {_unreadable(error)}", "write it as a text."
        else:
            if number == 1 and _is_document(value):
                raise DataError(f"{path}: {_DOCUMENT}")
            yield Row(f"line {number}", value, split)
            continue
        problems.append(Problem(str(path), f"line {number}", what, remedy))


def _is_document(value: Any) -> bool:
    items = value.get("dev") if isinstance(value, dict) else value
    return isinstance(items, list) and bool(items) and isinstance(items[0], dict)


def _refuse(constant: str) -> NoReturn:
    """NaN and Infinity, which Python reads and JSON does not know."""
    raise ValueError(f"{constant} is not JSON")


def _unreadable(error: ValueError) -> str:
    return f"a number that cannot be read ({str(error).partition(';')[0]})"
