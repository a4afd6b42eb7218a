"""How much is held at once: by the card's size, and by each worker's share of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from modelswarms.engines import EngineConfig, ray_setup
from modelswarms.engines.room import room_of

GIB = 2**30
CONFIG = SimpleNamespace(
    num_hidden_layers=28, num_key_value_heads=16, num_attention_heads=16, head_dim=256, hidden_size=3072,
    intermediate_size=24576, vocab_size=256000,
)  # fmt: skip


def slots(monkeypatch, total, free, taken, fraction=None):
    """Of a model shaped like Gemma-7B on a card, all in GiB."""
    model = SimpleNamespace(
        device=torch.device("cuda"), dtype=torch.bfloat16, config=SimpleNamespace(get_text_config=lambda: CONFIG)
    )
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free * GIB, total * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: taken * GIB)
    return room_of(model, fraction, 16384)


def test_a_card_holds_what_its_memory_leaves(monkeypatch):
    token = 2 * 28 * 16 * 256 * 2  # keys and values of 28 layers, two bytes each
    large, chunk = slots(monkeypatch, 140, 123, 16)
    assert 2**17 < large <= 2**18 and large * token < 0.9 * 140 * GIB - 16 * GIB and chunk == 16384
    half, chunk = slots(monkeypatch, 140, 123, 16, fraction=0.45)
    assert 4 * chunk <= half < large / 2
    small, chunk = slots(monkeypatch, 24, 7, 16)
    assert 4 * chunk <= small < 20000 and 64 <= chunk <= 4096
    assert small * token < 0.9 * 24 * GIB - 16 * GIB
    assert slots(monkeypatch, 16, 0, 16) == (64, 64)  # nothing is left: it is tried all the same
    beside = slots(monkeypatch, 140, 60, 16, fraction=0.45)  # another worker has taken its own share meanwhile
    assert beside == slots(monkeypatch, 140, 123, 16, fraction=0.45)


@pytest.mark.parametrize(
    ("keys", "fraction"),
    [({"gpus_per_worker": 0.5}, 0.45), ({"gpus_per_worker": 0.5, "memory_fraction": 0.3}, 0.3), ({}, None)],
)
def test_workers_that_share_a_card_share_its_memory(monkeypatch, keys, fraction):
    monkeypatch.setattr(ray_setup, "import_ray", lambda: None)
    monkeypatch.setattr(ray_setup, "RayEngine", lambda make, placement, here: here)
    made = ray_setup.ray_engine(EngineConfig(workers=2, **keys), Path("base"), lambda config, base: config)
    assert made.memory_fraction == fraction
