"""Training the base: one pass through the schedule, resumable from a checkpoint."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modelswarms.zoo.build.feed import Feed
from modelswarms.zoo.build.model import Kernels, Weights, digest, initial_weights, repeatable, training_loss
from modelswarms.zoo.build.muon import Optimiser
from modelswarms.zoo.build.sequences import Batch, without_kept_answers
from modelswarms.zoo.build.settings import BASE, EXPOSURE, BaseTraining, BuildSettings
from modelswarms.zoo.build.tasks import TASKS

__all__ = ["CHECKPOINT_SECONDS", "Tally", "expose", "rate_at", "train_base"]

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 90.0

DIGEST_STEPS = 250
"""So often the log shows the weights' fingerprint, by which two builds can be compared."""


class Tally:
    """Running loss and accuracy by task, kept on the device until it is read."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._clear()

    def _clear(self) -> None:
        self.right = torch.zeros(len(TASKS), device=self._device)
        self.asked = torch.zeros(len(TASKS), device=self._device)
        self.loss = torch.zeros((), device=self._device)
        self.steps = 0

    def add(self, loss: Tensor, said: Tensor, batch: Batch) -> None:
        valid = (batch.target >= 0).flatten().float()
        task = batch.task.flatten()
        self.right.scatter_add_(0, task, (said == batch.target).flatten().float() * valid)
        self.asked.scatter_add_(0, task, valid)
        self.loss += loss.detach()
        self.steps += 1

    def read(self) -> str:
        """Mean loss and percent right by task since the last reading."""
        share = (100 * self.right / self.asked.clamp(min=1)).tolist()
        parts = [f"{t.name} {s:.0f}" for t, s, n in zip(TASKS, share, self.asked.tolist(), strict=True) if n]
        text = f"loss {float(self.loss) / max(1, self.steps):.4f} | " + ", ".join(parts)
        self._clear()
        return text


def rate_at(step: int, training: BaseTraining) -> float:
    """Learning rate at ``step`` as a share of the highest: warm-up, plateau, linear decay, floor."""
    progress = step / training.steps
    decayed = (1 - progress) / training.decay
    return min(1.0, (step + 1) / training.warmup) * max(training.floor, min(1.0, decayed))


def train_base(
    settings: BuildSettings, seed: int, device: torch.device, held_out: Tensor, kernels: Kernels, checkpoint: Path
) -> Weights:
    """Train from scratch, or on from ``checkpoint`` if it exists; fp32 weights come back.

    The checkpoint is left behind, complete, so that the exposure can start from it again.
    """
    training = settings.base
    weights = initial_weights(settings.shape, torch.Generator(device).manual_seed(seed))
    optimiser = _optimiser(weights, training)
    feed = Feed(BASE, settings.feed, held_out, seed, device)
    step = _load(checkpoint, weights, optimiser, feed, device) if checkpoint.exists() else 0
    tally, tokens = Tally(device), 0
    saved = spoken = time.monotonic()
    while step < training.steps:
        feed.scale = min(1.0, 0.5 + 0.5 * step / (training.growth * training.steps))
        batch = feed.next()
        with repeatable():
            loss, said = training_loss(weights, settings.shape, batch, kernels, _dtype(device))
            loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step(rate_at(step, training), momentum=0.85 + 0.10 * min(1.0, step / 300))
        tally.add(loss, said, batch)
        tokens += batch.tokens
        step += 1
        if step % 16 == 0 and device.type == "cuda":
            torch.cuda.synchronize()  # keeps the queue, and with it the pools in memory, short
        if step % DIGEST_STEPS == 0:
            log.info("base step %d, weights %s", step, digest(weights))
        now = time.monotonic()
        if now - spoken > 10 or step == training.steps:
            log.info("base step %d, %.2fM tokens/s, %s", step, tokens / (now - spoken) / 1e6, tally.read())
            spoken, tokens = now, 0
        done = step == training.steps
        if done or (now - saved > CHECKPOINT_SECONDS and feed.between_pools):
            _save(checkpoint, step, weights, optimiser, {} if done else feed.state())
            saved = now
    log.info("base trained; %d training graphs were held out as dev or test graphs", feed.dropped)
    return _detached(weights)


def expose(
    weights: Weights,
    settings: BuildSettings,
    seed: int,
    held_out: Tensor,
    kernels: Kernels,
    watch: Callable[[int, Weights], None] = lambda step, weights: None,
) -> Weights:
    """The weak exposure: a few slow steps in which a few questions have the families' wordings, on tiny graphs.

    ``weights`` are left as they are; ``watch(step, weights)`` is called after every tenth step.
    """
    training = settings.base
    device = weights["embed"].device
    weights = {name: weight.clone() for name, weight in weights.items()}
    optimiser = _optimiser(weights, training)
    feed = Feed((*BASE, *EXPOSURE), settings.feed, held_out, seed + 500_009, device)
    tally = Tally(device)
    for step in range(1, training.exposure_steps + 1):
        batch = without_kept_answers(feed.next())
        with repeatable():
            loss, said = training_loss(weights, settings.shape, batch, kernels, _dtype(device))
            loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step(training.exposure_rate, momentum=0.85)
        tally.add(loss, said, batch)
        if step % 10 == 0:
            watch(step, weights)
    log.info("exposure: %d steps, weights %s, %s", training.exposure_steps, digest(weights), tally.read())
    return _detached(weights)


def _dtype(device: torch.device) -> torch.dtype:
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def _optimiser(weights: Weights, training: BaseTraining) -> Optimiser:
    for weight in weights.values():
        weight.requires_grad_()
    return Optimiser(weights, training.matrix_rate, training.other_rate, training.weight_decay)


def _detached(weights: Weights) -> Weights:
    return {name: weight.detach() for name, weight in weights.items()}


def _save(path: Path, step: int, weights: Weights, optimiser: Optimiser, feed: dict[str, Any]) -> None:
    state = {"step": step, "weights": weights, "optimiser": optimiser.state(), "feed": feed}
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def _load(path: Path, weights: Weights, optimiser: Optimiser, feed: Feed, device: torch.device) -> int:
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(state["weights"][name])
    optimiser.restore(state["optimiser"])
    if state["feed"]:  # a finished training has no more need of it
        feed.restore(state["feed"])
    log.info("base goes on from step %d", state["step"])
    return int(state["step"])
