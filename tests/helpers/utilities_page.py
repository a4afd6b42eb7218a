"""The table that docs/utilities.md begins with: ``PYTHONPATH=tests/helpers python -m utilities_page`` writes it."""

from __future__ import annotations

from pathlib import Path

from modelswarms.commands.utilities import list_utilities

PAGE = Path(__file__).resolve().parents[2] / "docs" / "utilities.md"
BEGIN, END = "<!-- The table is made by tests/helpers/utilities_page.py. -->\n", "<!-- End of the table. -->\n"


def table() -> str:
    """A row for each kind."""
    listed = list_utilities()
    rows = ["| kind | its value | names | needs |", "|---|---|---|---|"]
    for kind in (each for each in listed if each.name == each.kind):
        names = ", ".join(f"`{each.name}`" for each in listed if each.kind == kind.name != each.name)
        own = ["data of your own, or that of a name" if names else "data of your own"]
        needs = ", ".join([*(own if kind.data_state == "your own" else []), *kind.needs])
        rows.append(f"| `{kind.name}` | {kind.about} | {names} | {needs} |")
    return "\n".join(rows) + "\n"


def page() -> str:
    """The page with its table brought up to date."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
