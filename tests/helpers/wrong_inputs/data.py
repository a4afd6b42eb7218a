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


def source(**keys: Any) -> Any:
    """Keys of ``utility.data``."""
    return settings(utility={"kind": "exact_match", "data": keys})


LINES = '{"question": "1 + 1?", "answer": "2"}\n{"question": \n'


def named(name: str, content: str | bytes) -> Any:
    """A data file under another name."""
    return both(written(name, content), settings(utility={"kind": "exact_match", "data": name}))


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
        "data-lines",
        "one item a line in a file that is called .json",
        'data.json: line 2 begins a second JSON value; write one: {"dataset": name, "dev": [...], "test": [...]}, '
        "or name a file of one item a line .jsonl.",
        written("data.json", f"{json.dumps(ITEM)}\n{json.dumps(ITEM)}\n"),
    ),
    Row(
        "data-jsonl",
        "a line of a JSONL file is not JSON",
        "data.jsonl: line 2 is not valid JSON (Expecting value at column 13); mend it, or leave it out.",
        named("data.jsonl", LINES),
    ),
    Row(
        "data-jsonl-more",
        "several lines of a JSONL file that are wrong",
        "data.jsonl: line 2 is not valid JSON (…); mend it, or leave it out. There are 2 more: "
        "see modelswarms data check.",
        named("data.jsonl", LINES + '{"question": ""}\n[]\n'),
    ),
    Row(
        "data-jsonl-json",
        "a JSON document that is called .jsonl",
        "data.jsonl: is one JSON document, not one item a line; save it as .json.",
        named("data.jsonl", json.dumps({"dev": [ITEM]}, indent=1)),
    ),
    Row(
        "data-jsonl-list",
        "a list of items that is called .jsonl",
        "data.jsonl: is one JSON document, not one item a line; save it as .json.",
        named("data.jsonl", json.dumps([ITEM, ITEM]).replace("}, {", "},\n{")),
    ),
    Row(
        "data-fields",
        "items with other names for their fields",
        "data.jsonl: line 1: 'question' is None; give a text that is not empty, or say which field is one, "
        "as {file: ..., fields: {question: input}}.",
        named("data.jsonl", f"{json.dumps({'ids': [1], 'input': '1 + 1?', 'output': '2'})}\n"),
    ),
    Row(
        "data-jsonl-split",
        "a split that nobody knows, in a JSONL file",
        "data.jsonl: line 2: 'split' is 'holdout'; give dev or test, or say which are meant, "
        "as {file: ..., dev: NAME, test: NAME}.",
        named("data.jsonl", f"{json.dumps({**ITEM, 'split': 'dev'})}\n{json.dumps({**ITEM, 'split': 'holdout'})}\n"),
    ),
    Row(
        "data-jsonl-no-split",
        "a line that names no split where others do",
        "data.jsonl: line 2 has no 'split'; give dev or test, as the others do.",
        named("data.jsonl", f"{json.dumps({**ITEM, 'split': 'dev'})}\n{json.dumps(ITEM)}\n"),
    ),
    Row(
        "data-jsonl-train",
        "a JSONL file of train items alone",
        "data.jsonl: no item is of split dev (there are: 'train'); say which is meant, as {file: ..., dev: NAME}.",
        named("data.jsonl", f"{json.dumps({**ITEM, 'split': 'train'})}\n"),
    ),
    Row(
        "data-csv-cp1252",
        "a table that a spreadsheet saved in its own encoding",
        "data.csv: not UTF-8 at line 3 (byte 0xFC after 'Was ist gr'); save it as 'CSV UTF-8' in the spreadsheet, "
        "or as UTF-8 text.",
        named("data.csv", "question,answer\n1 + 1?,2\nWas ist grün?,Gras\n".encode("cp1252")),
    ),
    Row(
        "data-csv-utf16",
        "a table in UTF-16",
        "data.csv: is UTF-16, not UTF-8; save it as 'CSV UTF-8' in the spreadsheet, or as UTF-8 text.",
        named("data.csv", "question\tanswer\n1 + 1?\t2\n".encode("utf-16")),
    ),
    Row(
        "data-csv-empty",
        "an empty table",
        "data.csv: is empty; write a header, such as question,answer, and a row an example.",
        named("data.csv", "\n"),
    ),
    Row(
        "data-csv-header",
        "a table without a column for the question",
        "data.csv: has no column 'question' (columns: text, label); name it in the first line, or say which is meant, "
        "as {file: ..., fields: {question: NAME}}.",
        named("data.csv", "text,label\n1 + 1?,2\n"),
    ),
    Row(
        "data-csv-cr",
        "a table with the line ends of an old Mac",
        "data.csv: its lines end with CR alone; save it with the line ends of Unix or Windows.",
        named("data.csv", "question,answer\r1 + 1?,2\r"),
    ),
    Row(
        "data-csv-twice",
        "a table with two columns of one name",
        "data.csv: has two columns 'answer'; give one of them another name.",
        named("data.csv", "question,answer,Answer\n1 + 1?,2,2\n"),
    ),
    Row(
        "data-csv-cells",
        "a row of a table with a comma too many",
        'data.csv: line 3 has 3 cells, the header 2; put texts with delimiters or line ends in quotes ("), '
        'and quotes in texts twice ("").',
        named("data.csv", "question,answer\n1 + 1?,2\nOne, two or three?,2\n"),
    ),
    Row(
        "data-csv-quotes",
        "a quoted text that never ends",
        "data.csv: line 3 is no row of cells (unexpected end of data); put texts with delimiters or line ends in "
        'quotes ("), and quotes in texts twice ("").',
        named("data.csv", 'question,answer\n1 + 1?,2\n"How many?,3\n2 + 2?,4\n'),
    ),
    Row(
        "data-csv-choices",
        "choices in a table that are not JSON",
        "data.csv: line 2: 'choices' is 'red|blue'; give JSON, such as [\"red\", \"blue\"], "
        "or a column for each of A, B, ….",
        named("data.csv", "question,choices,answer\nWhich?,red|blue,A\n"),
    ),
    Row(
        "data-csv-answer",
        "an answer in a table that is empty",
        "data.csv: line 3: 'answer' is empty; give the right answer.",
        named("data.csv", "question,answer\n1 + 1?,2\n2 + 2?,\n"),
    ),
    Row(
        "data-nul",
        "a NUL byte in the data",
        "data.jsonl: holds a NUL byte at line 1, so it is no UTF-8 text; save it as UTF-8 text.",
        named("data.jsonl", b'{"question": "1 + 1?\0", "answer": "2"}\n'),
    ),
    Row(
        "data-xlsx",
        "a spreadsheet's own file",
        "data.xlsx: .xlsx files are not read; save the sheet as 'CSV UTF-8'.",
        named("data.xlsx", b"PK"),
    ),
    Row(
        "data-address",
        "an address instead of a file",
        "utility.data: https://example.org/a.csv is an address; download it, and give the file.",
        settings(utility={"kind": "exact_match", "data": "https://example.org/a.csv"}),
    ),
    Row(
        "data-key",
        "an unknown key of the data",
        "unknown key 'utility.data.feilds'; did you mean 'fields'?",
        source(file="data.json", feilds={"question": "input"}),
    ),
    Row(
        "data-no-place",
        "keys of the data that name no file",
        "utility.data: names no file; write a file, hf:org/name, or {file: ..., fields: ...}.",
        source(dev_size=3),
    ),
    Row(
        "data-two-places",
        "data from a file and from the hub",
        "utility.data: gives both 'file' and 'hf'; give one of them.",
        source(file="data.json", hf="org/name"),
    ),
    Row(
        "data-field-unknown",
        "a column mapping for a field that there is not",
        "unknown key 'utility.data.fields.anwser'; did you mean 'answer'?",
        source(file="data.json", fields={"anwser": "label"}),
    ),
    Row(
        "data-field-missing",
        "a column mapping to a field that no item has",
        "data.json: no item has 'anwser', which utility.data.fields.answer names; did you mean 'answer'?",
        source(file="data.json", fields={"answer": "anwser"}),
    ),
    Row(
        "data-size",
        "more dev examples than there are",
        "data.json: dev holds 6 examples, utility.data.dev_size is 60; give at most 6, or leave it out.",
        source(file="data.json", dev_size=60),
    ),
    Row(
        "data-sizes",
        "more examples to be drawn than there are",
        "data.csv: holds 2 examples, too few for dev_size 2 and test_size 1; give smaller sizes.",
        both(
            written("data.csv", "question,answer\n1 + 1?,2\n2 + 2?,4\n"),
            source(file="data.csv", dev_size=2, test_size=1),
        ),
    ),
    Row(
        "data-size-text",
        "a size that is no number",
        "utility.data.dev_size: 'all' is not allowed; give a whole number of at least 1.",
        source(file="data.json", dev_size="all"),
    ),
    Row(
        "data-split-named",
        "a split that the file does not have",
        'data.json: has no "train"; write one: {"dataset": name, "dev": [...], "test": [...]}.',
        source(file="data.json", dev="train"),
    ),
    Row(
        "data-answers",
        "a meaning of answers that YAML reads as true",
        "utility.data.answers.1: true is not allowed; give a text (yes and no in quotes).",
        source(file="data.json", answers={1: True}),
    ),
    Row(
        "data-hub-id",
        "a hub id of another form",
        "utility.data: 'hf:org/name@a@b' is no data set; give hf:org/name, with @revision and :config.",
        settings(utility={"kind": "exact_match", "data": "hf:org/name@a@b"}),
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
        'data.json: has no "dev"; write one: {"dataset": name, "dev": [...], "test": [...]}, '
        "or draw from its items, as {file: ..., dev_size: 200, test_size: 1000}.",
        data([ITEM]),
    ),
    Row(
        "data-no-dev",
        "no dev split",
        'data.json: has no "dev"; write one: {"dataset": name, "dev": [...], "test": [...]}.',
        data({"test": [ITEM]}),
    ),
    Row(
        "data-train",
        "splits of other names",
        'data.json: has no "dev"; write one: {"dataset": name, "dev": [...], "test": [...]}, '
        "or say which split is meant, as {file: ..., dev: train}.",
        data({"train": [ITEM], "test": [ITEM]}),
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
        "choices that are one text",
        "data.json: dev[1]: 'choices' is '1 or 2'; give a list of texts, or map option letters to texts.",
        item(choices="1 or 2"),
    ),
    Row(
        "data-answer-no-choice",
        "an answer that is none of the choices",
        "data.json: dev[1]: 'answer' 'C' is none of the choices A, B; mend one of them.",
        item(answer="C", choices={"A": "1", "B": "2"}),
    ),
    Row(
        "data-answer-unclear",
        "an answer that is one choice's text and the place of another",
        "data.json: dev[1]: 'answer' '1' may mean any of the choices A, B; give the letter.",
        item(answer="1", choices=["1", "2"]),
    ),
    Row(
        "data-answer-twice",
        "an answer that is the text of two choices",
        "data.json: dev[1]: 'answer' 'yes' may mean any of the choices A, C; give the letter.",
        item(answer="yes", choices=["yes", "no", "yes"]),
    ),
    Row(
        "data-choices-many",
        "more choices than letters",
        "data.json: dev[1]: 'choices' holds 27 texts; give at most 26, or map names of your own to them.",
        item(answer="1", choices=[str(k) for k in range(27)]),
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
