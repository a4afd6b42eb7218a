"""Every case in ``cases/``: what a careful person reads in a text, and what the original program would have."""

import json
from collections import Counter
from pathlib import Path

import pytest

from modelswarms import Example
from modelswarms.types import Response
from modelswarms.utilities import ExactMatch
from modelswarms.utilities.parsing import compat, stated_option, stated_rating, stated_truth

CASES = Path(__file__).parent / "cases"
CHOICES = json.loads((CASES / "choices.json").read_text(encoding="utf-8"))


def read(family):
    lines = (CASES / f"{family}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def differing(cases, found):
    """Readable lines about the cases that are read otherwise, all at once."""
    return [
        f"{case['kind']}: {case['text']!r}: {got!r}, not {want!r}"
        for case, (got, want) in zip(cases, map(found, cases), strict=True)
        if got != want
    ]


class Says:
    """A model that says one text after another."""

    def __init__(self, *texts):
        self.texts = texts

    def generate(self, requests):
        assert len(requests) == len(self.texts)
        return [Response(text) for text in self.texts]


def scored(utility, cases):
    examples = [Example(str(k), "?", case["gold"]) for k, case in enumerate(cases)]
    return utility.score(examples, Says(*(case["text"] for case in cases)))


@pytest.mark.parametrize("family", ["options", "yes_no", "numbers", "solutions", "words", "ratings", "truth"])
def test_there_are_many_and_each_once(family):
    cases = read(family)
    assert len(cases) >= 300
    assert max(Counter((c["text"], c.get("gold"), c.get("choices")) for c in cases).values()) == 1
    assert len({case["kind"] for case in cases}) >= 8


def test_options():
    def strict(case):
        read = stated_option(case["text"], CHOICES[case["choices"]])
        return (read, int(read == case["gold"])), (case["parsed"], case["score"])

    def as_published(case):
        read = compat.option(case["text"], CHOICES[case["choices"]])
        return (read, int(read == case["gold"])), (case["compat"], case["compat_score"])

    assert differing(read("options"), strict) == []
    assert differing(read("options"), as_published) == []


@pytest.mark.parametrize(
    ("family", "which"), [("yes_no", "first"), ("numbers", "first"), ("solutions", "last"), ("words", "first")]
)
def test_exact_match(family, which):
    cases = read(family)
    scores = dict(zip(map(id, cases), scored(ExactMatch(which=which), cases), strict=True))

    def strict(case):
        score = scores[id(case)]
        assert score.parsed == (score.answer is not None)
        return (score.answer, score.value), (case["parsed"], case["score"])

    assert differing(cases, strict) == []


@pytest.mark.parametrize("family", ["yes_no", "numbers", "words"])
def test_exact_match_as_published(family):
    assert differing(read(family), lambda c: (compat.contains(c["text"], c["gold"]), bool(c["compat_score"]))) == []


@pytest.mark.parametrize("split", ["dev", "test"])
def test_solutions_as_published(split):
    def found(case):
        return compat.contains(compat.ending(case["text"], split), case["gold"]), bool(case[f"compat_{split}"])

    assert differing(read("solutions"), found) == []


def test_ratings():
    assert differing(read("ratings"), lambda c: (stated_rating(c["text"]), c["parsed"])) == []
    assert differing(read("ratings"), lambda c: (compat.rating(c["text"]), c["compat"])) == []


def test_truth():
    assert differing(read("truth"), lambda c: (stated_truth(c["text"]), c["parsed"])) == []
    assert differing(read("truth"), lambda c: (compat.abstains(c["text"]), c["abstains"])) == []


DOCS = Path(__file__).parents[2] / "docs" / "reading.md"
OPTIONS = {"A": "Paris", "B": "London", "C": "Rome", "D": "Berlin"}


def as_in_the_docs(kind, text, right):
    """The strict and the compat cell of a row of docs/reading.md."""
    if kind == "option":
        return stated_option(text, OPTIONS), compat.option(text, OPTIONS)
    if kind == "rating":
        return stated_rating(text), compat.rating(text)
    if kind == "true or false":
        return {True: "true", False: "false"}.get(stated_truth(text)), "false" if compat.abstains(text) else "true"
    which = "last" if kind == "solution" else "first"
    cells = []
    for parsing in ("strict", "compat"):
        utility = ExactMatch(which=which, parsing=parsing)
        cells += utility.score([Example("0", "?", right)], Says(text))
    return cells[0].answer, "right" if cells[1].value else "wrong"


def test_the_docs_table_is_true():
    rows = [line.strip("| ").split(" | ") for line in DOCS.read_text().splitlines() if "| `" in line]
    assert len(rows) > 15
    for row in rows:
        kind, text, *right, strict, published = (cell.strip(" |`") for cell in row)
        found = as_in_the_docs(kind, text, right[0] if right else None)
        shown = ["–" if cell is None else f"{cell:g}" if isinstance(cell, float) else cell for cell in found]
        assert shown == [strict, published], row
