"""Values ``best/`` once more with plain PEFT, which shares none of our composing, and says what differs."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from modelswarms.engines.base import Engine, innermost
from modelswarms.errors import ModelswarmsError
from modelswarms.experts import ExpertSpace
from modelswarms.preparation import Prepared
from modelswarms.runs import RunFolder
from modelswarms.scoring import CountingModel, StageTimes, score_blocks, value_of
from modelswarms.types import (
    Candidate,
    Example,
    Loglikelihood,
    LoglikelihoodRequest,
    Model,
    Request,
    Response,
    Score,
    Utility,
)

__all__ = ["NEAR_TIE", "rescore"]

log = logging.getLogger(__name__)

NEAR_TIE: Final = 1e-4
"""Two highest logits nearer than this may change places with any other order of additions."""

Record = dict[str, Any]


def rescore(prepared: Prepared, run: RunFolder, best: Candidate, times: StageTimes) -> None:
    """Journals the value that the adapter in ``best/`` has in PEFT, on the dev examples of the journal's value.

    What was journalled before for the same candidate is not done again; what could not be done is.
    The prepared engine is closed, so that there is room for PEFT's model.
    """
    records = run.journal.read()
    known = next((r for r in reversed(records) if r["kind"] == "rescored" and r["candidate"] == best.id), None)
    if known is not None and known["reason"] is None:
        return
    record: Record = {"kind": "rescored", "candidate": best.id, "split": "dev"}
    try:
        with times.measure("rescored"):
            found = _rescored(prepared, records, run.path / "best", best, times)
        record |= {"reason": None, **found}
    except _CannotRescore as error:
        record["reason"] = str(error)
    except Exception as error:  # the search is done and its best is saved: this is a figure that is missing
        log.warning("best/ could not be scored again by PEFT", exc_info=log.isEnabledFor(logging.DEBUG))
        said = str(error) if isinstance(error, ModelswarmsError) else f"{type(error).__name__}: {error}"
        record["reason"] = " ".join(said.split())
    if record != known:
        run.journal.append(record)


class _CannotRescore(Exception):
    """Says why there is nothing to compare with."""


def _rescored(
    prepared: Prepared, records: Sequence[Record], adapter: Path, best: Candidate, times: StageTimes
) -> Record:
    """Value, and what differs from the journal."""
    engine = _peft_engine(prepared.engine)
    dev = [r for r in records if r.get("split") == "dev"]
    journal = next(r for r in dev if r["kind"] == "evaluation" and r["candidate"] == best.id)
    blocks = [r for r in dev if r["kind"] == "plan"][-1]["blocks"]
    prepared.engine.close()
    space = ExpertSpace.load([("best", adapter)])
    examples, utility = prepared.data.dev, prepared.utility
    try:
        engine.start(space)
        with engine.bind(space.coefficients([1.0])) as bound:
            model = CountingModel(bound)
            scores = score_blocks(utility, examples, blocks, model)
            differ = [i for i, score in enumerate(scores) if _differs(score, journal, i)]
            answers = [_compared(utility, examples[i], scores[i], journal["answers"][i], model) for i in differ]
    finally:
        engine.close()
    times.add("rescored", prompt_tokens=model.prompt_tokens, new_tokens=model.new_tokens, examples=len(examples))
    value = value_of(utility, examples, scores)
    return {
        "value": value,
        "difference": value - journal["value"],
        "examples": len(examples),
        "differ": len(differ),
        "near_ties": sum(answer["margin"] is not None and answer["margin"] < NEAR_TIE for answer in answers),
        "dtype": engine.describe()["dtype"],
        "answers": answers,
    }


def _peft_engine(engine: Engine) -> Engine:
    """PEFT's counterpart of an engine, not started. Raises _CannotRescore where there is none."""
    engine = innermost(engine)
    if engine.describe().get("kind") != "local":
        raise _CannotRescore(f"the engine is {type(engine).__name__}, whose answers PEFT cannot give")
    from modelswarms.engines.local import LocalEngine
    from modelswarms.engines.peft import PeftEngine, peft_is_installed

    if not isinstance(engine, LocalEngine):
        raise _CannotRescore(f"the engine is {type(engine).__name__}, whose answers PEFT cannot give")
    if not peft_is_installed():
        raise _CannotRescore("PEFT is not installed: pip install 'modelswarms[peft]', then resume the run")
    return PeftEngine(engine.config, engine.base)


def _differs(score: Score, journal: Mapping[str, Any], place: int) -> bool:
    """Whether the answer is another one, or where answers are not told, the score."""
    close = math.isclose(score.value, journal["scores"][place], rel_tol=1e-4, abs_tol=1e-4)
    return score.answer != journal["answers"][place] or not close


def _compared(utility: Utility, example: Example, score: Score, journal: str | None, model: Model) -> Record:
    """Both answers, and how near PEFT's was to another: asked alone, so that the margin is this example's."""
    watched = _Margin(model)
    utility.score([example], watched)
    margin = watched.smallest if math.isfinite(watched.smallest) else None
    return {"id": example.id, "journal": journal, "peft": score.answer, "margin": margin}


@dataclass
class _Margin:
    """A model, remembering the smallest distance between what it preferred and the second choice."""

    model: Model
    smallest: float = float("inf")

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        responses = self.model.generate(requests)
        self.smallest = min([self.smallest, *(r.margin for r in responses)])
        return responses

    def loglikelihood(self, requests: Sequence[LoglikelihoodRequest]) -> list[Loglikelihood]:
        answers = self.model.loglikelihood(requests)
        first, *others = sorted((a.logprob for a in answers), reverse=True) or [0.0]
        self.smallest = min([self.smallest, *(first - other for other in others[:1])])
        return answers

    def render_chat(self, messages: Sequence[Mapping[str, str]], *, continue_last: bool = False) -> str:
        return self.model.render_chat(messages, continue_last=continue_last)
