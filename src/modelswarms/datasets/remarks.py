"""What single items say that may not be meant: answers of another kind, odd choices, long or damaged texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from string import ascii_uppercase
from typing import Final

from modelswarms.datasets.items import KNOWN, Item
from modelswarms.datasets.leakage import normalised
from modelswarms.datasets.problems import Problem, shown
from modelswarms.types import Example

__all__ = ["remarks_on_items"]

LONG: Final = 8000
"""Characters of a question, choices included, from which on many a small model's context is too short."""

RARE: Final = 0.1
"""Share of a domain's answers up to which those of another kind are remarked upon."""

_NUMBER: Final = re.compile(r"[-+−]?[$€£]?\d[\d,]*(\.\d+)?\s?%?\.?")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MOJIBAKE: Final = re.compile("[ÃÂ][\u0080-\u00bf]|â€[\u0090-\u00ff™œ˜¦“”]|\ufffd")
"""UTF-8 that was read as Latin-1 or cp1252 (é becomes Ã©), and what decoders write for what they cannot read."""

Pairs = Sequence[tuple[Item, Example]]


def remarks_on_items(label: str, pairs: Pairs) -> Iterator[Problem]:
    """All of them; ``label`` is what messages call the data set."""
    yield from _fields(label, pairs)
    yield from _answers(label, pairs)
    for item, example in pairs:
        yield from _choices(item, example)
        yield from _position(item, example)
        yield from _texts(item, example)


def _fields(label: str, pairs: Pairs) -> Iterator[Problem]:
    """Keys that are nearly ours, in items that lack ours."""
    near: dict[tuple[str, str], list[Item]] = {}
    for item, example in pairs:
        missing = [name for name in KNOWN[2:] if item.content.get(name) is None]
        for key in example.extra if missing else ():
            for name in get_close_matches(str(key).casefold(), missing, n=1, cutoff=0.75):
                near.setdefault((str(key), name), []).append(item)
    for (key, name), items in near.items():
        what = f"has {key!r} and no {name!r}" + (f" (and so {len(items) - 1:,} more)" if len(items) > 1 else "")
        yield items[0].remark("fields", what, f"write {name!r}, or {{file: ..., fields: {{{name}: {key}}}}}.")


def _answers(label: str, pairs: Pairs) -> Iterator[Problem]:
    """Answers that are missing, all alike, or of another kind than the others of their domain."""
    answered = [(item, example) for item, example in pairs if example.answer is not None]
    if 0 < len(answered) < len(pairs):
        many = f"{len(answered)} of {len(pairs)} items have one"
        for item, example in pairs:
            if example.answer is None:
                yield item.remark("no answer", f"has no 'answer', though {many}", "give the right one.")
    said = Counter(example.answer for _, example in answered)
    if len(answered) >= 10 and len(said) == 1:
        what = f"holds the answer {next(iter(said))!r} and no other: a model that always says it is right"
        yield Problem(label, "", what, "check the column that is taken for the answer.", "warning", "answers")
    yield from _mixed(answered)
    yield from _counted_from_one(label, answered)
    open_ended: dict[str | None, list[tuple[Item, Example]]] = {}
    for item, example in answered:
        if not example.choices:
            open_ended.setdefault(example.domain, []).append((item, example))
    for domain, of_domain in open_ended.items():
        yield from _kinds(domain, of_domain)


def _mixed(answered: Pairs) -> Iterator[Problem]:
    """Items with choices among items without, or the other way round."""
    lettered = sum(example.choices is not None for _, example in answered)
    most, rest = (True, len(answered) - lettered) if 2 * lettered > len(answered) else (False, lettered)
    for item, example in answered:
        if rest and (example.choices is not None) != most:
            what = f"has {'no ' if most else ''}choices, unlike {_count(len(answered) - rest, 'other')}"
            yield item.remark("kind", what, "keep questions with and without choices in files of their own.")


