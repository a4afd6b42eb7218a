"""Runs the command of a row, and says what came of it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import modelswarms
import modelswarms.zoo
from modelswarms.cli import main
from modelswarms.engines import EngineConfig, ScriptedEngine
from wrong_inputs import runs
from wrong_inputs.row import Row, three_experts, working_folder

NOBODY = 65534


class Disguised(ScriptedEngine):
    """Answers by a script, and is described as the engine that a resume will have."""

    def describe(self) -> dict[str, object]:
        from modelswarms.engines.local import LocalEngine

        return LocalEngine(EngineConfig(), modelswarms.zoo.base_path()).describe()


def finished_run(work: Path) -> Path:
    """A working folder with a run of three experts that is over, after one iteration."""
    working_folder(work)
    three_experts(swarm={"particles": 4, "max_iterations": 1})(work)
    engine = Disguised(lambda prompt, coefficients: str(int(coefficients[0] * 5)))
    modelswarms.search(work / "my.yaml", engine=engine)
    return work


def arranged(row: Row, work: Path, finished: Path) -> None:
    """The row's working folder."""
    if row.needs_run:
        shutil.copytree(finished, work, dirs_exist_ok=True)
        manifest = work / "run" / "run.yaml"
        manifest.write_text(manifest.read_text().replace(str(finished), str(work)))
    else:
        working_folder(work)
    row.arrange(work)
    if row.unprivileged:
        work.chmod(0o777)


def called(row: Row, work: Path) -> int:
    """The exit code of the row's command."""
    with contextlib.chdir(work), unprivileged() if row.unprivileged else contextlib.nullcontext():
        try:
            return main(shlex.split(row.command))
        finally:
            while runs.OPEN:
                os.close(runs.OPEN.pop())


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """As nobody, where this is root; else as whoever this is."""
    if os.getuid() != 0:
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, 0)
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
        os.setgroups(groups)


def contents(folder: Path) -> dict[str, str]:
    """Everything in a folder, to compare by; the lock holds a process's number, and no part of the run."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.name != "lock" and "__pycache__" not in path.parts:
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else str(path.is_dir())
    return found


def seen_from(work: Path, said: str) -> str:
    """What was said, with the working folder's own place left out."""
    return said.replace(f"{work}/", "").replace(str(work), ".")


def may_be_reached(path: Path) -> bool:
    """Whether a user who may not do everything could read a file of the project."""
    with unprivileged():
        return os.access(path, os.R_OK)
