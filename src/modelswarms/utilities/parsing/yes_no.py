"""Yes or no, as whole words."""

from __future__ import annotations

import re
from typing import Final, Literal

from modelswarms.utilities.parsing.cleaning import ANSWER, first_turn, plain, without_emphasis

__all__ = ["interjected_yes_no", "stated_yes_no"]

YesNo = Literal["yes", "no"]
_WORDS: Final[dict[str, YesNo]] = {"yes": "yes", "yeah": "yes", "yep": "yes", "yup": "yes", "no": "no", "nope": "no"}
_WORD: Final = re.compile(r"(?<![\w-])(yes|yeah|yep|yup|nope|no)(?!-?\w)", re.IGNORECASE)
_ECHO: Final = re.compile(
    r"""\b(?:either\s+)?["'(]?yes["')]?\s*(?:/|\||,?\s*or(?:\s+is\s+it)?)\s*["'(]?no\b["')]?|\b["'(]?no["')]?\s*(?:/|,?\s*or)\s*["'(]?yes\b["')]?
       |(?<![\w'-])(?:if|whether)\s+["'(]?(?:yes|no)\b["')]?(?:\s+or\s+(?:yes|no)\b)?(?!\s+(?:path|edge|route|connection|node|link|way))""",
    re.IGNORECASE | re.VERBOSE,
)
_BOTH: Final = re.compile(
    r"(?<![\w-])(?:yes\s+and\s+no|no\s+and\s+yes|neither\s+yes\s+nor\s+no)(?!-?\w)", re.IGNORECASE
)
_IDIOM: Final = re.compile(
    r"""(?<![\w-])(?:no\s+(?:idea|clue|doubt|matter|longer|more|less|fewer|wonder|information|one|worries|problem|answer
        |offen[cs]e|thanks|comment|opinion|preference|sense\b|later|earlier|sooner|good\s+answer
        |way\s+(?:to|of)\s+(?:tell|tell(?:ing)?|know(?:ing)?|determin\w+|say(?:ing)?|be(?:ing)?\s+(?:sure|certain))|definit(?:e|ive)\s+answer
        |clear\s+answer|simple\s+answer|easy\s+answer)\b
        |(?:not|isn't|never)\s+(?:an?\s+)?(?:simple\s+|clear\s+|definite\s+)?["']?(?:yes|no)\b["']?
        |(?:in|at)\s+no\s+(?:time|point)\b|oh\s+no\b)""",
    re.IGNORECASE | re.VERBOSE,
)
_MARKED: Final = re.compile(
    rf"""(?:{ANSWER}|\b(?:answer|reply|response|verdict|conclusion|result|decision|judge?ment|output|ans)\b
           (?:\s+(?:to|for|of|here|in)\b(?:(?!\b(?:yes|no)\b)[^.!?\n:]){{0,80}}?)?(?:\s+(?:is|was|would\s+be|must\s+be|should\s+be|has\s+to\s+be|will\s+be|be)\b|\s*[:=>]|\s*->|\s*-)
           |\b(?:say|answer(?:ing)?|so|thus|therefore|hence|conclude|conclusion)\b)
        (?:[\s:,"'(*>{ANSWER}]|\b(?:that|is|a|clear(?:ly)?|definite(?:ly)?|definitely|simply|probably|resounding|the|therefore|thus|most\s+likely|likely|still|just|then|in\s+fact|actually|indeed|it's|it\s+is|would\s+be|answer|i'd\s+say|i\s+say|i\s+would\s+say)\b|->)*
        \b(yes|yeah|yep|yup|nope|no)\b(?!-?\w)(?!\s+(?!because|since|as|there|it|they|we|you|and|but|for|the|these|this|that|i|one|not|he|she|node\b|in\b|to\b|from\b|due\b|based\b)[a-z])""",
    re.IGNORECASE | re.VERBOSE,
)
_INTERJECTED: Final = re.compile(
    r"""(?:^|[\n.,;:!?()"'>\-–—=]|\b(?:so|but|then|therefore|thus|hence|and|say|is|be|well|oh|hmm+|um+|uh|ok(?:ay)?|sure|simply|probably|definitely|certainly|clearly|actually)\b)[\s"'(*]*
        (yes|yeah|yep|yup|nope|no)(?=[\s"')*]*(?:$|[\n.,;:!?()–—<|]|\s-|-+[\s>]))""",
    re.IGNORECASE | re.VERBOSE,
)
_RETRACTED: Final = re.compile(
    r"""(?:\b(?:wait|actually|correction|scratch\s+that|on\s+second\s+thou?ghts?|i\s+meant?|my\s+mistake|sorry|let\s+me\s+(?:re|correct|fix)\w*)\b)
        [^.\n]{0,40}?[\s,.:!;\-–—"'(]+(?:(?:it|that|this)(?:'s|\s+is)\s+|the\s+(?:correct\s+|right\s+)?answer\s+(?:is|should\s+be)\s+|should\s+be\s+)?["'(]?(yes|no)\b(?=\W|$)(?!-?\w)(?!\s+[a-z])""",
    re.IGNORECASE | re.VERBOSE,
)


def stated_yes_no(text: str, which: Literal["first", "last"] = "first") -> YesNo | None:
    """The yes or no that a text states; None where it states neither.

    Read from left to right: a text that begins with the word has said it; else what follows
    "the answer is" counts, else the first "yes" or "no" set off by punctuation, else the first as
    a word ("there is no path"). "Node", "none" and "no idea" are not "no", and an echo of the
    question ("yes or no?") states nothing. "Yes. Wait, no." is no.

    Example:
        >>> stated_yes_no("No, there is no path."), stated_yes_no("Node 3")
        ('no', None)
    """
    text = _prepared(text)
    if which == "last":
        said = _WORD.findall(text)
        return _WORDS[said[-1].lower()] if said else None
    found = _first(text)
    if found is None:
        return None
    taken_back = _RETRACTED.search(text, found.end(1))
    return _WORDS[(taken_back or found)[1].lower()]


def interjected_yes_no(text: str) -> YesNo | None:
    """As :func:`stated_yes_no`, but "no" before a noun ("there is no reason") does not count."""
    text = _prepared(text)
    found = _leading(text) or _MARKED.search(text) or _INTERJECTED.search(text)
    return _WORDS[found[1].lower()] if found else None


def _prepared(text: str) -> str:
    text = without_emphasis(first_turn(plain(text)))
    for pattern in (_ECHO, _BOTH, _IDIOM):
        text = pattern.sub(" _ ", text)
    return text


_LEADING: Final = re.compile(
    rf"""[\s"'(\[{{*>{ANSWER}:.,\-]*(?:(?:well|oh|hmm+|um+|uh|ok(?:ay)?|sure|so|and|definitely|probably|certainly|clearly|simply|answer)\b[\s,.!:;]*)*
         (yes|yeah|yep|yup|nope|no)(?!-?\w)""",
    re.IGNORECASE | re.VERBOSE,
)
_NOUN: Final = re.compile(
    r"\s+(?!because|since|as|there|it|they|we|you|and|but|for|the|these|this|that|i|they|not)[a-z]"
)


def _leading(text: str) -> re.Match[str] | None:
    """The word that a text begins with, where it is not a "no" that belongs to a noun."""
    found = _LEADING.match(text)
    if found and found[1].lower() == "no" and _NOUN.match(text, found.end(1)):
        return None
    return found


def _first(text: str) -> re.Match[str] | None:
    return _leading(text) or _MARKED.search(text) or _INTERJECTED.search(text) or _WORD.search(text)
