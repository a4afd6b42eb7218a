"""The published data sets: which there are, which are here, and how they come here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeGuard

from modelswarms.config import load_config
from modelswarms.datasets import data_folder, data_path
from modelswarms.datasets.catalogue import Entry, catalogue, sha256_of
from modelswarms.datasets.check import DataReport, check_source
from modelswarms.datasets.clean import write_clean
from modelswarms.datasets.download import Patience, UnreachableError, Wanted, fetch, partial_path
from modelswarms.datasets.problems import Problem
from modelswarms.datasets.reader import read_source
from modelswarms.datasets.source import source_of
from modelswarms.errors import DataError
from modelswarms.naming import nearest
from modelswarms.utilities import load_utility
from modelswarms.utilities.named import NAMED

__all__ = ["MIRROR", "Listed", "Outcome", "check_data", "download", "fix_data", "list_data"]

MIRROR: Final = "MODELSWARMS_DATA_URL"
"""Names an address, or a folder, that holds the files instead of where they were published."""


@dataclass(frozen=True)
class Listed:
    """A data set, and whether its file is here.

    Attributes:
        state: ``here``; ``partly``, after a transfer that broke; ``other``, a file of that name with another content;
            ``absent``.
        path: where its file is, or would be.
    """

    entry: Entry
    state: Literal["here", "partly", "other", "absent"]
    path: str
    licence: str


@dataclass(frozen=True)
class Outcome:
    """What became of a file that was asked for.

    Attributes:
        why: what went wrong; empty where nothing did.
        left: how many further files were not asked for, since the server cannot be reached.
    """

    name: str
    path: Path
    state: Literal["downloaded", "here", "failed"]
    why: str = ""
    left: int = 0


def list_data(folder: str | Path | None = None) -> list[Listed]:
    """Every published data set, and whether its file is in a folder (by default, the data folder)."""
    known, place = catalogue(), _folder(folder)
    return [_listed(entry, place, known.licence) for entry in known.entries.values()]


def _listed(entry: Entry, folder: Path, licence: str) -> Listed:
    path = folder / entry.file
    if path.is_file():
        return Listed(entry, "here" if _is_it(path, entry) else "other", str(path), licence)
    return Listed(entry, "partly" if partial_path(path).exists() else "absent", str(path), licence)


def download(
    names: Sequence[str] = (),
    *,
    every: bool = False,
    to: str | Path | None = None,
    source: str | None = None,
    patience: Patience | None = None,
    told: Callable[[Entry, int], None] = lambda entry, done: None,
    ended: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Brings published data sets into a folder; each file is there whole, with the right checksum, or not at all.

    What is there already is not asked for again. One that fails does not keep the others from coming, unless the
    server cannot be reached.

    Args:
        names: of data sets, or of utilities (``legal`` stands for its two); ``every`` asks for all data sets.
        to: the folder; by default the data folder, where named utilities look.
        source: an address, or a folder, that holds the files; by default ``MODELSWARMS_DATA_URL``, or where they were
            published.
        told: is called with the bytes of a file as they come.
        ended: is called with what became of each.

    Raises:
        DataError: no name is given, or one is unknown.
    """
    known = catalogue()
    if not names and not every:
        raise DataError("data sets: none are named; give names of modelswarms data list, or --all.")
    wanted = known.entries if every else dict.fromkeys(each for name in names for each in _sets(name))
    entries = [known.entries[name] for name in wanted]
    place, folder = source or os.environ.get(MIRROR) or known.url, _folder(to)
    outcomes: list[Outcome] = []
    for entry in entries:
        left = len(entries) - len(outcomes) - 1
        outcomes.append(_downloaded(entry, place, folder, patience, told, left))
        ended(outcomes[-1])
        if outcomes[-1].left:
            break
    return outcomes


def _sets(name: str) -> tuple[str, ...]:
    """The published data sets that a name stands for, be it theirs or a utility's."""
    known = catalogue().entries
    if name in known:
        return (name,)
    named = NAMED.get(name)
    if named is None:
        raise DataError(f"data set {name!r}: unknown; {nearest(name, [*known, *NAMED])}")
    if named.data is not None and Path(named.data).is_absolute():
        raise DataError(f"data set {name!r}: is a part of the package; leave it out.")
    parts = named.keys.get("parts", ())
    return tuple(each for part in parts for each in _sets(part)) or _sets(named.data or name)


