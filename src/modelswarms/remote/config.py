"""How a service is reached, how patiently, and how much of it may be used."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from modelswarms.errors import ConfigError

__all__ = ["Price", "RemoteConfig", "refuse_secrets"]

OPENAI: Final = "https://api.openai.com/v1"
_GROUP: Final = "utility.remote"
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]*")
_SECRET: Final = re.compile(r"(.*[_-])?(api[_-]?key|key|secret|password|authorization|bearer|access[_-]?token)")


@dataclass(frozen=True)
class Price:
    """Dollars for a million tokens."""

    input: float = math.nan
    output: float = math.nan

    def __post_init__(self) -> None:
        for name in ("input", "output"):
            value = getattr(self, name)
            if math.isnan(value):
                raise ConfigError(f"{_GROUP}.price.{name}: not given; write price: {{input: 0.15, output: 0.6}}.")
            if not 0 <= value < math.inf:
                raise ConfigError(f"{_GROUP}.price.{name}: {value} is not allowed; give a number of at least 0.")


@dataclass(frozen=True)
class RemoteConfig:
    """Where a service is, how it is asked, and how much.

    Attributes:
        base_url: of an OpenAI-compatible service, with its ``/v1``; None is the service's own.
        api_key_env: the environment variable that holds the key; None where the service wants none.
        concurrency: at most so many requests are under way at once.
        requests_per_minute: at most so many are sent in a minute; None sends as fast as answers come.
        timeout: seconds that one attempt may take.
        deadline: seconds after which a request that was tried again and again is given up.
        max_requests: at most so many requests are sent in a whole run, retries included; then it stops.
        max_tokens: it stops as well when so many tokens, read and written, were used.
        price: for a million tokens, so that the cost can be shown.
        cache: a folder where answers are kept for other runs as well; None keeps them in the run's folder.

    Raises:
        ConfigError: a value is not allowed; the message names the key.
    """

    base_url: str | None = None
    api_key_env: str | None = "OPENAI_API_KEY"
    concurrency: int = 16
    requests_per_minute: float | None = None
    timeout: float = 60.0
    deadline: float = 600.0
    max_requests: int | None = None
    max_tokens: int | None = None
    price: Price | None = None
    cache: str | None = None

    def __post_init__(self) -> None:
        if self.base_url is not None:
            _check_address(self.base_url)
        if self.api_key_env is not None and not _VARIABLE.fullmatch(self.api_key_env):
            raise ConfigError(  # what stands there may be the key itself, so it is not repeated
                f"{_GROUP}.api_key_env: is not the name of an environment variable (capital letters, digits and _); "
                "give the name of the variable that holds the key, never the key."
            )
        for name, least in (("concurrency", 1), ("max_requests", 1), ("max_tokens", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"{_GROUP}.{name}: {value} is not allowed; give at least {least}.")
        for name in ("requests_per_minute", "timeout", "deadline"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ConfigError(f"{_GROUP}.{name}: {value} is not allowed; give a number above 0.")

    def key(self, environment: Mapping[str, str] | None = None) -> str | None:
        """The key; None where the service wants none. Raises ConfigError where the variable is not set."""
        if self.api_key_env is None:
            return None
        key = (os.environ if environment is None else environment).get(self.api_key_env, "").strip()
        if not key:
            raise ConfigError(
                f"{_GROUP}.api_key_env: the environment variable {self.api_key_env} is not set; export the key there, "
                "name another variable, or write null for a service without keys."
            )
        if not key.isascii() or not key.isprintable():
            raise ConfigError(
                f"{_GROUP}.api_key_env: {self.api_key_env} holds characters that no key has; export the key again."
            )
        return key


def refuse_secrets(keys: Mapping[str, Any], prefix: str = "utility.") -> None:
    """Raises ConfigError where keys and values hold a key to a service, which would end up in the run's folder."""
    for name, value in keys.items():
        if name == "data":  # its keys are columns
            continue
        if isinstance(value, Mapping):
            refuse_secrets(value, f"{prefix}{name}.")
        elif _SECRET.fullmatch(str(name).lower()) and value is not None:
            raise ConfigError(
                f"{prefix}{name}: keys do not belong in a configuration, which a run keeps; leave it out, and give the "
                "name of the environment variable that holds it as remote.api_key_env."
            )


def _check_address(address: str) -> None:
    """Raises ConfigError; an address that may hold a password is not repeated."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            f"{_GROUP}.base_url: holds a name, a password or a '?', where keys are often put; give the address alone, "
            "and the key's environment variable in remote.api_key_env."
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or any(c.isspace() for c in address):
        raise ConfigError(
            f"{_GROUP}.base_url: {address!r} is not the address of a service; write one such as "
            "http://localhost:8000/v1."
        )
