"""Whether a sentence says that something is the answer: "The capital of France is Paris", "Paris became it"."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from modelswarms.utilities.parsing.patterns import ADVERB, any_of, pattern

__all__ = ["says_that_it_is"]

_BE: Final = any_of(
    r"""is, was, are, were, would be, should be, must be, has to be, will be, might be, may be, could be,
    appears, appears? to be, seems?, seems? to be, looks?, becomes?, became, remains?, remained, turns?, turned,
    equals?, means?, meant, refers? to, stands? for, describes?"""
)
_NAMED: Final = any_of(
    "called, named, known as, termed, referred to as, considered, labell?ed, labell?ed as, classified as, spelled"
)
_WITH: Final = any_of(
    r"""because, since, as, due to, for, in, at, on, by, with, when, while, where, which, who, whose, that, after,
    before, during, from, near, under, so, then, and (?:it|he|she|they|this|that|its|his|her|not)\b, but"""
)
"""What may go on after the answer without making another of it ("Paris in France", never "Paris or Lyon")."""
_ON: Final = rf"(?:{_WITH}|of|an?|the|located|right|if|i|{ADVERB})"
_TITLE: Final = any_of("the, an?, my, our, dr\\.?, mr\\.?, mrs\\.?, sir, king, queen, president, saint, st\\.?, mount")
_AGENT: Final = (
    r"(?:\b(?:is|was|are|were|been|being)\s+(?:\w+\s+){0,2}?\w+(?:ed|[elw]n|[hn]t|ng|it|un|[dei]d|l[de]|me|[pu]t)\s+by"
    r"|\b(?:better|also|now|commonly|usually|widely)\s+known\s+as|\bnot\s+[^,.]{1,60}?,?\s+but(?:\s+rather)?"
    r"|\b(?:classify|label|describe|categori[sz]e|rate|call)\s+(?:\w+\s+){1,4}?as"
    r"|\b(?:belongs?\s+to|falls?\s+(?:under|into))(?:\s+the\s+(?:category|class|genre|topic|heading)(?:\s+of)?)?"
    r"|\b(?:filled\s+(?:in\s+)?(?:with|by)|thinking\s+of|talking\s+about))"
)
_VERB: Final = (
    r"(?:is|was|are|were|has|had|have|does|did|can|could|will|would|became|becomes|wrote|won|built|led|began|gave|"
    r"made|took|sang|drew|ran|held|came|went|lies|sits|means|rose|fell|found|fought|taught|flew|swam|spoke|said|"
    r"(?-i:[a-z]{2,}(?:ed|es)|[a-z]{3,}s))"
)
_OTHERS_SAY: Final = any_of("some, many, most people, people, others, it is often, it is commonly")
_DENIED: Final = pattern(
    rf"""\b(?:not|never|no\s+longer|nobody|no\s+one|none|neither|nor|hardly|whether|if|unless|unclear|unknown|rather\s+than
          |instead\s+of|false|untrue|incorrect|wrong|doubt|myth|mistake\w*|contrary|used\s+to|formerly|previously|once
          |or|either|another|other|besides|except|unlike|than|except|without
          |{_OTHERS_SAY}\s+(?:say|believe|think|claim|said|thought|believed|assumed?)
          )\b|n't\b|\?"""
)
_AFTER_SUBJECT: Final = pattern(
    r"\s*(?:not\b|never\b|no\b|n't\b|hardly\b|neither\b|the\s+wrong\b|wrong\b|incorrect\b|false\b|or\b)|.*\b(?:but|mistaken|confused)\b"
)
_NO_LABEL: Final = pattern(
    r"""(?:.*\b(?:not|wrong|incorrect|question|options?|choices?|examples?|notes?|hint|context|text|passage|input|premise
        |hypothesis|title|distractors?|alternatives?|or|avoid|except|user|human|q)\b.*)"""
)
_ASIDE: Final = pattern(
    r"""\s*(?:(?:let\s+me|let's|let\s+us)\s[^.!?\n]{1,60}|(?:good|great|interesting|nice)\s+question|h+mm*|well|ok(?:ay)?|sure
        |certainly|of\s+course|thanks?(?:\s+you)?[^.!?\n]{0,40}|i(?:'m|\s+am)\s+not\s+(?:entirely\s+|quite\s+)?(?:sure|certain)
        |here(?:'s|\s+is)\s[^.!?\n]{1,60}|to\s+answer\s[^.!?\n]{1,60}|looking\s+at\s[^.!?\n]{1,60}|step\s+\d+)[,.!:;…]+\s*(?:but\b|so\b)?\s*"""
)
_SENTENCE: Final = re.compile(
    r"(?s)(?:[^.!?;\n]|(?<=\b[A-Z])\.|(?<=\bDr|\bSt|\bMr|\bMs|\bvs)\.|(?<=\bMrs)\.|\.(?=\S))*"
)


