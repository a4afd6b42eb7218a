"""A short answer of a known kind: yes or no, a number, or words."""

from __future__ import annotations

from typing import Literal

from modelswarms.utilities.parsing.numbers import decimal_of
from modelswarms.utilities.parsing.short_numbers import first_number
from modelswarms.utilities.parsing.solutions import final_number
from modelswarms.utilities.parsing.words import stated_phrase
from modelswarms.utilities.parsing.yes_no import stated_yes_no

__all__ = ["AnswerKind", "Parsing", "answer_kind", "stated_answer"]

AnswerKind = Literal["yes_no", "number", "text"]
Parsing = Literal["strict", "compat"]


def answer_kind(answer: str) -> AnswerKind:
    """Whether a right answer is yes or no, a number, or other text."""
    if answer.strip().lower() in ("yes", "no"):
        return "yes_no"
    return "text" if decimal_of(answer.strip()) is None else "number"


def stated_answer(text: str, kind: AnswerKind, which: Literal["first", "last"] = "first") -> str | None:
    """The answer that a text states, in a form that compares; None where it states none.

    Yes, no and numbers count as whole tokens: "No" is not in "Node", "1" is not in "12"; "1,000" is
    "1000", "3." is "3", and "1,2" are two numbers. Other text is compared by its first statement,
    without case, markup, outer punctuation and a leading article.

    Args:
        which: the ``first`` is what a short answer states, the ``last`` what a worked solution ends with.

    Example:
        >>> stated_answer("The length is 1,000.", "number"), stated_answer("Node 3", "yes_no")
        ('1000', None)
    """
    if kind == "text":
        return stated_phrase(text)
    if kind == "yes_no":
        return stated_yes_no(text, which)
    return first_number(text) if which == "first" else final_number(text)
