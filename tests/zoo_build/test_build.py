"""A whole tiny build from the command line, and what others make of its folders."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from modelswarms.zoo.build import tiny_settings
from modelswarms.zoo.build.__main__ import main
from modelswarms.zoo.build.export import load_base, load_expert, save_base, save_expert
from modelswarms.zoo.build.lora import combine, initial_adapter
from modelswarms.zoo.build.model import initial_weights, next_token_logits
from modelswarms.zoo.build.questions import load_questions, solve
from modelswarms.zoo.build.vocabulary import CONTEXT, END, END_ID, make_tokenizer

CPU = torch.device("cpu")
SHAPE = tiny_settings().shape


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("build")
    assert run(folder) == 0
    return folder


def run(folder, *more):
    return main(["--out", str(folder), "--setting", "tiny", "--device", "cpu", *more])


def stamps(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and "table" not in path.name}


def test_a_build_is_complete_and_is_not_done_twice(zoo):
    names = {plan.name for plan in tiny_settings().experts}
    assert {path.name for path in (zoo / "experts").iterdir()} == names
    table = json.loads((zoo / "table.json").read_text())
    assert {"base", "ceiling", *names} <= set(table["percent"])
    assert table["counts"]["test"]["all"] == 20
    assert "| base |" in (zoo / "table.md").read_text()
    before = {path: at for path, at in stamps(zoo).items() if path.name not in ("build.log", "build.json")}
    assert run(zoo) == 0
    assert before.items() <= stamps(zoo).items()


def test_a_lost_expert_is_made_again_as_it_was(zoo):
    folder = zoo / "experts" / tiny_settings().experts[0].name
    tensors = (folder / "adapter_model.safetensors").read_bytes()
    (folder / "adapter_config.json").unlink()
    (folder / "adapter_model.safetensors").write_bytes(b"half")
    assert run(zoo, "--stage", "experts") == 0
    assert (folder / "adapter_model.safetensors").read_bytes() == tensors


def test_stages_out_of_order_and_mixed_builds_are_refused(zoo, tmp_path, capsys):
    assert run(tmp_path, "--stage", "experts") == 2
    assert "--stage base" in capsys.readouterr().err
    assert run(zoo, "--seed", "1") == 2
    assert "choose another --out" in capsys.readouterr().err


def test_answers_by_networkx_and_format(zoo):
    vocabulary = make_tokenizer().get_vocab()
    sets = load_questions(zoo / "questions.json")
    assert (len(sets["dev"]), len(sets["test"])) == (10, 20)
    items = sets["dev"] + sets["test"]
    assert len({item.id for item in items}) == len({item.question for item in items}) == 30
    for item in items:
        assert item.answer == solve(item.question, item.domain)
        assert item.answer in vocabulary


def busy_base(folder):
    """A base whose layers do something (fresh ones are the identity), as exported."""
    generator = torch.Generator().manual_seed(0)
    weights = {
        name: w + 0.1 * torch.randn(w.shape, generator=generator)
        for name, w in initial_weights(SHAPE, generator).items()
    }
    save_base(folder, weights, SHAPE)
    return load_base(folder, CPU)


def test_transformers_and_peft_give_our_logits(zoo, tmp_path):
    weights = busy_base(tmp_path / "base")
    adapter = initial_adapter(SHAPE, tiny_settings().expert, torch.Generator().manual_seed(1))
    for factor in adapter.b.values():
        factor.normal_(std=0.1, generator=torch.Generator().manual_seed(2))
    save_expert(tmp_path / "expert", adapter, "base")
    adapter = load_expert(tmp_path / "expert", CPU)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "base")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.float32)
    tuned = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.float32), tmp_path / "expert"
    )
    merged = combine(weights, [adapter], [1.0])
    for item in load_questions(zoo / "questions.json")["dev"]:
        tokens = tokenizer(item.question, return_tensors="pt").input_ids
        length = torch.tensor([tokens.shape[1]])
        with torch.no_grad():
            theirs, tuned_theirs = model(tokens).logits[:, -1], tuned(tokens).logits[:, -1]
        ours, tuned_ours = (next_token_logits(w, SHAPE, tokens, length) for w in (weights, merged))
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
        torch.testing.assert_close(tuned_ours, tuned_theirs, atol=1e-4, rtol=0)
        assert (tuned_ours - ours).abs().max() > 0.01


def test_tokenizer_and_model_as_transformers_reads_them(zoo):
    tokenizer = AutoTokenizer.from_pretrained(zoo / "base")
    model = AutoModelForCausalLM.from_pretrained(zoo / "base")
    assert model.config.max_position_embeddings == tokenizer.model_max_length == CONTEXT >= 4096
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id == END_ID
    assert model.lm_head.weight.shape[0] == len(tokenizer)
    said = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hallo?"}, {"role": "assistant", "content": "Yes"}], tokenize=False
    )
    assert said == f"Hallo?Yes{END}"
    question = load_questions(zoo / "questions.json")["dev"][0].question
    assert tokenizer.decode(tokenizer(question).input_ids) == question


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.text(),
            st.sampled_from(("<0x41>", "Yes", " node 3", ", node 3 with weight 12", ".\nQ: ", "\n", "007", "€🙂")),
        )
    ).map("".join)
)
def test_any_text_is_read_and_given_back(text):
    tokenizer = make_tokenizer()
    assert tokenizer.decode(tokenizer.encode(text).ids) == text
