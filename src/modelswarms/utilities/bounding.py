"""Between what a value lies while some scores are missing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

__all__ = ["ROUNDING", "Bounds", "filled", "mean_bounds"]

Bounds = tuple[float, float]

ROUNDING: Final = 1e-12
"""Of a utility's range: more than what the order of a few thousand additions can change."""


def filled(
    value: Callable[[Sequence[float]], float], scores: Sequence[float | None], span: tuple[float, float]
) -> Bounds | None:
    """The values that the lowest, and the highest, of all missing scores would make.

    Nothing is lost to rounding where the value never falls when one score rises, as it is the value's own arithmetic:
    sums in a fixed order (each addition rounds alike), exact sums, and what is divided by a constant are such.

    Args:
        value: from all scores, in the order of the data.
        scores: None where one is missing.
        span: the lowest and the highest that a score can be.

    Returns:
        Bounds of the value; None where a score lies outside of the span, so that nothing is known of the others either.

    Example:
        >>> filled(lambda scores: sum(scores) / len(scores), [1.0, None, 0.0, None], (0.0, 1.0))
        (0.25, 0.75)
    """
    low, high = span
    if not all(low <= score <= high for score in scores if score is not None):
        return None
    lowest, highest = ([end if score is None else score for score in scores] for end in span)
    return value(lowest), value(highest)


def mean_bounds(scores: Sequence[float | None], span: tuple[float, float]) -> Bounds | None:
    """Bounds of a mean, a little wider than :func:`filled` gives them: for a value that is one but for rounding."""
    found = filled(lambda known: math.fsum(known) / len(known), scores, span)
    margin = ROUNDING * (span[1] - span[0])
    return None if found is None else (found[0] - margin, found[1] + margin)
