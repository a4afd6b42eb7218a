"""An HTML page, taken apart: whether it is whole, what it says, what it would load."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "br", "hr", "img", "input", "link", "source", "area", "base", "col", "embed", "track", "wbr"}
PLACES = {"x", "x1", "x2", "cx"}, {"y", "y1", "y2", "cy"}


class Page(HTMLParser):
    """Parses strictly: every element that is opened has to be closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.styles: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag}: an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        (self.styles if "style" in self.open else self.said).append(data)

    @property
    def text(self) -> str:
        """All that is said, with single spaces."""
        return " ".join(" ".join(self.said).split())

    def tags(self, name: str) -> list[dict[str, str | None]]:
        """The attributes of every element of that name."""
        return [attributes for tag, attributes in self.elements if tag == name]

    def check_needs_nothing(self) -> None:
        """Nothing is loaded from anywhere, and nothing runs."""
        tags = {tag for tag, _ in self.elements}
        assert not tags & {"script", "link", "img", "iframe", "object", "embed", "video", "audio", "use", "base", "a"}
        for tag, attributes in self.elements:
            for name in attributes:
                assert not name.startswith("on"), f"{tag} {name}"
                assert name not in ("src", "href", "xlink:href", "action", "srcset", "data", "style"), f"{tag} {name}"
        assert not re.search(r"url\(|@import|//", "".join(self.styles))

    def check_charts(self) -> int:
        """Every place in every chart is a number within its view box; gives the number of charts."""
        box: tuple[float, float] | None = None
        charts = 0
        for tag, attributes in self.elements:
            if tag == "svg":
                _, _, width, height = map(float, str(attributes["viewbox"]).split())
                box = width, height
                charts += 1
            if box is None:
                continue
            for axis, names in enumerate(PLACES):
                for name in names & attributes.keys():
                    _check(float(str(attributes[name])), box[axis], tag, attributes)
            for name, axis in (("width", 0), ("height", 1)):
                if tag == "rect":
                    assert 0 <= float(str(attributes[name])) <= box[axis], attributes
            for point in str(attributes.get("points", "")).split():
                for axis, value in enumerate(point.split(",")):
                    _check(float(value), box[axis], tag, attributes)
        return charts


def _check(value: float, end: float, tag: str, attributes: Any) -> None:
    assert math.isfinite(value), (tag, attributes)
    assert -0.11 <= value <= end + 0.11, (tag, attributes, end)
