"""A slice of benchmarks/searchers.py: its grounds are what they say, and the default swarm is worth its name there."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def searchers():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import searchers
    finally:
        sys.path.remove(str(BENCHMARKS))
    return searchers


@pytest.mark.parametrize("name", ["skills10", "bowl3", "bowl30"])
def test_grounds_are_theirs_alone(searchers, name):
    ground, again, other = (searchers.synthetic(name, seed) for seed in (3, 3, 4))
    points = np.random.default_rng(0).uniform(-0.5, 1.0, (5, ground.n))
    values = ground.dev(points)
    assert ((values >= 0) & (values <= 1)).all()
    np.testing.assert_array_equal(values, again.dev(points))
    assert (values != other.dev(points)).any()
    assert ground.test(points[0]) == again.test(points[0])
    assert abs(ground.test(points[0]) - values[0]) < 0.15  # 200 items of the same kind


def test_a_bowls_optimum_is_its_best_point(searchers):
    ground = searchers.synthetic("bowl10", 0)
    near = ground.optimum + np.random.default_rng(1).normal(size=(20, 10)) * 0.3
    assert ground.test(ground.optimum) > max(ground.test(point) for point in near)


def test_every_searcher_pays_for_the_experts_first(searchers):
    for name, proposals in searchers.METHODS.items():
        if name.startswith("CMA"):
            pytest.importorskip("cmaes")
        first = next(proposals(4, 0))
        np.testing.assert_array_equal(first[:4], np.eye(4), err_msg=name)


def test_the_default_swarm_is_ahead_of_random_search_and_of_the_published_one(searchers):
    """Mean of six grounds after 200 evaluations; the tables are in docs/searchers.md."""
    figures = {
        name: np.mean([
            searchers.run(ground, searchers.METHODS[name](ground.n, seed))[1]["test"]
            for seed in range(3)
            for ground in (searchers.synthetic("skills10", seed), searchers.synthetic("bowl10", seed))
        ])
        for name in ("swarm: default", "swarm: paper", "random: subsets")
    }  # fmt: skip
    assert figures["swarm: default"] > figures["random: subsets"] + 0.03
    assert figures["swarm: default"] > figures["swarm: paper"] + 0.03
