"""``modelswarms data``: published data sets, and what is wrong with one's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts
from rich import box
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from modelswarms.cli.console import errors, output
from modelswarms.cli.options import Keys, overrides

if TYPE_CHECKING:
    from modelswarms.commands.data import Outcome
    from modelswarms.datasets import DataSet, Overlap
    from modelswarms.datasets.catalogue import Entry
    from modelswarms.datasets.check import DataReport
    from modelswarms.datasets.problems import Problem

__all__ = ["app", "check", "download", "listed"]

DONE, FAILED = 0, 2
SHOWN = 4
"""Findings of one sort that are shown; the rest is counted."""

TITLES = {
    "schema": "Cannot be used",
    "overlap": "In dev and in test",
    "question": "Asked in dev and in test",
    "splits": "The splits",
    "ids": "Ids",
    "twice": "Asked twice",
    "contradiction": "Answered in two ways",
    "icl_prompt": "Shown in the prompt",
    "fields": "Fields",
    "no answer": "Without an answer",
    "answers": "Answers",
    "kind": "Of another kind",
    "choices": "Choices",
    "long": "Long",
    "text": "Characters",
}

AsJson = Annotated[bool, cyclopts.Parameter(name="--json", negative="")]

app = cyclopts.App(name="data", help="Published data sets, and a check of your own.")


@app.command(name="list")
def listed(*, to: str | None = None, as_json: AsJson = False) -> None:
    """Say which published data sets there are, and which of them are here.

    Examples:
      modelswarms data list
      modelswarms data list --json

    Parameters
    ----------
    to
        The folder to look in; by default MODELSWARMS_DATA, or the user's cache folder.
    as_json
        For a program to read.
    """
    from modelswarms.commands.data import list_data
    from modelswarms.datasets import data_folder
    from modelswarms.datasets.catalogue import catalogue

    rows, known = list_data(to), catalogue()
    if as_json:
        plain = [{**asdict(row.entry), "state": row.state, "path": row.path, "licence": row.licence} for row in rows]
        output.print(json.dumps(plain, indent=2), markup=False, highlight=False, soft_wrap=True)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("name", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    for heading in ("dev", "test", "size"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("here", no_wrap=True)
    words = {"here": "yes", "partly": "in part", "other": "another file", "absent": "–"}
    for row in rows:
        entry = row.entry
        kind = entry.kind.replace("_", " ")
        table.add_row(entry.name, kind, str(entry.dev), str(entry.test), _size(entry.bytes), words[row.state])
    output.print(table)
    output.print(
        f"In {to or data_folder()}. Published in {known.repository} at {known.commit[:7]}; licence: {known.licence}.",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


@app.command
def download(
    *names: Annotated[str, cyclopts.Parameter(name="NAME")],
    every: Annotated[bool, cyclopts.Parameter(name="--all", negative="")] = False,
    to: str | None = None,
    source: Annotated[str | None, cyclopts.Parameter(name="--from")] = None,
) -> int:
    """Bring published data sets here; each is checked against its SHA-256, and what broke off is gone on with.

    Exit code 0 if all of them are here, 2 if not.

    Examples:
      modelswarms data download nlgraph gsm8k
      modelswarms data download legal
      modelswarms data download --all --to data/
      modelswarms data download mmlu --from https://mirror.example.org/eval

    Parameters
    ----------
    names
        Of data sets, as list has them, or of utilities.
    every
        All of them.
    to
        The folder; by default MODELSWARMS_DATA, or the user's cache folder, where named utilities look.
    source
        Address, or folder, that holds the files; by default MODELSWARMS_DATA_URL, or where they were published.
    """
    from modelswarms.commands.data import download as bring

    with _progress() as told:
        outcomes = bring(names, every=every, to=to, source=source, told=told, ended=_say)
    failed = sum(outcome.state == "failed" for outcome in outcomes)
    if left := outcomes[-1].left:
        errors.print(f"{left} more {'was' if left == 1 else 'were'} not asked for.", highlight=False)
    return FAILED if failed else DONE


def _say(outcome: Outcome) -> None:
    if outcome.state == "failed":
        errors.print(f"error: {outcome.why}", markup=False, highlight=False, soft_wrap=True)
    else:
        word = "downloaded" if outcome.state == "downloaded" else "here already"
        output.print(f"{outcome.name}: {word}, {outcome.path}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _progress() -> Iterator[Callable[[Entry, int], None]]:
    """A bar a file, where somebody is watching."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bars:

        def told(entry: Entry, done: int) -> None:
            if entry.name not in tasks:
                tasks[entry.name] = bars.add_task(entry.name, total=entry.bytes)
            bars.update(tasks[entry.name], completed=done, visible=done < entry.bytes)

        yield told


