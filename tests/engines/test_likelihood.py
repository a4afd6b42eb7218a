"""Log-likelihoods against transformers alone: what is predicted from what, in windows, in slices, and refused."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from modelswarms import DataError, EngineError, ExpertSpace
from modelswarms.engines import EngineConfig, likelihood, make_engine
from modelswarms.engines.texts import windows
from modelswarms.types import LoglikelihoodRequest as Ask
from modelswarms.types import Request
from random_bases import ROOM, random_base

TEXTS = ["Yes", "a few words of text", "No, there is no path.\n\nBut 12 is longer than 7:", "ünicode → 3"]


@contextmanager
def bound(base, block_tokens=400):
    """The base in the engine, and transformers' own model and tokenizer."""
    from peft import LoraConfig, get_peft_model

    expert = base.parent / (base.name + "-expert")
    if not expert.exists():
        plain = AutoModelForCausalLM.from_pretrained(base)
        get_peft_model(plain, LoraConfig(r=1, target_modules=["q_proj"], task_type="CAUSAL_LM")).save_pretrained(expert)
    engine = make_engine(EngineConfig(device="cpu", dtype="float32", block_tokens=block_tokens), base)
    engine.start(ExpertSpace.load([("one", expert)], base=base))
    with engine.bind(None) as model:
        yield engine, model
    engine.close()


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return random_base(tmp_path_factory.mktemp("bases") / "plain")


@pytest.fixture(scope="module")
def bos_base(tmp_path_factory):
    return random_base(tmp_path_factory.mktemp("bases") / "bos", adds_bos=True)


def reference(base, ids, begin):
    """Log-probability of each token from ``begin`` on, by one pass over the whole; and whether each was first."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    with torch.no_grad():
        logprobs = torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0], -1)
    found = [float(logprobs[k - 1, ids[k]]) for k in range(begin, len(ids))]
    return found, [int(logprobs[k - 1].argmax()) == ids[k] for k in range(begin, len(ids))]


def test_without_a_context_a_text_follows_the_token_that_ends_others(base):
    tokenizer = AutoTokenizer.from_pretrained(base)
    with bound(base) as (_, model):
        answers = model.loglikelihood([Ask("", text) for text in TEXTS])
        begun = model.loglikelihood([Ask("", "<eos>" + text) for text in TEXTS])
    for text, answer, again in zip(TEXTS, answers, begun, strict=True):
        ids = [tokenizer.eos_token_id, *tokenizer(text)["input_ids"]]
        values, _ = reference(base, ids, 1)
        assert answer.logprob == pytest.approx(sum(values), abs=1e-4)
        assert (answer.tokens, answer.context_tokens) == (len(values), 1)
        assert again == answer  # which the text may bring itself


def test_a_token_that_begins_texts_is_there_once(bos_base):
    tokenizer = AutoTokenizer.from_pretrained(bos_base)
    assert tokenizer("x")["input_ids"][0] == tokenizer.bos_token_id == 0
    text = TEXTS[1]
    bare = tokenizer(text, add_special_tokens=False)["input_ids"]
    values, _ = reference(bos_base, [0, *bare], 1)
    doubled, _ = reference(bos_base, [0, 0, *bare], 1)
    with bound(bos_base) as (engine, model):
        plain, own, without, whole, twice = model.loglikelihood(
            [Ask("", text), Ask("", "<pad>" + text), Ask("", text, special_tokens=False),
             Ask("", text, scores_special_tokens=True), Ask("", "<pad>" + text, scores_special_tokens=True)]
        )  # fmt: skip
        assert engine.count_tokens([text, "<pad>" + text]) == [len(bare) + 1] * 2
        prompts = model.generate([Request(text, 1), Request("<pad>" + text, 1), Request(text, 1, special_tokens=False)])
    assert plain == own == without
    assert plain.logprob == pytest.approx(sum(values), abs=1e-4)
    assert whole == twice
    assert (whole.logprob, whole.tokens) == (pytest.approx(sum(doubled), abs=1e-4), len(bare) + 1)
    assert [p.prompt_tokens for p in prompts] == [len(bare) + 1, len(bare) + 1, len(bare)]


def test_white_space_belongs_to_what_follows_it(base):
    tokenizer = AutoTokenizer.from_pretrained(base)
    with bound(base) as (_, model):
        for space in (" ", "  ", "\n", "\n\n "):
            spaced, joined = model.loglikelihood([Ask("one" + space, "two"), Ask("one", space + "two")])
            context = len(tokenizer("one")["input_ids"])
            ids = tokenizer("one" + space + "two")["input_ids"]
            values, _ = reference(base, ids, context)
            assert spaced == joined
            assert (spaced.tokens, spaced.logprob) == (len(values), pytest.approx(sum(values), abs=1e-4))
        (opening,) = model.loglikelihood([Ask(" ", "two")])
        assert opening == model.loglikelihood([Ask("", " two")])[0]


def test_what_is_greedy_is_what_is_generated(base):
    prompts = [*TEXTS, *[f"{text} {k}:" for k, text in enumerate(TEXTS)]]
    with bound(base) as (_, model):
        said = [response.text for response in model.generate([Request(prompt, 1) for prompt in prompts])]
        answers = model.loglikelihood([Ask(prompt, text) for prompt, text in zip(prompts, said, strict=True)])
        others = model.loglikelihood([Ask(prompt, "?") for prompt in prompts])
    one_token = [answer for answer in answers if answer.tokens == 1]
    assert len(one_token) > 3 and all(answer.is_greedy for answer in one_token)
    assert not any(answer.is_greedy for answer in others)


def test_windows_are_those_of_the_harness():
    """From the docstring of lm-evaluation-harness' ``loglikelihood_rolling``: ten tokens, four at a time."""
    found = list(windows(["BOS"], list(range(10)), 4))
    assert found == [(["BOS", 0, 1, 2, 3], 4), ([3, 4, 5, 6, 7], 4), ([5, 6, 7, 8, 9], 2)]
    assert list(windows([7], [8, 9], 2)) == [([7, 8, 9], 2)]
    assert list(windows([5, 6, 7], [8, 9], 2)) == [([7, 8, 9], 2)]  # the context's beginning is lost
    assert list(windows([7], [], 4)) == []


