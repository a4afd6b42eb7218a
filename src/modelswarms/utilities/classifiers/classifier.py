"""A classifier by its keys: found and checked early, loaded once, and then a number for every text."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from modelswarms.errors import ConfigError, EvaluationError
from modelswarms.experts.base import base_fingerprint, file_digest
from modelswarms.experts.hub import fetch_model, hub_id
from modelswarms.loading import BLOCK_TOKENS, DEVICE, DTYPES, device_of, dtype_of
from modelswarms.settings import internal
from modelswarms.utilities.classifiers.folder import KEY, check_folder, column_of, load_classifier
from modelswarms.utilities.classifiers.loaded import Form, Loaded, Text, beginning

__all__ = ["Classifier", "ClassifierKeys"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClassifierKeys:
    """The keys of a utility that scores with a classifier.

    Attributes:
        model: a folder, or on the hub ``org/name`` or ``org/name@revision``.
        device: as ``engine.device``; ``auto`` is cuda, else mps, else cpu.
        dtype: as ``engine.dtype``; ``auto`` is bfloat16 where the device computes it fast, else float32.
        label: which of several labels counts, by name or position; a model with one needs none.
        trust_remote_code: whether code that comes with the model may be run.
        batch_tokens: padded tokens that are run together; by default what suits the device.

    Raises:
        ConfigError: a value is not allowed; the message names the key.
    """

    model: str = ""
    device: str = "auto"
    dtype: str = "auto"
    label: str | int | None = None
    trust_remote_code: bool = False
    batch_tokens: int | None = None
    classifier: Classifier | None = internal(None)

    likely: ClassVar[tuple[str, ...]] = ()
    models: ClassVar[tuple[str, ...]] = ("model",)

    def __post_init__(self) -> None:
        if not self.model:
            raise ConfigError(f"{KEY}: not given; write the folder or the hub id of a sequence classifier.")
        if not DEVICE.fullmatch(self.device):
            raise ConfigError(
                f"utility.device: {self.device!r} is not allowed; give 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'."
            )
        if self.dtype not in DTYPES:
            raise ConfigError(f"utility.dtype: {self.dtype!r} is not allowed; give {' or '.join(map(repr, DTYPES))}.")
        if self.batch_tokens is not None and self.batch_tokens < 1:
            raise ConfigError(f"utility.batch_tokens: {self.batch_tokens} is not allowed; give at least 1, or null.")
        if self.classifier is None:
            object.__setattr__(self, "classifier", self._made())

    @property
    def held(self) -> Classifier:
        """The classifier, which copies of the utility share."""
        if self.classifier is None:
            raise ConfigError(f"{KEY}: not given; write the folder or the hub id of a sequence classifier.")
        return self.classifier

    def load(self) -> None:
        """Loads the classifier, once. Raises WrongInputError where it cannot be used."""
        self.held.load()

    def open(self, folder: Path) -> None:
        """Nothing is kept in the run's folder."""

    def close(self) -> None:
        """Frees the classifier."""
        self.held.close()

    def _made(self) -> Classifier:
        return Classifier(
            self.model,
            device=self.device,
            dtype=self.dtype,
            label=self.label,
            likely=self.likely,
            trust_remote_code=self.trust_remote_code,
            batch_tokens=self.batch_tokens,
        )


class Classifier:
    """An ``AutoModelForSequenceClassification`` that gives every text one number.

    Args:
        model, device, dtype, label, trust_remote_code, batch_tokens: as the keys of :class:`ClassifierKeys`.
        likely: names of labels of which the first that the model has is taken where ``label`` is None.
    """

    def __init__(
        self,
        model: str,
        *,
        device: str = "auto",
        dtype: str = "auto",
        label: str | int | None = None,
        likely: Sequence[str] = (),
        trust_remote_code: bool = False,
        batch_tokens: int | None = None,
    ) -> None:
        self.given, self.label, self.likely, self.trusted = model, label, tuple(likely), trust_remote_code
        self._device_name, self._dtype_name, self._batch_tokens = device, dtype, batch_tokens
        self._folder: Path | None = None
        self._loaded: Loaded | None = None
        self._told = False

    def find(self) -> Path:
        """The model's local folder; fetched from the hub where it is an id.

        Raises:
            WrongInputError: there is none, it holds no model, or its code may not be run.
        """
        if self._folder is None:
            wanted = hub_id(self.given, KEY)
            folder = Path(self.given).expanduser() if wanted is None else fetch_model(wanted, KEY, code=self.trusted)
            check_folder(folder, self.trusted)
            self._folder = folder
        return self._folder

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all that a score depends on: configurations, tokenizer, template, weights, and trusted code."""
        digest = base_fingerprint(self.find())
        code = sorted(self.find().glob("*.py")) if self.trusted else []
        if not code:
            return digest
        lines = [digest, *(f"{path.name} {file_digest(path)}" for path in code)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def load(self) -> None:
        """Loads the model; a second call does nothing.

        Raises:
            WrongInputError: it cannot be loaded, has no head of its own, or has several labels and none was named.
        """
        if self._loaded is None:
            device = device_of(self._device_name, "utility.device")
            dtype = dtype_of(self._dtype_name, device)
            tokenizer, model = load_classifier(self.find(), device, dtype, self.trusted)
            column = column_of(model, self.label, self.likely, self.given)
            budget = self._batch_tokens or BLOCK_TOKENS[device.type]
            self._loaded = Loaded(tokenizer, model, column, budget)

    def close(self) -> None:
        """Frees the model; the next text loads it again."""
        if self._loaded is not None:
            device = self._loaded.model.device.type
            self._loaded = None
            if device == "cuda":
                import torch

                torch.cuda.empty_cache()

    def logits(self, texts: Sequence[Text]) -> list[float]:
        """The label's raw output for each text, in their order.

        A text beyond the model's context is cut: first the beginning of what was asked, then the end of what
        was answered.

        Raises:
            EvaluationError: an output is not a finite number, or the model fails.
        """
        return self._outputs(texts, "raw")

    def probabilities(self, texts: Sequence[Text]) -> list[float]:
        """The label's probability for each text: softmax over exclusive labels, else the sigmoid. Raises as above."""
        return self._outputs(texts, "probability")

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text as the model's tokenizer counts them, with those that it adds itself."""
        return [len(ids) for ids in self._ready().tokenizer(list(texts), verbose=False)["input_ids"]] if texts else []

    def _ready(self) -> Loaded:
        self.load()
        if self._loaded is None:
            raise EvaluationError(f"{KEY}: {self.given} is not loaded.")
        return self._loaded

    def _outputs(self, texts: Sequence[Text], form: Form) -> list[float]:
        loaded = self._ready()
        rows, cut = loaded.rows(texts)
        if cut and not self._told:
            self._told = True
            log.warning(
                "%s: %d of %d texts are longer than the context of %d tokens; what was asked loses its beginning, "
                "then what was answered its end", self.given, cut, len(texts), loaded.context,
            )  # fmt: skip
        found = loaded.outputs(rows, form)
        for text, value in zip(texts, found, strict=True):
            if not math.isfinite(value):
                raise EvaluationError(
                    f"{KEY}: {self.given} gave {value} for a text that begins {beginning(text)!r}; "
                    "set utility.dtype: float32, or leave the example out."
                )
        return found
