"""Rows run side by side without padding give what transformers' own generate gives, family by family."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM

from modelswarms import EngineError
from modelswarms.engines.packed import packed_or_none
from modelswarms.engines.packed.layout import Layout, shared_prefix
from modelswarms.types import Request
from random_bases import Letters, random_base

ROOM = 160
SAFE = 1e-4
FAMILIES = {
    "llama": {},
    "qwen2": {"model_type": "qwen2"},
    "qwen3": {"model_type": "qwen3"},
    "gemma": {"model_type": "gemma", "head_dim": 16},
    "gemma2": {"model_type": "gemma2", "sliding_window": 24, "attn_logit_softcapping": 3.0,
               "final_logit_softcapping": 2.0, "query_pre_attn_scalar": 8},
    "gemma3": {"model_type": "gemma3_text", "sliding_window": 24},
    "mistral": {"model_type": "mistral", "sliding_window": 24},
    "phi": {"model_type": "phi", "num_key_value_heads": 4},
    "phi3": {"model_type": "phi3"},
    "mixtral": {"model_type": "mixtral", "num_local_experts": 4},
}  # fmt: skip
LENGTHS = (3, 1, 60, 17, 29, 17, 44, 2)
PREFIX = [5, 9, 2, 14, 3, 7, 7, 21, 4, 11, 6, 30, 8, 8, 13, 17, 19, 23]


@pytest.fixture(scope="module", params=FAMILIES)
def model(request, tmp_path_factory):
    settings = {"max_position_embeddings": ROOM, **FAMILIES[request.param]}
    folder = random_base(tmp_path_factory.mktemp("bases") / request.param, **settings)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def rows_of(model, prefix=()):
    draw = torch.Generator().manual_seed(7)
    words = model.config.get_text_config().vocab_size
    return [[*prefix, *torch.randint(2, words, (length,), generator=draw).tolist()] for length in LENGTHS]


def plainly(model, row, tokens):
    """Tokens and margins by transformers' own loop, one row at a time, whatever ends a text."""
    out = model.generate(
        torch.tensor([row]), attention_mask=torch.ones(1, len(row), dtype=torch.int64), max_new_tokens=tokens,
        min_new_tokens=tokens, do_sample=False, pad_token_id=0, eos_token_id=-1,
        output_logits=True, return_dict_in_generate=True,
    )  # fmt: skip
    margins = [float(x[0].topk(2).values.diff().abs()) for x in out.logits]
    return out.sequences[0, len(row) :].tolist(), margins


@pytest.mark.parametrize("prefix", [(), tuple(PREFIX)], ids=["apart", "prefix"])
def test_every_family_is_decoded_as_transformers_does(model, prefix):
    rows = rows_of(model, prefix)
    packed = packed_or_none(model, 2**12, 64)
    assert packed is not None, type(model).__name__
    requests = [Request("", 1 + 3 * k) for k in range(len(rows))]
    decoded = packed.generate(rows, requests, Letters(), set())
    excused = 0
    for row, request, got in zip(rows, requests, decoded, strict=True):
        wanted, margins = plainly(model, row, request.max_new_tokens)
        first = next((k for k, (a, b) in enumerate(zip(got.tokens, wanted, strict=True)) if a != b), None)
        if first is not None:  # what follows another token is another text
            assert margins[first] < SAFE, (row, got.tokens, wanted)
            excused += 1
        else:
            assert got.margin == pytest.approx(min(margins), abs=1e-4)
    assert excused <= 1


def test_likelihoods_are_the_models(model):
    rows = rows_of(model, PREFIX)
    packed = packed_or_none(model, 2**12, 64)
    counts = [1 + k % 3 for k in range(len(rows))]
    with torch.inference_mode():
        got = packed.logits_at_end(rows, counts).split(counts)
        for row, count, logits in zip(rows, counts, got, strict=True):
            wanted = model(torch.tensor([row])).logits[0, -count:]
            torch.testing.assert_close(logits, wanted, atol=2e-4, rtol=1e-4)


