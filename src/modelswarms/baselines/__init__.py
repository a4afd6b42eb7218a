"""The methods to compare with, behind the same ask and tell."""

from modelswarms.baselines.random_search import RandomSearch

__all__ = ["RandomSearch"]
