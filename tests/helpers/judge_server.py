"""An OpenAI-compatible service of one's own, over real HTTP, which answers as it is told to: wrongly, or not at all."""

from __future__ import annotations

import email.utils
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]

FAULTS = (
    "429", "429-after", "429-date", "500", "503-after", "hang", "half", "not-json", "no-choices", "empty", "dropped",
    "eleven", "null",
)  # fmt: skip
"""What can be wrong with an answer; ``empty``, ``null`` and ``eleven`` are whole answers that hold no rating."""

KEY = "sk-a/very+secret key=0123456789"
"""Has characters that are written otherwise in addresses and in JSON."""


def rating(body: Body) -> str:
    """From 1 to 10, the same for the same question."""
    return f"Rating: {1 + sum(body['messages'][-1]['content'].encode()) % 10}/10\nAs it is."


class JudgeServer:
    """Counts what it is asked and what it answered.

    Args:
        reply: the text of a right answer.
        faults: what is done to the requests, one after the other: a fault's name, or None for a right answer; when
            they are over, every answer is right.
        delay: seconds before an answer, given how many were asked before.
        key: that is demanded.
        port: 0 for any that is free.
        retry_after: what is said where a fault's name ends in ``-after``.

    Attributes:
        bodies: of all requests, in the order in which they came.
        answered: how often an answer was written out whole, by the last message's text.
        tokens: that whole answers said were read and written.
        under_way, most_at_once: requests being answered now, and at most.
    """

    def __init__(
        self,
        reply: Callable[[Body], str] = rating,
        faults: Iterable[str | None] = (),
        delay: Callable[[int], float] = lambda asked: 0.0,
        key: str | None = KEY,
        port: int = 0,
        retry_after: str = "2",
    ) -> None:
        self.retry_after = retry_after
        self.reply, self.key, self._faults, self._delay, self._port = reply, key, iter(faults), delay, port
        self.bodies: list[Body] = []
        self.answered: Counter[str] = Counter()
        self.tokens = [0, 0]
        self.under_way = self.most_at_once = 0
        self._lock, self._over = threading.Lock(), threading.Event()

    def __enter__(self) -> JudgeServer:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service._handle(self, body)

            def log_message(self, *arguments: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *arguments: object) -> None:
                """A client that was killed is no error of the server."""

        self._server = Server(("127.0.0.1", self._port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def requests(self) -> int:
        return len(self.bodies)

    def _handle(self, request: BaseHTTPRequestHandler, body: Body) -> None:
        with self._lock:
            number = len(self.bodies)
            self.bodies.append(body)
            fault = next(self._faults, None)
            self.under_way += 1
            self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            self._over.wait(self._delay(number))
            self._respond(request, body, fault)
        finally:
            with self._lock:
                self.under_way -= 1

    def _respond(self, request: BaseHTTPRequestHandler, body: Body, fault: str | None) -> None:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        given = request.headers.get("X-Goog-Api-Key") or bearer
        if self.key is not None and given != self.key:
            return _send(request, 401, _error(f"Incorrect API key provided: {given}"))
        if fault == "hang":
            self._over.wait(30)
            request.close_connection = True
            return None
        if fault == "dropped":
            request.connection.shutdown(socket.SHUT_RDWR)
            request.close_connection = True
            return None
        if fault is not None and fault[:3].isdigit():
            words = f"not now, says the server to {given}"
            return _send(request, int(fault[:3]), _error(words), self._headers(fault))
        if fault == "not-json":
            return _send(request, 200, b"<html>" + given.encode() + b"</html>")
        if fault == "no-choices":
            return _send(request, 200, _error(f"overloaded, {given}"))
        chat = "messages" in body
        said = body["messages"][-1]["content"] if chat else body["comment"]["text"]
        content = json.dumps(self._completion(body, fault) if chat else _analysis(said, fault)).encode()
        if fault == "half":
            return _send(request, 200, content[: len(content) // 2], {"Content-Length": str(len(content))})
        if chat:
            with self._lock:
                self.tokens[0] += self._used(body)
                self.tokens[1] += 7
        _send(request, 200, content)
        with self._lock:
            self.answered[said] += 1
        return None

    def _completion(self, body: Body, fault: str | None) -> Body:
        wrong = {"eleven": "Rating: 11/10", "empty": "", "null": None}
        message = {"role": "assistant", "content": wrong[fault] if fault in wrong else self.reply(body)}
        usage = {"prompt_tokens": self._used(body), "completion_tokens": 7, "total_tokens": self._used(body) + 7}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {"id": "c", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [choice],
                "usage": usage}  # fmt: skip

    def _headers(self, fault: str) -> dict[str, str]:
        if fault.endswith("-after"):
            return {"Retry-After": self.retry_after}
        if fault.endswith("-date"):
            return {"Retry-After": email.utils.formatdate(time.time() + 3, usegmt=True)}
        return {}

    @staticmethod
    def _used(body: Body) -> int:
        return sum(len(message["content"].split()) for message in body["messages"])


def _analysis(text: str, fault: str | None) -> Body:
    """Perspective's answer: the share of vowels, for want of an opinion."""
    wrong = {"eleven": 11, "null": None}
    value = wrong[fault] if fault in wrong else sum(c in "aeiou" for c in text) / max(1, len(text))
    score = {"spanScores": [], "summaryScore": {"value": value, "type": "PROBABILITY"}}
    return {"attributeScores": {} if fault == "empty" else {"TOXICITY": score}, "languages": ["en"]}


def _error(message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "some_error", "code": None}}).encode()


def _send(request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
        request.send_header(key, value)
    request.end_headers()
    request.wfile.write(body)
    if len(body) != int((headers or {}).get("Content-Length", len(body))):
        request.close_connection = True
