"""Items of a data file as examples: what an item may say, and what is wrong with one that does not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from string import ascii_uppercase
from typing import Any, Final

from modelswarms.datasets.problems import Problem, shown
from modelswarms.naming import kind_of
from modelswarms.types import Example, Split

__all__ = ["KNOWN", "LETTERS", "Item", "examples_of"]

LETTERS: Final = ascii_uppercase
"""What choices are called that have no letters of their own."""

KNOWN: Final = ("question", "prompt", "answer", "choices", "id", "domain")


@dataclass(frozen=True)
class Item:
    """What a file says of one example, under this project's names of fields.

    Attributes:
        file, place: where it stands, for messages.
        content: keys and values, as they are in the file.
        position: in its split; its name where it has no id.
    """

    file: str
    place: str
    content: Any
    position: int

    def problem(self, what: str, remedy: str) -> Problem:
        """A fault of this item."""
        return Problem(self.file, self.place, what, remedy)

    def remark(self, topic: str, what: str, remedy: str) -> Problem:
        """What does not keep a search from using it, but may not be meant."""
        return Problem(self.file, self.place, what, remedy, "warning", topic)


def examples_of(items: Iterable[Item], split: Split | None = None) -> tuple[list[tuple[Item, Example]], list[Problem]]:
    """The examples of one split under ids of their own, each with its item, and what is wrong with items that are none.

    Published files repeat ids; from the second on, the position is added.
    """
    pairs: list[tuple[Item, Example]] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for item in items:
        faults: list[Problem] = []
        example = _example(item, faults)
        problems += faults
        if not faults:
            name = example.id if example.id not in seen else f"{example.id} (item {item.position})"
            seen |= {example.id, name}
            pairs.append((item, replace(example, id=name, split=split)))
    return pairs, problems


def _example(item: Item, faults: list[Problem]) -> Example:
    """The example; of use only where no fault is added."""
    content = item.content
    if not isinstance(content, dict):
        what = f"is {kind_of(content)}"
        faults.append(item.problem(what, "give keys and values, such as question and answer."))
        return Example("", "")
    question = content.get("question", content.get("prompt"))
    if not isinstance(question, str) or not question.strip():
        faults.append(
            item.problem(f"'question' is {shown(question)}", f"give a text that is not empty{_meant(content)}.")
        )
    answer = content.get("answer")
    if not (answer is None or _text_or_number(answer)):
        faults.append(item.problem(f"'answer' is {shown(answer)}", "give a text or a number."))
    elif answer is not None and not str(answer).strip():
        faults.append(item.problem("'answer' is empty", "give the right answer."))
    name, domain = content.get("id"), content.get("domain")
    if not (name is None or _text_or_number(name)):
        faults.append(item.problem(f"'id' is {shown(name)}", "give a text or a number, or leave it out."))
    choices = None
    if content.get("choices") is not None:
        choices = _choices(item, content["choices"], faults)
    said = None if answer is None else str(answer).strip()
    for key, text in (("question", question), ("answer", said), ("choices", "".join((choices or {}).values()))):
        if isinstance(text, str) and not _whole(text):
            faults.append(item.problem(f"'{key}' holds half a character (such as \\ud83d)", "write the whole one."))
    if choices is not None and not faults:
        said = _letter(item, answer, choices, faults)
    return Example(
        id=str(item.position) if name is None else str(name),
        question=question if isinstance(question, str) else "",
        answer=said,
        choices=choices,
        domain=None if domain is None else str(domain),
        extra={key: value for key, value in content.items() if key not in KNOWN},
    )


def _meant(content: Mapping[str, Any]) -> str:
    """Which other field may be the question, where there is none."""
    others = [str(key) for key, value in content.items() if key not in KNOWN]
    others.sort(key=lambda key: not isinstance(content.get(key), str))  # texts first
    if not others or "question" in content or "prompt" in content:
        return ""
    return f", or say which field is one, as {{file: ..., fields: {{question: {others[0]}}}}}"


def _whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text_or_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return number or isinstance(value, str)


def _choices(item: Item, given: Any, faults: list[Problem]) -> Mapping[str, str] | None:
    """Option letters and texts, from a mapping, a list of texts, or lists of labels and texts as ARC has them."""
    lettered = texts = given
    if labels := _labels(given):
        texts = given["text"]
        lettered = dict(zip(labels, texts, strict=True))
    if isinstance(texts, list | tuple) and not all(label in LETTERS for label in labels or "0"):
        if len(texts) > len(LETTERS):
            what = f"'choices' holds {len(texts)} texts"
            faults.append(item.problem(what, f"give at most {len(LETTERS)}, or map names of your own to them."))
            return None
        lettered = dict(zip(LETTERS, texts, strict=False))
    if isinstance(lettered, Mapping) and lettered and all(_text_or_number(text) for text in lettered.values()):
        return {str(letter): str(text) for letter, text in lettered.items()}
    faults.append(item.problem(f"'choices' is {shown(given)}", "give a list of texts, or map option letters to texts."))
    return None


def _labels(choices: Any) -> list[str]:
    """The labels that ARC and its like keep beside the texts; none for other forms of choices."""
    if not isinstance(choices, Mapping) or set(choices) != {"text", "label"}:
        return []
    texts, labels = choices["text"], choices["label"]
    if not (isinstance(texts, list | tuple) and isinstance(labels, list | tuple) and len(texts) == len(labels)):
        return []
    names = [str(label) for label in labels]
    return names if len(set(names)) == len(names) else []


def _letter(item: Item, answer: Any, choices: Mapping[str, str], faults: list[Problem]) -> str | None:
    """The letter of the right choice, which may be given as letter, text or position from 0."""
    said = "" if answer is None else str(answer).strip()
    if said in choices:
        return said
    if said in (labels := _labels(item.content["choices"])):
        return list(choices)[labels.index(said)]
    if said.upper() in choices:
        return said.upper()
    by_text = [letter for letter, text in choices.items() if text.strip() == said]
    counts = said.isdecimal() and len(said) < 4 and int(said) < len(choices)
    by_place = list(choices)[int(said)] if counts else None
    if by_place and isinstance(answer, int) and isinstance(item.content["choices"], list | tuple):
        return by_place  # as published sets have it
    meant = {*by_text, by_place} - {None}
    if len(meant) == 1:
        return meant.pop()
    if meant:
        which = f"{shown(said)} may mean any of the choices {', '.join(sorted(m for m in meant if m))}"
        faults.append(item.problem(f"'answer' {which}", "give the letter."))
    else:
        shown_answer = None if answer is None else said
        what = f"'answer' {shown(shown_answer)} is none of the choices {', '.join(choices)}"
        remedy = "mend one of them"
        if said.isdecimal():
            remedy += " (positions count from 0; write {file: ..., answers: {1: A, 2: B, ...}} where yours do not)"
        faults.append(item.problem(what, f"{remedy}."))
    return None
