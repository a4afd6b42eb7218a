"""The simulation of benchmarks/scaling.py, where what has to come out is known."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def simulation():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import worker_simulation
    finally:
        sys.path.remove(str(BENCHMARKS))
    return worker_simulation


def ones(draws, iteration, particle):
    return [1.0] * 8


@pytest.mark.parametrize(
    ("workers", "way", "seconds"),
    [
        (1, "whole", 480),
        (1, "split", 480),
        (1, "asynchronous", 480),
        (8, "whole", 3 * 3 * 8),  # 20 evaluations on 8 workers: three rounds
        (8, "split", 3 * 20),
        (20, "whole", 3 * 8),
        (64, "whole", 3 * 8),
        (64, "split", 3 * 3),  # 160 blocks on 64 workers: three rounds
        (160, "split", 3),
        (1024, "split", 3),
        (1024, "asynchronous", 3),
    ],
)
def test_equal_blocks_take_as_many_rounds_as_they_have_to(simulation, workers, way, seconds):
    work = simulation.Workload(particles=20, iterations=3, draw=ones, usual=1.0)
    outcome = simulation.simulate(work, workers, way)
    assert outcome.finish == pytest.approx(seconds)
    assert outcome.utilisation == pytest.approx(480 / seconds / workers)


def test_without_waiting_no_round_is_half_empty(simulation):
    work = simulation.Workload(particles=20, iterations=10, draw=ones, usual=1.0)
    waits, goes_on = (simulation.simulate(work, 64, way) for way in ("split", "asynchronous"))
    assert waits.finish == pytest.approx(30)
    assert 25 <= goes_on.finish < 28


def test_a_straggler_costs_what_it_takes_to_be_seen(simulation):
    work = simulation.Workload(particles=4, iterations=1, draw=ones, usual=1.0, slow=0.05, slowness=100.0, seed=1)
    assert simulation.simulate(work, 4, "whole").finish > 100
    assert simulation.simulate(work, 4, "split").finish < 20


def test_lost_work_is_done_again(simulation):
    work = simulation.Workload(particles=4, iterations=2, draw=ones, usual=1.0, lost=0.1, replaced_after=2.0, seed=1)
    for way in ("whole", "split", "asynchronous"):
        outcome = simulation.simulate(work, 4, way)
        assert outcome.finish * outcome.utilisation * 4 == pytest.approx(64), "each answer counts once"
        assert 16 < outcome.finish < 40
