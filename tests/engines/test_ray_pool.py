"""Who gets what, what is done again, and who is replaced: the pool with hands that need no cluster."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelswarms.engines.ray_cluster import Placement
from modelswarms.engines.ray_pool import Pool
from modelswarms.engines.ray_worker import About, Answer
from modelswarms.errors import EngineError, ExpertError


class Hands:
    """Workers that are threads; ``act(worker, arguments)`` gives an answer, or raises what loses the worker."""

    def __init__(self, act, wanted=2, begin=lambda number: Answer(About("here", number, 7, 1))):
        self.act, self.count, self.begin = act, wanted, begin
        self.hired, self.dismissed, self.calls = 0, [], []

    def wanted(self):
        return self.count

    def hire(self, done):
        number, self.hired = self.hired, self.hired + 1
        answer = self.begin(number)
        done(*((answer, None) if isinstance(answer, Answer) else (None, answer)))
        return number

    def call(self, worker, method, arguments, keys, done):
        self.calls.append((worker, arguments))

        def work():
            try:
                done(self.act(worker, *arguments), None)
            except OSError as lost:
                done(None, lost)

        threading.Thread(target=work, daemon=True).start()

    def dismiss(self, worker):
        self.dismissed.append(worker)


@pytest.fixture
def started():
    pools = []

    def start(hands):
        pools.append(Pool(hands, 1))
        pools[-1].start()
        return pools[-1]

    yield start
    for pool in pools:
        pool.close()


def test_answers_come_to_who_asked(started):
    pool = started(Hands(lambda worker, x: Answer(x * 10, 0.001), wanted=3))
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda x: pool.ask(None, "ask", x), range(40))) == [x * 10 for x in range(40)]
    assert sum(worker["busy"] for worker in pool.utilisation()) == pytest.approx(0.04)


def test_an_error_of_a_call_is_raised_where_it_was_asked(started):
    pool = started(Hands(lambda worker, x: Answer(error=EngineError("no room")) if x else Answer("fine")))
    with pytest.raises(EngineError, match="no room"):
        pool.ask(None, "ask", 1)
    assert pool.ask(None, "ask", 0) == "fine"


def test_work_of_a_lost_worker_is_given_to_another_that_replaces_it(started):
    def act(worker, x):
        if worker < 2:
            raise OSError("gone")
        return Answer((worker, x))

    hands = Hands(act, wanted=1)
    pool = started(hands)
    assert pool.ask(None, "ask", "it") == (2, "it")
    assert hands.dismissed == [0, 1]


def test_a_call_that_loses_every_worker_is_given_up(started):
    def act(worker, x):
        raise OSError("gone with it")

    pool = started(Hands(act, wanted=2))
    with pytest.raises(EngineError, match="5 workers were lost over one call: gone with it"):
        pool.ask(None, "ask", "poison")


def test_a_straggler_is_run_again_and_the_first_answer_counts(started):
    stuck = threading.Event()

    def act(worker, x):
        if x == "slow" and not stuck.is_set():
            stuck.set()
            time.sleep(3)
        else:
            time.sleep(0.02)
        return Answer((x, "answered"), 0.02)

    hands = Hands(act)
    pool = started(hands)
    for x in range(6):
        pool.ask(None, "ask", x)
    began = time.monotonic()
    assert pool.ask(None, "ask", "slow") == ("slow", "answered")
    assert time.monotonic() - began < 2
    assert len({worker for worker, (x,) in hands.calls if x == "slow"}) == 2


def test_different_answers_to_one_call_are_told(started, caplog):
    def act(worker, x):
        time.sleep(0.8 if worker == hands.calls[-1][0] and x == "slow" and len(hands.calls) == 5 else 0.01)
        return Answer((worker, x))

    hands = Hands(act)
    pool = started(hands)
    for x in range(4):
        pool.ask(None, "ask", x)
    pool.ask(None, "ask", "slow")
    time.sleep(1.0)
    assert "not deterministic" in caplog.text


def test_workers_come_and_go_with_the_cluster(started):
    hands = Hands(lambda worker, x: Answer(worker), wanted=1)
    pool = started(hands)
    hands.count = 4
    deadline = time.monotonic() + 5
    while pool.count != 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert pool.count == 4
    hands.count = 2
    while pool.count != 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert hands.dismissed == [3, 2]


def test_a_candidates_next_block_goes_where_its_weights_are(started):
    hands = Hands(lambda worker, key, x: Answer(worker), wanted=3)
    pool = started(hands)
    homes: dict[bytes, set[int]] = {}
    for x in range(5):
        for key in (b"a", b"b", b"c"):
            homes.setdefault(key, set()).add(pool.ask(key, "ask", key, x))
    assert len(homes[b"a"]) == 1


def test_what_keeps_a_worker_from_starting_is_raised():
    with pytest.raises(ExpertError, match="does not fit"):
        Pool(Hands(None, begin=lambda number: Answer(error=ExpertError("it does not fit"))), 1).start()
    with pytest.raises(EngineError, match="no worker could be started .*node is down"):
        Pool(Hands(None, begin=lambda number: OSError("node is down")), 1).start()


def test_closing_ends_what_waits(started):
    pool = started(Hands(lambda worker, x: time.sleep(2) or Answer(x), wanted=1))
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(pool.ask, None, "ask", 1)
        time.sleep(0.05)
        pool.close()
        with pytest.raises(EngineError, match="let go"):
            waiting.result(timeout=5)
    with pytest.raises(EngineError, match="let go"):
        pool.ask(None, "ask", 1)


@pytest.mark.parametrize(
    ("gpus", "cpus", "held", "fitting"),
    [
        (0.1, 1.0, {"CPU": 64.0, "GPU": 1.0}, 10),
        (0.4, 0.0, {"GPU": 2.0}, 4),  # nobody is on parts of two GPUs
        (0.5, 1.0, {"CPU": 3.0, "GPU": 2.0}, 3),
        (2.0, 1.0, {"CPU": 8.0, "GPU": 3.0}, 1),
        (0.0, 2.0, {"CPU": 5.0, "GPU": 8.0}, 2),
        (1.0, 1.0, {"CPU": 8.0}, 0),
    ],
)
def test_so_many_workers_fit_a_node(gpus, cpus, held, fitting):
    assert Placement(gpus=gpus, cpus=cpus).on(held) == fitting


def test_a_cluster_that_gives_nobody_ends_what_waits():
    """A fault of the cluster is told to who asks; nobody waits for ever."""

    class Broken(Hands):
        def hire(self, done):
            raise RuntimeError("the head is away")

    with pytest.raises(EngineError, match="the head is away"):
        Pool(Broken(None), 1).start()
