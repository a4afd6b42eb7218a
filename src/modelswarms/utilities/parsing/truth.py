"""True or false, as a model judges a proposed answer."""

from __future__ import annotations

import re
from typing import Final

from modelswarms.utilities.parsing.cleaning import ANSWER, first_turn, plain, without_emphasis

__all__ = ["stated_truth"]

_TRUE: Final = frozenset({"true", "correct", "right", "accurate"})
_EITHER: Final = r"(?:true|false|correct|incorrect|right|wrong)"
_ECHO: Final = re.compile(
    rf"""\b(?:either\s+|whether\s+(?:\w+\s+){{0,6}}?)?["'(]?{_EITHER}["')]?\s*(?:/|\||,?\s*or)\s*["'(]?(?:{_EITHER}|not)\b["')]?
       |\b(?:if|whether)\s+(?:\w+\s+){{0,6}}?(?:true|false|correct|incorrect)\b
       |(?:^|[.!?\n]\s*)(?:is|was)\s+(?:it|this|that|the\s+[\w ]{{1,40}}|[A-J])\s+{_EITHER}\s*\?
       |\b(?:neither|both)\s+true\s+(?:nor|and)\s+false\b|\btrue\s+and\s+false\b""",
    re.IGNORECASE | re.VERBOSE,
)
_HEDGED: Final = re.compile(
    r"\b(?:partially|partly|half|somewhat|not\s+(?:entirely|completely|fully|necessarily|wholly|quite|always|exactly|strictly)|(?:can|could|may|might)\s*(?:not|n't)?\s+be|cannot\s+be|can't\s+be|sometimes)[\s-]+(?:\w+\s+){0,2}?(?:true|false|correct|incorrect|right|wrong|accurate|determined)\b",
    re.IGNORECASE,
)
_ATTRIBUTE: Final = re.compile(
    r"\s+(?:positives?|negatives?|story|stories|love|friend|self|north|alarm|flag|belief|sense|claims?|hope|start|ribs?|teeth|memor\w+|prophet|cognates?|killer|crime|blue|randomness|value)\b",
    re.IGNORECASE,
)
_WORD: Final = re.compile(
    r"(?<![\w-])(?P<not>(?:not|isn't|is\s+not|n't|never|hardly)\s+(?:\w+ly\s+|a\s+|the\s+|in\s+fact\s+)?)?[\"'(*]*(?P<word>untrue|true|false)(?![\w-])",
    re.IGNORECASE,
)
_LEAD: Final = re.compile(
    rf"""[\s"'(\[*>{ANSWER}:.,\-#]*(?:(?:yes|no|well|the|my|proposed|final|sure|so|ok(?:ay)?|answer|verdict|judge?ment|is|a|b|hmm+|:|it|it's|its|this|that|that's|definitely|clearly|probably|certainly|likely|i\s+(?:think|believe|would\s+say)|option|correct\s+answer)\b[\s"'*().,!:;\-]*)*
         (?P<word>untrue|true|false|incorrect|correct|wrong|right|inaccurate|accurate|t|f)(?=[\s"')*\]]*(?:$|[\n.,;:!?–—({ANSWER}|]|\s-|-+\s)|\s+(?:because|since|as|for|given|based)\b)""",
    re.IGNORECASE | re.VERBOSE,
)
_VERDICT: Final = re.compile(
    rf"""(?:\b(?:answer|option|choice|statement|claim|it|this|that|response|solution|proposal|[A-J])\b[\s"')*.:]*(?:\([A-J]\)\s*)?(?:is|was|appears\s+to\s+be|seems(?:\s+to\s+be)?|looks|=|must\s+be|would\s+be|has\s+to\s+be)|\bit's|\bthat's|\b(?:answer|verdict|judge?ment|conclusion|response)\s*:|{ANSWER}|\b(?:so|therefore|thus|hence)\b[\s,:]*(?:it's|it\s+is)?|\bi\s+(?:would\s+|'d\s+)?(?:say|answer|judge|choose)(?:\s+that\s+it\s+is)?|considered)
        [\s:"'*(]*(?P<not>(?:not|n't|never)\s+)?(?:(?:\w+ly|most\s+likely|in\s+fact|indeed|also|therefore|thus|the|to\s+be)\s+)*["'*(]*
        (?P<word>untrue|true|false|incorrect|correct|wrong|right|inaccurate|accurate)(?![\w-])(?!\s+(?:answer|option|choice|one|that|to\b|about|if|when))""",
    re.IGNORECASE | re.VERBOSE,
)
_CALLED: Final = re.compile(
    r"\b(?P<word>false|wrong|incorrect)\s+to\s+(?:say|claim|call|state|think|consider)\b", re.IGNORECASE
)
_NEGATED: Final = re.compile(
    r"""\b(?:is|was|does)(?:n't|\s+not)\s+(?:(?:\w+ly|seem|look|appear|to\s+be|the)\s+)*["'*(]*(?P<word>true|false|incorrect|correct|wrong|right|inaccurate|accurate)(?![\w-])""",
    re.IGNORECASE | re.VERBOSE,
)
_RETRACTED: Final = re.compile(
    r"\b(?:wait|actually|correction|scratch\s+that|on\s+second\s+thou?ghts?|i\s+meant?|my\s+mistake|sorry)\b[^.\n]{0,30}?[\s,.:!;\-–—\"'(]+(?:it(?:'s|\s+is)\s+|the\s+answer\s+is\s+)?(?P<word>true|false)(?=[\s\"')]*(?:$|[.,;:!?\n]))",
    re.IGNORECASE,
)


def stated_truth(text: str) -> bool | None:
    """Whether a text calls a proposed answer true; None where it does not say.

    Read from left to right: a text that begins with the word has said it, else the first verdict
    ("the proposed answer is incorrect") counts, else the first "true" or "false". "Not true" is false;
    an echo of the question ("true or false?") and "partly true" say nothing.

    Example:
        >>> stated_truth("The proposed answer is **false**."), stated_truth("True or false?")
        (False, None)
    """
    text = without_emphasis(first_turn(plain(text)))
    for pattern in (_ECHO, _HEDGED):
        text = pattern.sub(" _ ", text)
    found = _LEAD.match(text)
    if found:
        return _judged(found, False, _RETRACTED.search(text, found.end()))
    verdicts = sorted(
        [*_CALLED.finditer(text), *_VERDICT.finditer(text), *_NEGATED.finditer(text)], key=lambda m: m.start("word")
    )
    if verdicts:
        found = verdicts[-1] if len({m.start("word") for m in verdicts}) == 0 else verdicts[0]
        negated = (
            found.re is _NEGATED
            or bool(found.groupdict().get("not"))
            or any(m.re is _NEGATED and m.start("word") == found.start("word") for m in verdicts)
        )
        return _judged(found, negated, _RETRACTED.search(text, found.end()))
    for found in _WORD.finditer(text):
        if not _ATTRIBUTE.match(text, found.end()):
            return _judged(found, found["not"] is not None, None)
    return None


def _judged(found: re.Match[str], negated: bool, taken_back: re.Match[str] | None) -> bool:
    if taken_back is not None:
        return taken_back["word"].lower() == "true"
    word = found["word"].lower()
    return (word in _TRUE or word == "t") != negated
