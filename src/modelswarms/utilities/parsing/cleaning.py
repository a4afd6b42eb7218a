"""What is left of a model's text once its thinking, its markup and its typography are taken away."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = ["ANSWER", "first_turn", "plain", "plain_characters", "spoken", "without_emphasis"]

ANSWER: Final = "\ue000"
"""Stands where the text itself marks what follows as the answer: a box, an answer tag."""

_THOUGHT: Final = r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratchpad|analysis)"
_OPENED: Final = re.compile(rf"[<\[◁]\s*{_THOUGHT}\s*[>\]▷]", re.IGNORECASE)
_CLOSED: Final = re.compile(rf"[<\[◁]\s*/\s*{_THOUGHT}\s*[>\]▷]", re.IGNORECASE)
_END: Final = re.compile(
    r"<\|[a-z_]+\|>|^\s*<s>|</s>\s*$|</s>(?=\s*<s>)|<eos>|<bos>|<pad>|<(?:start|end)_of_turn>|\[/?INST\]", re.IGNORECASE
)
_TAG: Final = re.compile(r"</?(?:b|strong|i|em|u|p|br|code|mark|span|div|sup|sub|center)\s*/?>")
_STRUCK: Final = re.compile(r"~~[^~\n]+~~|<(s|del|strike)>.*?</\1>", re.DOTALL)
_GROUPED: Final = re.compile(r"(?<=\d)[\u00a0\u202f\u2009](?=\d{3}(?!\d))")
_ANSWER_TAG: Final = re.compile(r"<\s*(?:final[_ ]?)?answer\s*>", re.IGNORECASE)
_ANSWER_END: Final = re.compile(r"<\s*/\s*(?:final[_ ]?)?answer\s*>", re.IGNORECASE)
_NEXT_TURN: Final = re.compile(
    r"""\n\s*(?:[#>*\s]*(?:next\s+)?(?:question|problem|exercise|context|passage|story|instruction|input|human|user|q)
        \s*\d*\s*\**\s*[:.]|\#+\s*(?:question|problem|instruction)\b|please\s+(?:\w+ly\s+)?(?:choose|answer|pick|select)\b
        |the\s+following\s+(?:paragraph|text|are|is)\b|(?:fin|end)\s+of\s+(?:answer|question)\b)""",
    re.IGNORECASE | re.VERBOSE,
)
_FRACTIONS: Final = {"¼": ".25", "½": ".5", "¾": ".75", "⅛": ".125", "⅜": ".375", "⅝": ".625", "⅞": ".875", "⅕": ".2",
                     "⅖": ".4", "⅗": ".6", "⅘": ".8"}  # fmt: skip
_VULGAR: Final = re.compile(rf"(\d?)[ \u00a0]?([{''.join(_FRACTIONS)}])")
_RAISED: Final = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_CHARACTERS: Final = str.maketrans(
    "№−‐‑﹣’‘ʼ“”„«»。、⁄∕÷×·\u202f\u2009",
    '#----\'\'\'""""".,///**  ',
    "✓✔✅☑\ufe0f\u200b\u200c\u200d\u2060\ufeff\u00ad",
)
_LATEX: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"\\(?:text|math|operatorname)(?:bf|rm|it|tt|sf|bb|cal)?\*?\s*\{((?:[^{}]|\{[^{}]*\})*)\}"), r"\1"),
    (re.compile(r"\\[dtc]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r"\1/\2"),
    (re.compile(r"\\f?boxed?\s*\{((?:[^{}]|\{[^{}]*\})*)\}"), rf" {ANSWER}\1{ANSWER} "),
    (re.compile(r"\\boxed\s+(\S+)"), rf" {ANSWER}\1{ANSWER} "),
    (re.compile(r"\{\s*([,.])\s*\}"), r"\1"),
    (re.compile(r"\\[,;:! ]"), ""),
    (re.compile(r"\\(?:left|right|displaystyle|big|Big)\b\s*"), ""),
    (re.compile(r"\\(?:approx|thickapprox)\b"), "="),
    (re.compile(r"\\(?:cdot|times)\b"), "*"),
    (re.compile(r"\\(?:rightarrow|to|implies|Rightarrow)\b"), "->"),
    (re.compile(r"\\[()\[\]]"), " "),
    (re.compile(r"\\([%$#&_])"), r"\1"),
)  # fmt: skip


def spoken(text: str) -> str:
    """The text without the model's thinking, and only up to where it would have stopped speaking.

    Thinking stands between tags; where it was never closed, nothing was said. What follows an
    end-of-text token, or the next question that a model makes up, is no part of the answer.
    """
    if "<" in text or "[" in text or "◁" in text:
        text = _without_thinking(text)
        parts = [part for part in _END.split(text) if part.strip()]
        text = parts[0] if parts else ""
    return text


def plain(text: str) -> str:
    """What was :func:`spoken`, in one typography: full-width letters, LaTeX and curly quotes become plain.

    A box or an answer tag leaves :data:`ANSWER` before what it holds. Emphasis stays.
    """
    return plain_characters(spoken(text))


def plain_characters(text: str) -> str:
    """A text in one typography, whoever wrote it."""
    if "~~" in text or "</" in text:
        text = _STRUCK.sub(" ", text)
    if not text.isascii():
        text = _GROUPED.sub("", text)
        text = _VULGAR.sub(lambda m: (m[1] or "0") + _FRACTIONS[m[2]], text)
        text = _RAISED.sub(lambda m: "^" + unicodedata.normalize("NFKC", m[0]), text.translate(_CHARACTERS))
        text = unicodedata.normalize("NFKC", text)
    if "<" in text:
        text = _ANSWER_END.sub(f"{ANSWER}\n", _ANSWER_TAG.sub(f" {ANSWER}", text))
        text = _TAG.sub("", text)
    if "\\" in text or "{" in text:
        for pattern, plainly in _LATEX:
            text = pattern.sub(plainly, text)
    return text


def first_turn(text: str) -> str:
    """The text up to the next question that a model makes up; never empty where the text is not."""
    text = text.lstrip()
    found = _NEXT_TURN.search(text)
    return text[: found.start()] if found else text


def without_emphasis(text: str) -> str:
    """Without Markdown's stars, underscores, backquotes, heading marks and quotation bars."""
    if not any(sign in text for sign in "*_`#>~"):
        return text
    text = re.sub(r"(?m)^\s*(?:#{1,6}\s+|>\s+)", "", text)
    text = re.sub(r"(?:^|(?<=[\s(\"'*]))_{1,3}(?=[^\s_])([^_\n]*?[^\s_])_{1,3}(?![\w(])", r"\1", text)
    text = re.sub(r"\*{2,}|`+|~~|(?<=\S)_+\s*$", "", text)
    return re.sub(r"(?<![\w*)])\*(?=[^\s*])|(?<=[^\s*])\*(?![\w*(])", "", text)


def _without_thinking(text: str) -> str:
    """Closed blocks go; what stands before a lone closing tag was thought, and what follows a lone opening one."""
    kept: list[str] = []
    place = 0
    while True:
        opened, closed = _OPENED.search(text, place), _CLOSED.search(text, place)
        if closed and (not opened or closed.start() < opened.start()):
            kept, place = [], closed.end()
        elif opened:
            kept.append(text[place : opened.start()])
            closed = _CLOSED.search(text, opened.end())
            if not closed:
                return "".join(kept)
            place = closed.end()
        else:
            return "".join([*kept, text[place:]])
