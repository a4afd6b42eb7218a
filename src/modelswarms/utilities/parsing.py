"""What a text states, read strictly from left to right, as a person would."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Final, Literal

__all__ = ["AnswerKind", "answer_kind", "stated_answer"]

AnswerKind = Literal["yes_no", "number", "text"]

_YES_NO: Final = re.compile(r"(?<![\w-])(yes|no)(?!-?\w)", re.IGNORECASE)
_NUMBER: Final = re.compile(
    r"""(?<![\w.])
        (?:(?<![\w)])[-+−])?[$€£]?                                # "10-3" holds no -3
        (?>(?>\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?>\.\d+)?|\.\d+)    # atomic: no "1" out of "1,000km"
        (?!\w|\.\d)""",
    re.VERBOSE,
)


def answer_kind(answer: str) -> AnswerKind:
    """Whether a right answer is yes or no, a number, or other text."""
    if answer.strip().lower() in ("yes", "no"):
        return "yes_no"
    return "text" if _decimal(answer.strip()) is None else "number"


def stated_answer(text: str, kind: AnswerKind, which: Literal["first", "last"] = "first") -> str | None:
    """The answer that a text states, in a form that compares; None where it states none.

    Yes, no and numbers count as whole tokens: "No" is not in "Node", "1" is not in "12"; "1,000" is
    "1000", "3." is "3", and "1,2" are two numbers. Other text is compared whole, without case, outer
    space and full stops.

    Example:
        >>> stated_answer("The length is 1,000.", "number"), stated_answer("Node 3", "yes_no")
        ('1000', None)
    """
    if kind == "text":
        return " ".join(text.split()).strip(" .").casefold() or None
    if kind == "yes_no":
        said = [match[1].lower() for match in _YES_NO.finditer(text)]
    else:
        said = [str(number) for match in _NUMBER.finditer(text) if (number := _decimal(match[0])) is not None]
    return (said[0] if which == "first" else said[-1]) if said else None


def _decimal(text: str) -> Decimal | None:
    """The number a token is, without trailing zeros; None where it is none."""
    if not _NUMBER.fullmatch(text):
        return None
    try:
        number = Decimal(re.sub("[,$€£]", "", text).replace("−", "-"))
    except InvalidOperation:
        return None
    whole = number.to_integral_value()
    return Decimal(int(whole)) if number == whole else number.normalize()
