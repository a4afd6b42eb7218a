"""A run's folder, locked while a process works in it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from modelswarms.errors import RunError
from modelswarms.runs.atomic import replace_file
from modelswarms.runs.journal import Journal

__all__ = ["RunFolder"]

MANIFEST = "run.yaml"


class RunFolder:
    """``run.yaml``, ``journal.jsonl``, ``responses/`` and what is derived from them.

    Made by :meth:`create` or :meth:`open`, which hold its lock; ``RunFolder(path)`` only reads.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.journal = Journal(self.path / "journal.jsonl")

    @staticmethod
    def check_free(path: str | Path) -> None:
        """Raises RunError where a new run may not begin."""
        path = Path(path)
        if path.is_dir() and (path / MANIFEST).exists():
            raise RunError(
                f"{path}: holds a run already; go on with 'modelswarms resume {path}', or give another run_dir."
            )
        if path.exists() and (not path.is_dir() or set(os.listdir(path)) - {"lock"}):
            raise RunError(f"{path}: exists and is not an empty folder; give another run_dir.")
        parent = next(p for p in (path, *path.absolute().parents) if p.exists())
        if not parent.is_dir():
            raise RunError(f"{path}: {parent} is a file; give another run_dir.")
        if not os.access(parent, os.W_OK):
            raise RunError(f"{path}: {parent} may not be written; give another run_dir or change the permissions.")

    @classmethod
    @contextmanager
    def create(cls, path: str | Path, manifest: Mapping[str, Any]) -> Iterator[RunFolder]:
        """A new run, locked while the context lasts. Raises RunError where there is something already."""
        cls.check_free(path)
        run = cls(path)
        try:
            (run.path / "responses").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{path}: cannot be made ({error.strerror}); give another run_dir.") from error
        with run._locked():
            replace_file(run.path / MANIFEST, yaml.safe_dump(dict(manifest), sort_keys=True).encode())
            yield run

    @classmethod
    @contextmanager
    def open(cls, path: str | Path) -> Iterator[RunFolder]:
        """An existing run, locked while the context lasts. Raises RunError where there is none, or it is in use."""
        run = cls(path)
        run.manifest()
        with run._locked():
            yield run

    def manifest(self) -> dict[str, Any]:
        """What ``run.yaml`` holds."""
        try:
            loaded = yaml.safe_load((self.path / MANIFEST).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(f"{self.path}: is not the folder of a run (no {MANIFEST}); check the path.") from None
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise RunError(f"{self.path / MANIFEST}: cannot be read ({error}); restore it from a copy.") from error
        if not isinstance(loaded, dict) or not isinstance(loaded.get("config"), dict):
            raise RunError(f"{self.path / MANIFEST}: holds no configuration; restore it from a copy.")
        return loaded

    def write_json(self, name: str, value: Any) -> None:
        """Writes a derived file, sorted and indented; it is there whole or not at all."""
        text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
        replace_file(self.path / name, (text + "\n").encode("utf-8", "surrogatepass"))

    def read_timing(self) -> dict[str, dict[str, float]]:
        """The times that earlier processes wrote; empty where there are none or they cannot be read."""
        try:
            stages = json.loads((self.path / "timing.json").read_text(encoding="utf-8"))["stages"]
            return {stage: {k: float(v) for k, v in amounts.items()} for stage, amounts in stages.items()}
        except (OSError, ValueError, AttributeError, KeyError, TypeError):
            return {}

    def write_responses(self, responses: Sequence[Mapping[str, Any]]) -> str:
        """Keeps full texts under the SHA-256 of their content; gives that name."""
        text = json.dumps(list(responses), sort_keys=True, ensure_ascii=False, allow_nan=False)
        content = (text + "\n").encode("utf-8", "surrogatepass")
        name = hashlib.sha256(content).hexdigest()
        path = self.path / "responses" / f"{name}.json"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            replace_file(path, content)
        return name

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Holds the lock; the system frees it when the process ends, however it ends."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be locked ({error.strerror}); change the permissions.") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
                raise RunError(
                    f"{self.path}: process {owner} is working in this run; wait for it, or stop it first."
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)
