"""``--key value`` options as configuration keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from itertools import count
from pathlib import Path
from typing import Annotated, get_type_hints

import cyclopts

from modelswarms.config import SearchConfig
from modelswarms.errors import ConfigError

__all__ = ["Config", "Keys", "configuration_keys", "file_and_keys", "free_folder", "overrides"]

Keys = Annotated[str, cyclopts.Parameter(allow_leading_hyphen=True, show=False)]
"""Everything on the command line that the verb itself does not know: configuration keys with their values."""

Config = Annotated[str | None, cyclopts.Parameter(allow_leading_hyphen=True)]
"""A configuration file that may be left out, so that a key may stand in its place."""


def file_and_keys(config: str | None, keys: Sequence[str]) -> tuple[Path | None, tuple[str, ...]]:
    """The file, if there is one, and all keys, in whatever order they were given.

    Raises:
        ConfigError: more than one file is given.
    """
    files: list[str] = []
    kept: list[str] = []
    awaited = False
    for token in keys if config is None else (config, *keys):
        is_key = token.startswith("--")
        if not is_key and not awaited and (files or token.startswith("-")):
            raise ConfigError(f"{token!r} is not an option; write configuration keys as --key value.")
        (kept if is_key or awaited else files).append(token)
        awaited = is_key and "=" not in token
    return (Path(files[0]) if files else None), tuple(kept)


def free_folder(name: str) -> Path:
    """``runs/NAME``, or ``runs/NAME-2`` and so on where that exists."""
    names = (Path("runs") / (name if k == 1 else f"{name}-{k}") for k in count(1))
    return next(path for path in names if not path.exists())


def overrides(tokens: Sequence[str]) -> dict[str, str]:
    """``("--swarm.inertia", "0.2", "--seed=3")`` as ``{"swarm.inertia": "0.2", "seed": "3"}``.

    Raises:
        ConfigError: a token is not an option, or an option has no value, or is given twice.
    """
    found: dict[str, str] = {}
    rest = iter(tokens)
    for token in rest:
        if not token.startswith("--") or not token[2:].partition("=")[0]:
            raise ConfigError(f"{token!r} is not an option; write configuration keys as --key value.")
        key, equals, value = token[2:].partition("=")
        if not equals:
            value = _value_of(key, rest)
        if key.replace("-", "_") in found:
            raise ConfigError(f"--{key}: given twice; give it once.")
        found[key.replace("-", "_")] = value
    return found


def _value_of(key: str, rest: Iterable[str]) -> str:
    for value in rest:
        if not value.startswith("--"):
            return value
        break
    raise ConfigError(f"--{key}: no value given; write --{key} VALUE.")


def configuration_keys() -> list[str]:
    """Every key of the configuration, dotted."""
    return list(_keys(SearchConfig, ""))


def _keys(cls: type, prefix: str) -> Iterable[str]:
    hints = get_type_hints(cls)
    for field in fields(cls):
        inner = hints[field.name]
        if isinstance(inner, type) and is_dataclass(inner):
            yield from _keys(inner, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name
