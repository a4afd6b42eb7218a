"""Files from the network, there whole or not at all, and gone on with where a transfer broke.

pooch, which checks and caches as well, begins a broken transfer anew and does not wait for a server that is busy;
so the transfer is ours, on httpx: what has come stays in a file beside the last one's place, under a lock, until
its checksum is the one that was asked for.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from modelswarms.datasets.catalogue import sha256_of
from modelswarms.errors import DataError

if TYPE_CHECKING:
    import httpx

__all__ = ["Patience", "UnreachableError", "Wanted", "fetch", "partial_path"]

_CHUNK: Final = 1 << 16
_BUSY: Final = (408, 425, 429, 500, 502, 503, 504)
"""Answers after which asking again may help."""

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for.

    Attributes:
        attempts: tries in a row that bring nothing before it is given up.
        first_wait, longest_wait: seconds before the second try, doubled with each further one, and at most.
        timeout: seconds without a byte after which a try has failed.
    """

    attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = 30.0
    timeout: float = 30.0
    sleep: Callable[[float], None] = time.sleep

    def wait(self, failed: int, told: float | None = None) -> None:
        """Waits before the next try; as long as the server said, where it did."""
        seconds = self.first_wait * 2 ** max(0, failed - 1) if told is None else told
        self.sleep(min(seconds, self.longest_wait))


@dataclass(frozen=True)
class Wanted:
    """A file: where it is (an address, or a path), its checksum and its size in bytes."""

    place: str
    sha256: str
    bytes: int


class UnreachableError(DataError):
    """The server cannot be reached; what else it has cannot be had either."""


class _BrokenOffError(Exception):
    """A try that brought less than all; another may bring the rest."""

    def __init__(self, why: str, unreachable: bool = False, wait: float | None = None) -> None:
        super().__init__(why)
        self.unreachable, self.wait = unreachable, wait


def partial_path(path: Path) -> Path:
    """Where a file is until it is whole."""
    return path.with_name(f".{path.name}.partial")


def fetch(wanted: Wanted, path: Path, patience: Patience | None = None, progress: Progress | None = None) -> None:
    """Brings a file to its place; a part of it that is there already is not asked for again.

    Args:
        progress: is told how many bytes there are.

    Raises:
        UnreachableError: no connection, for as long as the patience lasts; what has come is kept.
        DataError: the server does not have it, gives something else, or it cannot be written.
    """
    patience, progress = patience or Patience(), progress or (lambda done: None)
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(partial_path(path)) as partial:
            left = _size(partial) > 0
            tries = _fill(partial, wanted, path, patience, progress)
            if _digest(partial, path) != wanted.sha256 and (left or tries > 1):  # pieces that may not belong together
                partial.truncate(0)
                _fill(partial, wanted, path, patience, progress)
            found = _digest(partial, path)
            if found != wanted.sha256:
                partial_path(path).unlink()
                raise DataError(
                    f"{path.name}: what {wanted.place} gives is not the published file (SHA-256 {found[:12]}… instead "
                    f"of {wanted.sha256[:12]}…); give another place with --from."
                )
            os.fsync(partial.fileno())
            partial_path(path).replace(path)


def _fill(partial: IO[bytes], wanted: Wanted, path: Path, patience: Patience, progress: Progress) -> int:
    """Gets what is missing, over as many tries as the patience allows; gives the number of tries."""
    failed = tries = 0
    while _size(partial) < wanted.bytes:
        tries, before = tries + 1, _size(partial)
        progress(before)
        needed = wanted.bytes - before
        if shutil.disk_usage(path.parent).free < needed:
            raise DataError(f"{path}: needs {needed:,} bytes more than the disk has; make room, or give --to.")
        try:
            if "://" in wanted.place:
                _transfer(partial, wanted, path.name, patience, progress)
            else:
                _copy(partial, wanted, path.name, progress)
            break  # all that there is; its checksum says whether it is right
        except _BrokenOffError as error:
            failed = 0 if _size(partial) > before else failed + 1
            if failed >= patience.attempts:
                kept = " What has come is kept: the same command goes on." if _size(partial) else ""
                kind = UnreachableError if error.unreachable else DataError
                raise kind(f"{path.name}: {error}{kept}") from error
            patience.wait(failed, error.wait)
    return tries


