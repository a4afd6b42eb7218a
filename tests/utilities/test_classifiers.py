"""Classifiers: every score is reckoned beside them, alone and in batches; what cannot score is refused."""

from __future__ import annotations

import json
import logging
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    LlamaForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
)

import modelswarms.zoo
from hub_server import Hub, Repository, forget_connections, only_hub
from modelswarms import ConfigError, EvaluationError
from modelswarms.errors import WrongInputError
from modelswarms.utilities.classifiers import Classifier, Exchange
from scorers import CHAT, mean_weight, own_code, save_scorer, with_segments


def liking(token: str) -> float:
    """Yes is liked, single characters are not."""
    return 1.0 if token == "Yes" else -0.5 if token.startswith("<0x") else 0.25


EXCHANGES = [
    Exchange("Is it? Yes", "Yes"),
    Exchange("hm", ""),
    Exchange("node 3 " * 30, "Yes Yes No 12"),
    Exchange("Größe?", "None, 7"),
    Exchange("Why?", "No. Yes."),
]


def rendered(exchange: Exchange) -> str:
    return f"<user>{exchange.prompt}</><assistant>{exchange.answer}</>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_scorer(tmp_path_factory.mktemp("scorer") / "liking", liking)


@pytest.fixture
def scorer(folder):
    return Classifier(str(folder), dtype="float32")


def edited(folder, tmp_path, **keys):
    """A copy whose config.json says something else; None leaves a key out."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text()) | keys
    (copy / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    return copy


def test_scores_are_those_of_the_whole_rendered_text(scorer):
    expected = [mean_weight(rendered(e), liking) for e in EXCHANGES]
    assert scorer.logits(EXCHANGES) == pytest.approx(expected, abs=1e-5)
    assert scorer.logits([e.answer or "a" for e in EXCHANGES]) == pytest.approx(
        [mean_weight(e.answer or "a", liking) for e in EXCHANGES], abs=1e-5
    )
    assert scorer.logits([]) == [] and scorer.lengths([]) == []


@pytest.mark.parametrize("batch_tokens", [1, 90, 100_000])
def test_a_score_does_not_depend_on_what_else_is_scored(folder, scorer, batch_tokens):
    one_by_one = [scorer.logits([e])[0] for e in EXCHANGES]
    together = Classifier(str(folder), dtype="float32", batch_tokens=batch_tokens).logits(EXCHANGES)
    assert together == pytest.approx(one_by_one, abs=1e-6)


def test_without_a_padding_token_rows_are_still_read_at_their_ends(tmp_path, scorer):
    """transformers would refuse two texts at once, and a wrong padding token would move the place that is read."""
    unpadded = Classifier(str(save_scorer(tmp_path / "unpadded", liking, pad=None)), dtype="float32")
    assert unpadded.logits(EXCHANGES) == pytest.approx(scorer.logits(EXCHANGES), abs=1e-6)
    ends = ["<pad>"[:1], "a", "Yes", "\x00", "<eos>"]
    assert unpadded.logits(ends) == pytest.approx([unpadded.logits([e])[0] for e in ends], abs=1e-6)


def test_without_a_template_it_is_a_pair(tmp_path):
    plain = Classifier(str(save_scorer(tmp_path / "plain", liking, template=None)), dtype="float32")
    expected = [mean_weight(e.prompt, liking, e.answer) for e in EXCHANGES[:3]]
    assert plain.logits(EXCHANGES[:3]) == pytest.approx(expected, abs=1e-5)


def test_an_encoder_with_segments_scores_alike_in_batches(tmp_path):
    """BERT's kind: token types, a pooled first token, padding told by the mask alone."""
    made = save_scorer(tmp_path / "encoder", liking, template=None)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=1134, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=512, num_labels=1, pad_token_id=0,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(made)
    with_segments(made)
    encoder = Classifier(str(made), dtype="float32")
    together = encoder.logits(EXCHANGES)
    assert together == pytest.approx([encoder.logits([e])[0] for e in EXCHANGES], abs=1e-5)
    assert len(set(together)) == len(together)
    assert encoder.logits([Exchange("a b", "c")]) != encoder.logits(["a bc"])  # only the segments differ


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "auto"])
def test_any_precision_scores_nearly_the_same(folder, scorer, dtype):
    assert Classifier(str(folder), dtype=dtype, device="cpu").logits(EXCHANGES) == pytest.approx(
        scorer.logits(EXCHANGES), abs=2e-2
    )


