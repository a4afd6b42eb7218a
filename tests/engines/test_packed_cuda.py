"""On a GPU: rows without padding, flash attention and captured graphs give what the plain way gives."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM

from modelswarms.engines.decoding import greedy
from modelswarms.engines.packed import packed_or_none
from modelswarms.types import Request
from random_bases import Letters, random_base

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")

FAMILIES = {
    "llama": {},
    "gemma": {"model_type": "gemma", "head_dim": 16},
    "mistral": {"model_type": "mistral", "sliding_window": 24},
    "qwen2": {"model_type": "qwen2"},
    "phi3": {"model_type": "phi3"},
}
OFF = {torch.float32: 1e-4, torch.float16: 3e-2, torch.bfloat16: 3e-1}
"""Margins of the two likeliest tokens under which roundings may choose another one."""


@pytest.mark.parametrize("dtype", OFF, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_answers_are_the_plain_ways(family, dtype, tmp_path):
    folder = random_base(tmp_path / "base", max_position_embeddings=160, **FAMILIES[family])
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval().cuda()
    draw = torch.Generator().manual_seed(7)
    words = model.config.vocab_size
    rows = [torch.randint(2, words, (length,), generator=draw).tolist() for length in (3, 1, 60, 17, 29, 17, 44, 2) * 3]
    packed = packed_or_none(model, 2**12, 64)
    assert packed is not None and packed._memory.ragged == (dtype != torch.float32)
    requests = [Request("", 1 + k) for k in range(len(rows))]
    with torch.inference_mode():
        got = packed.generate(rows, requests, Letters(), set())
        again = packed.generate(rows, requests, Letters(), set())
        plain = [greedy(model, Letters(), [row], [request], 0, set())[0]
                 for row, request in zip(rows, requests, strict=True)]  # fmt: skip
    assert got == again
    assert bool(packed._stepper._captured) == packed._memory.ragged
    same = sum(a.tokens == b.tokens for a, b in zip(got, plain, strict=True))
    for a, b in zip(got, plain, strict=True):
        assert a.tokens == b.tokens or min(a.margin, b.margin) < OFF[dtype]
    assert same >= len(rows) * (0.95 if dtype == torch.float32 else 0.4)
