"""A judge's verdict on two answers."""

from __future__ import annotations

import re
from typing import Final, Literal

from modelswarms.utilities.parsing.cleaning import plain, without_emphasis

__all__ = ["Verdict", "stated_verdict"]

Verdict = Literal["A", "B", "tie"]

_TIE: Final = r"(?:an?\s+)?(?:tie|tied|draw)\b|neither\b|both\b|equal\b"
_WHO: Final = rf"(?P<who>(?i:{_TIE})|(?:(?i:answer|response|assistant|option)\s+)?(?:[AB]\b|[ab](?=\W*(?:\n|$))))"
_OPEN: Final = r"[\s\"'“\[(]*"
_OTHER: Final = re.compile(r"[\s\"'”\])]*(?:,|/|\||&|\bor\b|\band\b)\s*(?:(?i:answer|option|tie)\b|[ABab]\b)")
_NAMED: Final = re.compile(rf"\b(?i:verdict|winner)\b\s*(?i:is\b|:|=|-|–|—)*{_OPEN}{_WHO}")
_BRACKETED: Final = re.compile(rf"\[\[\s*{_WHO}\s*\]\]")
_LONE: Final = re.compile(rf"{_OPEN}{_WHO}[\s\"'”\])]*[.!]?\s*(?:\n|$)")
_SAID: Final = re.compile(
    r"\b(?i:answer|response)\s+(?P<who>[AB])\s+(?i:(?:is|does)\s+(?:(?:clearly|slightly|much|far|a\s+little|the)\s+)?"
    r"(?:better|stronger|superior|preferable)|wins|serves\b[^.\n]{0,60}\bbetter)\b"
    r"|(?P<tie>(?i:neither(?:\s+\w+){0,2}\s+is\s+better|both\s+(?:answers\s+)?are\s+equally\b|it\s+is\s+a\s+(?:tie|draw)\b))"
)


def stated_verdict(text: str) -> Verdict | None:
    """Which of two answers, A or B, a judge's reply prefers; ``tie`` for neither, None where it does not say.

    What follows "Verdict:" comes first, then "[[A]]", then a reply or first line that is a letter alone, then
    "Answer A is better". Two at once ("A or B") are none.

    Example:
        >>> stated_verdict("**Verdict:** B\\nIt is true."), stated_verdict("Verdict: a tie"), stated_verdict("A or B")
        ('B', 'tie', None)
    """
    text = without_emphasis(plain(text))
    found = _NAMED.search(text) or _BRACKETED.search(text) or _LONE.match(text.lstrip())
    if found is None:
        said = _SAID.search(text)
        return None if said is None else ("tie" if said["tie"] else _as_verdict(said["who"]))
    return None if _OTHER.match(found.string, found.end("who")) else _as_verdict(found["who"])


def _as_verdict(who: str) -> Verdict:
    last = who.split()[-1].upper()
    return "A" if last == "A" else "B" if last == "B" else "tie"
