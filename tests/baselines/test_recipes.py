"""Recipes of mergekit, against plain arithmetic on whole weights, and there and back again."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from adapters import make_base, make_expert
from modelswarms import ConfigError, compare, search
from modelswarms.baselines.merges import RecipeMerge
from modelswarms.baselines.merges.changes import stacked
from modelswarms.baselines.merges.tensors import dropped
from modelswarms.cli import main
from modelswarms.commands.mergekit import export_recipe
from modelswarms.experts import ExpertSpace, read_adapter
from random_bases import random_base

VALUES = np.array([0.2, 0.7, 0.5])


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("base"), hidden=16)


@pytest.fixture(scope="module")
def folders(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("experts")
    make_expert(base, folder / "ant", 1, r=2, lora_alpha=5)
    make_expert(base, folder / "bee", 2, r=6, lora_alpha=3, use_rslora=True)
    make_expert(base, folder / "cat", 3)
    return folder


@pytest.fixture(scope="module")
def space(folders, base):
    return ExpertSpace.load(folders, base=base)


def written(text, space, folders, base):
    """A recipe with BASE and ADAPTERS filled in, checked against the experts, and its merge."""
    recipe = yaml.safe_load(text.replace("BASE", str(base)).replace("ADAPTERS", str(folders)))
    method = RecipeMerge(recipe=recipe)
    method.check_experts(space)
    (variant,) = method.variants(space.n, 10, True)
    return method.merge(space, variant, VALUES, 3)


def whole(base, module):
    return load_file(base / "model.safetensors")[f"{module}.weight"].double().numpy()


def changes_of(space, module):
    return [change.double().numpy() for change in stacked(space, module)]


def close(merged, module, expected):
    assert merged.lost == 0
    np.testing.assert_allclose(merged.adapter.delta(module).numpy(), expected, atol=3e-5)


LINEAR = """
merge_method: linear
models:
  - model: BASE+ADAPTERS/ant
    parameters: {weight: 1.5}
  - model: ADAPTERS/cat
    parameters: {weight: 0.5}
  - model: BASE
    parameters: {weight: 2.0}
dtype: bfloat16
"""


def test_linear_is_the_mean_of_whole_weights(space, folders, base):
    merged = written(LINEAR, space, folders, base)
    for module in space.modules:
        w = whole(base, module)
        ant, _, cat = (w + change for change in changes_of(space, module))
        close(merged, module, (1.5 * ant + 0.5 * cat + 2 * w) / 4 - w)


TASKS = """
merge_method: task_arithmetic
base_model: BASE
models:
  - model: BASE
  - {model: bee, parameters: {weight: 0.8}}
  - {model: somewhere/else/cat, parameters: {weight: -0.3}}
parameters: {lambda: 1.5NORMALIZE}
"""


@pytest.mark.parametrize(("normalize", "by"), [("", 1.0), (", normalize: true", 0.5)])
def test_task_arithmetic_adds_changes(space, folders, base, normalize, by):
    merged = written(TASKS.replace("NORMALIZE", normalize), space, folders, base)
    for module in space.modules:
        _, bee, cat = changes_of(space, module)
        close(merged, module, 1.5 * (0.8 * bee - 0.3 * cat) / by)


SPARSE = """
merge_method: METHOD
base_model: BASE
models:
  - {model: BASE+ADAPTERS/ant, parameters: {weight: 0.5, density: 0.3}}
  - {model: BASE+ADAPTERS/bee, parameters: {weight: 1.2}}
  - {model: BASE+ADAPTERS/cat, parameters: {weight: 0.7, density: 1.0}}
