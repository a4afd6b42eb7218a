"""A judge's rating."""

from __future__ import annotations

import re
from typing import Final

from modelswarms.utilities.parsing.cleaning import ANSWER, plain, without_emphasis
from modelswarms.utilities.parsing.patterns import any_of, pattern

__all__ = ["stated_rating"]

_WORDS: Final = {"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
                 "nine": 9, "ten": 10}  # fmt: skip
_NUMBER_WORD: Final = rf"(?:{'|'.join(_WORDS)})\b"
_VALUE: Final = rf"(?P<value>(?<![\w.,])[-−]?\d+(?:[.,]\d+)?(?![\w%+]|[.,]\d)|\b{_NUMBER_WORD})"
_SCALE: Final = r"(?P<scale>(?:\s*/\s*|\s+out\s+of\s+|\s+of\s+(?=10\b|ten\b))(?P<of>\d+(?:\.\d+)?|ten|five|hundred)\b)"
_SIGNS: Final = r"""[\s"'*\[({<#~≈+]*"""
_ABOUT: Final = any_of("an?, about, around, approximately, exactly, at, solid, strong, is")

_NAMED: Final = pattern(
    rf"""\b(?P<name>(?:(?:overall|final|total|my|quality|the)\s+)*(?:rating|score|grade|rate|mark))\b
        (?:\s+(?:for|of)\b(?!\s*\d)[^.\n:\d]{{0,60}}?)?[\s"'*\])]*
        (?:\s(?:is|was|would\s+be|of|as|at)\b|[:=–—>-]+)?[\s"':=*\[({{<#~≈+{ANSWER}]*(?:\b{_ABOUT}\b{_SIGNS})*{_VALUE}"""
)
"""Rating: 8"""

_CALLED: Final = pattern(
    rf"""\b(?:overall|verdict|result|points|marks|evaluation)\s*[:=]{_SIGNS}{_VALUE}
      |^{_SIGNS}{_VALUE.replace("value", "plain")}\s+(?:is|would\s+be)\s+my\s+(?:rating|score)\b"""
)

_GIVE: Final = any_of(
    """give, giving, say, rate, rated, rating, score, scored, assign, award, deserves?, earns?, gets?, receives?"""
)
_GIVEN: Final = pattern(
    rf"""\b{_GIVE}\b(?:(?!\b(?:scale|because|since|if|reasons?|examples?|points?\s+out)\b)[^.\n:;\d]){{0,70}}?
        (?:\b(?:an?|as|at|with|of|about|around|exactly|it|solid|strong|score|rating|grade)\b|[:=]){_SIGNS}{_VALUE}
      |\bsay\s+{_VALUE.replace("value", "said")}
      |\brated?\b[^.\n:;\d]{{0,60}}?\s{_VALUE.replace("value", "plain")}"""
)
"""I would give it an 8."""

_IS: Final = pattern(
    rf"""(?:\b(?:it's|it\s+is|that's|this\s+is|go(?:ing)?\s+with|answer\s*:|answer\s+is)\s+(?:an?\s+)?){_SIGNS}
        {_VALUE}(?=[\s"'*]*(?:[.!,;\n]|$))"""
)
_OVER: Final = pattern(_VALUE + r"[\s\])*\"']*" + _SCALE)
_LONE: Final = pattern(rf"""[^\w.-]*{_VALUE}(?:[^\w.,+%-]|[.,](?!\d))*(?:{_SCALE})?""")
_BEGUN: Final = pattern(
    rf"""[\s"'*\[(,:\#]*{_VALUE}(?=[\s"'*\])]*(?:[.,;:!\n–—]|\s-\s|(?:points?|stars?|because|since)\b))"""
)
_TAIL: Final = pattern(rf"""[\s\])*"'{ANSWER}]*{_SCALE}""")
_RANGE: Final = pattern(rf"\s*(?:-|–|—|~|,|to|or|and|/(?!\s*\d+\b))\s*(?:an?\s+)?(?:\d|{_NUMBER_WORD})")
_AFTER_RANGE: Final = re.compile(r"\d\s*(?:-|–|—|to|or)\s*$")

