"""What a run found, for programs (``result.json``) and for people (the table)."""

from modelswarms.reports.result import RunResult, build_result

__all__ = ["RunResult", "build_result"]
