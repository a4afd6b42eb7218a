"""Values candidates: composes them, runs the plan's blocks, and makes every value durable before it counts."""

from __future__ import annotations

import heapq
import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from modelswarms.calibration import measured_constants, needs_constants
from modelswarms.datasets import DataSet
from modelswarms.engines.base import Engine, Limited, lanes_of, utilisation_of
from modelswarms.errors import EvaluationError, ModelswarmsError, SearchFailedError
from modelswarms.experts import ExpertSpace
from modelswarms.flight import Busy, Flight, Found, Others, Scored, Work, score_alone, turn_of
from modelswarms.opposing import alone, opposing_answers
from modelswarms.plan import in_order
from modelswarms.racing import Forecast, Race
from modelswarms.records import (
    candidate_in,
    evaluation_in,
    failed,
    identity_of,
    scores_of,
    thresholds_of,
    twin_of,
    unsettled_in,
    weights_in,
)
from modelswarms.runs import RunFolder
from modelswarms.scheduling import Job, Outcome, Scheduler
from modelswarms.scoring import StageTimes, parts_of, plan_record, value_of
from modelswarms.types import Candidate, Evaluation, Example, Score, Split, Utility
from modelswarms.utilities.abilities import (
    bounds_from,
    interruptible,
    is_concurrent,
    opponent_of,
    usage_of,
    with_answers,
    with_constants,
)

__all__ = ["ATTEMPTS", "Evaluator"]

log = logging.getLogger(__name__)

ATTEMPTS = 2
"""How often an evaluation is tried before it is marked failed."""

_LOOK_AGAIN = 0.05
"""Seconds between two looks at what other runs are evaluating, where there is nothing else to do."""

Record = dict[str, Any]
Blocks = tuple[tuple[int, ...], ...]