def test_it_is_loaded_once_and_only_when_asked(folder, monkeypatch):
    loads = []
    load = AutoModelForSequenceClassification.from_pretrained
    monkeypatch.setattr(
        AutoModelForSequenceClassification, "from_pretrained", lambda *a, **k: loads.append(a) or load(*a, **k)
    )
    scorer = Classifier(str(folder))
    assert scorer.find() == folder and scorer.fingerprint and not loads
    first = scorer.logits(EXCHANGES)
    scorer.load()
    assert scorer.logits(EXCHANGES) == first and len(loads) == 1
    scorer.close()
    scorer.close()
    assert scorer.logits(EXCHANGES) == first and len(loads) == 2


def test_lengths_are_the_tokenizers(scorer):
    assert scorer.lengths(["", "Yes", "abc", "é"]) == [0, 1, 3, 2]


def test_several_labels_need_a_choice(tmp_path):
    made = str(save_scorer(tmp_path / "three", liking, slopes=(1, -2, 4), labels=("good", "bad", "Toxic")))
    with pytest.raises(ConfigError, match=r"utility\.label: .* has 3 labels, .* one of good, bad, Toxic"):
        Classifier(made).load()
    with pytest.raises(ConfigError, match="did you mean 'good'"):
        Classifier(made, label="goood").load()
    with pytest.raises(ConfigError, match="labels 0 to 2"):
        Classifier(made, label=3).load()
    bad, second, likely = (
        Classifier(made, dtype="float32", **keys).logits(["Yes"])[0]
        for keys in ({"label": "bad"}, {"label": 1}, {"likely": ("toxic",)})
    )
    assert (bad, second, likely) == pytest.approx((-2, -2, 4), abs=1e-4)


def test_probabilities_are_exclusive_unless_the_model_says_otherwise(tmp_path):
    keys = {"slopes": (1, 3), "labels": ("calm", "toxic")}
    exclusive = Classifier(str(save_scorer(tmp_path / "a", liking, **keys)), dtype="float32", label="toxic")
    several = save_scorer(tmp_path / "b", liking, problem_type="multi_label_classification", **keys)
    single = Classifier(str(save_scorer(tmp_path / "c", liking, slopes=(3,))), dtype="float32")
    logits = torch.tensor([1.0, 3.0])
    assert exclusive.probabilities(["Yes"]) == pytest.approx([float(logits.softmax(0)[1])], abs=1e-4)
    of_its_own = float(torch.tensor(3.0).sigmoid())
    assert Classifier(str(several), dtype="float32", label=1).probabilities(["Yes"]) == pytest.approx([of_its_own])
    assert single.probabilities(["Yes"]) == pytest.approx([of_its_own], abs=1e-4)


def test_a_text_beyond_the_context_loses_the_beginning_of_what_was_asked(tmp_path, caplog):
    short = Classifier(str(save_scorer(tmp_path / "short", liking, positions=64)), dtype="float32")
    with caplog.at_level(logging.WARNING):
        kept = short.logits([Exchange("x" * 500, "Yes Yes"), Exchange("hm", "Yes")])
        short.logits([Exchange("y" * 500, "Yes")])
    around = len(rendered(Exchange("", ""))) + len(" ") + 2  # a token a character, but for the two Yes
    expected = [Exchange("x" * (64 - around), "Yes Yes"), Exchange("hm", "Yes")]
    assert kept == pytest.approx([mean_weight(rendered(e), liking) for e in expected], abs=1e-5)
    assert [r.message for r in caplog.records] == [
        f"{short.given}: 1 of 2 texts are longer than the context of 64 tokens; what was asked loses its beginning, "
        "then what was answered its end"
    ]