def _transfer(partial: IO[bytes], wanted: Wanted, name: str, patience: Patience, progress: Progress) -> None:
    """One request for the rest of the file; a server that cannot give a part gives all."""
    import httpx

    begun = _size(partial)
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={begun}-"} if begun else {})}
    try:
        with httpx.stream(
            "GET", wanted.place, headers=headers, timeout=patience.timeout, follow_redirects=True
        ) as reply:
            _check_status(reply, wanted, name)
            told = reply.headers.get("content-range", "")
            if reply.status_code != 206 or not told.startswith(f"bytes {begun}-"):
                partial.truncate(0)
            if reply.status_code in (206, 416) and not _size(partial) == begun > 0:
                raise _BrokenOffError(f"{_host(wanted)} gave another part than was asked for; try again.")
            for chunk in reply.iter_raw():
                partial.write(chunk)
                progress(_size(partial))
                if _size(partial) > wanted.bytes:
                    return  # something else
            if _size(partial) < wanted.bytes and not {"content-length", "transfer-encoding"} & set(reply.headers):
                raise _BrokenOffError(f"{_host(wanted)} broke off; try again later.", unreachable=True)
    except httpx.InvalidURL as error:
        raise DataError(f"{name}: {wanted.place} is no address ({error}); mend --from.") from None
    except httpx.UnsupportedProtocol:
        raise DataError(f"{name}: {wanted.place} is no address; give --from as https://… or as a folder.") from None
    except httpx.RequestError as error:
        why = f"{type(error).__name__}: {error}".rstrip(": ").rstrip(".")
        broken = (
            f"{_host(wanted)} cannot be reached, or broke off ({why}); check the connection, or give --from a mirror."
        )
        raise _BrokenOffError(broken, unreachable=True) from error


def _check_status(reply: httpx.Response, wanted: Wanted, name: str) -> None:
    status = reply.status_code
    if status == 416:  # it has less than the part that is there
        return
    if status in _BUSY:
        wait = reply.headers.get("retry-after", "")
        why = f"{_host(wanted)} answered {status}; try again later, or give --from a mirror."
        raise _BrokenOffError(why, wait=float(wait) if wait.isdecimal() else None)
    if status in (404, 410):
        raise DataError(f"{name}: {wanted.place} does not exist ({status}); check --from and MODELSWARMS_DATA_URL.")
    if status >= 400:
        raise DataError(f"{name}: {wanted.place} cannot be had ({status}); check --from, or who may read it.")


def _copy(partial: IO[bytes], wanted: Wanted, name: str, progress: Progress) -> None:
    """The whole from a folder."""
    source = Path(wanted.place)
    if not source.is_file() or not os.access(source, os.R_OK):
        raise DataError(f"{name}: {source} is no file that can be read; check --from and MODELSWARMS_DATA_URL.")
    partial.truncate(0)
    with source.open("rb") as file:
        shutil.copyfileobj(file, partial, _CHUNK)
    progress(_size(partial))


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Says why a file cannot be written, as a DataError; what has come is kept."""
    try:
        yield
    except OSError as error:
        what = error.filename or path
        raise DataError(f"{what}: cannot be written ({error.strerror}); make room, or give another folder.") from error


@contextmanager
def _locked(partial: Path) -> Iterator[IO[bytes]]:
    """The partial file, open, and for this process alone; the system frees it however the process ends."""
    while True:
        file = partial.open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise DataError(f"{partial}: another process is downloading this file; wait for it.") from None
        except OSError:
            file.close()
            raise
        if _is_at(file, partial):
            break
        file.close()  # whoever had the lock has finished, and this is the whole file now
    with file:
        try:
            yield file
        finally:
            if _size(file) == 0 and _is_at(file, partial):
                partial.unlink()


def _is_at(file: IO[bytes], path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())


def _size(file: IO[bytes]) -> int:
    file.flush()
    return os.fstat(file.fileno()).st_size


def _digest(file: IO[bytes], path: Path) -> str:
    file.flush()
    return sha256_of(partial_path(path))


def _host(wanted: Wanted) -> str:
    return wanted.place.split("://", 1)[-1].split("/", 1)[0]
