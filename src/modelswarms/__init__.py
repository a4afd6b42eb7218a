"""Search the combined weights of several LLM experts for one better expert.

Names are loaded when they are first used, so that importing the package is quick and needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from modelswarms.config import SearchConfig
    from modelswarms.errors import (
        AskTellError,
        ConfigError,
        DataError,
        EngineError,
        EvaluationError,
        ExpertError,
        MissingExtraError,
        ModelswarmsError,
        RunError,
        SearchFailedError,
        WrongInputError,
    )
    from modelswarms.experts import ExpertSpace
    from modelswarms.reports import RunResult
    from modelswarms.search import resume, search
    from modelswarms.swarm import Swarm, SwarmConfig
    from modelswarms.types import Candidate, Evaluation, Example, Score

_HOMES = {
    "modelswarms.config": ("SearchConfig",),
    "modelswarms.errors": (
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
    ),
    "modelswarms.experts": ("ExpertSpace",),
    "modelswarms.reports": ("RunResult",),
    "modelswarms.search": ("resume", "search"),
    "modelswarms.swarm": ("Swarm", "SwarmConfig"),
    "modelswarms.types": ("Candidate", "Evaluation", "Example", "Score"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AskTellError",
    "Candidate",
    "ConfigError",
    "DataError",
    "EngineError",
    "Evaluation",
    "EvaluationError",
    "Example",
    "ExpertError",
    "ExpertSpace",
    "MissingExtraError",
    "ModelswarmsError",
    "RunError",
    "RunResult",
    "Score",
    "SearchConfig",
    "SearchFailedError",
    "Swarm",
    "SwarmConfig",
    "WrongInputError",
    "__version__",
    "resume",
    "search",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'modelswarms' has no attribute {name!r}")
    module = import_module(home)
    for each in _HOMES[home]:  # all of them, so that the function `search` comes before the module of that name
        globals()[each] = getattr(module, each)
    return globals()[name]


def __dir__() -> list[str]:
    return list(__all__)
