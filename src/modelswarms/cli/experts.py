"""``modelswarms experts check``: can these experts be combined, and if not, which of them and why?"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import cyclopts
import yaml
from rich.table import Table
from rich.text import Text

from modelswarms.cli.console import output
from modelswarms.errors import ConfigError

if TYPE_CHECKING:
    from modelswarms.experts.check import CheckReport, Row
    from modelswarms.experts.problems import Problem

__all__ = ["app", "check"]

CAN, CANNOT = 0, 2
WIDE = 100
"""Columns from which on there is room for the bases' names."""

app = cyclopts.App(name="experts", help="Look at experts before a search.")


@app.command
def check(
    *experts: Annotated[str, cyclopts.Parameter(name="DIR")],
    base: str | None = None,
    combine: Literal["delta", "factors"] = "delta",
    as_json: Annotated[bool, cyclopts.Parameter(name="--json", negative="")] = False,
) -> int:
    """Say which experts can be combined; of those that cannot, what is wrong and what mends it.

    Exit code 0 if all of them can be combined, 2 if not.

    Examples:
      modelswarms experts check adapters/
      modelswarms experts check adapters/ more/law org/name@main:subfolder --base models/my-base
      modelswarms experts check adapters/ --combine factors --json

    Parameters
    ----------
    experts
        Adapter folders, folders of adapter folders, or hub ids.
    base
        Folder or hub id of the base model, to compare with; without it the experts are compared with one another.
    combine
        How they are meant to be combined: factors asks for equal ranks, scalings and modules.
    as_json
        Everything as JSON.
    """
    from modelswarms import zoo
    from modelswarms.experts import check_experts

    if not experts:
        raise ConfigError("experts: none are given; write modelswarms experts check DIR, a folder of adapters.")
    given = [place for each in experts for place in (zoo.expert_paths().values() if each == "zoo" else [each])]
    report = check_experts(given, zoo.base_path() if base == "zoo" else base, combine)
    if as_json:
        text = json.dumps(report.to_dict(), indent=2, ensure_ascii=False)
        output.print(text, markup=False, highlight=False, soft_wrap=True)
    else:
        _show(report)
    return CAN if report.can_be_combined else CANNOT


def _show(report: CheckReport) -> None:
    output.print(_table(report))
    if report.problems:
        output.print(_lines("Problems", "red", [(p.expert or "base", _said(p)) for p in report.problems]))
    if report.warnings:
        output.print(_lines("Worth a look", "yellow", [("", warning.text) for warning in report.warnings]))
    if len(report.good) > 1:
        output.print(Text("\nA configuration of those that can be combined:\n", style="bold"))
        output.print(_snippet(report), markup=False, highlight=False, soft_wrap=True)
    output.print(Text(f"\n{_sentence(report)}", style="bold"))


def _table(report: CheckReport) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("expert", "rank", "alpha", "targets", "dtype", "size", "base", "verdict"):
        number = heading in ("rank", "alpha", "targets", "size")
        fold = heading == "expert"
        table.add_column(heading, justify="right" if number else "left", overflow="fold", no_wrap=not fold)
    for row in report.rows:
        style = "green" if row.verdict == "ok" else "red"
        table.add_row(*(Text(cell) for cell in _cells(row)), Text(row.verdict, style=style))
    return table


def _cells(row: Row) -> Iterator[str]:
    yield row.name
    yield from ("–" if value is None else f"{value:g}" for value in (row.rank, row.alpha, row.targets))
    yield row.dtype or "–"
    yield "–" if row.bytes is None else _size(row.bytes)
    yield _tail(row.base or "–", 28 if output.width >= WIDE else 12)


def _size(count: int) -> str:
    size, units = float(count), iter(("B", "kB", "MB", "GB"))
    unit = next(units)
    while size >= 1000 and unit != "GB":
        size, unit = size / 1000, next(units)
    return f"{size:.3g} {unit}"


def _tail(text: str, length: int) -> str:
    """The end of a long name, where paths differ."""
    return text if len(text) <= length else "…" + text[1 - length :]


def _lines(title: str, style: str, lines: list[tuple[str, str]]) -> Table:
    grid = Table(box=None, pad_edge=False, show_header=False, title=f"\n{title}", title_justify="left")
    grid.title_style = f"bold {style}"
    grid.add_column(style="bold", overflow="fold", max_width=24)
    grid.add_column(overflow="fold")
    names = any(name for name, _ in lines)
    for name, text in lines:
        grid.add_row(Text(name if names else "-"), Text(text))
    return grid


def _said(problem: Problem) -> str:
    more = f" ({problem.more} more like it)" if problem.more else ""
    others = f" ({problem.others} experts have {problem.expected})" if problem.others > 1 else ""
    return f"{problem.what}{more}{others}; {problem.remedy}"


def _snippet(report: CheckReport) -> str:
    """Configuration that a search takes, once its data are named."""
    good = [row for row in report.rows if row.name in report.good]
    faulty = any(problem.expert is None for problem in report.problems)
    named = {row.base for row in good}
    base = report.base if report.base and not faulty else next(iter(named)) if len(named) == 1 else None
    if base == "modelswarms-zoo/base":
        base = "zoo"
    keys: dict[str, object] = {"base": _place(base) if base else "models/my-base"}
    keys["experts"] = {row.name: _place(row.given) for row in good}
    if report.combine != "delta":
        keys["combine"] = report.combine
    text = yaml.safe_dump(keys, sort_keys=False, allow_unicode=True, width=10_000)
    return f"{text}utility: {{kind: exact_match, data: my.json}}  # your questions and answers"


def _place(given: str) -> str:
    """A folder from wherever the configuration is kept; a hub id as it is."""
    return os.path.abspath(os.path.expanduser(given)) if os.path.exists(os.path.expanduser(given)) else given


def _sentence(report: CheckReport) -> str:
    total, good = len(report.rows), len(report.good)
    if total == 1 and report.can_be_combined:
        return "The expert is sound; a search needs others to combine it with."
    if report.can_be_combined:
        return f"All {total} experts can be combined."
    if good == total:
        return "The experts can be combined with one another, but not with this base."
    if good < 2:
        return f"Of {total} expert{'s' * (total > 1)}, no two can be combined as they are."
    return f"{good} of {total} experts can be combined; {total - good} cannot as they are."
