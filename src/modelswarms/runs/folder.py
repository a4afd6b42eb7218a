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
from modelswarms.runs.atomic import partial_name, replace_file, replace_json, sync_folder
from modelswarms.runs.journal import Journal

__all__ = ["RunFolder"]

MANIFEST = "run.yaml"
RESPONSES = "responses"
LOCK = "lock"


class RunFolder:
    """``run.yaml``, ``journal.jsonl``, ``responses/`` and what is derived from them.

    Made by :meth:`create` or :meth:`open`, which hold its lock; ``RunFolder(path)`` only reads.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.journal = Journal(self.path / "journal.jsonl")

    @staticmethod
    def check_free(path: str | Path) -> None:
        """Raises RunError where a new run may not begin.

        A folder that is empty will do, and one in which a run was ended before ``run.yaml`` was there.
        """
        path = Path(path)
        try:
            obstacle = _obstacle(path)
        except OSError as error:
            obstacle = f"cannot be used ({error.strerror}); give another run_dir."
        if obstacle:
            raise RunError(f"{path}: {obstacle}")

    @classmethod
    @contextmanager
    def create(cls, path: str | Path, manifest: Mapping[str, Any]) -> Iterator[RunFolder]:
        """A new run, locked while the context lasts. Raises RunError where there is something already."""
        cls.check_free(path)
        run, text = cls(path), yaml.safe_dump(dict(manifest), sort_keys=True)
        try:
            (run.path / RESPONSES).mkdir(parents=True, exist_ok=True)
            sync_folder(run.path.parent)
        except OSError as error:
            raise RunError(f"{path}: cannot be made ({error.strerror}); give another run_dir.") from error
        with run._locked():
            cls.check_free(path)  # another process may have been quicker
            replace_file(run.path / MANIFEST, text.encode())
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
            if _is_unbegun(self.path):
                raise RunError(
                    f"{self.path}: the run was ended before it began; start it again in the same folder."
                ) from None
            raise RunError(f"{self.path}: is not the folder of a run (no {MANIFEST}); check the path.") from None
        except NotADirectoryError:
            raise RunError(f"{self.path}: is a file; give the folder of a run.") from None
        except OSError as error:
            raise RunError(
                f"{self.path / MANIFEST}: cannot be read ({error.strerror}); check what it is and who may read it."
            ) from error
        except (ValueError, yaml.YAMLError) as error:
            mark = getattr(error, "problem_mark", None)
            where = f" in line {mark.line + 1}" if mark else ""
            raise RunError(f"{self.path / MANIFEST}: is not YAML{where}; restore it from a copy.") from error
        if not isinstance(loaded, dict) or not isinstance(loaded.get("config"), dict):
            raise RunError(f"{self.path / MANIFEST}: holds no configuration; restore it from a copy.")
        return loaded

    def write_json(self, name: str, value: Any) -> None:
        """Writes a derived file, sorted and indented; it is there whole or not at all."""
        replace_json(self.path / name, value)

    def read_timing(self) -> dict[str, dict[str, float]]:
        """The times that earlier processes wrote; empty where there are none or they cannot be read."""
        try:
            stages = json.loads((self.path / "timing.json").read_text(encoding="utf-8"))["stages"]
            return {stage: {k: float(v) for k, v in amounts.items()} for stage, amounts in stages.items()}
        except (OSError, ValueError, AttributeError, KeyError, TypeError):
            return {}

    def read_usage(self) -> dict[str, float]:
        """What was used of services, by name, as ``timing.json`` has it; empty where it has nothing."""
        try:
            used = json.loads((self.path / "timing.json").read_text(encoding="utf-8"))["remote"]
            return {name: float(amount) for name, amount in used.items()}
        except (OSError, ValueError, AttributeError, KeyError, TypeError):
            return {}

    def write_responses(self, responses: Sequence[Mapping[str, Any]]) -> str:
        """Keeps full texts under the SHA-256 of their content; gives that name."""
        text = json.dumps(list(responses), sort_keys=True, ensure_ascii=False, allow_nan=False)
        content = (text + "\n").encode("utf-8", "surrogatepass")
        name = hashlib.sha256(content).hexdigest()
        path = self.path / RESPONSES / f"{name}.json"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            replace_file(path, content)
        return name

    def read_responses(self, name: str) -> list[dict[str, Any]]:
        """The full texts that :meth:`write_responses` kept under a name. Raises RunError where they are gone."""
        path = self.path / RESPONSES / f"{name}.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
        except (OSError, ValueError) as error:
            raise RunError(f"{path}: cannot be read ({error}); restore it from a copy.") from error
        return list(found)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Holds the lock; the system frees it when the process ends, however it ends."""
        try:
            descriptor = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
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
            except OSError as error:
                raise RunError(
                    f"{self.path}: cannot be locked ({error.strerror}); keep runs on a file system that has locks."
                ) from error
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)


def _obstacle(path: Path) -> str | None:
    """Why a new run cannot begin in a folder, and what to do; None where it can."""
    if (path / MANIFEST).exists():
        return f"holds a run already; go on with 'modelswarms resume {path}', or give another run_dir."
    if os.path.lexists(path) and not path.is_dir():
        return "exists and is not a folder; give another run_dir."
    if path.is_dir() and os.listdir(path) and not _is_unbegun(path):
        return "exists and is not an empty folder; give another run_dir."
    parent = next(p for p in (path, *path.absolute().parents) if p.exists())
    if not parent.is_dir():
        return f"{parent} is a file; give another run_dir."
    if not os.access(parent, os.W_OK | os.X_OK):
        return f"{parent} may not be written; give another run_dir or change the permissions."
    return None


def _is_unbegun(path: Path) -> bool:
    """Whether a folder holds what a run leaves that was ended before its manifest was written, and only that."""
    if not path.is_dir():
        return False
    found, responses = set(os.listdir(path)), path / RESPONSES
    ours = found <= {LOCK, RESPONSES, partial_name(MANIFEST)}
    return bool(found) and ours and not (responses.is_dir() and os.listdir(responses))
