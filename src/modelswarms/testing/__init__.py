"""Conformance suites for people who write their own parts."""

from modelswarms.testing.engines import check_answers, check_binding, check_engine, check_refusals
from modelswarms.testing.utilities import check_scores, check_utility, check_value

__all__ = [
    "check_answers",
    "check_binding",
    "check_engine",
    "check_refusals",
    "check_scores",
    "check_utility",
    "check_value",
]
