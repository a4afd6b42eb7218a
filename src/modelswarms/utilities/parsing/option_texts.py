"""Which option's text a text states."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from modelswarms.utilities.parsing.cleaning import ANSWER
from modelswarms.utilities.parsing.patterns import any_of, pattern
from modelswarms.utilities.parsing.truth import stated_truth
from modelswarms.utilities.parsing.words import phrase
from modelswarms.utilities.parsing.yes_no import interjected_yes_no, stated_yes_no

__all__ = ["after_announcement", "equal_option", "option_by_text"]

_WORD: Final = re.compile(r"(?:(?<![\w)])[-+])?\d+(?:[.,]\d+)*%?|[^\W\d]+(?:'\w+)?|[^\s\w.,;:!?\"'()\[\]–—…-]|\w+")
_ARTICLES: Final = frozenset({"the", "a", "an"})
_DENYING: Final = frozenset(
    {"not", "isn't", "wasn't", "aren't", "nor", "neither", "unlike", "than", "except", "never", "cannot", "instead",
     "doesn't", "don't", "didn't", "versus"}
)  # fmt: skip
_BETWEEN: Final = _ARTICLES | {"of", "be", "is", "it", "just", "only", "really", "for", "in", "to", "about"}
_ARTICLE: Final = re.compile(r"^\W*(?:[Tt]he|THE|[Aa]n|AN|a)\s+(?=\w)")
_ENDINGS: Final = ("s", "es", "d", "ed", "ing")
_BE: Final = any_of("is, was, would be, should be, must be, will be")
_SO: Final = any_of(
    """so, therefore, thus, hence, choose, chose, pick, select, go with, guess, say, conclude, it is, it's, must
    be, should be"""
)
_FILL: Final = any_of(
    """the, an?, is, that, it, it's, would, be, clearly, probably, definitely, most, likely, therefore, thus,
    option, called, known as"""
)
_STATED: Final = pattern(
    rf"""(?:{ANSWER}
          |\b(?:answer|option|choice|ans|solution|response)\b[^.!?\n:]{{0,60}}?(?:\b{_BE}\b|[:=])
          |\b{_SO}\b)
        (?:[\s:,"'(*{ANSWER}]|\b{_FILL}\b)*$"""
)
_ANNOUNCED: Final = pattern(
    rf"""\W*(?:(?:so|thus|therefore|hence|the|my|correct|right|best|final|most\s+likely)\b\W*)*
        (?:answer|option|choice|ans)\b(?:\s+{_BE}\b)?[\s:="'*]*"""
)
_ARTICLE_OR_SO: Final = any_of(
    """the, an?, well, so, sure, probably, definitely, clearly, it is, it's, i think, because"""
)
_OPENING: Final = pattern(rf"[\W_]*(?:{_ARTICLE_OR_SO}\b[\W_]*)*")
_CLAUSE_END: Final = re.compile(r"""[\s"')\]*]*(?:$|[.,;:!?\n(–—-]|\b(?:because|since|as|is|was|are)\b)""")
_IN_A_LIST: Final = pattern(r"\s*(?:,|,?\s*and|,?\s*or)\s*(?:the\s+)?")
_DENIED_AFTER: Final = pattern(
    rf"""[\s"')*,]*(?:{any_of("is, are, was, were, would be, seems?")}\s+(?:\w+ly\s+|also\s+)?
            {any_of("not, wrong, incorrect, false, out, unlikely")}
          |{any_of("isn't, aren't, doesn't, does not, can't be, cannot be")})\b"""
)


@dataclass(frozen=True)
class _Word:
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class _Mention:
    key: str
    first: int
    last: int


def after_announcement(text: str) -> str:
    """What follows "The answer is" where a text begins so; else the text."""
    found = _ANNOUNCED.match(text)
    return text[found.end() :] if found else text


def equal_option(text: str, choices: Mapping[str, str]) -> str | None:
    """The one option whose text is all that a text says."""
    said = _text_words(text)
    equal = [key for key, option in choices.items() if said and said == _option_words(option)]
    return equal[0] if len(equal) == 1 else None


def option_by_text(text: str, choices: Mapping[str, str]) -> str | None:
    """The one option whose text is stated; None where none is, or several are and none stands out.

    Words count whole; the text of a longer option hides a shorter one's within it; what is denied is
    not stated. Of several, that which is said to be the answer counts, or which the text begins with.
    Options that are yes and no, or true and false, are read as such.
    """
    texts = {_phrase_of(option): key for key, option in choices.items()}
    if {"yes", "no"} <= texts.keys():
        return _by_word(text, texts, choices)
    if {"true", "false"} <= texts.keys() and (truth := stated_truth(text)) is not None:
        return texts["true" if truth else "false"]
    return _mentioned(text, choices) or _cut_off(text, choices)


@lru_cache(maxsize=4096)
def _phrase_of(option: str) -> str:
    return phrase(option)


def _by_word(text: str, texts: Mapping[str, str], choices: Mapping[str, str]) -> str | None:
    """Yes or no as an answer, else another option ("neutral"), else "no" before a noun."""
    if said := interjected_yes_no(text):
        return texts[said]
    others = {key: option for key, option in choices.items() if key not in (texts["yes"], texts["no"])}
    other = _mentioned(text, others) if others else None
    said = stated_yes_no(text)
    return other or (texts[said] if said else None)


def _mentioned(text: str, choices: Mapping[str, str]) -> str | None:
    words = _words(text)
    mentions = [m for m in _mentions(words, choices) if not _is_denied(text, words, m)]
    keys = {m.key for m in mentions}
    if len(keys) == 1:
        return keys.pop()
    if not keys:
        return None
    stated = [m for m in mentions if _STATED.search(text[max(0, words[m.first].start - 120) : words[m.first].start])]
    if stated:
        return stated[0].key
    opening, first = _OPENING.match(text), mentions[0]
    begins = opening is not None and words[first.first].start <= opening.end()
    after = text[words[first.last].end : words[mentions[1].first].start]
    if begins and _CLAUSE_END.match(text, words[first.last].end) and not _IN_A_LIST.fullmatch(after):
        return first.key
    return None


def _mentions(words: Sequence[_Word], choices: Mapping[str, str]) -> list[_Mention]:
    """Where options' texts stand, those within a longer one's left out; word forms only where nothing else is found."""
    said = [word.text for word in words]
    found = [m for key, option in choices.items() for m in _places(said, _option_words(option), key)]
    if not found:
        found = [m for key, option in choices.items() for m in _forms(said, _option_words(option), key)]
    return sorted(
        (m for m in found if not any(_within(m, other) for other in found)), key=lambda mention: mention.first
    )


def _within(one: _Mention, other: _Mention) -> bool:
    longer = other.last - other.first > one.last - one.first
    return longer and other.key != one.key and other.first <= one.first and one.last <= other.last


def _places(said: Sequence[str], option: Sequence[str], key: str) -> Iterator[_Mention]:
    size = len(option)
    for i in range(len(said) - size + 1 if size else 0):
        if said[i] == option[0] and list(said[i : i + size]) == list(option):
            yield _Mention(key, i, i + size - 1)


def _forms(said: Sequence[str], option: Sequence[str], key: str) -> Iterator[_Mention]:
    """ "It supports" for the option "Support", "macrophage" for "Macrophages"."""
    size = len(option)
    for i in range(len(said) - size + 1 if size else 0):
        if all(_same_word(*pair) for pair in zip(said[i : i + size], option, strict=True)):
            yield _Mention(key, i, i + size - 1)


def _same_word(one: str, other: str) -> bool:
    """Whether two words are the same, or forms of one ("stay" and "stays")."""
    if one == other:
        return True
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) < 4 or not longer.startswith(shorter.removesuffix("e")):
        return False
    return any(longer == stem + ending for stem in (shorter, shorter.removesuffix("e")) for ending in _ENDINGS)


