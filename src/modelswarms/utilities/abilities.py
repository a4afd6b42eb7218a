"""What a utility may be able to do besides scoring; whoever uses it asks whether it is.

Each is a Protocol of a few members: a utility that has them has the ability, one's own class too.

What fails for one example raises :class:`~modelswarms.errors.EvaluationError`: the evaluation is tried again, then
marked failed. :class:`~modelswarms.errors.SearchFailedError` ends the run, to be resumed: for a limit that is reached.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from modelswarms.datasets import DataSet
from modelswarms.errors import ConfigError
from modelswarms.naming import nearest
from modelswarms.types import Example, Model, Utility
from modelswarms.utilities.function import OwnUtility

__all__ = [
    "BASE",
    "Calibrated",
    "Concurrent",
    "Demanding",
    "Loaded",
    "Metered",
    "Opened",
    "Opposed",
    "Parted",
    "Particular",
    "Raceable",
    "Sourced",
    "Interruptible",
    "Unbounded",
    "abilities_of",
    "bounds_from",
    "is_concurrent",
    "loaded",
    "check_opponent",
    "opponent_of",
    "opened",
    "parts_from",
    "interruptible",
    "usage_of",
    "value_from",
    "why_not_raced",
    "with_answers",
    "with_constants",
]

BASE: Final = "base"
"""What the base alone is called where an expert's name could stand."""


@runtime_checkable
class Particular(Protocol):
    """Needs more of its data than the schema does."""

    def unsuited(self, data: DataSet) -> str | None:
        """What is wrong with the data, and the remedy; None where nothing is."""
        ...


@runtime_checkable
class Demanding(Protocol):
    """May have no value on a test split that has examples."""

    def untested(self, data: DataSet) -> str | None:
        """Why there can be no test value; None where there can be one."""
        ...


@runtime_checkable
class Sourced(Protocol):
    """Brings its own examples, so that no data file has to be given."""

    def dataset(self) -> DataSet:
        """The examples. Raises DataError where they cannot be had."""
        ...


@runtime_checkable
class Parted(Protocol):
    """Its value is made of several parts' values, which are reported as well.

    One that has a ``combination`` (:class:`~modelswarms.utilities.combining.Combination`) says how, so that reports
    can give its value an interval.

    Examples say by their ``task`` what part they belong to. No block of the batch plan mixes parts.
    """

    def parts(self, examples: Sequence[Example], scores: Sequence[float]) -> dict[str, float]:
        """Each part's value, from the scores of all examples, in the order of the data."""
        ...

    def combine(self, parts: Mapping[str, float]) -> float | None:
        """The utility's value from its parts' values, in the place of ``aggregate``.

        None where a part that it needs has no value, as may be on a test split without examples of that part.
        """
        ...


@runtime_checkable
class Raceable(Protocol):
    """Says between what its value lies while examples are missing, so that an evaluation may end before the last one.

    Most are means of scores with a lowest and a highest one, for which
    :func:`~modelswarms.utilities.bounding.filled` does it.
    """

    def bounds(self, examples: Sequence[Example], scores: Sequence[float | None]) -> tuple[float, float] | None:
        """The lowest and the highest value that all scores may still make, not a rounding error too narrow.

        Args:
            examples: all, in the order of the data.
            scores: theirs, None for those that were not run.

        Returns:
            None where nothing can be told; then no evaluation ends early.
        """
        ...


@runtime_checkable
class Calibrated(Protocol):
    """Needs constants that are measured on the starting experts, before the first evaluation.

    They are journalled, so that a resumed run has the same ones.
    """

    @property
    def needs_constants(self) -> bool:
        """Whether they still have to be measured; False where the user gave them."""
        ...

    def measure(self, examples: Sequence[Example], model: Model) -> list[dict[str, float]]:
        """Raw figures of one expert, one dict an example; called with one block of the plan at a time."""
        ...

    def constants_from(self, measured: Sequence[list[dict[str, float]]]) -> dict[str, float]:
        """The constants, from the figures of each starting expert, in the order of the data."""
        ...

    def with_constants(self, constants: Mapping[str, float]) -> Utility:
        """The utility with its constants; it shares what :meth:`Opened.open` made."""
        ...


@runtime_checkable
class Concurrent(Protocol):
    """Says whether several threads may score at once.

    Without it, one thread at a time runs a utility's ``score``, and another one has its turn while the model answers.
    Worth having where scoring itself waits for something, such as a judge.
    """

    @property
    def concurrent(self) -> bool:
        """Whether ``score`` may be called while it is still running elsewhere."""
        ...


@runtime_checkable
class Interruptible(Protocol):
    """Waits for something outside of this process, and can be told to give up."""

    def give_up(self) -> None:
        """Ends what is being waited for, with an error; called from another thread, when the run is interrupted."""
        ...


@runtime_checkable
class Loaded(Protocol):
    """Scores with something large of its own, which is in memory before a run is begun."""

    def load(self) -> None:
        """Loads it; a second call does nothing. Raises WrongInputError where it cannot be used."""
        ...


@runtime_checkable
class Unbounded(Protocol):
    """May read texts that are longer than the base's context, such as by log-likelihoods in windows."""

    def any_length(self, example: Example) -> bool:
        """Whether the example's prompt may have any length."""
        ...


