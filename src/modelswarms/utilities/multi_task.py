"""Several utilities as one: their values are combined, and all of them reported."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from modelswarms.datasets import DataSet
from modelswarms.datasets.leakage import NO_TEST, all_seen
from modelswarms.errors import ConfigError, EvaluationError, WrongInputError
from modelswarms.settings import internal, required
from modelswarms.types import Example, Model, Score, Utility
from modelswarms.utilities.abilities import (
    Calibrated,
    Demanding,
    Interruptible,
    Opened,
    Unbounded,
    abilities_of,
    bounds_from,
    loaded,
    opponent_of,
    parts_from,
    usage_of,
    value_from,
    with_constants,
)
from modelswarms.utilities.bounding import Bounds
from modelswarms.utilities.combining import Combination, How

__all__ = ["Joined", "MultiTask", "Part", "joined"]

Keys = Mapping[str, Any]
Load = Callable[[str | Keys], tuple[Utility, DataSet]]


@dataclass(frozen=True)
class MultiTask:
    """Several utilities as one value, such as the harmonic mean of their accuracies.

    Attributes:
        parts: utilities, as ``utility`` names them, each with its own data; a list, or a mapping of names to them,
            in the order of the names. Below a name that is a utility's, ``kind`` may be left out.
        each: keys for every part, below its own.
        combine: ``harmonic``: 0 where one part is 0; ``mean``; ``min``: the worst part's; ``weighted``: the mean with
            weights. Each part's value is mapped from its range to [0, 1] first.
        weights: of each part, by name, for ``weighted``.
        zero_counts_as: what each part counts as where all are 0; 0.01 as in the original program.
        optimise: the one part whose value is optimised, while all are reported.
    """

    parts: tuple[Any, ...] | Mapping[str, Any] = required("[nlgraph, gsm8k]")
    each: Mapping[str, Any] | None = None
    combine: How = "harmonic"
    weights: Mapping[str, Any] | None = None
    zero_counts_as: float = 0.0
    optimise: str | None = None

    needs: ClassVar[tuple[str, ...]] = ("what its parts need",)

    def made(self, folder: Path, load: Load) -> Utility:
        """The utility of all parts.

        Raises:
            ConfigError: the parts cannot be combined; the message names the part.
        """
        parts = [_part(i, name, spec, load) for i, (name, spec) in enumerate(self._specs())]
        if len(parts) < 2:
            raise ConfigError("utility.parts: fewer than two are given; give two or more utilities.")
        names = [part.name for part in parts]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"utility.parts: two are called {name}; give them names: parts: {{first: ..., ...}}.")
            if "/" in name:
                raise ConfigError(
                    f"utility.parts: {name!r} has a slash; give the part another name: parts: {{x: ...}}."
                )
        if self.optimise is not None and self.optimise not in names:
            raise ConfigError(f"utility.optimise: {self.optimise!r} is no part; give one of {', '.join(names)}.")
        ranges = {part.name: part.utility.range for part in parts}
        for name, bounds in ranges.items():
            finite = bounds is not None and all(map(math.isfinite, bounds)) and bounds[0] < bounds[1]
            if self.optimise is None and not finite:
                raise ConfigError(
                    f"utility.parts: {name} has no finite range, so that its values cannot be combined with others; "
                    "leave it out, or give the one part to be optimised as utility.optimise."
                )
        if not 0 <= self.zero_counts_as <= 1:
            raise ConfigError(f"utility.zero_counts_as: {self.zero_counts_as} is not allowed; give a share, 0 to 1.")
        for part in parts:
            who = opponent_of(part.utility)
            if who is not None:
                raise ConfigError(
                    f"utility.parts: {part.name} compares with the answers of {who}, which a part cannot; give "
                    "against: reference, or mode: rating."
                )
        weights = self._weights(names)
        combination = Combination(self.combine, ranges, weights, self.zero_counts_as, self.optimise)
        return Joined(tuple(parts), combination)

    def examples(self, load: Callable[[str | Keys], tuple[str | None, DataSet | None]]) -> DataSet | None:
        """The examples of all parts without their utilities; None where only the utilities know them.

        Args:
            load: from what a part is to its utility's name and examples, None for what cannot be told.
        """
        found: dict[str, DataSet] = {}
        for given, spec in self._specs():
            name, data = load(spec)
            if data is None or (given or name) is None:
                return None
            found[str(given or name)] = data
        return joined("multi_task", found)

    def _specs(self) -> list[tuple[str | None, str | Keys]]:
        """Names, where they are given, and what the parts are."""
        if not isinstance(self.parts, Mapping):
            return [(None, self._with_each(spec)) for spec in self.parts]
        found: list[tuple[str | None, str | Keys]] = []
        for name, spec in sorted(self.parts.items()):  # a file of keys and values has no order
            given = {"kind": name, **spec} if isinstance(spec, Mapping) else spec
            found.append((str(name), self._with_each(given)))
        return found

    def _with_each(self, spec: Any) -> str | Keys:
        if not isinstance(spec, str | Mapping):
            raise ConfigError(
                f"utility.parts: {spec!r} is no utility; give a name, module:attribute, or {{kind: ...}}."
            )
        if not self.each:
            return spec
        return {**self.each, **({"kind": spec} if isinstance(spec, str) else spec)}

    def _weights(self, names: Sequence[str]) -> dict[str, float]:
        given = dict(self.weights or {})
        if (self.combine == "weighted") != bool(given):
            raise ConfigError(
                "utility.weights: belong to combine: weighted, and to nothing else; give both or neither."
            )
        if given and set(given) != set(names):
            raise ConfigError(
                f"utility.weights: are of {', '.join(map(str, given))}; give one for each of {', '.join(names)}."
            )
        for name, weight in given.items():
            number = isinstance(weight, int | float) and not isinstance(weight, bool) and math.isfinite(weight)
            if not number or weight < 0 or not any(given.values()):
                raise ConfigError(
                    f"utility.weights.{name}: {weight!r} is not allowed; give numbers of at least 0, not all 0."
                )
        return {name: float(given[name]) for name in names if given}


@dataclass(frozen=True)
class Part:
    """One of several utilities, with its data."""

    name: str
    utility: Utility
    data: DataSet

    def own(self, example: Example) -> Example:
        """An example of all parts' data as the part's utility knows it."""
        _, _, task = (example.task or "").partition("/")
        return replace(example, id=example.id.removeprefix(f"{self.name}/"), task=task or None)


@dataclass(frozen=True)
class Joined:
    """The utility that :class:`MultiTask` makes: each example is scored by the part that it belongs to."""

    tasks: tuple[Part, ...]
    combination: Combination
    name: str = internal("multi_task")

    @property
    def range(self) -> tuple[float, float] | None:
        """0 to 1, or that of the one part that is optimised."""
        return self.combination.range

    @property
    def fingerprint(self) -> str | None:
        """Of the parts' own; None where none has one."""
        prints = [getattr(part.utility, "fingerprint", None) for part in self.tasks]
        return _digest(prints) if any(prints) else None

    def dataset(self) -> DataSet:
        """The examples of all parts, part after part."""
        return joined(self.name, {part.name: part.data for part in self.tasks})

    def untested(self, data: DataSet) -> str | None:
        """Why there can be no test value: the first part that counts, and has no test example."""
        for part in self.tasks:
            if self.combination.optimise not in (None, part.name):
                continue
            left = tuple(part.own(example) for example in data.test if self._part(example).name == part.name)
            able = abilities_of(part.utility)
            if not left:
                why: str | None = all_seen(len(part.data.test)) if part.data.test else NO_TEST
            else:
                why = able.untested(replace(part.data, test=left)) if isinstance(able, Demanding) else None
            if why is not None:
                return f"its part {part.name} has none: {why}"
        return None

    def prompt(self, example: Example) -> str:
        """The part's prompt."""
        part = self._part(example)
        return part.utility.prompt(part.own(example))

    def score(self, examples: Sequence[Example], model: Model) -> list[Score]:
        """The part's scores; a block of the batch plan has one part only."""
        scores: list[Score | None] = [None] * len(examples)
        for part, places in self._places(examples).items():
            own = [self._by_name[part].own(examples[i]) for i in places]
            for i, score in zip(places, self._by_name[part].utility.score(own, model), strict=True):
                scores[i] = score
        return [s for s in scores if s is not None]

    def aggregate(self, scores: Sequence[float]) -> float:
        """Scores alone do not say whose they are; :meth:`parts` and :meth:`combine` make the value."""
        raise EvaluationError(f"utility {self.name}: its value is made of its parts'; use parts() and combine().")

    def parts(self, examples: Sequence[Example], scores: Sequence[float]) -> dict[str, float]:
        """The value of each part that has examples, in its own range; of a part's parts, too, as ``part/its part``."""
        values: dict[str, float] = {}
        for name, places in self._places(examples).items():
            part = self._by_name[name]
            own, given = [part.own(examples[i]) for i in places], [scores[i] for i in places]
            value = value_from(part.utility, own, given)
            if value is not None:
                values[name] = value
            for inner, of_inner in (parts_from(part.utility, own, given) or {}).items():
                values[f"{name}/{inner}"] = of_inner
        return values

    def combine(self, parts: Mapping[str, float]) -> float | None:
        """The one value of the parts'; None where one that it needs has no examples."""
        return self.combination.of(parts)

    def bounds(self, examples: Sequence[Example], scores: Sequence[float | None]) -> Bounds | None:
        """What the bounds of the parts that count make; None where one of them has none."""
        lows: dict[str, float] = {}
        highs: dict[str, float] = {}
        for name, places in self._places(examples).items():
            if self.combination.optimise in (None, name):
                part = self._by_name[name]
                own, given = [part.own(examples[i]) for i in places], [scores[i] for i in places]
                found = bounds_from(part.utility, own, given)
                if found is None:
                    return None
                lows[name], highs[name] = found
        return self.combination.between(lows, highs)

    @property
    def needs_constants(self) -> bool:
        """Whether a part does."""
        return any(_calibrated(part.utility) is not None for part in self.tasks)

    def measure(self, examples: Sequence[Example], model: Model) -> list[dict[str, float]]:
        """The figures of the parts that need constants, by ``part/name``; the others are not asked."""
        figures: list[dict[str, float]] = [{} for _ in examples]
        for name, places in self._places(examples).items():
            able = _calibrated(self._by_name[name].utility)
            if able is not None:
                got = able.measure([self._by_name[name].own(examples[i]) for i in places], model)
                for i, figure in zip(places, got, strict=True):
                    figures[i] = {f"{name}/{key}": value for key, value in figure.items()}
        return figures

    def constants_from(self, measured: Sequence[list[dict[str, float]]]) -> dict[str, float]:
        """Each part's constants, by ``part/name``."""
        constants: dict[str, float] = {}
        for part in self.tasks:
            able = _calibrated(part.utility)
            if able is not None:
                own = [[_below(part.name, f) for f in figures if _below(part.name, f)] for figures in measured]
                constants |= {f"{part.name}/{key}": value for key, value in able.constants_from(own).items()}
        return constants

    def with_constants(self, constants: Mapping[str, float]) -> Joined:
        """The utility with its parts' constants."""
        ready = [
            replace(part, utility=with_constants(part.utility, _below(part.name, constants)))
            if _calibrated(part.utility) is not None
            else part
            for part in self.tasks
        ]
        return replace(self, tasks=tuple(ready))

    def load(self) -> None:
        """Loads what the parts score with."""
        for part in self.tasks:
            loaded(part.utility)

    def any_length(self, example: Example) -> bool:
        """Whether the part takes prompts of any length."""
        part = self._part(example)
        able = abilities_of(part.utility)
        return isinstance(able, Unbounded) and able.any_length(part.own(example))

    def open(self, folder: Path) -> None:
        """Opens the parts, each with a folder of its own."""
        for part in self.tasks:
            able = abilities_of(part.utility)
            if isinstance(able, Opened):
                own = folder / "parts" / part.name
                own.mkdir(parents=True, exist_ok=True)
                able.open(own)

    def close(self) -> None:
        """Closes the parts."""
        for part in self.tasks:
            able = abilities_of(part.utility)
            if isinstance(able, Opened):
                able.close()

    def give_up(self) -> None:
        """Tells the parts that wait for something to give up."""
        for part in self.tasks:
            able = abilities_of(part.utility)
            if isinstance(able, Interruptible):
                able.give_up()

    def usage(self) -> dict[str, float]:
        """What all parts used together."""
        totals: dict[str, float] = {}
        for part in self.tasks:
            for name, amount in usage_of(part.utility).items():
                totals[name] = totals.get(name, 0) + amount
        return totals

    @cached_property
    def _by_name(self) -> dict[str, Part]:
        return {part.name: part for part in self.tasks}

    def _part(self, example: Example) -> Part:
        name = (example.task or "").partition("/")[0]
        if name not in self._by_name:
            raise EvaluationError(f"utility {self.name}: example {example.id} belongs to no part.")
        return self._by_name[name]

    def _places(self, examples: Sequence[Example]) -> dict[str, list[int]]:
        """Positions of each part's examples, parts in their order."""
        found: dict[str, list[int]] = {part.name: [] for part in self.tasks}
        for i, example in enumerate(examples):
            found[self._part(example).name].append(i)
        return {name: places for name, places in found.items() if places}


