"""The value of an expert on a split, as a search would have measured it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelswarms.calibration import measured_constants, needs_constants
from modelswarms.config import SearchConfig, settings_from
from modelswarms.datasets import DataSet
from modelswarms.engines import make_engine
from modelswarms.errors import ConfigError, DataError, ExpertError
from modelswarms.experts import ExpertSpace, find_experts
from modelswarms.naming import nearest
from modelswarms.opposing import opposing_answers
from modelswarms.preparation import base_of, experts_of
from modelswarms.reports.intervals import Intervals
from modelswarms.runs import RunFolder
from modelswarms.scoring import CountingModel, StageTimes, parts_of, plan_of, score_blocks, value_of
from modelswarms.types import Array, Example, Score, Split, Utility
from modelswarms.utilities import load_utility
from modelswarms.utilities.abilities import (
    BASE,
    check_opponent,
    loaded,
    opened,
    opponent_of,
    with_answers,
    with_constants,
)
from modelswarms.utilities.combining import combination_of

if TYPE_CHECKING:
    from modelswarms.engines.base import Engine

__all__ = ["BASE", "Measured", "evaluate"]


@dataclass(frozen=True)
class Measured:
    """One expert's figures.

    Attributes:
        expert: as it was asked for.
        value: the utility's value on the split; None where a part that it needs has no examples there.
        ci: its 95 % interval over examples; None where it is not known how the value is made of their scores.
        difference, difference_ci: from the first expert of the same call, on the same examples (paired
            bootstrap); None for the first.
        unparsed: answers that could not be read.
        seconds, tokens: what it took, prompts included.
        answers: for every example ``id``, ``score``, ``answer`` (as read) and ``response`` (as said); ``score`` is None
            where the utility knows nothing of an example, and leaves it out.
        parts: ``value`` and ``ci`` of each part of a utility that has parts; None for one without.
        test_reason: why there is no ``value`` on test, where there is none.
        leakage: on test, how many test examples are dev examples too, and how many were left out; None for none.
    """

    expert: str
    utility: str
    split: Split
    value: float | None
    ci: tuple[float, float] | None
    difference: float | None
    difference_ci: tuple[float, float] | None
    examples: int
    unparsed: int
    seconds: float
    tokens: int
    answers: Sequence[Mapping[str, Any]] = field(repr=False)
    parts: Mapping[str, Mapping[str, Any]] | None = None
    test_reason: str | None = None
    leakage: Mapping[str, int] | None = None


def evaluate(
    config: SearchConfig | Mapping[str, Any] | str | Path | None = None,
    *,
    expert: str | Path | Sequence[str | Path],
    split: Split = "test",
    engine: Engine | Mapping[str, Any] | None = None,
    run: str | Path | None = None,
    told: Callable[[Measured], None] = lambda measured: None,
    **keys: Any,
) -> list[Measured]:
    """Values one or several experts on the utility of a configuration.

    Args:
        config: a configuration, nested keys and values, the path of a YAML file, or the folder of a run, whose
            configuration is meant; by default the zoo's.
        expert: ``base``, the name of one of the configuration's experts, the folder of a run (its best expert), a
            PEFT folder, or a hub id; or several.
        split: ``dev`` or ``test``.
        engine: the configuration's ``engine`` keys, or an engine of your own.
        run: the run whose measured constants are used, where the utility needs some; by default ``config`` where that
            is a run's folder. Without one they are measured on what is evaluated.
        told: is called with each figure as it is there.
        **keys: the configuration's keys, laid over ``config``.

    Raises:
        WrongInputError: something given cannot be used; nothing was evaluated.
    """
    if isinstance(engine, Mapping):
        keys, engine = {**keys, "engine": engine}, None
    settings, run = _settings(config, keys), run or _run_of(config)
    wanted = _wanted(expert)
    base, _ = base_of(settings)
    folders = _folders(wanted, settings)
    utility, data = load_utility(settings.utility, Path.cwd())
    examples = _examples(data, split)
    check_opponent(utility, [name for name, _ in experts_of(settings)])
    who = opponent_of(utility)
    opposing = [] if who is None else _folders([who], settings)
    space = _space([*folders, *opposing], base, settings)
    engine = engine if engine is not None else make_engine(settings.engine, base)
    weights = [_alone(space, folder) for folder in folders]
    measured: list[Measured] = []
    with closing(engine), tempfile.TemporaryDirectory() as work, opened(utility, Path(work)):
        engine.start(space)
        blocks = plan_of(engine, utility, examples)
        loaded(utility)
        if needs_constants(utility):
            constants = _constants(run) or measured_constants(utility, engine, examples, blocks, weights, StageTimes())
            utility = with_constants(utility, constants)
        for opponent in (_alone(space, folder) for folder in opposing):
            answers = opposing_answers(utility, engine, opponent, examples, blocks, StageTimes())
            utility = with_answers(utility, answers)
        exam = _Exam(engine, utility, data, split, blocks)
        for given, coefficients in zip(wanted, weights, strict=True):
            found = exam.of(str(given), coefficients)
            measured.append(exam.compared(found, measured[0]) if measured else found)
            told(measured[-1])
    return measured


def _wanted(expert: str | Path | Sequence[str | Path]) -> list[str | Path]:
    wanted = [expert] if isinstance(expert, str | Path) else list(expert)
    if not wanted:
        raise ConfigError("expert: none is given; give 'base', a name, a folder, or a run.")
    return wanted


def _run_of(config: object) -> str | Path | None:
    """The folder of a run, where one stands for the configuration."""
    return config if isinstance(config, str | Path) and Path(config).is_dir() else None


def _settings(config: SearchConfig | Mapping[str, Any] | str | Path | None, keys: Mapping[str, Any]) -> SearchConfig:
    """As for a search; the folder of a run stands for the configuration that it was begun with."""
    run = _run_of(config)
    return settings_from(config if run is None else RunFolder(run).manifest()["config"], keys)


def _constants(run: str | Path | None) -> dict[str, float] | None:
    """What a run measured for its utility; None where there is no run, or it has not measured anything."""
    records = [] if run is None else RunFolder(run).journal.read()
    return next((dict(r["values"]) for r in records if r["kind"] == "constants" and r["name"] == "utility"), None)


def _folders(wanted: Sequence[str | Path], settings: SearchConfig) -> list[Path | None]:
    """Where each expert's adapter is; None for the base alone."""
    own = dict(experts_of(settings))
    return [None if given == BASE else _folder(given, own) for given in wanted]


