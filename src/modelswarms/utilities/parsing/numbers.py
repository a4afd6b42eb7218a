"""Numbers as whole tokens: the one that a short answer states, and the one that a worked solution ends with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation, localcontext
from typing import Final

from modelswarms.utilities.parsing.cleaning import ANSWER, first_turn, plain, without_emphasis
from modelswarms.utilities.parsing.patterns import any_of, pattern

__all__ = ["decimal_of", "final_number", "first_number", "written"]

_PATTERN: Final = r"""(?<![\w.^])
        (?:(?<![\w)])[-+−])?[$€£¥]?[-+−]?                         # "10-3" holds no -3
        (?>(?>\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?>\.\d+)?|\.\d+)    # atomic: no "1" out of "1,000km"
        """
_NUMBER: Final = re.compile(_PATTERN + r"(?!\w|\.\d)", re.VERBOSE)
_UNIT: Final = any_of(
    """k?m, cm, mm, kg, mg, lbs?, mph, kmh, kph, ml, hrs?, mins?, secs?, ft, oz, am, pm, gb, mb, kb, cents?, usd,
    g, l, h, s, x"""
)
_IN_SOLUTIONS: Final = pattern(_PATTERN + rf"(?:(?!\w|\.\d)|(?=%|{_UNIT}\b)|(?P<thousands>k)\b)")
_FRACTION: Final = re.compile(r"(?<![\w./])(-?)(?:(\d+)\s+(?:and\s+)?)?(\d+)\s?/\s?(\d+)(?![\w/]|\.\d)(?!\s*=)")
_CLOCK: Final = re.compile(r"(?<![\w.:])(\d+):(\d+)(?::\d+)?(?![\w:])")
_MAGNITUDE: Final = re.compile(r"[ -](hundred|thousand|million|billion|trillion)\b", re.IGNORECASE)
_TIMES: Final = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}


@dataclass(frozen=True)
class _Found:
    """A number and where it stands."""

    value: Decimal
    start: int
    end: int


def decimal_of(text: str) -> Decimal | None:
    """The number a token is, without trailing zeros; None where it is none.

    Example:
        >>> decimal_of("$1,024.00"), decimal_of("12 apples")
        (Decimal('1024'), None)
    """
    return _decimal(text) if _NUMBER.fullmatch(text) else None


def written(number: Decimal) -> str:
    """The one way to write a number: no group signs, no trailing zeros, no exponent."""
    return format(number, "f")


def _decimal(token: str) -> Decimal | None:
    try:
        number = Decimal(re.sub("[,$€£¥]", "", token).replace("−", "-"))
    except InvalidOperation:
        return None
    return _trimmed(number)


def _trimmed(number: Decimal) -> Decimal:
    with localcontext(prec=max(28, len(number.as_tuple().digits))):
        whole = number.to_integral_value()
        return whole + 0 if number == whole else number.normalize()


# --- the number that a short answer states

_LABELLED: Final = any_of(
    """nodes?, vertex, vertices, steps?, edges?, options?, questions?, examples?, graphs?, versions?, figures?,
    lines?, parts?, from, between, via, through, not, n't, isn't, equations?, chapters?, sections?,
    iterations?"""
)
_LABEL: Final = pattern(rf"(?:\b{_LABELLED}\s+|\[|\#|\w\([^()]*)$")
_JOINED: Final = re.compile(r"\s*(?:-+>|=+>|→|–>|—>|⟶|➔|<->|↔)\s*")
_LISTED: Final = re.compile(r"\b(?:nodes|vertices|from|between|via|through)\s+(?:nodes?\s+)?$", re.IGNORECASE)
_MEASURE: Final = any_of(
    """answer, length, distance, weight, cost, total, sum, result, minimum, value, output, ans, number, count,
    solution"""
)
_EXACTLY: Final = any_of(
    """equal to, exactly, about, approximately, only, just, therefore, thus, then, also, simply, a total of,
    indeed, clearly, usd, eur, rs"""
)
_STATED: Final = pattern(
    rf"""(?:{ANSWER}
          |\b{_MEASURE}\b(?:[^.!?\n:=]|\.(?=\d)){{0,90}}?(?:\b(?:is|was|be|equals?|are)\b|[:=]|->)
          |\b(?:length|total\s+(?:weight|cost|length|distance)|distance|total|answer)\b(?:\s+of)?)
        [\s:="'(*{ANSWER}]*(?:\b{_EXACTLY}\b[\s:="'(]*)*$"""
)
_THUS: Final = pattern(r"\b(?:so|therefore|thus|hence)\b[\s,:]*(?:it\s+is\s+)?$")
_SO: Final = re.compile(r"\b(?:so|therefore|thus|hence|in\s+total|total)\b[^.!?\n\d]*$", re.IGNORECASE)
_POWER: Final = re.compile(r"^\^\d+")
_OPERATOR: Final = pattern(r"[\s()]*[-+*/x^][\s()]*")
_EQUALS: Final = pattern(r"[\s)]*(?:=|is|equals|makes|gives|,?\s*i\.e\.,?|,?\s*that\s+is,?)\s*")
_AGAIN: Final = pattern(r"\s*(?:[,;.]|and|then|\n)+\s*")
_ASIDE: Final = re.compile(r"\([^()]*[A-Za-z][^()]*\)")
_NUMBER_LIST: Final = re.compile(r"\[\s*\d+(?:\s*,\s*\d+)+\s*\]")


