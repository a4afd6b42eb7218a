"""Tasks of lm-evaluation-harness as utilities; the package is loaded when a task is."""

from modelswarms.utilities.harness.keys import LmEval

__all__ = ["LmEval"]
