"""Where a text names option letters, and what it says of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from modelswarms.utilities.parsing.cleaning import ANSWER, without_emphasis
from modelswarms.utilities.parsing.phrases import (
    ADJACENT,
    ALL_BUT,
    AND,
    ANSWERED,
    BECAUSE,
    BEGINNING,
    CHOSEN,
    CLOSED,
    DELIMITED,
    DENIED,
    FOREIGN,
    GENUS,
    GOES_ON,
    JUDGED_RIGHT,
    JUDGED_WRONG,
    RETRACTED,
    RIGHT,
    TEMPTING,
    WRONG,
)

__all__ = ["Named", "key_of", "lone_letter", "mark_letters", "named_letters", "takes_back"]

Says = Literal["begins", "asserts", "mentions", "denies"]

_OPEN, _CLOSE = "\ue001", "\ue002"
"""Stand around a letter that was set off: in brackets, bold, quoted."""

_SIGNS: Final = rf"\s.,:;!?\"'`*_()\[\]{{}}<>【】「」『』《》〈〉〔〕–—#>~=$\\/|•→➡➤►▶\-{ANSWER}{_OPEN}{_CLOSE}"
_EMPHASISED: Final = re.compile(
    r"(?<![\w*])(\*{1,3}|_{1,3}|`{1,3}|~~|\$)\s*[(\[]?\s*(\w)\s*[)\]]?\s*([.:,)]?)\s*\1(?![\w*])"
)
_BOXED: Final = re.compile(rf"{ANSWER}\s*[(\[]?\s*(\w)\s*[)\]]?[.:]?\s*{ANSWER}")
_BRACKETED: Final = re.compile(
    r"""(?:(?<![A-Za-z0-9_])|(?<=\bis)|(?<=nswer)|(?<=ption)|(?<=hoice)|(?<=[^\x00-\x7f]))
        (?:[(\[{【「『《〈〔]\s*(\w)\s*[.:]?\s*[)\]}】」』》〉〕]|<\s*([A-Z])\s*>)""",
    re.VERBOSE,
)
_QUOTED: Final = re.compile(r"(?<!\w)([\"'])\s*\(?(\w)\)?\s*[.,]?\1(?!\w)")
_TOKEN: Final = re.compile(
    rf"""{_OPEN}(?P<marked>[A-Za-z0-9]){_CLOSE}
       |(?<![A-Za-z0-9_'°+\#\\^&@.$])(?<![A-Za-z0-9]-)(?<!N/)(?P<bare>[A-Za-z0-9])
        (?![A-Za-z0-9_'+\#^=°({{%]|[.,][0-9]|\.[A-Za-z]\b|&[A-Za-z]|/[a-z])""",
    re.VERBOSE,
)
_ASIDE: Final = re.compile(
    rf"""[\s"')\]*,–—:{_CLOSE}-]*(?:\([^()\n]{{0,80}}\)|,\s*(?:which|that|the)\b[^,.\n]{{0,80}},)?[\s"'*,–—-]*"""
)
_AFTER_I: Final = re.compile(r"[).:!]|\s*(?:\n|$)|\s+is\b")
_VERB: Final = re.compile(r"\s+(?:is|are|seem|both)\b")
_INITIALS: Final = re.compile(r"(?:[A-Z]\.\s?){2,}[A-Z][a-z]+")
_GAP: Final = re.compile(rf"[\s\"')\]*.:,;–—\-(={_CLOSE}]*")


@dataclass(frozen=True)
class Named:
    """Letters that a text names together, and what it says of them.

    Attributes:
        keys: of the choices; None stands for a letter that is none of them.
        says: ``begins`` where the text or a sentence begins with them, ``asserts`` where it says that
            they are the answer, ``denies`` that they are not, else ``mentions``.
        first: nothing but an opening stands before them.
        listed: their own option's text follows them.
        closed: nothing follows that goes on with a sentence about them.
        set_off: they are in brackets or bold, called options, or begin a sentence: no part of a name.
    """

    keys: tuple[str | None, ...]
    says: Says
    start: int
    end: int
    first: bool
    listed: bool
    closed: bool
    set_off: bool

    @property
    def only(self) -> str | None:
        """The one key; None where there are several, or the letter is no choice."""
        return self.keys[0] if len(set(self.keys)) == 1 else None


def key_of(letter: str, choices: Mapping[str, str]) -> str | None:
    """The key that a letter means, in whatever case."""
    return next((key for key in (letter, letter.upper(), letter.lower()) if key in choices), None)


def lone_letter(text: str) -> str | None:
    """The letter that a text consists of, but for punctuation: "b", "(B).", "**B**", "B B B"."""
    letters = {part for part in re.split(f"[{_SIGNS}]+", text) if part}
    letter = letters.pop() if len(letters) == 1 else ""
    return letter if len(letter) == 1 and letter.isalnum() else None


def mark_letters(text: str) -> str:
    """The text with letters in brackets, bold or quotes set off in one way, and without other emphasis."""
    text = _BOXED.sub(rf"{ANSWER}{_OPEN}\1{_CLOSE}", text)
    text = _EMPHASISED.sub(rf"{_OPEN}\2{_CLOSE}\3", text)
    text = _QUOTED.sub(rf"{_OPEN}\2{_CLOSE}", text)
    text = _BRACKETED.sub(lambda m: f"{_OPEN}{m[1] or m[2]}{_CLOSE}", text)
    return without_emphasis(text)


def named_letters(text: str, choices: Mapping[str, str]) -> list[Named]:
    """The letters that a marked text names, from left to right; those that stand together in one."""
    groups: list[list[re.Match[str]]] = []
    for token in _tokens(text, choices):
        if groups and _together(text, groups[-1], token):
            groups[-1].append(token)
        else:
            groups.append([token])
    named = [_judged(text, group, choices) for group in groups]
    return [n for n in named if n is not None]


def takes_back(text: str, end: int, start: int) -> bool:
    """Whether between two places of a text what was said is taken back ("B. Wait, C")."""
    return RETRACTED.search(text, end, start) is not None


def _letter(token: re.Match[str]) -> str:
    letter: str = token["marked"] or token["bare"]
    return letter


def _tokens(text: str, choices: Mapping[str, str]) -> Iterator[re.Match[str]]:
    """Single letters, also those that turn out to be articles; digits only where they are keys."""
    names = _spans_of_options(text, choices)
    for token in _TOKEN.finditer(text):
        letter, start, end = _letter(token), token.start(), token.end()
        is_part = any(first <= start and end <= last for first, last in names)
        is_part = is_part or (key_of(letter, choices) is None and re.match(r"\s*[=(]", text[end : end + 3]) is not None)
        if (letter.isalpha() or letter in choices) and not is_part and not _opens_a_name(text, token, choices):
            yield token


def _spans_of_options(text: str, choices: Mapping[str, str]) -> list[tuple[int, int]]:
    """Where options' own texts stand that hold single letters ("Exfoliatin A", "Both A and B", "240 W")."""
    patterns = [pattern for option in choices.values() if (pattern := _pattern_of(option)) is not None]
    return [found.span() for pattern in patterns for found in pattern.finditer(text)]


@lru_cache(maxsize=4096)
def _pattern_of(option: str) -> re.Pattern[str] | None:
    """Finds an option's text; None for one without single letters."""
    option = option.strip(" .")
    if len(option) < 3 or not _TOKEN.search(option):
        return None
    return re.compile(rf"(?<!\w){re.escape(option)}(?!\w)", re.IGNORECASE)


def _opens_a_name(text: str, token: re.Match[str], choices: Mapping[str, str]) -> bool:
    """Whether a word with a hyphen or initials begin here ("B-side", "J. K. Rowling"), and not a letter."""
    letter, start, end = _letter(token), token.start(), token.end()
    if token["marked"] is not None:
        return False
    if _INITIALS.match(text, start):
        return True
    if re.match(r"-\w", text[end : end + 2]):
        own = choices.get(key_of(letter, choices) or "", "")
        return not own or not text[end + 1 :].casefold().startswith(own.strip(" .").casefold())
    return False


def _together(text: str, group: list[re.Match[str]], other: re.Match[str]) -> bool:
    """Whether a letter belongs to those before it ("A, B and C"); after "A and B, C" a list is over."""
    one = group[-1]
    between = text[one.end() : other.start()]
    if len(group) > 1 and "," in between and "," not in text[group[-2].end() : one.start()]:
        return False
    if not between.strip():
        return "\n" not in between and not (one["bare"] or "Z").islower() and not (other["bare"] or "Z").islower()
    if AND.fullmatch(between) is None:
        return False
    end = other.end()  # "B, I think" and "C, A lot of" name one letter
    return (
        other["marked"] is not None
        or CLOSED.match(text, end) is not None
        or AND.match(text, end) is not None
        or (GOES_ON if other["bare"] != "I" else _VERB).match(text, end) is not None
    )


@dataclass(frozen=True)
class _Around:
    """What stands around letters.

    Attributes:
        before: what stands before them.
        opening: what the text or a sentence begins with, where they follow it.
        answered, adjacent, chosen: they follow "the answer is", "option", "so" or "I choose".
        own: where their own option's text ends, if it follows.
        verdict: whether they are said to be right or wrong.
        closed: nothing follows that goes on with a sentence about them.
    """

    before: str
    opening: str | None
    answered: bool
    adjacent: bool
    chosen: bool
    own: int | None
    verdict: bool | None
    closed: bool


def _around(text: str, group: Sequence[re.Match[str]], choices: Mapping[str, str]) -> _Around:
    start, end = group[0].start(), group[-1].end()
    before = text[max(0, start - 160) : start]
    opening = BEGINNING.search(before)
    own = _after_own_text(text, end, choices.get(key_of(_letter(group[-1]), choices) or "", ""))
    return _Around(
        before=before,
        opening=opening[0] if opening else None,
        answered=ANSWERED.search(before) is not None or ANSWER in before[-3:],
        adjacent=ADJACENT.search(before) is not None,
        chosen=CHOSEN.search(before) is not None,
        own=own,
        verdict=_verdict(text, end, own, choices),
        closed=CLOSED.match(text, end) is not None,
    )


def _judged(text: str, group: list[re.Match[str]], choices: Mapping[str, str]) -> Named | None:
    """What the text says of letters that stand together; None where they are no letters but words."""
    around = _around(text, group, choices)
    if len(group) == 1 and not _is_letter(text, group[0], around):
        return None
    if len(group) > 1 and any((t["bare"] or "Z").islower() for t in group) and not around.answered:
        return None
    start, end = group[0].start(), group[-1].end()
    opening = around.opening
    marked = group[0]["marked"] is not None or text[end : end + 1] in (")", ":")
    return Named(
        keys=tuple(key_of(_letter(t), choices) for t in group),
        says=_says(text, group, around),
        start=start,
        end=around.own or end,
        first=opening is not None and not re.search(r"\w", text[: start - len(opening)]),
        listed=around.own is not None,
        closed=around.closed,
        set_off=opening is not None or around.adjacent or around.chosen or around.own is not None or marked,
    )


def _says(text: str, group: list[re.Match[str]], around: _Around) -> Says:
    end = group[-1].end()
    is_reason = BECAUSE.match(text, end) is not None
    if ALL_BUT.search(around.before) and around.verdict is not None:
        return "denies" if around.verdict else "asserts"
    if DENIED.search(around.before) or around.verdict is False:
        return "denies"
    if TEMPTING.search(around.before):
        return "mentions"
    if around.answered or around.verdict or (around.chosen and (around.closed or around.own is not None or is_reason)):
        return "asserts"
    set_off = around.own is not None or group[-1]["marked"] is not None or DELIMITED.match(text, end) is not None
    is_question = text[end : end + 2].strip().startswith("?")
    return "begins" if around.opening is not None and not is_question and (set_off or is_reason) else "mentions"


def _is_letter(text: str, token: re.Match[str], around: _Around) -> bool:
    """Whether a single letter is meant as one, and not as an article, a pronoun or part of a name."""
    letter, end = _letter(token), token.end()
    if token["marked"] is not None:
        return True
    begins, announced = around.opening is not None, around.answered or around.adjacent
    if letter.islower():
        if begins and re.match(r"[).:]", text[end : end + 1]):
            return True
        is_said = announced or (around.chosen and letter not in "ai")
        return is_said and (around.closed or around.own is not None)
    if FOREIGN.search(around.before) and not (announced or around.chosen):
        return False
    if around.own is not None:
        return True
    if GENUS.match(text, end):
        return False
    if letter == "I" and not announced:
        return (begins or around.chosen) and _AFTER_I.match(text, end) is not None
    is_delimited = DELIMITED.match(text, end) is not None
    if is_delimited and (around.closed or begins or announced or around.chosen):
        return True
    return around.verdict is not None or GOES_ON.match(text, end) is not None


def _after_own_text(text: str, end: int, own: str) -> int | None:
    """Where the option's own text ends that follows its letter; None where it does not follow."""
    own = own.strip(" .").casefold()
    if not own:
        return None
    begin = _GAP.match(text, end)
    place = begin.end() if begin else end
    there = text[place : place + len(own)].casefold()
    if there == own and not text[place + len(own) : place + len(own) + 1].isalnum():
        return place + len(own)
    rest = text[place:].strip(" .\n").casefold()
    return len(text) if len(rest) >= 12 and own.startswith(rest) else None  # cut off by the limit of tokens


def _verdict(text: str, end: int, own: int | None, choices: Mapping[str, str]) -> bool | None:
    """Whether letters are said to be right (True) or wrong (False); None where neither is said."""
    for verdict, judged, sentence in ((False, JUDGED_WRONG, WRONG), (True, JUDGED_RIGHT, RIGHT)):
        word = judged.match(text, end)
        if (
            own is None
            and word
            and not any(word[0].casefold().endswith(o.strip(" .").casefold()) for o in choices.values())
        ):
            return verdict
        if any(sentence.match(text, place) for place in _verdict_places(text, end, own)):
            return verdict
    return None


def _verdict_places(text: str, end: int, own: int | None) -> list[int]:
    """Where a verdict on a letter can begin: right after it, its brackets, its own text."""
    gaps = [_ASIDE.match(text, place) for place in (end, own) if place is not None]
    return [end, *(gap.end() for gap in gaps if gap)]
