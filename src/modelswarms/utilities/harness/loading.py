"""Finds tasks of lm-evaluation-harness and loads them, with one clear line for whatever is in the way."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import datasets
import lm_eval
from huggingface_hub.errors import HfHubHTTPError
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks import TaskManager

from modelswarms.errors import ConfigError, DataError, MissingExtraError
from modelswarms.naming import nearest

__all__ = ["Found", "load_tasks", "quietly"]

_NAME: Final = re.compile(r"^(task|group): *['\"]?([^\s'\"#\[]+)", re.MULTILINE)
_TAG: Final = re.compile(r"^tag: *(\S.*)?\n((?:\s*- .*\n)*)", re.MULTILINE)
_CANNOT_BE_HAD: Final = (OSError, HfHubHTTPError, datasets.exceptions.DatasetsError)
_NOISY: Final = ("lm_eval", "datasets", "huggingface_hub")


@dataclass(frozen=True)
class Found:
    """What a name stands for.

    Attributes:
        tasks: by name, in the harness' order; one, but for a group.
        group: the harness' own object; None for a single task.
    """

    tasks: Mapping[str, Any]
    group: Any = None


def load_tasks(name: str, include_path: str | None, unsafe_code: bool = False) -> Found:
    """The task or group of that name, with its documents.

    Those in ``include_path`` come before the harness' own of the same name.

    Raises:
        ConfigError: there is none, or it is not loadable, or of a kind that cannot be a utility.
        DataError: its documents cannot be had.
        MissingExtraError: it needs a package that is not installed.
    """
    kind, file = _place(name, include_path)
    with quietly():
        if kind == "group":
            loaded = _loaded(name, _manager_of(name, file, include_path), name)
        else:
            loaded = _loaded(name, TaskManager(include_defaults=False), str(file))
    for title, task in loaded["tasks"].items():
        _check(title, task, unsafe_code)
    return Found(loaded["tasks"], loaded["groups"].get(name))


@contextmanager
def quietly() -> Iterator[None]:
    """Without the harness' progress bars and its word about every default: mistakes are said in one line."""
    showed = datasets.utils.logging.is_progress_bar_enabled()
    levels = {each: logging.getLogger(each).level for each in _NOISY}
    datasets.utils.logging.disable_progress_bar()
    for each in _NOISY:
        logging.getLogger(each).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for each, level in levels.items():
            logging.getLogger(each).setLevel(level)
        if showed:
            datasets.utils.logging.enable_progress_bar()


def _place(name: str, include_path: str | None) -> tuple[str, Path]:
    """Whether a name is a task's or a group's, and the file that says so."""
    own: dict[str, tuple[str, Path]] = {}
    if include_path is not None:
        folder = Path(include_path).expanduser()
        if not folder.is_dir():
            raise ConfigError(f"utility.include_path: {folder} is no folder; give one that holds tasks' YAML files.")
        own = _names(folder)
    places = own if name in own else {**_built_in(), **own}
    found = places.get(name)
    if found is None:
        remedy = "give the name in it as task, its folder as include_path." if name.endswith((".yaml", ".yml")) else ""
        raise ConfigError(f"utility.task: unknown task {name!r}; {remedy or nearest(name, places)}")
    if found[0] == "tag":
        members = sorted(task for task, (kind, file) in places.items() if kind == "task" and name in _tags(_text(file)))
        raise ConfigError(
            f"utility.task: {name} is a tag that tasks share ({', '.join(members[:5])}, ...), without a value of its "
            "own; give one of them, or combine some as kind: multi_task."
        )
    return found


def _manager_of(group: str, file: Path, include_path: str | None) -> Any:
    """An index in which all members of a group are; that of everything takes a while, and is the last resort."""
    own = Path(lm_eval.__file__).parent / "tasks"
    near = own / file.relative_to(own).parts[0] if file.is_relative_to(own) else include_path
    manager = TaskManager(include_path=near, include_defaults=False)
    index, unseen, seen = manager.task_index, [group], set()
    while unseen:
        name = unseen.pop()
        if name in seen:
            continue
        seen.add(name)
        entry = index.get(name)
        if entry is None:
            return TaskManager(include_path=include_path)
        unseen += entry.tags if entry.kind.name == "TAG" else _members(entry.cfg)
    return manager


def _members(config: Mapping[str, Any] | None) -> list[str]:
    """The names of what a group holds; inline ones have none."""
    listed = (config or {}).get("task")
    names = []
    for member in listed if isinstance(listed, list) else []:
        if not isinstance(member, Mapping):
            names.append(str(member))
        elif isinstance(member.get("task"), list):  # a group that is written out within
            names += _members(member)
        else:
            names.append(str(member.get("group", member.get("task"))))
    return names


@cache
def _built_in() -> Mapping[str, tuple[str, Path]]:
    """The harness' own tasks; some thousand files are read."""
    return _names(Path(lm_eval.__file__).parent / "tasks")


def _names(folder: Path) -> dict[str, tuple[str, Path]]:
    """Kind and file of each task, group and tag in a folder of YAML files; of one name, the first, as the harness."""
    found: dict[str, tuple[str, Path]] = {}
    tags: dict[str, tuple[str, Path]] = {}
    for file in sorted(folder.rglob("*.yaml")):
        text = _text(file)
        kinds = dict(_NAME.findall(text))
        for kind in ("group", "task"):
            if kind in kinds:
                found.setdefault(kinds[kind], (kind, file))
                break
        tags |= dict.fromkeys(_tags(text), ("tag", file))
    return {**tags, **found}


def _tags(text: str) -> list[str]:
    match = _TAG.search(text)
    if match is None:
        return []
    listed = re.findall(r"- *(\S+)", match[2])
    return listed or [part.strip(" '\"[]") for part in (match[1] or "").split(",") if part.strip(" '\"[]")]


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def _loaded(name: str, manager: Any, spec: str) -> Any:
    try:
        return manager.load([spec])
    except ImportError as error:
        raise MissingExtraError(
            f"utility.task: {name} needs a package that is not installed ({_said(error)}); install it."
        ) from error
    except FileNotFoundError as error:
        raise DataError(
            f"utility.task: the documents of {name} are not there ({_said(error)}); files are looked for from the "
            "working directory, as in lm-evaluation-harness: give whole paths in dataset_kwargs."
        ) from error
    except _CANNOT_BE_HAD as error:
        raise DataError(
            f"utility.task: the documents of {name} could not be had ({_said(error)}); put the network on once, or "
            "define the task on a local file (dataset_path: json)."
        ) from error
    except Exception as error:  # the task's own code and templates run here
        raise ConfigError(
            f"utility.task: {name} cannot be loaded ({type(error).__name__}: {_said(error)}); mend its YAML file."
        ) from error


def _check(name: str, task: Any, unsafe_code: bool) -> None:
    """Refuses what cannot be a utility."""
    if not isinstance(task, ConfigurableTask):
        raise ConfigError(
            f"utility.task: {name} is a {type(task).__name__} of its own making, which is not supported; "
            "give a task that is configured by YAML."
        )
    if getattr(task, "MULTIMODAL", False):
        raise ConfigError(f"utility.task: {name} shows pictures or sounds; give a task of text alone.")
    if getattr(task, "UNSAFE_CODE", False) and not unsafe_code:
        raise ConfigError(
            f"utility.task: {name} runs the code that the model writes; set utility.confirm_run_unsafe_code to true if "
            "you want that on this machine."
        )


def _said(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:200].rstrip(" .")
