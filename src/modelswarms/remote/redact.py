"""No key in any text that leaves this room."""

from __future__ import annotations

import json
from urllib.parse import quote, quote_plus

__all__ = ["hidden"]

HIDDEN = "[key hidden]"


def hidden(text: str, key: str | None) -> str:
    """The text without the key, in whatever way a service may have written it."""
    if not key:
        return text
    forms = {key, quote(key, safe=""), quote_plus(key), json.dumps(key)[1:-1]}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text
