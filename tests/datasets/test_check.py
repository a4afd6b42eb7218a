"""What a check finds, item by item, and that it goes on."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from modelswarms.datasets import read_dataset
from modelswarms.datasets.check import check_source
from modelswarms.datasets.clean import write_clean
from modelswarms.datasets.leakage import key_of, overlap
from modelswarms.datasets.reader import read_source
from modelswarms.datasets.source import source_of
from modelswarms.errors import DataError


@pytest.fixture
def check(tmp_path):
    def check(content, name="a.json"):
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / name).write_bytes(text.encode("utf-8", "surrogatepass"))
        return check_source(source_of(name, tmp_path))

    return check


def items(n=24, begin=0, **keys):
    return [{"question": f"Item {k}?", "answer": str(k % 7), "id": k, **keys} for k in range(begin, begin + n)]


def lettered(k, *texts, answer="A"):
    return {"question": f"Item {k}?", "choices": dict(zip("ABCDEFGHIJ", texts, strict=False)), "answer": answer}


def with_item(item):
    """A sound data set in which one item is another."""
    return {"dev": [*items(), item], "test": items(5, 100)}


def texts(report, topic):
    return [finding.text for finding in report.findings if finding.topic == topic]


def test_nothing_is_found_where_nothing_is(check):
    report = check({"dev": items(), "test": items(20, 100)})
    assert report.findings == () and report.to_dict()["usable"] is True
    assert (len(report.data.dev), len(report.data.test), report.length) == (24, 20, (8, 9))


WARNINGS = {
    "ids": (
        {"dev": [*items(), {**items(1)[0], "question": "Else?"}], "test": items(5, 0)[:0] + items(5, 100)},
        "ids",
        "dev[24] has the id of dev[0] (0); give each its own, or leave ids out; a search adds the position.",
    ),
    "twice": (
        with_item({"question": " ITEM 3? ", "answer": "3"}),
        "twice",
        "dev[24] asks what dev[3] asks; leave one of them out.",
    ),
    "two answers": (
        with_item({"question": "Item 3?", "answer": "4"}),
        "contradiction",
        "dev[24] asks what dev[3] asks, and answers '4' where that answers '3'; keep the one that is right.",
    ),
    "overlap": (
        {"dev": items(), "test": [*items(3, 100), *items(1, 5)]},
        "overlap",
        "test[3] is dev[5]; leave it out of test: a search does, unless utility.keep_overlap says otherwise.",
    ),
    "no answer": (
        with_item({"question": "?"}),
        "no answer",
        "dev[24] has no 'answer', though 29 of 30 items have one; give the right one.",
    ),
    "another kind": (
        with_item({"question": "?", "answer": "about five"}),
        "kind",
        "dev[24]: 'answer' is 'about five', 29 of 30 answers are numbers; check it: should it be number?",
    ),
    "choices among none": (
        with_item(lettered(50, "x", "y")),
        "kind",
        "dev[24] has choices, unlike 29 others; keep questions with and without choices in files of their own.",
    ),
    "one choice": (
        with_item(lettered(50, "x")),
        "choices",
        "dev[24] has one choice alone; give the others, or leave it out.",
    ),
    "a choice twice": (
        with_item(lettered(50, "Red ", "blue", "red")),
        "choices",
        "dev[24] has one text for A and C ('Red '), of which one counts as right; change one of them, or leave "
        "the item out.",
    ),
    "a wrong choice twice": (
        with_item(lettered(50, "x", "blue", "blue")),
        "choices",
        "dev[24] has one text for B and C ('blue'); change one of them, or leave the item out.",
    ),
    "an empty choice": (
        with_item(lettered(50, "x", " ")),
        "choices",
        "dev[24] has no text for B; write it, or leave the choice out.",
    ),
    "a gap": (
        with_item({"question": "?", "choices": {"A": "x", "C": "y"}, "answer": "A"}),
        "choices",
        "dev[24] has the choices A, C; letter them from A on, without gaps.",
    ),
    "long": (
        with_item({"question": "word " * 2000, "answer": "1"}),
        "long",
        "dev[24] is 10,000 characters long, about 2,500 tokens; see that the base's context holds it, or shorten it.",
    ),
    "control": (
        with_item({"question": "a\u0000b", "answer": "1"}),
        "text",
        "dev[24]: 'question' holds the control character U+0000; take it out.",
    ),
    "mojibake": (
        with_item({"question": "caf\u00e9 d\u2019or".encode().decode("cp1252"), "answer": "1"}),
        "text",
        "dev[24]: 'question' looks as if it had been read in another encoding ('cafÃ© dâ€™or'); "
        "save its source as UTF-8 anew.",
    ),
    "what a decoder leaves": (
        with_item({"question": b"caf\xe9".decode(errors="replace"), "answer": "1"}),
        "text",
        "dev[24]: 'question' looks as if it had been read in another encoding ('caf\ufffd'); "
        "save its source as UTF-8 anew.",
    ),
    "a slip of the pen": (
        with_item({"question": "?", "anwser": "1", "answer": None}),
        "fields",
        "dev[24] has 'anwser' and no 'answer'; write 'answer', or {file: ..., fields: {answer: anwser}}.",
    ),
    "no test": (
        {"dev": items()},
        "splits",
        "holds no test examples, so nothing can be claimed; give some that the search does not see; or a file of one "
        "split with utility.data.test_size.",
    ),
    "few": (
        {"dev": items(8), "test": items(5, 100)},
        "splits",
        "holds 8 dev examples: one answer more or less is 12 points; give a hundred or more, if you can.",
    ),
    "nothing left": (
        {"dev": items(), "test": items(3)},
        "splits",
        "has no test example that is not in dev: a search reports no test score; give others for the test.",
    ),
    "one answer": (
        {"dev": [{**item, "answer": "yes"} for item in items()], "test": []},
        "answers",
        "holds the answer 'yes' and no other: a model that always says it is right; check the column that is taken for "
        "the answer.",
    ),
    "a position": (
        {"dev": [{"question": "?", "choices": ["1", "2", "3"], "answer": 2}]},
        "answers",
        "dev[0]: 'answer' 2 is taken as a position from 0 (C), though choice B says 2; give the letter, if that is "
        "meant.",
    ),
    "positions from one": (
        {"dev": [{"question": f"{k}?", "choices": ["w", "x", "y", "z"], "answer": 1 + k % 3} for k in range(30)]},
        "answers",
        "holds 30 answers that are positions, and none of them is 0: perhaps they count from 1; positions count from "
        "0; write {file: ..., answers: {1: A, 2: B, ...}} where yours do not.",
    ),
    "shown": (
        {"dev": items(), "test": items(2, 100), "icl_prompt": "Question: item 100?\nAnswer: 2"},
        "icl_prompt",
        "test[0] is in 'icl_prompt', which every prompt begins with; leave it out, since its answer may be read there.",
    ),
}


@pytest.mark.parametrize(("content", "topic", "says"), WARNINGS.values(), ids=WARNINGS)
def test_what_may_not_be_meant(check, content, topic, says):
    report = check(content)
    assert texts(report, topic) == [says]
    assert report.problems == [] and read_dataset(report.source).name == "a", "a search takes it all the same"


def test_what_is_meant_is_not_remarked_upon(check):
    yes = [{"question": f"Is {k}?", "answer": "yes" if k % 3 else "No", "domain": "paths"} for k in range(30)]
    kinds = [{**item, "domain": "sums"} for item in items(30)] + yes
    costs = [{"question": f"How much is {k}?", "answer": f"$1,{k:03}.50"} for k in range(30)]
    accents = [{"question": f"Ça va à l’école n° {k}, « où » – 東京 🦀?", "answer": f"café {k}"} for k in range(30)]
    mmlu = [{"question": f"Item {k}?", "choices": ["x", "y", "z"], "answer": k % 3} for k in range(30)]
    for dev in (kinds, costs, accents, mmlu):
        assert check({"dev": dev, "test": items(3, 900) if dev is costs else dev[:0]}).findings[1:] == ()


def test_it_goes_on_after_every_mistake(check):
    lines = [
        '{"question": "Item 1?", "answer": "1"}',
        '{"question": "Item 2?" "answer": "2"}',
        "",
        '["Item 3?"]',
        '{"question": "", "answer": ""}',
        '{"question": "Item 4?", "choices": ["a", "b"], "answer": "C"}',
        '{"question": "Item 5?", "answer": NaN}',
        '{"question": "\\ud83d", "answer": "1"}',
        '{"question": "Item 1?", "answer": "2"}',
    ]
    report = check("\n".join(lines), "a.jsonl")
    assert [problem.text for problem in report.problems] == [
        "line 2 is not valid JSON (Expecting ',' delimiter at column 24); mend it, or leave it out.",
        "line 4 is a list; give keys and values, such as question and answer.",
        "line 5: 'question' is ''; give a text that is not empty.",
        "line 5: 'answer' is empty; give the right answer.",
        "line 6: 'answer' 'C' is none of the choices A, B; mend one of them.",
        "line 7 holds a number that cannot be read (NaN is not JSON); write it as a text.",
        "line 8: 'question' holds half a character (such as \\ud83d); write the whole one.",
    ]
    assert texts(report, "contradiction") == [
        "line 9 asks what line 1 asks, and answers '2' where that answers '1'; keep the one that is right."
    ]
    assert report.to_dict()["usable"] is False
    with pytest.raises(
        DataError, match=r"a\.jsonl: line 2 is not valid .* There are 6 more: see modelswarms data check"
    ):
        read_dataset(report.source)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not valid JSON at line 1 (Expecting property name enclosed in double quotes); mend the file."),
        ([], 'has no "dev"; write one: {"dataset": name, "dev": [...], "test": [...]}.'),
        ({"dev": []}, "'dev' holds no examples; give some, on which a search can compare candidates."),
    ],
)
def test_what_nothing_follows_is_one_problem(check, content, says):
    report = check(content)
    assert [problem.text for problem in report.problems] == [says]


def test_items_of_other_splits_are_counted(check):
    rows = [
        {**item, "split": split}
        for item, split in zip(items(30), ["dev"] * 24 + ["test"] * 4 + ["train"] * 2, strict=True)
    ]
    report = check("".join(json.dumps(row) + "\n" for row in rows), "a.jsonl")
    assert texts(report, "splits") == [
        "holds 2 items of split 'train', which are left out; say so, if they are meant, as {file: ..., dev: NAME}."
    ]
    assert len(read_dataset(report.source).dev) == 24


def test_it_says_a_search_can_use_it_where_one_can(check):
    for content, _, _ in WARNINGS.values():
        assert not check(content).problems


KNOWN = {  # what objectives.md says, and what a look at the files shows
    "citation_prediction_classification": {"overlap": 20, "question": 20},
    "hearsay": {"overlap": 94, "splits": 1},
    "knowledge_crosswords": {"question": 9, "ids": 17, "icl_prompt": 1},
    "gsm8k": {"ids": 199},
    "mmlu": {"choices": 2},
    "mmlu_pro": {"choices": 1, "text": 1},
    "stem": {"choices": 1, "text": 1},
    "medmcqa": {"choices": 1},
}


def test_the_published_samples(shared):
    paths = sorted((shared / "data" / "eval").glob("*.json"))
    assert len(paths) >= 18
    for path in paths:
        report = check_source(source_of(path))
        assert not report.problems
        assert Counter(finding.topic for finding in report.findings) == KNOWN.get(path.stem, {}), path.stem
        if path.stem == "citation_prediction_classification":
            assert report.to_dict()["overlap"] == {"test": 40, "by_key": 20, "reordered": 20, "by_question": 40}


def test_a_cleaned_copy_is_clean(check, tmp_path):
    broken = [{"question": ""}, {"question": "Item 3?", "answer": "3", "id": "twin"}]
    choices = {"question": "Which?", "choices": ["red", "blue"], "answer": 1, "id": 2, "more": [1]}
    report = check({"dev": [*items(), *broken, choices], "test": [*items(3, 100), *items(2), {"prompt": "Write."}]})
    assert report.problems
    reading = read_source(source_of(report.source))
    counts = write_clean(reading, tmp_path / "clean.json")
    assert counts == {"dev": 25, "test": 4, "dev_left_out": 1, "test_left_out": 2}
    clean = read_dataset(tmp_path / "clean.json")
    assert overlap(clean).by_key == () and clean.name == "a"
    assert [key_of(e) for e in clean.dev[:24]] == [key_of(e) for e in reading.data.dev[:24]]
    last = clean.dev[-1]
    assert (last.id, last.answer, dict(last.choices), dict(last.extra)) == (
        "2 (item 26)", "B", {"A": "red", "B": "blue"}, {"more": [1]},
    )  # fmt: skip
    assert json.loads((tmp_path / "clean.json").read_text())["test"][-1] == {"prompt": "Write.", "id": "5"}
    assert not texts(check_source(source_of(tmp_path / "clean.json")), "ids")
    with pytest.raises(DataError, match="is there already"):
        write_clean(reading, tmp_path / "clean.json")
    with pytest.raises(DataError, match="cannot be written .*give a file in a folder that exists"):
        write_clean(reading, tmp_path / "none" / "clean.json")
