"""Dataclasses from keys and values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from modelswarms.errors import ConfigError
from modelswarms.settings import build, internal, key_names, plain, required


@dataclass(frozen=True)
class Inner:
    url: str = required("https://…")
    retries: int = 3


@dataclass(frozen=True)
class Outer:
    name: str = internal("outer")
    how: Literal["a", "b"] = "a"
    share: float = 0.5
    weights: tuple[float, ...] = ()
    texts: tuple[str, ...] | None = None
    things: tuple[Any, ...] = ()
    inner: Inner | None = None
    rest: Mapping[str, Any] | None = None


def test_every_type_is_built_and_given_back():
    given = {
        "how": "b",
        "share": "1e-3",
        "weights": [1, 2.5],
        "texts": ["x"],
        "things": [{"a": 1}, "b"],
        "inner": {"url": "u"},
        "rest": {"k": 1},
    }
    built = build(Outer, given)
    assert built == Outer("outer", "b", 0.001, (1.0, 2.5), ("x",), ({"a": 1}, "b"), Inner(url="u"), {"k": 1})
    assert build(Outer, plain(built)) == built
    assert "name" not in key_names(Outer)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"name": "x"}, "unknown key 'o.name'; "),
        ({"shrae": 1}, "unknown key 'o.shrae'; did you mean 'o.share'?"),
        ({"how": "c"}, "o.how: 'c' is not allowed; give 'a' or 'b'."),
        ({"how": True}, "o.how: True is not allowed"),
        ({"share": "x"}, "o.share: 'x' is not allowed; give a number."),
        ({"weights": ["x"]}, "o.weights: ['x'] is not allowed; give a list of numbers."),
        ({"weights": 1}, "o.weights: 1 is not allowed"),
        ({"texts": [1]}, "o.texts: [1] is not allowed; give a list of texts or null."),
        ({"inner": 5}, "o.inner: 5 is not allowed; give keys and values or null."),
        ({"inner": {}}, "o.inner.url: not given; write url: https://…."),
        ({"inner": {"url": "u", "retry": 1}}, "unknown key 'o.inner.retry'; did you mean 'o.inner.retries'?"),
        (7, "o: 7 is not keys and values; write o: {key: value}."),
    ],
)
def test_mistakes_are_named(given, says):
    with pytest.raises(ConfigError) as caught:
        build(Outer, given, "o.")
    assert says in str(caught.value)
