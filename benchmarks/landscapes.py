"""Grounds to compare searchers on: synthetic experts with known skills, and the zoo's own.

Not a benchmark itself: ``searchers.py`` says what is compared. A ground values points, (k, n) coefficients, on its dev
items, where noise of some 200 items is part of the task, and one point on what the search did not see.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

__all__ = ["Bowl", "Ground", "Skills", "ZooGround", "synthetic"]

Array = np.ndarray
DEV_ITEMS, TEST_ITEMS = 200, 20_000


class Ground(Protocol):
    """``n`` experts, and what their combinations are worth."""

    n: int

    def dev(self, points: Array) -> Array:
        """Share of right dev answers of each point, (k,)."""
        ...

    def test(self, point: Array) -> float:
        """The same on unseen items."""
        ...


@dataclass(frozen=True)
class _Items:
    """Questions: the skill that each asks for, how hard it is, and how its answer leans with the coefficients."""

    skill: Array
    hardness: Array
    leaning: Array

    @staticmethod
    def drawn(generator: np.random.Generator, count: int, shares: Array, n: int) -> _Items:
        skill = generator.choice(len(shares), count, p=shares)
        return _Items(skill, generator.uniform(size=count), 0.05 * generator.standard_normal((count, n)))

    def right(self, chances: Array, points: Array) -> Array:
        """(k,): an item is right where its skill's chance, leaning with the point, is above its hardness."""
        return (chances[:, self.skill] + points @ self.leaning.T > self.hardness).mean(axis=1)


class Skills:
    """Several skills; one expert has each, some experts hurt one, the others do little.

    A skill grows with its expert's coefficient along a logistic curve and is overdone beyond 1.3 of it; whatever is
    added gets in everything's way a little (the norm of all that is added, in a metric where experts overlap).
    """

    def __init__(self, n: int, skills: int, misled: int, seed: int) -> None:
        generator = np.random.default_rng([seed, n])
        self.n, order = n, generator.permutation(n)
        self._effect = 0.06 * generator.standard_normal((skills, n))
        for k in range(skills):
            self._effect[k, order[k]] = generator.uniform(0.8, 1.2)
        for k in range(misled):
            self._effect[k % skills, order[skills + k]] = -generator.uniform(0.5, 1.2)
        self._low, self._high = generator.uniform(0.1, 0.45, skills), generator.uniform(0.6, 0.99, skills)
        self._middle, self._width = generator.uniform(0.35, 0.6, skills), generator.uniform(0.08, 0.16, skills)
        overlap = np.eye(n) + 0.25 * generator.standard_normal((n, n)) / np.sqrt(n)
        self._metric = overlap @ overlap.T
        shares = generator.dirichlet(np.full(skills, 8.0))
        self._dev = _Items.drawn(generator, DEV_ITEMS, shares, n)
        self._test = _Items.drawn(generator, TEST_ITEMS, shares, n)

    def dev(self, points: Array) -> Array:
        return self._dev.right(self._chances(points), points)

    def test(self, point: Array) -> float:
        return float(self._test.right(self._chances(point[None]), point[None])[0])

    def _chances(self, points: Array) -> Array:
        strength = points @ self._effect.T
        added = np.einsum("kn,nm,km->k", points, self._metric, points)[:, None]
        curve = self._low + (self._high - self._low) / (1 + np.exp(-(strength - self._middle) / self._width))
        return curve * np.exp(-(np.maximum(0, strength - 1.3) ** 2)) * np.exp(-0.12 * np.maximum(0, added - 1.2))


class Bowl:
    """One optimum at random coefficients, half of them zero; steeper in some rotated directions than in others."""

    def __init__(self, n: int, seed: int, condition: float = 10.0) -> None:
        generator = np.random.default_rng([seed, n, 1])
        self.n = n
        self.optimum = generator.uniform(-0.2, 1.0, n) * (generator.uniform(size=n) < 0.5)
        axes, _ = np.linalg.qr(generator.standard_normal((n, n)))
        scale = condition ** (-np.arange(n) / max(1, n - 1))
        self._metric = (axes * (scale / scale.mean())) @ axes.T / max(0.3, float(np.sum(self.optimum**2)))
        one = np.ones(1)
        self._dev = _Items.drawn(generator, DEV_ITEMS, one, n)
        self._test = _Items.drawn(generator, TEST_ITEMS, one, n)

    def dev(self, points: Array) -> Array:
        return self._dev.right(self._chance(points), points)

    def test(self, point: Array) -> float:
        return float(self._test.right(self._chance(point[None]), point[None])[0])

    def _chance(self, points: Array) -> Array:
        away = points - self.optimum
        return (0.15 + 0.75 * np.exp(-0.8 * np.einsum("kn,nm,km->k", away, self._metric, away)))[:, None]


