"""How a model answers: one protocol, one table."""

from modelswarms.engines.base import Engine
from modelswarms.engines.config import EngineConfig
from modelswarms.engines.scripted import ScriptedEngine
from modelswarms.engines.table import ENGINES, make_engine
from modelswarms.plan import make_plan

__all__ = ["ENGINES", "Engine", "EngineConfig", "ScriptedEngine", "make_engine", "make_plan"]