def first_number(text: str) -> str | None:
    """The number that a short answer states; None where it states none.

    What is said to be the answer, length, weight or total counts, else the first number that is no
    label ("node 3", "0 -> 3 -> 5"), else the first. "3 + 5 = 8" states 8.

    Example:
        >>> first_number("The path from node 3 to node 7 has length 1,000.")
        '1000'
    """
    text = _readable(text)
    found = list(_numbers(text, _NUMBER))
    if not found:
        return None
    named = [i for i in range(len(found)) if _is_label(text, found, i)]
    stated = [n for i, n in enumerate(found) if i not in named and _STATED.search(_before(text, n))]
    concluded = [n for n in stated if _SO.search(_before(text, n))]
    if stated and not concluded:
        concluded = [n for n in found if _THUS.search(_before(text, n))]
    others = [n for i, n in enumerate(found) if i not in named]
    chosen = (concluded or stated or others or found)[0]
    return written(_total(text, found, chosen).value)


def _before(text: str, number: _Found) -> str:
    return text[max(0, number.start - 140) : number.start]


def _is_label(text: str, found: list[_Found], place: int) -> bool:
    """Whether a number names a node or a step, or stands in a path."""
    number = found[place]
    before = text[max(0, number.start - 24) : number.start]
    if _LABEL.search(before) or any(m.start() < number.start < m.end() for m in _NUMBER_LIST.finditer(text)):
        return True
    if place and _JOINED.fullmatch(text[found[place - 1].end : number.start]):
        return True
    if re.search(r"\d-$|\d-\d+-$", before[-6:]) and re.match(r"-\d", text[number.end : number.end + 2]):
        return True
    if re.match(r"(?:-\d+){2}", text[number.end : number.end + 10]) or re.search(r"(?:\d+-){2}$", before[-10:]):
        return True
    following = text[number.end : found[place + 1].start] if place + 1 < len(found) else ""
    if _JOINED.fullmatch(following):
        return True
    if place and re.fullmatch(r"\s*(?:,|and|to|or)\s*", text[found[place - 1].end : number.start]):
        return _LISTED.search(text[: found[place - 1].start]) is not None
    in_list = re.match(
        r"[.)]\s+\w" if number.value == 1 else r"\)\s+\w|\.\s+[A-Za-z]", text[number.end : number.end + 6]
    ) and re.search(r"(?:^|\n)\s*$", before)
    return in_list is not None


def _total(text: str, found: list[_Found], number: _Found) -> _Found:
    """The result of the sum that a number begins ("3 + 5 = 8"), else the number; brackets are passed over."""
    bare = _ASIDE.sub(lambda m: " " * len(m[0]), text)
    outside = [n for n in found if n.start > number.start and bare[n.start] != " "]
    result, last, summed = number, number, False
    for following in outside if bare[number.start] != " " else ():
        between, power = _POWER.subn("", bare[last.end : following.start])
        summed = summed or power > 0
        if _OPERATOR.fullmatch(between) or (not between.strip() and text[following.start] in "+-"):
            summed = True
        elif summed and _EQUALS.fullmatch(between):
            result, summed = following, False
        elif not (result is last is not number and following.value == result.value and _AGAIN.fullmatch(between)):
            break
        last = following
    return result


