"""Compositions on real tensors, against PEFT's own forward and against sums made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peft import PeftModel
from transformers import LlamaForCausalLM

from modelswarms import ExpertError, ExpertSpace, zoo
from modelswarms.experts import read_adapter

POINTS = [[1, 0, 0], [0.5, 0.3, 0.2], [0.9, -0.4, 1.3], [-1, -1, -1], [0, 0, 0]]
IDS = torch.tensor([[5, 9, 11, 40, 2, 33], [1, 2, 3, 4, 5, 6]])


def logits(model) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=IDS).logits


def with_adapter(base, folder) -> torch.Tensor:
    return logits(PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(base), folder))


def by_hand(base, experts, coefficients, combine) -> torch.Tensor:
    """The base with ΔW added to its matrices; scaling worked out anew from the configurations."""
    import json

    from safetensors.torch import load_file

    model = LlamaForCausalLM.from_pretrained(base)
    folders = sorted(experts.iterdir())
    configs = [json.loads((f / "adapter_config.json").read_text()) for f in folders]
    flats = [load_file(f / "adapter_model.safetensors") for f in folders]
    scales = [c["lora_alpha"] / (math.sqrt(c["r"]) if c["use_rslora"] else c["r"]) for c in configs]
    for name, parameter in model.named_parameters():
        stem = "base_model.model." + name.removesuffix(".weight")
        have = [k for k, flat in enumerate(flats) if f"{stem}.lora_A.weight" in flat]
        if not have:
            continue
        a = {k: flats[k][f"{stem}.lora_A.weight"] for k in have}
        b = {k: flats[k][f"{stem}.lora_B.weight"] for k in have}
        if combine == "delta":
            change = sum(coefficients[k] * scales[k] * b[k] @ a[k] for k in have)
        else:
            change = scales[0] * sum(coefficients[k] * b[k] for k in have) @ sum(coefficients[k] * a[k] for k in have)
        parameter.data += change
    return logits(model)


@pytest.mark.parametrize("point", POINTS, ids=str)
@pytest.mark.parametrize("combine", ["delta", "factors"])
def test_equal_experts(base, equal_experts, tmp_path, combine, point):
    ExpertSpace.load(equal_experts, base=base, combine=combine).compose(point).save(tmp_path / "out", str(base))
    torch.testing.assert_close(
        with_adapter(base, tmp_path / "out"), by_hand(base, equal_experts, point, combine), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_mixed_ranks_alphas_scalings_and_targets(base, mixed_experts, tmp_path, point):
    ExpertSpace.load(mixed_experts, base=base, combine="delta").compose(point).save(tmp_path / "out", str(base))
    torch.testing.assert_close(
        with_adapter(base, tmp_path / "out"), by_hand(base, mixed_experts, point, "delta"), atol=1e-5, rtol=0
    )


def test_peft_agrees_on_a_weighted_sum(base, equal_experts, tmp_path):
    """PEFT's own concatenation of adapters, with positive and negative weights."""
    point = [0.7, -0.4, 0.9]
    model = PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(base), equal_experts / "ant", adapter_name="ant")
    for name in ("bee", "cat"):
        model.load_adapter(equal_experts / name, adapter_name=name)
    model.add_weighted_adapter(["ant", "bee", "cat"], [abs(a) for a in point], "sum", combination_type="cat")
    positive = logits_of(model, "sum")
    ExpertSpace.load(equal_experts).compose([abs(a) for a in point]).save(tmp_path / "out", str(base))
    torch.testing.assert_close(with_adapter(base, tmp_path / "out"), positive, atol=1e-5, rtol=0)


def logits_of(model, adapter):
    model.set_adapter(adapter)
    return logits(model)


def test_each_corner_is_its_expert(base, mixed_experts, tmp_path):
    space = ExpertSpace.load(mixed_experts)
    for k, name in enumerate(space.names):
        space.compose(np.eye(3)[k]).save(tmp_path / name, str(base))
        torch.testing.assert_close(
            with_adapter(base, tmp_path / name), with_adapter(base, mixed_experts / name), atol=1e-5, rtol=0
        )


