"""How the readers' patterns are written: word lists in plain words."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["ADVERB", "EXACTLY", "RETRACTION", "any_of", "pattern"]


def any_of(words: str) -> str:
    """A pattern for one of several words or phrases, which commas part; each may be a pattern itself.

    Example:
        >>> re.fullmatch(any_of("is, would be, seems?"), "would  be") is not None
        True
    """
    each = [r"\s+".join(phrase.split()) for phrase in words.split(",")]
    return "(?:" + "|".join(sorted(each, key=len, reverse=True)) + ")"


def pattern(text: str) -> re.Pattern[str]:
    """A pattern over several lines, in whatever case."""
    return re.compile(text, re.IGNORECASE | re.VERBOSE)


ADVERB: Final = any_of(
    """clearly, definitely, probably, certainly, obviously, simply, likely, most likely, most probably, most
    certainly, most definitely, very likely, therefore, thus, hence, indeed, actually, still, also, just,
    only, in fact, of course, perhaps, maybe, surely, really, now, again, then"""
)

EXACTLY: Final = any_of(
    """equal to, exactly, about, approximately, only, just, therefore, thus, then, also, simply, a total of,
    indeed, clearly, usd, eur, rs"""
)
"""What may stand between "the answer is" and a number."""

RETRACTION: Final = any_of(
    r"""wait, actually, correction, scratch that, on second thoughts?, on reflection, upon reflection, i meant?,
    sorry, my mistake, oops, strike that, let me (?:re|correct|fix|change)\w*"""
)
"""What takes back what was said before."""
