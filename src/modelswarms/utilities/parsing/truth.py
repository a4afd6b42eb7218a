"""True or false, as a model judges a proposed answer."""

from __future__ import annotations

import re
from typing import Final

from modelswarms.utilities.parsing.cleaning import ANSWER, first_turn, plain, without_emphasis
from modelswarms.utilities.parsing.patterns import RETRACTION, any_of, pattern

__all__ = ["stated_truth"]

_TRUE: Final = frozenset({"true", "t", "correct", "right", "accurate"})
_EITHER: Final = r"(?:true|false|correct|incorrect|right|wrong)"
_SAME: Final = pattern(
    r"\b(true|correct|right)\s*/\s*(?:true|correct|right)\b|\b(false|incorrect|wrong)\s*/\s*(?:false|incorrect|wrong)\b"
)
_ECHO: Final = pattern(
    rf"""\b(?:either\s+|whether\s+(?:\w+\s+){{0,6}}?)?["'(]?{_EITHER}["')]?\s*(?:/|\||,?\s*or)\s*
          ["'(]?(?:{_EITHER}|not)\b["')]?
       |\b(?:if|whether)\s+(?:\w+\s+){{0,6}}?(?:true|false|correct|incorrect)\b
       |(?:^|[.!?\n]\s*)(?:is|was)\s+(?:it|this|that|the\s+[\w ]{{1,40}}|[A-J])\s+{_EITHER}\s*\?
       |\b(?:neither|both)\s+true\s+(?:nor|and)\s+false\b|\btrue\s+and\s+false\b"""
)
_HEDGED: Final = pattern(
    rf"""\b(?:partially|partly|half|somewhat|sometimes|(?:cannot|can't)\s+be(?=\s+determined)
          |(?:can|could|may|might)\s+be
          |(?:not|n't|isn't)\s+(?:sure|certain)|unsure|doubt|(?:do\s+not|don't)\s+know|(?:cannot|can't)\s+(?:say|tell)|hard\s+to\s+(?:say|tell)
          |none|neither|nothing
          |not\s+(?:entirely|completely|fully|necessarily|wholly|quite|always|exactly|strictly))
        [\s-]+(?:[\w']+\s+){{0,5}}?(?:{_EITHER}|accurate|determined)\b"""
)
_TRUE_OR_FALSE: Final = any_of(
    r"""positives?, negatives?, story, stories, love, friend, self, north, alarm, flag, belief, sense, claims?,
    hope, start, ribs?, teeth, memor\w+, prophet, cognates?, killer, crime, blue, randomness, value"""
)
_ATTRIBUTE: Final = pattern(rf"\s+{_TRUE_OR_FALSE}\b")
"""What makes of "true" and "false" an attribute: "a false positive"."""

_JUDGED: Final = r"(?P<word>untrue|true|false|incorrect|correct|wrong|right|inaccurate|accurate)"
_SIGNS: Final = rf"""[\s"'(\[*>{ANSWER}:.,;!?)\]\-\#=|]*"""
_OPENING: Final = any_of(
    """yes, no, well, the, my, proposed, final, sure, so, ok, okay, answer, verdict, judge?ment, is, a, b, hmm+,
    it, it's, its, this, that, that's, definitely, clearly, probably, certainly, likely, think, believe, i,
    option, correct answer"""
)
_END: Final = rf"""(?=[\s"')*\]]*(?:$|[\n.,;:!?–—({ANSWER}|]|\s-|-+\s))"""
_BEGINS: Final = pattern(
    rf"""{_SIGNS}(?:\b{_OPENING}\b{_SIGNS})*
        \b(?P<word>untrue|true|false|incorrect|correct|wrong|right|inaccurate|accurate|t|f)\b
        (?:{_END}|(?=\s+(?:because|since|as|for|given|based)\b))"""
)
_SUBJECT: Final = (
    r"""\b(?:answer|option|choice|statement|claim|it|this|that|response|solution|proposal|[A-J])\b[\s"')*.:]*"""
)
_BE: Final = any_of("is, was, appears to be, seems, seems to be, looks, =, must be, would be, has to be")
_VERDICT: Final = pattern(
    rf"""(?:{_SUBJECT}(?:\([A-J]\)\s*)?{_BE}
          |\bit's|\bthat's|\b(?:answer|verdict|judge?ment|conclusion|response)\s*:|{ANSWER}
          |\b(?:so|therefore|thus|hence)\b[\s,:]*(?:it's|it\s+is)?
          |\bi\s+(?:would\s+|'d\s+)?(?:say|answer|judge|choose)(?:\s+that\s+it\s+is)?|considered)
        [\s:"'*(\[]*(?P<not>(?:not|n't|never)\s+)?
        (?:(?:\w+ly|most\s+likely|in\s+fact|indeed|also|therefore|thus|the|to\s+be)\s+)*["'*(]*
        {_JUDGED}(?![\w-])(?!\s+(?:answer|option|choice|one|that|to\b|about|if|when))"""
)
_CALLED: Final = re.compile(
    r"\b(?P<word>false|wrong|incorrect)\s+to\s+(?:say|claim|call|state|think|consider)\b", re.IGNORECASE
)
_NEGATED: Final = pattern(
    rf"""(?:\b(?:is|was|does)(?:n't|\s+not)|\b(?:would|will|could|can)(?:n't|\s+not|not|'t)\s+be|\bfar\s+from)\s+(?:(?:\w+ly|seem|look|appear|to\s+be|the)\s+)*["'*(]*{_JUDGED}(?![\w-])"""
)
_WORD: Final = pattern(
    r"""(?<![\w-])(?P<not>(?:not|isn't|n't|never|hardly)\s+(?:\w+ly\s+|an?\s+|the\s+|in\s+fact\s+)?)?
        ["'(*]*(?P<word>untrue|true|false)(?![\w-])"""
)
_TAKEN_BACK: Final = pattern(
    rf"""\b{RETRACTION}\b[^.\n]{{0,30}}?[\s,.:!;–—"'(-]+(?:it(?:'s|\s+is)\s+|the\s+answer\s+is\s+)?
        (?P<word>true|false)(?=[\s"')]*(?:$|[.,;:!?\n]))"""
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
    text = _HEDGED.sub(" _ ", _ECHO.sub(" _ ", _SAME.sub(r"\1\2", text)))
    if found := _BEGINS.match(text):
        return _judged(found, _TAKEN_BACK.search(text, found.end()))
    if verdicts := [m for reader in (_NEGATED, _CALLED, _VERDICT) for m in reader.finditer(text)]:
        found = min(verdicts, key=lambda m: m.start("word"))  # of equals, the one that sees the negation
        return _judged(found, _TAKEN_BACK.search(text, found.end()))
    for found in _WORD.finditer(text):
        if not _ATTRIBUTE.match(text, found.end()):
            return _judged(found, None)
    return None


def _judged(found: re.Match[str], taken_back: re.Match[str] | None) -> bool:
    if taken_back is not None:
        return taken_back["word"].lower() == "true"
    negated = found.re is _NEGATED or found.groupdict().get("not") is not None
    return (found["word"].lower() in _TRUE) != negated
