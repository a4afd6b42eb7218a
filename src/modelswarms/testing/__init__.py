"""Conformance suites for people who write their own parts."""

from modelswarms.testing.engines import check_engine

__all__ = ["check_engine"]
