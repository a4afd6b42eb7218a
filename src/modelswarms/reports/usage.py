"""What a run used of a service, in words."""

from __future__ import annotations

from collections.abc import Mapping

from modelswarms.reports.numbers import NBSP, counted

__all__ = ["usage_said"]


def usage_said(usage: Mapping[str, float]) -> str:
    """Requests, tokens and cost in a line; empty for nothing used.

    Args:
        usage: by name, as :class:`~modelswarms.utilities.abilities.Metered` has it; other names are left out.

    Example:
        >>> usage_said({"requests": 340, "retried": 12, "cached": 20, "cost": 0.1234}).replace("\\xa0", " ")
        '340 requests, 12 of them further attempts; 20 answers from the cache; cost $0.1234'
    """
    said = []
    if "requests" in usage:
        again = f", {counted(usage['retried'])} of them further attempts" if usage.get("retried") else ""
        said.append(f"{counted(usage['requests'], 'request')}{again}")
    if usage.get("cached"):
        said.append(f"{counted(usage['cached'], 'answer')} from the cache")
    read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if read or written:
        said.append(f"{counted(read or 0)}{NBSP}tokens read, {counted(written or 0)} written")
    if usage.get("untold"):
        said.append(f"{counted(usage['untold'], 'answer')} without a number of tokens")
    if "cost" in usage:
        said.append(f"cost ${usage['cost']:,.4f}")
    return "; ".join(said)
