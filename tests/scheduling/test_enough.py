"""Jobs that are over when their first parts are enough, whoever finishes first."""

from __future__ import annotations

import random
import time
from contextlib import contextmanager

import pytest

from modelswarms.scheduling import Job, Scheduler


def outcome(lanes, ask, enough, parts=12):
    begun = []

    @contextmanager
    def hold():
        yield lambda part: begun.append(part) or ask(part)

    with Scheduler(lambda: 1, lambda: lanes) as scheduler:
        scheduler.add(Job("a", parts, hold, enough))
        found = scheduler.next()
        assert not scheduler.busy
    return found, begun


@pytest.mark.parametrize("lanes", [1, 2, 5])
@pytest.mark.parametrize("seed", range(4))
def test_the_answers_are_those_of_the_shortest_beginning_that_is_enough(lanes, seed):
    draws = random.Random(seed)
    waits = [draws.random() * 0.004 for _ in range(12)]

    def ask(part):
        time.sleep(waits[part])
        return part

    found, begun = outcome(lanes, ask, lambda answers: sum(answers) >= 10)
    assert list(found.answers) == [0, 1, 2, 3, 4]
    assert lanes > 1 or len(begun) == 5, "no more is begun once it is known"


@pytest.mark.parametrize("lanes", [1, 4])
def test_an_error_after_the_end_is_none_and_one_before_it_is(lanes):
    def fails_at(place):
        def ask(part):
            if part == place:
                raise ValueError(f"part {part}")
            time.sleep(0.001)
            return part

        return ask

    enough = lambda answers: len(answers) == 3  # noqa: E731
    found, _ = outcome(lanes, fails_at(3), enough)
    assert (found.error, list(found.answers)) == (None, [0, 1, 2])
    found, _ = outcome(lanes, fails_at(2), enough)
    assert str(found.error) == "part 2"


@pytest.mark.parametrize("lanes", [1, 3])
def test_what_cannot_be_judged_is_an_error_of_the_job(lanes):
    def enough(answers):
        raise ZeroDivisionError("no bounds")

    found, _ = outcome(lanes, lambda part: part, enough)
    assert str(found.error) == "no bounds"


def test_without_an_end_all_parts_are_answered():
    found, _ = outcome(3, lambda part: part, None)
    assert list(found.answers) == list(range(12))