def test_deltas_add_up(mixed_experts):
    space, generator = ExpertSpace.load(mixed_experts), np.random.default_rng(0)
    one, other = generator.normal(size=(2, 3))
    for module in space.modules:
        sums = space.compose(one).delta(module) + space.compose(other).delta(module)
        torch.testing.assert_close(space.compose(one + other).delta(module), sums, atol=1e-5, rtol=1e-5)


NUMBERS = st.lists(st.floats(-3, 3), min_size=3, max_size=3)


@pytest.fixture(scope="module")
def mixed_space(mixed_experts):
    return ExpertSpace.load(mixed_experts)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=NUMBERS, other=NUMBERS, scale=st.floats(-2, 2))
def test_deltas_are_linear_in_the_coefficients(mixed_space, one, other, scale):
    one, other = np.array(one), np.array(other)
    for module in mixed_space.modules[:4]:
        total = mixed_space.compose(one + scale * other).delta(module)
        parts = mixed_space.compose(one).delta(module) + scale * mixed_space.compose(other).delta(module)
        torch.testing.assert_close(total, parts, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("combine", ["delta", "factors"])
def test_at_zero_there_is_no_change_at_all(equal_experts, combine):
    composed = ExpertSpace.load(equal_experts, combine=combine).compose([0, 0.0, -0.0])
    assert all(not composed.delta(module).any() for module in composed.tensors)


@pytest.mark.parametrize("combine", ["delta", "factors"])
def test_the_zoo_s_experts_as_peft_adds_them(tmp_path, combine, zoo_experts):
    """All ten at once, signs mixed, on the base that is shipped."""
    base, paths = zoo.base_path(), zoo.expert_paths()
    coefficients = np.random.default_rng(1).normal(size=len(paths))
    space = ExpertSpace.load(paths, base=base, combine=combine)
    assert space.names == tuple(zoo_experts)
    composed = space.compose(coefficients)
    composed.save(tmp_path / "out")
    merged = LlamaForCausalLM.from_pretrained(base, dtype=torch.float32)
    merged_by_peft = PeftModel.from_pretrained(
        LlamaForCausalLM.from_pretrained(base, dtype=torch.float32), tmp_path / "out"
    )
    for module in space.modules:
        factors = [(x.scaling, *(t.double() for t in x.tensors[module])) for x in space.adapters]
        weights = coefficients.tolist()
        if combine == "delta":
            change = sum(w * s * b @ a for w, (s, a, b) in zip(weights, factors, strict=True))
        else:
            change = factors[0][0] * (
                sum(w * b for w, (_, _, b) in zip(weights, factors, strict=True))
                @ sum(w * a for w, (_, a, _) in zip(weights, factors, strict=True))
            )
        torch.testing.assert_close(composed.delta(module).double(), change, atol=1e-5, rtol=1e-4)
        merged.get_submodule(module).weight.data += change.float()
    difference = (logits(merged_by_peft) - logits(merged)).abs().max()
    assert difference < 1e-5 * logits(merged).abs().max()


@pytest.mark.parametrize("combine", ["delta", "factors"])
def test_saved_bytes_depend_on_coefficients_alone(equal_experts, tmp_path, combine):
    for name in ("one", "two"):
        ExpertSpace.load(equal_experts, combine=combine).compose([0.3, 0.3, 0.4]).save(tmp_path / name, "the/base")
    for file in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    again = read_adapter("one", tmp_path / "one")
    assert again.base_name == "the/base"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    "wrong", [[1, 0], [1, 0, 0, 0], [[1, 0, 0], [0, 1, 0]], [1, math.nan, 0], [math.inf, 0, 0], "abc", None]
)
def test_wrong_coefficients_are_refused(equal_experts, wrong):
    with pytest.raises(ExpertError, match="coefficients"):
        ExpertSpace.load(equal_experts).compose(wrong)


def test_a_row_is_taken_as_a_vector(equal_experts):
    space = ExpertSpace.load(equal_experts)
    module = space.modules[0]
    torch.testing.assert_close(
        space.compose([[0.1, 0.2, 0.3]]).delta(module), space.compose([0.1, 0.2, 0.3]).delta(module)
    )
