"""Data files that cannot be used."""

from __future__ import annotations

import json
from typing import Any

from wrong_inputs.row import Row, both, settings, written

ITEM = {"question": "1 + 1?", "answer": "2"}


def data(content: Any) -> Any:
    """The data file's whole content."""
    return written("data.json", json.dumps(content))


def item(**keys: Any) -> Any:
    """A data file whose second dev item says something else."""
    return data({"dev": [ITEM, {**ITEM, **keys}]})


LINES = '{"question": "1 + 1?", "answer": "2"}\n{"question": \n'

ROWS = [
    Row(
        "data-missing",
        "the data file does not exist",
        "dta.json: no such data file; check the path.",
        settings(utility={"kind": "exact_match", "data": "./dta.json"}),
    ),
    Row(
        "data-folder",
        "a folder where the data file should be",
        "sub: cannot be read (Is a directory); check what it is and who may read it.",
        both(lambda work: (work / "sub").mkdir(), settings(utility={"kind": "exact_match", "data": "sub"})),
    ),
    Row(
        "data-none",
        "no data file is named",
        "utility.data: no data file is given; write utility: {kind: ..., data: my.json}.",
        settings(utility={"kind": "exact_match"}),
    ),
    Row(
        "data-number",
        "a number where the data file should be",
        "utility.data: no data file is given; write utility: {kind: ..., data: my.json}.",
        settings(utility={"kind": "exact_match", "data": 7}),
    ),
    Row(
        "data-empty",
        "an empty data file",
        "data.json: not valid JSON at line 1 (…); mend the file.",
        written("data.json", ""),
    ),
    Row(
        "data-invalid",
        "the data file is not JSON",
        "data.json: not valid JSON at line 2 (…); mend the file.",
        written("data.json", '{"dev": [\n{"question" "x"}]}'),
    ),
    Row(
        "data-jsonl",
        "a line of a JSONL file is not JSON",
        'data.jsonl: line 2 begins a second JSON value; write one: {"dataset": name, "dev": [...], "test": [...]}.',
        both(written("data.jsonl", LINES), settings(utility={"kind": "exact_match", "data": "data.jsonl"})),
    ),
    Row(
        "data-utf16",
        "the data file is UTF-16",
        "data.json: not UTF-8 JSON; save it as UTF-8 text.",
        written("data.json", '{"dev": []}'.encode("utf-16")),
    ),
    Row(
        "data-latin",
        "the data file is Latin-1",
        "data.json: not UTF-8 JSON; save it as UTF-8 text.",
        written("data.json", '{"dev": [{"question": "Où?", "answer": "ici"}]}'.encode("latin-1")),
    ),
    Row(
        "data-nan",
        "NaN in the data file",
        "data.json: holds a number that cannot be read (NaN is not JSON); write it as a text.",
        written("data.json", '{"dev": [{"question": "x", "answer": NaN}]}'),
    ),
    Row(
        "data-list",
        "a list instead of dev and test",
        'data.json: has no "dev"; write one: {"dataset": name, "dev": [...], "test": [...]}.',
        data([ITEM]),
    ),
    Row(
        "data-no-dev",
        "no dev split",
        'data.json: has no "dev"; write one: {"dataset": name, "dev": [...], "test": [...]}.',
        data({"test": [ITEM]}),
    ),
    Row(
        "data-misspelt",
        "a split with a slip of the pen",
        "data.json: unknown key 'tets'; did you mean 'test'?",
        data({"dev": [ITEM], "tets": [ITEM]}),
    ),
    Row(
        "data-dev-empty",
        "an empty dev split",
        "data.json: 'dev' holds no examples; give some, on which a search can compare candidates.",
        data({"dev": [], "test": [ITEM]}),
    ),
    Row(
        "data-dev-text",
        "a text instead of items",
        "data.json: 'dev' is a text; give a list of items.",
        data({"dev": "many"}),
    ),
    Row(
        "data-test-null",
        "null instead of test items",
        "data.json: 'test' is null; give a list of items.",
        data({"dev": [ITEM], "test": None}),
    ),
    Row(
        "data-item-text",
        "an item that is a text",
        "data.json: dev[1] is a text; give keys and values, such as question and answer.",
        data({"dev": [ITEM, "1 + 1?"]}),
    ),
    Row(
        "data-no-question",
        "an item without a question",
        "data.json: dev[1]: 'question' is None; give a text that is not empty.",
        data({"dev": [ITEM, {"answer": "2"}]}),
    ),
    Row(
        "data-question-empty",
        "an item with an empty question",
        "data.json: dev[1]: 'question' is ' '; give a text that is not empty.",
        item(question="  "),
    ),
    Row(
        "data-question-number",
        "a question that is a number",
        "data.json: dev[1]: 'question' is 5; give a text that is not empty.",
        item(question=5),
    ),
    Row(
        "data-no-answer",
        "an item without an answer",
        "data.json: dev[1] has no 'answer'; exact_match compares with it: give the right one.",
        data({"dev": [ITEM, {"question": "2 + 2?"}]}),
    ),
    Row(
        "data-answer-list",
        "an answer that is a list",
        "data.json: dev[1]: 'answer' is ['2']; give a text or a number.",
        item(answer=["2"]),
    ),
    Row(
        "data-answer-empty",
        "an answer that is empty",
        "data.json: dev[1]: 'answer' is empty; give the right answer.",
        item(answer=""),
    ),
    Row(
        "data-choices",
        "choices that are a list",
        "data.json: dev[1]: 'choices' is ['1', '2']; map option letters to texts.",
        item(choices=["1", "2"]),
    ),
    Row(
        "data-answer-no-choice",
        "an answer that is none of the choices",
        "data.json: dev[1]: 'answer' 'C' is none of the choices A, B; mend one of them.",
        item(answer="C", choices={"A": "1", "B": "2"}),
    ),
    Row(
        "data-name",
        "a data set's name that is a number",
        "data.json: 'dataset' is a number; give the data set's name.",
        data({"dataset": 3, "dev": [ITEM]}),
    ),
    Row(
        "data-id",
        "an id that is a list",
        "data.json: dev[1]: 'id' is [1]; give a text or a number, or leave it out.",
        item(id=[1]),
    ),
    Row(
        "data-icl-prompt",
        "an icl_prompt that is a list",
        "data.json: 'icl_prompt' is a list; give a text, or leave it out.",
        data({"dev": [ITEM], "icl_prompt": ["x"]}),
    ),
    Row(
        "data-too-long",
        "a prompt that is longer than the base's context",
        "a prompt of … tokens (it begins '1 + 1? 1 + 1? 1 + 1? 1 + 1? 1 + 1? 1 + 1') does not fit "
        "the base's context of …; shorten it, or leave it out.",
        item(question="1 + 1? " * 20_000),
        loads=True,
    ),
]
