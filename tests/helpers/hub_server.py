"""A hub of one's own: as much of its API as downloading a snapshot needs, over real HTTP."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest


@dataclass
class Repository:
    """Folders by revision; what the hub answers to who may not see it."""

    revisions: dict[str, Path]
    refusal: tuple[int, str] | None = None
    token: str | None = None

    def commit(self, revision: str) -> str | None:
        named = {name: hashlib.sha1(name.encode()).hexdigest() for name in self.revisions}
        return named.get(revision) or (revision if revision in named.values() else None)

    def folder(self, commit: str) -> Path:
        return next(path for name, path in self.revisions.items() if self.commit(name) == commit)


@dataclass
class Hub:
    """Repositories by id, every request that was made, and files that are missing in spite of the listing."""

    repositories: dict[str, Repository]
    requests: list[tuple[str, str]] = field(default_factory=list)
    down: bool = False

    def __enter__(self) -> Hub:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub._answer(self)

            do_HEAD = do_GET

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def downloaded(self) -> set[str]:
        """Paths of the files whose contents were asked for."""
        return {
            path.split("/resolve/")[1].partition("/")[2]
            for how, path in self.requests
            if how == "GET" and "/resolve/" in path
        }

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path = unquote(urlsplit(request.path).path)
        self.requests.append((request.command, path))
        if self.down:
            return _send(request, 500, b"")
        parts = path.strip("/").split("/")
        for kind in (["api", "models"], ["api", "datasets"], ["datasets"]):
            if parts[: len(kind)] == kind:
                parts = parts[len(kind) :]
                break
        name, rest = "/".join(parts[:2]), parts[2:]
        repository = self.repositories.get(name)
        if repository is None:
            return _send(request, 404, b"", {"X-Error-Code": "RepoNotFound"})
        if repository.refusal and request.headers.get("Authorization") != f"Bearer {repository.token}":
            status, code = repository.refusal
            return _send(request, status, b"", {"X-Error-Code": code} if code else {})
        commit = repository.commit(rest[1] if len(rest) > 1 else "main")
        if commit is None:
            return _send(request, 404, b"", {"X-Error-Code": "RevisionNotFound"})
        return self._found(request, name, repository.folder(commit), commit, rest)

    def _found(self, request: BaseHTTPRequestHandler, name: str, folder: Path, commit: str, rest: list[str]) -> None:
        verb = rest[0] if rest else "revision"
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if verb == "revision":
            about = {"id": name, "sha": commit, "private": False, "tags": [], "downloads": 0}
            siblings = [{"rfilename": path.relative_to(folder).as_posix()} for path in files]
            return _send(request, 200, json.dumps({**about, "siblings": siblings}).encode())
        if verb == "tree":
            listing = _listing(folder, folder.joinpath(*rest[2:]), "recursive=true" in request.path.lower())
            return _send(request, 200, json.dumps(listing).encode())
        path = folder.joinpath(*rest[2:])
        if not path.is_file():
            return _send(request, 404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        return _send(request, 200, path.read_bytes(), {"ETag": f'"{_etag(path)}"', "X-Repo-Commit": commit})


def _listing(root: Path, folder: Path, recursive: bool) -> list[dict[str, object]]:
    """What is in a folder of a repository, as the tree of its API says it."""
    found: list[dict[str, object]] = []
    for path in sorted(folder.rglob("*") if recursive else folder.glob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_dir():
            found.append({"type": "directory", "path": name, "oid": hashlib.sha1(name.encode()).hexdigest()})
        else:
            found.append({"type": "file", "path": name, "size": path.stat().st_size, "oid": _etag(path)})
    return found


def only_hub(patch: pytest.MonkeyPatch, address: str, folder: Path) -> None:
    """Makes a hub the only one that the process knows, with a cache of its own in a folder."""
    from huggingface_hub import constants
    from huggingface_hub import utils as hub_utils
    from huggingface_hub.utils import _http

    patch.setattr(constants, "ENDPOINT", address)
    patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    patch.setattr(constants, "HF_HUB_CACHE", str(folder / "cache"))
    patch.setattr(constants, "HF_TOKEN_PATH", str(folder / "token"))
    patch.setattr(constants, "HF_HUB_OFFLINE", False)
    any_path = re.compile(r"^http://[^/]+(/api/(models|datasets)/.+|/.+/resolve/.+)")  # as the library has it for https
    patch.setattr(_http, "REPO_API_REGEX", any_path)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        patch.delenv(name, raising=False)
    hub_utils.disable_progress_bars()
    forget_connections()


def forget_connections() -> None:
    """Those that the hub's client keeps open."""
    from huggingface_hub.utils import _http

    getattr(_http, "close_session", lambda: None)()


def _etag(path: Path) -> str:
    return hashlib.sha1(path.read_bytes()).hexdigest()


def _send(request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
    request.send_response(status)
    for key, value in (headers or {}).items():
        request.send_header(key, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    if request.command == "GET":
        request.wfile.write(body)
