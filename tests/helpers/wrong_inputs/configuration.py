"""Configuration files and utilities that cannot be used."""

from __future__ import annotations

from typing import Any

from wrong_inputs.row import Arrange, Row, both, settings, written

ZEROS = dict.fromkeys(("inertia", "cognitive_coeff", "social_coeff", "repel_coeff"), 0)


def config(text: str | bytes) -> Arrange:
    """The configuration file's whole content."""
    return written("my.yaml", text)


def matching(**keys: Any) -> Arrange:
    """A utility that compares answers, with keys of its own."""
    return settings(utility={"kind": "exact_match", "data": "data.json", **keys})


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
        "yaml-missing",
        "the configuration file does not exist",
        "yours.yaml: no such configuration file; check the path.",
        command="search yours.yaml",
    ),
    Row(
        "yaml-folder",
        "a folder where the configuration file should be",
        "sub: cannot be read (Is a directory); check what it is and who may read it.",
        lambda work: (work / "sub").mkdir(),
        "search sub",
    ),
    Row(
        "yaml-syntax",
        "a configuration file that is not YAML",
        "my.yaml: not valid YAML in line 3 (expected ',' or '}', but got '<stream end>'); mend the file.",
        config("base: zoo\nswarm: {particles: 3\n"),
    ),
    Row(
        "yaml-latin",
        "a configuration file that is not UTF-8",
        "my.yaml: not UTF-8; save it as UTF-8 text.",
        config(b"base: caf\xe9\n"),
    ),
    Row(
        "yaml-list",
        "a list instead of keys and values",
        "my.yaml: holds a list, not keys and values; write 'key: value' lines.",
        config("- base\n- experts\n"),
    ),
    Row(
        "yaml-text",
        "a text instead of keys and values",
        "my.yaml: holds a text, not keys and values; write 'key: value' lines.",
        config("base zoo\n"),
    ),
    Row(
        "yaml-twice",
        "a key that is given twice",
        "my.yaml: not valid YAML in line 3 ('seed' is given twice); mend the file.",
        config("base: zoo\nseed: 1\nseed: 2\n"),
    ),
    Row("key-unknown", "an unknown key", "unknown key 'expert'; did you mean 'experts'?", settings(expert="zoo")),
    Row(
        "key-group",
        "a key outside its group",
        "unknown key 'inertia'; did you mean 'swarm.inertia'?",
        settings(inertia=1),
    ),
    Row(
        "key-number",
        "a key that is a number",
        "unknown key '1'; known: …",
        settings(**{"1": 2}),
    ),
    Row(
        "key-swarm-unknown",
        "an unknown key of a group",
        "unknown key 'swarm.inertai'; did you mean 'swarm.inertia'?",
        settings(swarm={"inertai": 1}),
    ),
    Row(
        "key-engine-unknown",
        "an unknown key of the engine",
        "unknown key 'engine.devise'; did you mean 'engine.device'?",
        settings(engine={"devise": "cpu"}),
    ),
    Row(
        "key-utility-unknown",
        "an unknown key of the utility",
        "unknown key 'utility.max_tokens'; did you mean 'max_new_tokens'?",
        matching(max_tokens=3),
    ),
    Row(
        "swarm-text",
        "an unknown preset",
        "swarm.preset: unknown preset 'papper'; did you mean 'paper'?",
        settings(swarm="papper"),
    ),
    Row(
        "swarm-number",
        "a number instead of the swarm's keys",
        "swarm: 5 is neither a preset's name nor keys and values; write swarm: paper, or swarm: {key: value}.",
        settings(swarm=5),
    ),
    Row(
        "swarm-list",
        "a list instead of a preset",
        "swarm.preset: unknown preset ['paper']; did you mean 'paper'?",
        settings(swarm={"preset": ["paper"]}),
    ),
    Row(
        "engine-text",
        "a text instead of the engine's keys",
        "engine: 'local' is not keys and values; write engine: {key: value}.",
        settings(engine="local"),
    ),
    Row(
        "engine-kind",
        "an unknown engine",
        "engine.kind: 'vlm' is not allowed; give 'local'.",
        settings(engine={"kind": "vlm"}),
    ),
    Row(
        "combine-unknown",
        "an unknown way to combine",
        "combine: 'sum' is not allowed; give 'factors' or 'delta'.",
        settings(combine="sum"),
    ),
    Row(
        "test-unknown",
        "a test that is neither best nor none",
        "test: 'all' is not allowed; give 'best' or 'none'.",
        settings(test="all"),
    ),
    Row(
        "seed-negative",
        "a negative seed",
        "seed: -1 is out of range; give a whole number from 0 to 2**63 - 1.",
        settings(seed=-1),
    ),
    Row(
        "seed-text",
        "a seed that is a text",
        "seed: 'lucky' is not allowed; give a whole number.",
        settings(seed="lucky"),
    ),
    Row("seed-bool", "a seed that is true", "seed: True is not allowed; give a whole number.", settings(seed=True)),
    Row(
        "particles-text",
        "a number of particles that is a text",
        "swarm.particles: 'many' is not allowed; give a whole number.",
        settings(swarm={"particles": "many"}),
    ),
    Row(
        "particles-zero",
        "no particles",
        "swarm.particles: 0 is not allowed; give a whole number of at least 1.",
        settings(swarm={"particles": 0}),
    ),
    Row(
        "iterations-negative",
        "a negative number of iterations",
        "swarm.max_iterations: -1 is not allowed; give a whole number of at least 0.",
        settings(swarm={"max_iterations": -1}),
    ),
    Row(
        "dropout-one",
        "a chance of 1 to skip everything",
        "swarm.dropout_k: 1.0 is not allowed; give a probability of at least 0 and below 1.",
        settings(swarm={"dropout_k": 1.0}),
    ),
    Row(
        "inertia-nan",
        "a weight that is NaN",
        "swarm.inertia: nan is not allowed; give a number of at least 0.",
        settings(swarm={"inertia": float("nan")}),
    ),
    Row(
        "step-zero",
        "a step of no length",
        "swarm.step_length: 0.0 is not allowed; give a number above 0.",
        settings(swarm={"step_length": 0}),
    ),
    Row(
        "all-zero",
        "weights that move nothing",
        "swarm.inertia, swarm.cognitive_coeff, swarm.social_coeff and swarm.repel_coeff are all 0 "
        "(or repel is off): nothing would move; give one of them a value above 0.",
        settings(swarm=ZEROS),
    ),
    Row(
        "random-search-text",
        "a text instead of true or false",
        "random_search: 'sometimes' is not allowed; give true or false.",
        settings(random_search="sometimes"),
    ),
    Row(
        "threads-zero",
        "no threads",
        "engine.threads: 0 is not allowed; give a whole number above 0, or null.",
        settings(engine={"threads": 0}),
    ),
    Row(
        "block-negative",
        "blocks of fewer tokens than none",
        "engine.block_tokens: -5 is not allowed; give a whole number above 0, or null.",
        settings(engine={"block_tokens": -5}),
    ),
    Row("base-number", "a base that is a number", "base: 12 is not allowed; give a text.", settings(base=12)),
    Row(
        "run-dir-list",
        "a run folder that is a list",
        "run_dir: ['a'] is not allowed; give a text or null.",
        settings(run_dir=["a"]),
    ),
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
        "utility.kind: not given; write one of exact_match, … or a name.",
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