# --- the number that a worked solution ends with

_HASHES: Final = re.compile(r"#{4,}")
_CONCLUSION: Final = any_of(
    r"""so, therefore, thus, hence, total, totall?ing, altogether, in all, which is, which makes, which equals,
    which gives, which leaves, making, leaving, leaves, giving, gives, equals, i\.e"""
)
_CONCLUDES: Final = pattern(rf"\b{_CONCLUSION}\b|=")
_BE: Final = any_of("is, was, would be, should be, must be, will be, =")
_ANSWER_IS: Final = pattern(
    rf"""(?:\b(?:answer|solution|ans)\b["']?(?:\s+(?:to|for|of|in)\b[^.!?\n:]{{0,80}}?)?
            (?:\s+{_BE}(?=\W)|\s*[:=\n]|\s*-+>)
          |\bfinal\s+answer\b[\s:=-]*
          |(?:^|\n)\s*a\s*:)
        (?:[\s:="'(*~≈.]|\b{_EXACTLY}\b)*$"""
)
_EXPLAINS: Final = pattern(
    r"""\n\s*(?:explanation|reason(?:ing)?|because|working|justification|note|step[- ]by[- ]step|rationale
        |here(?:'s|\ is)\ (?:how|why))\b"""
)
_CIRCUMSTANCE: Final = any_of(
    """in, after, for, per, every, each, at, over, within, on, to, from, than, by, during, across, among,
    between, if, when, out of, until, of"""
)
_AFTER_RESULT: Final = pattern(rf"\b{_CIRCUMSTANCE}\b[^=]*$")


def final_number(text: str) -> str | None:
    """The number that a worked solution gives as its answer; None where it states none.

    What stands after "####", in a box or after "the answer is" counts, else the result of the last
    equation where only circumstances follow it ("3 * 5 = 15 dollars in 3 weeks"), else the last number.
    Fractions and mixed numbers are read ("2 1/2" is 2.5), so are units ("42km", "$3 million"); a percentage
    is its number.

    Example:
        >>> final_number("12 apples and 30 oranges, so 42."), final_number("#### $1,024.00")
        ('42', '1024')
    """
    text = _HASHES.sub(f" {ANSWER} ", first_turn(plain(text)))
    explained = _EXPLAINS.search(text)
    if explained and len(_lone(text[: explained.start()])) == 1:
        text = text[: explained.start()]
    text = without_emphasis(text)
    found = list(_numbers(text, _IN_SOLUTIONS))
    if not found:
        return None
    for place in (_marked(text, found), _answered(text, found), _result(text, found)):
        if place is not None:
            return written(found[place].value)
    kept = [n for i, n in enumerate(found) if not _is_reference(text, n)] or found
    return written(kept[-1].value)


def _lone(text: str) -> list[_Found]:
    """The one number that a short text consists of, but for a unit; empty where there is more."""
    found = list(_numbers(text, _IN_SOLUTIONS))
    rest = len(re.findall(r"[A-Za-z]+", text))
    return found if len(found) == 1 and rest <= 3 else []


def _marked(text: str, found: list[_Found]) -> int | None:
    """The first number after the first "####", or in the last box, on the same line."""
    marks = [m.start() for m in re.finditer(ANSWER, text)]
    if not marks:
        return None
    boxes = re.findall(f"{ANSWER}([^{ANSWER}\n]*){ANSWER}", text)
    if boxes:
        begin = text.rindex(f"{ANSWER}{boxes[-1]}{ANSWER}")
        inside = [i for i, n in enumerate(found) if begin < n.start < begin + len(boxes[-1]) + 1]
        return inside[-1] if inside else None
    for mark in marks:
        line = text.find("\n", mark)
        inside = [
            i
            for i, n in enumerate(found)
            if mark < n.start
            and not _is_reference(text, n)
            and (line < 0 or n.start < line or not text[mark + 1 : line].strip())
        ]
        if inside:
            return _concluded(text, found, inside[0])
    return None