def says_that_it_is(text: str, answer: str) -> bool:
    """Whether the first sentence of a text that says something says that it is this: as what is, as who does or did,
    or after a label.

    Both are to be readable and plain, the answer without its article. Where the sentence denies, doubts or offers
    another beside it, it says nothing.

    Example:
        >>> says_that_it_is("The capital of France is Paris, on the Seine.", "Paris")
        True
        >>> says_that_it_is("Label: sports", "sports"), says_that_it_is("The capital is Paris or Lyon.", "Paris")
        (True, False)
    """
    if not answer or answer.casefold() not in text.casefold():
        return False
    text = text.strip()
    while (aside := _ASIDE.match(text)) and aside.end():
        text = text[aside.end() :]
    first = _SENTENCE.match(text)
    length = first.end() if first else 0
    if text[length : length + 1] == "?":
        return bool(rest := text[length + 1 :].strip()) and says_that_it_is(rest, answer)
    sentence = " ".join(text[:length].split())
    as_what, as_who, as_doer, as_label = _ways(answer)
    if found := as_label.match(sentence):
        return not _NO_LABEL.fullmatch(found["label"])
    if found := as_what.search(sentence) or as_doer.search(sentence):
        return not _denied(sentence[: found.start("said")])
    if found := as_who.match(sentence):
        return not _AFTER_SUBJECT.match(sentence, found.end()) and not _AFTER_SUBJECT.match(sentence, found.end("said"))
    return False


def _denied(before: str) -> bool:
    """Whether what stands before the answer denies it; another clause may deny ("not Lyon, it is …")."""
    clauses = re.split(r"[,:]\s+|\bbut\b", before)
    return _DENIED.search(clauses[-1]) is not None or re.match(r"\s*(?:if|unless|whether)\b", before, re.I) is not None


@lru_cache(maxsize=4096)
def _ways(answer: str) -> tuple[re.Pattern[str], ...]:
    """Patterns of the ways to say one answer."""
    words = r"\s+".join(map(_quoted, answer.split()))
    said = rf"""(?P<said>["'(]*(?:{_TITLE}\s+){{0,2}}["']*{words})(?!\w)["')]*"""
    # "Paris, Lyon" and "Paris, Texas" are others than Paris.
    more = rf",\s+(?!{_ON}\b)(?:[\w'-]+|(?-i:[A-Z])[\w'-]+(?:\s+(?-i:[A-Z])[\w'-]+){{1,2}})$"
    end = rf"(?!{more})(?=\s*$|\s*[.,;:!(\[]|\s+[-–—]|\s+{_WITH}(?:\s|$))"
    return (
        pattern(
            rf"(?:(?<!\w){_BE}|(?<=\w)'(?:s|re))(?:\s+{ADVERB})*(?:\s+{_NAMED})?(?:\s+{ADVERB})*\s*[:,]?\s+{said}{end}"
        ),
        pattern(
            rf"""^(?:(?:so|thus|therefore|yes|hence),?\s+)?{said}(?:\s*\([^)]*\)|,[^,]{{1,40}},)?
            (?:\s+(?:{ADVERB}\s+)*{_VERB}(?=\s+\S)|,\s+(?:the|an?|one\s+of)\s)"""
        ),
        pattern(rf"{_AGENT}\s+{said}{end}"),
        pattern(rf"^(?P<label>[\w' -]{{1,40}}?)\s*:\s*{said}(?=\s*$|\s*[.,;(]\s)"),
    )


def _quoted(word: str) -> str:
    return re.escape(word).replace("\\ ", r"\s+").replace("#", r"\#")
