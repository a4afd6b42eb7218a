"""The methods to compare with, behind the same ask and tell."""

from modelswarms.baselines.random_search import Freedom, RandomSearch

__all__ = ["Freedom", "RandomSearch"]
