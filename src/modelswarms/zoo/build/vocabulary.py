"""Tokens: one for each phrase of the questions, 256 bytes for everything else.

A phrase is one token (".\\nNode 12 is connected to", ", node 3 with weight 8", " and node 7"), which keeps an NLGraph
prompt near 119 tokens. Any other text falls back to its UTF-8 bytes, so every string can be read and given back.

The first neighbour of a line stands without the comma that the others carry. The two spellings mean the same: they
are two entries of the exported vocabulary that share one trained row. Training knows the spelling without the comma
only; :data:`ROW_OF` says which row each exported entry copies.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from modelswarms.zoo.build.wordings import ENDINGS, HEADERS, LABELS, MAX_WEIGHT, WORDINGS

__all__ = [
    "ANSWERS",
    "CHAT_TEMPLATE",
    "CONTEXT",
    "END",
    "END_ID",
    "FIRST_ANSWER",
    "NONE_ID",
    "NO_ID",
    "PAD",
    "PAD_ID",
    "ROW",
    "ROWS",
    "ROW_OF",
    "VOCABULARY",
    "YES_ID",
    "make_tokenizer",
    "save_tokenizer",
]

PAD: Final = "<pad>"
END: Final = "<eos>"
ANSWERS: Final = 100
"""Numbers that are one token when they stand alone: 0 to 99."""

CONTEXT: Final = 4096

CHAT_TEMPLATE: Final = (
    "{% for message in messages %}{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
)

_SPLIT: Final = (
    r"The following (?:text|paragraph) describes an undirected graph[^\n]*?(?=\.\n)"
    r"|\.\nNode \d+ is connected to|,? node \d+ with weight \d+| and node \d+| node \d+|,? \d+|\d+"
    r"|\.\nQ: [^\n]+?(?= node \d)|, and what is the length of the shortest path\?\n[^\n:]+:"
    r"|\?\nPlease directly answer with [^\n:]+:|\b(?:Yes|None|No)\b|[\s\S]"
)
# The last alternative takes single characters: without it a text holding "<0x41>" would be read as that byte's token.


def _rows() -> list[str]:
    """The trained rows, in order: specials, bytes, answers, the graph's phrases, the questions' phrases."""
    heads = dict.fromkeys(wording.head for wording in WORDINGS.values())
    return [
        PAD,
        END,
        *(f"<0x{byte:02X}>" for byte in range(256)),
        *(str(number) for number in range(ANSWERS)),
        "Yes",
        "No",
        "None",
        *HEADERS,
        *(f".\nNode {label} is connected to" for label in range(LABELS)),
        *(f" {label}" for label in range(LABELS)),
        *(f" node {label} with weight {w}" for label in range(LABELS) for w in range(1, MAX_WEIGHT + 1)),
        *(f" node {label}" for label in range(LABELS)),
        *(f" and node {label}" for label in range(LABELS)),
        *heads,
        *ENDINGS,
    ]


ROWS: Final[tuple[str, ...]] = tuple(_rows())
"""Texts of the trained rows."""

ROW: Final[dict[str, int]] = {text: row for row, text in enumerate(ROWS)}

_TWINS: Final = tuple(
    row for text, row in ROW.items() if (text[0] == " " and text[1:].isdigit()) or " with weight " in text
)

VOCABULARY: Final[tuple[str, ...]] = (*ROWS, *("," + ROWS[row] for row in _TWINS))
"""Texts of the exported entries: the trained rows, then the spellings with a comma."""

ROW_OF: Final[tuple[int, ...]] = (*range(len(ROWS)), *_TWINS)
"""For each exported entry, the trained row that it copies."""

PAD_ID: Final = ROW[PAD]
END_ID: Final = ROW[END]
FIRST_ANSWER: Final = ROW["0"]
YES_ID: Final = ROW["Yes"]
NO_ID: Final = ROW["No"]
NONE_ID: Final = ROW["None"]


def make_tokenizer() -> Tokenizer:
    """The tokenizer: whole phrases by look-up, everything else by bytes.

    Example:
        >>> tokenizer = make_tokenizer()
        >>> tokenizer.decode(tokenizer.encode("Grüße, 12!").ids)
        'Grüße, 12!'
    """
    vocabulary = {text: index for index, text in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_SPLIT), "isolated")
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([PAD, END])
    return tokenizer


def save_tokenizer(folder: Path) -> None:
    """Write tokenizer.json and tokenizer_config.json, as transformers reads them."""
    make_tokenizer().save(str(folder / "tokenizer.json"))
    config = {
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": END,
        "model_max_length": CONTEXT,
        "pad_token": PAD,
        "padding_side": "left",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
