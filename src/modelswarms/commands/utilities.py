"""What utilities there are, what each of them needs, and what its keys are."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from modelswarms.datasets import data_folder
from modelswarms.datasets.catalogue import catalogue
from modelswarms.errors import ConfigError
from modelswarms.naming import nearest
from modelswarms.settings import allowed, key_names, plain
from modelswarms.utilities import KINDS, NAMED
from modelswarms.utilities.named import Named

__all__ = ["Key", "Listed", "UtilityHelp", "list_utilities", "utility_help"]

DataState = Literal["here", "to be downloaded", "your own", "none needed"]

_SECTION: Final = re.compile(r"^(\w[\w ]*):$")
_ENTRY: Final = re.compile(r"^([a-z_]+(?:, [a-z_]+)*): (.*)$")


@dataclass(frozen=True)
class Listed:
    """A kind or a name.

    Attributes:
        name: what ``utility`` may be.
        kind: that it is of; the same as ``name`` for a kind.
        about: what it measures, in a sentence.
        data: the data set that it is about; None where it is given as ``utility.data``, or where none is needed.
        data_state: whether that is here.
        needs: what else it needs, in words: a server, a key, a model, an extra.
    """

    name: str
    kind: str
    about: str
    data: str | None
    data_state: DataState
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Key:
    """A key of a utility: ``default`` is None as well for one that has to be given (``is_required``)."""

    name: str
    allowed: str
    default: Any
    is_required: bool
    about: str


@dataclass(frozen=True)
class UtilityHelp:
    """Everything about one utility; ``example`` is what a configuration file may say, in YAML."""

    listed: Listed
    keys: Sequence[Key]
    example: str


def list_utilities() -> list[Listed]:
    """All kinds, then all names, each in the order of its table."""
    return [*(_kind(name) for name in KINDS), *(_named(name, named) for name, named in NAMED.items())]


def utility_help(name: str) -> UtilityHelp:
    """The keys of a utility, with a name's own defaults.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in NAMED and name not in KINDS:
        raise ConfigError(f"utility: unknown name {name!r}; {nearest(name, (*NAMED, *KINDS))}")
    named = NAMED.get(name)
    listed = _named(name, named) if named else _kind(name)
    given = named.keys if named else {}
    return UtilityHelp(listed, _keys(KINDS[listed.kind], given), _example(listed, given))


def _kind(name: str) -> Listed:
    cls = KINDS[name]
    brings = hasattr(cls, "dataset") or hasattr(cls, "examples") or getattr(cls, "brings_examples", False)
    about = " ".join((inspect.getdoc(cls) or "").partition("\n\n")[0].split())
    state: DataState = "none needed" if brings else "your own"
    return Listed(name, name, about, None, state, tuple(getattr(cls, "needs", ())))


def _named(name: str, named: Named) -> Listed:
    kind = _kind(named.kind)
    if kind.data_state == "none needed":
        parts = named.keys.get("parts", ())
        states = [_named(part, NAMED[part]).data_state for part in parts if part in NAMED]
        state: DataState = "to be downloaded" if "to be downloaded" in states else "here"
        return Listed(
            name, named.kind, kind.about, ", ".join(parts) or None, state if parts else "none needed", kind.needs
        )
    data = named.data or name
    path = Path(data) if Path(data).is_absolute() else data_folder() / f"{data}.json"
    return Listed(
        name,
        named.kind,
        kind.about,
        path.stem,
        "here" if path.exists() else "to be downloaded" if data in catalogue().entries else "your own",
        kind.needs,
    )


def _keys(cls: type, given: Mapping[str, Any]) -> list[Key]:
    said, words = _attributes(cls), allowed(cls)
    found = []
    for field in fields(cls):
        if field.name not in key_names(cls):
            continue
        default = field.default if field.default_factory is MISSING else field.default_factory()
        value = given.get(field.name, default)
        missing = value is MISSING
        found.append(
            Key(field.name, words[field.name], None if missing else plain(value), missing, said.get(field.name, ""))
        )
    own = inspect.get_annotations(cls)
    return sorted(found, key=lambda key: (not key.is_required, key.name not in own))  # what is its own comes first


def _attributes(cls: type) -> dict[str, str]:
    """What docstrings say of a class's attributes, those of the classes that it derives from included."""
    said: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        said |= _of_docstring(each.__dict__.get("__doc__") or "")
    return said


def _of_docstring(text: str) -> dict[str, str]:
    said: dict[str, str] = {}
    section, entry = "", 0
    names: list[str] = []
    for line in inspect.cleandoc(text).splitlines():
        indent, content = len(line) - len(line.lstrip()), line.strip()
        if indent == 0 and content:
            heading = _SECTION.match(content)
            section = heading[1] if heading else ""
            continue
        match = _ENTRY.match(content) if section == "Attributes" and (not names or indent <= entry) else None
        if match:
            names, entry = match[1].split(", "), indent
            said |= dict.fromkeys(names, match[2])
        elif section == "Attributes" and content:
            said |= {name: f"{said[name]} {content}" for name in names}
    return {name: text.replace("``", "") for name, text in said.items()}


def _example(listed: Listed, given: Mapping[str, Any]) -> str:
    """A configuration's ``utility``: as short as it can be, then with a key of its own."""
    cls = KINDS[listed.kind]
    missing = {
        field.name: yaml.safe_load(field.metadata["write"])
        for field in fields(cls)
        if field.name in key_names(cls) and "write" in field.metadata and field.name not in given
    }
    if listed.name != listed.kind and listed.data_state != "your own" and not missing:
        return f"utility: {listed.name}\n"
    keys: dict[str, Any] = {"kind": listed.name, **missing}
    if listed.data_state == "your own":
        keys["data"] = "my.json"
    return yaml.safe_dump({"utility": keys}, sort_keys=False, allow_unicode=True)
