"""``modelswarms utilities``: what can be optimised, what it needs, and its keys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts
from rich import box
from rich.table import Table
from rich.text import Text

from modelswarms.cli.console import output

if TYPE_CHECKING:
    from modelswarms.commands.utilities import Key, Listed, UtilityHelp

__all__ = ["utilities"]

AsJson = Annotated[bool, cyclopts.Parameter(name="--json", negative="")]


def utilities(name: str | None = None, *, as_json: AsJson = False) -> None:
    """Say which utilities there are and what each needs; of one, its keys and an example.

    Examples:
      modelswarms utilities
      modelswarms utilities nlgraph
      modelswarms utilities multi_task
      modelswarms utilities --json

    Parameters
    ----------
    name
        A name or a kind, as the list has it.
    as_json
        For a program to read.
    """
    from modelswarms.commands.utilities import list_utilities, utility_help

    if name is not None:
        found = utility_help(name)
        if as_json:
            _print_json(asdict(found))
        else:
            _show(found)
        return
    listed = list_utilities()
    if as_json:
        _print_json([asdict(each) for each in listed])
        return
    output.print(_kinds([each for each in listed if each.name == each.kind]))
    output.print(_names([each for each in listed if each.name != each.kind]))
    _say("Data marked – comes by 'modelswarms data download NAME'. The keys of one: 'modelswarms utilities NAME'.")


def _print_json(value: Any) -> None:
    output.print(json.dumps(value, indent=2, ensure_ascii=False), markup=False, highlight=False, soft_wrap=True)


def _say(line: str) -> None:
    output.print(line, markup=False, highlight=False, soft_wrap=True)


def _kinds(listed: Sequence[Listed]) -> Table:
    table = _table("kind", "value", "needs")
    for each in listed:
        own = ["data of your own"] if each.data_state == "your own" else []
        table.add_row(Text(each.name), Text(each.about), Text(", ".join([*own, *each.needs])))
    return table


def _names(listed: Sequence[Listed]) -> Table:
    table = _table("name", "kind", "data", "here")
    for each in listed:
        here = {"here": "yes", "to be downloaded": "–"}.get(each.data_state, "")
        table.add_row(each.name, each.kind, each.data or "", here)
    return table


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for position, heading in enumerate(headings):
        table.add_column(heading, no_wrap=position == 0, overflow="fold")
    return table


def _show(found: UtilityHelp) -> None:
    listed = found.listed
    _say(f"{listed.name}{'' if listed.name == listed.kind else f', of kind {listed.kind}'}: {listed.about}")
    if listed.data:
        _say(f"Data: {listed.data} ({listed.data_state}).")
    if listed.needs:
        _say(f"Needs: {', '.join(listed.needs)}.")
    table = _table("key", "default", "meaning")
    for key in found.keys:
        table.add_row(key.name, Text(_default(key)), Text(_meaning(key)))
    output.print(table)
    if more := _of_all(found):
        _say(f"Beside them, as of every utility that has data: {', '.join(more)}.")
    _say(found.example.rstrip())


def _of_all(found: UtilityHelp) -> list[str]:
    """Keys of the data, which are no utility's own."""
    if not found.listed.data and found.listed.data_state != "your own":
        return []
    named = {key.name for key in found.keys}
    keys = {"data": "a file of yours, or hf:ID", "keep_overlap": "true keeps test examples that are dev examples too"}
    return [f"{key} ({about})" for key, about in keys.items() if key not in named]


def _default(key: Key) -> str:
    return "required" if key.is_required else json.dumps(key.default, ensure_ascii=False)


def _meaning(key: Key) -> str:
    return f"{key.about} ({key.allowed})" if key.about else key.allowed
