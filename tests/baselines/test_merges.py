"""Merges with weights of their own, against plain loops, PEFT's arithmetic, SciPy's slerp, and PEFT's models."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from peft import PeftModel
from peft.utils import merge_utils
from scipy.spatial import geometric_slerp
from transformers import LlamaForCausalLM

from adapters import make_base, make_expert
from modelswarms import ConfigError, search
from modelswarms.baselines import METHODS, make_searcher
from modelswarms.baselines.merges import Variant, with_merges
from modelswarms.baselines.merges.changes import changed, stacked
from modelswarms.baselines.merges.tensors import dropped, trimmed
from modelswarms.experts import ExpertSpace
from modelswarms.swarm import PRESETS, SwarmConfig
from random_bases import random_base

VALUES = np.array([0.2, 0.7, 0.5])
FREE, SUM_OF_ONE = True, False


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("base"), hidden=16)


@pytest.fixture(scope="module")
def folders(base, tmp_path_factory):
    """Three experts that differ in rank, alpha, scaling and targets."""
    folder = tmp_path_factory.mktemp("experts")
    make_expert(base, folder / "ant", 1, r=2, lora_alpha=5)
    make_expert(base, folder / "bee", 2, r=6, lora_alpha=3, use_rslora=True)
    make_expert(base, folder / "cat", 3, target_modules=["q_proj", "up_proj"])
    return folder


@pytest.fixture(scope="module")
def space(folders):
    return ExpertSpace.load(folders)


def merged(space, name, variant=None, values=VALUES, seed=0, **keys):
    """A method's adapter for a variant, and what it leaves out."""
    method = METHODS[name](**keys)
    return method.merge(space, variant or method.variants(space.n, 100, FREE)[0], values, seed)


def changes_of(space, module):
    """ΔW of each expert as nested lists, by hand."""
    found = []
    shape = next(x.shapes[module] for x in space.adapters if module in x.tensors)
    for adapter in space.adapters:
        if module in adapter.tensors:
            a, b = (t.numpy().astype(np.float64) for t in adapter.tensors[module])
            found.append(adapter.scaling * b @ a)
        else:
            found.append(np.zeros(shape))
    return found


def one_by_one(changes, keep):
    """TIES after sparsifying: element by element."""
    kept = [keep(k, change) for k, change in enumerate(changes)]
    result = np.zeros_like(kept[0])
    for place in np.ndindex(result.shape):
        column = [float(change[place]) for change in kept]
        sign = 1 if sum(column) >= 0 else -1
        agreeing = [value for value in column if value * sign > 0]
        result[place] = sum(agreeing) / len(agreeing) if agreeing else 0.0
    return result


def largest(density):
    def keep(_, change):
        order = sorted(np.ndindex(change.shape), key=lambda place: -abs(change[place]))
        kept = np.zeros_like(change)
        for place in order[: max(1, int(density * change.size))]:
            kept[place] = change[place]
        return kept

    return keep


def close(adapter, expected, module):
    np.testing.assert_allclose(adapter.delta(module).numpy(), expected, atol=2e-5)


@pytest.mark.parametrize("density", [0.2, 0.7])
def test_ties_is_that_of_plain_loops(space, density):
    found = merged(space, "ties", Variant("x", {"density": density}))
    assert found.lost == 0
    for module in space.modules:
        close(found.adapter, one_by_one(changes_of(space, module), largest(density)), module)


@pytest.mark.parametrize("density", [0.1, 0.5])
def test_ties_is_pefts_on_whole_changes(space, density):
    found = merged(space, "ties", Variant("x", {"density": density})).adapter
    for module in found.tensors:
        # a change of zeros, as of an expert without the module, has nothing to keep: PEFT's keeps some of its zeros
        expected = merge_utils.ties(list(stacked(space, module)), torch.ones(space.n), density)
        torch.testing.assert_close(found.delta(module), expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["dare_ties", "dare_linear"])
def test_dare_is_that_of_plain_loops(space, name):
    variant = Variant("x", {"density": 0.4, "draw": 1})
    found = merged(space, name, variant, seed=5).adapter

    def keep(module):
        def kept(k, change):
            mask = dropped(torch.ones(change.shape), 0.4, 5, f"1/{space.names[k]}/{module}").numpy() > 0
            return np.where(mask, change / 0.4, 0.0)

        return kept

    for module in space.modules:
        changes = changes_of(space, module)
        if name == "dare_ties":
            close(found, one_by_one(changes, keep(module)), module)
        else:
            close(found, sum(keep(module)(k, change) for k, change in enumerate(changes)) / 3, module)