parameters: {density: 0.6, lambda: 0.9, int8_mask: trueMORE}
"""


@pytest.mark.parametrize("method", ["ties", "dare_ties", "dare_linear"])
@pytest.mark.parametrize("more", ["", ", normalize: true", ", normalize: false", ", rescale: false"])
def test_sparse_ones_are_those_of_plain_loops(space, folders, base, method, more):
    """Densities and weights of each model over those of all; signs by the weighted sum."""
    merged = written(SPARSE.replace("METHOD", method).replace("MORE", more), space, folders, base)
    normalize = "true" in more or (method == "ties" and "normalize" not in more)
    for module in ("model.layers.0.self_attn.q_proj", "model.layers.1.mlp.down_proj"):
        kept = []
        for name, density, change in zip(space.names, (0.3, 0.6, 1.0), changes_of(space, module), strict=True):
            if method == "ties":
                order = np.argsort(-np.abs(change).ravel())[: int(density * change.size)]
                mask = np.zeros(change.size, dtype=bool)
                mask[order] = True
                kept.append(np.where(mask.reshape(change.shape), change, 0))
            else:
                mask = dropped(torch.ones(change.shape), density, 3, f"recipe/{name}/{module}").numpy() > 0
                kept.append(np.where(mask, change / (1 if "rescale" in more else density), 0))
        expected = np.zeros_like(kept[0])
        for place in np.ndindex(expected.shape):
            column = [(w, w * change[place]) for w, change in zip((0.5, 1.2, 0.7), kept, strict=True)]
            if method != "dare_linear":
                sign = 1 if sum(value for _, value in column) >= 0 else -1
                column = [(w, value) for w, value in column if value * sign > 0]
            total = sum(w for w, _ in column)
            expected[place] = 0.9 * sum(value for _, value in column) / (total if normalize and column else 1)
        close(merged, module, expected)


SLERP = """
merge_method: slerp
base_model: BASE+ADAPTERS/ant
models:
  - model: ADAPTERS/cat
  - model: BASE+ADAPTERS/ant
parameters: {t: 0.3}
"""


def arc(first, second, t):
    cosine = (first * second).sum() / np.linalg.norm(first) / np.linalg.norm(second)
    if abs(cosine) > 0.9995:
        return (1 - t) * first + t * second
    angle = np.arccos(cosine)
    return (np.sin((1 - t) * angle) * first + np.sin(t * angle) * second) / np.sin(angle)


@pytest.mark.parametrize("shrink", [1.0, 0.0005])
def test_slerp_is_between_whole_weights(base, folders, shrink):
    """Where changes are as large as the base they are turned; where they are small, a line, at the experts' ranks."""
    from dataclasses import replace

    space = ExpertSpace.load(folders, base=base)
    small = tuple(replace(adapter, alpha=adapter.alpha * shrink) for adapter in space.adapters)
    space = replace(space, adapters=small)
    merged = written(SLERP, space, folders, base)
    assert merged.adapter.rank == (16 if shrink == 1 else 6)
    for module in space.modules:
        w = whole(base, module)
        ant, _, cat = (w + change for change in changes_of(space, module))
        close(merged, module, arc(ant, cat, 0.3) - w)


NUSLERP = """
merge_method: nuslerp
base_model: BASE
models:
  - {model: ADAPTERS/cat, parameters: {weight: 3}}
  - {model: ADAPTERS/ant, parameters: {weight: 1}}
"""


def test_nuslerp_turns_changes(space, folders, base):
    merged = written(NUSLERP, space, folders, base)
    for module in space.modules:
        ant, _, cat = changes_of(space, module)
        close(merged, module, arc(cat, ant, 0.25))


STOCK = """
merge_method: model_stock
base_model: BASE
models: [{model: BASE+ADAPTERS/ant}, {model: BASE+ADAPTERS/bee}]
"""


def test_model_stock(space, folders, base):
    merged = written(STOCK, space, folders, base)
    for module in space.modules:
        ant, bee, _ = changes_of(space, module)
        cosine = (ant * bee).sum() / np.linalg.norm(ant) / np.linalg.norm(bee)
        close(merged, module, 2 * cosine / (1 + cosine) * (ant + bee) / 2)


