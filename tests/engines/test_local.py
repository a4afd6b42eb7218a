"""Batched answers are those of one prompt at a time, and of transformers' own generate."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from adapters import make_base, make_expert
from modelswarms import ConfigError, DataError, EngineError, ExpertSpace, MissingExtraError, zoo
from modelswarms.engines import EngineConfig, make_engine
from modelswarms.testing import check_engine
from modelswarms.types import LoglikelihoodRequest, Request

FP32 = EngineConfig(device="cpu", dtype="float32", block_tokens=900)
SAFE = 1e-4


@pytest.fixture(scope="module")
def space():
    return ExpertSpace.load(zoo.expert_paths(), base=zoo.base_path())


@pytest.fixture(scope="module")
def engine(space):
    engine = make_engine(FP32, zoo.base_path())
    engine.start(space)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def prompts():
    items = json.loads(zoo.questions_path().read_text())["dev"][:60]
    return [item["question"] for item in items]


@pytest.fixture(scope="module")
def mixture(space):
    return np.random.default_rng(3).dirichlet(np.ones(space.n)) * 1.5


def by_generate(model, tokenizer, prompt, tokens) -> str:
    ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False,
                         pad_token_id=tokenizer.pad_token_id or 0)  # fmt: skip
    return tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)


@pytest.mark.parametrize("tokens", [1, 4])
def test_batched_equals_single_equals_generate(engine, space, prompts, mixture, tokens, tmp_path):
    requests = [Request(prompt, tokens) for prompt in prompts]
    with engine.bind(mixture) as model:
        together = model.generate(requests)
        alone = [model.generate([request])[0] for request in requests]
    space.compose(mixture).save(tmp_path / "mix")
    peft = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(zoo.base_path(), dtype=torch.float32), tmp_path / "mix"
    ).eval()
    tokenizer = AutoTokenizer.from_pretrained(zoo.base_path())
    differ = [k for k in range(len(prompts)) if together[k].text != alone[k].text]
    assert all(together[k].margin < SAFE for k in differ)
    plain = [by_generate(peft, tokenizer, prompt, tokens) for prompt in prompts]
    differ = [k for k in range(len(prompts)) if together[k].text != plain[k]]
    assert all(together[k].margin < SAFE for k in differ), [(plain[k], together[k]) for k in differ]
    assert len({response.text for response in together}) > 3
    assert [r.prompt_tokens for r in together] == engine.count_tokens(prompts)


def test_the_block_size_does_not_matter(space, prompts, mixture, engine):
    other = make_engine(EngineConfig(device="cpu", dtype="float32", block_tokens=150), zoo.base_path())
    other.start(space)
    requests = [Request(prompt, 3) for prompt in prompts[:30]]
    with engine.bind(mixture) as one, other.bind(mixture) as two:
        for a, b in zip(one.generate(requests), two.generate(requests), strict=True):
            assert a.text == b.text or min(a.margin, b.margin) < SAFE


def test_weights_are_composed_from_the_originals(engine, mixture, prompts):
    request = [Request(prompts[0], 2)]
    before = {name: p.clone() for name, p in engine._model.named_parameters()}
    with engine.bind(None) as model:
        plain = model.generate(request)
    for scale in (1.0, 30.0, -4.0):
        with engine.bind(mixture * scale) as model:
            model.generate(request)
    with engine.bind(None) as model:
        assert model.generate(request) == plain
    with engine.bind(None):
        base = dict(engine._model.named_parameters())
    fresh = AutoModelForCausalLM.from_pretrained(zoo.base_path(), dtype=torch.float32)
    for name, parameter in fresh.named_parameters():
        assert torch.equal(parameter, base[name]), name
    assert before.keys() == base.keys()


@pytest.mark.parametrize("combine", ["delta", "factors"])
def test_composed_weights_are_the_composed_adapters(mixture, combine):
    space = ExpertSpace.load(zoo.expert_paths(), base=zoo.base_path(), combine=combine)
    engine = make_engine(FP32, zoo.base_path())
    engine.start(space)
    original = dict(AutoModelForCausalLM.from_pretrained(zoo.base_path(), dtype=torch.float32).named_parameters())
    adapter = space.compose(mixture)
    with engine.bind(mixture):
        for module in space.modules:
            weight = engine._model.get_submodule(module).weight
            wanted = original[f"{module}.weight"] + adapter.delta(module)
            torch.testing.assert_close(weight, wanted, atol=1e-5, rtol=1e-5)


def test_limits_and_stops_are_each_rows_own(space, engine, prompts):
    wild = space.coefficients([-3.0] * space.n)  # far from any expert, so that answers go on
    with engine.bind(wild) as model:
        long = model.generate([Request(prompt, 6) for prompt in prompts[:12]])
        mixed = model.generate([Request(prompt, 1 + k % 6) for k, prompt in enumerate(prompts[:12])])
        stopped = model.generate([Request(p, 6, stop=(r.text[2],)) for p, r in zip(prompts[:12], long, strict=True)])
    for k, (whole, part) in enumerate(zip(long, mixed, strict=True)):
        assert part.new_tokens <= 1 + k % 6
        assert whole.text.startswith(part.text)
    for whole, part in zip(long, stopped, strict=True):
        assert part.text == whole.text[: whole.text.index(whole.text[2])]


def test_loglikelihood_is_the_sum_of_log_softmax(engine, prompts, mixture):
    requests = [LoglikelihoodRequest(prompt, text) for prompt in prompts[:8] for text in ("Yes", "12", "7 Yes 3")]
    with engine.bind(mixture) as model:
        answers = model.loglikelihood(requests)
        tokenizer = engine._tokenizer
        for request, answer in zip(requests, answers, strict=True):
            context = tokenizer(request.context)["input_ids"]
            ids = tokenizer(request.context + request.continuation)["input_ids"]
            with torch.no_grad():
                logprobs = torch.log_softmax(engine._model(input_ids=torch.tensor([ids])).logits[0], -1)
            places = range(len(context) - 1, len(ids) - 1)
            assert answer.logprob == pytest.approx(sum(float(logprobs[k, ids[k + 1]]) for k in places), abs=1e-3)
            assert answer.tokens == len(ids) - len(context)
            assert answer.is_greedy == all(int(logprobs[k].argmax()) == ids[k + 1] for k in places)


def test_the_contract(space, prompts):
    check_engine(make_engine(FP32, zoo.base_path()), space, prompts[:5])


def test_a_released_model_is_refused(engine, prompts):
    with engine.bind(None) as model:
        pass
    with pytest.raises(EngineError, match="released"):
        model.generate([Request(prompts[0])])


def test_prompts_beyond_the_context_are_refused(engine, prompts):
    with pytest.raises(DataError, match="context of"):
        engine.count_tokens([prompts[0] * 300])
    with engine.bind(None) as model, pytest.raises(EngineError, match="context of"):
        model.generate([Request(prompts[0], 100_000)])


def test_a_chat_template_is_used_and_its_absence_is_said(space, tmp_path):
    chat = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "3"}]
    bare = tmp_path / "base"
    shutil.copytree(zoo.base_path(), bare)
    config = json.loads((bare / "tokenizer_config.json").read_text())
    del config["chat_template"]
    (bare / "tokenizer_config.json").write_text(json.dumps(config))
    for base in (zoo.base_path(), bare):
        engine = make_engine(FP32, base)
        engine.start(space)
        with engine.bind(None) as model:
            if base == bare:
                with pytest.raises(ConfigError, match="chat template"):
                    model.render_chat(chat)
            else:
                assert model.render_chat(chat) == "hello3<eos>"
        engine.close()


def test_what_is_not_there_is_said_before_loading(space):
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match=r"engine\.device: 'cuda'.*0 CUDA devices"):
            make_engine(EngineConfig(device="cuda"), zoo.base_path())
    for wrong in ({"device": "gpu"}, {"dtype": "fp8"}, {"threads": 0}, {"block_tokens": True}, {"kind": "remote"}):
        (key,) = wrong
        with pytest.raises(ConfigError, match=rf"engine\.{key}"):
            EngineConfig(**wrong)


def test_describes_what_a_value_depends_on(engine):
    about = engine.describe()
    assert (about["device"], about["dtype"], about["block_tokens"]) == ("cpu", "float32", 900)
    assert json.loads(json.dumps(about)) == about


FAMILIES = {
    "qwen2": {"model_type": "qwen2", "num_key_value_heads": 2},
    "gemma": {"model_type": "gemma", "num_key_value_heads": 2, "head_dim": 8},
    "mistral": {"model_type": "mistral", "num_key_value_heads": 2, "sliding_window": 32},
    "phi": {"model_type": "phi"},
    "gpt_neox": {"model_type": "gpt_neox"},
}


@pytest.mark.parametrize("settings", FAMILIES.values(), ids=FAMILIES)
def test_other_architectures_answer_alike_in_batches(settings, prompts, tmp_path):
    from transformers import AutoConfig

    tokenizer = AutoTokenizer.from_pretrained(zoo.base_path())
    config = AutoConfig.for_model(
        **settings, vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=600, pad_token_id=0, bos_token_id=1, eos_token_id=1,
    )  # fmt: skip
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    target = "query_key_value" if settings["model_type"] == "gpt_neox" else "q_proj"
    from peft import LoraConfig, get_peft_model

    for seed, name in enumerate("ab"):
        torch.manual_seed(seed)
        wrapped = get_peft_model(
            AutoModelForCausalLM.from_pretrained(tmp_path / "base"),
            LoraConfig(r=2, target_modules=[target], init_lora_weights=False, task_type="CAUSAL_LM"),
        )
        wrapped.save_pretrained(tmp_path / "experts" / name)
    space = ExpertSpace.load(tmp_path / "experts", base=tmp_path / "base")
    engine = make_engine(FP32, tmp_path / "base")
    engine.start(space)
    requests = [Request(prompt, 5) for prompt in prompts[:14]]
    with engine.bind(np.array([1.5, -0.5])) as bound:
        together = bound.generate(requests)
        alone = [bound.generate([request])[0] for request in requests]
        plain = [by_generate(engine._model, engine._tokenizer, r.prompt, 5) for r in requests]
    for a, b, c in zip(together, alone, plain, strict=True):
        assert (a.text == b.text == c) or min(a.margin, b.margin) < SAFE


def test_experts_of_another_base_are_refused_when_loading(tmp_path, space):
    base = make_base(tmp_path / "base")
    AutoTokenizer.from_pretrained(zoo.base_path()).save_pretrained(base)
    make_expert(base, tmp_path / "all" / "one", 1)
    from modelswarms import ExpertError

    engine = make_engine(FP32, base)
    with pytest.raises(ExpertError, match="another base"):
        engine.start(space)


@pytest.mark.parametrize("combine", ["delta", "factors"])
def test_experts_beside_the_weights_answer_as_those_in_them(engine, prompts, mixture, combine):
    space = ExpertSpace.load(zoo.expert_paths(), base=zoo.base_path(), combine=combine)
    beside = make_engine(EngineConfig(device="cpu", dtype="float32", adapter="unmerged"), zoo.base_path())
    merged = make_engine(FP32, zoo.base_path())
    for other in (beside, merged):
        other.start(space)
    requests = [Request(prompt, 2) for prompt in prompts[:20]]
    for point in (mixture, None, -mixture):
        with beside.bind(point) as one, merged.bind(point) as two:
            for a, b in zip(one.generate(requests), two.generate(requests), strict=True):
                assert a.text == b.text or min(a.margin, b.margin) < SAFE
                assert a.margin == pytest.approx(b.margin, abs=1e-3)
    original = AutoModelForCausalLM.from_pretrained(zoo.base_path(), dtype=torch.float32).state_dict()
    assert all(torch.equal(weight, original[name]) for name, weight in beside._model.state_dict().items())


def test_where_memory_runs_out_less_is_run_at_once(engine, space, prompts, mixture, monkeypatch, caplog):
    requests = [Request(prompt, 2) for prompt in prompts[:20]]
    with engine.bind(mixture) as model:
        wanted = model.generate(requests)
    other = make_engine(EngineConfig(device="cpu", dtype="float32"), zoo.base_path())
    other.start(space)
    packed, held = other._packed, 300
    inner = packed._forward

    def forward(call, ids, at):
        if ids.numel() > held:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB.")
        return inner(call, ids, at)

    monkeypatch.setattr(packed, "_forward", forward)
    with other.bind(mixture) as model:
        got = model.generate(requests)
        assert [r.text for r in got] == [r.text for r in wanted]
        assert packed.chunk == 256 and "256 tokens are run at once from now on" in caplog.text
        held = 1
        with pytest.raises(EngineError, match=r"memory does not hold .*engine\.quantize"):
            model.generate(requests)
    other._packed.limit(100, 128)
    assert (packed.slots, packed.chunk) == (100, 128)
    other.close()


def test_eight_bits_answer_nearly_as_thirty_two(engine, space, prompts, mixture):
    pytest.importorskip("torchao")
    other = make_engine(EngineConfig(device="cpu", dtype="float32", quantize="int8"), zoo.base_path())
    other.start(space)
    requests = [Request(prompt, 2) for prompt in prompts]
    with engine.bind(mixture) as one, other.bind(mixture) as two:
        pairs = list(zip(one.generate(requests), two.generate(requests), strict=True))
    other.close()
    assert sum(a.text != b.text for a, b in pairs) <= len(pairs) // 10
    assert any(a.margin != b.margin for a, b in pairs)


def test_without_torchao_eight_bits_are_refused(space, monkeypatch):
    monkeypatch.setattr("modelswarms.engines.quantized.torchao_is_installed", lambda: False)
    with pytest.raises(MissingExtraError, match=r"modelswarms\[quantize\]"):
        make_engine(EngineConfig(device="cpu", quantize="int8"), zoo.base_path()).start(space)
