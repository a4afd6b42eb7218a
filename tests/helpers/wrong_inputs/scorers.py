"""Reward models and other scorers that cannot be used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import modelswarms.zoo
from wrong_inputs.row import Arrange, Row, both, edited, nothing, removed, settings

MODEL = "scorer"


def rewards(change: Arrange = nothing, **keys: Any) -> Arrange:
    """A reward model in ``scorer/``, made of the zoo's base and changed, and a configuration that searches with it."""

    def arrange(work: Path) -> None:
        shutil.copytree(modelswarms.zoo.base_path(), work / MODEL, copy_function=shutil.copyfile)
        change(work / MODEL)

    return both(arrange, rewarding(model=MODEL, **keys))


def rewarding(**keys: Any) -> Arrange:
    """The configuration alone."""
    return settings(utility={"kind": "reward_model", "data": "data.json", **keys})


def of_its_own(folder: Path) -> None:
    """A model that says where its code is, of a type that nobody knows."""
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoModelForSequenceClassification": "modeling_mine.MyModel"}}
    (folder / "config.json").write_text(json.dumps(config))


def several_labels(folder: Path) -> None:
    """A whole classifier with three labels."""
    from scorers import save_scorer

    save_scorer(folder, lambda token: 1.0, slopes=(1, 2, 3), labels=("good", "fair", "bad"))


ROWS = [
    Row(
        "reward-missing",
        "the reward model's folder does not exist",
        "utility.model: scorre is no folder; check the path, or give a hub id (org/name).",
        rewarding(model="./scorre"),
    ),
    Row(
        "reward-empty-name",
        "a reward model without a name",
        "utility.model: not given; write the folder or the hub id of a sequence classifier.",
        rewarding(model=""),
    ),
    Row(
        "reward-no-config",
        "a reward model without config.json",
        "utility.model: scorer holds no config.json; give the folder of a transformers model.",
        rewards(removed("config.json")),
    ),
    Row(
        "reward-no-type",
        "a reward model whose config.json names no type",
        "utility.model: scorer/config.json names no model_type; give the folder of a transformers model.",
        rewards(edited("config.json", lambda config: config.pop("model_type"))),
    ),
    Row(
        "reward-no-weights",
        "a reward model without weights",
        "utility.model: scorer holds no weights (*.safetensors); copy the model again.",
        rewards(removed("model.safetensors")),
    ),
    Row(
        "reward-own-code",
        "a reward model that runs code of its own",
        "utility.model: scorer is a 'mine' model that runs code of its own (modeling_mine.py); read that code, and "
        "where you trust it set utility.trust_remote_code: true.",
        rewards(of_its_own),
    ),
    Row(
        "reward-no-head",
        "a language model as reward model",
        "utility.model: scorer holds no weights for score.weight, and a head drawn at random scores nothing; give a "
        "model that was trained to score texts, with all its weights.",
        rewards(),
        loads=True,
    ),
    Row(
        "reward-no-tokenizer",
        "a reward model without a tokenizer",
        "utility.model: scorer has no tokenizer that can be loaded (…); copy its tokenizer.json and what belongs to "
        "it there.",
        rewards(both(removed("tokenizer.json"), removed("tokenizer_config.json"))),
        loads=True,
    ),
    Row(
        "reward-labels",
        "a reward model with several labels, and none is named",
        "utility.label: scorer has 3 labels, and none is named; give one of good, fair, bad.",
        rewards(several_labels),
        loads=True,
    ),
    Row(
        "reward-label-misspelt",
        "a label with a slip of the pen",
        "utility.label: scorer has no label 'goood'; did you mean 'good'?",
        rewards(several_labels, label="goood"),
        loads=True,
    ),
    Row(
        "reward-reverse",
        "what the reward model dislikes is searched, and that is not allowed",
        "utility.mode: 'reverse' searches for the answers that a reward model likes least, harmful ones among them; "
        "for red-teaming, set utility.allow_harmful: true.",
        rewarding(mode="reverse"),
    ),
    Row(
        "reward-mode",
        "a mode that is not known",
        "utility.mode: 'short' is not allowed; give 'default' or 'concise' or 'verbose' or 'reverse'.",
        rewarding(mode="short"),
    ),
    Row(
        "reward-normalisation",
        "a normalisation whose ends are equal",
        "utility.normalisation: low 1.0 and high 1.0 are not allowed; give two finite numbers, the lower as low.",
        rewarding(normalisation={"low": 1, "high": 1}),
    ),
    Row(
        "reward-normalisation-half",
        "a normalisation with one end",
        "utility.normalisation.high: not given; write high: ….",
        rewarding(normalisation={"low": 1}),
    ),
    Row(
        "reward-device",
        "a reward model on a device that is not known",
        "utility.device: 'tpu' is not allowed; give 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'.",
        rewarding(device="tpu"),
    ),
    Row(
        "reward-cuda",
        "a reward model on cuda where there is none",
        "utility.device: 'cuda:1', but torch sees 0 CUDA devices; give 'cpu' or 'auto', or mend the "
        "installation of torch.",
        rewards(device="cuda:1"),
        loads=True,
    ),
    Row(
        "reward-dtype",
        "a reward model in a precision that is not known",
        "utility.dtype: 'int8' is not allowed; give 'auto' or 'float32' or 'bfloat16' or 'float16'.",
        rewarding(dtype="int8"),
    ),
    Row(
        "reward-tokens",
        "a reward model that may run no tokens together",
        "utility.batch_tokens: 0 is not allowed; give at least 1, or null.",
        rewarding(batch_tokens=0),
    ),
    Row(
        "toxicity-scorer",
        "a toxicity scorer that is not known",
        "utility.scorer: 'google' is not allowed; give 'local' or 'perspective'.",
        settings(utility={"kind": "toxicity", "data": "data.json", "scorer": "google"}),
    ),
    Row(
        "toxicity-key",
        "Perspective is to be asked, and there is no key",
        "utility.remote.api_key_env: the environment variable PERSPECTIVE_API_KEY is not set; export the key there, "
        "name another variable, or write null for a service without keys.",
        settings(utility={"kind": "toxicity", "data": "data.json", "scorer": "perspective"}),
    ),
    Row(
        "perplexity-answer",
        "the perplexity of answers that are not there",
        "open.json: dev[0] has no 'answer'; give one, or set utility.of: text.",
        both(
            lambda work: (work / "open.json").write_text(json.dumps({"dev": [{"prompt": "Why?"}]})),
            settings(utility={"kind": "perplexity", "data": "open.json", "of": "answer"}),
        ),
    ),
    Row(
        "perplexity-chat",
        "the perplexity of texts in a chat",
        "utility.chat: a text is read as it is; leave it off, or set utility.of: answer.",
        settings(utility={"kind": "perplexity", "data": "data.json", "chat": True}),
    ),
]
