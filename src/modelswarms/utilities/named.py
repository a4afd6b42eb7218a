"""The utilities that have a name: a kind, the keys that it differs in, and a data set; one line each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from modelswarms import zoo
from modelswarms.utilities.multiple_choice import AFTER_EXAMPLE, COMPLETES

__all__ = ["NAMED", "Named"]


@dataclass(frozen=True)
class Named:
    """What a name stands for.

    Attributes:
        kind: one of ``KINDS`` in :mod:`modelswarms.utilities.table`.
        keys: those that differ from the kind's defaults.
        data: the file of the same name in the data folder, unless this names another: a data set, or a path.
    """

    kind: str
    keys: Mapping[str, Any] = field(default_factory=dict)
    data: str | None = None


HUMAN_INTERESTS: Final = (
    "asian_food", "cartoons", "drone_AI", "electric_vehicles", "finance", "legal_AI", "luxury_car", "music_instrument",
    "olympics", "phd_application", "plastic", "policy", "sandbox_games", "social_network", "south_america",
    "us_tourism",
)  # fmt: skip
"""What people asked about, and a judge rates answers to."""

NAMED: Final[Mapping[str, Named]] = {
    "zoo": Named("exact_match", {"max_new_tokens": zoo.ANSWER_TOKENS}, str(zoo.questions_path())),
    "nlgraph": Named("exact_match", {"max_new_tokens": 10}),
    "gsm8k": Named("exact_match", {"max_new_tokens": 200, "which": "last"}),
    "mmlu": Named("multiple_choice"),
    "mmlu_pro": Named("multiple_choice"),
    "hellaswag": Named("multiple_choice", {"instruction": COMPLETES}),
    "truthfulqa": Named("multiple_choice"),
    "knowledge_crosswords": Named("multiple_choice", {"instruction": None, "template": AFTER_EXAMPLE}),
    "hearsay": Named("multiple_choice"),
    "citation_prediction_classification": Named("multiple_choice"),
    "medqa": Named("multiple_choice"),
    "medmcqa": Named("multiple_choice"),
    "scifact": Named("multiple_choice"),
    "stem": Named("multiple_choice"),
    "normad_country": Named("multiple_choice"),
    "normad_value": Named("multiple_choice"),
    "legal": Named("multi_task", {"parts": ("hearsay", "citation_prediction_classification")}),
    "medical": Named("multi_task", {"parts": ("medqa", "medmcqa")}),
    "science": Named("multi_task", {"parts": ("scifact", "stem")}),
    "culture": Named("multi_task", {"parts": ("normad_country", "normad_value")}),
    "abstain_mmlu": Named("abstention", data="mmlu"),
    "realtoxicityprompts": Named("toxicity"),
    "rm_default": Named("reward_model", {"mode": "default"}, "rm"),
    "rm_concise": Named("reward_model", {"mode": "concise"}, "rm"),
    "rm_verbose": Named("reward_model", {"mode": "verbose"}, "rm"),
    "rm_reverse": Named("reward_model", {"mode": "reverse"}, "rm"),
    **{f"human_{interest}": Named("judge") for interest in HUMAN_INTERESTS},
}