def test_an_answer_beyond_the_context_loses_its_end(tmp_path):
    short = Classifier(str(save_scorer(tmp_path / "short", liking, positions=64)), dtype="float32")
    around = len(rendered(Exchange("", "")))
    expected = Exchange("", "ü" * ((64 - around) // 2))
    assert short.logits([Exchange("é" * 90, "ü" * 400)]) == pytest.approx(
        [mean_weight(rendered(expected), liking)], abs=1e-2
    )
    assert short.logits(["a" * 70]) == pytest.approx([-0.5], abs=1e-5)


def test_a_template_beyond_the_context_is_an_error(tmp_path):
    long = save_scorer(tmp_path / "long", liking, positions=16, template="a word or two before " + CHAT)
    with pytest.raises(EvaluationError, match="chat template alone"):
        Classifier(str(long)).logits([Exchange("a", "b")])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_no_score(folder, tmp_path, value):
    copy = shutil.copytree(folder, tmp_path / "copy")
    weights = load_file(copy / "model.safetensors")
    weights["score.weight"][:] = value
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(EvaluationError, match=r"gave (nan|inf|-inf) for a text that begins 'Yes'"):
        Classifier(str(copy)).logits([Exchange("Is it?", "Yes")])


def test_a_tokenizer_of_another_model_is_an_error(tmp_path):
    made = save_scorer(tmp_path / "few", liking)
    weights = load_file(made / "model.safetensors")
    weights["model.embed_tokens.weight"] = weights["model.embed_tokens.weight"][:100].clone()
    save_file(weights, made / "model.safetensors", {"format": "pt"})
    config = json.loads((made / "config.json").read_text())
    (made / "config.json").write_text(json.dumps({**config, "vocab_size": 100}))
    with pytest.raises(EvaluationError, match="the model knows 100; the two do not belong together"):
        Classifier(str(made)).logits(["Yes"])


def test_no_memory_names_the_key(scorer, monkeypatch):
    scorer.load()

    def exhausted(**_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(scorer._loaded, "model", exhausted)
    monkeypatch.setattr(type(scorer._loaded), "_padded", lambda self, rows: {})
    with pytest.raises(EvaluationError, match=r"utility\.batch_tokens below 2048"):
        scorer.logits(EXCHANGES)


def test_the_fingerprint_is_of_all_that_scores(folder, tmp_path):
    before = Classifier(str(folder)).fingerprint
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert Classifier(str(copy)).fingerprint == before
    (copy / "chat_template.jinja").write_text("{{ messages }}")
    assert Classifier(str(copy)).fingerprint != before


def test_code_of_its_own_is_run_where_it_is_trusted_alone(tmp_path, monkeypatch):
    made = own_code(tmp_path / "own", liking)
    with pytest.raises(ConfigError) as caught:
        Classifier(str(made)).load()
    assert str(caught.value) == (
        f"utility.model: {made} is a 'mean_weight' model that runs code of its own (modeling_mean.py); read that "
        "code, and where you trust it set utility.trust_remote_code: true."
    )
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    trusted = Classifier(str(made), trust_remote_code=True, dtype="float32")
    assert trusted.logits(["Yes No"]) == pytest.approx([mean_weight("Yes No", liking)], abs=1e-5)
    before = trusted.fingerprint
    (made / "modeling_mean.py").write_text("# another\n" + (made / "modeling_mean.py").read_text())
    assert trusted.fingerprint != before


def test_code_that_registers_no_classifier_is_refused(tmp_path):
    made = own_code(tmp_path / "own", liking)
    config = json.loads((made / "config.json").read_text())
    config["auto_map"]["AutoModel"] = config["auto_map"].pop("AutoModelForSequenceClassification")
    (made / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="registers AutoConfig, AutoModel and no AutoModelForSequenceClassification"):
        Classifier(str(made), trust_remote_code=True).load()


def test_a_head_that_is_not_there_is_not_drawn_at_random():
    with pytest.raises(ConfigError, match=r"holds no weights for score\.weight, and a head drawn at random"):
        Classifier(str(modelswarms.zoo.base_path())).load()


def broken(folder, name):
    (folder / name).unlink()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: shutil.rmtree(f), "is no folder; check the path, or give a hub id"),
        (lambda f: broken(f, "config.json"), "holds no config.json"),
        (lambda f: (f / "config.json").write_text("{"), "config.json cannot be read"),
        (lambda f: (f / "config.json").write_text("{}"), "names no model_type"),
        (lambda f: broken(f, "model.safetensors"), "holds no weights"),
        (lambda f: (f / "model.safetensors").write_bytes(b"x"), "cannot be loaded as a sequence classifier"),
        (lambda f: (broken(f, "tokenizer.json"), broken(f, "tokenizer_config.json")), "no tokenizer that can be"),
        (
            lambda f: (f / "config.json").write_text(
                (f / "config.json").read_text().replace('"model_type": "llama"', '"model_type": "whisper"')
            ),
            "cannot be loaded as a sequence classifier",
        ),
    ],
)
def test_a_folder_that_is_no_scorer_is_named(folder, tmp_path, change, says):
    copy = shutil.copytree(folder, tmp_path / "copy")
    change(copy)
    with pytest.raises(ConfigError) as caught:
        Classifier(str(copy)).load()
    assert str(caught.value).startswith("utility.model: ") and says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_device_that_is_not_there_is_named(folder):
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(ConfigError, match=r"utility\.device: 'cuda', but torch sees 0 CUDA devices"):
        Classifier(str(folder), device="cuda").load()


