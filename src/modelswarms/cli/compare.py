"""``modelswarms compare``: the swarm against every other method, with equal means."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from modelswarms.cli.console import RUN_IN_PROGRESS, output
from modelswarms.cli.options import Config, Keys, file_and_keys, overrides
from modelswarms.cli.watched import Terminal

__all__ = ["compare"]

SHOWN: Final = (tuple(range(10)), (0, 1, 2, 3, 4, 5, 6, 7), (0, 1, 3, 4, 5, 6, 7), (0, 1, 3, 4, 5), (0, 1, 3))
"""Columns of the table, by their places among all; the first set that the terminal has room for."""

SHORT: Final = {"minus swarm": "minus\nswarm", "evaluations": "evalu-\nations"}
"""Headings of two lines."""

LEAST: Final = 6
"""Of a column's width, for its heading."""


def compare(
    config: Config = None,
    *keys: Keys,
    methods: str = "all",
    evaluations: int | None = None,
    recipe: tuple[Path, ...] = (),
    data_merge: Path | None = None,
    out: Path | None = None,
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
      modelswarms compare my.yaml --methods swarm,ties --recipe my-merge.yml

    Parameters
    ----------
    config
        YAML file, as for a search; by default the zoo's.
    methods
        all, or names with commas between: swarm, best_single, uniform_soup, greedy_soup,
        task_arithmetic, random, cmaes, ties, cbtm, ... docs/comparison.md says what each is.
    evaluations
        Dev evaluations of each method; by default what the swarm's keys allow.
    recipe
        A mergekit configuration over these experts, as one more method; may be given several times.
    data_merge
        Folder of an adapter that was trained on the union of the experts' data, as one more method.
    out
        Folder for the table and a run of each method; by default runs/compare-NAME.
    """
    from modelswarms.comparison import compare as compare_all
    from modelswarms.config import load_config

    file, tokens = file_and_keys(config, keys)
    folder = out or Path("runs") / f"compare-{file.stem if file else 'zoo'}"
    settings = load_config(file, overrides(tokens))
    given = [("--methods", methods), ("--out", folder), ("--evaluations", evaluations), ("--data-merge", data_merge)]
    given += [("--recipe", each) for each in recipe]
    options = [str(part) for option, value in given if value is not None for part in (option, value)]
    again = ["modelswarms", "compare", *([str(file)] if file else []), *tokens, *options]
    with Terminal(go_on=shlex.join(again)) as terminal:
        more: dict[str, Any] = {"recipes": recipe, "data_merge": data_merge, "watch": terminal, "say": terminal.say}
        found = compare_all(settings, methods, out=folder, evaluations=evaluations, **more)
    RUN_IN_PROGRESS.clear()
    _show(found.table, folder)


def _show(found: Mapping[str, Any], folder: Path) -> None:
    from modelswarms.reports.compared import notes

    output.print(_table(found))
    for line in (*notes(found), f"The table: {folder / 'comparison.md'}, {folder / 'comparison.json'}."):
        output.print(line, markup=False, highlight=False, soft_wrap=True)


def _table(found: Mapping[str, Any]) -> Table:
    """As many columns as there is room for, no figure of them broken; the files have them all."""
    from modelswarms.reports.compared import HEADINGS, cells

    rows = [cells(row) for row in found["rows"]]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADINGS))]
    shown = next((s for s in SHOWN if _fits([widths[place] for place in s])), SHOWN[-1])
    table = Table(box=None, pad_edge=False, header_style="dim")
    for place in shown:
        left = HEADINGS[place] == "method"
        table.add_column(
            SHORT.get(HEADINGS[place], HEADINGS[place]), justify="left" if left else "right", no_wrap=not left
        )
    for row, written in zip(found["rows"], rows, strict=True):
        table.add_row(*(Text(written[place]) for place in shown), style="bold" if row["method"] == "swarm" else "")
    return table


def _fits(widths: Sequence[int]) -> bool:
    """Whether columns as wide as their figures, and two between each, are no wider than the terminal."""
    return sum(max(width, LEAST) + 2 for width in widths) - 2 <= output.width
