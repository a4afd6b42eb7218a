"""What was answered, under the SHA-256 of what was asked."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelswarms.errors import ConfigError, SearchFailedError

__all__ = ["Cache", "address_of"]

log = logging.getLogger(__name__)

Content = dict[str, Any]


def address_of(question: Mapping[str, Any]) -> str:
    """SHA-256 of a question as canonical JSON: equal questions have equal addresses, in every process."""
    canonical = json.dumps(question, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


class Cache:
    """One small file an answer, there whole or not at all; several processes may share the folder.

    Without a folder, what is answered is kept while the process lasts.

    Raises:
        ConfigError: the folder cannot be made or may not be written.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._kept: dict[str, Content] = {}
        if folder is not None:
            _check(folder)

    def get(self, question: Mapping[str, Any]) -> Content | None:
        """What was answered; None where nothing was, or where the file is damaged."""
        address = address_of(question)
        if self._folder is None:
            return self._kept.get(address)
        path = self._path(self._folder, address)
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            answer = kept["answer"]
            if address_of(kept["question"]) != address or not isinstance(answer, dict):
                raise ValueError("it is the answer to something else")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s: cannot be used (%s); it is asked again", path, error)
            with suppress(OSError):
                path.unlink()
            return None
        return answer

    def put(self, question: Mapping[str, Any], answer: Content) -> None:
        """Keeps an answer. Raises SearchFailedError where it cannot be written: it would be paid for again."""
        address = address_of(question)
        if self._folder is None:
            self._kept[address] = answer
            return
        path = self._path(self._folder, address)
        text = json.dumps({"question": question, "answer": answer}, sort_keys=True, allow_nan=False)
        # A name of its own: two runs may be writing the same answer at the same time.
        partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
        try:
            path.parent.mkdir(exist_ok=True)
            try:
                with partial.open("w", encoding="utf-8") as file:
                    file.write(text + "\n")
                    file.flush()
                    os.fsync(file.fileno())
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)  # a full disk needs the room
        except OSError as error:
            raise SearchFailedError(
                f"{path}: an answer cannot be kept ({error.strerror}), and would be asked and paid for again; "
                "make room or change the permissions, then resume."
            ) from error

    @staticmethod
    def _path(folder: Path, address: str) -> Path:
        return folder / address[:2] / f"{address}.json"


def _check(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"utility.remote.cache: {folder} cannot be made ({error.strerror}); give another folder."
        ) from error
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigError(
            f"utility.remote.cache: {folder} may not be written; give another folder or change the permissions."
        )
