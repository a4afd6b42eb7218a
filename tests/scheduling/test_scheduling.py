"""Jobs in parts: who works on what, what is held meanwhile, and what becomes of errors."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import pytest

from modelswarms.scheduling import Job, Scheduler


class Book:
    """Jobs that write down what happens to them."""

    def __init__(self):
        self.held: list[str] = []
        self.most_held = 0
        self.events: list[tuple[str, object]] = []
        self.lock = threading.Lock()
        self.threads: set[int] = set()

    def job(self, key: str, parts: int, ask=lambda part: part) -> Job[int]:
        @contextmanager
        def hold():
            with self.lock:
                self.held.append(key)
                self.most_held = max(self.most_held, len(self.held))
                self.events.append((key, "held"))
            try:
                yield run
            finally:
                with self.lock:
                    self.held.remove(key)
                    self.events.append((key, "left"))

        def run(part: int) -> int:
            with self.lock:
                self.events.append((key, part))
                self.threads.add(threading.get_ident())
            return ask(part)

        return Job(key, parts, hold)


def outcomes(scheduler):
    while scheduler.busy:
        yield scheduler.next()


def test_one_lane_works_in_order_in_the_callers_thread():
    book = Book()
    with Scheduler(lambda: 1, lambda: 1) as scheduler:
        for key in "ab":
            scheduler.add(book.job(key, 2))
        assert [(o.key, list(o.answers)) for o in outcomes(scheduler)] == [("a", [0, 1]), ("b", [0, 1])]
    assert book.events == [(k, e) for k in "ab" for e in ("held", 0, 1, "left")]
    assert book.threads == {threading.get_ident()}


def test_what_is_tried_again_goes_first():
    book = Book()
    with Scheduler(lambda: 1, lambda: 1) as scheduler:
        scheduler.add(book.job("a", 1))
        scheduler.add(book.job("b", 1))
        assert scheduler.next().key == "a"
        scheduler.add(book.job("a again", 1), first=True)
        assert [o.key for o in outcomes(scheduler)] == ["a again", "b"]


@pytest.mark.parametrize(("slots", "lanes"), [(2, 2), (1, 4), (3, 8)])
def test_no_more_is_held_than_there_are_slots(slots, lanes):
    book = Book()
    with Scheduler(lambda: slots, lambda: lanes) as scheduler:
        for key in "abcdefg":
            scheduler.add(book.job(key, 3, lambda part: time.sleep(0.002) or part))
        found = {o.key: list(o.answers) for o in outcomes(scheduler)}
    assert found == {key: [0, 1, 2] for key in "abcdefg"}
    assert book.most_held <= slots
    assert book.held == []


def test_lanes_without_a_job_of_their_own_help():
    meeting = threading.Barrier(4, timeout=5)
    with Scheduler(lambda: 4, lambda: 4) as scheduler:
        scheduler.add(Book().job("alone", 5, lambda part: meeting.wait() if part else 0))
        assert scheduler.next().error is None, "four parts of one job run at once"


def test_an_error_is_the_jobs_own_and_ends_it():
    book = Book()

    def fails(part):
        if part:
            raise ValueError(f"part {part}")
        return part

    for lanes in (1, 3):
        with Scheduler(lambda lanes=lanes: lanes, lambda lanes=lanes: lanes) as scheduler:
            scheduler.add(book.job("bad", 30, fails))
            scheduler.add(book.job("good", 3))
            found = {o.key: o for o in outcomes(scheduler)}
        assert str(found["bad"].error).startswith("part ")
        assert list(found["good"].answers) == [0, 1, 2]
    assert book.held == []
    assert len([e for e in book.events if e[0] == "bad"]) < 20, "the rest of it is not begun"


def test_what_cannot_be_held_is_an_error_of_the_job():
    @contextmanager
    def hold():
        raise RuntimeError("no room")
        yield

    for lanes in (1, 2):
        with Scheduler(lambda: 1, lambda lanes=lanes: lanes) as scheduler:
            scheduler.add(Job("a", 2, hold))
            assert "no room" in str(scheduler.next().error)


def test_lanes_may_come_and_go():
    lanes = [2]
    book = Book()
    with Scheduler(lambda: 8, lambda: lanes[0]) as scheduler:
        scheduler.add(book.job("a", 2))
        assert scheduler.next().key == "a"
        lanes[0] = 4
        meeting = threading.Barrier(4, timeout=5)
        scheduler.add(book.job("b", 4, lambda part: meeting.wait()))
        assert scheduler.next().error is None


@pytest.mark.parametrize("lanes", [1, 3])
def test_an_interrupt_lets_go_of_everything(lanes):
    book = Book()

    def interrupted():
        with Scheduler(lambda: lanes, lambda: lanes) as scheduler:
            for key in "abcdefgh":
                scheduler.add(book.job(key, 2, lambda part: time.sleep(0.005) or part))
            scheduler.next()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert book.held == []
    assert len(book.events) < 8 * 4, "not all was begun"
