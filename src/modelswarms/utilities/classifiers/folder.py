"""The folder of a classifier: whether it can be one, and what is loaded from it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelswarms.errors import ConfigError
from modelswarms.loading import first_sentence, quiet
from modelswarms.naming import nearest

if TYPE_CHECKING:
    import torch

__all__ = ["KEY", "check_folder", "column_of", "load_classifier"]

KEY: Final = "utility.model"
"""What messages call it."""

_TRUST: Final = "read that code, and where you trust it set utility.trust_remote_code: true."
_COPY: Final = "copy its tokenizer.json and what belongs to it there."
_AUTO: Final = "AutoModelForSequenceClassification"


def check_folder(folder: Path, trusted: bool) -> None:
    """Raises ConfigError where the folder can be no classifier's."""
    if not folder.is_dir():
        raise ConfigError(f"{KEY}: {folder} is no folder; check the path, or give a hub id (org/name).")
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{KEY}: {folder} holds no config.json; give the folder of a transformers model.") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{KEY}: {path} cannot be read ({error}); copy the model again.") from None
    if not isinstance(config, dict) or "model_type" not in config:
        raise ConfigError(f"{KEY}: {path} names no model_type; give the folder of a transformers model.")
    if not any(folder.glob("*.safetensors")) and not any(folder.glob("pytorch_model*.bin")):
        raise ConfigError(f"{KEY}: {folder} holds no weights (*.safetensors); copy the model again.")
    _check_code(folder, config, trusted)


def _check_code(folder: Path, config: Mapping[str, Any], trusted: bool) -> None:
    """Raises ConfigError where the model is code of its own, and that may not be run or is no classifier."""
    own = config.get("auto_map")
    if not isinstance(own, Mapping) or not own:
        return
    if trusted:
        if "AutoModel" in own and _AUTO not in own and not _known(config):
            raise ConfigError(
                f"{KEY}: the code in {folder} registers {', '.join(sorted(own))} and no {_AUTO}, by which rewards are "
                "read; give a model that loads so."
            )
        return
    if not _known(config):
        targets = (target for given in own.values() for target in (given if isinstance(given, list) else [given]))
        files = ", ".join(sorted({f"{target.split('.')[0]}.py" for target in targets if isinstance(target, str)}))
        raise ConfigError(
            f"{KEY}: {folder} is a {config['model_type']!r} model that runs code of its own ({files}); {_TRUST}"
        )


def _known(config: Mapping[str, Any]) -> bool:
    """Whether transformers has a classifier of this type itself."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

    return config["model_type"] in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES


def load_classifier(folder: Path, device: torch.device, dtype: torch.dtype, trusted: bool) -> tuple[Any, Any]:
    """Tokenizer and model, ready to score. Raises ConfigError where they cannot be loaded."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    with quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=trusted)
        except Exception as error:  # of transformers, safetensors, or the model's own code
            raise ConfigError(
                f"{KEY}: {folder} has no tokenizer that can be loaded ({first_sentence(error)}); "
                + (
                    _TRUST
                    if "trust_remote_code" in str(error)
                    else "copy its tokenizer.json and what belongs to it there."
                )
            ) from error
        try:
            model, found = AutoModelForSequenceClassification.from_pretrained(
                folder, local_files_only=True, dtype=dtype, trust_remote_code=trusted, output_loading_info=True
            )
        except Exception as error:
            raise ConfigError(
                f"{KEY}: {folder} cannot be loaded as a sequence classifier ({first_sentence(error)}); "
                "give a reward model or a classifier, or update transformers."
            ) from error
    missing = sorted(found["missing_keys"])
    if missing:  # transformers draws them at random, with a warning
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ConfigError(
            f"{KEY}: {folder} holds no weights for {missing[0]}{more}, and a head drawn at random scores nothing; "
            "give a model that was trained to score texts, with all its weights."
        )
    model.config.use_cache = False
    return tokenizer, _placed(model, folder, device).eval().requires_grad_(False)


def _placed(model: Any, folder: Path, device: torch.device) -> Any:
    """The model on its device. Raises ConfigError where there is no room for it."""
    import torch

    try:
        return model.to(device)
    except torch.OutOfMemoryError as error:
        raise ConfigError(
            f"{KEY}: {folder} does not fit the memory that is left on {device}; set utility.device to another, or "
            "utility.dtype to bfloat16."
        ) from error
    except ValueError as error:  # a quantised model stays where it was put
        raise ConfigError(
            f"{KEY}: {folder} cannot be put on {device} ({first_sentence(error)}); give the full-precision model."
        ) from error


def column_of(model: Any, label: str | int | None, likely: Sequence[str], given: str) -> int:
    """The position of the label that counts. Raises ConfigError where that is not clear."""
    names = [str(model.config.id2label.get(i, i)) for i in range(model.config.num_labels)]
    if isinstance(label, int):
        if 0 <= label < len(names):
            return label
        raise ConfigError(f"utility.label: {label} is not allowed; {given} has the labels 0 to {len(names) - 1}.")
    if label is not None:
        if label in names:
            return names.index(label)
        raise ConfigError(f"utility.label: {given} has no label {label!r}; {nearest(label, names)}")
    if len(names) == 1:
        return 0
    folded = [name.casefold() for name in names]
    for wanted in likely:
        if wanted.casefold() in folded:
            return folded.index(wanted.casefold())
    raise ConfigError(
        f"utility.label: {given} has {len(names)} labels, and none is named; give one of {', '.join(names[:8])}."
    )