TWO = "models: [{model: ant, parameters: {weight: 1}}, {model: bee, parameters: {weight: 1}}]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("merge_method: ties\nslices: []", "recipe: slices: layers are not put together anew here; give models"),
        ("merge_method: linear\nmodules: {}", "recipe: modules: parts of a model"),
        (
            "base_model: x\ngate_mode: hidden\nexperts: []",
            "recipe: gate_mode: this is a recipe for a mixture of experts",
        ),
        ("merge_method: passthrough\n" + TWO, "merge_method: 'passthrough' is not supported; known: dare_linear"),
        ("merge_method: tie\n" + TWO, "merge_method: 'tie' is not supported; did you mean 'ties'"),
        ("merge_methd: ties\n" + TWO, "unknown key 'merge_methd'; did you mean 'merge_method'"),
        ("merge_method: ties", "recipe: models: null is not allowed; give a list"),
        ("merge_method: ties\nmodels: [ant]", r"recipe: models\[0\]: names no model; write model: base\+adapter"),
        ("merge_method: ties\nmodels: [{model: ant}]", r"models\[0\].parameters.weight: not given"),
        ("merge_method: ties\nmodels: [{model: ant, paramters: {}}]", r"models\[0\].paramters: is not known"),
        (
            "merge_method: ties\nparameters: {density: [0, 1]}\n" + TWO,
            "parameters.density: values that differ by layer",
        ),
        ("merge_method: ties\nparameters: {density: 1.5}\n" + TWO, "parameters.density: 1.5 is not allowed"),
        ("merge_method: ties\nparameters: {gamma: 1}\n" + TWO, "parameters.gamma: ties takes density, int8_mask"),
        ("merge_method: slerp\nbase_model: ant\n" + TWO.replace(", parameters: {weight: 1}", ""), "give parameters.t"),
        ("merge_method: slerp\nmodels: [{model: ant}]\nparameters: {t: 0.5}", "slerp is between two, 1 are given"),
        ("merge_method: linear\nparameters: {normalize: false}\n" + TWO, "weights that add up to 2 scale the base"),
        (
            "merge_method: linear\n" + TWO.replace("bee, parameters: {weight: 1}", "bee, parameters: {weight: -1}"),
            "add up to 0",
        ),
        ("merge_method: linear\ntokenizer_source: union\n" + TWO, "tokenizer_source: the base's own is kept"),
        ("merge_method: linear\nchat_template: llama3\n" + TWO, "chat_template: the base's own is kept"),
        ("merge_method: linear\n" + TWO.replace("ant", "dog"), r"'dog' is none of the experts \(ant, bee, cat\)"),
        ("merge_method: linear\n" + TWO.replace("ant", "b+c+ant"), "more than one [+]"),
        ("merge_method: ties\nbase_model: b\nmodels: [{model: b}]", "names the base alone; give adapters"),
    ],
)
def test_what_cannot_be_followed_is_named_with_a_remedy(space, folders, base, text, said):
    with pytest.raises(ConfigError, match=said):
        written(text, space, folders, base)


def test_another_folder_of_an_experts_name_is_not_that_expert(space, folders, base, tmp_path):
    (tmp_path / "ant").mkdir()
    with pytest.raises(ConfigError, match="is none of the experts"):
        written("merge_method: linear\n" + TWO.replace("ant", str(tmp_path / "ant")), space, folders, base)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file; check the path"),
        ("a: [", "is not YAML in line 1"),
        ("[1]", "holds a list; give a mergekit"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, said):
    if content is not None:
        (tmp_path / "r.yml").write_text(content)
    with pytest.raises(ConfigError, match=rf"r.yml: {said}"):
        RecipeMerge(recipe=str(tmp_path / "r.yml"))


# Whole searches, there and back.


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    base = random_base(folder / "base")
    for k, name in enumerate(("ant", "bee", "cat")):
        make_expert(base, folder / "experts" / name, k + 1)
    items = [{"question": f"Is {k} a degree?", "answer": str(k % 3)} for k in range(6)]
    (folder / "data.json").write_text(json.dumps({"dev": items[:4], "test": items[4:]}))
    utility = {"kind": "exact_match", "data": str(folder / "data.json"), "max_new_tokens": 2}
    return {"base": str(base), "experts": str(folder / "experts"), "utility": utility, "rescore": False}


