"""The method in weight space, written from the paper's equations: real tensors, moved one by one.

Independent of the package but for its draws and its settings: positions here are weights, not coefficients.
Draws of each coefficient need experts that are the unit vectors, whose weights are their coefficients.
"""

from __future__ import annotations

import numpy as np

from modelswarms.swarm import SwarmConfig, draws, uniforms


class WeightSpaceSwarm:
    """``experts`` is a list of experts, each a list of float64 tensors; the base's change is zero."""

    def __init__(self, experts: list[list[np.ndarray]], config: SwarmConfig, seed: int) -> None:
        self.config, self.seed, self.iteration = config, seed, 0
        self.bare = config.motion == "bare_bones"
        self.width = len(experts) if config.draws_per == "coefficient" and not self.bare else 1
        self.centre = None
        self.x = [[t.copy() for t in expert] for expert in experts]
        if config.include_base:
            self.x.append([np.zeros_like(t) for t in experts[0]])
        if config.populate:
            self._add_pairs(experts)
        count = len(self.x)
        self.v = [[np.zeros_like(t) for t in particle] for particle in self.x]
        if config.starting_velocity == "random" and count > 1:
            for i, u in enumerate(uniforms(seed, 0, 4 * count)[3 * count :]):
                j = int(u * (count - 1))
                j += j >= i
                self.v[i] = [b - a for a, b in zip(self.x[i], self.x[j], strict=True)]
        self.p = [None] * count  # (value, tensors)
        self.stale = [0] * count
        self.g = self.w = None
        self.idle = 0
        self.step = config.step_length

    def _add_pairs(self, experts: list[list[np.ndarray]]) -> None:
        starts, total = list(self.x), self.config.particles
        missing = total - len(starts)
        if self.config.populate_by == "subsets":
            self._add_subsets(experts, missing, total)
            return
        if self.config.populate_by == "sums":
            pairs = [(i, j) for i in range(len(experts)) for j in range(i + 1, len(experts))]
            order = sorted(range(len(pairs)), key=lambda k: uniforms(self.seed, 0, len(pairs))[k])
            for k in range(missing if pairs else 0):
                a, b = pairs[order[k % len(pairs)]]
                self.x.append([s + t for s, t in zip(experts[a], experts[b], strict=True)])
            return
        for k in range(missing if len(starts) > 1 else 0):
            first, second, w = (float(uniforms(self.seed, 0, 4 * total)[row * total + k]) for row in range(3))
            a, b = int(first * len(starts)), int(second * (len(starts) - 1))
            b += b >= a
            w *= 2 if self.config.rules == "original" else 1
            self.x.append([w * s + (1 - w) * t for s, t in zip(starts[a], starts[b], strict=True)])

    def _add_subsets(self, experts: list[list[np.ndarray]], missing: int, total: int) -> None:
        n = len(experts)
        rest = [float(u) for u in uniforms(self.seed, 0, 4 * total + max(missing, 0) * (n + 1))[4 * total :]]
        for _ in range(missing if n > 1 else 0):
            size, *keys = rest[: n + 1]
            del rest[: n + 1]
            count = 2 + int(size * (max(2, n // 2 + 1) - 1))
            members = sorted(range(n), key=keys.__getitem__)[:count]
            self.x.append([np.sum([experts[m][k] for m in members], axis=0) for k in range(len(experts[0]))])

    def _leader(self, k: int) -> np.ndarray:
        if self.config.leaders in (1, None):
            return self.g[1][k]
        ranked = sorted((p for p in self.p if p is not None), key=lambda p: -p[0])[: self.config.leaders]
        return sum(p[1][k] for p in ranked) / len(ranked)

    def asked(self) -> list[int]:
        if self.iteration == 0:
            return list(range(len(self.x)))
        d = draws(self.seed, self.iteration, len(self.x), self.width)
        if d.iteration_dropout < self.config.dropout_k:
            return []
        return [i for i in self._moving() if d.particle_dropout[i] >= self.config.dropout_n]

    def _moving(self) -> list[int]:
        """In bare bones the best of those that started; particles without a value are the last."""
        if not self.bare:
            return list(range(len(self.x)))
        valued = [i for i in range(len(self.x)) if self.p[i] is not None]
        others = [i for i in range(len(self.x)) if self.p[i] is None]
        order = sorted(valued, key=lambda i: -self.p[i][0]) + others
        return sorted(order[: self.config.particles])

    def told(self, values: dict[int, float]) -> None:
        """Values of this iteration; a particle that failed has none."""
        original = self.config.rules == "original"
        before = self.g
        for i in sorted(values):
            value, here = values[i], [t.copy() for t in self.x[i]]
            if self.g is None or value > self.g[0]:
                self.g = (value, here)
            if self.w is None or value < self.w[0] or (original and value == self.w[0]):
                self.w = (value, here)
        for i in range(len(self.x)):
            if i in values and (self.p[i] is None or values[i] > self.p[i][0]):
                self.p[i], self.stale[i] = (values[i], [t.copy() for t in self.x[i]]), 0
            elif self.iteration > 0 and (original or i in values):
                self.stale[i] += 1
        if self.g is not before:
            self.idle = 0
        elif self.iteration > 0 and (original or values):
            self.idle += 1
        if self.iteration == 0 and self.config.starting_velocity == "best":
            self.v = [[g - t for g, t in zip(self.g[1], particle, strict=True)] for particle in self.x]

    def over(self) -> bool:
        short = self.config.rules == "original"
        if self.iteration > 0 and self.idle >= self.config.patience - short:
            return True
        return self.iteration >= self.config.max_iterations

    def _sample(self) -> None:
        """Bare bones, one weight after the other; experts are the unit vectors."""
        cfg, n = self.config, len(self.x[0][0])
        count = cfg.leaders or min(cfg.particles, max(2, int(cfg.particles * 0.4) + self.iteration // 3))
        leaders = [p[1][0] for p in sorted((p for p in self.p if p is not None), key=lambda p: -p[0])[:count]]
        share = [np.log((len(leaders) + 0.5) / (k + 1)) for k in range(len(leaders))]
        share = [s / sum(share) for s in share]
        centre = [sum(s * leader[k] for s, leader in zip(share, leaders, strict=True)) for k in range(n)]
        before = centre if self.centre is None else self.centre
        variance = []
        for k in range(n):
            middle = (centre[k] + before[k]) / 2
            variance.append(sum(s * (leader[k] - middle) ** 2 for s, leader in zip(share, leaders, strict=True)))
        least = 0.02 * sum(variance) / n
        z = draws(self.seed, self.iteration + 1, len(self.x), normal=(1, n)).normals
        moving = self._moving()
        for i in range(len(self.x)):
            was = self.x[i][0]
            if i in moving:
                drawn = [centre[k] + np.sqrt(cfg.spread * (variance[k] + least)) * z[i, 0, k] for k in range(n)]
                self.x[i] = [np.array(drawn)]
            self.v[i] = [self.x[i][0] - was]
        self.centre = centre
        self.iteration += 1

    def move(self) -> None:
        cfg = self.config
        if self.bare:
            self._sample()
            return
        d = draws(self.seed, self.iteration + 1, len(self.x), self.width)
        for i in range(len(self.x)):
            if cfg.restart and self.stale[i] >= cfg.restart_patience and self.p[i] is not None:
                self.x[i] = [t.copy() for t in self.p[i][1]]
                self.v[i] = [np.zeros_like(t) for t in self.x[i]]
                if cfg.rules == "fixed":
                    self.stale[i] = 0
            r = list(d.weights[i]) if cfg.weight_randomness else [np.ones(1)] * 4
            phi = [cfg.inertia, cfg.cognitive_coeff, cfg.social_coeff, cfg.repel_coeff if cfg.repel else 0.0]
            total = sum(a * b for a, b in zip(r, phi, strict=True))
            for k, t in enumerate(self.x[i]):
                own = t if self.p[i] is None else self.p[i][1][k]
                moved = (
                    r[0] * phi[0] * self.v[i][k]
                    + r[1] * phi[1] * (own - t)
                    + r[2] * phi[2] * (self._leader(k) - t)
                    - r[3] * phi[3] * (self.w[1][k] - t)
                )
                self.v[i][k] = moved / total
            self.x[i] = [t + self.step * v for t, v in zip(self.x[i], self.v[i], strict=True)]
        self.step = max(cfg.minimum_step_length, cfg.step_length_factor * self.step)
        self.iteration += 1
