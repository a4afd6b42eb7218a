"""What the best expert answers otherwise than the best single one: a few examples of each kind."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelswarms.errors import WrongInputError
from modelswarms.reports.charts import shortened
from modelswarms.reports.evidence import Evidence
from modelswarms.reports.numbers import Scale
from modelswarms.types import Example
from modelswarms.utilities import load_examples

__all__ = ["SHOWN", "Comparison", "Pair", "Said", "compare", "read_questions"]

log = logging.getLogger(__name__)

SHOWN = 3
"""Examples of each kind."""

LONGEST_QUESTION, LONGEST_ANSWER = 700, 500
"""Characters shown; the middle of a longer text is left out."""

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Said:
    """What an expert answered: the answer as it was read, the whole text where it says more, the score."""

    answer: str | None
    text: str | None
    score: str


@dataclass(frozen=True)
class Pair:
    """One example with both answers; question and right answer are None where the data is not at hand."""

    id: str
    question: str | None
    right: str | None
    single: Said
    best: Said


@dataclass(frozen=True)
class Comparison:
    """How many examples gained and lost, and some of each; ``split`` is where."""

    split: str
    examples: int
    gained: int
    lost: int
    gains: Sequence[Pair]
    losses: Sequence[Pair]
    questions: bool


def read_questions(evidence: Evidence, split: str) -> Sequence[Example]:
    """The examples of a split, where the data is still there and still the run's; none else."""
    config, wanted = evidence.manifest["config"], evidence.header["fingerprints"].get("data")
    try:
        data = load_examples(config["utility"], Path.cwd())
    except (WrongInputError, KeyError) as error:
        log.info("the report has no questions: %s", error)
        return ()
    if data is None:  # named in the user's code, which a report does not run
        return ()
    return (data.dev if split == "dev" else data.test) if data.fingerprint == wanted else ()


def compare(evidence: Evidence, run: Path, scale: Scale) -> Comparison | None:
    """Best against best single, example by example, on test where it was run; None where there are not two."""
    best, single = evidence.best, evidence.best_single
    if best is None or single is None or best["candidate"] == single["candidate"]:
        return None
    split = "dev"
    if best["candidate"] in evidence.test and single["candidate"] in evidence.test:
        split, best, single = "test", evidence.test[best["candidate"]], evidence.test[single["candidate"]]
    ones, others = best["scores"], single["scores"]
    if len(ones) != len(others) or not ones:
        return None
    questions = read_questions(evidence, split)
    questions = questions if len(questions) == len(ones) else ()
    texts = _texts(run, best), _texts(run, single)
    unknown = {*best.get("left_out", ()), *single.get("left_out", ())}
    known = [i for i in range(len(ones)) if i not in unknown]
    gains = sorted((i for i in known if ones[i] > others[i]), key=lambda i: others[i] - ones[i])
    losses = sorted((i for i in known if ones[i] < others[i]), key=lambda i: ones[i] - others[i])

    def pair(place: int) -> Pair:
        question = questions[place] if questions else None
        responses = next((t for t in texts if t), ())
        name = question.id if question else responses[place]["id"] if place < len(responses) else str(place)
        return Pair(
            id=name,
            question=shortened(_asked(question), LONGEST_QUESTION) if question else None,
            right=question.answer if question else None,
            single=_said(single, texts[1], place, scale),
            best=_said(best, texts[0], place, scale),
        )

    return Comparison(
        split=split,
        examples=len(known),
        gained=len(gains),
        lost=len(losses),
        gains=[pair(i) for i in gains[:SHOWN]],
        losses=[pair(i) for i in losses[:SHOWN]],
        questions=bool(questions),
    )


def _asked(example: Example) -> str:
    """The question, with its choices where it has some."""
    choices = [f"{letter}: {text}" for letter, text in (example.choices or {}).items()]
    return "\n".join([example.question, *choices])


def _said(record: Record, texts: Sequence[Record], place: int, scale: Scale) -> Said:
    answer = record["answers"][place] if place < len(record["answers"]) else None
    text = texts[place].get("response") if place < len(texts) else None
    text = text if isinstance(text, str) and text.strip().casefold() != (answer or "").strip().casefold() else None
    return Said(
        answer=None if answer is None else shortened(answer, LONGEST_ANSWER),
        text=None if text is None else shortened(text, LONGEST_ANSWER),
        score="" if scale.percent else scale.bare(record["scores"][place]),
    )


def _texts(run: Path, record: Record) -> list[dict[str, Any]]:
    """The kept texts of an evaluation; none where they were not kept or are gone."""
    name = record.get("responses")
    if not name:
        return []
    try:
        found = json.loads((run / "responses" / f"{name}.json").read_text(encoding="utf-8", errors="surrogatepass"))
    except (OSError, ValueError) as error:
        log.info("the report lacks texts: %s", error)
        return []
    return list(found)
