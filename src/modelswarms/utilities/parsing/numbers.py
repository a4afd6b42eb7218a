"""Numbers as whole tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation, localcontext
from typing import Final

from modelswarms.utilities.parsing.patterns import any_of, pattern

__all__ = ["Number", "decimal_of", "numbers_in", "written"]

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
_NEGATIVE: Final = re.compile(r"\bnegative\s+$", re.IGNORECASE)
_TIMES: Final = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}


@dataclass(frozen=True)
class Number:
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


def numbers_in(text: str, in_solution: bool = False) -> Iterator[Number]:
    """The numbers of a text, from left to right.

    Args:
        in_solution: also reads what a worked solution may end with: fractions and mixed numbers ("2 1/2"), units that
            are written on ("42km"), magnitudes ("$3 million", "12k"), "negative 5", full hours ("5:00").
    """
    reader, place = (_IN_SOLUTIONS if in_solution else _NUMBER), 0
    while found := reader.search(text, place):
        read = (_special(text, found) or _with_magnitude(text, found)) if in_solution else _token(found)
        place = found.end() if read is None else max(read.end, found.end())
        if read is not None and read.end > read.start:
            yield read


def _token(found: re.Match[str]) -> Number | None:
    value = _decimal(found[0])
    return None if value is None else Number(value, found.start(), found.end())


def _with_magnitude(text: str, found: re.Match[str]) -> Number | None:
    value, end = _decimal(found[0].rstrip("kK")), found.end()
    if value is None:
        return None
    if found["thousands"]:
        value *= 1000
    elif magnitude := _MAGNITUDE.match(text, end):
        value, end = value * _TIMES[magnitude[1].lower()], magnitude.end()
    if _NEGATIVE.search(text[max(0, found.start() - 10) : found.start()]):
        value = -abs(value)
    return Number(_trimmed(value), found.start(), end)


def _special(text: str, found: re.Match[str]) -> Number | None:
    """A fraction, a mixed number or an hour that begins here; an empty one for a time that is no number."""
    if clock := _CLOCK.match(text, found.start()):
        whole = clock[2] == "00"
        return Number(Decimal(clock[1]), clock.start() if whole else clock.end(), clock.end())
    fraction = _FRACTION.match(text, found.start())
    if not fraction or not int(fraction[4]):
        return None
    value = Decimal(fraction[2] or 0) + Decimal(fraction[3]) / Decimal(fraction[4])
    return Number(_trimmed(-value if fraction[1] else value), fraction.start(), fraction.end())


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
