"""One exception family. Every message names the thing that is wrong and the remedy."""

from __future__ import annotations

__all__ = [
    "AskTellError",
    "ConfigError",
    "DataError",
    "EngineError",
    "EvaluationError",
    "ExpertError",
    "MissingExtraError",
    "ModelswarmsError",
    "RunError",
    "SearchFailedError",
    "WrongInputError",
]


class ModelswarmsError(Exception):
    """Base of every error this package raises on purpose."""


class WrongInputError(ModelswarmsError, ValueError):
    """Something the caller gave cannot be used; nothing was started. The command line exits with 2."""


class ConfigError(WrongInputError):
    """A configuration key is unknown, or its value is not allowed."""


class ExpertError(WrongInputError):
    """An expert or its base cannot be read, or cannot be combined with the others."""


class DataError(WrongInputError):
    """A data file cannot be read, or does not follow the schema."""


class RunError(WrongInputError):
    """A run's folder exists, is locked, is damaged, or does not belong to this configuration."""


class AskTellError(WrongInputError):
    """``ask`` and ``tell`` were called out of order, or with an id that is unknown or was told before."""


class MissingExtraError(WrongInputError):
    """An optional dependency is not installed; the message says which extra brings it."""


class EngineError(ModelswarmsError):
    """The engine could not answer. The evaluation is tried again, then marked failed."""


class EvaluationError(ModelswarmsError):
    """A utility could not score what the model answered. Treated like :class:`EngineError`."""


class SearchFailedError(ModelswarmsError):
    """A search cannot go on; its run folder is intact and can be resumed. The command line exits with 3."""
