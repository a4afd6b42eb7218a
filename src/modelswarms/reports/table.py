"""The table at the end of a run: best single expert against the swarm, on dev and on test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from modelswarms.baselines import title_of
from modelswarms.reports.racing import racing_said
from modelswarms.reports.usage import usage_said
from modelswarms.runs import RunFolder

if TYPE_CHECKING:
    from modelswarms.reports.result import RunResult

__all__ = ["result_table"]


def result_table(result: RunResult) -> RenderableType:
    """A rich renderable: the figures with their 95 % intervals, then what to do with the run."""
    table = Table(title=f"Utility: {result.details['utility']}", title_justify="left")
    for heading, justify in (("", "left"), ("dev", "right"), ("test", "right"), ("test, 95 % interval", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    rows = [
        (f"best single expert ({result.best_single['expert']})", "", result.best_single),
        (title_of(result.details.get("searcher")), "bold", result.best),
    ]
    if result.random_search:
        rows.append(("random search, as many evaluations", "", result.random_search))
    for name, style, figures in rows:
        table.add_row(*(Text(cell, style=style) for cell in (name, *_cells(figures))))
        for part, cells in _parts(figures):
            table.add_row(*(Text(cell, style="dim") for cell in (f"  {part}", *cells)))
    warnings = (Text(f"Warning: {line}", style="yellow") for line in result.details["warnings"])
    return Group(table, *(Text(line) for line in _lines(result)), *warnings)


def _cells(figures: Any) -> tuple[str, str, str]:
    return _number(figures["dev"]), _number(figures["test"]), _interval(figures["test_ci"])


def _parts(figures: Any) -> list[tuple[str, tuple[str, str, str]]]:
    """The parts of a value, each with its cells."""
    parts = figures.get("parts")
    if not parts:
        return []
    tests = parts["test"] or {}
    nothing = {"value": None, "ci": None}
    found = []
    for name, dev in parts["dev"].items():
        test = tests.get(name, nothing)
        found.append((name, (_number(dev["value"]), _number(test["value"]), _interval(test["ci"]))))
    return found


def _lines(result: RunResult) -> list[str]:
    details = result.details
    lines = []
    if result.difference:
        ci = result.difference["ci"]
        paired = f" (95 % interval {_interval(ci)}, paired)" if ci else ""
        lines.append(
            f"On test {title_of(details.get('searcher'), 'the ')} is {result.difference['test']:+.3f} "
            f"from the best single expert{paired}. "
            "Dev figures of a search are optimistic: quote the test."
        )
    share = ", ".join(f"{n} {a:+.2f}" for n, a in _largest(result.best["coefficients"]))
    lines.append(f"Largest coefficients: {share}.")
    lines.append(
        f"{details['evaluations']} evaluations in {details['iterations']} iterations, stopped by "
        f"{details['stopped_by']}; failures {details['failures']}, unparsed answers {details['unparsed_rate']:.1%}."
    )
    saved = racing_said(details.get("racing"))
    if saved:
        lines.append(saved)
    lines.append(
        f"The best expert is {result.adapter} (a PEFT adapter); all figures: {result.run_dir / 'result.json'}."
    )
    report = result.run_dir / "report.html"
    if report.exists():
        lines.append(f"The report, for a browser: {report}.")
    used = usage_said(RunFolder(result.run_dir).read_usage())
    if used:
        lines.append(f"Used of services: {used}.")
    if result.best["rescored"]:
        lines.append(_rescored(result.best["rescored"]))
    return lines


def _rescored(again: Any) -> str:
    said = "every answer is the same"
    if again["differ"]:
        said = f"{again['differ']} of {again['examples']} answers differ, {again['near_ties']} of them near ties"
    return f"Loaded by PEFT, it has {again['value']:.3f} on dev ({again['dtype']}): {said}."


def _largest(coefficients: dict[str, float], count: int = 4) -> list[tuple[str, float]]:
    return sorted(coefficients.items(), key=lambda item: -abs(item[1]))[:count]


def _number(value: float | None) -> str:
    return "not run" if value is None else f"{value:.3f}"


def _interval(interval: Any) -> str:
    return "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
