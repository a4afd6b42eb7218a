"""All methods on the same experts, utility, examples and engine, with the same number of dev evaluations."""

from modelswarms.comparison.run import Comparison, compare

__all__ = ["Comparison", "compare"]