def _answered(text: str, found: list[_Found]) -> int | None:
    """The last number that is said to be the answer."""
    for place in range(len(found) - 1, -1, -1):
        start = found[place].start
        if _ANSWER_IS.search(text[max(0, start - 140) : start]):
            return _concluded(text, found, place)
    return None


def _concluded(text: str, found: list[_Found], place: int) -> int:
    """Where the same sentence goes on to a conclusion ("12 and 30, so 42"), that one."""
    end = _sentence_end(text, found[place].end)
    last = place
    for i in range(place + 1, len(found)):
        if found[i].start >= end:
            break
        if _CONCLUDES.search(text[found[last].end : found[i].start]):
            last = i
        elif last == place:
            between = text[found[place].end : found[i].start]
            if not _CONCLUDES.search(between):
                continue
    for i in range(place + 1, len(found)):
        if found[i].start < end and _CONCLUDES.search(text[found[i - 1].end : found[i].start]):
            last = i
    return last


def _result(text: str, found: list[_Found]) -> int | None:
    """The result of the last sentence's last equation, where only circumstances follow."""
    tail = text[found[-1].end :]
    sign = text.rfind("=", 0, found[-1].start)
    if sign < 0:
        return None
    after = [i for i, n in enumerate(found) if n.start > sign]
    if len(after) < 2 or text[sign + 1 : found[after[0]].start].strip(" $€£¥"):
        return None
    between = text[found[after[0]].end : found[-1].start]
    if (
        "\n" in between
        or re.search(r"[.!?]\s|\b(?:is|are|was|were|has|have|gets?|and|then)\b", between + " ")
        or _CONCLUDES.search(between + tail.split("\n")[0])
    ):
        return None
    return after[0] if _AFTER_RESULT.search(between) else None


def _is_reference(text: str, number: _Found) -> bool:
    """Whether a number is that of a step or a note."""
    before = text[max(0, number.start - 14) : number.start]
    return (
        re.search(
            r"(?:\b(?:steps?|equations?|notes?|figures?|examples?|questions?|problems?)\s+|\bnot\s+|\bto\s+reach\s+\$?|\[)$",
            before,
            re.I,
        )
        is not None
    )


def _sentence_end(text: str, start: int) -> int:
    end = re.compile(r"[.!?](?=\s|$)|\n").search(text, start)
    return end.start() if end else len(text)


# --- what both read


def _readable(text: str) -> str:
    return without_emphasis(first_turn(plain(text)))


def _numbers(text: str, pattern: re.Pattern[str]) -> Iterator[_Found]:
    """The numbers of a text; in solutions also fractions, magnitudes and full hours."""
    in_solutions = pattern is _IN_SOLUTIONS
    place = 0
    while found := pattern.search(text, place):
        read = (_special(text, found) if in_solutions else None) or _token(text, found, in_solutions)
        place = found.end() if read is None else max(read.end, found.end())
        if read is not None and read.end > read.start:
            yield read


def _token(text: str, found: re.Match[str], in_solutions: bool) -> _Found | None:
    token = found[0]
    thousands = in_solutions and found["thousands"]
    number = _decimal(token[:-1] if thousands else token)
    if number is None:
        return None
    end = found.end()
    if in_solutions:
        if thousands:
            number *= 1000
        elif magnitude := _MAGNITUDE.match(text, end):
            number, end = number * _TIMES[magnitude[1].lower()], magnitude.end()
        if re.search(r"\bnegative\s+$", text[max(0, found.start() - 10) : found.start()], re.IGNORECASE):
            number = -abs(number)
    return _Found(_trimmed(number), found.start(), end)


def _special(text: str, found: re.Match[str]) -> _Found | None:
    """A fraction, a mixed number or an hour that begins here; an empty one for a time that is no number."""
    clock = _CLOCK.match(text, found.start())
    if clock:
        whole = clock[2] == "00"
        return _Found(Decimal(clock[1]) if whole else Decimal(0), clock.start() if whole else clock.end(), clock.end())
    fraction = _FRACTION.match(text, found.start())
    if not fraction or not int(fraction[4]):
        return None
    value = Decimal(fraction[2] or 0) + Decimal(fraction[3]) / Decimal(fraction[4])
    return _Found(_trimmed(-value if fraction[1] else value), fraction.start(), fraction.end())