_BEST: Final = any_of("worst, lowest, poor, poorest, terrible, best, highest, excellent, perfect")
_MEANS: Final = rf"\s*(?:being|is|means|=|\(|as)\s*(?:the\s+)?\(?{_BEST}\b\)?"
_ECHO: Final = pattern(
    rf"""\b(?:(?:on|from|in|using|with)\s+)?(?:an?\s+|the\s+)?(?:scale|range)\s+(?:of\s+|from\s+|between\s+)?
          (?:\d+|one)\s*(?:-|–|to|and)\s*(?:\d+|ten)\b
       |\b(?:\d+|one){_MEANS}(?:\s*(?:,|and)\s*(?:\d+|ten)(?:{_MEANS}|\s*(?:the\s+)?{_BEST}\b))?
       |\b(?:\d+|one)\s*(?:-|–|to)\s*(?:10|ten)\s+(?:scale|rating)\b
       |\(\s*(?:(?:1|one)\s*(?:-|–|to)\s*|out\s+of\s+)(?:10|ten)\s*\)
       |\bout\s+of\s+(?:10|ten)(?=\s*:)
       |[?_x]\s*/\s*10\b"""
)
"""The scale said again, and the question's own "?/10"."""

_NOT_SO: Final = pattern(r"\bnot\s+(?:quite\s+)?(?:an?\s+)?$")
_BOUND: Final = pattern(
    r"\b(?:(?:less|more|fewer|greater|higher|lower|better|worse)\s+than|at\s+(?:least|most)|under|above|below|over)\s+(?:an?\s+)?$"
)
_OVERALL: Final = pattern(r"\b(?:overall|total|final|verdict|average)\b[^.\n\d]{0,40}$")
_CRITERION: Final = re.compile(
    r"""(?:(?:^|\n)[\s\-*•#\d.)]*[A-Z][\w /&-]{2,30}[\s*]*[:–-][\s*]*|(?:^|[,;\n])\s*[A-Za-z]{4,}(?:\s+[a-z]+)?\s+)$"""
)


def stated_rating(text: str, low: float = 1, high: float = 10) -> float | None:
    """The rating that a judge's reply states, from ``low`` to ``high``; None where it states none.

    An overall rating comes first, then what follows "Rating:", then "8/10" or "8 out of 10", then a text
    that is a number alone. A rating outside the range, on another scale, or one of two ("7 or 8") is none.

    Example:
        >>> stated_rating("**Rating:** 8 / 10"), stated_rating("Rating: 11/10")
        (8.0, None)
    """
    text = _ECHO.sub(" ", without_emphasis(plain(text)))
    found = _chosen(text)
    if found is None:
        return None
    part = next(name for name in ("value", "plain", "said") if found.groupdict().get(name) is not None)
    start, end = found.span(part)
    tail = _TAIL.match(text, end)
    if tail and _number(tail["of"]) != high:
        return None
    if (
        _RANGE.match(text, tail.end() if tail else end)
        or _AFTER_RANGE.search(text[max(0, start - 6) : start])
        or _BOUND.search(text[:start])
    ):
        return None
    value = _number(found[part])
    return value if low <= value <= high else None


def _chosen(text: str) -> re.Match[str] | None:
    """The match that holds the rating."""
    named = list(_NAMED.finditer(text))
    overall = [m for m in named if re.match(r"(?:\w+\s+)*(?:overall|final|total)\b", m["name"], re.IGNORECASE)]
    if overall or named:
        return (overall or named)[0]
    over = [m for m in _OVER.finditer(text) if not _NOT_SO.search(text[: m.start()])]
    if overall := [m for m in over if _OVERALL.search(text[: m.start()])]:
        return overall[0]
    if over:
        criteria = [m for m in over if _CRITERION.search(text[: m.start("value")])]
        return over[0] if len({m["value"] for m in criteria}) < 2 else None
    return (
        _CALLED.search(text) or _GIVEN.search(text) or _LONE.fullmatch(text) or _IS.search(text) or _BEGUN.match(text)
    )


def _number(text: str) -> float:
    text = text.lower().replace("−", "-").replace(",", ".")
    known = {**_WORDS, "hundred": 100}
    return float(known[text]) if text in known else float(text)
