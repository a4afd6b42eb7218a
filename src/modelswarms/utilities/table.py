"""The utilities by name and by kind; a new kind is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, Protocol, get_type_hints, runtime_checkable

from modelswarms import zoo
from modelswarms.datasets import DataSet, read_dataset
from modelswarms.errors import ConfigError, DataError
from modelswarms.naming import nearest
from modelswarms.types import Utility
from modelswarms.utilities.exact_match import ExactMatch
from modelswarms.utilities.function import load_target

__all__ = ["KINDS", "NAMES", "load_utility"]

Keys = Mapping[str, Any]


@runtime_checkable
class _Particular(Protocol):
    """A utility that needs more of its data than the schema does."""

    def unsuited(self, data: DataSet) -> str | None:
        """What is wrong with the data, and the remedy; None where nothing is."""
        ...


def load_utility(spec: str | Keys, folder: Path) -> tuple[Utility, DataSet]:
    """The utility that a configuration names, and its data.

    Args:
        spec: a name, ``module:attribute``, or ``{kind, data, ...}``.
        folder: where relative files and modules are looked for.

    Raises:
        ConfigError: the name, kind or a key is unknown, or a value is not allowed.
        DataError: the data cannot be read, or lacks what the utility needs.
    """
    if isinstance(spec, str):
        if spec in NAMES:
            return NAMES[spec]()
        if ":" not in spec:
            raise ConfigError(
                f"utility: unknown name {spec!r}; {nearest(spec, NAMES)} Or write {{kind: ..., data: ...}}."
            )
        spec = {"kind": "function", "target": spec}
    if "kind" not in spec:
        raise ConfigError(f"utility.kind: not given; write one of {', '.join(KINDS)}.")
    kind = str(spec["kind"])
    if kind not in KINDS:
        raise ConfigError(f"utility.kind: unknown kind {kind!r}; {nearest(kind, KINDS)}")
    folder = Path(spec.get("folder") or folder)
    given = {key: value for key, value in spec.items() if key not in ("kind", "data", "folder")}
    utility = KINDS[kind](given, folder)
    data = spec.get("data") or getattr(utility, "data", None)
    if not isinstance(data, str | Path):
        raise ConfigError("utility.data: no data file is given; write utility: {kind: ..., data: my.json}.")
    path = folder / Path(data).expanduser()
    content = read_dataset(path)
    problem = utility.unsuited(content) if isinstance(utility, _Particular) else None
    if problem:
        raise DataError(f"{path}: {problem}")
    return utility, content


def _zoo() -> tuple[Utility, DataSet]:
    return ExactMatch(max_new_tokens=zoo.ANSWER_TOKENS, name="zoo"), read_dataset(zoo.questions_path())


def _exact_match(given: Keys, folder: Path) -> Utility:
    hints = get_type_hints(ExactMatch)
    known = [f.name for f in fields(ExactMatch) if f.name != "name"]
    for key, value in given.items():
        if key not in known:
            raise ConfigError(f"unknown key 'utility.{key}'; {nearest(str(key), ['kind', 'data', *known])}")
        if key == "which" and value not in ("first", "last"):
            raise ConfigError(f"utility.which: {value!r} is not allowed; give 'first' or 'last'.")
        if key == "stop":
            if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
                raise ConfigError(f"utility.stop: {value!r} is not allowed; give a list of texts.")
        elif hints[key] in (int, str, bool) and type(value) is not hints[key]:
            raise ConfigError(f"utility.{key}: {value!r} is not allowed; give a {hints[key].__name__}.")
    arguments: dict[str, Any] = {key: tuple(value) if key == "stop" else value for key, value in given.items()}
    return ExactMatch(**arguments)


def _function(given: Keys, folder: Path) -> Utility:
    for key in given:
        if key != "target":
            raise ConfigError(f"unknown key 'utility.{key}'; {nearest(str(key), ['kind', 'data', 'target'])}")
    target = given.get("target")
    if not isinstance(target, str):
        raise ConfigError("utility.target: not given; write target: module:attribute.")
    return load_target(target, folder)


KINDS: Final[Mapping[str, Callable[[Keys, Path], Utility]]] = {"exact_match": _exact_match, "function": _function}
NAMES: Final[Mapping[str, Callable[[], tuple[Utility, DataSet]]]] = {"zoo": _zoo}