class Evaluator:
    """Gives candidates their values, from the journal where they are known, else from the engine.

    Args:
        engine: started.
        utility, data: what is scored, and on which examples.
        run: the run's folder; its journal is read once, then only appended to.
        known: the journal's records so far.
        times: where seconds and tokens are added up.
        keep: whether an evaluation's full texts are worth keeping (see architecture: ``responses/``).
        elsewhere: evaluations of other runs of the same experts and data; whoever has their weights is not run again.
        others: runs that go on beside this one, and what they have evaluated.
        racing: whether a dev evaluation ends once its candidate's thresholds are out of reach.
    """

    def __init__(
        self,
        engine: Engine,
        utility: Utility,
        data: DataSet,
        run: RunFolder,
        known: Iterable[Record] = (),
        times: StageTimes | None = None,
        keep: Callable[[Candidate, float], bool] = lambda candidate, value: candidate.iteration == 0,
        elsewhere: Iterable[Record] = (),
        others: Others | None = None,
        racing: bool = False,
    ) -> None:
        self._others = others
        self.engine, self.utility, self.data, self.run, self.keep = engine, utility, data, run, keep
        self.times = times or StageTimes()
        self._evaluations: dict[tuple[str, str], Record] = {}
        self._by_weights: dict[tuple[str, bytes], Record] = {}
        self._failures: dict[tuple[str, str], list[Record]] = {}
        self._places: dict[tuple[str, str], int] = {}  # of what became of it, in the order of the journal
        self._count = 0
        self._plans: dict[str, Blocks] = {}
        self._constants: dict[str, float] | None = None
        self._opposing: dict[str, str] = {}
        self._limits: dict[str, int] = {}
        self._forecast = Forecast(len(data.dev), utility.range) if racing and utility.range else None
        known = list(known)
        for record in known:
            self._remember(record)
        self._unsettled = unsettled_in(known)
        for record in elsewhere:
            self._take_as_twin(record)

    def prepare(self, split: Split) -> None:
        """Fixes the batch plan of a split, once for the whole run."""
        self._keep_limits()
        if split in self._plans:
            return
        self._append(plan_record(self.engine, self.utility, self._examples(split), split))

    def calibrate(self, experts: Sequence[Candidate]) -> None:
        """Gives the utility the constants that it needs: the journal's, or else those of the starting experts.

        Raises:
            SearchFailedError: they could not be measured.
        """
        if not needs_constants(self.utility):
            return
        if self._constants is None:
            self.prepare("dev")
            values = measured_constants(
                self.utility,
                self.engine,
                self.data.dev,
                self._plans["dev"],
                [candidate.coefficients for candidate in experts],
                self.times,
            )
            self._append({"kind": "constants", "name": "utility", "values": values})
        self.utility = with_constants(self.utility, self._constants or {})

    def oppose(self, space: ExpertSpace, splits: Sequence[Split]) -> None:
        """Gives the utility the answers that it compares with: those that the run keeps, or else new ones."""
        who = opponent_of(self.utility)
        if who is None:
            return
        known: dict[str, str] = {}
        for split in splits:
            if split not in self._opposing:
                self.prepare(split)
                answers = opposing_answers(
                    self.utility, self.engine, alone(space, who), self._examples(split), self._plans[split], self.times
                )
                kept = self.run.write_responses([{"prompt": p, "response": text} for p, text in answers.items()])
                self._append({"kind": "constants", "name": "opponent", "who": who, "split": split, "responses": kept})
            known |= {r["prompt"]: r["response"] for r in self.run.read_responses(self._opposing[split])}
        self.utility = with_answers(self.utility, known)

    def write_times(self) -> None:
        """Puts what was spent so far into the run's ``timing.json``."""
        self.run.write_json("timing.json", self.times.summary(usage_of(self.utility), utilisation_of(self.engine)))

    def evaluate(
        self,
        batch: Sequence[Candidate],
        split: Split = "dev",
        stage: str = "search",
        more: Callable[[], Sequence[Candidate]] = tuple,
    ) -> Generator[Evaluation]:
        """One evaluation a candidate, as they finish; each is in the journal before it is yielded.

        Up to ``engine.slots`` candidates are in flight, and where the engine has more lanes, their blocks are spread
        over them. What the journal holds is yielded first, in the journal's order. The order of its lines is that of
        finishing; what they hold depends on the candidates alone.

        A failed one is tried again, then yielded without a value. Where nothing succeeded any more when an
        earlier process ended, that which failed is tried once more.

        Args:
            more: gives further candidates; asked each time that the caller has taken an evaluation.
        """
        self.prepare(split)
        engine = self.engine
        with (
            Scheduler[Scored](lambda: engine.slots, lambda: lanes_of(engine)) as scheduler,
            interruptible(self.utility),
        ):
            flight = Flight(split, stage, scheduler, None if is_concurrent(self.utility) else Lock())
            retry = all(self._has_failed(c, split) for c in batch)
            for candidate in batch:
                self._admit(flight, candidate, retry)
            while True:
                while flight.ready:
                    evaluation = heapq.heappop(flight.ready)[-1]
                    self._learn(evaluation)
                    yield evaluation
                    for candidate in more():
                        self._admit(flight, candidate)
                if not scheduler.busy:
                    if not flight.postponed:
                        return
                    time.sleep(_LOOK_AGAIN)
                    self._take_up(flight)
                with self.times.measure(stage):
                    self._settle(flight, scheduler.next())

    def known(self, candidate: str, split: Split) -> Record | None:
        """The journal's evaluation of a candidate on a split, if there is one."""
        return self._evaluations.get((candidate, split))

    def _admit(self, flight: Flight, candidate: Candidate, retry: bool = False) -> None:
        """Makes what is known ready, and has the rest evaluated: at once, or when a twin in flight has its value."""
        key = (candidate.id, flight.split)
        record = self._evaluations.get(key)
        if record is not None:
            flight.put(self._places[key], evaluation_in(record))
        elif self._has_failed(candidate, flight.split) and not retry:
            flight.put(self._places[key], failed(candidate, flight.split, self._failures[key][-1]["reason"]))
        else:
            attempt = len(self._failures.get(key, ())) + 1
            work = Work(candidate, attempt, attempt + ATTEMPTS - 1, race=self._race(candidate, flight.split))
            flight.by_id[candidate.id] = work
            weights = candidate.coefficients.tobytes()
            if weights in flight.evaluated or self._twin(flight.split, candidate) is not None:
                flight.scheduler.add(turn_of(work))
            else:
                flight.evaluated[weights] = work
                flight.scheduler.add(self._job(flight, work))

    def _settle_twin(self, flight: Flight, work: Work) -> None:
        """Gives a candidate the answers that the same weights had; it waits while those are in flight."""
        candidate, weights = work.candidate, work.candidate.coefficients.tobytes()
        twin = self._twin(flight.split, candidate)
        if twin is not None:
            self._append(record := twin_of(twin, candidate))
            flight.put(self._places[candidate.id, flight.split], evaluation_in(record))
        elif weights in flight.evaluated:
            flight.evaluated[weights].twins.append(work)
        else:  # they have none: the evaluation failed, or ended early
            flight.evaluated[weights] = work
            flight.scheduler.add(self._job(flight, work), first=True)

    def _twin(self, split: Split, candidate: Candidate) -> Record | None:
        """The evaluation of the same weights that tells all that is wanted of a candidate."""
        twin = self._by_weights.get((split, candidate.coefficients.tobytes()))
        if twin is None or twin["bounds"] is None:
            return twin
        passed = candidate.thresholds if self._forecast is not None else None
        return twin if passed is not None and passed.settle(*twin["bounds"]) else None

    def _take_as_twin(self, record: Record) -> None:
        """The first evaluation of its weights, or the first that did not end early."""
        key = (record["split"], weights_in(record))
        before = self._by_weights.get(key)
        if before is None or (before["bounds"] is not None and record["bounds"] is None):
            self._by_weights[key] = record

    def _race(self, candidate: Candidate, split: Split) -> Race | None:
        """How far a candidate has to be run, by what was told before it was asked for; None for all of it."""
        if self._forecast is None or candidate.thresholds is None or split != "dev":
            return None
        shares = self._forecast.shares(candidate.coefficients)
        return Race.of(self.utility, self.data.dev, candidate.thresholds, self._plans[split], shares)

    def _learn(self, evaluation: Evaluation) -> None:
        """What was told says which examples are hard."""
        if self._forecast is not None and evaluation.split == "dev" and evaluation.failure is None:
            self._forecast.learn(candidate_in(self._evaluations[evaluation.candidate, "dev"]), evaluation.scores)

    def _settle(self, flight: Flight, outcome: Outcome[Scored]) -> None:
        """Journals what became of an attempt; what failed is begun anew, or given up."""
        work, split = flight.by_id[outcome.key], flight.split
        candidate, error = work.candidate, outcome.error
        if flight.evaluated.get(candidate.coefficients.tobytes()) is not work:
            self._settle_twin(flight, work)
            return
        if isinstance(error, Busy):
            flight.postponed.append(work)
            return
        self._take_up(flight)
        self._keep_limits()  # memory may have run out
        if isinstance(error, Found):
            self._take_as_twin(error.record)
            self._settle_twin(flight, work)
            self._let_go(flight, work)
            return
        if error is None:
            try:
                record = self._record(work, split, self._scores(flight, work, outcome.answers))
            except Exception as another:  # a utility's aggregate may fail as well
                error = another
        if isinstance(error, SearchFailedError):  # a utility's word that the run cannot go on: a limit is reached
            raise error
        if error is None:
            self._append(record)
            flight.put(self._places[candidate.id, split], evaluation_in(record))
        else:  # whatever an engine or a user's utility raises is this evaluation's failure
            reason = str(error) if isinstance(error, ModelswarmsError) else f"{type(error).__name__}: {error}"
            log.warning("evaluation of %s failed (attempt %d): %s", candidate.id, work.attempt, reason)
            self._append({"kind": "failure", **identity_of(candidate), "split": split, "attempt": work.attempt,
                          "reason": reason})  # fmt: skip
            if work.attempt < work.last:
                work.attempt += 1
                flight.scheduler.add(self._job(flight, work), first=True)
                return
            flight.put(self._places[candidate.id, split], failed(candidate, split, reason))
        self._let_go(flight, work)

    def _let_go(self, flight: Flight, work: Work) -> None:
        """Those of the same weights have their turn, and so have other runs."""
        weights = work.candidate.coefficients.tobytes()
        del flight.evaluated[weights]
        if self._others is not None:
            self._others.free(flight.split, weights)
        for twin in work.twins:
            self._settle_twin(flight, twin)

    def _take_up(self, flight: Flight) -> None:
        """Puts what another run was at into the queue once more."""
        for work in flight.postponed:
            flight.scheduler.add(self._job(flight, work))
        flight.postponed.clear()

    def _job(self, flight: Flight, work: Work) -> Job[Scored]:
        """The candidate's blocks, each to be scored with its weights bound."""
        examples, blocks, race = self._examples(flight.split), work.blocks(self._plans[flight.split]), work.race
        coefficients = work.candidate.coefficients

        @contextmanager
        def bound() -> Iterator[Callable[[int], Scored]]:
            if self._others is not None:
                self._others.take(flight.split, coefficients.tobytes())
            with self.engine.bind(coefficients) as model:
                yield lambda k: score_alone(self.utility, examples, blocks[k], model, flight.turn)

        def enough(answers: Sequence[Scored]) -> bool:
            return race is not None and race.enough([block.scores for block in answers])

        return Job(work.candidate.id, len(blocks), bound, enough)

    def _scores(self, flight: Flight, work: Work, answers: Sequence[Scored]) -> list[Score | None]:
        """Scores of a split's examples, in the data's order; None for those that were not run."""
        scores = [block.scores for block in answers]
        self.times.add(
            flight.stage,
            prompt_tokens=sum(block.prompt_tokens for block in answers),
            new_tokens=sum(block.new_tokens for block in answers),
            examples=sum(map(len, scores)),
        )
        return in_order(work.blocks(self._plans[flight.split]), scores, len(self._examples(flight.split)))

    def _record(self, work: Work, split: Split, scores: Sequence[Score | None]) -> Record:
        """The journal's line, with the value, or with its bounds where the evaluation ended early."""
        candidate, examples = work.candidate, self._examples(split)
        known = [score for score in scores if score is not None]
        record = {"kind": "evaluation", **identity_of(candidate), "split": split, "attempt": work.attempt}
        record |= scores_of(scores) | ({} if work.race is None else thresholds_of(work.race.thresholds))
        if len(known) < len(scores):
            bounds = bounds_from(self.utility, examples, record["scores"])
            return {**record, "value": None, "bounds": bounds and list(bounds)}
        value, parts = value_of(self.utility, examples, known), parts_of(self.utility, examples, known)
        if value is None and split == "dev":
            raise EvaluationError(f"utility {self.utility.name}: a part that its value needs has no dev examples.")
        record |= {"value": value, "bounds": None, **({} if parts is None else {"parts": parts})}
        if split == "test" or value is None or self.keep(candidate, value):
            texts = [{"id": e.id, "response": s.response} for e, s in zip(examples, known, strict=True)]
            record["responses"] = self.run.write_responses(texts)
        return record

    def _has_failed(self, candidate: Candidate, split: Split) -> bool:
        key = (candidate.id, split)
        return (
            key not in self._evaluations and key not in self._unsettled and len(self._failures.get(key, ())) >= ATTEMPTS
        )

    def _keep_limits(self) -> None:
        """Has the engine keep to what is journalled, and journals what it goes by where that is less."""
        if isinstance(self.engine, Limited) and self.engine.limit(self._limits) != self._limits:
            self._append({"kind": "constants", "name": "limits", "values": self.engine.limits})

    def _append(self, record: Record) -> None:
        self.run.journal.append(record)
        self._remember(record)

    def _remember(self, record: Record) -> None:
        kind, split = record["kind"], record.get("split", "")
        if kind in ("evaluation", "failure"):
            self._places[record["candidate"], split] = self._count = self._count + 1
        if kind == "plan":
            self._plans[split] = tuple(tuple(block) for block in record["blocks"])
        elif kind == "evaluation":
            self._evaluations[record["candidate"], split] = record
            self._take_as_twin(record)
        elif kind == "failure":
            self._failures.setdefault((record["candidate"], split), []).append(record)
        elif kind == "constants" and record["name"] == "utility":
            self._constants = record["values"]
        elif kind == "constants" and record["name"] == "limits":
            self._limits = record["values"]
        elif kind == "constants" and record["name"] == "opponent":
            self._opposing[split] = record["responses"]

    def _examples(self, split: Split) -> tuple[Example, ...]:
        return self.data.dev if split == "dev" else self.data.test