def joined(name: str, parts: Mapping[str, DataSet]) -> DataSet:
    """The examples of several data sets, by part, one after the other; each says what part it belongs to."""
    return DataSet(
        name=name,
        dev=tuple(_joined(part, e) for part, data in parts.items() for e in data.dev),
        test=tuple(_joined(part, e) for part, data in parts.items() for e in data.test),
        fingerprint=_digest([[part, data.fingerprint] for part, data in parts.items()]),
    )


def _joined(part: str, example: Example) -> Example:
    task = part if example.task is None else f"{part}/{example.task}"
    return replace(example, id=f"{part}/{example.id}", task=task)


def _part(position: int, name: str | None, spec: str | Keys, load: Load) -> Part:
    try:
        utility, data = load(spec)
    except WrongInputError as error:
        raise type(error)(f"utility.parts, {name or f'number {position + 1}'}: {error}") from error
    return Part(utility.name if name is None else name, utility, data)


def _calibrated(utility: Utility) -> Calibrated | None:
    """A utility as one that needs constants, where it does."""
    able = abilities_of(utility)
    return able if isinstance(able, Calibrated) and able.needs_constants else None


def _below(name: str, values: Mapping[str, float]) -> dict[str, float]:
    start = f"{name}/"
    return {key.removeprefix(start): value for key, value in values.items() if key.startswith(start)}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
