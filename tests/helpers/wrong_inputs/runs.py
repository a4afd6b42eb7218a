"""Run folders that cannot be begun in, or gone on with."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

import yaml

from wrong_inputs.row import Arrange, Row, edited, removed, written

RUN = "run/run.yaml"
JOURNAL = "run/journal.jsonl"


def in_use(work: Path) -> None:
    """Another process has the lock; here it is a second description of the same file, which counts as one."""
    descriptor = os.open(work / "run" / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.pwrite(descriptor, b"4242\n", 0)
    OPEN.append(descriptor)


OPEN: list[int] = []
"""Descriptors that a row holds open; whoever ran it closes them."""


def damaged_line(number: int) -> Arrange:
    """A line of the journal with a digit changed."""

    def arrange(work: Path) -> None:
        lines = (work / JOURNAL).read_bytes().splitlines(keepends=True)
        lines[number - 1] = lines[number - 1].replace(b'"crc":"', b'"crc":"0')
        (work / JOURNAL).write_bytes(b"".join(lines))

    return arrange


def without_first_line(work: Path) -> None:
    (work / JOURNAL).write_bytes(b"".join((work / JOURNAL).read_bytes().splitlines(keepends=True)[1:]))


def configured(**keys: object) -> Arrange:
    """``run.yaml`` with other keys in its configuration."""

    def arrange(work: Path) -> None:
        manifest = yaml.safe_load((work / RUN).read_text())
        manifest["config"].update(keys)
        (work / RUN).write_text(yaml.safe_dump(manifest))

    return arrange


def without_configuration(work: Path) -> None:
    (work / RUN).write_text("versions: {}\n")


def journal_is_a_folder(work: Path) -> None:
    (work / JOURNAL).unlink()
    (work / JOURNAL).mkdir()


def other_alpha(work: Path) -> None:
    edited("adapter_config.json", lambda config: config.update(lora_alpha=3))(work / "experts" / "ben")


def other_question(work: Path) -> None:
    path = work / "data.json"
    path.write_text(path.read_text().replace("How much", "How many"))


ROWS = [
    Row(
        "run-there",
        "the run folder holds a run already",
        "run: holds a run already; go on with 'modelswarms resume run', or give another run_dir.",
        needs_run=True,
    ),
    Row(
        "run-not-empty",
        "the run folder holds something else",
        "run: exists and is not an empty folder; give another run_dir.",
        written("run/mine.txt", "x"),
    ),
    Row(
        "run-file",
        "the run folder is a file",
        "run: exists and is not a folder; give another run_dir.",
        written("run", "x"),
    ),
    Row(
        "run-below-file",
        "the run folder is below a file",
        "data.json/run: data.json is a file; give another run_dir.",
        command="search my.yaml --run-dir data.json/run",
    ),
    Row(
        "run-device",
        "the run folder is below a device",
        "/dev/full/run: /dev/full is a file; give another run_dir.",
        command="search my.yaml --run-dir /dev/full/run",
    ),
    Row(
        "run-link",
        "the run folder is a link to nowhere",
        "run: exists and is not a folder; give another run_dir.",
        lambda work: (work / "run").symlink_to(work / "nowhere"),
    ),
    Row(
        "run-long",
        "a run folder with a name too long",
        "…: cannot be used (File name too long); give another run_dir.",
        command=f"search my.yaml --run-dir {'x' * 300}",
    ),
    Row(
        "resume-nowhere",
        "no such run",
        "nowhere: is not the folder of a run (no run.yaml); check the path.",
        command="resume nowhere",
    ),
    Row(
        "resume-file", "a file is no run", "data.json: is a file; give the folder of a run.", command="resume data.json"
    ),
    Row(
        "resume-other",
        "a folder that is no run",
        "notes: is not the folder of a run (no run.yaml); check the path.",
        written("notes/a.txt", "x"),
        "resume notes",
    ),
    Row(
        "resume-unbegun",
        "a run that was ended before it began",
        "run: the run was ended before it began; start it again in the same folder.",
        written("run/lock", ""),
        "resume run",
    ),
    Row(
        "manifest-invalid",
        "run.yaml is not YAML",
        "run/run.yaml: is not YAML in line 2; restore it from a copy.",
        written(RUN, "config: {seed: 1\n"),
        "resume run",
        needs_run=True,
    ),
    Row(
        "manifest-list",
        "run.yaml holds a list",
        "run/run.yaml: holds no configuration; restore it from a copy.",
        written(RUN, "- config\n"),
        "resume run",
        needs_run=True,
    ),
    Row(
        "manifest-bytes",
        "run.yaml is no text",
        "run/run.yaml: is not YAML; restore it from a copy.",
        written(RUN, b"\x00\xff\xfe"),
        "resume run",
        needs_run=True,
    ),
    Row(
        "manifest-empty",
        "run.yaml is empty",
        "run/run.yaml: holds no configuration; restore it from a copy.",
        written(RUN, ""),
        "resume run",
        needs_run=True,
    ),
    Row(
        "manifest-no-config",
        "run.yaml without a configuration",
        "run/run.yaml: holds no configuration; restore it from a copy.",
        without_configuration,
        "resume run",
        needs_run=True,
    ),
    Row(
        "manifest-key",
        "run.yaml with an unknown key",
        "unknown key 'sed'; did you mean 'seed'?",
        configured(sed=1),
        "resume run",
        needs_run=True,
    ),
    Row(
        "manifest-seed",
        "run.yaml with another seed",
        "run: seed was 0 and is now 1; restore it, or start a new run.",
        configured(seed=1),
        "resume run",
        needs_run=True,
    ),
    Row(
        "journal-damaged",
        "a damaged line in the journal",
        "run/journal.jsonl: line 5 is damaged; restore the file from a copy, or delete that line and "
        "all after it, then resume.",
        damaged_line(5),
        "resume run",
        needs_run=True,
    ),
    Row(
        "journal-beheaded",
        "the journal's first line is gone",
        "run/journal.jsonl: does not begin with the run's first line; restore it from a copy.",
        without_first_line,
        "resume run",
        needs_run=True,
    ),
    Row(
        "journal-folder",
        "the journal is a folder",
        "run/journal.jsonl: cannot be read (Is a directory); check what it is and who may read it.",
        journal_is_a_folder,
        "resume run",
        needs_run=True,
    ),
    Row(
        "run-in-use",
        "another process works in the run",
        "run: process 4242 is working in this run; wait for it, or stop it first.",
        in_use,
        "resume run",
        needs_run=True,
    ),
    Row(
        "experts-changed",
        "an expert changed since",
        "run: experts.ben changed since the run began; restore it, or start a new run.",
        other_alpha,
        "resume run",
        needs_run=True,
    ),
    Row(
        "expert-removed",
        "an expert is gone since",
        "run: the experts were ann, ben, cleo and are now ann, cleo; restore them, or start a new run.",
        lambda work: shutil.rmtree(work / "experts" / "ben"),
        "resume run",
        needs_run=True,
    ),
    Row(
        "expert-added",
        "an expert came since",
        "run: the experts were ann, ben, cleo and are now ann, ben, cleo, dora; restore them, or start a new run.",
        lambda work: shutil.copytree(work / "experts" / "ben", work / "experts" / "dora"),
        "resume run",
        needs_run=True,
    ),
    Row(
        "data-changed",
        "the data changed since",
        "run: data changed since the run began; restore it, or start a new run.",
        other_question,
        "resume run",
        needs_run=True,
    ),
    Row(
        "data-gone",
        "the data file is gone since",
        "data.json: no such data file; check the path.",
        removed("data.json"),
        "resume run",
        needs_run=True,
    ),
    Row(
        "resume-seed",
        "another seed on resume",
        "run: seed was 0 and is now 7; restore it, or start a new run.",
        command="resume run --seed 7",
        needs_run=True,
    ),
    Row(
        "resume-combine",
        "another way to combine on resume",
        "run: combine was 'delta' and is now 'factors'; restore it, or start a new run.",
        command="resume run --combine factors",
        needs_run=True,
    ),
    Row(
        "resume-spread",
        "another swarm on resume",
        "run: swarm.spread was … and is now 0.9; restore it, or start a new run.",
        command="resume run --swarm.spread 0.9",
        needs_run=True,
    ),
    Row(
        "resume-back",
        "fewer iterations on resume",
        "run: swarm.max_iterations was 1 and is now 0: a run can go further, not back; give more.",
        command="resume run --swarm.max_iterations 0",
        needs_run=True,
    ),
    Row(
        "resume-dtype",
        "another precision on resume",
        "run: engine.dtype was 'auto' and is now 'float16'; restore it, or start a new run.",
        command="resume run --engine.dtype float16",
        needs_run=True,
    ),
    Row(
        "resume-unknown",
        "an unknown key on resume",
        "unknown key 'swarm.iterations'; did you mean 'swarm.max_iterations'?",
        command="resume run --swarm.iterations 5",
        needs_run=True,
    ),
]