@pytest.mark.parametrize("length", [ROOM - 1, ROOM, ROOM + 1, 2 * ROOM, 5 * ROOM + 7])
def test_long_texts_are_read_in_windows(base, length):
    tokenizer = AutoTokenizer.from_pretrained(base)
    text = ("The node 7 is not connected, " * 40)[:length]
    bare = tokenizer(text)["input_ids"]
    total, begin = 0.0, 0
    while begin < len(bare):  # each token once, from as many before it as the model takes in
        end = min(begin + ROOM, len(bare))
        context = [1, *bare][max(0, end - ROOM) : begin + 1]
        total += sum(reference(base, [*context, *bare[begin:end]], len(context))[0])
        begin = end
    with bound(base) as (engine, model):
        (answer,) = model.loglikelihood([Ask("", text)])
        assert (answer.logprob, answer.tokens) == (pytest.approx(total, abs=1e-3), len(bare))
        if len(bare) >= ROOM:
            assert engine.count_tokens([text], any_length=True) == [len(bare)]
            with pytest.raises(DataError, match=f"context of {ROOM}"):
                engine.count_tokens([text])


def test_a_context_is_cut_only_where_that_is_asked_for(base):
    tokenizer = AutoTokenizer.from_pretrained(base)
    long = "x" * ROOM
    ids = tokenizer(long + " yes")["input_ids"]
    values, _ = reference(base, ids[-ROOM - 1 :], ROOM + 1 - 4)
    with bound(base) as (_, model):
        with pytest.raises(EngineError, match=f"{len(ids) - 1} tokens do not fit the base's context of {ROOM}"):
            model.loglikelihood([Ask(long, " yes")])
        (answer,) = model.loglikelihood([Ask(long, " yes", truncate=True)])
        assert answer.logprob == pytest.approx(sum(values), abs=1e-4)
        assert model.loglikelihood([Ask("x" * (ROOM - 3), " yes")])[0].tokens == 4  # nothing follows the last token
        with pytest.raises(EngineError, match="do not fit"):
            model.generate([Request(long, 5)])
        cut, short = model.generate([Request(long, 5, truncate=True), Request("x" * (ROOM - 5), 5)])
        assert (cut.text, cut.prompt_tokens) == (short.text, ROOM - 5)


