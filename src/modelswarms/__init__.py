"""Search the combined weights of several LLM experts for one better expert.

Names are loaded when they are first used, so that importing the package is quick and needs no torch.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from modelswarms.commands.evaluate import evaluate
    from modelswarms.commands.export import export
    from modelswarms.comparison import Comparison, compare
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
    from modelswarms.sweeping import Sweep, sweep
    from modelswarms.types import Candidate, Evaluation, Example, Score

_HOMES = {
    "modelswarms.commands.evaluate": ("evaluate",),
    "modelswarms.commands.export": ("export",),
    "modelswarms.comparison": ("Comparison", "compare"),
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
    "modelswarms.sweeping": ("Sweep", "sweep"),
    "modelswarms.types": ("Candidate", "Evaluation", "Example", "Score"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AskTellError",
    "Candidate",
    "Comparison",
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
    "Sweep",
    "WrongInputError",
    "__version__",
    "compare",
    "evaluate",
    "export",
    "resume",
    "search",
    "sweep",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'modelswarms' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return list(__all__)


class _Package(ModuleType):
    """Keeps ``modelswarms.search`` the function: Python would put the module of that name in its place."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
