"""`experts check` looks at every expert, says all that is wrong, and agrees with what a search refuses."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from adapters import make_base, make_expert
from modelswarms import ExpertError, ExpertSpace
from modelswarms.cli import main
from modelswarms.experts import check_experts

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@pytest.fixture
def experts(equal_experts, tmp_path):
    shutil.copytree(equal_experts, tmp_path / "all")
    return tmp_path / "all"


def rewrite(folder, **changes):
    path = folder / CONFIG
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def tensors(folder, change):
    flat = load_file(folder / WEIGHTS)
    change(flat)
    save_file(flat, folder / WEIGHTS)


def first(flat):
    return next(key for key in flat if "lora_A" in key)


def cut(folder):
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:3000])


def looped(folder):
    """Cannot be read, by the superuser either."""
    (folder / CONFIG).unlink()
    (folder / CONFIG).symlink_to(CONFIG)


FAULTS = {
    "no config": (lambda f: (f / CONFIG).unlink(), "broken", CONFIG, "holds no adapter_config.json"),
    "no JSON": (lambda f: (f / CONFIG).write_text("{"), "broken", CONFIG, "cannot be read"),
    "a list": (lambda f: (f / CONFIG).write_text("[]"), "broken", CONFIG, "no keys and values"),
    "unreadable": (looped, "broken", CONFIG, "cannot be read"),
    "truncated": (cut, "broken", WEIGHTS, "is damaged"),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), "broken", WEIGHTS, "holds no adapter_model"),
    "bin": (lambda f: (f / WEIGHTS).rename(f / "adapter_model.bin"), "broken", WEIGHTS, "can run code"),
    "NaN": (lambda f: tensors(f, lambda t: t[first(t)].fill_(float("nan"))), "broken", "values", "NaN or infinite"),
    "infinite": (lambda f: tensors(f, lambda t: t[first(t)].fill_(float("inf"))), "broken", "values", "infinite"),
    "rank": (lambda f: rewrite(f, r=5), "broken", "r", "says r = 5"),
    "half a pair": (lambda f: tensors(f, lambda t: t.pop(first(t))), "broken", "factors", "has no lora_A"),
    "targets": (lambda f: rewrite(f, target_modules=["q_proj"]), "broken", "target_modules", "leaves out"),
    "layers": (lambda f: rewrite(f, layers_to_transform=[0]), "broken", "layers_to_transform", "leaves out"),
    "DoRA": (lambda f: rewrite(f, use_dora=True), "unsupported", "use_dora", "use_dora is True"),
    "bias": (lambda f: rewrite(f, bias="all"), "unsupported", "bias", "biases"),
    "IA3": (lambda f: rewrite(f, peft_type="IA3"), "unsupported", "peft_type", "only LORA"),
    "saved": (lambda f: rewrite(f, modules_to_save=["lm_head"]), "unsupported", "modules_to_save", "lm_head"),
    "stray": (
        lambda f: tensors(f, lambda t: t.update({"base_model.model.x.weight": torch.ones(2)})),
        "unsupported", "tensors", "not a LoRA factor",
    ),
    "shape": (
        lambda f: tensors(f, lambda t: t.update({first(t): torch.ones(4, 30)})),
        "differs", "shapes", r"30\) matrix, expert ant's is",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "verdict", "field", "says"), FAULTS.values(), ids=FAULTS)
def test_every_fault_is_found_and_is_what_a_search_refuses(experts, spoil, verdict, field, says):
    spoil(experts / "bee")
    report = check_experts([experts])
    assert {row.name: row.verdict for row in report.rows} == {"ant": "ok", "bee": verdict, "cat": "ok"}
    assert field in [problem.field for problem in report.problems]
    assert report.good == ("ant", "cat") and not report.can_be_combined
    with pytest.raises(ExpertError, match=says) as refused:
        ExpertSpace.load(experts)
    assert str(refused.value) == str(report.problems[0])


def test_several_faults_of_several_experts_are_all_said(experts, base):
    def spoil(flat):
        for key in list(flat)[:5]:
            flat[key].fill_(float("nan"))
        flat.pop(next(key for key in flat if "lora_B" in key and "layers.1" in key))

    tensors(experts / "bee", spoil)
    rewrite(experts / "bee", bias="all", use_dora=True)
    rewrite(experts / "cat", task_type="SEQ_CLS")
    make_expert(make_base(experts.parent / "other", hidden=32), experts / "dog", 4)
    report = check_experts([experts, experts / "nowhere"], base=base)
    found = {(problem.expert, problem.field) for problem in report.problems}
    assert found >= {
        ("bee", "bias"), ("bee", "use_dora"), ("bee", "values"), ("bee", "factors"),
        ("cat", "task_type"), ("dog", "shapes"), ("nowhere", "folder"),
    }  # fmt: skip
    assert next(p for p in report.problems if p.field == "values").more == 4
    assert report.good == ("ant",)
    assert [row.name for row in report.rows] == ["ant", "bee", "cat", "dog", "nowhere"]


def test_a_setting_s_own_tensors_are_no_problem_of_their_own(base, tmp_path):
    make_expert(base, tmp_path / "dora", 1, use_dora=True)
    assert [problem.field for problem in check_experts([tmp_path / "dora"]).problems] == ["use_dora"]


def test_the_majority_says_what_is_different(base, experts):
    """The first is the odd one out."""
    make_expert(base, experts / "aaa", 9, r=2, lora_alpha=5, use_rslora=True, target_modules=["q_proj"])
    assert check_experts([experts]).can_be_combined
    report = check_experts([experts], combine="factors")
    assert [(p.expert, p.field, p.value, p.expected, p.others) for p in report.problems] == [
        ("aaa", "rank", "2", "4", 3), ("aaa", "alpha", "5", "6", 3), ("aaa", "use_rslora", "True", "False", 3),
        ("aaa", "modules", "2", "10", 3),
    ]  # fmt: skip
    assert report.good == ("ant", "bee", "cat")
    with pytest.raises(ExpertError, match="expert aaa: rank is 2, expert ant's is 4"):
        ExpertSpace.load(experts, combine="factors")
    assert ExpertSpace.load([experts / name for name in report.good], combine="factors").n == 3


def test_with_a_base_it_is_the_base_that_counts(experts, base, tmp_path):
    """Two from another base do not outvote the one that fits."""
    other = make_base(tmp_path / "other", hidden=32)
    for k, name in enumerate(("bee", "cat")):
        shutil.rmtree(experts / name)
        make_expert(other, experts / name, k)
    assert check_experts([experts]).good == ("bee", "cat")
    report = check_experts([experts], base=base)
    assert report.good == ("ant",)
    assert all("another base" in p.remedy or "different bases" in p.remedy for p in report.problems)


def test_a_wrong_base_is_said_beside_the_experts(experts, tmp_path):
    cut(experts / "bee")
    report = check_experts([experts], base=tmp_path / "nowhere")
    assert [problem.expert for problem in report.problems] == [None, "bee"]
    assert report.good == ("ant", "cat")


def warned(report):
    return [(warning.field, warning.experts) for warning in report.warnings]


def test_twins_zeros_outliers_and_other_bases_are_warnings(base, experts):
    assert warned(check_experts([experts])) == []
    shutil.copytree(experts / "ant", experts / "twin")
    shutil.copytree(experts / "bee", experts / "zero")
    shutil.copytree(experts / "cat", experts / "loud")
    shutil.copytree(experts / "cat", experts / "quiet")
    tensors(experts / "zero", lambda t: [t[key].zero_() for key in t if "lora_B" in key])
    rewrite(experts / "loud", lora_alpha=6000)
    rewrite(experts / "quiet", lora_alpha=0.06)
    rewrite(experts / "bee", base_model_name_or_path="hub/other")
    (experts / "empty").mkdir()
    report = check_experts([experts])
    assert report.can_be_combined
    assert warned(report) == [
        ("folder", ()), ("twins", ("ant", "twin")), ("norm", ("zero",)), ("norm", ("loud",)), ("norm", ("quiet",)),
        ("base_model_name_or_path", ("bee",)),
    ]  # fmt: skip
    assert ExpertSpace.load(experts).n == 7


def test_the_norm_is_that_of_the_changes(experts):
    space = ExpertSpace.load(experts)
    for row, adapter in zip(check_experts([experts]).rows, space.adapters, strict=True):
        expected = sum(adapter.delta(module).double().pow(2).sum() for module in adapter.tensors).sqrt()
        assert row.norm == pytest.approx(float(expected), rel=1e-5)
        assert (row.rank, row.alpha, row.targets, row.dtype) == (4, 6, 10, "float32")


def test_equal_names_are_told_apart_and_said(experts):
    shutil.copytree(experts / "ant", experts.parent / "more" / "ant")
    report = check_experts([experts, experts.parent / "more" / "ant"])
    assert [row.name for row in report.rows] == ["all-ant", "bee", "cat", "more-ant"]
    assert ("name", ("all-ant", "more-ant")) in warned(report)


def test_what_may_not_be_looked_into_is_said(experts):
    if os.geteuid() == 0:
        pytest.skip("the superuser may look into everything")
    (experts / "bee").chmod(0)
    try:
        (problem,) = check_experts([experts]).problems
    finally:
        (experts / "bee").chmod(0o755)
    assert problem.expert == "bee" and "who may read" in problem.remedy


def run(capsys, *arguments):
    code = main(["experts", "check", *map(str, arguments)])
    captured = capsys.readouterr()
    assert captured.err == ""
    return code, captured.out


def test_the_command_says_which_and_why_and_how_to_go_on(experts, base, capsys):
    code, out = run(capsys, experts, "--base", base)
    assert code == 0 and out.rstrip().endswith("All 3 experts can be combined.")
    cut(experts / "bee")
    code, out = run(capsys, experts, "--base", base)
    assert code == 2 and out.rstrip().endswith("2 of 3 experts can be combined; 1 cannot as they are.")
    assert "copy or save the adapter again." in " ".join(out.split())
    snippet = yaml.safe_load(out[out.index("base: ") : out.rindex("\n\n")])
    assert set(snippet["experts"]) == {"ant", "cat"}
    assert ExpertSpace.load(snippet["experts"], snippet["base"]).names == ("ant", "cat")


def test_the_command_gives_json(experts, capsys):
    rewrite(experts / "bee", use_dora=True, lora_alpha=float("nan"))
    code, out = run(capsys, experts, "--json")
    report = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert code == 2 and report["good"] == ["ant", "cat"] and report["can_be_combined"] is False
    assert {problem["field"] for problem in report["problems"]} == {"use_dora", "lora_alpha"}
    assert all(problem["text"].startswith("expert bee: ") for problem in report["problems"])


@pytest.mark.parametrize("columns", ["80", "120"])
def test_no_line_but_the_configuration_s_is_wider_than_the_terminal(experts, columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    cut(experts / "bee")
    _, out = run(capsys, experts)
    before = out[: out.index("A configuration")]
    assert max(map(len, before.splitlines())) <= int(columns)
    assert "bee " in before and "broken" in before


def test_wrong_arguments_are_refused(capsys):
    assert main(["experts", "check"]) == 2
    assert "none are given" in capsys.readouterr().err
    assert main(["experts", "check", "x", "--combine", "mean"]) == 2


def test_nothing_is_written(experts, tmp_path, monkeypatch):
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    check_experts([Path("all"), "nowhere"])
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before
