"""JSON Lines, tables, column mappings and drawn splits become the same data set as JSON."""

from __future__ import annotations

import csv
import hashlib
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelswarms import ConfigError, DataError
from modelswarms.datasets import examples_from, read_dataset
from modelswarms.datasets.csv_file import csv_content
from modelswarms.datasets.source import Source, anchored_source, source_of
from modelswarms.types import Example

ITEMS = [
    {"question": "1+1?", "answer": "2", "id": "a", "domain": "sums"},
    {"question": 'Who said "no; never",\nand why?', "answer": "Ann, éclair 🦀", "id": "b"},
    {"question": "2+2?", "answer": "4", "id": "c", "domain": "sums"},
]


@pytest.fixture
def at(tmp_path):
    """Writes files, and reads what is asked for from their folder."""

    def read(files, given=None):
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            (tmp_path / name).write_bytes(data)
        return read_dataset(given if given is not None else next(iter(files)), tmp_path)

    return read


def lines(items):
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)


def table(items, delimiter=",", end="\r\n", **form):
    columns = list(dict.fromkeys(key for item in items for key in item))
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, delimiter=delimiter, lineterminator=end, **form)
    writer.writeheader()
    writer.writerows(items)
    return file.getvalue()


def said(data):
    return [
        [(e.id, e.question, e.answer, e.choices and dict(e.choices), e.domain) for e in split]
        for split in (data.dev, data.test)
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_every_form_says_the_same(at, delimiter, quoting):
    whole = at({"a.json": json.dumps({"dev": ITEMS[:2], "test": ITEMS[2:]})})
    splits = [{**item, "split": name} for item, name in zip(ITEMS, ("dev", "validation", "test"), strict=True)]
    for ending, text in (
        ("jsonl", lines(splits)),
        ("csv", "\ufeff" + table(splits, delimiter, quoting=quoting)),
        ("csv", f"sep={delimiter}\r\n" + table(splits, delimiter, quoting=quoting)),
        ("tsv", table(splits, delimiter, end="\n", quoting=quoting)),
    ):
        assert said(at({f"a.{ending}": text})) == said(whole)
    pair = {"dev": "dev.jsonl", "test": "test.csv"}
    data = at({"dev.jsonl": lines(ITEMS[:2]), "test.csv": table(ITEMS[2:], delimiter)}, pair)
    assert said(data) == said(whole) and data.name == "dev"
    assert said(at({"dev.json": json.dumps(ITEMS[:2])}, {"dev": "dev.json"})) == [said(whole)[0], []]


def test_the_fingerprint_is_the_canonical_json_s(at):
    document = {"dev": ITEMS, "test": ITEMS[:1], "icl_prompt": "é"}
    naive = json.dumps([document["dev"], document["test"], "é"], sort_keys=True)
    assert at({"a.json": json.dumps(document)}).fingerprint == hashlib.sha256(naive.encode()).hexdigest()
    naive = json.dumps([ITEMS, [], None], sort_keys=True)
    assert at({"a.jsonl": lines(ITEMS)}).fingerprint == hashlib.sha256(naive.encode()).hexdigest()


def test_lines_may_be_blank_and_end_as_windows_ends_them(at):
    text = "\ufeff\r\n" + lines(ITEMS).replace("\n", "\r\n") + "\r\n  \r\n"
    assert said(at({"a.jsonl": text}))[0] == said(at({"b.jsonl": lines(ITEMS).rstrip()}))[0]
    assert [e.id for e in at({"a.csv": table(ITEMS) + ";;\r\n,,,\r\n\r\n".replace(";;", ",,,")}).dev] == ["a", "b", "c"]


def test_choices_in_columns_or_as_json(at):
    text = 'Question,A,B,C,Answer\r\nWhich?,red,"blue, or so",,b\r\nAnd?,1,2,3,C\r\n'
    data = at({"a.csv": text})
    assert [dict(e.choices) for e in data.dev] == [{"A": "red", "B": "blue, or so"}, {"A": "1", "B": "2", "C": "3"}]
    assert [e.answer for e in data.dev] == ["B", "C"]
    rows = [
        {"question": "Which?", "choices": '["red", "blue"]', "answer": "blue"},
        {"question": "And?", "choices": '{"A": "x", "B": "y"}', "answer": "B"},
    ]
    assert [(dict(e.choices), e.answer) for e in at({"a.csv": table(rows)}).dev] == [
        ({"A": "red", "B": "blue"}, "B"),
        ({"A": "x", "B": "y"}, "B"),
    ]


@pytest.mark.parametrize(
    ("choices", "answer", "letters", "right"),
    [
        (["red", "blue"], 1, "AB", "B"),  # a position, as published sets have it
        (["red", "blue"], "1", "AB", "B"),
        (["red", "blue"], "red", "AB", "A"),
        (["red", "blue"], "B", "AB", "B"),
        (["red", "blue"], "b", "AB", "B"),
        (["4", "5", "0"], 0, "ABC", "A"),  # a number is a position where choices are a list
        (["4", "5", "9"], "5", "ABC", "B"),  # a text is a text
        ([4, 5.5], "5.5", "AB", "B"),
        ([str(k) for k in range(20, 30)], 9, "ABCDEFGHIJ", "J"),
        ({"A": "3", "B": "4"}, 4, "AB", "B"),
        ({"A": "x", "B": "y"}, 1, "AB", "B"),
        ({"text": ["x", "y"], "label": ["A", "B"]}, "B", "AB", "B"),  # as ARC has them
        ({"text": ["x", "y"], "label": ["1", "2"]}, "2", "AB", "B"),
        ({"1": "x", "2": "y"}, "2", "12", "2"),  # letters of one's own
        ([chr(97 + k) * 2 for k in range(12)], "ll", "ABCDEFGHIJKL", "L"),  # as TruthfulQA has
    ],
)
def test_answers_as_letters_positions_and_texts(choices, answer, letters, right):
    (example,) = examples_from([{"question": "?", "choices": choices, "answer": answer}], "here")
    assert ("".join(example.choices), example.answer) == (letters, right)


@pytest.mark.parametrize(
    ("choices", "answer", "says"),
    [
        (["1", "2", "3"], "2", "may mean any of the choices B, C; give the letter"),
        ({"A": "1", "B": "0"}, 1, "may mean any of the choices A, B"),
        (["yes", "no", "yes"], "yes", "may mean any of the choices A, C"),
        (["x", "y"], 2, "'answer' '2' is none of the choices A, B; mend one of them .positions count from 0; write"),
        (["x", "y"], -1, "'answer' '-1' is none of"),
        (["x", "y"], None, "'answer' None is none of"),
        (["x", "y"], "9" * 5000, "is none of the choices"),
        ([], "A", r"'choices' is \[\]"),
        ({}, "A", r"'choices' is \{\}"),
        (["x", None], "A", "'choices' is"),
        ([["x"]], "A", "'choices' is"),
        ({"text": ["x", "y"], "label": ["A", "A"]}, "A", "'choices' is"),
        (["x"] * 27, "A", "'choices' holds 27 texts"),
        (["\ud83d", "y"], "A", "'choices' holds half a character"),
    ],
)
def test_answers_that_are_no_choice(choices, answer, says):
    with pytest.raises(DataError, match=rf"here\[0\]:? .*{says}"):
        examples_from([{"question": "?", "choices": choices, "answer": answer}], "here")


def test_a_column_mapping(at):
    rows = [
        {"input": "1+1?", "prompt": "no", "label": 2, "meta": {"topic": "sums", "ids": [7]}, "opa": "x", "opb": ""},
        {"input": "2+2?", "prompt": "no", "label": 4, "meta": {"topic": "sums", "ids": [8]}},
    ]
    fields = {"question": "input", "answer": "label", "domain": "meta.topic", "id": "meta.ids.0"}
    data = at({"a.jsonl": lines(rows)}, {"file": "a.jsonl", "fields": fields, "name": "sums"})
    assert said(data)[0] == [("7", "1+1?", "2", None, "sums"), ("8", "2+2?", "4", None, "sums")]
    assert data.name == "sums" and data.dev[0].extra["opa"] == "x" and "prompt" not in data.dev[0].extra
    table = "stem;opa;opb;opc;key\nWhich?;red;blue;;2\n"
    options = {"question": "stem", "answer": "key", "choices": ["opa", "opb", "opc"]}
    data = at({"a.csv": table}, {"file": "a.csv", "fields": options, "answers": {1: "A", 2: "B"}})
    assert said(data)[0] == [("0", "Which?", "B", {"A": "red", "B": "blue"}, None)]


def test_answers_mean_what_is_said_of_them(at):
    rows = lines([{"question": "?", "answer": True}, {"question": "!", "answer": False}])
    data = at({"a.jsonl": rows}, {"file": "a.jsonl", "answers": {True: "yes", False: "no"}})
    assert [e.answer for e in data.dev] == ["yes", "no"]


def test_splits_of_other_names(at):
    rows = [{**ITEMS[k % 3], "part": part} for k, part in enumerate(("train", "train", "eval", "other"))]
    spec = {"file": "a.jsonl", "dev": "train", "test": "eval", "fields": {"split": "part"}}
    assert [[e.id for e in s] for s in said_splits(at({"a.jsonl": lines(rows)}, spec))] == [["a", "b"], ["c"]]
    document = json.dumps({"train": ITEMS[:2], "holdout": ITEMS[2:], "more": []})
    data = at({"a.json": document}, {"file": "a.json", "dev": "train", "test": "holdout"})
    assert [[e.id for e in s] for s in said_splits(data)] == [["a", "b"], ["c"]]


def said_splits(data):
    return data.dev, data.test


MANY = [{"question": f"Item {k}?", "answer": str(k)} for k in range(50)]


def test_drawn_splits(at):
    def drawn(**sizes):
        data = at({"a.jsonl": lines(MANY)}, {"file": "a.jsonl", **sizes})
        return [e.id for e in data.dev], [e.id for e in data.test]

    dev, test = drawn(dev_size=20, test_size=10)
    assert (len(dev), len(test), set(dev) & set(test)) == (20, 10, set())
    assert dev == sorted(dev, key=int) and drawn(dev_size=20, test_size=10) == (dev, test)
    assert drawn(dev_size=20)[0] == dev and set(drawn(dev_size=20)[1]) == {str(k) for k in range(50)} - set(dev)
    assert [len(part) for part in drawn(test_size=10)] == [40, 10]
    assert drawn(dev_size=50) == ([str(k) for k in range(50)], [])
    assert drawn(dev_size=20, test_size=10, seed=1) != (dev, test)
    assert drawn() == ([str(k) for k in range(50)], [])
    order = sorted(range(50), key=lambda k: hashlib.sha256(f"0 item {k}?".encode()).hexdigest())
    assert [int(k) for k in dev] == sorted(order[:20]) and [int(k) for k in test] == sorted(order[20:30])
    assert dev[:5] == ["1", "4", "6", "11", "20"], "the same on every machine, for ever"


def test_sizes_cut_down_splits_that_are_there(at):
    whole = json.dumps({"dev": MANY[:30], "test": MANY[30:]})
    data = at({"a.json": whole}, {"file": "a.json", "dev_size": 7, "test_size": 5})
    assert (len(data.dev), len(data.test)) == (7, 5)
    assert {e.question for e in data.dev} < {item["question"] for item in MANY[:30]}
    one = at({"a.json": json.dumps({"dev": MANY})}, {"file": "a.json", "dev_size": 7, "test_size": 5})
    assert (len(one.dev), len(one.test)) == (7, 5), "a test that is not there is drawn"
    listed = at({"a.json": json.dumps(MANY)}, {"file": "a.json", "dev_size": 7})
    assert (len(listed.dev), len(listed.test)) == (7, 43)


def test_equal_questions_are_drawn_into_one_split(at):
    twice = [{**item, "answer": str(k)} for k, item in enumerate(MANY + [{**i, "id": "x"} for i in MANY])]
    data = at({"a.jsonl": lines(twice)}, {"file": "a.jsonl", "dev_size": 40})
    assert not {e.question for e in data.dev} & {e.question for e in data.test}


WRONG = {
    "unknown key": ({"file": "a.jsonl", "feilds": {}}, "unknown key 'utility.data.feilds'; did you mean 'fields'"),
    "unknown field": ({"file": "a.jsonl", "fields": {"anwser": "x"}}, "did you mean 'answer'"),
    "a field that is nowhere": (
        {"file": "a.jsonl", "fields": {"answer": "lable"}},
        r"a.jsonl: no item has 'lable', which utility.data.fields.answer names; did you mean 'label'",
    ),
    "fields as a text": ({"file": "a.jsonl", "fields": "label"}, "utility.data.fields: give our names with yours"),
    "a field that is a number": ({"file": "a.jsonl", "fields": {"answer": 3}}, "utility.data.fields.answer: 3 is not"),
    "several fields": ({"file": "a.jsonl", "fields": {"answer": ["a"]}}, "fields.answer: .* give a field's name[.]"),
    "no file": ({"dev_size": 3}, "utility.data: names no file; write"),
    "nothing": ({}, "utility.data: {} is not allowed"),
    "test alone": ({"test": "a.jsonl"}, "utility.data: names no file"),
    "two places": ({"file": "a.jsonl", "hf": "a/b"}, "gives both 'file' and 'hf'"),
    "revision of a file": ({"file": "a.jsonl", "revision": "x"}, "utility.data.revision: is for a data set on the hub"),
    "a size of zero": ({"file": "a.jsonl", "dev_size": 0}, "utility.data.dev_size: 0 is not allowed"),
    "a size that is a text": ({"file": "a.jsonl", "test_size": "9"}, "utility.data.test_size: '9' is not allowed"),
    "more than there are": (
        {"file": "a.jsonl", "dev_size": 40, "test_size": 20},
        "a.jsonl: holds 50 examples, too few for dev_size 40 and test_size 20; give smaller sizes",
    ),
    "a split that is nowhere": ({"file": "a.jsonl", "dev": "train"}, "no item is of split 'train'"),
    "an address": ("https://example.org/a.csv", "is an address; download it"),
    "an empty name": (" ", "utility.data: ' ' is no file"),
    "hub id": ("hf:a@b@c", "'hf:a@b@c' is no data set; give hf:org/name"),
    "yes without quotes": ({"file": "a.jsonl", "answers": {1: True}}, r"answers.1: true is not allowed.*in quotes"),
    "answers as a list": ({"file": "a.jsonl", "answers": ["A"]}, "utility.data.answers: a list is not allowed"),
}


@pytest.mark.parametrize(("given", "says"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_meant(at, given, says):
    rows = [{"question": item["question"], "label": item["answer"]} for item in MANY]
    with pytest.raises((ConfigError, DataError), match=says):
        at({"a.jsonl": lines(rows)}, given)


def test_a_split_file_is_a_list(at):
    with pytest.raises(DataError, match=r"a\.json: holds a mapping; as the file of one split, give a list"):
        at({"a.json": json.dumps({"dev": ITEMS})}, {"dev": "a.json"})


def test_the_fields_of_an_item_without_a_question_are_named(at):
    with pytest.raises(DataError, match=r"line 1: 'question' is None; .*fields: {question: input}"):
        at({"a.jsonl": lines([{"input": "1+1?", "answer": "2"}])})


def test_every_broken_line_is_a_fault_of_its_own(at, tmp_path):
    text = 'question,answer\n1,2\na,b,c\nok,1\nshort\nok,2\n"x"y,3\nok,3\n'
    (tmp_path / "a.csv").write_text(text)
    content = csv_content(tmp_path / "a.csv", Source())
    assert [problem.place for problem in content.problems] == ["line 3", "line 5", "line 7"]
    assert [item.content["question"] for item in content.splits[""]] == ["1", "ok", "ok", "ok"]


def test_places_are_seen_from_the_folder(tmp_path):
    given = {"dev": "a.jsonl", "test": "/b.jsonl", "fields": {"question": "a.jsonl"}}
    assert anchored_source(given, tmp_path) == {**given, "dev": str(tmp_path / "a.jsonl")}
    given = {"file": "a.jsonl", "dev": "train", "test": "x"}
    assert anchored_source(given, tmp_path) == {**given, "file": str(tmp_path / "a.jsonl")}
    assert anchored_source("hf:./sets", tmp_path) == f"hf:{tmp_path / 'sets'}"
    assert anchored_source({"hf": "./sets", "dev": "a"}, tmp_path) == {"hf": f"hf:{tmp_path / 'sets'}", "dev": "a"}
    for same in ("hf:org/name", {"hf": "hf:org/name", "dev": "a"}, 7, None, "", "https://example.org/a.csv"):
        assert anchored_source(same, tmp_path) == same
    assert source_of("a.csv", tmp_path).file == tmp_path / "a.csv"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.text(st.characters(exclude_characters="\0\r", codec="utf-8"), min_size=1, max_size=20)] * 2),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(",;\t|"),
)
def test_whatever_the_csv_module_writes_is_read(tmp_path_factory, rows, delimiter):
    items = [{"question": q, "answer": a} for q, a in rows if q.strip() and a.strip()]
    if not items:
        return
    path = tmp_path_factory.mktemp("written") / "a.csv"
    path.write_bytes(table(items, delimiter).encode())
    assert [(e.question, e.answer) for e in read_dataset(path).dev] == [
        (i["question"], i["answer"].strip()) for i in items
    ]


def test_an_example_is_one_of_ours():
    assert examples_from([{"prompt": "Write.", "id": 3, "more": 1}], "x") == (
        Example("3", "Write.", extra={"more": 1}),
    )