@app.command
def check(
    data: Annotated[str, cyclopts.Parameter(name="FILE")],
    *keys: Keys,
    fix: str | None = None,
    every: Annotated[bool, cyclopts.Parameter(name="--all", negative="")] = False,
    as_json: AsJson = False,
) -> int:
    """Say all that is wrong with a data set, or may not be meant, item by item, and what to mend.

    Exit code 0 if a search can use it, 2 if not.

    Examples:
      modelswarms data check my_questions.json
      modelswarms data check exam.csv --fields.answer label --dev_size 200
      modelswarms data check knowledge_crosswords
      modelswarms data check my_questions.json --fix clean.json

    Parameters
    ----------
    data
        A JSON, JSON Lines or CSV file, the name of a published data set, hf:org/name, or the YAML file of a search,
        whose data is meant.
    keys
        How it is read, as under utility.data: --fields.question input, --dev_size 200.
    fix
        Also write a copy without the items that cannot be used, the test items that are dev items, and doubles.
    every
        Show every finding, not only some of each sort.
    as_json
        Everything as JSON.
    """
    from modelswarms.commands.data import check_data, fix_data
    from modelswarms.config import nested_overrides

    given: Any = data
    if keys:
        given = {"hf" if data.startswith("hf:") else "file": data, **nested_overrides(overrides(keys))}
    if fix is not None:
        written = fix_data(given, fix)
        left = written["dev_left_out"] + written["test_left_out"]
        errors.print(
            f"{fix}: {written['dev']} dev, {written['test']} test; {left} left out that can be read.",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
    report = check_data(given)
    if as_json:
        output.print(json.dumps(report.to_dict(), indent=2), markup=False, highlight=False, soft_wrap=True)
    else:
        _show(report, every)
    return FAILED if report.problems else DONE


def _show(report: DataReport, every: bool) -> None:
    data = report.data
    if data is not None:
        output.print(Text(_size_of(report, data), style="bold"), soft_wrap=True)
    if report.overlap is not None and report.overlap.by_question:
        output.print(Text(_shared(report.overlap)), soft_wrap=True)
    with_file = len({finding.file for finding in report.findings}) > 1
    for findings, style in ((report.problems, "red"), (report.warnings, "yellow")):
        topic = ""
        for group in _grouped(findings):
            if group[0].topic != topic:
                topic = group[0].topic
                count = sum(finding.topic == topic for finding in findings)
                title = TITLES.get(topic, topic) + (f" ({count:,})" if count > 1 else "")
                output.print(Text(f"\n{title}", style=f"bold {style}"))
            for line in _lines(group, every, with_file):
                output.print(Text(line), soft_wrap=True)
    output.print(Text(f"\n{_sentence(report)}", style="bold"), soft_wrap=True)


def _size_of(report: DataReport, data: DataSet) -> str:
    """One line of what it is."""
    examples = (*data.dev, *data.test)
    kinds = sorted({"choices" if e.choices else "answers" if e.answer else "prompts" for e in examples})
    median, longest = report.length
    size = f"{data.name}: {len(data.dev):,} dev, {len(data.test):,} test"
    more = f" ({' and '.join(kinds)}), questions of {median:,} characters, {longest:,} at most" if kinds else ""
    return f"{size}{more}"


def _shared(overlap: Overlap) -> str:
    return (
        f"Of {overlap.tested:,} test items, dev holds {len(overlap.by_key):,} by question and choices, "
        f"{len(overlap.by_question):,} by question alone."
    )


def _grouped(findings: Sequence[Problem]) -> list[list[Problem]]:
    """Findings that one thing mends."""
    groups: dict[tuple[str, str], list[Problem]] = {}
    for finding in findings:
        groups.setdefault((finding.topic, finding.remedy), []).append(finding)
    return list(groups.values())


def _lines(group: Sequence[Problem], every: bool, with_file: bool) -> Iterator[str]:
    shown = group if every or len(group) <= SHOWN + 1 else group[:SHOWN]
    for finding in shown:
        file = f"{Path(finding.file).name}: " if with_file else ""
        yield f"  {file}{finding.place}{finding.colon} {finding.what}".replace("   ", "  ")
    if len(shown) < len(group):
        yield f"  … and {len(group) - len(shown):,} more (--all shows them)"
    yield f"  → {group[0].remedy}"


def _sentence(report: DataReport) -> str:
    problems, warnings = len(report.problems), len(_grouped(report.warnings))
    if problems:
        return f"A search cannot use it: {problems:,} thing{'s' * (problems > 1)} to mend."
    if warnings:
        return f"A search can use it; {warnings:,} thing{'s are' if warnings > 1 else ' is'} worth a look."
    return "A search can use it; nothing was found."


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
