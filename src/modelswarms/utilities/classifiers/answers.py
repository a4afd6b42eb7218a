"""Answers that a classifier scores: what reward models and toxicity have in common."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from modelswarms.datasets import DataSet
from modelswarms.errors import ConfigError
from modelswarms.types import Example
from modelswarms.utilities.bounding import Bounds, filled
from modelswarms.utilities.classifiers.classifier import ClassifierKeys
from modelswarms.utilities.prompting import Prompting

__all__ = ["ScoredAnswers"]


@dataclass(frozen=True)
class ScoredAnswers(ClassifierKeys, Prompting):
    """The mean score of greedy answers; prompts are made by ``Prompting``, scores by the classifier.

    Attributes:
        max_new_tokens: of an answer.

    Raises:
        ConfigError: a value is not allowed; the message names the key.
    """

    max_new_tokens: int = 200

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise ConfigError(f"utility.max_new_tokens: {self.max_new_tokens} is not allowed; give at least 1.")
        Prompting.__post_init__(self)
        ClassifierKeys.__post_init__(self)

    @property
    def is_local(self) -> bool:
        """Whether it is the classifier that scores; else it is neither looked for nor loaded."""
        return True

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 of the classifier, and of the examples that prompts begin with."""
        shown, scorer = super().fingerprint, self.held.fingerprint if self.is_local else None
        return hashlib.sha256(f"{scorer} {shown}".encode()).hexdigest() if scorer and shown else scorer or shown

    def unsuited(self, data: DataSet) -> str | None:
        """No scored example may be shown in the prompt. Raises WrongInputError where there is no such classifier."""
        if self.is_local:
            self.held.find()
        return self.shown_among(data)

    def load(self) -> None:
        """Loads the classifier, once. Raises WrongInputError where it cannot be used."""
        if self.is_local:
            super().load()

    def aggregate(self, scores: Sequence[float]) -> float:
        """Their mean."""
        return math.fsum(scores) / len(scores)

    @property
    def range(self) -> tuple[float, float]:
        """A score's, and so the mean's."""
        raise NotImplementedError

    def bounds(self, examples: Sequence[Example], scores: Sequence[float | None]) -> Bounds | None:
        """Of the mean, with scores from the lowest to the highest where they are missing."""
        return filled(self.aggregate, scores, self.range)
