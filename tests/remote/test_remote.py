"""A service that answers, that is busy, broken, slow or away: over real HTTP, with waiting that takes no time."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import signal
import socket
import threading
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from judge_server import FAULTS, KEY, JudgeServer, rating
from modelswarms import ConfigError, EvaluationError, SearchFailedError
from modelswarms.remote import Price
from modelswarms.remote.service import refused, said
from modelswarms.remote.waiting import asked_to_wait
from remotes import Patient, asked, remote_to

CALLS = [f"question {k}" for k in range(12)]
TRANSIENT = [fault for fault in FAULTS if fault not in ("empty", "null", "eleven")]


def right(text: str) -> str:
    return rating({"messages": [{"content": text}]})


def test_answers_come_in_the_order_of_the_questions_and_each_is_asked_once():
    with JudgeServer(delay=lambda asked: 0.02 * (asked % 3)) as server:
        remote, chat = remote_to(server, price=Price(1.0, 2.0))
        with closing(remote):
            assert asked(remote, chat, *CALLS, CALLS[0]) == [right(text) for text in (*CALLS, CALLS[0])]
            assert asked(remote, chat, *reversed(CALLS)) == [right(text) for text in reversed(CALLS)]
        usage = remote.usage()
    assert server.requests == len(CALLS) == usage["requests"] == usage["answered"]
    assert server.most_at_once > 1
    assert (usage["cached"], usage["retried"], usage["untold"]) == (len(CALLS) + 1, 0, 0)
    assert [usage["prompt_tokens"], usage["completion_tokens"]] == server.tokens
    assert usage["cost"] == pytest.approx((server.tokens[0] + 2 * server.tokens[1]) / 1e6)
    body = server.bodies[0]
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("judge-1", 0.0, 64)


@pytest.mark.parametrize("fault", TRANSIENT)
def test_after_a_fault_the_answer_is_asked_for_again(fault):
    patient = Patient()
    with JudgeServer(faults=[None, fault, fault]) as server:
        remote, chat = remote_to(server, patient, concurrency=1, timeout=0.5 if fault == "hang" else 10.0)
        with closing(remote):
            assert asked(remote, chat, "one", "two") == [right("one"), right("two")]
        usage = remote.usage()
    assert (usage["requests"], usage["retried"], usage["answered"]) == (4, 2, 2)
    assert [usage["prompt_tokens"], usage["completion_tokens"]] == server.tokens
    if fault.endswith("-after"):
        assert all(2.0 <= wait <= 2.5 for wait in patient.slept[:1])
    elif fault.endswith("-date"):
        assert 1.5 <= patient.slept[0] <= 3.5
    else:
        assert patient.slept == [0.375, 0.75], "half of 0.5 s and of 1 s is certain, of the rest the clock gave half"


def test_whoever_is_asked_to_wait_makes_the_others_wait():
    patient = Patient()
    with JudgeServer(faults=["429-after"]) as server:
        remote, chat = remote_to(server, patient, concurrency=1)
        with closing(remote):
            asked(remote, chat, "one")
            remote._not_before = patient.waiting.now() + 5
            asked(remote, chat, "two")
    assert patient.slept[-1] >= 4.9


@pytest.mark.parametrize(
    ("fault", "words"), [("500", "HTTP 500: not now"), ("hang", "no answer within 0.2 s"), ("dropped", "broke")]
)
def test_a_request_is_given_up_at_its_deadline(fault, words):
    with JudgeServer(faults=[None, *itertools.repeat(fault, 50)]) as server:
        remote, chat = remote_to(server, deadline=20.0, timeout=0.2)
        with closing(remote):
            asked(remote, chat, "one")
            with pytest.raises(EvaluationError, match=words) as caught:
                asked(remote, chat, "two")
    assert "judge-1 at http://127.0.0.1" in str(caught.value)
    assert f"({server.requests - 1} attempts)" in str(caught.value)
    assert server.requests > 4


def test_a_wait_beyond_the_deadline_is_not_waited_for():
    patient = Patient()
    with JudgeServer(faults=[None, "503-after"]) as server:
        remote, chat = remote_to(server, patient, deadline=1.5)
        with closing(remote):
            asked(remote, chat, "one")
            with pytest.raises(EvaluationError, match="asks to wait 2 s"):
                asked(remote, chat, "two")
    assert (server.requests, patient.slept) == (2, [])


def test_what_was_answered_beside_a_failure_is_kept(tmp_path):
    faults = [None, None, "400-bad", None, None]
    with JudgeServer(faults=faults) as server:
        remote, chat = remote_to(server, concurrency=1)
        remote.open(tmp_path)
        with closing(remote):
            with pytest.raises(EvaluationError, match="HTTP 400: not now"):
                asked(remote, chat, *CALLS)
            assert server.requests == 3, "a request that cannot succeed is neither repeated nor followed by others"
            assert asked(remote, chat, *CALLS) == [right(text) for text in CALLS]
    assert server.requests == 1 + len(CALLS)


def test_a_service_that_fails_again_and_again_ends_the_search():
    with JudgeServer(faults=[None, *["400-bad"] * 4, None]) as server:
        remote, chat = remote_to(server, concurrency=1)
        with closing(remote):
            asked(remote, chat, "one")
            for _ in range(3):
                with pytest.raises(EvaluationError):
                    asked(remote, chat, "two")
            with pytest.raises(SearchFailedError, match="4 requests in a row had no answer"):
                asked(remote, chat, "two")
            assert asked(remote, chat, "two") == [right("two")]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("401", "does not accept the key in OPENAI_API_KEY"),
        ("402", "nothing left"),
        ("403", "the key in OPENAI_API_KEY gives no access"),
        ("404", "check utility.model and utility.remote.base_url"),
    ],
)
def test_what_a_person_has_to_mend_is_asked_once_and_ends_the_search(status, words):
    with JudgeServer(faults=[f"{status}-x"] * 5) as server:
        remote, chat = remote_to(server, concurrency=1)
        with closing(remote), pytest.raises(SearchFailedError, match=words):
            asked(remote, chat, *CALLS)
    assert server.requests == 1


def test_services_say_in_several_ways_what_is_wrong():
    google = b'[{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "X"}}]'
    assert said(google) == "400 X API key not valid. Please pass a valid API key."
    assert refused(400, {}, said(google), "GEMINI_API_KEY", 0.0).hopeless
    assert "GEMINI_API_KEY" in refused(400, {}, said(google), "GEMINI_API_KEY", 0.0).reason
    spent = said('{"error": {"message": "You exceeded your current quota.", "code": "insufficient_quota"}}')
    assert refused(429, {"retry-after": "3"}, spent, "KEY", 0.0).hopeless
    assert refused(429, {"retry-after": "3"}, "slower", "KEY", 0.0).wait == 3
    assert said('{"detail": "no such model"}') == "no such model"
    assert said("<html>\n bad\tgateway") == "<html> bad gateway"
    assert len(said("x" * 5000)) < 400


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 90.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:05 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_how_long_a_service_asks_to_wait(headers, wait):
    assert asked_to_wait(headers, wall=10.0) == wait


def test_an_address_without_a_service_is_found_out_soon():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        patient = Patient()
        remote, chat = remote_to(f"http://127.0.0.1:{taken.getsockname()[1]}/v1", patient)
        with closing(remote), pytest.raises(SearchFailedError, match="cannot be reached .* utility.remote.base_url"):
            asked(remote, chat, "one")
    assert 10 < sum(patient.slept) <= 30


def test_a_key_that_is_not_accepted():
    with JudgeServer() as server:
        remote, chat = remote_to(server, key="sk-wrong")
        with closing(remote), pytest.raises(SearchFailedError, match="does not accept") as caught:
            asked(remote, chat, "one")
    assert "sk-wrong" not in str(caught.value)


@pytest.mark.parametrize("fault", ["401-x", "403-x", "404-x", "429", "500", "no-choices", "400-x", "not-json"])
def test_the_key_is_nowhere(fault, tmp_path, caplog):
    """The server repeats the key in all that it says."""
    caplog.set_level(logging.DEBUG)
    with JudgeServer(faults=itertools.chain([None], itertools.repeat(fault, 30)), reply=lambda body: KEY) as server:
        remote, chat = remote_to(server, deadline=2.0)
        remote.open(tmp_path)
        with closing(remote):
            assert asked(remote, chat, "one") == ["[key hidden]"]
            with pytest.raises((EvaluationError, SearchFailedError)) as caught:
                asked(remote, chat, "two")
    error: BaseException | None = caught.value
    said = "".join(traceback.format_exception(error)) + repr(remote) + repr(chat)
    while error is not None:
        said += repr(error) + str(error)
        error = error.__context__ or error.__cause__
    said += "\n".join(record.getMessage() + str(record.exc_text) for record in caplog.records)
    said += "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert KEY not in said
    assert KEY.split("/")[0] not in said.replace("sk-a/very+secret", "!"), "not a part of it either"
    assert any("tried again" in record.getMessage() for record in caplog.records) == (
        fault[0] in "5n" or fault == "429"
    )


def test_limits_stop_before_the_next_request_and_can_be_raised(tmp_path):
    with JudgeServer() as server:
        for limit, expected in ((5, 5), (5, 5), (8, 8)):
            remote, chat = remote_to(server, max_requests=limit)
            remote.open(tmp_path)
            with closing(remote), pytest.raises(SearchFailedError, match=f"max_requests is {limit}"):
                asked(remote, chat, *CALLS)
            assert server.requests == expected == remote.usage()["requests"]
        remote, chat = remote_to(server)
        remote.open(tmp_path)
        with closing(remote):
            assert asked(remote, chat, *CALLS) == [right(text) for text in CALLS]
        assert server.requests == len(CALLS)
        assert max(server.answered.values()) == 1


def test_a_limit_on_tokens():
    with JudgeServer() as server:
        remote, chat = remote_to(server, max_tokens=20, concurrency=1)
        with closing(remote), pytest.raises(SearchFailedError, match="utility.remote.max_tokens is 20"):
            asked(remote, chat, *CALLS)
        assert server.requests == 3, "nine tokens each: at eighteen one more may be sent"


def test_so_many_a_minute():
    patient = Patient()
    with JudgeServer() as server:
        remote, chat = remote_to(server, patient, requests_per_minute=60.0, concurrency=1)
        with closing(remote):
            asked(remote, chat, *CALLS[:4])
    assert 2.9 <= sum(patient.slept) <= 4


def test_another_key_price_or_patience_finds_the_same_answers(tmp_path):
    with JudgeServer(key=None) as server:
        for number, key in enumerate(("sk-one", "sk-two", None)):
            remote, chat = remote_to(server, key=key, cache=str(tmp_path / "shared"), concurrency=number + 1)
            remote.open(tmp_path / f"run{number}")
            with closing(remote):
                asked(remote, chat, *CALLS)
            assert remote.usage()["requests"] == (0 if number else len(CALLS)), "each run's ledger is its own"
    assert server.requests == len(CALLS)
    kept = [json.loads(path.read_text()) for path in (tmp_path / "shared").rglob("*.json")]
    assert {entry["question"]["messages"][0]["content"] for entry in kept} == set(CALLS)


def test_a_damaged_answer_is_asked_again(tmp_path, caplog):
    with JudgeServer() as server:
        remote, chat = remote_to(server)
        remote.open(tmp_path)
        with closing(remote):
            asked(remote, chat, *CALLS[:3])
            first, second, third = sorted((tmp_path / "remote" / "answers").rglob("*.json"))
            first.write_text("")
            second.write_bytes(third.read_bytes())
            assert asked(remote, chat, *CALLS[:3]) == [right(text) for text in CALLS[:3]]
    assert server.requests == 5
    assert len(caplog.records) == 2


@pytest.mark.parametrize("tail", [b"", b'{"answ', b'{"requests": 1}\n\x00\x00\n', b"\x00"])
def test_a_torn_ledger_is_gone_on_with(tail, tmp_path):
    ledger = tmp_path / "remote" / "ledger.jsonl"
    with JudgeServer() as server:
        for part in (CALLS[:5], CALLS):
            remote, chat = remote_to(server)
            remote.open(tmp_path)
            with closing(remote):
                asked(remote, chat, *part)
            usage = remote.usage()
            with ledger.open("ab") as file:
                file.write(tail)
    extra = tail.count(b"requests")
    assert usage["requests"] == len(CALLS) + extra
    assert usage["prompt_tokens"] == server.tokens[0]


def test_a_cache_that_cannot_be_written_stops_the_search(tmp_path, monkeypatch):
    with JudgeServer() as server:
        remote, chat = remote_to(server, concurrency=1)
        remote.open(tmp_path)

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        with closing(remote):
            with monkeypatch.context() as patched:
                patched.setattr(os, "fsync", full)
                with pytest.raises(SearchFailedError, match="No space left on device.*make room"):
                    asked(remote, chat, *CALLS)
            assert server.requests == 1, "nothing more is spent"
            assert not list(tmp_path.rglob("*.partial"))
            asked(remote, chat, *CALLS)


def test_a_cache_in_a_place_that_is_none(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="utility.remote.cache: .*file/cache cannot be made"):
        remote_to("http://127.0.0.1:9/v1", cache=str(tmp_path / "file" / "cache"))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Whoever starts the tests in the background may have SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_ends_what_is_under_way_and_the_next_ask_works(tmp_path, interruptible):
    with JudgeServer(faults=[None, "hang"]) as server:
        remote, chat = remote_to(server, concurrency=1, timeout=30.0)
        remote.open(tmp_path)
        with closing(remote):
            timer = threading.Timer(0.4, lambda: os.kill(os.getpid(), signal.SIGINT))
            timer.start()
            with pytest.raises(KeyboardInterrupt):
                asked(remote, chat, *CALLS)
            timer.join()
            assert asked(remote, chat, *CALLS) == [right(text) for text in CALLS]
        assert (server.requests, remote.usage()["requests"]) == (len(CALLS) + 1, len(CALLS) + 1)


def test_within_an_event_loop_of_the_callers():
    async def notebook() -> list[str]:
        remote, chat = remote_to(server)
        with closing(remote):
            return asked(remote, chat, "one")

    with JudgeServer() as server:
        assert asyncio.run(notebook()) == [right("one")]


def test_whole_runs_share_a_cache_at_the_same_time(tmp_path):
    def run(number: int) -> None:
        remote, chat = remote_to(server, cache=str(tmp_path / "shared"))
        remote.open(tmp_path / str(number))
        with closing(remote):
            results[number] = asked(remote, chat, *CALLS)

    results: dict[int, list[str]] = {}
    with JudgeServer() as server:
        threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert list(results.values()) == [[right(text) for text in CALLS]] * 4
    assert not list(Path(tmp_path, "shared").rglob("*.partial"))


def test_threads_share_limits_connections_and_answers(tmp_path):
    """Sixteen threads ask the same questions of one client, each in an order of its own."""
    results: list[list[str]] = []
    with JudgeServer(delay=lambda asked: 0.01) as server:
        remote, chat = remote_to(server, concurrency=4)
        remote.open(tmp_path)

        def ask(shift: int) -> None:
            texts = CALLS[shift:] + CALLS[:shift]
            results.append(sorted(asked(remote, chat, *texts)))

        threads = [threading.Thread(target=ask, args=(k % len(CALLS),)) for k in range(16)]
        with closing(remote):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert results == [sorted(right(text) for text in CALLS)] * 16
    assert server.requests == len(CALLS)
    assert server.most_at_once <= 4
    assert remote.usage()["cached"] == 15 * len(CALLS)
