"""The option that a text states: its letter, or its text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from modelswarms.utilities.parsing.cleaning import first_turn, plain, plain_characters, without_emphasis
from modelswarms.utilities.parsing.letters import Named, key_of, lone_letter, mark_letters, named_letters, takes_back
from modelswarms.utilities.parsing.option_texts import after_announcement, equal_option, option_by_text

__all__ = ["stated_option"]

_ASKED: Final = re.compile(r"(?m)(?:^|(?<=\?\s))A:\s+(?=\(?[A-Za-z]\)?[.\s]*$|\(?[A-Z][).:]\s)")
"""An "A:" that stands for "answer": a letter follows."""
_SMALL: Final = re.compile(
    r"(?i)(?:\b(?:option|choice|answer|letter|alternative)\s+|^\s*)(?-i:([b-z]))(?=\s+(?:is|was|seems|looks|must|should|would)\s)"
)
"""A small letter that a sentence is about: "option b is correct"; an "a" would be an article."""
_QUESTION: Final = re.compile(r"^\s*Q\s*[:.][^\n?]*\?\s*(?=\S)")


def stated_option(text: str, choices: Mapping[str, str]) -> str | None:
    """The key of the option that a text states; None where it states none, or several.

    Read from left to right, as a person would. A letter counts as a token that is stated ("B", "B.",
    "(b)", "**B**", "The correct option is B) …", "A is wrong, so B"), never as part of a word, as an
    article ("A lot of …") or where it is denied ("not A"). Several letters at once ("both A and C")
    are no answer. Where no letter is stated, the one option counts whose text is.

    Args:
        text: as the model wrote it.
        choices: texts by letter; the letters, in whatever case, are what can be stated.

    Example:
        >>> choices = {"A": "Paris", "B": "London"}
        >>> stated_option("The answer is (b).", choices), stated_option("A lot of people live there", choices)
        ('B', None)
        >>> stated_option("It is London.", choices)
        'B'
    """
    text = _ASKED.sub("Answer: ", _QUESTION.sub("", first_turn(plain(text))))
    text = _SMALL.sub(lambda found: found[0][:-1] + found[1].upper(), text)
    if not text.strip():
        return None
    choices = {key: _plain_option(option) for key, option in choices.items()}
    for said in dict.fromkeys((text, after_announcement(text))):
        if said.strip() in choices:
            return said.strip()
        if letter := lone_letter(said):
            return key_of(letter, choices) or equal_option(said, choices)
        if (key := equal_option(said, choices)) is not None:
            return key
    marked = mark_letters(text)
    named = named_letters(marked, choices)
    key, settled = _by_letter(marked, named, choices)
    if settled:
        return key
    return option_by_text(without_emphasis(text), choices)


@lru_cache(maxsize=4096)
def _plain_option(option: str) -> str:
    """An option in the typography of what is read."""
    return plain_characters(option).strip()


def _by_letter(text: str, named: Sequence[Named], choices: Mapping[str, str]) -> tuple[str | None, bool]:
    """The key that letters state, and whether they settle it: a letter that is no choice does, several do not."""
    told = _without_enumeration(named, choices)
    enumerated, named = len(told) < len(named), told
    statement = _statement(named)
    if statement is not None:
        return (_final(text, statement, named).only, True)
    if any(n.says == "asserts" for n in named):
        return None, False
    said = {key for n in named if n.says != "denies" and n.set_off for key in n.keys}
    denied = {key for n in named if n.says == "denies" for key in n.keys}
    left = said - denied - {None}
    if len(left) == 1:
        return left.pop(), True
    return None, enumerated


def _statement(named: Sequence[Named]) -> Named | None:
    """The letter that the text begins with, else the first that is said to be the answer, else that begins a line."""
    asserted = [n for n in named if n.says == "asserts" and len(set(n.keys)) == 1]
    if named and named[0].first and named[0].says in ("begins", "asserts") and len(set(named[0].keys)) == 1:
        return named[0]
    if asserted:
        return asserted[0]
    begun = [n for n in named if n.says == "begins"]
    if len({n.keys for n in begun[:-1] if len(set(n.keys)) == 1} | {n.keys for n in begun[-1:]}) != 1:
        return None
    return begun[-1] if len(set(begun[-1].keys)) == 1 else None


def _final(text: str, statement: Named, named: Sequence[Named]) -> Named:
    """What the statement was corrected to, if it was."""
    for later in named:
        stated = later.says in ("begins", "asserts") and later.closed and len(set(later.keys)) == 1
        if stated and later.start > statement.end and takes_back(text, statement.end, later.start):
            return later
    return statement


def _without_enumeration(named: Sequence[Named], choices: Mapping[str, str]) -> list[Named]:
    """Without the options themselves, where the text repeats them from the first on."""
    keys = list(choices)
    listed = [n for n in named if n.says in ("begins", "mentions") and n.listed and n.only is not None]
    if len(listed) > 1 and [n.only for n in listed[:2]] == keys[:2]:
        return [n for n in named if n not in listed]
    return list(named)