def _folder(given: str | Path, own: Mapping[str, Path]) -> Path:
    if isinstance(given, str) and given in own:
        return own[given]
    path = Path(given).expanduser()
    if (path / "run.yaml").exists():
        best = path / "best"
        if not (best / "adapter_config.json").exists():
            raise ExpertError(
                f"expert {given}: the run has no best/ yet; go on with 'modelswarms resume {path}', or write its "
                f"best so far with 'modelswarms export {path} FOLDER'."
            )
        return best
    if not path.exists() and "/" not in str(given):
        raise ExpertError(f"expert {given}: {nearest(str(given), [BASE, *own])} Or give a folder, a run, or a hub id.")
    return find_experts([given])[0][1]


def _space(folders: Sequence[Path | None], base: Path, settings: SearchConfig) -> ExpertSpace:
    """All adapters that are asked for, each once; for the base alone, which has none, one of the configuration's."""
    found = [(str(folder), folder) for folder in dict.fromkeys(folders) if folder is not None]
    if not found:
        found = experts_of(settings)[:1]
    alone = [ExpertSpace.load([one], base=base) for one in found]  # they are compared, not combined
    return ExpertSpace(tuple(space.adapters[0] for space in alone), "delta", base, tuple(folder for _, folder in found))


def _alone(space: ExpertSpace, folder: Path | None) -> Array | None:
    """Coefficient 1 for one adapter of the space, 0 for the others; None for the base."""
    return None if folder is None else space.coefficients([float(name == str(folder)) for name in space.names])


def _examples(data: DataSet, split: Split) -> tuple[Example, ...]:
    if split not in ("dev", "test"):
        raise ConfigError(f"split: {split!r} is not allowed; give 'dev' or 'test'.")
    examples = data.dev if split == "dev" else data.test
    if not examples:
        why = (
            f"{data.test_reason}."
            if data.leakage and data.test_reason
            else "give --split dev, or data with test examples."
        )
        raise DataError(f"{data.name}: the {split} split is empty; {why}")
    return examples


@dataclass(frozen=True)
class _Exam:
    """What every expert is asked, in the same blocks."""

    engine: Engine
    utility: Utility
    data: DataSet
    split: Split
    blocks: Sequence[Sequence[int]]

    @property
    def examples(self) -> Sequence[Example]:
        """Those of the split."""
        return self.data.dev if self.split == "dev" else self.data.test

    def of(self, expert: str, coefficients: Array | None) -> Measured:
        """Figures and answers of one expert."""
        began = time.perf_counter()
        with self.engine.bind(coefficients) as bound:
            model = CountingModel(bound)
            scores = score_blocks(self.utility, self.examples, self.blocks, model)
        record = self._record(scores)
        return Measured(
            expert=expert,
            utility=self.utility.name,
            split=self.split,
            value=record["value"],
            ci=self._intervals.of(record) if self._intervals.known(record) else None,
            difference=None,
            difference_ci=None,
            examples=len(scores),
            unparsed=sum(not score.parsed for score in scores),
            seconds=time.perf_counter() - began,
            tokens=model.prompt_tokens + model.new_tokens,
            answers=[_answer(e, s) for e, s in zip(self.examples, scores, strict=True)],
            parts=self._intervals.parts(record),
            test_reason=self.data.test_reason if record["value"] is None else None,
            leakage=self.data.leakage.to_dict() if self.split == "test" and self.data.leakage else None,
        )

    def compared(self, measured: Measured, first: Measured) -> Measured:
        """With its difference from the first."""
        if measured.value is None or first.value is None:
            return measured
        one, other = (self._again(m) for m in (measured, first))
        ci = self._intervals.difference(one, other) if measured.ci and first.ci else None
        return replace(measured, difference=measured.value - first.value, difference_ci=ci)

    def _record(self, scores: Sequence[Score]) -> dict[str, Any]:
        """As the journal of a search would have it."""
        parts = parts_of(self.utility, self.examples, scores)
        return {
            "split": self.split,
            "value": value_of(self.utility, self.examples, scores),
            "scores": [score.value for score in scores],
            "left_out": [place for place, score in enumerate(scores) if not score.counted],
            **({} if parts is None else {"parts": parts}),
        }

    def _again(self, measured: Measured) -> dict[str, Any]:
        parts = {} if measured.parts is None else {"parts": {k: f["value"] for k, f in measured.parts.items()}}
        scores = [answer["score"] for answer in measured.answers]
        out = [place for place, score in enumerate(scores) if score is None]
        return {"split": self.split, "value": measured.value, "scores": scores, "left_out": out, **parts}

    @cached_property
    def _intervals(self) -> Intervals:
        return Intervals(combination_of(self.utility), {self.split: [example.task for example in self.examples]})


def _answer(example: Example, score: Score) -> dict[str, Any]:
    value = score.value if score.counted else None
    return {"id": example.id, "score": value, "answer": score.answer, "response": score.response}
