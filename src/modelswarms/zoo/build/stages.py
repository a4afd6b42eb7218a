"""The four stages of a build. Each one starts from what the ones before left on disk and skips what is done."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from modelswarms.zoo.build.export import load_base, load_expert, save_base, save_expert
from modelswarms.zoo.build.lora import Adapter, combine, train_adapter
from modelswarms.zoo.build.model import Kernels, Weights
from modelswarms.zoo.build.questions import (
    Question,
    held_out_fingerprints,
    load_questions,
    make_questions,
    save_questions,
)
from modelswarms.zoo.build.settings import BuildSettings
from modelswarms.zoo.build.table import Examination, Scores, write_table
from modelswarms.zoo.build.train import expose, train_base

__all__ = ["BASE_NAME", "Build", "STAGES", "build"]

log = logging.getLogger(__name__)

BASE_NAME: Final = "modelswarms-zoo/base"


@dataclass(frozen=True)
class Build:
    """Where a build lives and what it is made with.

    Attributes:
        folder: the build's folder.
        nlgraph: a file of real NLGraph questions for the table's outside check, or None.
    """

    folder: Path
    settings: BuildSettings
    seed: int
    device: torch.device
    nlgraph: Path | None = None

    @cached_property
    def kernels(self) -> Kernels:
        return Kernels.compiled() if self.device.type == "cuda" else Kernels()

    @cached_property
    def questions(self) -> dict[str, list[Question]]:
        return load_questions(self._need("questions.json", "data"))

    @cached_property
    def held_out(self) -> Tensor:
        return held_out_fingerprints([item for items in self.questions.values() for item in items])

    @cached_property
    def base(self) -> Weights:
        self._need("base/config.json", "base")
        return load_base(self.folder / "base", self.device)

    def _need(self, name: str, stage: str) -> Path:
        path = self.folder / name
        if not path.exists():
            raise FileNotFoundError(f"{path}: not there yet; run --stage {stage} first")
        return path


def _data(build: Build) -> None:
    path = build.folder / "questions.json"
    if path.exists():
        log.info("data: %s is there", path.name)
        return
    sets = make_questions(build.settings, build.seed)
    save_questions(path, sets)
    log.info("data: %s", ", ".join(f"{len(items)} {split}" for split, items in sets.items()))


def _base(build: Build) -> None:
    folder = build.folder / "base"
    if (folder / "config.json").exists():
        log.info("base: there")
        return
    checkpoint = build.folder / "base.checkpoint"
    weights = train_base(build.settings, build.seed, build.device, build.held_out, build.kernels, checkpoint)
    weights = expose(weights, build.settings, build.seed, build.held_out, build.kernels)
    save_base(folder, weights, build.settings.shape)
    checkpoint.unlink(missing_ok=True)


def _experts(build: Build) -> None:
    plans = [(plan, build.folder / "experts" / plan.name) for plan in build.settings.experts]
    plans.append((build.settings.ceiling, build.folder / build.settings.ceiling.name))
    for plan, folder in plans:
        if (folder / "adapter_config.json").exists():
            log.info("expert %s: there", plan.name)
            continue
        adapter = train_adapter(build.base, plan, build.settings, build.seed, build.held_out, build.kernels)
        save_expert(folder, adapter, BASE_NAME)


def _table(build: Build) -> None:
    shape, plans = build.settings.shape, build.settings.experts
    sets = dict(build.questions)
    if build.nlgraph is not None:
        sets |= {f"NLGraph {split}": items for split, items in load_questions(build.nlgraph).items()}
    exams = {split: Examination(items, build.device) for split, items in sets.items()}
    experts = [load_expert(build.folder / "experts" / plan.name, build.device) for plan in plans]
    ceiling = load_expert(build.folder / build.settings.ceiling.name, build.device)
    count = len(experts)
    models: dict[str, tuple[list[Adapter], list[float]]] = {
        "base": ([ceiling], [0.0]),
        **{plan.name: ([expert], [1.0]) for plan, expert in zip(plans, experts, strict=True)},
        "average of all": (experts, [1 / count] * count),
        "sum of all": (experts, [1.0] * count),
        "ceiling": ([ceiling], [1.0]),
    }
    scores: Scores = {}
    for name, (adapters, coefficients) in models.items():
        weights = combine(build.base, adapters, coefficients)
        scores[name] = {split: exam.by_family(exam.right(weights, shape)) for split, exam in exams.items()}
        log.info("table: %s %s", name, scores[name])
    dev = exams["dev"]
    log.info("table: the base ends %.1f %% of its answers", 100 * dev.ends(build.base, shape))
    log.info("table: %.1f tokens a dev prompt, %.1f a test prompt", dev.mean_tokens, exams["test"].mean_tokens)
    roles = {plan.name: plan.role for plan in (*plans, build.settings.ceiling)}
    write_table(build.folder, scores, {split: exam.counts() for split, exam in exams.items()}, roles)


STAGES: Final[dict[str, Callable[[Build], None]]] = {
    "data": _data,
    "base": _base,
    "experts": _experts,
    "table": _table,
}
"""The stages in their order."""


def build(plan: Build, stages: tuple[str, ...] = tuple(STAGES)) -> None:
    """Run ``stages``; a stage that is done already takes no time.

    Raises:
        ValueError: if the folder holds a build from another seed or setting.
        FileNotFoundError: if an earlier stage is missing.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    identity = {"seed": plan.seed, "setting": plan.settings.name}
    path = plan.folder / "build.json"
    if path.exists() and json.loads(path.read_text()) != identity:
        raise ValueError(f"{plan.folder}: holds a build of {path.read_text().strip()}; choose another --out")
    path.write_text(json.dumps(identity) + "\n")
    for stage in stages:
        began = time.monotonic()
        STAGES[stage](plan)
        log.info("stage %s: %.1f s", stage, time.monotonic() - began)
