"""Command lines with a slip."""

from __future__ import annotations

from wrong_inputs.row import Row

ROWS = [
    Row(
        "verb",
        "an unknown command",
        'Unknown command "serach"… Available commands: … See: modelswarms --help',
        command="serach my.yaml",
    ),
    Row(
        "no-file",
        "search without its configuration file",
        "nothing to search: give a configuration file, or its keys as options (the zoo: demo).",
        command="search",
    ),
    Row(
        "no-run",
        "resume without its run",
        'Command "resume" parameter --run requires an argument. See: modelswarms resume --help',
        command="resume",
    ),
    Row(
        "no-value",
        "an option without its value",
        "--seed: no value given; write --seed VALUE.",
        command="search my.yaml --seed",
    ),
    Row(
        "no-value-between",
        "an option whose value was forgotten",
        "--seed: no value given; write --seed VALUE.",
        command="search my.yaml --seed --test none",
    ),
    Row(
        "run-dir-no-value",
        "--run-dir without its value",
        'Command "search" parameter --run-dir requires an argument. See: modelswarms search --help',
        command="search my.yaml --run-dir",
    ),
    Row(
        "option",
        "an unknown option",
        "unknown key 'max_iterations'; did you mean 'swarm.max_iterations'?",
        command="demo --max-iterations 3",
    ),
    Row(
        "global-option",
        "an unknown option without a command",
        'Unknown command "--verson". Available commands: … See: modelswarms --help',
        command="--verson",
    ),
    Row(
        "equals",
        "a value that is not allowed, behind an equals sign",
        "swarm.inertia: 'abc' is not allowed; give a number.",
        command="search my.yaml --swarm.inertia=abc",
    ),
    Row(
        "short",
        "a short option, of which there are none",
        "'-s' is not an option; write configuration keys as --key value.",
        command="search my.yaml -s 3",
    ),
    Row(
        "word",
        "a word too many",
        "'yours.yaml' is not an option; write configuration keys as --key value.",
        command="search my.yaml yours.yaml",
    ),
    Row(
        "no-name",
        "an option without a name",
        "'--=3' is not an option; write configuration keys as --key value.",
        command="search my.yaml --=3",
    ),
    Row(
        "twice",
        "an option given twice",
        "--seed: given twice; give it once.",
        command="search my.yaml --seed 1 --seed 2",
    ),
    Row(
        "group-and-value",
        "a group given as a value as well",
        "--engine.device: engine is given both as a value and as a group; give one of them.",
        command="search my.yaml --engine local --engine.device cpu",
    ),
    Row(
        "below-value",
        "a key below one that holds a value",
        "seed: {'first': 3} is not allowed; give a whole number.",
        command="search my.yaml --seed.first 3",
    ),
    Row(
        "yaml-value",
        "a value that is half of YAML",
        "experts: [a, is no folder; check the path, or give a hub id (org/name).",
        command="search my.yaml --experts [a,",
    ),
]