def test_dare_drops_at_random_and_keeps_the_mean():
    change = torch.randn(40, 50, generator=torch.Generator().manual_seed(1))
    draws = torch.stack([dropped(change, 0.3, seed, "one") for seed in range(400)])
    kept = (draws != 0).double()
    assert kept.mean() == pytest.approx(0.3, abs=0.003)
    assert kept.mean(dim=0).min() > 0.15 and kept.mean(dim=0).max() < 0.45, "each value has the same chance"
    torch.testing.assert_close(draws[kept.bool()], (change / 0.3).expand_as(draws)[kept.bool()])
    torch.testing.assert_close(draws.mean(dim=0), change, atol=0.9, rtol=0)
    again = dropped(change, 0.3, 7, "one")
    assert torch.equal(again, draws[7])
    overlap = ((again != 0) & (dropped(change, 0.3, 7, "other") != 0)).double().mean()
    assert overlap == pytest.approx(0.09, abs=0.03), "two experts' masks have nothing to do with one another"
    assert torch.equal(dropped(change, 1.0, 7, "one"), change)


def test_trimming_keeps_at_least_one_value_and_all_where_density_is_one():
    change = torch.tensor([[1.0, -3.0], [2.0, 0.5]])
    assert trimmed(change, 0.01).tolist() == [[0, -3], [0, 0]]
    assert trimmed(change, 0.5).tolist() == [[0, -3], [2, 0]]
    assert torch.equal(trimmed(change, 1.0), change)


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_slerp_is_scipys_between_the_two_best(space, t):
    """SciPy's is for unit vectors: what it takes of each is read off with least squares."""
    found = merged(space, "slerp", Variant("x", {"t": t})).adapter
    for module in found.tensors:
        _, second, first = changes_of(space, module)  # 0.7 for bee, 0.5 for cat
        second, first = first, second
        norms = [np.linalg.norm(change) for change in (first, second)]
        if min(norms) == 0:  # nothing to turn: a line
            close(found, (1 - t) * first + t * second, module)
            continue
        units = [change.ravel() / norm for change, norm in zip((first, second), norms, strict=True)]
        on_the_arc = geometric_slerp(*units, t)
        shares, *_ = np.linalg.lstsq(np.array(units).T, on_the_arc, rcond=None)
        close(found, shares[0] * first + shares[1] * second, module)


def test_model_stock_is_that_of_plain_loops(space):
    found = merged(space, "model_stock").adapter
    for module in space.modules:
        changes = changes_of(space, module)
        cosines = []
        for j in range(3):
            for k in range(j):
                norm = np.linalg.norm(changes[j]) * np.linalg.norm(changes[k])
                cosines.append(float((changes[j] * changes[k]).sum() / norm) if norm else 0.0)
        cosine = sum(cosines) / 3
        close(found, 3 * cosine / (1 + 2 * cosine) * sum(changes) / 3, module)


@pytest.mark.parametrize("rank", [3, 10])
def test_a_truncated_merge_is_nearly_the_best_of_its_rank_and_says_what_is_lost(space, rank):
    found = changed(space, "x", lambda module, changes: changes.sum(dim=0), rank)
    whole = left = 0.0
    for module in space.modules:
        change = stacked(space, module).sum(dim=0)
        values = torch.linalg.svdvals(change.double())
        whole, left = whole + float((values**2).sum()), left + float((values[rank:] ** 2).sum())
        a, b = found.adapter.tensors[module]
        assert (a.shape[0], b.shape[1]) == (rank, rank) and found.adapter.scaling == 1
    lost = sum(
        float((stacked(space, module).sum(dim=0) - found.adapter.delta(module)).square().sum())
        for module in space.modules
    )
    assert found.lost == pytest.approx(lost / whole, abs=1e-4)
    assert left / whole - 1e-5 <= found.lost <= left / whole + 0.005
    again = changed(space, "x", lambda module, changes: changes.sum(dim=0), rank)
    assert all(
        torch.equal(x, y)
        for m in space.modules
        for x, y in zip(again.adapter.tensors[m], found.adapter.tensors[m], strict=True)
    )


# What holds for all of them.

NAMES = ["slerp", "ties", "dare_ties", "dare_linear", "model_stock"]