@runtime_checkable
class Opposed(Protocol):
    """Compares with another model's answers, which are given once, before the first evaluation, and kept in the run."""

    @property
    def opponent(self) -> str | None:
        """Whose answers are needed: ``base``, or the name of a starting expert; None where they are there."""
        ...

    def answered_by(self, examples: Sequence[Example], model: Model) -> dict[str, str]:
        """What a model answers, by prompt; called with one block of the plan at a time."""
        ...

    def with_answers(self, answers: Mapping[str, str]) -> Utility:
        """The utility that compares with these answers; it shares what :meth:`Opened.open` made."""
        ...


@runtime_checkable
class Opened(Protocol):
    """Holds something while it is used: a connection, a cache, a ledger."""

    def open(self, folder: Path) -> None:
        """Called once, before anything is scored or measured.

        Args:
            folder: the run's folder, in which it may keep files of its own; a temporary one where there is no run.
        """
        ...

    def close(self) -> None:
        """Called once, when nothing is scored any more."""
        ...


@runtime_checkable
class Metered(Protocol):
    """Uses something that is counted, or paid for."""

    def usage(self) -> dict[str, float]:
        """Totals of the whole run so far, earlier processes included, by name.

        Names that reports know: requests, cached, retried, prompt_tokens, completion_tokens, cost (in dollars).
        """
        ...


def abilities_of(utility: Utility) -> object:
    """What has the abilities: the utility, or the user's own object that it holds."""
    return utility.utility if isinstance(utility, OwnUtility) else utility


def parts_from(utility: Utility, examples: Sequence[Example], scores: Sequence[float]) -> dict[str, float] | None:
    """The value of each of a utility's parts; None where it has none."""
    able = abilities_of(utility)
    return {k: float(v) for k, v in able.parts(examples, scores).items()} if isinstance(able, Parted) else None


def value_from(utility: Utility, examples: Sequence[Example], scores: Sequence[float]) -> float | None:
    """A utility's value from the scores of all examples; None where a part that it needs has none."""
    able, parts = abilities_of(utility), parts_from(utility, examples, scores)
    if parts is None or not isinstance(able, Parted):
        return float(utility.aggregate(scores))
    value = able.combine(parts)
    return None if value is None else float(value)


def bounds_from(
    utility: Utility, examples: Sequence[Example], scores: Sequence[float | None]
) -> tuple[float, float] | None:
    """Between what a utility's value lies while some scores are missing; None where it does not say."""
    able = abilities_of(utility)
    return able.bounds(examples, scores) if isinstance(able, Raceable) else None


def why_not_raced(utility: Utility, examples: Sequence[Example]) -> str | None:
    """Why no evaluation of a utility can end early; None where it can."""
    if utility.range is None or not all(map(math.isfinite, utility.range)):
        return f"utility {utility.name} has no finite range"
    if not isinstance(abilities_of(utility), Raceable):
        return f"utility {utility.name} does not say what its value may still become: it has no 'bounds'"
    try:
        known = bounds_from(utility, examples, [None] * len(examples))
    except Exception as error:  # the user's own code
        return f"utility {utility.name} cannot say what its value may still become ({type(error).__name__}: {error})"
    return None if known else f"utility {utility.name}, or a part of it, cannot say what its value may still become"


def with_constants(utility: Utility, constants: Mapping[str, float]) -> Utility:
    """A utility with the constants that it needs; one that needs none stays as it is."""
    able = abilities_of(utility)
    if not isinstance(able, Calibrated):
        return utility
    ready = able.with_constants(constants)
    return replace(utility, utility=ready) if isinstance(utility, OwnUtility) else ready


def is_concurrent(utility: Utility) -> bool:
    """Whether several threads may score with a utility at once."""
    able = abilities_of(utility)
    return isinstance(able, Concurrent) and able.concurrent


def loaded(utility: Utility) -> None:
    """Loads what a utility scores with; does nothing for one that needs nothing."""
    able = abilities_of(utility)
    if isinstance(able, Loaded):
        able.load()


def opponent_of(utility: Utility) -> str | None:
    """Whose answers a utility still needs: ``base``, or an expert's name; None where it needs none."""
    able = abilities_of(utility)
    return able.opponent if isinstance(able, Opposed) else None


def check_opponent(utility: Utility, experts: Sequence[str]) -> None:
    """Raises ConfigError where a utility compares with an expert that there is not."""
    who = opponent_of(utility)
    if who is not None and who not in (BASE, *experts):
        raise ConfigError(f"utility.against: unknown expert {who!r}; {nearest(who, ['reference', BASE, *experts])}")


def with_answers(utility: Utility, answers: Mapping[str, str]) -> Utility:
    """A utility with the answers that it compares with; one that compares with none stays as it is."""
    able = abilities_of(utility)
    if not isinstance(able, Opposed):
        return utility
    ready = able.with_answers(answers)
    return replace(utility, utility=ready) if isinstance(utility, OwnUtility) else ready


@contextmanager
def opened(utility: Utility, folder: Path) -> Iterator[None]:
    """A utility while it is used; does nothing for one that holds nothing."""
    able = abilities_of(utility)
    if not isinstance(able, Opened):
        yield
        return
    able.open(folder)
    try:
        yield
    finally:
        able.close()


@contextmanager
def interruptible(utility: Utility) -> Iterator[None]:
    """Where it is left by an interrupt, or because nobody wants more, a utility gives up what it is waiting for."""
    able = abilities_of(utility)
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        if isinstance(able, Interruptible):
            able.give_up()
        raise


def usage_of(utility: Utility) -> dict[str, float]:
    """What a utility has used; empty for one that is not metered."""
    able = abilities_of(utility)
    return dict(able.usage()) if isinstance(able, Metered) else {}
