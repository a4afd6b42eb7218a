"""Particles that do not wait: a function of the tells and their order, whatever else happens."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from modelswarms import ConfigError
from modelswarms.errors import AskTellError, SearchFailedError
from modelswarms.swarm import PRESETS, AsynchronousSwarm, Swarm, SwarmConfig, swarm_of
from modelswarms.types import Candidate

MOTIONS = {
    "default": SwarmConfig(particles=8, max_iterations=5, asynchronous=True),
    "paper": SwarmConfig(**{**vars(PRESETS["paper"]), "particles": 8, "max_iterations": 5, "asynchronous": True}),
    "dropout": SwarmConfig(particles=8, max_iterations=5, dropout_k=0.2, dropout_n=0.3, asynchronous=True),
}


def value(candidate: Candidate) -> float:
    return -float(np.abs(candidate.coefficients - np.array([0.7, 0.2, 0.1])).sum().round(2))


def run(swarm, order: random.Random, seen: list, until: int = 10**6, waiting=None) -> list[Candidate]:
    """Tells candidates in a random order, and writes down what was asked and told."""
    waiting = swarm.ask() if waiting is None else waiting
    while waiting and len(seen) < until:
        candidate = waiting.pop(order.randrange(len(waiting)))
        swarm.tell(candidate.id, value(candidate))
        seen.append((candidate.id, candidate.coefficients.tolist()))
        waiting += swarm.more()
    return waiting


@pytest.fixture(params=MOTIONS)
def config(request):
    return MOTIONS[request.param]


def test_the_same_tells_in_the_same_order_give_the_same_asks(config):
    seen: list = []
    first = AsynchronousSwarm(3, config, seed=3)
    run(first, random.Random(1), seen)
    again, waiting = AsynchronousSwarm(3, config, seed=3), {}
    waiting = {c.id: c for c in again.ask()}
    for id, coefficients in seen:
        candidate = waiting.pop(id)
        assert candidate.coefficients.tolist() == coefficients
        again.tell(id, value(candidate))
        waiting |= {c.id: c for c in again.more()}
    assert not waiting
    assert first.done and again.done
    assert again.best_value == first.best_value


def test_other_orders_are_other_searches_that_end_as_well(config):
    found = []
    for order in range(4):
        seen: list = []
        swarm = AsynchronousSwarm(3, config, seed=3)
        run(swarm, random.Random(order), seen)
        assert swarm.done
        assert swarm.stopped_by == "max_iterations"
        assert swarm.iteration == 5
        assert len({id for id, _ in seen}) == len(seen)
        best = max(value(Candidate(id, 0, 0, np.array(c))) for id, c in seen)
        assert swarm.best_value == best
        found.append(json.dumps(sorted(seen)))
    assert len(set(found)) == 4


@pytest.mark.parametrize("k", [3, 9, 14, 27])
def test_saving_and_loading_changes_nothing(config, k):
    whole: list = []
    run(AsynchronousSwarm(3, config, seed=3), random.Random(7), whole)
    seen: list = []
    swarm, order = AsynchronousSwarm(3, config, seed=3), random.Random(7)
    waiting = run(swarm, order, seen, until=k)
    loaded = AsynchronousSwarm.from_dict(json.loads(json.dumps(swarm.to_dict())))
    run(loaded, order, seen, waiting=waiting)
    assert seen == whole


def test_nobody_waits_after_the_start():
    config = MOTIONS["paper"]
    swarm = AsynchronousSwarm(3, config, seed=1)
    start = swarm.ask()
    for candidate in start[:-1]:
        swarm.tell(candidate.id, value(candidate))
        assert swarm.more() == [], "the starting particles are valued together"
    swarm.tell(start[-1].id, value(start[-1]))
    first = swarm.more()
    assert [c.id for c in first] == [f"001-{c.particle:03d}" for c in start]
    swarm.tell(first[3].id, value(first[3]))
    (after,) = swarm.more()
    assert (after.iteration, after.particle) == (2, first[3].particle)


def test_bests_so_far_lead():
    config = MOTIONS["paper"]
    ones = []
    for told in (-1.0, 5.0):  # what another particle had has a say in where this one goes
        swarm = AsynchronousSwarm(3, config, seed=1)
        for candidate in swarm.ask():
            swarm.tell(candidate.id, value(candidate))
        flying = swarm.more()
        swarm.tell(flying[1].id, told)
        swarm.more()
        swarm.tell(flying[0].id, -3.0)
        ones.append(swarm.more()[0].coefficients.tolist())
    assert ones[0] != ones[1]


def test_the_first_moves_are_the_waiting_swarms(config):
    """All start from the same values, so that the first iteration is the same."""
    waiting = Swarm(3, SwarmConfig(**{**vars(config), "asynchronous": False}), seed=5)
    free = AsynchronousSwarm(3, config, seed=5)
    for swarm in (waiting, free):
        for candidate in swarm.ask():
            swarm.tell(candidate.id, value(candidate))
    ours = {c.id: c.coefficients.tolist() for c in free.more()}
    assert {c.id: c.coefficients.tolist() for c in waiting.ask()}.items() <= ours.items()


def test_patience_counts_evaluations():
    config = SwarmConfig(**{**vars(MOTIONS["paper"]), "max_iterations": 50, "patience": 2})
    swarm, count = AsynchronousSwarm(3, config, seed=1), 0
    for candidate in swarm.ask():
        swarm.tell(candidate.id, 1.0)
    flying = swarm.more()
    while flying:
        swarm.tell(flying.pop(0).id, 0.5)
        count += 1
        flying += swarm.more()
    assert swarm.stopped_by == "patience"
    assert count == 2 * 8 + 7, "those that were in flight are told as well"


def test_failures_move_on_and_only_failures_end():
    swarm = AsynchronousSwarm(3, MOTIONS["paper"], seed=1)
    for candidate in swarm.ask():
        swarm.tell(candidate.id, value(candidate))
    flying, count = swarm.more(), 0
    while flying:
        swarm.tell(flying.pop(0).id, None)
        count += 1
        flying += swarm.more()
    assert count >= 16
    with pytest.raises(SearchFailedError, match="last .* evaluations failed"):
        swarm.ask()


def test_wrong_ids_are_refused():
    swarm = AsynchronousSwarm(3, MOTIONS["paper"], seed=1)
    for candidate in swarm.ask():
        swarm.tell(candidate.id, value(candidate))
    flying = swarm.more()
    swarm.tell(flying[0].id, 0.0)
    for id in (flying[0].id, "999-000"):
        with pytest.raises(AskTellError, match=id):
            swarm.tell(id, 0.0)


def test_the_original_rules_know_iterations_only():
    with pytest.raises(ConfigError, match="swarm.rules"):
        SwarmConfig(**{**vars(PRESETS["original"]), "asynchronous": True})
    assert type(swarm_of(3, SwarmConfig())) is Swarm
    assert isinstance(swarm_of(3, MOTIONS["default"]), AsynchronousSwarm)
