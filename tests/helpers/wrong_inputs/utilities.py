"""Utilities that cannot be used."""

from __future__ import annotations

import json
from typing import Any

from wrong_inputs.row import Arrange, Row, both, settings, written


def matching(**keys: Any) -> Arrange:
    """A utility that compares answers, with keys of its own."""
    return settings(utility={"kind": "exact_match", "data": "data.json", **keys})


CHOICE = {"question": "1 + 1?", "choices": {"A": "1", "B": "2"}, "answer": "B"}


def choosing(item: Any = CHOICE, **keys: Any) -> Arrange:
    """A multiple-choice utility with one item, and with keys of its own."""
    utility = {"kind": "multiple_choice", "data": "data.json", **keys}
    return both(written("data.json", json.dumps({"dev": [item]})), settings(utility=utility))


def tasks(parts: Any, **keys: Any) -> Arrange:
    """A utility of several parts."""
    return settings(utility={"kind": "multi_task", "parts": parts, **keys})


def own(target: str, code: str = "def score(examples, model):\n    return [0.0] * len(examples)\n") -> Arrange:
    """A utility of one's own in ``mine.py``."""
    spec = {"kind": "function", "target": target, "data": "data.json"}
    return both(written("mine.py", code), settings(utility=spec))


CLASS = """
class Good:
    name, range = "good", (0.0, 1.0)
    def prompt(self, example): return example.question
    def score(self, examples, model): return [0.0] * len(examples)
    def aggregate(self, scores): return sum(scores) / len(scores)
"""

