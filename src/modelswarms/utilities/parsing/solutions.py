"""The number that a worked solution ends with."""

from __future__ import annotations

import re
from typing import Final

from modelswarms.utilities.parsing.cleaning import ANSWER, first_turn, plain, without_emphasis
from modelswarms.utilities.parsing.numbers import Number, numbers_in, written
from modelswarms.utilities.parsing.patterns import EXACTLY, any_of, pattern

__all__ = ["final_number"]

_HASHES: Final = re.compile(r"#{4,}")
_CONCLUSION: Final = any_of(
    r"""so, therefore, thus, hence, total, totall?ing, altogether, in all, which is, which makes, which equals,
    which gives, which leaves, making, leaving, leaves, giving, gives, equals, i\.e"""
)
_CONCLUDES: Final = pattern(rf"\b{_CONCLUSION}\b|=")
_BE: Final = any_of("is, was, would be, should be, must be, will be, =")
_ANSWER_IS: Final = pattern(
    rf"""(?:\b(?:answer|solution|ans)\b["']?(?:\s+(?:to|for|of|in)\b[^.!?\n:]{{0,80}}?)?
            (?:\s+{_BE}(?=\W)|\s*[:=\n]|\s*-+>)
          |\bfinal\s+answer\b[\s:=-]*
          |(?:^|\n)\s*a\s*:)
        (?:[\s:="'(*~≈.]|\b{EXACTLY}\b)*$"""
)
_EXPLAINS: Final = pattern(
    r"""\n\s*(?:explanation|reason(?:ing)?|because|working|justification|note|step[- ]by[- ]step|rationale
        |here(?:'s|\ is)\ (?:how|why))\b"""
)
_CIRCUMSTANCE: Final = any_of(
    """in, after, for, per, every, each, at, over, within, on, to, from, than, by, during, across, among,
    between, if, when, out of, until, of"""
)
_AFTER_RESULT: Final = pattern(rf"\b{_CIRCUMSTANCE}\b[^=]*$")
_GOES_ON: Final = pattern(rf"\n|[.!?]\s|\b{any_of('is, are, was, were, has, have, gets?, and, then')}\b")
_NO_RESULT: Final = any_of("steps?, equations?, notes?, figures?, examples?, questions?, problems?, not, to reach")
_REFERENCE: Final = pattern(rf"(?:\b{_NO_RESULT}\s+\$?|\[)$")
_SENTENCE_END: Final = re.compile(r"[.!?](?=\s|$)|\n")
_BOX: Final = re.compile(f"{ANSWER}([^{ANSWER}\\n]*){ANSWER}")


def final_number(text: str) -> str | None:
    """The number that a worked solution gives as its answer; None where it states none.

    What stands after "####", in a box or after "the answer is" counts, else the result of the last
    equation where only circumstances follow it ("3 * 5 = 15 dollars in 3 weeks"), else the last number.
    Fractions and mixed numbers are read ("2 1/2" is 2.5), so are units ("42km", "$3 million"); a percentage
    is its number.

    Example:
        >>> final_number("12 apples and 30 oranges, so 42."), final_number("#### $1,024.00")
        ('42', '1024')
    """
    text = _HASHES.sub(f" {ANSWER} ", first_turn(plain(text)))
    explained = _EXPLAINS.search(text)
    if explained and len(_lone(text[: explained.start()])) == 1:
        text = text[: explained.start()]
    text = without_emphasis(text)
    found = list(numbers_in(text, in_solution=True))
    if not found:
        return None
    for place in (_marked(text, found), _answered(text, found), _result(text, found)):
        if place is not None:
            return written(found[place].value)
    kept = [n for i, n in enumerate(found) if not _is_reference(text, n)] or found
    return written(kept[-1].value)


def _lone(text: str) -> list[Number]:
    """The one number that a short text consists of, but for a unit; empty where there is more."""
    found = list(numbers_in(text, in_solution=True))
    rest = len(re.findall(r"[A-Za-z]+", text))
    return found if len(found) == 1 and rest <= 3 else []


def _marked(text: str, found: list[Number]) -> int | None:
    """The last number in the last box, else the first one after "####", on the same line or right below it."""
    if boxes := list(_BOX.finditer(text)):
        inside = [i for i, n in enumerate(found) if boxes[-1].start() < n.start < boxes[-1].end()]
        return inside[-1] if inside else None
    for mark in re.finditer(ANSWER, text):
        line = text.find("\n", mark.end())
        end = len(text) if line < 0 or not text[mark.end() : line].strip() else line
        inside = [i for i, n in enumerate(found) if mark.end() <= n.start < end and not _is_reference(text, n)]
        if inside:
            return _concluded(text, found, inside[0])
    return None


def _answered(text: str, found: list[Number]) -> int | None:
    """The last number that is said to be the answer."""
    for place in range(len(found) - 1, -1, -1):
        start = found[place].start
        if _ANSWER_IS.search(text[max(0, start - 140) : start]):
            return _concluded(text, found, place)
    return None


def _concluded(text: str, found: list[Number], place: int) -> int:
    """Where the same sentence goes on to a conclusion ("12 and 30, so 42"), that one."""
    end = _sentence_end(text, found[place].end)
    for i in range(len(found) - 1, place, -1):
        if found[i].start < end and _CONCLUDES.search(text[found[i - 1].end : found[i].start]):
            return i
    return place


def _result(text: str, found: list[Number]) -> int | None:
    """The result of the last sentence's last equation, where only circumstances follow."""
    sign = text.rfind("=", 0, found[-1].start)
    after = [i for i, n in enumerate(found) if n.start > sign >= 0]
    if len(after) < 2 or text[sign + 1 : found[after[0]].start].strip(" $€£¥"):
        return None
    between = text[found[after[0]].end : found[-1].start]
    rest_of_line = text[found[-1].end :].partition("\n")[0]
    if _GOES_ON.search(between + " ") or _CONCLUDES.search(between + rest_of_line):
        return None
    return after[0] if _AFTER_RESULT.search(between) else None


def _is_reference(text: str, number: Number) -> bool:
    """Whether a number is that of a step or a note, or is denied."""
    return _REFERENCE.search(text[max(0, number.start - 14) : number.start]) is not None


def _sentence_end(text: str, start: int) -> int:
    end = _SENTENCE_END.search(text, start)
    return end.start() if end else len(text)
