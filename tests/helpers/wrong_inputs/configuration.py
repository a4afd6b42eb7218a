"""Configuration files that cannot be used."""

from __future__ import annotations

from wrong_inputs.row import Arrange, Row, settings, written

ZEROS = dict.fromkeys(("inertia", "cognitive_coeff", "social_coeff", "repel_coeff"), 0)


def config(text: str | bytes) -> Arrange:
    """The configuration file's whole content."""
    return written("my.yaml", text)


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
    Row(
        "searcher-unknown",
        "an unknown searcher",
        "searcher: unknown searcher 'cmaess'; did you mean 'cmaes'?",
        settings(searcher="cmaess"),
    ),
    Row(
        "searcher-key",
        "an unknown key of a searcher",
        "unknown key 'searcher.evaluation'; did you mean 'searcher.evaluations'?",
        settings(searcher={"kind": "random", "evaluation": 30}),
    ),
    Row(
        "searcher-of-swarm",
        "a key of the swarm that is given to the searcher",
        "searcher.particles: not a key of the swarm as a searcher; write it under swarm.",
        settings(searcher={"kind": "swarm", "particles": 30}),
    ),
    Row(
        "searcher-budget",
        "fewer evaluations than experts",
        "searcher.evaluations: 5 is not allowed; give at least the number of experts, 10: ….",
        settings(searcher={"kind": "random", "evaluations": 5}),
    ),
    Row(
        "searcher-list",
        "a list of searchers",
        "searcher: ['cmaes', 'random'] is not allowed; give a text or keys and values.",
        settings(searcher=["cmaes", "random"]),
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
        settings(utility={"kind": "exact_match", "data": "data.json", "max_tokens": 3}),
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
        "engine.kind: 'vlm' is not allowed; give 'local' or 'vllm'.",
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
        settings(swarm={"motion": "velocity", **ZEROS}),
    ),
    Row(
        "key-of-another-motion",
        "a key of the published motion, without it",
        "swarm.inertia: 0.4 has no effect with motion: bare_bones; set swarm.motion to velocity (or begin with swarm: "
        "paper), or leave it out.",
        settings(swarm={"inertia": 0.4}),
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
        "asynchronous-original",
        "an asynchronous swarm under the original rules",
        "swarm.asynchronous: true goes with swarm.rules fixed alone, as the original program knows iterations only; "
        "set swarm.rules to fixed, or leave swarm.asynchronous out.",
        settings(swarm={"preset": "original", "asynchronous": True}),
    ),
]
