"""``modelswarms evaluate``: what an expert is worth on your questions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cyclopts
from rich import box
from rich.table import Table

from modelswarms.cli.console import output
from modelswarms.cli.options import Config, Keys, file_and_keys, overrides
from modelswarms.types import Split

if TYPE_CHECKING:
    from modelswarms.commands.evaluate import Measured

__all__ = ["evaluate"]

Experts = Annotated[list[str], cyclopts.Parameter(name="--expert", negative="")]


def evaluate(
    config: Config = None, *keys: Keys, expert: Experts, split: Split = "test", out: Path | None = None
) -> None:
    """Value one or several experts on a configuration's utility, as a search would.

    An expert is base (no adapter), a name from the configuration, the folder of a
    run (its best expert), the folder of a PEFT adapter, or a hub id. With several,
    each is compared with the first, on the same examples.

    Examples:
      modelswarms evaluate my.yaml --expert runs/first
      modelswarms evaluate my.yaml --expert base --expert adapters/law --expert runs/first
      modelswarms evaluate runs/first --expert runs/first --split dev --out answers.json
      modelswarms evaluate --expert heaviest
      modelswarms evaluate --utility nlgraph --base models/mine --expert base

    Parameters
    ----------
    config
        YAML file, or the folder of a run, whose configuration is meant; by default the zoo's.
    expert
        What to value; give it several times for several.
    split
        The examples: dev, which a search chose on, or test.
    out
        JSON file to write, with every answer.
    """
    from modelswarms.commands.evaluate import evaluate as measure
    from modelswarms.config import load_config
    from modelswarms.errors import ConfigError
    from modelswarms.runs import RunFolder
    from modelswarms.runs.atomic import replace_file

    if out is not None and (out.is_dir() or not out.resolve().parent.is_dir()):
        raise ConfigError(f"out: {out} cannot be a file; give a file in a folder that exists.")
    path, given = file_and_keys(config, keys)
    is_run = path is not None and path.is_dir()
    below = RunFolder(path).manifest()["config"] if path is not None and is_run else None
    settings = load_config(None if is_run else path, overrides(given), below)
    with output.status("loading") as status:
        measured = measure(
            settings,
            expert=expert,
            split=split,
            run=path if is_run else None,
            told=lambda m: status.update(f"{m.expert}: {_value(m.value)}"),
        )
    output.print(_table(measured))
    for line in _notes(measured[0]):
        output.print(line, markup=False, highlight=False, soft_wrap=True)
    if out is not None:
        text = json.dumps([asdict(m) for m in measured], indent=1, ensure_ascii=False)
        replace_file(out, (text + "\n").encode("utf-8", "surrogatepass"))
        output.print(f"Every answer: {out}", markup=False, highlight=False, soft_wrap=True)


def _notes(measured: Measured) -> list[str]:
    """What one has to know beside the figures."""
    from modelswarms.reports.caveats import leakage_said

    notes = [] if measured.test_reason is None else [f"No test value: {measured.test_reason}."]
    if 2 * measured.unparsed > measured.examples:
        notes.append(
            f"{measured.unparsed} of {measured.examples} answers of {measured.expert} could not be read; "
            "--out FILE writes what was said."
        )
    return notes if measured.leakage is None else [*notes, leakage_said(measured.leakage)]


def _table(measured: Sequence[Measured]) -> Table:
    first = measured[0]
    title = f"Utility: {first.utility}, {first.examples} {first.split} examples"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    headings = ["expert", "value", "95 % interval", *([f"from {first.expert}"] if len(measured) > 1 else [])]
    for heading in (*headings, "unparsed", "seconds"):
        table.add_column(
            heading, justify="left" if heading == "expert" else "right", no_wrap=heading != "expert", overflow="fold"
        )
    for m in measured:
        table.add_row(
            m.expert,
            _value(m.value),
            _interval(m.ci),
            *([_difference(m)] if len(measured) > 1 else []),
            str(m.unparsed),
            f"{m.seconds:.1f}",
        )
        for part, figures in (m.parts or {}).items():
            table.add_row(f"  {part}", _value(figures["value"]), _interval(figures["ci"]), style="dim")
    return table


def _difference(measured: Measured) -> str:
    if measured.difference is None:
        return ""
    interval = measured.difference_ci
    return f"{measured.difference:+.3f}" + (f" ({interval[0]:+.3f} to {interval[1]:+.3f})" if interval else "")


def _value(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
