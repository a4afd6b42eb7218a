"""Constants that a utility needs, measured on the experts that a search starts with."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Final

from modelswarms.engines.base import Engine
from modelswarms.errors import ModelswarmsError, SearchFailedError
from modelswarms.scoring import CountingModel, StageTimes
from modelswarms.types import Array, Example, Utility
from modelswarms.utilities.abilities import Calibrated, abilities_of

__all__ = ["measured_constants", "needs_constants"]

log = logging.getLogger(__name__)

STAGE: Final = "calibration"
ATTEMPTS: Final = 2


def needs_constants(utility: Utility) -> bool:
    """Whether there are constants to be measured before a utility scores."""
    able = abilities_of(utility)
    return isinstance(able, Calibrated) and able.needs_constants


def measured_constants(
    utility: Utility,
    engine: Engine,
    examples: Sequence[Example],
    blocks: Sequence[Sequence[int]],
    experts: Sequence[Array | None],
    times: StageTimes,
) -> dict[str, float]:
    """The constants that experts' figures on examples give; empty for a utility that needs none.

    Args:
        engine: started.
        blocks: the batch plan of the examples.
        experts: coefficients of each, None for the base.
        times: seconds and tokens are added to its stage ``calibration``.

    Raises:
        SearchFailedError: they could not be measured, at the second attempt either.
    """
    able = abilities_of(utility)
    if not isinstance(able, Calibrated):
        return {}
    with times.measure(STAGE):
        measured = [_tried(able, utility.name, engine, examples, blocks, expert, times) for expert in experts]
        constants = {name: float(value) for name, value in able.constants_from(measured).items()}
    wrong = [name for name, value in constants.items() if not math.isfinite(value)]
    if wrong:
        raise SearchFailedError(f"utility {utility.name}: its constant {wrong[0]} is not finite; mend the utility.")
    return constants


def _tried(
    able: Calibrated,
    name: str,
    engine: Engine,
    examples: Sequence[Example],
    blocks: Sequence[Sequence[int]],
    expert: Array | None,
    times: StageTimes,
) -> list[dict[str, float]]:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _figures(able, engine, examples, blocks, expert, times)
        except SearchFailedError:
            raise
        except Exception as error:  # whatever an engine or a user's utility raises
            reason = str(error) if isinstance(error, ModelswarmsError) else f"{type(error).__name__}: {error}"
            log.warning("measuring the constants of %s failed (attempt %d): %s", name, attempt, reason)
    raise SearchFailedError(
        f"the constants of utility {name} could not be measured: {reason.rstrip('.')}. Mend the cause, then resume."
    )


def _figures(
    able: Calibrated,
    engine: Engine,
    examples: Sequence[Example],
    blocks: Sequence[Sequence[int]],
    expert: Array | None,
    times: StageTimes,
) -> list[dict[str, float]]:
    """An expert's figures on all examples, in their order."""
    figures: list[dict[str, float]] = [{} for _ in examples]
    with engine.bind(expert) as bound:
        model = CountingModel(bound)
        for block in blocks:
            got = able.measure([examples[i] for i in block], model)
            for i, figure in zip(block, got, strict=True):
                figures[i] = figure
    times.add(STAGE, prompt_tokens=model.prompt_tokens, new_tokens=model.new_tokens, examples=len(examples))
    return figures
