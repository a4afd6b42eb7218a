"""Which trackers there are, and what the key ``tracking`` may hold."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from modelswarms.errors import ConfigError, MissingExtraError
from modelswarms.naming import nearest
from modelswarms.tracking.base import Tracker
from modelswarms.tracking.services import TensorBoardTracker, TrackioTracker, WandbTracker

__all__ = ["TRACKERS", "make_trackers"]


@dataclass(frozen=True)
class _Kind:
    """A tracker's class and the package that it needs; its fields are its options."""

    make: Any
    package: str


TRACKERS: Final[dict[str, _Kind]] = {
    "wandb": _Kind(WandbTracker, "wandb"),
    "trackio": _Kind(TrackioTracker, "trackio"),
    "tensorboard": _Kind(TensorBoardTracker, "tensorboard"),
}
"""By the name that ``tracking`` gives."""


def make_trackers(tracking: Any) -> list[tuple[str, Tracker]]:
    """The trackers that a configuration asks for, with their names; none of them is started.

    Args:
        tracking: None, a name, ``{kind: name, option: value}``, or a list of such.

    Raises:
        ConfigError: a name or an option is not known.
        MissingExtraError: the tracker's package is not installed.
    """
    if tracking is None or tracking == "none":
        return []
    wanted = tracking if isinstance(tracking, Sequence) and not isinstance(tracking, str) else [tracking]
    return [_made(entry) for entry in wanted]


def _made(entry: Any) -> tuple[str, Tracker]:
    keys = {"kind": entry} if isinstance(entry, str) else entry
    if not isinstance(keys, Mapping) or not isinstance(keys.get("kind"), str):
        raise ConfigError(f"tracking: {entry!r} is not allowed; give a name, such as tensorboard, or {{kind: name}}.")
    name = keys["kind"]
    if name not in TRACKERS:
        raise ConfigError(f"tracking: unknown tracker {name!r}; {nearest(name, TRACKERS)}")
    kind = TRACKERS[name]
    options = {key: value for key, value in keys.items() if key != "kind"}
    known = [field.name for field in fields(kind.make)]
    for key, value in options.items():
        if key not in known:
            raise ConfigError(f"unknown key 'tracking.{key}' of {name}; {nearest(str(key), known)}")
        if not isinstance(value, str | None):
            raise ConfigError(f"tracking.{key}: {value!r} is not allowed; give a text.")
    if importlib.util.find_spec(kind.package) is None:
        raise MissingExtraError(f"tracking: {name} is not installed; pip install 'modelswarms[tracking]'.")
    return name, kind.make(**options)
