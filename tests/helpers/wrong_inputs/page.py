"""docs/errors.md, made from the table: ``PYTHONPATH=tests/helpers python -m wrong_inputs.page`` writes it."""

from __future__ import annotations

from pathlib import Path

from wrong_inputs import GROUPS, Row

PAGE = Path(__file__).resolve().parents[3] / "docs" / "errors.md"

HEAD = """# When something goes wrong

Every command ends with one of these codes:

| exit code | meaning | what is left |
|---|---|---|
| 0 | done | the run, with its result |
| 2 | a wrong input (of `experts check`: they cannot be combined) | nothing: it is found out before a run goes on |
| 3 | the run cannot go on | a whole run folder; the last line says how to go on |
| 130 | interrupted, by Ctrl-C or SIGTERM | the same |

## In the middle of a run

Every value is on disk before it counts, so that nothing which was evaluated is lost, whatever ends the process. The
last line says what happened, and how to go on:

    error: every evaluation of iteration 2 failed, … It was: RuntimeError: … Go on with: modelswarms resume runs/my

- An evaluation that fails (the engine, the memory, a utility of your own that raises or gives NaN) is tried twice,
  then the candidate goes without a value: it becomes neither a best nor a worst. Warnings name it, and the result
  counts it.
- When all evaluations of an iteration fail, the run ends with code 3. Mend the cause and resume: what failed since
  the last success is tried again, and the result is the one that the run would have had.
- A service on the network (a judge, Perspective) that is busy or broken is waited for; where a key or an address is
  wrong, a limit on requests or tokens is reached, or nothing answers any more, the run ends with code 3. What was
  answered is kept: [judges.md](judges.md).
- A full disk ends the run with code 3. Make room and resume.
- Interrupted, killed, or without power: resume. A line that was half written is cut off, and the journal becomes the
  same, to the byte, as if nothing had happened.
- The data file and the experts are read when a run begins, and again when it is resumed; in between they are not
  missed.

## Wrong inputs

A wrong input is one line on standard error, with what is wrong and what to do, and exit code 2. These are the lines
that the test suite holds the program to; … stands for what differs from case to case. In the examples, three experts
(ann, ben, cleo) are in `experts/`, the configuration is `my.yaml`, and the run `run`.
"""


def page() -> str:
    """The whole page."""
    return HEAD + "".join(f"\n### {group}\n\n{_table(rows)}" for group, rows in GROUPS.items())


def _table(rows: list[Row]) -> str:
    head = "| | what is wrong | what is said |\n|---|---|---|\n"
    return head + "".join(f"| {row.id} | {row.what} | {_code('error: ' + row.line)} |\n" for row in rows)


def _code(line: str) -> str:
    line = line.replace("|", "\\|")
    return f"`` {line} ``" if "`" in line else f"`{line}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
