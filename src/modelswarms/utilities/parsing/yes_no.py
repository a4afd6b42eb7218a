"""Yes or no, as whole words."""

from __future__ import annotations

import re
from typing import Final, Literal

from modelswarms.utilities.parsing.cleaning import ANSWER, first_turn, plain, without_emphasis
from modelswarms.utilities.parsing.patterns import RETRACTION, any_of, pattern

__all__ = ["interjected_yes_no", "stated_yes_no"]

YesNo = Literal["yes", "no"]

_WORDS: Final[dict[str, YesNo]] = {"yes": "yes", "yeah": "yes", "yep": "yes", "yup": "yes", "no": "no", "nope": "no"}
_SAID: Final = r"(yes|yeah|yep|yup|nope|no)(?!-?\w)"
_WORD: Final = pattern(rf"(?<![\w-]){_SAID}")
_GOES_ON: Final = any_of(
    """because, since, as, there, it, they, we, you, and, but, for, the, these, this, that, i, one, not, he, she,
    in, to, from"""
)
_OF_A_NOUN: Final = rf"\s+(?!{_GOES_ON}\b)[a-z]"
"""What follows a "no" that belongs to a noun: "no path", not "no because"."""

_EITHER: Final = r"""["'(]?\b(?:yes|no)\b["')]?"""
_ECHO: Final = pattern(
    rf"""(?:either\s+)?{_EITHER}\s*(?:/|\||,?\s*or(?:\s+is\s+it)?)\s*{_EITHER}
       |(?<![\w'-])(?:if|whether)\s+{_EITHER}(?:\s+or\s+(?:yes|no)\b)?
          (?!\s+(?:path|edge|route|connection|node|link|way))
       |\b(?:yes|no)\s*\?\s*(?=(?:yes|no)\b)
       |(?<![\w-])(?:yes\s+and\s+no|no\s+and\s+yes|neither\s+yes\s+nor\s+no)(?!-?\w)"""
)
"""The question said again, or both answers at once."""

_NO_NOUN: Final = any_of(
    """idea, clue, doubt, matter, longer, more, less, fewer, wonder, information, one, worries, problem, answer,
    offense, offence, thanks, comment, opinion, preference, sense, later, earlier, sooner, good answer,
    definite answer, definitive answer, clear answer, simple answer, easy answer"""
)
_KNOW: Final = r"(?:tell(?:ing)?|know(?:ing)?|determin\w+|say(?:ing)?|be(?:ing)?\s+(?:sure|certain))"
_IDIOM: Final = pattern(
    rf"""(?<![\w-])(?:no\s+(?:{_NO_NOUN}|way\s+(?:to|of)\s+{_KNOW})\b
        |(?:not|isn't|never)\s+(?:an?\s+)?(?:simple\s+|clear\s+|definite\s+)?["']?(?:yes|no)\b["']?
        |(?:in|at)\s+no\s+(?:time|point)\b|oh\s+no\b)"""
)

_SIGNS: Final = rf"""[\s"'(\[{{*>{ANSWER}:.,!;=|→-]*"""
_OPENING: Final = any_of(
    """well, oh, hmm+, um+, uh, ok, okay, sure, so, and, definitely, probably, certainly, clearly, simply, answer"""
)
_BEGINS: Final = pattern(rf"{_SIGNS}(?:\b{_OPENING}\b{_SIGNS})*\b{_SAID}")
_MARK: Final = any_of("""answer, reply, response, verdict, conclusion, result, decision, judge?ment, output, ans""")
_BE: Final = any_of("is, was, would be, must be, should be, has to be, will be, be")
_HEDGE: Final = any_of(
    """that, is, a, clear, clearly, definite, definitely, simply, probably, resounding, the, therefore, thus,
    most likely, likely, still, just, then, in fact, actually, indeed, it's, it is, would be, answer, i'd say,
    i say, i would say, i believe"""
)
_MARKED: Final = pattern(
    rf"""(?:{ANSWER}
          |\b{_MARK}\b["']?(?:\s+(?:to|for|of|here|in)\b(?:(?!\b(?:yes|no)\b)[^.!?\n:]){{0,80}}?)?
             (?:\s+{_BE}\b|\s*[:=>]|\s*->|\s*-)
          |\b(?:say|answer(?:ing)?|so|thus|therefore|hence|conclude|conclusion)\b)
        (?:[\s:,"'(\[*>{ANSWER}-]|\b{_HEDGE}\b){{0,20}}\b{_SAID}(?!{_OF_A_NOUN})"""
)
_BEFORE: Final = any_of(
    """so, but, then, therefore, thus, hence, and, say, is, be, well, oh, uh, ok, okay, sure, simply, probably,
    definitely, certainly, clearly, actually"""
)
_INTERJECTED: Final = pattern(
    rf"""(?:^|[\n.,;:!?()"'>–—=-]|\b{_BEFORE}\b)[\s"'(\[*]*{_SAID}
        (?=[\s"')\]*]*(?:$|[\n.,;:!?()–—<|]|\s-|-+[\s>]))"""
)
_TAKEN_BACK: Final = pattern(
    rf"""\b{RETRACTION}\b[^.\n]{{0,40}}?[\s,.:!;–—"'(-]+
        (?:(?:it|that|this)(?:'s|\s+is)\s+|the\s+(?:correct\s+|right\s+)?answer\s+(?:is|should\s+be)\s+|should\s+be\s+)?
        ["'(]?{_SAID}(?!\s+[a-z])"""
)


def stated_yes_no(text: str, which: Literal["first", "last"] = "first") -> YesNo | None:
    """The yes or no that a text states; None where it states neither.

    Read from left to right: a text that begins with the word has said it; else what follows
    "the answer is" counts, else the first "yes" or "no" set off by punctuation, else the first as
    a word ("there is no path"). "Node", "none" and "no idea" are not "no", and an echo of the
    question ("yes or no?") states nothing. "Yes. Wait, no." is no.

    Args:
        which: with ``last``, the last word of the two counts, wherever it stands.

    Example:
        >>> stated_yes_no("No, there is no path."), stated_yes_no("Node 3")
        ('no', None)
    """
    text = _prepared(text)
    if which == "last":
        said = _WORD.findall(text)
        return _WORDS[said[-1].lower()] if said else None
    found = _begins(text) or _MARKED.search(text) or _INTERJECTED.search(text) or _WORD.search(text)
    if found is None:
        return None
    taken_back = _TAKEN_BACK.search(text, found.end(1))
    return _WORDS[(taken_back or found)[1].lower()]


def interjected_yes_no(text: str) -> YesNo | None:
    """As :func:`stated_yes_no`, but "no" before a noun ("there is no reason") does not count."""
    text = _prepared(text)
    found = _begins(text) or _MARKED.search(text) or _INTERJECTED.search(text)
    return _WORDS[found[1].lower()] if found else None


def _prepared(text: str) -> str:
    text = without_emphasis(first_turn(plain(text)))
    return _IDIOM.sub(" _ ", _ECHO.sub(" _ ", text))


def _begins(text: str) -> re.Match[str] | None:
    """The word that a text begins with, where it is not a "no" that belongs to a noun."""
    found = _BEGINS.match(text)
    if found and found[1].lower() == "no" and re.match(_OF_A_NOUN, text[found.end(1) :], re.IGNORECASE):
        return None
    return found
