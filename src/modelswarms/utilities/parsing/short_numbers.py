"""The number that a short answer states."""

from __future__ import annotations

import re
from typing import Final

from modelswarms.utilities.parsing.cleaning import ANSWER, first_turn, plain, without_emphasis
from modelswarms.utilities.parsing.numbers import Number, numbers_in, written
from modelswarms.utilities.parsing.patterns import EXACTLY, any_of, pattern

__all__ = ["first_number"]

_LABELLED: Final = any_of(
    """nodes?, vertex, vertices, steps?, edges?, options?, questions?, examples?, graphs?, versions?, figures?,
    lines?, parts?, from, between, via, through, not, n't, isn't, equations?, chapters?, sections?,
    iterations?"""
)
_LABEL: Final = pattern(rf"(?:\b{_LABELLED}\s+|\[|\#|\w\([^()]*)$")
_JOINED: Final = re.compile(r"\s*(?:-+>|=+>|→|–>|—>|⟶|➔|<->|↔)\s*")
_LISTED: Final = re.compile(r"\b(?:nodes|vertices|from|between|via|through)\s+(?:nodes?\s+)?$", re.IGNORECASE)
_AND: Final = pattern(r"\s*(?:,|and|to|or)\s*")
_HYPHEN: Final = re.compile(r"\d-$")
_HYPHENS_BEFORE: Final = re.compile(r"(?:\d+-){2}$")
_HYPHENS_AFTER: Final = re.compile(r"(?:-\d+){2}")
_FIRST_ITEM: Final = re.compile(r"[.)]\s+\w")
_ITEM: Final = re.compile(r"\)\s+\w|\.\s+[A-Za-z]")
_LINE_START: Final = re.compile(r"(?:^|\n)\s*$")
_MEASURE: Final = any_of(
    """answer, length, distance, weight, cost, total, sum, result, minimum, value, output, ans, number, count,
    solution"""
)
_STATED: Final = pattern(
    rf"""(?:{ANSWER}
          |\b{_MEASURE}\b(?:[^.!?\n:=]|\.(?=\d)){{0,90}}?(?:\b(?:is|was|be|equals?|are)\b|[:=]|->)
          |\b(?:length|total\s+(?:weight|cost|length|distance)|distance|total|answer)\b(?:\s+of)?)
        [\s:="'(*{ANSWER}]*(?:\b{EXACTLY}\b[\s:="'(]*)*$"""
)
_THUS: Final = pattern(r"\b(?:so|therefore|thus|hence)\b[\s,:]*(?:it\s+is\s+)?$")
_SO: Final = re.compile(r"\b(?:so|therefore|thus|hence|in\s+total|total)\b[^.!?\n\d]*$", re.IGNORECASE)
_POWER: Final = re.compile(r"^\^\d+")
_OPERATOR: Final = pattern(r"[\s()]*[-+*/x^][\s()]*")
_EQUALS: Final = pattern(r"[\s)]*(?:=|is|equals|makes|gives|,?\s*i\.e\.,?|,?\s*that\s+is,?)\s*")
_AGAIN: Final = pattern(r"\s*(?:[,;.]|and|then|\n)+\s*")
_ASIDE: Final = re.compile(r"\([^()]*[A-Za-z][^()]*\)")
_NUMBER_LIST: Final = re.compile(r"\[\s*\d+(?:\s*,\s*\d+)+\s*\]")


def first_number(text: str) -> str | None:
    """The number that a short answer states; None where it states none.

    What is said to be the answer, length, weight or total counts, else the first number that is no
    label ("node 3", "0 -> 3 -> 5"), else the first. "3 + 5 = 8" states 8.

    Example:
        >>> first_number("The path from node 3 to node 7 has length 1,000.")
        '1000'
    """
    text = without_emphasis(first_turn(plain(text)))
    found = list(numbers_in(text))
    if not found:
        return None
    named = [i for i in range(len(found)) if _is_label(text, found, i)]
    stated = [n for i, n in enumerate(found) if i not in named and _STATED.search(_before(text, n))]
    concluded = [n for n in stated if _SO.search(_before(text, n))]
    if stated and not concluded:
        concluded = [n for n in found if _THUS.search(_before(text, n))]
    others = [n for i, n in enumerate(found) if i not in named]
    chosen = (concluded or stated or others or found)[0]
    return written(_total(text, found, chosen).value)


def _before(text: str, number: Number) -> str:
    return text[max(0, number.start - 140) : number.start]


def _is_label(text: str, found: list[Number], place: int) -> bool:
    """Whether a number names a node or a step, or stands in a path."""
    number = found[place]
    before, after = text[max(0, number.start - 24) : number.start], text[number.end : number.end + 10]
    if _LABEL.search(before) or any(m.start() < number.start < m.end() for m in _NUMBER_LIST.finditer(text)):
        return True
    if _HYPHENS_BEFORE.search(before) or _HYPHENS_AFTER.match(after) or (_HYPHEN.search(before) and after[:1] == "-"):
        return True
    since_last = text[found[place - 1].end : number.start] if place else ""
    to_next = text[number.end : found[place + 1].start] if place + 1 < len(found) else ""
    if _JOINED.fullmatch(since_last) or _JOINED.fullmatch(to_next):
        return True
    if _AND.fullmatch(since_last):
        return _LISTED.search(text[: found[place - 1].start]) is not None
    item = _FIRST_ITEM if number.value == 1 else _ITEM
    return item.match(after) is not None and _LINE_START.search(before) is not None


def _total(text: str, found: list[Number], number: Number) -> Number:
    """The result of the sum that a number begins ("3 + 5 = 8"), else the number; brackets are passed over."""
    bare = _ASIDE.sub(lambda m: " " * len(m[0]), text)
    outside = [n for n in found if n.start > number.start and bare[n.start] != " "]
    result, last, summed = number, number, False
    for following in outside if bare[number.start] != " " else ():
        between, power = _POWER.subn("", bare[last.end : following.start])
        summed = summed or power > 0
        if _OPERATOR.fullmatch(between) or (not between.strip() and text[following.start] in "+-"):
            summed = True
        elif summed and _EQUALS.fullmatch(between):
            result, summed = following, False
        elif not (result is last is not number and following.value == result.value and _AGAIN.fullmatch(between)):
            break
        last = following
    return result
