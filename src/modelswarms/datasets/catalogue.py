"""The published data sets that have a name: sizes, checksums, and where each is published."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Catalogue", "Entry", "catalogue", "sha256_of"]

_FILE: Final = Path(__file__).with_name("catalogue.json")


@dataclass(frozen=True)
class Entry:
    """One data set: what its items are (``multiple_choice``, ``exact_match``, ``prompts``), and its file."""

    name: str
    kind: str
    dev: int
    test: int
    bytes: int
    sha256: str

    @property
    def file(self) -> str:
        """Its file's name."""
        return f"{self.name}.json"


@dataclass(frozen=True)
class Catalogue:
    """All of them, and the repository, commit and folder in which they are published."""

    repository: str
    commit: str
    path: str
    licence: str
    entries: Mapping[str, Entry]

    @property
    def url(self) -> str:
        """Address of the folder that holds the files as they are."""
        host, _, name = self.repository.partition("/")
        return f"https://raw.{host.replace('.com', 'usercontent.com')}/{name}/{self.commit}/{self.path}"


def catalogue() -> Catalogue:
    """What the package knows of the published files; nothing is asked for."""
    known = json.loads(_FILE.read_text(encoding="utf-8"))
    files = {name: Entry(name, **facts) for name, facts in known.pop("files").items()}
    return Catalogue(**known, entries=files)


def sha256_of(path: Path) -> str:
    """The checksum of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
