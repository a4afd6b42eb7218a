"""Answers of the model that a utility compares with, given once, before anything is compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from modelswarms.engines.base import Engine
from modelswarms.experts import ExpertSpace
from modelswarms.scoring import CountingModel, StageTimes
from modelswarms.types import Array, Example, Utility
from modelswarms.utilities.abilities import BASE, Opposed, abilities_of

__all__ = ["alone", "opposing_answers"]

STAGE: Final = "opponent"


def alone(space: ExpertSpace, who: str) -> Array | None:
    """The coefficients of one expert of a space; None for the base."""
    return None if who == BASE else space.coefficients([float(name == who) for name in space.names])


def opposing_answers(
    utility: Utility,
    engine: Engine,
    coefficients: Array | None,
    examples: Sequence[Example],
    blocks: Sequence[Sequence[int]],
    times: StageTimes,
) -> dict[str, str]:
    """What a model answers to examples, by prompt.

    Args:
        engine: started.
        coefficients: of the model; None is the base.
        blocks: the batch plan of the examples.
        times: seconds and tokens are added to its stage ``opponent``.
    """
    able = abilities_of(utility)
    answers: dict[str, str] = {}
    if not isinstance(able, Opposed):
        return answers
    with times.measure(STAGE), engine.bind(coefficients) as bound:
        model = CountingModel(bound)
        for block in blocks:
            answers |= able.answered_by([examples[i] for i in block], model)
    times.add(STAGE, prompt_tokens=model.prompt_tokens, new_tokens=model.new_tokens, examples=len(answers))
    return answers
