"""A server of files that misbehaves as it is told, over real HTTP."""

from __future__ import annotations

import contextlib
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Fault:
    """What is wrong with one answer.

    Attributes:
        status: instead of the file.
        headers: with the status.
        cut: so many bytes are sent of those that were promised, then the connection ends.
        promised: whether the length is promised at all.
        instead: other bytes than the file's.
        waits: until the server is closed, after these bytes.
        shifted: a part that begins elsewhere than it was asked for.
    """

    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    cut: int | None = None
    promised: bool = True
    instead: bytes | None = None
    waits: bool = False
    shifted: bool = False


@dataclass
class FileServer:
    """Files by path; faults are used up in their order, one a request."""

    files: dict[str, bytes]
    faults: list[Fault] = field(default_factory=list)
    always: Fault = Fault()
    ranges: bool = True
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    sent: int = 0

    def __enter__(self) -> FileServer:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with contextlib.suppress(ConnectionError):  # whoever asked is gone
                    server._answer(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self._closed = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        self.requests.append((request.path, asked))
        fault = self.faults.pop(0) if self.faults else self.always
        content = self.files.get(request.path.lstrip("/")) if fault.instead is None else fault.instead
        if fault.status is not None or content is None:
            _head(request, fault.status or 404, fault.headers, b"no")
            request.wfile.write(b"no")
            return
        begin = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and self.ranges else None
        if begin is not None and begin >= len(content):
            _head(request, 416, (("Content-Range", f"bytes */{len(content)}"),), b"")
            return
        body = content[begin or 0 :]
        first = (begin or 0) + fault.shifted
        where = f"bytes {first}-{len(content) - 1}/{len(content)}"
        headers = () if begin is None else (("Content-Range", where),)
        _head(request, 200 if begin is None else 206, headers, body if fault.promised else None)
        part = body if fault.cut is None else body[: fault.cut]
        for k in range(0, len(part), 1000):
            request.wfile.write(part[k : k + 1000])
            self.sent += len(part[k : k + 1000])
        if fault.waits:
            self._closed.wait(30)
        request.close_connection = True


def _head(
    request: BaseHTTPRequestHandler, status: int, headers: tuple[tuple[str, str], ...], body: bytes | None
) -> None:
    request.send_response(status)
    for key, value in headers:
        request.send_header(key, value)
    if body is not None:
        request.send_header("Content-Length", str(len(body)))
    request.end_headers()
