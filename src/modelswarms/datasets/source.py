"""What ``utility.data`` names: a file, a file for each split, or a data set on the hub, and how it is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from modelswarms.errors import ConfigError
from modelswarms.naming import kind_of, nearest

__all__ = ["FIELDS", "HUB", "HubData", "Source", "anchored_source", "is_hub", "source_of"]

HUB: Final = "hf:"
FIELDS: Final = ("question", "answer", "choices", "id", "domain", "split")
"""What a column mapping may rename."""

_KEYS: Final = (
    "file", "hf", "dev", "test", "config", "revision", "fields", "answers", "dev_size", "test_size", "seed", "name",
)  # fmt: skip
_ID: Final = re.compile(r"(?P<name>[^@:]+)(?:@(?P<revision>[^@:]+))?(?::(?P<config>[^@:]+))?")
_ADDRESS: Final = re.compile(r"(https?|s3|gs)://")
_PLACE: Final = (".", "/", "~")
"""What the name of a folder begins with, where a data set on the hub may be meant."""

_WRITE: Final = "write a file, hf:org/name, or {file: ..., fields: ...}."


@dataclass(frozen=True)
class HubData:
    """A data set on the hub (``org/name``), or a folder that the ``datasets`` package loads."""

    name: str
    revision: str | None = None
    config: str | None = None

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return f"{HUB}{self.name}{revision}" + (f":{self.config}" if self.config else "")


@dataclass(frozen=True)
class Source:
    """Where examples come from.

    Attributes:
        file: one file for both splits; None where ``files`` or ``hub`` is given.
        files: a file for each of dev and test.
        hub: a data set of the ``datasets`` package.
        dev, test: what the splits are called there; None for the usual names.
        fields: our name of a field to theirs; for ``choices`` also a list of fields, one an option.
        answers: what a given answer means, such as ``{1: A, 2: B}`` or ``{true: "yes"}``.
        dev_size, test_size: how many examples a split gets; drawn with ``seed``.
        name: of the data set; by default the file's.
    """

    file: Path | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    hub: HubData | None = None
    dev: str | None = None
    test: str | None = None
    fields: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    dev_size: int | None = None
    test_size: int | None = None
    seed: int = 0
    name: str | None = None

    @property
    def label(self) -> str:
        """What messages call it."""
        return str(self.file or self.hub or self.files["dev"])


def is_hub(given: object) -> bool:
    """Whether a text names a data set for the ``datasets`` package."""
    return isinstance(given, str) and given.startswith(HUB)


def source_of(given: str | Path | Mapping[str, Any], folder: Path | None = None) -> Source:
    """The source that a configuration names.

    Args:
        given: a file, ``hf:org/name@revision:config``, or keys and values (see docs/data.md).
        folder: where relative files are looked for; by default the working directory.

    Raises:
        ConfigError: names the key of ``utility.data`` and what is allowed.
    """
    folder = folder or Path()
    given = anchored_source(given, folder)
    if isinstance(given, str | Path):
        return Source(hub=_hub(str(given))) if is_hub(given) else Source(file=_file("", given))
    if not isinstance(given, Mapping) or not given:
        raise ConfigError(f"utility.data: {given!r} is not allowed; {_WRITE}")
    for key in given:
        if key not in _KEYS:
            raise ConfigError(f"unknown key 'utility.data.{key}'; {nearest(str(key), _KEYS)}")
    common: dict[str, Any] = {
        "fields": _fields(given.get("fields")),
        "answers": _answers(given.get("answers")),
        **{key: _count(key, given[key]) for key in ("dev_size", "test_size", "seed") if given.get(key) is not None},
        "name": _text("name", given),
    }
    return Source(**_place(given), **common)


def _place(given: Mapping[str, Any]) -> dict[str, Any]:
    """Where the examples are, and what the splits are called there."""
    if ("file" in given) + ("hf" in given) > 1:
        raise ConfigError("utility.data: gives both 'file' and 'hf'; give one of them.")
    if "hf" not in given:
        for key in ("config", "revision"):
            if key in given:
                raise ConfigError(f"utility.data.{key}: is for a data set on the hub; leave it out, or give 'hf'.")
    if "file" in given or "hf" in given:
        names = {split: _text(split, given) for split in ("dev", "test")}
        if "file" in given and not is_hub(given["file"]):
            return {"file": _file("file", given["file"]), **names}
        hub = _hub(str(given.get("hf", given.get("file"))), _text("config", given), _text("revision", given))
        return {"hub": hub, **names}
    if "dev" not in given:
        raise ConfigError(f"utility.data: names no file; {_WRITE}")
    return {"files": {split: _file(split, given[split]) for split in ("dev", "test") if split in given}}


def anchored_source(given: Any, folder: Path) -> Any:
    """The same with its relative files seen from ``folder``; names of fields and splits stay what they are."""
    if isinstance(given, Mapping):
        places = ("file", "dev", "test") if not {"file", "hf"} & set(given) else ("file",)
        out = {key: anchored_source(value, folder) if key in places else value for key, value in given.items()}
        if isinstance(given.get("hf"), str):
            out["hf"] = anchored_source(HUB + given["hf"].removeprefix(HUB), folder)
        return out
    if not isinstance(given, str | Path) or not str(given).strip() or _ADDRESS.match(str(given)):
        return given
    text = str(given)
    if is_hub(text):
        place = text.removeprefix(HUB)
        return HUB + _placed(place, folder) if place.startswith(_PLACE) else text
    return _placed(text, folder)


def _placed(text: str, folder: Path) -> str:
    return str((folder / Path(text).expanduser()).absolute())


def _file(key: str, given: Any) -> Path:
    if not isinstance(given, str | Path) or not str(given).strip():
        where = f"utility.data.{key}" if key else "utility.data"
        raise ConfigError(f"{where}: {given!r} is no file; give its path.")
    if _ADDRESS.match(str(given)):
        raise ConfigError(f"utility.data: {given} is an address; download it, and give the file.")
    return Path(given)


def _hub(text: str, config: str | None = None, revision: str | None = None) -> HubData:
    name = text.removeprefix(HUB)
    if name.startswith(_PLACE) and Path(name).is_dir():  # whatever signs are in it
        return HubData(name, revision, config)
    match = _ID.fullmatch(name)
    if match is None:
        raise ConfigError(f"utility.data: {text!r} is no data set; give hf:org/name, with @revision and :config.")
    return HubData(match["name"], revision or match["revision"], config or match["config"])


def _text(key: str, given: Mapping[str, Any]) -> str | None:
    value = given.get(key)
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise ConfigError(f"utility.data.{key}: {value!r} is not allowed; give a text.")
    return value


def _count(key: str, value: Any) -> int:
    least = 0 if key == "seed" else 1
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(f"utility.data.{key}: {value!r} is not allowed; give a whole number of at least {least}.")
    return value


def _fields(given: Any) -> dict[str, str | tuple[str, ...]]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigError("utility.data.fields: give our names with yours, such as {question: input, answer: label}.")
    fields: dict[str, str | tuple[str, ...]] = {}
    for key, value in given.items():
        ours = "question" if key == "prompt" else key
        if ours not in FIELDS:
            raise ConfigError(f"unknown key 'utility.data.fields.{key}'; {nearest(str(key), FIELDS)}")
        if isinstance(value, list | tuple) and ours == "choices" and value and all(isinstance(v, str) for v in value):
            fields[ours] = tuple(value)
        elif isinstance(value, str) and value.strip():
            fields[ours] = value
        else:
            many = " or a list of names, one an option" if ours == "choices" else ""
            raise ConfigError(f"utility.data.fields.{key}: {value!r} is not allowed; give a field's name{many}.")
    return fields


def _answers(given: Any) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigError(
            f"utility.data.answers: {kind_of(given)} is not allowed; map answers to what they mean: {{1: A, 2: B}}."
        )
    for key, value in given.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ConfigError(
                f"utility.data.answers.{key}: {kind_of(value)} is not allowed; give a text (yes and no in quotes)."
            )
    return {str(key).casefold(): str(value) for key, value in given.items()}
