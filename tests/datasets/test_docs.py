"""What docs/data.md shows is what the reader takes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from modelswarms.datasets import read_dataset
from modelswarms.datasets.source import source_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
SOURCES = [
    each
    for kind, block in BLOCKS
    if kind == "yaml"
    for each in re.split(r"^(?=data:)", block, flags=re.MULTILINE)
    if each.startswith("data:")
]


@pytest.mark.parametrize("text", SOURCES)
def test_sources_are_sources(text, tmp_path):
    assert source_of(yaml.safe_load(text)["data"], tmp_path).label


def test_the_json_file_is_one(tmp_path):
    (text,) = (block for kind, block in BLOCKS if kind == "json")
    (tmp_path / "a.json").write_text(text)
    data = read_dataset(tmp_path / "a.json")
    assert (data.name, data.dev[0].answer, data.test[0].answer) == ("capitals", "Paris", "A")
    assert json.loads(text)["dev"]


def test_every_key_is_explained():
    from modelswarms.datasets.source import _KEYS, FIELDS

    assert len(SOURCES) >= 6
    for key in (*_KEYS, *FIELDS):
        assert f"`{key}`" in PAGE or f"{key}:" in PAGE, key
