"""What a sweep is given."""

from __future__ import annotations

from wrong_inputs.row import Row, settings, written


def space(**given: object) -> object:
    return settings(sweep={"space": given})


ROWS = [
    Row(
        "sweep-trials",
        "a sweep without trials",
        "sweep.trials: 0 is not allowed; give a whole number of at least 1.",
        command="sweep my.yaml --trials 0",
    ),
    Row(
        "sweep-sampler",
        "an unknown sampler",
        "sweep.sampler: 'gird' is not allowed; give 'grid' or 'random' or 'tpe'.",
        command="sweep my.yaml --sampler gird",
    ),
    Row(
        "sweep-prune",
        "a sweep that stops every trial",
        "sweep.prune: 1.0 is not allowed; give a share of at least 0 and below 1.",
        command="sweep my.yaml --sweep.prune 1",
    ),
    Row(
        "sweep-key",
        "an unknown key to sweep",
        "sweep.space: unknown key 'swarm.inertai'; did you mean 'swarm.inertia'?",
        space(**{"swarm.inertai": [0.1, 0.2]}),
        "sweep my.yaml",
    ),
    Row(
        "sweep-engine",
        "a key to sweep that evaluations depend on",
        "sweep.space: engine.dtype cannot be swept, since all trials share their evaluations; start a sweep for each.",
        space(engine={"dtype": ["float32", "bfloat16"]}),
        "sweep my.yaml",
    ),
    Row(
        "sweep-preset",
        "presets to sweep",
        "sweep.space: swarm.preset stands for many keys; give those that are to differ.",
        space(swarm={"preset": ["paper", "light"]}),
        "sweep my.yaml",
    ),
    Row(
        "sweep-values",
        "a setting with one bare value",
        "sweep.space: swarm.spread: 1.5 is not allowed; give different values [a, b, ...], or {low: a, high: b} with "
        "step, or with log: true above 0.",
        space(swarm={"spread": 1.5}),
        "sweep my.yaml",
    ),
    Row(
        "sweep-range",
        "a range that ends before it begins",
        "sweep.space: swarm.spread: {'low': 2, 'high': 1} is not allowed; give different values [a, b, ...], or "
        "{low: a, high: b} with step, or with log: true above 0.",
        space(swarm={"spread": {"low": 2, "high": 1}}),
        "sweep my.yaml",
    ),
    Row(
        "sweep-grid",
        "a grid over a range",
        "sweep.sampler: grid needs values that can be counted, and swarm.spread is a range without step; give step, a "
        "list of values, or another sampler.",
        space(swarm={"spread": {"low": 1.0, "high": 2.0}}),
        "sweep my.yaml --sampler grid",
    ),
    Row(
        "sweep-allowed",
        "a value to try that is not allowed",
        "sweep.space: swarm.spread: swarm.spread: 0.0 is not allowed; give a number above 0.",
        space(swarm={"spread": [1.0, 0]}),
        "sweep my.yaml",
    ),
    Row(
        "sweep-motion",
        "the paper's grid for a swarm without velocity",
        "sweep.space: the paper's grid is of swarms with velocity; set swarm to paper, or give a space of your own.",
        command="sweep my.yaml --swarm default",
    ),
    Row(
        "sweep-merges",
        "a searcher that merges, to sweep",
        "sweep: searcher ties makes weights of its own, which trials that share their evaluations cannot; give another "
        "searcher.",
        settings(searcher="ties", sweep={"space": {"seed": [0, 1]}}),
        "sweep my.yaml",
    ),
    Row(
        "sweep-no-space",
        "a file of what is to be tried that is not there",
        "space.yaml: no such configuration file; check the path.",
        command="sweep my.yaml --space space.yaml",
    ),
    Row(
        "sweep-empty",
        "nothing to try",
        "sweep.space: holds nothing; give keys with their values, or leave it out for the paper's.",
        written("space.yaml", "{}"),
        "sweep my.yaml --space space.yaml",
    ),
    Row(
        "sweep-taken",
        "a sweep in a folder that holds something else",
        "out: exists and is not an empty folder; give another run_dir.",
        written("out/notes.txt", "mine"),
        "sweep my.yaml --out out",
    ),
]
