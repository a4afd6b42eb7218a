"""How figures are written for people: percent where answers are right or wrong, else as many decimals as tell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["NBSP", "Scale", "counted", "duration", "signed"]

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
LARGE = 1e6
MOST_DECIMALS = 8


@dataclass(frozen=True)
class Scale:
    """How a run's utility is written.

    Attributes:
        percent: every example is right or wrong, so values are shares.
        decimals: of plain numbers; None for those too large or too small for a fixed number of them.
    """

    percent: bool
    decimals: int | None = 3

    @classmethod
    def of(cls, values: Iterable[float], *, percent: bool) -> Scale:
        """A scale on which these values can be told apart."""
        finite = [v for v in values if math.isfinite(v)]
        if percent or not finite:
            return cls(percent)
        spread = max(finite) - min(finite)
        if max(abs(v) for v in finite) >= LARGE:
            return cls(False, None)
        size = spread if spread > 0 else max(abs(v) for v in finite)
        decimals = 2 - math.floor(math.log10(size)) if size > 0 else 3
        return cls(False, max(0, decimals) if decimals <= MOST_DECIMALS else None)

    def value(self, value: float) -> str:
        """``77.2 %``, or ``0.772``."""
        return f"{self.bare(value)}{NBSP}%" if self.percent else self.bare(value)

    def bare(self, value: float) -> str:
        """Without its unit: ``77.2``."""
        number = 100 * value if self.percent else value
        general = self._decimals is None or abs(number) >= LARGE
        return _typeset(f"{number:.5g}" if general else f"{number:.{self._decimals}f}")

    def tick(self, value: float) -> str:
        """As :meth:`value`, for an axis: without zeros that say nothing."""
        text = self.bare(value)
        text = text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text
        return f"{text}{NBSP}%" if self.percent else text

    def interval(self, interval: Sequence[float] | None) -> str:
        """``73.6 to 80.3``; empty for none."""
        return "" if interval is None else f"{self.bare(interval[0])} to {self.bare(interval[1])}"

    def change(self, difference: float) -> str:
        """With its sign, without unit: ``+27.7``."""
        text = self.bare(difference)
        is_zero = not text.strip("0.")
        return text if text.startswith(MINUS) or is_zero else f"+{text}"

    def changes(self, interval: Sequence[float]) -> str:
        """``+23.8 to +31.5``."""
        return f"{self.change(interval[0])} to {self.change(interval[1])}"

    def amount(self, difference: float) -> str:
        """The size of a difference with its unit: ``27.7 points``."""
        return f"{self.bare(abs(difference))}{NBSP}points" if self.percent else self.bare(abs(difference))

    @property
    def _decimals(self) -> int | None:
        return 1 if self.percent else self.decimals


def signed(value: float, decimals: int = 3) -> str:
    """A coefficient: ``+0.409``, ``−0.096``, ``0.000``."""
    if abs(value) >= LARGE:
        return _typeset(f"{value:+.3e}")
    text = f"{value:+.{decimals}f}"
    return _typeset(text if float(text) else text.lstrip("+-"))


def counted(number: float, thing: str = "") -> str:
    """``12,000`` or ``1 evaluation``, ``36 evaluations``."""
    text = f"{round(number):,}"
    return f"{text}{NBSP}{thing}{'' if round(number) == 1 else 's'}" if thing else text


def duration(seconds: float) -> str:
    """``46 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 10:
        return f"{seconds:.1f}{NBSP}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{NBSP}s"
    if whole < 3600:
        return f"{whole // 60}{NBSP}min {whole % 60}{NBSP}s"
    return f"{whole // 3600}{NBSP}h {whole % 3600 // 60}{NBSP}min"


def _typeset(text: str) -> str:
    """A true minus sign, and none before a zero."""
    if float(text) == 0:
        text = text.lstrip("-+")
    return text.replace("-", MINUS)
