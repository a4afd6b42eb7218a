"""A judge's rating."""

from __future__ import annotations

import re
from typing import Final

from modelswarms.utilities.parsing.cleaning import ANSWER, plain, without_emphasis

__all__ = ["stated_rating"]

_WORDS: Final = {"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
                 "nine": 9, "ten": 10}  # fmt: skip
_VALUE: Final = rf"(?P<value>(?<![\w.,])[-−]?\d+(?:[.,]\d+)?(?![\w%+]|[.,]\d)|\b(?:{'|'.join(_WORDS)})\b)"
_OF: Final = r"(?:\s*/\s*|\s+out\s+of\s+|\s+of\s+(?=10\b|ten\b))"
_SCALE: Final = rf"(?P<scale>{_OF}(?P<of>\d+(?:\.\d+)?|ten|five|hundred)\b)"
_RANGE: Final = re.compile(
    rf"\s*(?:-|–|—|~|,|to|or|and|/(?!\s*(?:\d+)\b))\s*(?:an?\s+)?(?:\d|(?:{'|'.join(_WORDS)})\b)"
)
_NAMED: Final = re.compile(
    rf"""\b(?P<name>(?:(?:overall|final|total|my|quality|the)\s+)*(?:rating|score|grade|rate|mark))\b
        (?:\s+(?:for|of)\b(?!\s*\d)[^.\n:\d]{{0,60}}?)?[\s"'*\])]*(?:\s(?:is|was|would\s+be|of|as|at)\b|[:=\-–—>]|->)?[\s"':=*\[({ANSWER}]*
        (?:\b(?:is|an?|about|around|approximately|exactly|at|solid|strong|a\s+solid)\b[\s"'*\[(]*)*{_VALUE}""",
    re.IGNORECASE | re.VERBOSE,
)
_GIVEN: Final = re.compile(
    rf"""\b(?:give|giving|say|rate|rated|rating|score|scored|assign|award|deserves?|earns?|gets?|receives?)\b
        (?:(?!\b(?:scale|because|since|if|reasons?|examples?|points?\s+out)\b)[^.\n:;\d]){{0,70}}?
        (?:\b(?:an?|as|at|with|of|about|around|exactly|it|solid|strong|score|rating|grade)\b|[:=])[\s"'*\[(]*{_VALUE}
       """,
    re.IGNORECASE | re.VERBOSE,
)
_RATED: Final = re.compile(rf"\brated?\b[^.\n:;\d]{{0,60}}?\s{_VALUE}", re.IGNORECASE)
_IS: Final = re.compile(
    rf"(?:\b(?:it's|it\s+is|that's|this\s+is|go(?:ing)?\s+with|answer\s*:|answer\s+is)\s+(?:an?\s+)?)[\s\"'*]*{_VALUE}(?=[\s\"'*]*(?:[.!,;\n]|$))",
    re.IGNORECASE,
)
_BEGUN: Final = re.compile(
    rf"[\s\"'*\[(,:#]*{_VALUE}(?=[\s\"'*\])]*(?:[.,;:!\n–—]|\s-\s|(?:points?|stars?)\b|because\b|since\b))",
    re.IGNORECASE,
)
_OVER: Final = re.compile(_VALUE + r"[\s\])*\"']*" + _SCALE, re.IGNORECASE)
_LONE: Final = re.compile(rf"[\s\"'*\[(,:{ANSWER}#]*{_VALUE}[\s\"'*\])/.!{ANSWER}]*(?:{_SCALE})?", re.IGNORECASE)
_TAIL: Final = re.compile(r"[\s\])*\"'" + ANSWER + "]*" + _SCALE, re.IGNORECASE)
_ECHO: Final = re.compile(
    r"""\b(?:(?:on|from|in|using|with)\s+)?(?:an?\s+|the\s+)?(?:scale|range)\s+(?:of\s+|from\s+|between\s+)?(?:\d+|one)\s*(?:-|–|to|and)\s*(?:\d+|ten)\b
       |\b(?:\d+|one)\s*(?:being|is|means|=|\(|as)\s*(?:the\s+)?\(?(?:worst|lowest|poor\w*|terrible|best|highest|excellent|perfect)\b\)?(?:\s*(?:,|and)\s*(?:\d+|ten)\s*(?:being|is|means|=|\(|as)?\s*(?:the\s+)?\(?(?:worst|lowest|best|highest|excellent|perfect)\b\)?)?
       |\b(?:\d+|one)\s*(?:-|–|to)\s*(?:10|ten)\s+(?:scale|rating)\b|\(\s*(?:1|one)\s*(?:-|–|to)\s*(?:10|ten)\s*\)|\(\s*out\s+of\s+(?:10|ten)\s*\)|[?_xX]\s*/\s*10\b""",
    re.IGNORECASE | re.VERBOSE,
)
_CRITERION: Final = re.compile(r"(?m)^[\s\-*•#\d.)]*[A-Z][\w /&-]{2,30}[\s*]*[:\-–][\s*]*$")


def stated_rating(text: str, low: float = 1, high: float = 10) -> float | None:
    """The rating that a judge's reply states, from ``low`` to ``high``; None where it states none.

    An overall rating comes first, then what follows "Rating:", then "8/10" or "8 out of 10", then a text
    that is a number alone. A rating outside the range, on another scale, or one of two ("7 or 8") is none.

    Example:
        >>> stated_rating("**Rating:** 8 / 10"), stated_rating("Rating: 11/10")
        (8.0, None)
    """
    text = _ECHO.sub(" ", without_emphasis(plain(text)))
    found = _chosen(text, high)
    if found is None:
        return None
    value = _number(found["value"])
    tail = _TAIL.match(text, found.end("value"))
    if tail and _number(tail["of"]) != high:
        return None
    if _RANGE.match(text, tail.end() if tail else found.end("value")):
        return None
    if re.search(r"\d\s*(?:-|–|—|to|or)\s*$", text[max(0, found.start("value") - 6) : found.start("value")]):
        return None
    return value if low <= value <= high else None


def _chosen(text: str, high: float) -> re.Match[str] | None:
    """The match that holds the rating."""
    named = list(_NAMED.finditer(text))
    overall = [m for m in named if re.match(r"(?:\w+\s+)*(?:overall|final|total)\b", m["name"], re.IGNORECASE)]
    if overall or named:
        return (overall or named)[0]
    over = list(_OVER.finditer(text))
    if over:
        general = [
            m
            for m in over
            if re.search(r"\b(?:overall|total|final|verdict|average)\b[^.\n\d]{0,40}$", text[: m.start()], re.I)
        ]
        if general:
            return general[0]
        criteria = [m for m in over if _CRITERION.search(text[: m.start("value")].rsplit("\n", 1)[-1] or " ")]
        values = {m["value"] for m in criteria}
        return over[0] if len(criteria) < 2 or len(values) == 1 else None
    return _GIVEN.search(text) or _RATED.search(text) or _LONE.fullmatch(text) or _IS.search(text) or _BEGUN.match(text)


def _number(text: str) -> float:
    text = text.lower().replace("−", "-").replace(",", ".")
    known = {**_WORDS, "hundred": 100}
    return float(known[text]) if text in known else float(text)