@pytest.mark.parametrize(
    ("searcher", "method"),
    [
        ({"kind": "random"}, "task_arithmetic"),
        ({"kind": "ties", "densities": [0.4]}, "ties"),
        ({"kind": "slerp", "t": [0.3]}, "nuslerp"),
        ({"kind": "model_stock"}, "model_stock"),
    ],
    ids=str,
)
def test_what_is_exported_is_what_was_found_when_it_is_imported(small, tmp_path, searcher, method):
    result = search({**small, "searcher": {**searcher, "evaluations": 5}, "run_dir": str(tmp_path / "run")})
    file = export_recipe(result.run_dir, tmp_path / "best.yml")
    assert yaml.safe_load(file.read_text())["merge_method"] == method
    if method == "task_arithmetic" and sum(a != 0 for a in result.best["coefficients"].values()) == 0:
        pytest.skip("the best is the base")
    again = search({**small, "run_dir": str(tmp_path / "again"), "searcher": {"kind": "recipe", "recipe": str(file)}})
    one, other = read_adapter("one", result.run_dir / "best"), read_adapter("other", again.run_dir / "best")
    for module in other.tensors:
        torch.testing.assert_close(one.delta(module), other.delta(module), atol=2e-5, rtol=1e-4)
    assert again.best["dev"] == result.best["dev"]


def test_the_masks_of_dare_are_said_to_be_others(small, tmp_path):
    for kind in ("dare_ties", "dare_linear"):
        searcher = {"kind": kind, "evaluations": 5, "densities": [0.5]}
        run = search({**small, "searcher": searcher, "run_dir": str(tmp_path / kind)}).run_dir
        text = export_recipe(run, tmp_path / f"{kind}.yml").read_text()
        assert "masks of its own" in text.splitlines()[1]
        recipe = yaml.safe_load(text)
        RecipeMerge(recipe=recipe).check_experts(ExpertSpace.load(small["experts"], base=small["base"]))
        assert recipe["merge_method"] == kind and recipe["models"][0]["parameters"]["density"] == 0.5


def test_factors_have_no_recipe(small, tmp_path):
    searcher = {"kind": "uniform_soup"}
    run = search({**small, "combine": "factors", "searcher": searcher, "run_dir": str(tmp_path / "run")}).run_dir
    with pytest.raises(ConfigError, match="combine: factors brings cross terms.*write the adapter instead"):
        export_recipe(run, tmp_path / "best.yml")


def test_a_recipe_is_one_more_method_of_a_comparison(small, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yml").write_text("merge_method: linear\n" + TWO)
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(small))
    command = ["compare", "my.yaml", "--methods", "uniform_soup", "--evaluations", "4", "--recipe", "mine.yml"]
    assert main([*command, "--out", "c"]) == 0
    assert "recipe mine" in capsys.readouterr().out
    row = next(
        row for row in json.loads((tmp_path / "c" / "comparison.json").read_text())["rows"] if "mine" in row["method"]
    )
    assert row["evaluations"] == 4 and row["coefficients"]["recipe linear"] == 1.0
    (tmp_path / "mine.yml").write_text("merge_method: task_arithmetic\n" + TWO)
    assert main([*command, "--out", "c"]) == 2
    assert "searcher.recipe.merge_method was 'linear' and is now 'task_arithmetic'" in capsys.readouterr().err
    assert main(["export", "c/recipe-mine", "best.yml", "--mergekit"]) == 0
    assert yaml.safe_load((tmp_path / "best.yml").read_text()) == yaml.safe_load("merge_method: linear\n" + TWO)
    assert main(["export", "c/recipe-mine", "best.yml", "--mergekit"]) == 2
    assert "best.yml: exists; give a file that is new" in capsys.readouterr().err


def test_all_methods_are_without_a_recipe_that_nobody_gave(small, tmp_path):
    with pytest.raises(ConfigError, match="methods: recipe has to be given something; write --recipe FILE"):
        compare(small, ["swarm", "recipe"], out=tmp_path / "c")
    (tmp_path / "a.yml").write_text("merge_method: linear\n" + TWO)
    with pytest.raises(ConfigError, match="another is called a too"):
        compare(small, ["swarm"], recipes=[tmp_path / "a.yml", tmp_path / "a.yml"], out=tmp_path / "c")
    assert not (tmp_path / "c").exists()