def _is_denied(text: str, words: Sequence[_Word], mention: _Mention) -> bool:
    i = mention.first - 1
    while i >= 0 and words[i].text in _BETWEEN and mention.first - i < 5:
        i -= 1
    if i >= 0 and (words[i].text in _DENYING or words[i].text.endswith("n't")):
        between = text[words[i].end : words[mention.first].start]
        return not re.search(r"[.,;:!?\n]", between)
    return _DENIED_AFTER.match(text, words[mention.last].end) is not None


def _cut_off(text: str, choices: Mapping[str, str]) -> str | None:
    """The option of which a text, cut off by the limit of tokens, is the beginning: four words or more."""
    said = _text_words(text)
    if len(said) < 4 or text.rstrip()[-1:] in (".", "!", "?"):
        return None
    keys = [key for key, option in choices.items() if _begins(_option_words(option), said)]
    return keys[0] if len(keys) == 1 else None


def _begins(option: Sequence[str], said: Sequence[str]) -> bool:
    """Whether an option begins with what was said, of which the last word may be cut."""
    size = len(said)
    return len(option) >= size and list(option[: size - 1]) == list(said[:-1]) and option[size - 1].startswith(said[-1])


def _words(text: str) -> list[_Word]:
    return [_Word(_plainly(m[0]), m.start(), m.end()) for m in _WORD.finditer(text)]


def _plainly(word: str) -> str:
    return (
        word.replace(",", "")
        if word[-1:].isdigit() and re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", word)
        else word.casefold()
    )


def _text_words(text: str) -> tuple[str, ...]:
    """A text's words, without the article that it begins with; a capital A may be a letter."""
    return tuple(word.text for word in _words(_ARTICLE.sub("", text)))


@lru_cache(maxsize=4096)
def _option_words(option: str) -> tuple[str, ...]:
    """The same of an option, remembered."""
    return _text_words(option)
