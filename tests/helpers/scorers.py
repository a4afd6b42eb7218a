"""Small sequence classifiers whose every score is known: the mean of a weight over a text's tokens."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForSequenceClassification

import modelswarms.zoo
from modelswarms.loading import quiet

__all__ = ["CHAT", "mean_weight", "own_code", "save_scorer", "tokens_of", "with_segments"]

CHAT = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}</>{% endfor %}"

_WIDTH = 8
_DOMINANT = 1000.0
"""A constant so large that the norms before and after attention divide every row by the same."""

Weight = Callable[[str], float]


def save_scorer(
    folder: Path,
    weight: Weight,
    *,
    slopes: Sequence[float] = (1.0,),
    labels: Sequence[str] | None = None,
    template: str | None = CHAT,
    pad: int | None = 0,
    positions: int = 4096,
    **config: Any,
) -> Path:
    """A Llama of one layer that looks at all tokens alike; label i scores ``slopes[i]`` times the mean weight."""
    tokenizer = AutoTokenizer.from_pretrained(modelswarms.zoo.base_path())
    tokenizer.chat_template = template
    tokenizer.model_max_length = positions
    names = labels or [f"LABEL_{i}" for i in range(len(slopes))]
    settings = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=_WIDTH,
        intermediate_size=_WIDTH,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        max_position_embeddings=positions,
        pad_token_id=pad,
        bos_token_id=None,
        eos_token_id=1,
        id2label=dict(enumerate(names)),
        label2id={name: i for i, name in enumerate(names)},
        **config,
    )
    model = LlamaForSequenceClassification(settings).float()
    _set(model, [weight(text) for text in tokens_of(tokenizer, range(len(tokenizer)))], slopes)
    folder.mkdir(parents=True, exist_ok=True)
    with quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


def tokens_of(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """What each token stands for; a byte for itself."""
    return [tokenizer.convert_ids_to_tokens(i) for i in ids]


def mean_weight(text: str, weight: Weight, second: str = "") -> float:
    """What a scorer gives a whole text, or two that are read as a pair, reckoned without it."""
    tokenizer = AutoTokenizer.from_pretrained(modelswarms.zoo.base_path())
    ids = tokenizer(text)["input_ids"] + tokenizer(second)["input_ids"]
    return fmean(weight(token) for token in tokens_of(tokenizer, ids))


def with_segments(folder: Path) -> None:
    """Makes a folder's tokenizer tell the two texts of a pair apart, as BERT's does."""
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    parts = [{"Sequence": {"id": name, "type_id": i}} for i, name in enumerate("AB")]
    content["post_processor"] = {
        "type": "TemplateProcessing", "single": parts[:1], "pair": parts, "special_tokens": {},
    }  # fmt: skip
    path.write_text(json.dumps(content))
    path = folder / "tokenizer_config.json"
    names = ["input_ids", "token_type_ids", "attention_mask"]
    path.write_text(json.dumps({**json.loads(path.read_text()), "model_input_names": names}))


def own_code(folder: Path, weight: Weight, **keys: Any) -> Path:
    """The same as a model of a type that transformers does not know, with the code for it in the folder."""
    save_scorer(folder, weight, **keys)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["model_type"] = "mean_weight"
    config["architectures"] = ["MeanWeightForSequenceClassification"]
    config["auto_map"] = {
        "AutoConfig": "modeling_mean.MeanWeightConfig",
        "AutoModelForSequenceClassification": "modeling_mean.MeanWeightForSequenceClassification",
    }
    path.write_text(json.dumps(config))
    shutil.copyfile(Path(__file__).with_name("mean_weight_model.py"), folder / "modeling_mean.py")
    return folder


def _set(model: LlamaForSequenceClassification, weights: Sequence[float], slopes: Sequence[float]) -> None:
    """Dimension 0 holds a token's weight, 1 the constant, 2 becomes the mean weight of what was read."""
    norm = _DOMINANT / _WIDTH**0.5
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        inner, layer = model.model, model.model.layers[0]
        inner.embed_tokens.weight[:, 0] = torch.tensor(weights)
        inner.embed_tokens.weight[:, 1] = _DOMINANT
        for scale in (layer.input_layernorm, layer.post_attention_layernorm, inner.norm):
            scale.weight.fill_(1.0)
        layer.self_attn.v_proj.weight[0, 0] = norm
        layer.self_attn.o_proj.weight[2, 0] = 1.0
        model.score.weight[:, 2] = norm * torch.tensor(slopes)
