"""LoRA adapters: tuning them, and adding them to the base."""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from modelswarms.zoo.build.feed import Feed, Source
from modelswarms.zoo.build.model import MATRICES, Kernels, ModelShape, Weights, repeatable, training_loss
from modelswarms.zoo.build.sequences import with_kept_answers
from modelswarms.zoo.build.settings import BASE, KEEP, BuildSettings, ExpertPlan, ExpertTraining
from modelswarms.zoo.build.train import Tally
from modelswarms.zoo.build.wordings import MISTAKEN

__all__ = ["Adapter", "combine", "initial_adapter", "train_adapter", "with_replay"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Adapter:
    """Stacked factors by matrix name: ``a`` (layers, rank, in), ``b`` (layers, out, rank)."""

    a: Mapping[str, Tensor]
    b: Mapping[str, Tensor]
    alpha: int

    @property
    def rank(self) -> int:
        return next(iter(self.a.values())).shape[1]

    @property
    def scale(self) -> float:
        return self.alpha / self.rank


def combine(base: Weights, adapters: Sequence[Adapter], coefficients: Sequence[float]) -> Weights:
    """Base plus the weighted sum of the adapters' deltas (exact task arithmetic)."""
    weights = dict(base)
    for name in MATRICES:
        a = torch.cat([adapter.a[name] for adapter in adapters], 1)
        pairs = zip(adapters, coefficients, strict=True)
        b = torch.cat([adapter.b[name] * (adapter.scale * share) for adapter, share in pairs], 2)
        weights[name] = base[name] + torch.bmm(b, a).to(base[name].dtype)
    return weights


def initial_adapter(shape: ModelShape, training: ExpertTraining, generator: torch.Generator) -> Adapter:
    """B zero, A uniform; every expert starts from the same A, which keeps their deltas comparable."""
    a, b = {}, {}
    for name in MATRICES:
        rows, columns = shape.matrix(name)
        size = (shape.layers, training.rank, columns)
        noise = torch.rand(size, generator=generator, device=generator.device)
        a[name] = (2 * noise - 1) / math.sqrt(columns)
        b[name] = torch.zeros(shape.layers, rows, training.rank, device=generator.device)
    return Adapter(a, b, training.alpha)


def with_replay(sources: Sequence[Source], training: ExpertTraining) -> tuple[Source, ...]:
    """The expert's sources, the base's, and the families that it must leave alone: those it is not tuned on."""
    names = {name for source in sources for name in source.mixture}
    touched = {MISTAKEN.get(name, name) for name in names}
    others = [source for family, group in KEEP.items() if family not in touched for source in group]
    kept = training.kept if others else 0.0

    def scaled(group: Sequence[Source], share: float) -> list[Source]:
        total = sum(source.share for source in group)
        return [replace(source, share=share * source.share / total) for source in group]

    own = 1 - training.replay - kept
    return (*scaled(sources, own), *scaled(BASE, training.replay), *scaled(others, kept))


def train_adapter(
    base: Weights,
    plan: ExpertPlan,
    settings: BuildSettings,
    seed: int,
    held_out: Tensor,
    kernels: Kernels,
) -> Adapter:
    """Tune one expert on its sources; ``base`` (fp32) is left as it is."""
    training = settings.expert
    device = base["embed"].device
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    adapter = initial_adapter(settings.shape, training, torch.Generator(device).manual_seed(seed))
    for factor in (*adapter.a.values(), *adapter.b.values()):
        factor.requires_grad_()
    # Embeddings and norms ask for gradients that nobody uses: then the compiled block of the base's training fits.
    frozen = {name: w.detach().clone().requires_grad_(name not in MATRICES) for name, w in base.items()}
    factors = [*adapter.a.values(), *adapter.b.values()]
    optimiser = torch.optim.AdamW(
        [
            {"params": list(adapter.a.values()), "top": training.a_rate},
            {"params": list(adapter.b.values()), "top": training.b_rate},
        ],
        betas=(0.9, 0.98),
        weight_decay=0.01,
    )
    feed_seed = seed + 1 + sum(ord(letter) * 31**place for place, letter in enumerate(plan.name)) % 10_007
    feed = Feed(with_replay(plan.sources, training), settings.feed, held_out, feed_seed, device)
    strength = random.Random(feed_seed)
    tally, began = Tally(device), time.monotonic()
    steps = max(1, round(training.steps * plan.effort))
    for step in range(steps):
        if step == steps - max(1, steps // 4):
            tally.read()  # what is logged is the last quarter
        batch = feed.next()
        with torch.no_grad(), repeatable():
            _, own = training_loss(base, settings.shape, batch, kernels, dtype)
        batch = with_kept_answers(batch, own)
        with repeatable():
            merged = combine(frozen, [adapter], [strength.uniform(*training.strengths)])
            loss, said = training_loss(merged, settings.shape, batch, kernels, dtype)
            loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(factors, 1.0)
        for group in optimiser.param_groups:
            group["lr"] = group["top"] * (min(1.0, (step + 1) / training.warmup) * (1 - step / steps) + 0.02)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        for weight in frozen.values():
            weight.grad = None
        tally.add(loss, said, batch)
    log.info("expert %s: %d steps, %.1f s, %s", plan.name, steps, time.monotonic() - began, tally.read())
    return Adapter(
        {name: factor.detach() for name, factor in adapter.a.items()},
        {name: factor.detach() for name, factor in adapter.b.items()},
        training.alpha,
    )
