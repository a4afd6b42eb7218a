"""The command line: one module a verb, no logic. Exit codes: 0 done, 2 wrong input, 3 failed run, 130 interrupted."""

from modelswarms.cli.app import main

__all__ = ["main"]
