"""The original program's rules for reading answers, its defects included, so that published numbers can be compared.

Each takes a text as the model wrote it; outer space goes first, as it did there. Nothing here is a good
rule: "No" is in "Node", "1" in "12", "A" in "Answer".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from modelswarms.types import Split

__all__ = ["SOLUTION_WORDS", "abstains", "contains", "ending", "option", "rating"]

SOLUTION_WORDS: Final[Mapping[Split, int]] = {"dev": 5, "test": 10}
"""How many words of a worked solution count, by split: the original's dev and test differ."""

_NEAR: Final = 5
"""Characters at either end of a text in which an option's letter counts."""


def option(text: str, choices: Mapping[str, str]) -> str | None:
    """The first option whose letter is in the first five characters, else the last five, else whose text is anywhere.

    Example:
        >>> option("Answer: B", {"A": "Paris", "B": "London"})
        'A'
    """
    text = text.strip()
    for place in (text[:_NEAR], text[-_NEAR:]):
        for letter in choices:
            if letter in place:
                return letter
    return next((letter for letter, said in choices.items() if said.lower() in text.lower()), None)


def contains(text: str, answer: str) -> bool:
    """Whether the right answer is anywhere in the text.

    Example:
        >>> contains("Node 3", "No"), contains("12", "1")
        (True, True)
    """
    return answer in text.strip()


def ending(text: str, split: Split) -> str:
    """The last words of a worked solution, in which the right answer is looked for; only spaces part words.

    Example:
        >>> ending("He has 3 + 4 = 7 apples in all.", "dev")
        '= 7 apples in all.'
    """
    return " ".join(text.strip().split(" ")[-SOLUTION_WORDS[split] :])


def rating(text: str) -> float:
    """What stands between the first "Rating: " and the next "/10", whatever number it is; else 1.

    The original stopped with an error where that was no whole number; here it is 1 too.

    Example:
        >>> rating("Rating: 11/10"), rating("I cannot rate this.")
        (11.0, 1.0)
    """
    _, mark, rest = text.partition("Rating: ")
    try:
        return float(int(rest.split("Rating: ")[0].split("/10")[0])) if mark else 1.0
    except ValueError:
        return 1.0


def abstains(text: str) -> bool:
    """Whether the model withdraws its answer: "false" is anywhere in what it says of it, in whatever case.

    Example:
        >>> abstains("True, not false"), abstains("I do not know")
        (True, False)
    """
    return "false" in text.lower()