ROWS = [
    Row(
        "utility-unknown",
        "an unknown utility",
        "utility: unknown name 'zooo'; did you mean 'zoo'? Or write {kind: ..., data: ...}.",
        settings(utility="zooo"),
    ),
    Row(
        "utility-kind",
        "an unknown kind of utility",
        "utility.kind: unknown kind 'exact_mach'; did you mean 'exact_match'?",
        settings(utility={"kind": "exact_mach", "data": "data.json"}),
    ),
    Row(
        "utility-no-kind",
        "a utility without a kind",
        "utility.kind: not given; write one of abstention, … or a name.",
        settings(utility={"data": "data.json"}),
    ),
    Row(
        "utility-list",
        "a list instead of a utility",
        "utility: ['zoo'] is not allowed; give a text or keys and values.",
        settings(utility=["zoo"]),
    ),
    Row(
        "match-tokens",
        "an answer of no tokens",
        "utility.max_new_tokens: 0 is not allowed; give at least 1.",
        matching(max_new_tokens=0),
    ),
    Row(
        "match-template",
        "a template without the question",
        "utility.template: 'Answer:' has no {question}; put it where the question goes.",
        matching(template="Answer:"),
    ),
    Row(
        "match-which",
        "neither the first nor the last number",
        "utility.which: 'middle' is not allowed; give 'first' or 'last'.",
        matching(which="middle"),
    ),
    Row(
        "match-shots",
        "more shown examples than there are",
        "utility.shots: 3 is not allowed; give 1 to 1, as many as few_shot holds.",
        matching(few_shot=[{"question": "a", "answer": "1"}], shots=3),
    ),
    Row(
        "match-shown",
        "a scored example that is shown as well",
        "data.json: dev[2] is example 0 of utility.few_shot, which would tell its answer; leave one of them out.",
        matching(few_shot=[{"question": "How much is item 2?", "answer": "2"}]),
    ),
    Row(
        "match-shown-no-answer",
        "a shown example without its answer",
        "utility.few_shot: example 0 has no 'answer'; give the right one.",
        matching(few_shot=[{"question": "a"}]),
    ),
    Row(
        "match-shown-missing",
        "a file of shown examples that does not exist",
        "shots.json: no such data file; check the path.",
        matching(few_shot="./shots.json"),
    ),
    Row(
        "match-system",
        "a system's words without a chat",
        "utility.system: only a chat has a system; set utility.chat to true, or leave it out.",
        matching(system="Be brief."),
    ),
    Row(
        "named-no-data",
        "a named utility whose data is not there",
        "utility nlgraph: its data, …nlgraph.json, is not there; get it with 'modelswarms data download nlgraph', "
        "or give a file of your own as utility.data.",
        settings(utility="nlgraph"),
    ),
    Row(
        "reading-unknown",
        "an unknown way to read answers",
        "utility.parsing: 'lax' is not allowed; give 'strict' or 'compat'.",
        matching(parsing="lax"),
    ),
    Row(
        "choice-by",
        "an unknown way to choose",
        "utility.by: 'letter' is not allowed; give 'answer' or 'likelihood'.",
        choosing(by="letter"),
    ),
    Row(
        "choice-option",
        "an option's text without likelihoods",
        "utility.option: 'text' needs by: likelihood; give that, or leave it out.",
        choosing(option="text"),
    ),
    Row(
        "choice-parsing",
        "the original's reading of answers that nobody writes",
        "utility.parsing: by likelihood, no text is read; leave it out, or give by: answer.",
        choosing(by="likelihood", parsing="compat"),
    ),
    Row(
        "choice-none",
        "multiple choice without choices",
        "data.json: dev[0] has no 'choices'; multiple_choice asks for one of them: give some.",
        choosing({"question": "1 + 1?", "answer": "B"}),
    ),
    Row(
        "choice-example",
        "a template that asks for an example which the data do not bring",
        "data.json: has no 'icl_prompt', which utility.template asks for; add it, or give another template.",
        choosing(kind="knowledge_crosswords"),
    ),
    Row(
        "tasks-one",
        "a multi-task utility of one part",
        "utility.parts: fewer than two are given; give two or more utilities.",
        tasks({"zoo": {}}),
    ),
    Row(
        "tasks-unknown",
        "a part that is no utility",
        "utility.parts, number 1: utility: unknown name 'zooo'; did you mean 'zoo'? Or write {kind: ..., data: ...}.",
        tasks(["zooo", "zoo"]),
    ),
    Row(
        "tasks-twice",
        "two parts of one name",
        "utility.parts: two are called zoo; give them names: parts: {first: ..., ...}.",
        tasks(["zoo", "zoo"]),
    ),
    Row(
        "tasks-range",
        "a part whose values have no finite range",
        "utility.parts: mine has no finite range, so that its values cannot be combined with others; leave it out, or "
        "give the one part to be optimised as utility.optimise.",
        both(
            written("mine.py", "def score(examples, model):\n    return [0.0] * len(examples)\n"),
            tasks({"zoo": {}, "mine": {"kind": "function", "target": "mine:score", "data": "data.json"}}),
        ),
    ),
    Row(
        "tasks-optimise",
        "a part to be optimised that there is not",
        "utility.optimise: 'zooo' is no part; give one of more, zoo.",
        tasks({"zoo": {}, "more": "zoo"}, optimise="zooo"),
    ),
    Row(
        "tasks-weights",
        "weights without their way to combine",
        "utility.weights: belong to combine: weighted, and to nothing else; give both or neither.",
        tasks({"zoo": {}, "more": "zoo"}, weights={"zoo": 1, "more": 2}),
    ),
    Row(
        "tasks-data",
        "data for all parts of a multi-task utility",
        "utility.data: multi_task brings its own examples; leave it out.",
        tasks({"zoo": {}, "more": "zoo"}, data="data.json"),
    ),
    Row(
        "keep-overlap",
        "a text instead of true or false for test examples that are dev examples",
        "utility.keep_overlap: 'some' is not allowed; give true or false.",
        matching(keep_overlap="some"),
    ),
    Row(
        "tasks-keep-overlap",
        "a part that keeps test examples that are dev examples",
        "utility.parts, number 1: utility.keep_overlap: is for all parts together; give it beside utility.parts.",
        tasks([{"kind": "zoo", "keep_overlap": True}, "zoo"]),
    ),
    Row(
        "all-seen",
        "an evaluation on test examples that are all dev examples",
        "data: the test split is empty; all 1 test examples are dev examples too, so that a figure on them would show "
        "memory; give others, or keep them by utility.keep_overlap: true.",
        both(
            written("data.json", '{"dev": [{"question": "a", "answer": 1}], "test": [{"question": "A", "answer": 1}]}'),
            matching(),
        ),
        "evaluate my.yaml --expert base",
    ),
    Row(
        "own-no-colon",
        "a target without its attribute",
        "utility.target: 'mine' is not allowed; write module:attribute.",
        own("mine"),
    ),
    Row(
        "own-no-target",
        "an own function that is not named",
        "utility.target: not given; write target: module:attribute.",
        settings(utility={"kind": "function", "data": "data.json"}),
    ),
    Row(
        "own-no-module",
        "an own function's module is missing",
        "utility.target: no module 'mime' in . nor installed; did you mean 'mine'?",
        own("mime:score"),
    ),
    Row(
        "own-no-attribute",
        "an own function that its module has not",
        "utility.target: mine has no 'scores'; did you mean 'score'?",
        own("mine:scores"),
    ),
    Row(
        "own-number",
        "an own function that is a number",
        "utility.target: mine:SCORE is a number; give a function or a utility class.",
        own("mine:SCORE", "SCORE = 3\n"),
    ),
    Row(
        "own-raises",
        "a module that raises when it is imported",
        "utility.target: importing mine failed at mine.py, line 1 (OSError: no judge for today); mend the file.",
        own("mine:score", "raise OSError('no judge\\nfor today')\n"),
    ),
    Row(
        "own-exits",
        "a module that ends the program",
        "utility.target: importing mine failed at mine.py, line 2 (SystemExit: 0); mend the file.",
        own("mine:score", "import sys\nsys.exit(0)\n"),
    ),
    Row(
        "own-syntax",
        "a module that is not Python",
        "utility.target: mine.py, line 1: …; mend the file.",
        own("mine:score", "def score(:\n"),
    ),
    Row(
        "own-needs",
        "a module that needs another one",
        "utility.target: mine needs 'no_such_package_at_all', which is not installed; install it.",
        own("mine:score", "import no_such_package_at_all\n"),
    ),
    Row(
        "own-lacks",
        "a class that is half a utility",
        "utility.target: mine:Good lacks prompt; add what docs/utilities.md asks for.",
        own("mine:Good", CLASS.replace("def prompt", "def promt")),
    ),
    Row(
        "own-range",
        "a class with its range the wrong way round",
        "utility.target: mine:Good.range is (1.0, 0.0); give two finite numbers, the lower first, or None.",
        own("mine:Good", CLASS.replace("(0.0, 1.0)", "(1.0, 0.0)")),
    ),
    Row(
        "own-arguments",
        "a class that needs arguments",
        "utility.target: mine:Good cannot be made without arguments (missing a required argument: "
        "'judge'); give them defaults.",
        own("mine:Good", CLASS + "    def __init__(self, judge): pass\n"),
    ),
    Row(
        "own-prompt",
        "a class whose prompt fails on the data",
        "utility good: its prompt of dev example 0 failed (KeyError: 'text'); mend the utility or the data.",
        own("mine:Good", CLASS.replace("example.question", "example.extra['text']")),
    ),
    Row(
        "own-prompt-none",
        "a class whose prompt is no text",
        "utility good: its prompt of dev example 0 is null; give a text.",
        own("mine:Good", CLASS.replace("return example.question", "pass")),
    ),
]
