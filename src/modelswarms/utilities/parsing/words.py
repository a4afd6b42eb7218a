"""Answers in words: the phrase that a text states."""

from __future__ import annotations

import re
from typing import Final

from modelswarms.utilities.parsing.cleaning import ANSWER, first_turn, plain, without_emphasis
from modelswarms.utilities.parsing.patterns import RETRACTION, any_of, pattern
from modelswarms.utilities.parsing.statements import says_that_it_is

__all__ = ["phrase", "same_phrase", "stated_phrase"]

_BE: Final = any_of("is, was, would be, should be, must be")
_HEDGE: Final = any_of(
    """clearly, definitely, probably, most likely, certainly, simply, obviously, therefore, likely, of course"""
)
_THUS: Final = any_of(
    """so, thus, therefore, hence, probably, maybe, perhaps, definitely, clearly, obviously, likely, most likely,
    in short, in a word, in one word, in summary, in conclusion, finally, that is easy, that's easy"""
)
_MARK: Final = pattern(
    rf"""(?:^|[\n.!?,;{{"]\s*|\b(?:so|that|therefore|thus|hence|here\s+is|here's)\s+)[\s>#*-]*
        (?:(?:so|therefore|thus|hence)\s*,?\s+)?(?:(?:the|my|your)\s+)?
        (?:(?:final|correct|right|best|short|most\s+likely)\s+)*\b(?:answer|response|solution|ans|output|guess)\b
        (?:\s+(?:to|for|of|that|which|you|i)\b(?:[^.!?\n:"]|"[^"\n]*"){{0,80}}?)?(?:\s+here)?
        ["']?(?:\s*(?:[:=?]|->|=>|\n)|\s+[-–]\s|\s{_BE}\b\s*:?)(?:\s|,\s*of\s+course\s*,|\b{_HEDGE}\b)*(?=\S)"""
)
_EXCLAMATION: Final = any_of(
    """sure, certainly, of course, ok, okay, well, hmm+, great question, good question, absolutely, yes, easy,
    let me think, let's see"""
)
_OPINION: Final = any_of(
    """i think, i believe, i guess, i reckon, i bet, i would say, i would answer, i suppose, i'd say, i'd answer,
    i'd guess, i'm pretty sure, i'm sure"""
)
_UNSURE: Final = any_of(
    "i'm not (?:sure|certain), i am not (?:sure|certain), not (?:sure|certain), i don't know, i do not know"
)
_OPENING: Final = pattern(
    rf"""(?:{_EXCLAMATION}\b[,.!:;]+\s*
          |{_OPINION}\b,?\s*(?:that\s+)?(?=\S)
          |{_UNSURE}\b[,.;]+\s*(?:but\s+)?(?=\S)
          |(?:it|that|this|they)(?:'s|'re|\s+(?:is|was|are|(?:would|must|should|has\s+to|can\s+only)\s+be))\s+(?!not\b|no\b)(?=\S)
          |{_THUS}\b\s*[,:]?\s+(?=\S)
          |[\w ]{{1,40}}\?\s+no,\s*(?=\S)
          |a\s*:\s*(?=\S)
          |\d{{1,2}}[.)]\s+(?=\S))"""
)
_TAKEN_BACK: Final = pattern(rf"^.{{1,60}}?[.!?,–—-]\s*{RETRACTION}\b[,:.]?\s+(?:no,?\s+)?(?=\S)")
_SENTENCE_END: Final = (  # "Dr." and initials end none
    r"(?<!\b[A-Za-z])(?<!\b(?:St|Dr|Mr|Ms|Mt|Ft|Jr|Sr|No|vs|Co))(?<!\b(?:Mrs|Inc|Ltd|etc|Gen|Col|Sgt|Rev|Hon))"
    r"(?<!\b(?:Prof|Capt))\.(?=\s+\S)"
)
_END: Final = re.compile(
    rf"""\n|[!?](?=\s|$)|{_SENTENCE_END}|;\s|\s+[-–—]{{1,2}}\s+|\s*—\s*|\s+\(|,?\s+(?:because|since)\b
       |,\s+(?:which|who|whose|as|where|not|(?:also\s+)?(?:known|called)|[Ii](?:'d|\s+would)?\s+(?:think|believe|guess|say))\b|,?\s+of\s+course\b|:\s|\s+\[\d|\s+(?:rather\s+than|instead\s+of)\b""",
    re.VERBOSE,
)
_OUTER: Final = " \t\n.,:;!?\"'`*_()[]{}<>-–—=➡→|" + ANSWER
_IS_IT: Final = re.compile(r"^(?P<said>.+?)\s+(?:is|was|would\s+be)\s+(?:the|my)\s+(?:\w+\s+)?answer\b", re.IGNORECASE)
_ARTICLE: Final = re.compile(r"^(?:the|an?)\s+(?=\w)")


def phrase(text: str) -> str:
    """The whole text in a form that compares: no case, no markup, no outer punctuation, no leading article.

    Example:
        >>> phrase(" **The New  York** Times. ")
        'new york times'
    """
    return _compared(_readable(text))


def stated_phrase(text: str) -> str | None:
    """The phrase that a text states, in a form that compares; None where it says nothing.

    What follows "the answer is" counts, else the first sentence, without its opening ("Sure! It is …")
    and without what explains it ("…, because").

    Example:
        >>> stated_phrase("The answer is Paris, because it is the capital.")
        'paris'
    """
    text = _readable(text).strip()
    if ANSWER in text:
        boxed = [part for part in text.split(ANSWER)[1:] if part.strip()]
        text = boxed[0] if boxed else text
    elif marked := _MARK.search(text):
        text = text[marked.end() :]
    elif taken_back := _TAKEN_BACK.match(text):
        text = text[taken_back.end() :]
    before = None
    while before != text:
        before, text = text, text.lstrip(_OUTER)
        if opening := _OPENING.match(text):
            text = text[opening.end() :]
    if whole := _IS_IT.match(text):
        text = whole["said"]
    end = _END.search(text)
    return _compared(text[: end.start()] if end and end.start() else text) or None


def same_phrase(text: str, answer: str) -> bool:
    """Whether a text states the answer: as a whole, by its first statement, or in a sentence that says it is this."""
    right = phrase(answer)
    if not right:
        return False
    return right in (phrase(text), stated_phrase(text)) or says_that_it_is(_readable(text), right)


def _readable(text: str) -> str:
    return without_emphasis(first_turn(plain(text)))


def _compared(text: str) -> str:
    text = " ".join(text.split())
    bare = text.strip(_OUTER)
    for opened, closed in ("()", "[]"):  # a bracket that was opened within belongs to the phrase
        if bare.count(opened) > bare.count(closed) and text[text.index(bare) + len(bare) :][:1] == closed:
            bare += closed
    return _ARTICLE.sub("", bare.casefold())
