"""Every wrong input of the table: one line that names the thing and the remedy, exit code 2, and nothing done."""

from __future__ import annotations

import logging
import re
import shlex
from pathlib import Path

import pytest

from wrong_inputs import GROUPS, Row
from wrong_inputs.running import arranged, called, contents, may_be_reached, seen_from

ROWS = [row for rows in GROUPS.values() for row in rows]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
@pytest.mark.usefixtures("bare_machine")
def test_it_is_one_line_with_a_remedy(row: Row, finished, tmp_path, open_folder, capsys, caplog, monkeypatch):
    work = open_folder if row.unprivileged else tmp_path
    if row.unprivileged and not may_be_reached(Path(__file__)):
        pytest.skip("another user may not read the project, so that nothing can be run as one")
    if not row.loads:
        monkeypatch.setattr("modelswarms.engines.local.load_base", refuse_to_load)
    arranged(row, work, finished)
    before = contents(work)
    with caplog.at_level(logging.WARNING):
        code = called(row, work)
    said = capsys.readouterr()
    assert code == 2, said.err
    assert row.matches(line := seen_from(work, said.err).removesuffix("\n")), f"{line}\nwas expected to be\n{row.line}"
    assert "\n" not in line
    assert said.out.strip() == ""
    assert caplog.messages == [], "a warning is a second line"
    assert contents(work) == before


def refuse_to_load(*arguments: object) -> None:
    raise AssertionError("the base was loaded, though what is wrong could be seen before")


def test_the_table_is_a_table():
    assert len(ROWS) >= 75
    for what in ("id", "what"):
        values = [getattr(row, what) for row in ROWS]
        assert sorted(set(values)) == sorted(values), f"two rows have one {what}"
    assert len({row.line for row in ROWS}) > 0.8 * len(ROWS), "lines tell mistakes apart"


REMEDIES = (
    "give check save copy write mend leave train load restore known change put map set unset shorten install add wait "
    "start see say stop 'did you mean' 'go on with' 'needs them equal'"
)
REMEDY = re.compile(rf"\b({'|'.join(shlex.split(REMEDIES))})\b", re.IGNORECASE)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_remedy_is_in_the_line(row: Row):
    thing, _, remedy = row.line.partition(" ")
    assert thing
    assert REMEDY.search(remedy), row.line


def test_a_line_that_differs_is_no_match():
    row = Row("a", "b", "x: cannot be read (…); check it.")
    assert row.matches("error: x: cannot be read (No such file); check it.")
    assert not row.matches("error: x: cannot be read (No such file).")
    assert not row.matches("x: cannot be read (No such file); check it.")
    assert not row.matches("error: x: cannot be read (No such file); check it. And more")