def _counted_from_one(label: str, answered: Pairs) -> Iterator[Problem]:
    """Positions among which there is no 0."""
    given = [(str(item.content["answer"]).strip(), e.choices) for item, e in answered if e.choices]
    places = [said for said, choices in given if said.isdecimal() and said not in choices]
    if len(places) >= 10 and len(places) == len(given) and all(int(said[:9]) > 0 for said in places):
        what = f"holds {len(places):,} answers that are positions, and none of them is 0: perhaps they count from 1"
        remedy = "positions count from 0; write {file: ..., answers: {1: A, 2: B, ...}} where yours do not."
        yield Problem(label, "", what, remedy, "warning", "answers")


def _kinds(domain: str | None, pairs: Pairs) -> Iterator[Problem]:
    kinds = Counter(_kind(example.answer or "") for _, example in pairs)
    most, count = kinds.most_common(1)[0]
    for item, example in pairs:
        kind = _kind(example.answer or "")
        if kind != most and kinds[kind] <= RARE * len(pairs):
            among = f" of {domain!r}" if domain else ""
            what = f"'answer' is {shown(example.answer)}; {count} of {len(pairs)} answers{among} are {most}"
            yield item.remark("kind", what.replace(";", ","), f"check it: should it be {most.removesuffix('s')}?")


def _kind(answer: str) -> str:
    if answer.strip(" .").casefold() in ("yes", "no"):
        return "yes or no"
    return "numbers" if _NUMBER.fullmatch(answer.strip()) else "texts"


def _choices(item: Item, example: Example) -> Iterator[Problem]:
    choices = example.choices
    if not choices:
        return
    if len(choices) == 1:
        yield item.remark("choices", "has one choice alone", "give the others, or leave it out.")
    letters = list(choices)
    if all(letter in ascii_uppercase for letter in letters) and letters != list(ascii_uppercase[: len(letters)]):
        yield item.remark("choices", f"has the choices {', '.join(letters)}", "letter them from A on, without gaps.")
    same: dict[str, list[str]] = {}
    for letter, text in choices.items():
        same.setdefault(normalised(text), []).append(letter)
    for text, alike in same.items():
        if not text:
            yield item.remark("choices", f"has no text for {', '.join(alike)}", "write it, or leave the choice out.")
        elif len(alike) > 1:
            right = ", of which one counts as right" if example.answer in alike else ""
            what = f"has one text for {' and '.join(alike)} ({shown(choices[alike[0]])}){right}"
            yield item.remark("choices", what, "change one of them, or leave the item out.")


def _position(item: Item, example: Example) -> Iterator[Problem]:
    """Numbers that were taken for positions, where they might have been meant as texts."""
    given, choices = item.content.get("answer"), example.choices or {}
    if not isinstance(given, int) or not isinstance(item.content.get("choices"), list | tuple):
        return
    says = next((letter for letter, text in choices.items() if text.strip() == str(given)), None)
    if says not in (None, example.answer):
        what = f"'answer' {given} is taken as a position from 0 ({example.answer}), though choice {says} says {given}"
        yield item.remark("answers", what, "give the letter, if that is meant.")


def _texts(item: Item, example: Example) -> Iterator[Problem]:
    texts: Mapping[str, str] = {
        "question": example.question,
        "answer": example.answer or "",
        "choices": "\n".join((example.choices or {}).values()),
    }
    length = len(texts["question"]) + len(texts["choices"])
    if length > LONG:
        what = f"is {length:,} characters long, about {length // 4:,} tokens"
        yield item.remark("long", what, "see that the base's context holds it, or shorten it.")
    for field, text in texts.items():
        if found := _CONTROL.search(text):
            what = f"'{field}' holds the control character U+{ord(found[0]):04X}"
            yield item.remark("text", what, "take it out.")
        if found := _MOJIBAKE.search(text):
            around = text[max(0, found.start() - 8) : found.end() + 8]
            what = f"'{field}' looks as if it had been read in another encoding ({around!r})"
            yield item.remark("text", what, "save its source as UTF-8 anew.")


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'s' * (number != 1)}"
