"""``modelswarms zoo``: what the embedded zoo is."""

from __future__ import annotations

import json
from dataclasses import asdict

import cyclopts
from rich import box
from rich.table import Table

from modelswarms.cli.console import output

__all__ = ["app", "info"]

_ROLES = {"specialist": "specialists", "misled": "misled", "all families at once": "no expert"}

app = cyclopts.App(name="zoo", help="The embedded zoo: what demo searches.")


@app.command
def info(*, json_: bool = False) -> None:
    """Say what the zoo holds: its base, its experts, and what each of them can do.

    Examples:
      modelswarms zoo info
      modelswarms zoo info --json

    Parameters
    ----------
    json_
        For a program to read.
    """
    from modelswarms.commands.zoo_info import zoo_info

    found = zoo_info()
    if json_:
        output.print_json(json.dumps(asdict(found)))
        return
    families = [name for name in found.members[0].percent if name != "all"]
    table = Table(
        title="Percent right on test, by family of questions",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("", no_wrap=True)
    for heading in ("all", *families):
        table.add_column(heading.replace("_", "\n"), justify="right", no_wrap=True)
    role = found.members[0].role
    for member in found.members:
        if member.role != role:
            role = member.role
            table.add_section()
            table.add_row(f"[i]{_ROLES.get(role, role)}[/i]")
        table.add_row(member.name, *(f"{member.percent[name]:.1f}" for name in ("all", *families)))
    output.print(
        f"A Llama of {found.parameters / 1e6:.1f} million weights ({found.layers} layers, width {found.width}, "
        f"{found.context} positions), LoRA experts, and questions about graphs: "
        + ", ".join(f"{sum(counts.values())} {split}" for split, counts in found.questions.items())
        + f"; {found.megabytes:.0f} MB in {found.folder}.",
        highlight=False,
        soft_wrap=True,
    )
    output.print(table)
    output.print("A demonstration of the method; no evidence about large models.", highlight=False)
