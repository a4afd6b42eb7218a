"""``modelswarms status``: how far a run is."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from modelswarms.cli.console import output

if TYPE_CHECKING:
    from modelswarms.commands.status import Status
    from modelswarms.sweeping import SweepStatus

__all__ = ["status"]


def status(run: Path, *, json_: bool = False) -> None:
    """Say how far a run is, and what to do next; also while it is running.

    Examples:
      modelswarms status runs/first
      watch modelswarms status runs/first
      modelswarms status runs/first --json

    Parameters
    ----------
    run
        Folder of the run, or of a sweep; it is only read.
    json_
        For a program to read.
    """
    from modelswarms.commands.status import status as read
    from modelswarms.sweeping import is_sweep, sweep_status

    if is_sweep(run):
        swept = sweep_status(run)
        facts, lines = {**asdict(swept), "sweep": str(swept.sweep)}, partial(_sweep_lines, swept)
    else:
        found = read(run)
        facts, lines = {**asdict(found), "run": str(found.run)}, partial(_lines, found)
    if json_:
        output.print_json(json.dumps(facts))
        return
    for line in lines():
        output.print(line, markup=False, highlight=False, soft_wrap=True)


def _sweep_lines(found: SweepStatus) -> list[str]:
    counts = ", ".join(f"{count} {state}" for state, count in found.trials.items() if count)
    lines = [f"{found.sweep}: {found.state}, {counts or 'nothing begun'}, of at most {found.expected} trials"]
    if found.best:
        said = ", ".join(f"{name} {value}" for name, value in found.best["settings"].items())
        lines.append(f"best: trial {found.best['trial']}, dev {found.best['dev']:.3f} ({said})")
    return [*lines, f"next: {found.next}"]


def _lines(found: Status) -> list[str]:
    from modelswarms.reports.racing import racing_said
    from modelswarms.reports.usage import usage_said

    most = "" if found.max_iterations is None else f" of at most {found.max_iterations}"
    where = "not begun" if found.iteration is None else f"iteration {found.iteration}{most}"
    spent = f"{found.evaluations} of at most {found.expected} evaluations, {_duration(found.seconds)}"
    if found.remaining is not None:
        spent += f", about {_duration(found.remaining)} to go before the test"
    lines = [f"{found.run}: {found.state}, {where}, {spent}"]
    if found.best and found.best_single:
        test = "" if found.test is None else f", test {found.test:.3f}"
        lines.append(
            f"best: dev {found.best['dev']:.3f}{test} (best single expert, {found.best_single['expert']}: "
            f"dev {found.best_single['dev']:.3f})"
        )
        largest = sorted(found.best["coefficients"].items(), key=lambda item: -abs(item[1]))[:6]
        lines.append("its largest coefficients: " + ", ".join(f"{name} {a:+.2f}" for name, a in largest))
    if found.examples:
        lines.append(" ".join(filter(None, [f"{found.examples} examples answered.", racing_said(found.racing)])))
    if found.failures or found.unparsed_rate:
        lines.append(f"failed attempts {found.failures}, answers that could not be read {found.unparsed_rate:.1%}")
    if used := usage_said(found.remote):
        lines.append(f"used of services: {used}")
    if found.last_failure:
        lines.append(f"last failure: {found.last_failure}")
    return [*lines, f"next: {found.next}"]


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h {whole % 3600 // 60} min"
