"""cBTM's routing: clusters that are plain to see, and what holds whatever they are."""

from __future__ import annotations

import numpy as np
import pytest

from modelswarms.baselines.clusters import COUNTS, check_packages, route
from modelswarms.errors import MissingExtraError

TOPICS = (
    ["how many cats and dogs are in the house", "are there dogs or cats", "the cat chases dogs"],
    ["solve the equation with two roots", "an equation has roots", "the roots of a cubic equation"],
)


def inputs(count):
    """Inputs of two topics in turn, no two alike, and their topics."""
    return [f"{TOPICS[k % 2][k % 3]} item{k}" for k in range(count)], np.arange(count) % 2


def specialists(topics, noise=0, seed=0):
    """(2, inputs): the first is right on the first topic alone, the second on the second."""
    scores = np.array([(topics == topic).astype(float) for topic in (0, 1)])
    flip = np.random.default_rng(seed).random(scores.shape) < noise
    return np.where(flip, 1 - scores, scores)


def test_each_topic_goes_to_its_expert():
    dev, topics = inputs(40)
    test, of_test = inputs(20)
    found = route(dev, test, specialists(topics, noise=0.1), [0.5, 0.5])
    assert found.clusters >= 2
    assert found.dev == tuple(topics)
    assert found.test == tuple(of_test)
    assert found.held_out[found.clusters] == max(found.held_out.values())


def test_experts_of_clusters_are_those_of_plain_loops():
    """Of each cluster the highest mean on its dev inputs; ties go to the better overall, then to the first."""
    dev, _ = inputs(60)
    scores = np.random.default_rng(3).integers(0, 2, (4, 60)).astype(float)
    overall = [0.4, 0.6, 0.6, 0.5]
    found = route(dev, dev, scores, overall)
    assert found.dev == found.test, "the same input is in the same cluster"
    assert set(found.dev) <= set(found.of_cluster)
    groups = {}
    for text, expert, column in zip(dev, found.dev, scores.T, strict=True):
        groups.setdefault(expert, []).append((text, column))
    if found.clusters == 1:
        means = scores.mean(axis=1)
        assert found.of_cluster == (max((1, 2, 3, 0), key=lambda k: means[k]),)


def test_where_clusters_are_of_no_use_the_best_overall_answers_all():
    dev, _ = inputs(40)
    scores = np.zeros((3, 40))
    scores[1] = 1.0
    found = route(dev, dev[:7], scores, [0.0, 1.0, 0.0])
    assert found.clusters == 1
    assert set(found.dev) == set(found.test) == {1}


def test_identical_experts_are_that_expert_and_the_first_answers():
    dev, topics = inputs(40)
    alike = np.tile(specialists(topics)[0], (3, 1))
    found = route(dev, dev, alike, [0.5] * 3)
    assert set(found.dev) == {0}


def test_permuting_the_experts_permutes_the_answer():
    dev, topics = inputs(40)
    scores = np.vstack([specialists(topics, 0.2, 1), 0.6 * np.ones(40)])
    order = [2, 0, 1]
    plain = route(dev, dev, scores, [0.5, 0.52, 0.6])
    permuted = route(dev, dev, scores[order], [0.6, 0.5, 0.52])
    assert [order[k] for k in permuted.dev] == list(plain.dev)


def test_the_same_seed_gives_the_same_clusters():
    dev, topics = inputs(40)
    scores = specialists(topics, 0.3, 2)
    assert route(dev, dev, scores, [0.5, 0.5], seed=4) == route(dev, dev, scores, [0.5, 0.5], seed=4)


@pytest.mark.parametrize("dev", [["same"] * 30, [""] * 30 + ["word"], ["one input"]])
def test_inputs_that_are_alike_are_one_cluster(dev):
    found = route(dev, ["another"], np.ones((2, len(dev))), [0.5, 0.7])
    assert found.clusters == 1 and set(found.dev) == {1} == set(found.test)


def test_few_inputs_have_few_clusters():
    dev, topics = inputs(22)
    assert max(route(dev, [], specialists(topics), [0.5, 0.5]).held_out) == 4
    assert COUNTS[0] == 1


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("modelswarms.baselines.clusters.find_spec", lambda package: None)
    with pytest.raises(MissingExtraError, match=r"scikit-learn.*pip install 'modelswarms\[searchers\]'"):
        check_packages()