def check_data(given: str | Path | Mapping[str, Any], folder: Path | None = None) -> DataReport:
    """All that is wrong with a data set, or may not be meant; item by item, the first mistake being no end.

    Args:
        given: what ``utility.data`` may be, the name of a published data set that is here, or the YAML file of a
            search, whose data is meant; it is then also checked for its utility.
        folder: where relative files are looked for; by default the working directory.

    Raises:
        ConfigError: a key is unknown, or its value is not allowed.
        DataError: a published data set is not here.
    """
    report = check_source(source_of(_located(given, folder), folder))
    if _is_configuration(given) and not report.problems:
        try:
            load_utility(load_config((folder or Path()) / given).utility, folder or Path())
        except DataError as error:
            what, _, remedy = str(error).removeprefix(f"{report.source}: ").partition("; ")
            return replace(report, findings=(Problem(report.source, "", what, remedy), *report.findings))
    return report


def _is_configuration(given: object) -> TypeGuard[str | Path]:
    return isinstance(given, str | Path) and str(given).endswith((".yaml", ".yml"))


def fix_data(given: str | Path | Mapping[str, Any], out: str | Path, folder: Path | None = None) -> dict[str, int]:
    """Writes a copy of a data set without what is wrong with it (:func:`modelswarms.datasets.clean.write_clean`)."""
    reading = read_source(source_of(_located(given, folder), folder))
    if not reading.data.dev:
        raise DataError(f"{out}: not written, since no dev item can be used; mend the items first.")
    return write_clean(reading, Path(out).expanduser())


def _located(given: str | Path | Mapping[str, Any], folder: Path | None) -> str | Path | Mapping[str, Any]:
    """The same with the file of a published data set instead of its name; what is there goes before."""
    if isinstance(given, Mapping):
        return {**given, "file": _located(given["file"], folder)} if isinstance(given.get("file"), str) else given
    if _is_configuration(given):
        utility = load_config((folder or Path()) / given).utility
        if isinstance(utility, Mapping) and utility.get("data"):
            return _located(utility["data"], folder)
        given = str(utility["kind"]) if isinstance(utility, Mapping) else utility
        if given not in catalogue().entries and given not in NAMED:
            raise DataError(f"utility.data: utility {given} names no data of its own; give its file to check.")
    elif (str(given) not in catalogue().entries and str(given) not in NAMED) or ((folder or Path()) / given).exists():
        return given
    sets = _sets(str(given))
    if len(sets) > 1:
        raise DataError(f"{given}: has several data sets; give one of them: {', '.join(sets)}.")
    path = data_path(sets[0])
    if path is None:
        raise DataError(f"data set {sets[0]}: is not here; get it with 'modelswarms data download {sets[0]}'.")
    return path


def _downloaded(
    entry: Entry, place: str, folder: Path, patience: Patience | None, told: Callable[[Entry, int], None], left: int
) -> Outcome:
    path = folder / entry.file
    try:
        if path.is_file():
            if _is_it(path, entry):
                return Outcome(entry.name, path, "here")
            raise DataError(f"{path}: is there with another content than the published; move it away, or give --to.")
        whole = f"{place.rstrip('/')}/{entry.file}"
        whole = whole if "://" in place else str(Path(whole).expanduser())
        fetch(Wanted(whole, entry.sha256, entry.bytes), path, patience, lambda done: told(entry, done))
    except DataError as error:
        return Outcome(entry.name, path, "failed", str(error), left if isinstance(error, UnreachableError) else 0)
    return Outcome(entry.name, path, "downloaded")


def _is_it(path: Path, entry: Entry) -> bool:
    try:
        return sha256_of(path) == entry.sha256
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check who may read it.") from None


def _folder(given: str | Path | None) -> Path:
    return Path(given).expanduser() if given else data_folder()
