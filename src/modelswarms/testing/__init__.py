"""Conformance suites for people who write their own parts."""

from modelswarms.testing.engines import check_answers, check_binding, check_engine, check_refusals

__all__ = ["check_answers", "check_binding", "check_engine", "check_refusals"]
