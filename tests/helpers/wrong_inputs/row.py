"""A row of the table of wrong inputs, and what rows are arranged with."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import modelswarms.zoo

Arrange = Callable[[Path], object]

EXPERTS = ("ann", "ben", "cleo")
"""Three of the zoo's experts under names of their own; ben is the one that something is wrong with."""


def nothing(work: Path) -> None:
    """What is there already will do."""


@dataclass(frozen=True)
class Row:
    """One wrong input.

    Attributes:
        id: of the test.
        what: is wrong, for a person.
        line: that the command says after ``error: ``, seen from the working folder; … stands for any text
            (what the system or another library says).
        arrange: makes it so in a working folder, which holds ``my.yaml`` and ``data.json``.
        command: what is called in that folder; ``run`` is what the configuration calls the run's folder.
        loads: the base has to be read to see it; everywhere else, reading it fails the test.
        needs_run: the working folder holds a finished run as well, in ``run``.
        unprivileged: the command runs as a user who may not do everything.
    """

    id: str
    what: str
    line: str
    arrange: Arrange = nothing
    command: str = "search my.yaml"
    loads: bool = False
    needs_run: bool = False
    unprivileged: bool = False

    def matches(self, said: str) -> bool:
        """Whether the line that was said is this row's."""
        pattern = ".+".join(re.escape(part) for part in self.line.split("…"))
        return re.fullmatch("error: " + pattern, said) is not None


def working_folder(work: Path) -> Path:
    """A configuration without a mistake."""
    items = [{"question": f"How much is item {k}?", "answer": str(k % 5), "id": k} for k in range(10)]
    (work / "data.json").write_text(json.dumps({"dataset": "numbers", "dev": items[:6], "test": items[6:]}))
    settings()(work)
    return work


def settings(**keys: Any) -> Arrange:
    """The configuration file, with keys over those that are right."""
    right = {
        "base": "zoo",
        "experts": "zoo",
        "utility": {"kind": "exact_match", "data": "data.json", "max_new_tokens": 1},
        "swarm": {"particles": 11, "max_iterations": 0},
        "rescore": False,
        "run_dir": "run",
    }
    return lambda work: (work / "my.yaml").write_text(yaml.safe_dump({**right, **keys}))


def written(name: str, content: str | bytes) -> Arrange:
    """A file."""

    def arrange(work: Path) -> None:
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return arrange


def both(*arrangements: Arrange) -> Arrange:
    """One after the other."""

    def arrange(work: Path) -> None:
        for each in arrangements:
            each(work)

    return arrange


def edited(name: str, change: Callable[[dict], object]) -> Arrange:
    """A file of keys and values in JSON, changed."""

    def arrange(work: Path) -> None:
        content = json.loads((work / name).read_text())
        change(content)
        (work / name).write_text(json.dumps(content))

    return arrange


def three_experts(change: Arrange = nothing, **keys: Any) -> Arrange:
    """Copies of three experts in ``experts/``, of which ben is changed."""

    def arrange(work: Path) -> None:
        for name, path in zip(EXPERTS, modelswarms.zoo.expert_paths().values(), strict=False):
            shutil.copytree(path, work / "experts" / name, copy_function=shutil.copyfile)
        change(work / "experts" / "ben")

    return both(arrange, settings(experts="experts", **keys))


def own_base(change: Arrange) -> Arrange:
    """A copy of the zoo's base in ``base/``, changed."""

    def arrange(work: Path) -> None:
        shutil.copytree(modelswarms.zoo.base_path(), work / "base", copy_function=shutil.copyfile)
        change(work / "base")

    return both(arrange, settings(base="./base"))


def tensors(change: Callable[[dict], object], name: str = "adapter_model.safetensors") -> Arrange:
    """The weights in a folder, changed."""

    def arrange(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        flat = load_file(folder / name)
        change(flat)
        save_file(flat, folder / name)

    return arrange


def removed(name: str) -> Arrange:
    """Without a file."""
    return lambda folder: (folder / name).unlink()


def cut(name: str, size: int) -> Arrange:
    """A file of which only the beginning is there."""
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size])
