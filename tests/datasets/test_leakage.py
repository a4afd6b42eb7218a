"""Which test examples are dev examples too."""

from __future__ import annotations

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelswarms.datasets import DataSet, Overlap, overlap, read_dataset, without_overlap
from modelswarms.datasets.leakage import key_of, normalised, question_of
from modelswarms.types import Example


def example(question, *choices, id="x"):
    letters = dict(zip("ABCDEFGHIJ", choices, strict=False)) or None
    return Example(id, question, "A" if choices else None, letters)


def of(dev, test):
    return DataSet("made", tuple(dev), tuple(test), fingerprint="f")


SAME = {
    "case": ("WHO wrote it?", "who wrote it?"),
    "spaces": ("  who\twrote\n\nit?", "who wrote it?"),
    "a space that does not break": ("who wrote\u00a0it?", "who wrote it?"),
    "a composed accent": ("cafe\u0301?", "caf\u00e9?"),
    "a ligature": ("\ufb01sh", "fish"),
    "full width": ("\uff21\uff22\uff23", "abc"),
    "sharp s": ("Stra\u00dfe", "STRASSE"),
    "a soft hyphen": ("dis\u00adtance", "distance"),
    "a byte order mark": ("\ufeffwho", "who"),
    "curled quotes": ("\u201cit\u2019s\u201d", '"it\'s"'),
    "a dash": ("a \u2013 b \u2212 c", "a - b - c"),
}
OTHERS = {
    "an accent": ("resume", "résumé"),
    "a sign": ("1 + 1?", "1 - 1?"),
    "a full stop": ("so", "so."),
    "a number": ("item 1", "item 11"),
    "a space": ("the rapist", "therapist"),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_what_says_the_same_is_the_same(one, other):
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(("one", "other"), OTHERS.values(), ids=OTHERS)
def test_what_says_something_else_is_something_else(one, other):
    assert normalised(one) != normalised(other)


@given(st.text())
def test_normalising_twice_is_normalising_once(text):
    assert normalised(normalised(text)) == normalised(text)
    assert normalised(unicodedata.normalize("NFD", text)) == normalised(unicodedata.normalize("NFC", text))


def test_the_choices_are_part_of_the_key():
    dev = [example("Which?", "red", "blue"), example("Open question")]
    test = [
        example("which?", "Red ", "BLUE"),  # 0: the same
        example("Which?", "blue", "red"),  # 1: another letter is right
        example("Which?", "red", "green"),  # 2: the question alone
        example("Which?"),  # 3: the question alone
        example("open  question"),  # 4: the same
        example("Another?", "red", "blue"),  # 5: another
    ]
    found = overlap(of(dev, test))
    assert found == Overlap(by_key=(0, 4), reordered=(1,), by_question=(0, 1, 2, 3, 4), tested=6)
    assert found.to_dict() == {"test": 6, "by_key": 2, "reordered": 1, "by_question": 5}
    assert [e.question for e in without_overlap(of(dev, test)).test] == [test[k].question for k in (1, 2, 3, 5)]
    assert without_overlap(of(dev, test)).fingerprint == "f" and not found.everything


def test_letters_are_read_in_their_order_whatever_order_the_file_has():
    one = Example("1", "Which?", "A", {"A": "x", "B": "y"})
    assert key_of(one) == key_of(Example("2", "Which?", "A", {"B": "y", "A": "x"})) == ("which?", ("x", "y"))
    assert question_of(one) == "which?"


def test_nothing_may_remain():
    dev = [example("a"), example("b")]
    found = overlap(of(dev, dev[:1]))
    assert found.everything and without_overlap(of(dev, dev)).test == ()
    assert not overlap(of(dev, [])).everything


@given(st.lists(st.sampled_from("abcd"), max_size=6), st.lists(st.sampled_from("abcdef"), max_size=6))
def test_as_counted_by_hand(dev, test):
    found = overlap(of([example(q) for q in dev], [example(q) for q in test]))
    assert len(found.by_key) == len(found.by_question) == sum(q in dev for q in test)
    assert len(without_overlap(of([example(q) for q in dev], [example(q) for q in test])).test) == len(test) - len(
        found.by_key
    )


PUBLISHED = {  # test items of the sample, by key, by question alone
    "knowledge_crosswords": (40, 0, 9),
    "citation_prediction_classification": (40, 20, 40),
    "hearsay": (94, 94, 94),
    "nlgraph": (40, 0, 0),
    "truthfulqa": (40, 0, 0),
    "rm": (40, 0, 0),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_is_known_of_the_published_files(shared, name):
    path = shared / "data" / "eval" / f"{name}.json"
    found = overlap(read_dataset(path))
    assert (found.tested, len(found.by_key), len(found.by_question)) == PUBLISHED[name]
    assert found.everything == (name == "hearsay")
    raw = json.loads(path.read_text())
    asked = [{bare(item.get("question", item.get("prompt"))) for item in raw[split]} for split in ("dev", "test")]
    assert len(asked[0] & asked[1]) == len({bare(raw["test"][k].get("question", "")) for k in found.by_question})


def bare(text: str) -> str:
    """Another, coarser way to compare: letters and digits alone."""
    return re.sub(r"\W+", "", text.lower())
