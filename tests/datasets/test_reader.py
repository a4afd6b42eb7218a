"""Every mistake in a data file is named."""

import json

import pytest

from modelswarms import DataError
from modelswarms.datasets import read_dataset

GOOD = {"question": "1+1?", "answer": "2", "id": 1}


def read(tmp_path, content):
    path = tmp_path / "data.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return read_dataset(path)


WRONG = {
    "not JSON": (b'{"dev": [\n1,,2]}', "line 2"),
    "not text": (b"\xff\xfe\x00", "UTF-8"),
    "a list": ([GOOD], 'no "dev"'),
    "no dev": ({"test": [GOOD]}, 'no "dev"'),
    "empty dev": ({"dev": []}, "'dev' holds no examples"),
    "dev is no list": ({"dev": {"a": 1}}, "'dev' is a mapping"),
    "item is no mapping": ({"dev": [GOOD, "x"]}, r"dev\[1\] is a text"),
    "no question": ({"dev": [{"answer": "2"}]}, r"dev\[0\]: 'question'"),
    "empty question": ({"dev": [{"question": " ", "answer": "2"}]}, r"dev\[0\]: 'question'"),
    "question is a number": ({"dev": [{"question": 3, "answer": "2"}]}, r"dev\[0\]: 'question'"),
    "answer is a list": ({"dev": [{"question": "?", "answer": ["2"]}]}, r"dev\[0\]: 'answer'"),
    "answer is true": ({"dev": [{"question": "?", "answer": True}]}, r"dev\[0\]: 'answer'"),
    "empty answer": ({"dev": [{"question": "?", "answer": ""}]}, r"dev\[0\]: 'answer' is empty"),
    "answer is NaN": (b'{"dev": [{"question": "?", "answer": NaN}]}', "NaN is not JSON"),
    "answer is endless": (b'{"dev": [{"question": "?", "answer": ' + b"9" * 5000 + b"}]}", "a number that cannot"),
    "answer overflows": (b'{"dev": [{"question": "?", "answer": 1e999}]}', r"dev\[0\]: 'answer' is inf"),
    "id is a list": ({"dev": [{**GOOD, "id": [1]}]}, r"dev\[0\]: 'id' is \[1\]"),
    "misspelt split": ({"dev": [GOOD], "tset": [GOOD]}, "unknown key 'tset'; did you mean 'test'"),
    "in test": ({"dev": [GOOD], "test": [GOOD, {}]}, r"test\[1\]: 'question'"),
    "choices": ({"dev": [{**GOOD, "choices": "a, b"}]}, r"dev\[0\]: 'choices'"),
    "not a choice": ({"dev": [{**GOOD, "choices": {"A": "x"}}]}, "none of the choices A"),
    "icl": ({"dev": [GOOD], "icl_prompt": 3}, "icl_prompt"),
    "name": ({"dev": [GOOD], "dataset": 3}, "'dataset'"),
}


@pytest.mark.parametrize(("content", "says"), WRONG.values(), ids=WRONG)
def test_mistakes(tmp_path, content, says):
    with pytest.raises(DataError, match=rf"data\.json: ?.*{says}|data\.json: {says}"):
        read(tmp_path, content)


def test_no_file(tmp_path):
    with pytest.raises(DataError, match="no such data file"):
        read_dataset(tmp_path / "none.json")
    with pytest.raises(DataError, match="cannot be read"):
        read_dataset(tmp_path)


def test_what_is_read(tmp_path):
    data = read(tmp_path, b"\xef\xbb\xbf" + json.dumps({"dev": [{**GOOD, "answer": 2, "hint": "h"}]}).encode())
    (example,) = data.dev
    assert (example.answer, example.id, dict(example.extra), data.test, data.name) == (
        "2",
        "1",
        {"hint": "h"},
        (),
        "data",
    )


def test_an_id_may_be_left_out(tmp_path):
    items = [{**GOOD, "id": None}, {"question": "?", "answer": "3"}, {**GOOD, "id": "x"}]
    assert [example.id for example in read(tmp_path, {"dev": items, "licence": "CC0"}).dev] == ["0", "1", "x"]


def test_repeated_ids_are_told_apart(tmp_path):
    ids = [example.id for example in read(tmp_path, {"dev": [GOOD, {**GOOD, "answer": "3"}, GOOD]}).dev]
    assert ids == ["1", "1 (item 1)", "1 (item 2)"]


def test_the_fingerprint_is_of_what_is_said(tmp_path):
    one = read(tmp_path, {"dev": [GOOD]}).fingerprint
    assert read(tmp_path, json.dumps({"dev": [GOOD]}, indent=3).encode()).fingerprint == one
    assert read(tmp_path, {"dev": [{**GOOD, "answer": "3"}]}).fingerprint != one
    assert read(tmp_path, {"dev": [GOOD], "test": [GOOD]}).fingerprint != one


@pytest.mark.parametrize("name", ["nlgraph", "gsm8k", "mmlu", "truthfulqa", "rm", "knowledge_crosswords"])
def test_real_files_are_read_as_they_are(shared, name):
    path = shared / "data" / "eval" / f"{name}.json"
    data, raw = read_dataset(path), json.loads(path.read_text())
    for split in ("dev", "test"):
        examples = getattr(data, split)
        assert [e.question for e in examples] == [item.get("question", item.get("prompt")) for item in raw[split]]
        assert [e.answer for e in examples] == [item.get("answer") for item in raw[split]]
        assert [e.choices for e in examples] == [item.get("choices") for item in raw[split]]
        assert len({e.id for e in examples}) == len(examples)
    assert data.icl_prompt == raw.get("icl_prompt")
