"""Reads ``{"dataset": name, "dev": [...], "test": [...], "icl_prompt"?: text}``."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from modelswarms.errors import DataError
from modelswarms.naming import kind_of
from modelswarms.types import Example

__all__ = ["DataSet", "read_dataset"]

_TOP = ("dataset", "dev", "test", "icl_prompt")
_WRITE = 'write one: {"dataset": name, "dev": [...], "test": [...]}.'
_KNOWN = ("question", "prompt", "answer", "choices", "id", "domain")


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


def read_dataset(path: str | Path) -> DataSet:
    """Reads and checks a data file.

    Raises:
        DataError: names the file, the item and field, and the remedy.
    """
    path = Path(path)
    content = _content(path)
    dev, test = (_examples(path, split, content.get(split, [])) for split in ("dev", "test"))
    if not dev:
        raise DataError(f"{path}: 'dev' holds no examples; give some, on which a search can compare candidates.")
    icl_prompt = content.get("icl_prompt")
    if icl_prompt is not None and not isinstance(icl_prompt, str):
        raise DataError(f"{path}: 'icl_prompt' is {kind_of(icl_prompt)}; give a text, or leave it out.")
    name = content.get("dataset", path.stem)
    if not isinstance(name, str):
        raise DataError(f"{path}: 'dataset' is {kind_of(name)}; give the data set's name.")
    canonical = json.dumps([content.get("dev"), content.get("test", []), icl_prompt], sort_keys=True)
    return DataSet(name, dev, test, icl_prompt, hashlib.sha256(canonical.encode()).hexdigest())


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_refuse)
    except FileNotFoundError:
        raise DataError(f"{path}: no such data file; check the path.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check what it is and who may read it.") from None
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            raise DataError(f"{path}: line {error.lineno} begins a second JSON value; {_WRITE}") from None
        raise DataError(f"{path}: not valid JSON at line {error.lineno} ({error.msg}); mend the file.") from None
    except (UnicodeDecodeError, RecursionError):
        raise DataError(f"{path}: not UTF-8 JSON; save it as UTF-8 text.") from None
    except ValueError as error:
        why = str(error).partition(";")[0]
        raise DataError(f"{path}: holds a number that cannot be read ({why}); write it as a text.") from None
    if not isinstance(content, dict) or "dev" not in content:
        raise DataError(f'{path}: has no "dev"; {_WRITE}')
    for key in content.keys() - set(_TOP):
        meant = get_close_matches(key, [name for name in _TOP if name not in content], n=1, cutoff=0.7)
        if meant:
            raise DataError(f"{path}: unknown key {key!r}; did you mean {meant[0]!r}?")
    return content


def _refuse(constant: str) -> NoReturn:
    """NaN and Infinity, which Python reads and JSON does not know."""
    raise ValueError(f"{constant} is not JSON")


def _examples(path: Path, split: str, items: Any) -> tuple[Example, ...]:
    if not isinstance(items, list):
        raise DataError(f"{path}: {split!r} is {kind_of(items)}; give a list of items.")
    examples = tuple(_example(f"{path}: {split}[{i}]", item, str(i)) for i, item in enumerate(items))
    return _with_ids_of_their_own(examples)


def _with_ids_of_their_own(examples: tuple[Example, ...]) -> tuple[Example, ...]:
    """Published files repeat ids; from the second on, the position is added."""
    seen: set[str] = set()
    unique = []
    for position, example in enumerate(examples):
        name = example.id if example.id not in seen else f"{example.id} (item {position})"
        seen |= {example.id, name}
        unique.append(replace(example, id=name))
    return tuple(unique)


def _example(where: str, item: Any, position: str) -> Example:
    if not isinstance(item, dict):
        raise DataError(f"{where} is {kind_of(item)}; give keys and values, such as question and answer.")
    question = item.get("question", item.get("prompt"))
    if not isinstance(question, str) or not question.strip():
        raise DataError(f"{where}: 'question' is {question!r}; give a text that is not empty.")
    answer, choices = item.get("answer"), item.get("choices")
    if not (answer is None or _text_or_number(answer)):
        raise DataError(f"{where}: 'answer' is {answer!r}; give a text or a number.")
    answer = None if answer is None else str(answer).strip()
    if answer == "":
        raise DataError(f"{where}: 'answer' is empty; give the right answer.")
    name, domain = item.get("id"), item.get("domain")
    if not (name is None or _text_or_number(name)):
        raise DataError(f"{where}: 'id' is {name!r}; give a text or a number, or leave it out.")
    return Example(
        id=position if name is None else str(name),
        question=question,
        answer=answer,
        choices=_choices(where, choices, answer),
        domain=None if domain is None else str(domain),
        extra={key: value for key, value in item.items() if key not in _KNOWN},
    )


def _text_or_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return number or isinstance(value, str)


def _choices(where: str, choices: Any, answer: str | None) -> Mapping[str, str] | None:
    if choices is None:
        return None
    texts = isinstance(choices, dict) and choices and all(isinstance(text, str) for text in choices.values())
    if not texts:
        raise DataError(f"{where}: 'choices' is {choices!r}; map option letters to texts.")
    if answer not in choices:
        raise DataError(f"{where}: 'answer' {answer!r} is none of the choices {', '.join(choices)}; mend one of them.")
    return dict(choices)