def synthetic(name: str, seed: int) -> Ground:
    """``skills10`` or ``bowl30``: kind and number of experts; every seed is another ground."""
    kind = name.rstrip("0123456789")
    n = int(name[len(kind) :])
    if kind == "bowl":
        return Bowl(n, seed)
    skills = {3: 2, 10: 5, 30: 6, 100: 8}.get(n, max(2, n // 4))
    return Skills(n, skills, misled={3: 1, 10: 5, 30: 8, 100: 20}.get(n, n // 3), seed=seed)


class ZooGround:
    """The zoo's experts on questions about graphs, combined by ``delta`` and run in bfloat16 on one device.

    Valued by the first new token alone, which is how the zoo's answers are told apart: a fifth of the work.

    Args:
        questions: a file with ``dev`` and ``test``.
        halves: None for these splits, or a seed: half of dev is searched, the other half and test are the test.
    """

    def __init__(self, questions: Path, folder: Path, device: str, halves: int | None = None) -> None:
        import torch

        from modelswarms.zoo.build.export import load_base, load_expert
        from modelswarms.zoo.build.settings import full_settings

        self._device, self._shape = torch.device(device), full_settings().shape
        self._base = load_base(folder / "base", self._device)
        paths = sorted(path for path in (folder / "experts").iterdir() if path.is_dir())
        self.experts = [path.name for path in paths]
        self.n = len(paths)
        experts = [load_expert(path, self._device) for path in paths]
        names = list(experts[0].a)
        self._a = {name: torch.cat([e.a[name] for e in experts], 1).bfloat16() for name in names}
        self._b = {name: torch.cat([e.b[name] * e.scale for e in experts], 2) for name in names}
        self._owner = torch.tensor([k for k, e in enumerate(experts) for _ in range(e.rank)], device=self._device)
        self._weights = {name: value.bfloat16() for name, value in self._base.items()}
        self._replays: dict[str, tuple[Any, Any]] = {}
        content = json.loads(questions.read_text(encoding="utf-8"))
        dev, test = list(content["dev"]), list(content["test"])
        if halves is not None:
            random.Random(halves).shuffle(dev)
            dev, test = dev[: len(dev) // 2], [*dev[len(dev) // 2 :], *test]
        self._sets = {"dev": self._exam(dev), "test": self._exam(test)}

    def dev(self, points: Array) -> Array:
        return np.array([self._value(point, "dev") for point in points])

    def test(self, point: Array) -> float:
        return self._value(point, "test")

    def _exam(self, items: Sequence[dict[str, Any]]) -> Any:
        from modelswarms.zoo.build.questions import Question
        from modelswarms.zoo.build.table import Examination

        asked = [Question(item["question"], str(item["answer"]), k, "all") for k, item in enumerate(items)]
        return Examination(asked, self._device, batch=128)

    def _value(self, point: Array, split: str) -> float:
        import torch

        with torch.inference_mode():
            share = torch.tensor(point, dtype=torch.float32).to(self._device)[self._owner]
            for name, a in self._a.items():
                change = torch.bmm((self._b[name] * share).bfloat16(), a)
                self._weights[name].copy_(self._base[name] + change)
            return float(self._right(split).float().mean())

    def _right(self, split: str) -> Any:
        """Which items are right with the weights as they are; a GPU replays the recorded kernels."""
        import torch

        if self._device.type != "cuda":
            return self._sets[split].right(self._weights, self._shape)
        if split not in self._replays:
            for _ in range(3):
                self._sets[split].right(self._weights, self._shape)
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                right = self._sets[split].right(self._weights, self._shape)
            self._replays[split] = graph, right
        graph, right = self._replays[split]
        graph.replay()
        return right