def test_a_hub_id_is_asked_for_as_one(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WrongInputError, match=r"utility\.model: lab/reward is no folder here .* HF_HUB_OFFLINE"):
        Classifier("lab/reward").load()


def test_an_encoder_that_counts_positions_from_its_padding_is_filled_to_the_last(tmp_path):
    """RoBERTa's kind: 18 rows of positions are 16 tokens, whatever the tokenizer says."""
    made = save_scorer(tmp_path / "roberta", liking, template=None, positions=10_000)
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=1134, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=18, num_labels=1, pad_token_id=1,
    )  # fmt: skip
    RobertaForSequenceClassification(config).save_pretrained(made)
    scorer = Classifier(str(made), dtype="float32")
    assert scorer.logits(["a" * 16, "a" * 17, "ab" * 40]) == pytest.approx(
        scorer.logits(["a" * 16, "a" * 16, "ab" * 8])
    )


def test_a_tokenizers_own_code_needs_trust_as_well(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    path = copy / "tokenizer_config.json"
    own = {"auto_map": {"AutoTokenizer": ["tokenization_mine.Mine", None]}, "tokenizer_class": "Mine"}
    path.write_text(json.dumps(json.loads(path.read_text()) | own))
    with pytest.raises(ConfigError, match=r"no tokenizer that can be loaded .*set utility\.trust_remote_code: true"):
        Classifier(str(copy)).load()


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), r"does not fit the memory .* utility\.device to another"),
        (ValueError("`.to` is not supported for `4-bit` models"), r"cannot be put on cpu .* full-precision model"),
    ],
)
def test_a_device_without_room_is_named(folder, monkeypatch, error, says):
    def refuse(self, *_, **__):
        raise error

    monkeypatch.setattr(LlamaForSequenceClassification, "to", refuse)
    with pytest.raises(ConfigError, match=says):
        Classifier(str(folder), device="cpu").load()


def test_a_hub_id_brings_the_models_files_and_its_code_only_where_that_is_trusted(folder, tmp_path, monkeypatch):
    made = own_code(tmp_path / "repository", liking)
    (made / "README.md").write_text("about it")
    with Hub({"lab/own": Repository({"main": made}), "lab/plain": Repository({"main": folder})}) as hub:
        only_hub(monkeypatch, hub.address, tmp_path)
        plain = Classifier("lab/plain@main", dtype="float32")
        assert plain.logits(["Yes"]) == pytest.approx([1.0], abs=1e-5)
        with pytest.raises(ConfigError, match=r"utility\.trust_remote_code: true"):
            Classifier("lab/own").find()
        assert not list(Classifier("lab/plain").find().glob("*.py"))
        found = Classifier("lab/own", trust_remote_code=True).find()
        assert (found / "modeling_mean.py").exists() and not (found / "README.md").exists()
        with pytest.raises(WrongInputError, match=r"utility\.model: lab/plain:inner names a subfolder, but a model is"):
            Classifier("lab/plain:inner").find()
        forget_connections()
