"""``modelswarms compare``: the swarm against every other method, with equal means."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from modelswarms.cli.console import RUN_IN_PROGRESS, output
from modelswarms.cli.options import Config, Keys, file_and_keys, overrides
from modelswarms.cli.watched import Terminal

__all__ = ["compare"]


def compare(
    config: Config = None, *keys: Keys, methods: str = "all", evaluations: int | None = None, out: Path | None = None
) -> None:
    """Run every method on the same experts, utility, examples and engine, with as many evaluations.

    The swarm comes first; the others get as many dev evaluations as it made, and the same
    freedom of the coefficients' sum. Each is tested once, and compared with the swarm on
    the same test examples. The same command goes on where it was interrupted: what is done
    is not done again.

    Examples:
      modelswarms compare my.yaml
      modelswarms compare my.yaml --methods swarm,cmaes,greedy_soup --evaluations 200
      modelswarms compare my.yaml --out runs/all --seed 1 --engine.device cuda
      modelswarms compare --evaluations 40 --methods swarm,random

    Parameters
    ----------
    config
        YAML file, as for a search; by default the zoo's.
    methods
        all, or names with commas between: swarm, best_single, uniform_soup, greedy_soup,
        task_arithmetic, random, cmaes, ... docs/comparison.md says what each is.
    evaluations
        Dev evaluations of each method; by default what the swarm's keys allow.
    out
        Folder for the table and a run of each method; by default runs/compare-NAME.
    """
    from modelswarms.comparison import compare as compare_all
    from modelswarms.config import load_config

    file, tokens = file_and_keys(config, keys)
    folder = out or Path("runs") / f"compare-{file.stem if file else 'zoo'}"
    settings = load_config(file, overrides(tokens))
    again = ["modelswarms", "compare", *([str(file)] if file else []), *tokens, "--methods", methods]
    again += ["--out", str(folder), *([] if evaluations is None else ["--evaluations", str(evaluations)])]
    with Terminal(go_on=shlex.join(again)) as terminal:
        found = compare_all(settings, methods, out=folder, evaluations=evaluations, watch=terminal, say=terminal.say)
    RUN_IN_PROGRESS.clear()
    output.print(_table(found.table))
    from modelswarms.reports.compared import notes

    for line in (*notes(found.table), f"The table: {folder / 'comparison.md'}, {folder / 'comparison.json'}."):
        output.print(line, markup=False, highlight=False, soft_wrap=True)


def _table(found: Mapping[str, Any]) -> Table:
    from modelswarms.reports.compared import HEADINGS, cells

    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "method" else "right", overflow="fold")
    for row in found["rows"]:
        table.add_row(*(Text(cell) for cell in cells(row)), style="bold" if row["method"] == "swarm" else "")
    return table