@pytest.mark.parametrize("name", NAMES)
def test_permuting_the_experts_changes_nothing(space, name):
    order = [2, 0, 1]
    permuted = replace(space, adapters=tuple(space.adapters[k] for k in order))
    one, other = merged(space, name, seed=3).adapter, merged(permuted, name, values=VALUES[order], seed=3).adapter
    for module in one.tensors:
        torch.testing.assert_close(one.delta(module), other.delta(module), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_identical_experts_give_that_expert_back(space, name):
    """Where nothing is left out and nothing scaled."""
    ant = space.adapters[0]
    alike = ExpertSpace(tuple(replace(ant, name=other) for other in ("x", "y", "z")))
    settings = {"density": 1.0, "draw": 0, "t": 0.4}
    found = merged(alike, name, Variant("x", settings)).adapter
    for module in ant.tensors:
        torch.testing.assert_close(found.delta(module), ant.delta(module), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_its_adapter_loads_in_peft_and_is_what_was_composed(base, space, tmp_path, name):
    method = METHODS[name]()
    wide, made = with_merges(space, method, method.variants(3, 4, FREE), VALUES, seed=1)
    point = np.zeros(wide.n)
    point[3] = 1.3
    wide.compose(point).save(tmp_path / "best", str(base))
    config = json.loads((tmp_path / "best" / "adapter_config.json").read_text())
    assert config["r"] == made[0].adapter.rank, "of the one merge alone"
    ids = torch.tensor([[5, 9, 11, 40, 2, 33]])
    by_hand = LlamaForCausalLM.from_pretrained(base)
    with torch.no_grad():
        for module in made[0].adapter.tensors:
            by_hand.get_submodule(module).weight += 1.3 * made[0].adapter.delta(module)
        expected = by_hand.eval()(input_ids=ids).logits
        loaded = PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(base), tmp_path / "best").eval()
        torch.testing.assert_close(loaded(input_ids=ids).logits, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("evaluations", [0, 1, 2, 7, 30, 500])
def test_its_grid_keeps_to_the_budget_and_begins_with_the_usual_settings(name, evaluations):
    variants = METHODS[name]().variants(10, evaluations, FREE)
    assert sum(len(v.scales) for v in variants) <= max(1, evaluations)
    assert len({v.name for v in variants}) == len(variants)
    assert variants, "something is tried in any budget"
    fixed = METHODS[name]().variants(10, evaluations, SUM_OF_ONE)
    assert all(v.scales == (1.0,) for v in fixed)


@pytest.mark.parametrize(
    ("name", "keys", "said"),
    [
        ("ties", {"densities": [0.2, 0.0]}, r"searcher\.densities: \[0\.2, 0\.0\] is not allowed"),
        ("ties", {"scales": []}, r"searcher\.scales: \[\] is not allowed"),
        ("dare_linear", {"draws": 0}, r"searcher\.draws: 0 is not allowed"),
        ("slerp", {"t": [1.5]}, r"searcher\.t: \[1\.5\] is not allowed; give numbers from 0 to 1"),
        ("model_stock", {"rank": 0}, r"searcher\.rank: 0 is not allowed"),
        ("ties", {"density": 0.2}, r"unknown key 'searcher\.density'; did you mean 'searcher\.densities'"),
    ],
)
def test_wrong_keys_are_named(name, keys, said):
    with pytest.raises(ConfigError, match=said):
        make_searcher({"kind": name, **keys}, SwarmConfig(), 4)


def test_where_sums_are_one_a_merge_is_tried_unscaled():
    searcher = make_searcher({"kind": "ties", "evaluations": 40}, PRESETS["paper"], 3)
    asked = []
    while batch := searcher.ask():
        asked += batch
        for candidate in batch:
            searcher.tell(candidate.id, 0.5)
    assert [c.coefficients.tolist() for c in asked[3:]] == np.eye(6)[3:].tolist()


def test_fewer_coefficients_are_those_of_the_experts(space):
    method = METHODS["model_stock"]()
    wide, _ = with_merges(space, method, method.variants(3, 9, FREE), VALUES, seed=0)
    assert wide.coefficients([1.0, 0, 0]).tolist() == [1, 0, 0, 0]
    alone = wide.compose([0, 1.0, 0])
    assert alone.rank == space.adapters[1].rank
    torch.testing.assert_close(alone.delta(alone_module(space)), space.adapters[1].delta(alone_module(space)))


def alone_module(space):
    return next(iter(space.adapters[1].tensors))


# Whole searches.


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A random base with the zoo's tokenizer, three experts of it, and a few questions."""
    folder = tmp_path_factory.mktemp("small")
    base = random_base(folder / "base")
    for k, name in enumerate(("ant", "bee", "cat")):
        make_expert(base, folder / "experts" / name, k + 1)
    items = [{"question": f"Is {k} a degree?", "answer": str(k % 3)} for k in range(6)]
    (folder / "data.json").write_text(json.dumps({"dev": items[:4], "test": items[4:]}))
    utility = {"kind": "exact_match", "data": str(folder / "data.json"), "max_new_tokens": 3}
    return {"base": str(base), "experts": str(folder / "experts"), "utility": utility}


@pytest.mark.parametrize("name", ["dare_ties", "slerp"])
def test_a_whole_search_ends_with_an_adapter_that_peft_says_the_same_of(small, tmp_path, name):
    searcher = {"kind": name, "evaluations": 7}
    result = search({**small, "searcher": searcher, "run_dir": str(tmp_path / "run")}, combine="factors")
    again = result.best["rescored"]
    assert again is not None and again["difference"] == 0 and again["differ"] == again["near_ties"] == 0
    weights = {name: a for name, a in result.best["coefficients"].items() if a}
    ((best, _),) = weights.items()
    assert best.startswith(name)
    assert best in [merge["name"] for merge in result.details["merges"]]
    card = (result.run_dir / "best" / "README.md").read_text()
    assert f"| {best} |" in card and METHODS[name].title in card
