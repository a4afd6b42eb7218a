"""Frozen dataclasses from keys and values, each of the declared type; every mistake is named with its remedy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, field, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from modelswarms.errors import ConfigError
from modelswarms.naming import nearest

__all__ = ["allowed", "arguments", "build", "internal", "key_names", "plain", "required"]

T = TypeVar("T")


def internal(default: Any) -> Any:
    """A dataclass' field that is no key: whoever writes keys cannot set it."""
    return field(default=default, metadata={"key": False})


def required(write: str) -> Any:
    """A dataclass' field whose key has to be given; ``write`` is what a value looks like.

    Such fields are keyword-only, so that others may have defaults before them.
    """
    return field(metadata={"write": write}, kw_only=True)


def key_names(cls: type) -> list[str]:
    """The keys that a dataclass is built from: its fields, but for those that are :func:`internal`."""
    return [f.name for f in fields(cls) if f.init and f.metadata.get("key", True)]


def build(cls: type[T], mapping: Any, prefix: str = "", suggestion: Callable[[str], str] | None = None) -> T:
    """The dataclass that keys and values make.

    Args:
        mapping: the keys and values.
        prefix: what stands before each key in messages, such as ``engine.``.
        suggestion: from an unknown key to the remedy; by default the nearest key.

    Raises:
        ConfigError: ``mapping`` is none, a key is unknown or missing, or a value is not of the declared type.

    Example:
        >>> from modelswarms.engines.config import EngineConfig
        >>> build(EngineConfig, {"device": "cpu"}, "engine.").device
        'cpu'
    """
    if not isinstance(mapping, Mapping):
        group = prefix.rstrip(".")
        raise ConfigError(f"{group}: {mapping!r} is not keys and values; write {group}: {{key: value}}.")
    given = arguments(cls, mapping, prefix, suggestion)
    for f in fields(cls):  # type: ignore[arg-type]
        if f.init and f.name not in given and f.default is MISSING and f.default_factory is MISSING:
            raise ConfigError(f"{prefix}{f.name}: not given; write {f.name}: {f.metadata.get('write', '...')}.")
    return cls(**given)


def arguments(
    cls: type, mapping: Mapping[str, Any], prefix: str = "", suggestion: Callable[[str], str] | None = None
) -> dict[str, Any]:
    """A dataclass' constructor arguments from plain values. Raises and takes what :func:`build` does."""
    known = key_names(cls)
    hints = get_type_hints(cls)
    suggest = suggestion or (lambda key: nearest(prefix + key, [prefix + name for name in known]))
    for key in mapping:
        if key not in known:
            raise ConfigError(f"unknown key '{prefix}{key}'; {suggest(str(key))}")
    return {key: _typed(value, hints[key], prefix + key) for key, value in mapping.items()}


def allowed(cls: type) -> dict[str, str]:
    """What each key of a dataclass may be, in words."""
    hints = get_type_hints(cls)
    return {name: " or ".join(_described(option) for option in _options(hints[name])) for name in key_names(cls)}


def plain(value: Any) -> Any:
    """Nested plain values of a dataclass, as YAML and JSON hold them."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(getattr(value, name)) for name in key_names(type(value))}
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, tuple | list) else value


def _typed(value: Any, hint: Any, key: str) -> Any:
    """``value`` as the type that ``hint`` asks for, or a ConfigError that names the key."""
    options = _options(hint)
    for option in options:
        fits, converted = _fits(value, option, key)
        if fits:
            return converted
    if is_dataclass(hint) and isinstance(hint, type):  # says what a group looks like
        return build(hint, value, key + ".")
    raise ConfigError(f"{key}: {value!r} is not allowed; give {' or '.join(_described(o) for o in options)}.")


def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _fits(value: Any, hint: Any, key: str) -> tuple[bool, Any]:
    origin = get_origin(hint) or hint
    if hint is Any:
        return True, value
    if origin is Literal:
        return any(type(a) is type(value) and a == value for a in get_args(hint)), value
    if hint is type(None):
        return value is None, None
    if hint is bool:
        return isinstance(value, bool), value
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool), value
    if hint is float:
        return _as_float(value)
    if origin is tuple:
        return _as_tuple(value, get_args(hint), key)
    if is_dataclass(origin) and isinstance(origin, type):
        if isinstance(value, Mapping):
            return True, build(origin, value, key + ".")
        return isinstance(value, origin), value
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping), dict(value) if isinstance(value, Mapping) else value
    if hint is str:
        return isinstance(value, str | Path), str(value)
    return isinstance(value, origin), value


def _as_float(value: Any) -> tuple[bool, Any]:
    if isinstance(value, str) and "e" in value.lower():  # YAML 1.1 reads 1e-3 as a text
        try:
            return True, float(value)
        except ValueError:
            return False, value
    ok = isinstance(value, int | float) and not isinstance(value, bool)
    return ok, float(value) if ok else value


def _as_tuple(value: Any, of: tuple[Any, ...], key: str) -> tuple[bool, Any]:
    """A list or tuple whose elements are all of one type; ``of`` is the arguments of ``tuple[X, ...]``."""
    if not isinstance(value, list | tuple):
        return False, value
    pairs = [_fits(element, of[0], f"{key}[{i}]") for i, element in enumerate(value)]
    return all(fits for fits, _ in pairs), tuple(converted for _, converted in pairs)


def _described(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(repr(a) for a in get_args(hint))
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", type(None): "null"}
    if hint in words:
        return words[hint]
    if (get_origin(hint) or hint) is tuple:
        return {str: "a list of texts", float: "a list of numbers", int: "a list of numbers"}.get(
            get_args(hint)[0], "a list"
        )
    return "keys and values"
