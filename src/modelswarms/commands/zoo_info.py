"""What the embedded zoo holds, from its own files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelswarms import zoo

__all__ = ["Member", "ZooInfo", "zoo_info"]


@dataclass(frozen=True)
class Member:
    """The base, an expert or the ceiling: its role, and percent right on test by family (``all`` among them)."""

    name: str
    role: str
    percent: Mapping[str, float]


@dataclass(frozen=True)
class ZooInfo:
    """The zoo: folders, the base's sizes, questions by split and family, and its members."""

    folder: str
    parameters: int
    layers: int
    width: int
    context: int
    megabytes: float
    questions: Mapping[str, Mapping[str, int]]
    members: tuple[Member, ...]


def zoo_info() -> ZooInfo:
    """Reads the zoo's files; no model is loaded."""
    from safetensors import safe_open

    base = zoo.base_path()
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    with safe_open(base / "model.safetensors", "np") as weights:
        names = list(weights.keys())
        parameters = sum(_size(weights.get_slice(name).get_shape()) for name in names)
    questions = json.loads(zoo.questions_path().read_text(encoding="utf-8"))
    table = json.loads(zoo.table_path().read_text(encoding="utf-8"))
    files = [path for path in base.parent.rglob("*") if path.is_file()]
    return ZooInfo(
        folder=str(base.parent),
        parameters=parameters,
        layers=config["num_hidden_layers"],
        width=config["hidden_size"],
        context=config["max_position_embeddings"],
        megabytes=sum(path.stat().st_size for path in files) / 1e6,
        questions={s: dict(sorted(Counter(q["domain"] for q in questions[s]).items())) for s in ("dev", "test")},
        members=tuple(_members(table)),
    )


def _members(table: Mapping[str, Any]) -> list[Member]:
    names = ["base", *zoo.expert_paths(), "ceiling"]
    roles = {"base": "what the experts share", **table["roles"]}
    order = {"specialist": 1, "misled": 2}
    members = [Member(name, roles[name], table["percent"][name]["test"]) for name in names]
    return sorted(members, key=lambda m: (m.name != "base", order.get(m.role, 3), m.name))


def _size(shape: list[int]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size
