"""Data sets of the ``datasets`` package: from the hub, from its cache, or from a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from modelswarms.datasets.content import DEV_NAMES, Content, Row, from_rows
from modelswarms.datasets.source import HubData, Source
from modelswarms.errors import DataError, MissingExtraError

__all__ = ["hub_content", "is_saved"]

_MEDIA: Final = ("Image", "Audio", "Video", "Pdf", "Nifti")
"""Kinds of columns that hold no text, and are never decoded."""

_NO_VALUE: Final = object()


def is_saved(folder: Path) -> bool:
    """Whether a folder was written by ``save_to_disk``."""
    return any((folder / sign).is_file() for sign in ("dataset_dict.json", "state.json"))


def hub_content(wanted: HubData, source: Source, split: str | None = None) -> Content:
    """The items of the splits that are asked for.

    Args:
        split: the one split that the data set is meant to be, whatever it is called there.

    Raises:
        DataError: it cannot be had, or has no such split.
        MissingExtraError: the ``datasets`` package is not installed.
    """
    splits = _loaded(wanted)
    if split is not None and len(splits) > 1:
        raise DataError(f"{wanted}: holds the splits {', '.join(splits)}; as one split, give a data set without.")
    chosen = {split: next(iter(splits))} if split else _chosen(wanted, splits, source)
    rows = (row for ours, theirs in chosen.items() for row in _rows(splits[theirs], theirs, ours, source))
    content = from_rows(str(wanted), rows, Source(fields=source.fields, answers=source.answers))
    if "" not in chosen:
        content.splits = {ours: content.splits.get(ours, []) for ours in chosen}
    return content


def _loaded(wanted: HubData) -> dict[str, Any]:
    """Every split by its name; a data set without splits is one called ``""``."""
    try:
        import datasets
    except ImportError:
        raise MissingExtraError(
            f"{wanted}: needs the datasets package; install it with: pip install 'modelswarms[data]'"
        ) from None
    folder = Path(wanted.name).expanduser()
    try:
        if is_saved(folder):
            found = datasets.load_from_disk(str(folder))
        else:
            place = str(folder) if folder.is_dir() else wanted.name
            found = datasets.load_dataset(place, wanted.config, revision=wanted.revision)
    except Exception as error:  # the package, the hub's client and the readers of formats have no common class
        raise DataError(f"{wanted}: {_why(error, wanted)}") from error
    return dict(found) if isinstance(found, dict) else {"": found}


def _why(error: Exception, wanted: HubData) -> str:
    from datasets.exceptions import DatasetNotFoundError

    text = " ".join(str(error).split()).rstrip(".")[:300]
    if isinstance(error, DatasetNotFoundError):
        if "gated" in text:
            return "is gated; ask for access on its page, then set HF_TOKEN (or log in with: hf auth login)."
        if wanted.revision and "evision" in text:
            return f"has no revision {wanted.revision!r}; check the part after the @."
        return (
            "is no folder here, and no data set on the hub that you may see; check the spelling, "
            "and set HF_TOKEN (or log in with: hf auth login) where it is private."
        )
    if isinstance(error, ConnectionError):
        return "is not in the cache, and the hub cannot be reached; check the connection (and HF_ENDPOINT)."
    if isinstance(error, ValueError) and "onfig" in text:
        return f"needs another configuration ({text}); give one of them: hf:{wanted.name}:CONFIG."
    return f"cannot be loaded ({type(error).__name__}: {text}); check the id, the connection and the disk."


def _chosen(wanted: HubData, splits: Mapping[str, Any], source: Source) -> dict[str, str]:
    """Their names of our splits; a data set without splits has neither."""
    if list(splits) == [""]:
        if source.dev or source.test:
            raise DataError(f"{wanted}: holds no splits; leave utility.data.dev and .test out, and give sizes.")
        return {"": ""}
    for key in ("dev", "test"):
        name = getattr(source, key)
        if name is not None and name not in splits:
            raise DataError(
                f"{wanted}: has no split {name!r} (there are: {', '.join(splits)}); mend utility.data.{key}."
            )
    dev = source.dev or next((name for name in DEV_NAMES if name in splits), None)
    if dev is None:
        there = ", ".join(splits)
        raise DataError(
            f"{wanted}: has no split for dev (there are: {there}); say which is meant, as {{hf: ..., dev: NAME}}."
        )
    test = source.test or ("test" if "test" in splits and source.dev != "test" else None)
    return {"dev": dev, "test": test} if test else {"dev": dev}


def _rows(table: Any, name: str, split: str, source: Source) -> Iterator[Row]:
    """The rows of one split: texts, numbers, lists and mappings; where there are no choices, classes by their names."""
    import datasets

    table = table.remove_columns([key for key, kind in table.features.items() if type(kind).__name__ in _MEDIA])
    answer = source.fields.get("answer", "answer")
    kind = table.features.get(answer) if isinstance(answer, str) else None
    lettered = "choices" in source.fields or "choices" in table.features
    classes = kind.names if isinstance(kind, datasets.ClassLabel) and not lettered else None
    for k, row in enumerate(table):
        keys = {key: value for key, given in row.items() if (value := _plain(given)) is not _NO_VALUE}
        if classes and isinstance(keys.get(answer), int) and keys[answer] >= 0:
            keys[answer] = classes[keys[answer]]
        yield Row(f"{name}[{k}]", keys, split)


def _plain(value: Any) -> Any:
    """The value as JSON has it; dates, bytes and pictures are left out."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        plain = {str(key): _plain(inner) for key, inner in value.items()}
        return {key: inner for key, inner in plain.items() if inner is not _NO_VALUE}
    if isinstance(value, list | tuple):
        items = [_plain(inner) for inner in value]
        return _NO_VALUE if any(inner is _NO_VALUE for inner in items) else items
    return _NO_VALUE
