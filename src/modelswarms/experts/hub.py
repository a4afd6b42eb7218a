"""Experts and bases on the Hugging Face hub: what an id means, and a local folder of what it names."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from modelswarms.errors import ExpertError
from modelswarms.experts.adapter import CONFIG, WEIGHTS

__all__ = ["HubId", "fetch_adapters", "fetch_model", "hub_id", "is_path"]

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*", re.ASCII)
_FORM: Final = re.compile(r"(?P<repository>[^@:]+)(?:@(?P<revision>[^@:]+))?(?::(?P<subfolder>[^@:*?\[\]\\]+))?")
_GIVE: Final = "give org/name, org/name@revision or org/name@revision:subfolder"

_MODEL_FILES: Final = ("model*.safetensors", "*.json", "*.jinja", "*.model", "*.tiktoken", "merges.txt", "vocab.txt")
_NOT_MODEL: Final = ("*/*", "adapter_*", "*.bin.index.json")
"""An adapter's files beside a base's would be taken for a part of the base when it is loaded."""


@dataclass(frozen=True)
class HubId:
    """``org/name@revision:subfolder``, the last two where they are given."""

    repository: str
    revision: str | None = None
    subfolder: str | None = None

    @property
    def name(self) -> str:
        """What an expert from there is called: the repository's name, or the subfolder's last part."""
        return (self.subfolder or self.repository).rpartition("/")[2]

    def inside(self, folder: str) -> HubId:
        """The id of a folder that lies directly inside."""
        return HubId(self.repository, self.revision, f"{self.subfolder}/{folder}" if self.subfolder else folder)

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return f"{self.repository}{revision}" + (f":{self.subfolder}" if self.subfolder else "")


def is_path(text: str) -> bool:
    """Whether a place is meant, which the hub is never asked for.

    That is what exists, begins with ``.``, ``/`` or ``~``, ends with ``/``, or has no slash or several
    in front of the revision and the subfolder.
    """
    front = re.split("[@:]", text, maxsplit=1)[0]
    return text.startswith((".", "/", "~")) or text.endswith("/") or front.count("/") != 1 or os.path.exists(text)


def hub_id(given: object, who: str) -> HubId | None:
    """The hub id that a text is, or None for a folder; ``who`` is named in errors.

    Raises:
        ExpertError: the text is neither a place nor an id.
    """
    if not isinstance(given, str) or is_path(given):
        return None
    match = _FORM.fullmatch(given)
    if match is None or not _REPOSITORY.fullmatch(match["repository"]):
        raise ExpertError(f"{who}: {given!r} is no folder, and no valid hub id; check the path, or {_GIVE}.")
    subfolder = match["subfolder"]
    if subfolder is not None and (subfolder.startswith("/") or ".." in subfolder.split("/")):
        raise ExpertError(f"{who}: {given!r} leads out of its repository; {_GIVE}.")
    return HubId(match["repository"], match["revision"], subfolder)


def _beside(repository: str) -> str:
    """What there is in the folder of this name, where a local path was meant and mistyped."""
    parent, _, name = repository.rpartition("/")
    if not parent or not Path(parent).is_dir():
        return ""
    inside = sorted(path.name for path in Path(parent).iterdir() if path.is_dir())
    close = get_close_matches(name, inside, n=1)
    return f" (did you mean {parent}/{close[0]}?)" if close else f" ({parent} has {', '.join(inside[:4]) or 'none'})"


def fetch_adapters(wanted: HubId, who: str) -> Path:
    """A local folder with the adapter that the id names, or with those in the folders directly inside.

    The configurations come first, since they tell which weights are meant: those of checkpoints beside
    a finished adapter are not.

    Raises:
        ExpertError: names the expert, the id and the remedy.
    """
    inner = f"{wanted.subfolder}/" if wanted.subfolder else ""
    root = _snapshot(wanted, who, [inner + CONFIG, f"{inner}*/{CONFIG}"], [f"{inner}*/*/{CONFIG}"])
    folder = root / inner
    adapters = [folder] if (folder / CONFIG).is_file() else sorted(path.parent for path in folder.glob(f"*/{CONFIG}"))
    if not adapters:
        raise ExpertError(f"{who}: {_nothing_there(wanted, who)}")
    pinned = HubId(wanted.repository, root.name)  # the commit: what a branch means may change in between
    _snapshot(pinned, who, [(path / WEIGHTS).relative_to(root).as_posix() for path in adapters])
    for path in adapters:
        if not (path / WEIGHTS).is_file():
            missing = (path / WEIGHTS).relative_to(root).as_posix()
            raise ExpertError(
                f"{who}: {wanted.repository} holds no {missing} (a .bin file is not read, since it can run code); "
                "load the adapter with PEFT, save it in a folder, and give that."
            )
    return folder


def fetch_model(wanted: HubId, who: str = "base", code: bool = False) -> Path:
    """A local folder with a model's configuration, tokenizer and safetensors, and with its code where that is wanted.

    Raises:
        ExpertError: names what it is for, the id and the remedy.
    """
    if wanted.subfolder:
        raise ExpertError(
            f"{who}: {wanted} names a subfolder, but a model is a whole repository; give org/name or org/name@revision."
        )
    folder = _snapshot(wanted, who, (*_MODEL_FILES, *(("*.py",) if code else ())), _NOT_MODEL)
    for needed, pattern in (("config.json", "config.json"), ("model*.safetensors", "model*.safetensors")):
        if not any(folder.glob(pattern)):
            raise ExpertError(f"{who}: {wanted} holds no {needed}; give a transformers model with safetensors weights.")
    return folder


def _nothing_there(wanted: HubId, who: str) -> str:
    """Why an id leads to no adapter, with what is there instead."""
    whole = HubId(wanted.repository, wanted.revision)
    if wanted.subfolder is None:
        return f"{wanted} holds no {CONFIG}: it is no LoRA adapter; check the id, or add :subfolder."
    root = _snapshot(whole, who, [CONFIG, f"*/{CONFIG}"])
    there = sorted(path.parent.relative_to(root).as_posix() for path in root.rglob(CONFIG))
    return (
        f"{whole} has no subfolder {wanted.subfolder!r} with an adapter (adapters are in: "
        f"{', '.join(there[:8]) or 'none'}); check the part after the colon."
    )


def _snapshot(wanted: HubId, who: str, allow: Sequence[str], ignore: Sequence[str] = ()) -> Path:
    """The root of the local copy, with the files that the patterns name; HF_ENDPOINT, HF_TOKEN and the like count."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        place = snapshot_download(
            wanted.repository,
            revision=wanted.revision,
            allow_patterns=list(allow),
            ignore_patterns=list(ignore) or None,
        )
        return Path(place)
    except GatedRepoError:
        why = "is gated; ask for access on its page, then set HF_TOKEN (or log in with: hf auth login)."
    except RepositoryNotFoundError:
        why = (
            "is no folder here, and no repository on the hub that you may see; check the spelling, "
            "and set HF_TOKEN (or log in with: hf auth login) where it is private."
        )
    except RevisionNotFoundError:
        why = f"has no revision {wanted.revision!r}; check the part after the @."
    except LocalEntryNotFoundError as error:
        if isinstance(error.__cause__, HfHubHTTPError):
            why = _answered(error.__cause__.response.status_code)
        else:
            why = f"is no folder here{_beside(wanted.repository)} and not in the hub's cache, and {_unreachable()}"
    except HfHubHTTPError as error:
        why = _answered(error.response.status_code)
    except ValueError as error:  # the hub's own idea of a name
        why = f"is no folder, and no valid hub id ({_line(error)}); {_GIVE}."
    except Exception as error:  # a transport's errors share no class with one another, nor with the hub's
        why = (
            f"cannot be downloaded ({type(error).__name__}: {_line(error)}); check connection and disk, and try again."
        )
    raise ExpertError(f"{who}: {wanted} {why}")


def _answered(status: int) -> str:
    if status in (401, 403):
        return f"cannot be had: the hub answered {status}; check HF_TOKEN (or log in with: hf auth login)."
    return f"cannot be had: the hub answered {status}; try again later, or give a folder."


def _unreachable() -> str:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE forbids to ask for it; unset it, or check the path."
    return f"{constants.ENDPOINT} cannot be reached; check the connection (and HF_ENDPOINT), or the path."


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0].rstrip(".")