def test_what_cannot_be_predicted_is_said(base):
    with bound(base) as (_, model):
        with pytest.raises(EngineError, match="continuation '' has no tokens of its own after 'some'; give it"):
            model.loglikelihood([Ask("some", "")])
        with pytest.raises(EngineError, match="has no tokens"):
            model.loglikelihood([Ask("", "")])
        (nothing,) = model.loglikelihood([Ask("", "", scores_special_tokens=True)])
        assert (nothing.logprob, nothing.tokens, nothing.is_greedy) == (0, 0, True)


def spied(monkeypatch, engine):
    """Logits that are made at once, and rows that are run, as lists that grow."""
    made_at_once, rows = [], []
    model = engine._model
    for module, seen in ((model.get_output_embeddings(), made_at_once), (model.base_model, rows)):
        inner = module.forward

        def forward(*args, inner=inner, seen=seen, **keys):
            seen.append((args[0] if args else keys["input_ids"]).shape)
            return inner(*args, **keys)

        monkeypatch.setattr(module, "forward", forward)
    return made_at_once, rows


def test_logits_are_made_a_slice_at_a_time(base, monkeypatch):
    requests = [Ask("", text * 9) for text in TEXTS] + [Ask("a", " b"), Ask("", "word " * 100)]
    with bound(base) as (_, model):
        wanted = model.loglikelihood(requests)
    vocabulary = AutoConfig.from_pretrained(base).vocab_size
    monkeypatch.setitem(likelihood.SLICE, "cpu", 5 * vocabulary - 1)
    with bound(base) as (engine, model):
        model.loglikelihood(requests[:1])
        logits, _ = spied(monkeypatch, engine)
        got = model.loglikelihood(requests)
        assert max(shape[0] for shape in logits) == 5 and len(logits) > 20
    for a, b in zip(got, wanted, strict=True):
        assert (a.tokens, a.is_greedy) == (b.tokens, b.is_greedy)
        assert a.logprob == pytest.approx(b.logprob, abs=1e-3)


def test_options_of_one_token_are_run_once(base, monkeypatch):
    requests = [Ask("Which one? Answer:", letter) for letter in "ABCDEFGHIJ"] + [Ask("Which one? Answer:A", "B")]
    with bound(base) as (engine, model):
        alone = [model.loglikelihood([request])[0] for request in requests]
        _, rows = spied(monkeypatch, engine)
        together = model.loglikelihood(requests)
        length = engine.count_tokens(["Which one? Answer:A"])[0]
        assert sum(shape.numel() for shape in rows) == 2 * length - 1  # the two contexts, side by side
    for a, b in zip(alone, together, strict=True):
        assert a.logprob == pytest.approx(b.logprob, abs=1e-4)


@pytest.mark.parametrize(
    "settings",
    [{"model_type": "gemma2", "final_logit_softcapping": 2.0, "sliding_window": 16}, {"model_type": "granite",
     "logits_scaling": 4.0}, {"model_type": "mistral", "sliding_window": 16}],
    ids=["gemma2", "granite", "mistral"],
)  # fmt: skip
def test_models_that_cap_or_scale_their_logits(settings, tmp_path, monkeypatch):
    base = random_base(tmp_path / "base", **settings)
    tokenizer = AutoTokenizer.from_pretrained(base)
    monkeypatch.setitem(likelihood.SLICE, "cpu", 1)
    with bound(base) as (engine, model):
        answers = model.loglikelihood([Ask("", text) for text in TEXTS])
        assert (engine._likelihoods._parts is None) == (settings["model_type"] != "mistral")
    for text, answer in zip(TEXTS, answers, strict=True):
        values, _ = reference(base, [tokenizer.bos_token_id or 1, *tokenizer(text)["input_ids"]], 1)
        assert answer.logprob == pytest.approx(sum(values), abs=1e-3)


def test_logits_that_are_not_finite_are_an_error(base):
    with bound(base) as (engine, model):
        engine._model.get_input_embeddings().weight.data.fill_(float("nan"))
        with pytest.raises(EngineError, match="not finite"):
            model.loglikelihood([Ask("a", " b")])