def test_the_model_is_left_as_it_was(model):
    row = rows_of(model)[2]
    before = model(torch.tensor([row])).logits
    packed_or_none(model, 2**12, 64).generate([row], [Request("", 3)], Letters(), set())
    assert torch.equal(model(torch.tensor([row])).logits, before)


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    folder = random_base(tmp_path_factory.mktemp("base") / "llama", max_position_embeddings=ROOM)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def test_rows_that_have_ended_are_left_out(llama):
    rows = [[2 + k, 5, 9 + k] for k in range(12)]
    alone, limits = packed_or_none(llama, 2**12, 64), [1 + k % 7 for k in range(12)]
    wanted = [alone.generate([row], [Request("", 40)], Letters(), set())[0].tokens for row in rows]
    limits[5] = 40
    sizes = []
    inner = alone._stepper._forward
    alone._stepper._forward = lambda step: sizes.append(step.rows) or inner(step)
    got = alone.generate(rows, [Request("", limit) for limit in limits], Letters(), set())
    assert [row.tokens for row in got] == [tokens[:limit] for tokens, limit in zip(wanted, limits, strict=True)]
    assert sizes[0] == 12 and sizes[-1] <= 6 and len(sizes) == 39


def test_stops_and_ends(llama):
    rows = [[4, 5, 6], [7, 8, 9]]
    packed = packed_or_none(llama, 2**12, 64)
    whole = packed.generate(rows, [Request("", 9)] * 2, Letters(), set())
    stop, end = whole[0].text[3:5], whole[1].tokens[4]
    cut, ended = packed.generate(rows, [Request("", 9, stop=(stop,)), Request("", 9)], Letters(), {end})
    assert cut.text == whole[0].text[: whole[0].text.index(stop)] and len(cut.tokens) <= 5
    assert ended.tokens == whole[1].tokens[: whole[1].tokens.index(end) + 1]


def test_a_row_does_not_feel_the_others(llama):
    packed = packed_or_none(llama, 2**12, 1024)
    rows = rows_of(llama)
    for others in (rows, rows[::-1], rows[2:4]):
        place = others.index(rows[3])
        got = packed.generate(others, [Request("", 6)] * len(others), Letters(), set())[place]
        assert got.tokens == plainly(llama, rows[3], 6)[0]


def test_numbers_that_are_not_finite_are_an_error_and_leave_no_trace(llama):
    packed = packed_or_none(llama, 2**12, 64)
    rows = [[4, 5, 6], [7, 8, 9, 10]]
    wanted = packed.generate(rows, [Request("", 5)] * 2, Letters(), set())
    weight = llama.model.layers[0].self_attn.v_proj.weight
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.fill_(float("nan"))
        with pytest.raises(EngineError, match="not finite"):
            packed.generate(rows, [Request("", 5)] * 2, Letters(), set())
        weight.copy_(kept)
    assert packed.generate(rows, [Request("", 5)] * 2, Letters(), set()) == wanted


def test_what_does_not_agree_is_not_used(llama, caplog):
    with caplog.at_level("INFO", logger="modelswarms"):
        inner = llama.model.layers[0].self_attn.forward
        llama.model.layers[0].self_attn.forward = lambda hidden_states, **keys: inner(
            hidden_states, **{k: v for k, v in keys.items() if k != "memory"}
        )
        try:
            assert packed_or_none(llama, 2**12, 64) is None
        finally:
            del llama.model.layers[0].self_attn.forward
    assert "is run with padding" in caplog.text


@pytest.mark.parametrize(
    ("rows", "shared"),
    [([[*range(20), 1], [*range(20), 2, 3]], 20), ([[*range(20)], [*range(20), 2]], 19), ([[1] * 15, [1] * 30], 0),
     ([[*range(30)]], 0), ([[*range(40)], [*range(40)], [*range(18), 7]], 18)],
)  # fmt: skip
def test_shared_prefix(rows, shared):
    assert shared_prefix(rows) == shared
    assert all(row[:shared] == rows[0][:shared] and len(row) > shared for row in rows)


def test_layouts():
    assert Layout.of([3, 1, 4], ragged=True) == Layout((0, 3, 4), (3, 1, 4), 0)
    assert Layout.of([3, 1, 4], ragged=False) == Layout((0, 4, 8), (4, 4, 4), 4)
