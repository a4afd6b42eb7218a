"""What every utility has to do, whatever it measures."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Sequence

from modelswarms.types import Example, Model, Score, Utility
from modelswarms.utilities.abilities import (
    Calibrated,
    abilities_of,
    bounds_from,
    parts_from,
    value_from,
    with_constants,
)

__all__ = ["check_scores", "check_utility", "check_value"]


def check_utility(utility: Utility, examples: Sequence[Example], model: Model) -> None:
    """Checks the whole contract of :class:`~modelswarms.types.Utility`, and of constants that are to be measured.

    Args:
        utility: to be checked; one that holds something has to be open.
        examples: at least three different ones that it can score.
        model: answers a request always alike, whatever else it is asked.

    Raises:
        AssertionError: says which promise is broken.

    Example:
        >>> check_utility(MyUtility(), examples, model)  # doctest: +SKIP
    """
    _promise(isinstance(utility, Utility), "it has every member of the Protocol")
    _promise(isinstance(utility.name, str) and bool(utility.name), "its name is a text")
    bounds = utility.range
    ordered = bounds is None or (all(map(math.isfinite, bounds)) and bounds[0] < bounds[1])
    _promise(ordered, "its range is two finite numbers, the lower first, or None")
    fingerprint = getattr(utility, "fingerprint", None)
    _promise(fingerprint is None or isinstance(fingerprint, str), "its fingerprint is a text, or None")
    before = copy.deepcopy(list(examples))
    prompts = [utility.prompt(example) for example in examples]
    _promise(all(isinstance(prompt, str) for prompt in prompts), "prompts are texts")
    _promise([utility.prompt(example) for example in examples] == prompts, "a prompt is the same each time")
    utility = _calibrated(utility, examples, model)
    check_scores(utility, examples, model)
    check_value(utility, examples, model)
    _promise(list(examples) == before, "the examples are not changed")


def check_scores(utility: Utility, examples: Sequence[Example], model: Model) -> None:
    """One score an example, in their order, whoever else is in the block.

    Arguments and Raises as :func:`check_utility`.
    """
    scores = utility.score(list(examples), model)
    _promise(len(scores) == len(examples), "score gives one score an example")
    _promise(all(isinstance(score, Score) and math.isfinite(score.value) for score in scores), "scores are finite")
    _promise(all(isinstance(s.answer, str | None) for s in scores), "answers are texts, or None")
    turned = utility.score(list(examples)[::-1], model)[::-1]
    _promise(_alike(turned, scores), "scores come in the order of the examples")
    alone = [score for example in examples for score in utility.score([example], model)]
    _promise(_alike(alone, scores), "a score does not depend on what else is in the block")


def check_value(utility: Utility, examples: Sequence[Example], model: Model) -> None:
    """A finite value within the range and within its bounds, made of scores alone.

    Arguments and Raises as :func:`check_utility`.
    """
    scores = [score.value for score in utility.score(list(examples), model)]
    value = value_from(utility, examples, scores)
    _promise(value is not None and math.isfinite(value), "the value of all examples is finite")
    _promise(value_from(utility, examples, list(scores)) == value, "the same scores have the same value")
    if utility.range is not None and value is not None:
        low, high = utility.range
        _promise(low - 1e-9 <= value <= high + 1e-9, "the value lies within the range")
    parts = parts_from(utility, examples, scores)
    _promise(parts is None or all(map(math.isfinite, parts.values())), "the values of parts are finite")
    json.dumps({"value": value, "parts": parts, "range": utility.range})
    for count in range(len(scores) + 1):
        known = [score if k < count else None for k, score in enumerate(scores)]
        bounds = bounds_from(utility, examples, known)
        _promise(bounds is None or bounds[0] <= (value or 0.0) <= bounds[1], "the value lies within its bounds")


def _calibrated(utility: Utility, examples: Sequence[Example], model: Model) -> Utility:
    """The utility with its constants, where it needs some."""
    able = abilities_of(utility)
    if not isinstance(able, Calibrated) or not able.needs_constants:
        return utility
    figures = able.measure(list(examples), model)
    _promise(len(figures) == len(examples), "measure gives figures for each example")
    constants = able.constants_from([figures, figures])
    _promise(all(map(math.isfinite, constants.values())), "constants are finite")
    ready = with_constants(utility, constants)
    able = abilities_of(ready)
    _promise(isinstance(able, Calibrated) and not able.needs_constants, "with its constants it needs no more")
    return ready


def _alike(ones: Sequence[Score], others: Sequence[Score]) -> bool:
    pairs = list(zip(ones, others, strict=True))
    close = all(math.isclose(a.value, b.value, rel_tol=1e-5, abs_tol=1e-6) for a, b in pairs)
    return close and all((a.parsed, a.counted) == (b.parsed, b.counted) for a, b in pairs)


def _promise(kept: bool, promise: str) -> None:
    if not kept:
        raise AssertionError(f"broken promise: {promise}")
