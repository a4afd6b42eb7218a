"""What other commands are given: to value, write elsewhere, show."""

from __future__ import annotations

from pathlib import Path

from wrong_inputs.row import Row, settings, three_experts, written

RUN, JOURNAL = "run/run.yaml", "run/journal.jsonl"


def only_the_header(work: Path) -> None:
    (work / JOURNAL).write_bytes((work / JOURNAL).read_bytes().splitlines(keepends=True)[0])


ROWS = [
    Row(
        "check-none",
        "nothing to check",
        "experts: none are given; write modelswarms experts check DIR, a folder of adapters.",
        command="experts check",
    ),
    Row(
        "check-combine",
        "an unknown way to combine, to check for",
        'Invalid value "sum" for --combine. Choose from: "delta", "factors". See: modelswarms experts check --help',
        command="experts check zoo --combine sum",
    ),
    Row(
        "experts-verb",
        "an unknown command of a group",
        'Unknown command "chekc"… See: modelswarms experts --help',
        command="experts chekc zoo",
    ),
    Row(
        "compare-method",
        "a comparison with an unknown method",
        "methods: unknown method 'cma'; did you mean 'cmaes'?",
        command="compare my.yaml --methods swarm,cma",
    ),
    Row(
        "compare-outputs",
        "a search led by a method that combines answers",
        "searcher: cbtm combines answers, and there is no expert at its end; write modelswarms compare --methods cbtm.",
        command="search my.yaml --searcher cbtm",
    ),
    Row(
        "recipe-missing",
        "a recipe that is not there",
        "recipe: merge.yml: no such file; check the path.",
        command="compare my.yaml --recipe merge.yml",
    ),
    Row(
        "recipe-slices",
        "a recipe that puts layers together",
        "recipe: slices: layers are not put together anew here; give models: instead, with whole adapters.",
        written("merge.yml", "merge_method: slerp\nslices: []\n"),
        "compare my.yaml --recipe merge.yml",
    ),
    Row(
        "recipe-filter",
        "a recipe with values by layer",
        "recipe: parameters.t: values that differ by layer or by filter are not supported; give one number.",
        written("merge.yml", "merge_method: slerp\nbase_model: x\nmodels: []\nparameters: {t: [0, 1]}\n"),
        "compare my.yaml --recipe merge.yml",
    ),
    Row(
        "recipe-model",
        "a recipe with a model that is none of the experts",
        "recipe: models[0].model: 'cook' is none of the experts (…); add it to experts, so that all methods have the "
        "same.",
        written("merge.yml", "merge_method: linear\nmodels: [{model: cook, parameters: {weight: 1}}]\n"),
        "compare my.yaml --recipe merge.yml",
    ),
    Row(
        "recipe-given",
        "a recipe as a method, without its file",
        "methods: recipe has to be given something; write --recipe FILE instead.",
        command="compare my.yaml --methods recipe",
    ),
    Row(
        "data-merge-missing",
        "a data merge that is no adapter",
        "data merge: … holds no adapter_model.safetensors; give a PEFT adapter's folder.",
        command="compare my.yaml --data-merge trained",
    ),
    Row(
        "export-mergekit",
        "full weights and a recipe at once",
        "--mergekit: writes no weights; give it without --full and --dtype.",
        command="export run out.yml --mergekit --full",
        needs_run=True,
    ),
    Row(
        "compare-merge",
        "a merge with a share that is none",
        "searcher.densities: [0.2, 2.0] is not allowed; give numbers above 0, at most 1.",
        settings(searcher={"kind": "ties", "densities": [0.2, 2.0]}),
        "search my.yaml",
    ),
    Row(
        "compare-few",
        "a comparison with fewer evaluations than the swarm starts with",
        "evaluations: 5 is fewer than the swarm's 11 starting particles; give more, or a smaller swarm.particles.",
        command="compare my.yaml --evaluations 5",
    ),
    Row(
        "compare-taken",
        "a comparison in a folder that holds something else",
        "out/best_single: exists and is not an empty folder; give another run_dir.",
        written("out/best_single/notes.txt", "mine"),
        "compare my.yaml --methods random --out out",
    ),
    Row(
        "report-nowhere",
        "a report of no run",
        "nowhere: is not the folder of a run (no run.yaml); check the path.",
        command="report nowhere",
    ),
    Row(
        "report-run",
        "a report without its run",
        'Command "report" parameter --run requires an argument. See: modelswarms report --help',
        command="report",
    ),
    Row(
        "evaluate-none",
        "an evaluation of no expert",
        'Command "evaluate" parameter --expert requires an argument. See: modelswarms evaluate --help',
        command="evaluate my.yaml",
    ),
    Row(
        "evaluate-unknown",
        "an expert that is not there",
        "expert bne: did you mean 'ben'? Or give a folder, a run, or a hub id.",
        three_experts(),
        command="evaluate my.yaml --expert bne",
    ),
    Row(
        "evaluate-split",
        "an unknown split",
        'Invalid value "train" for --split. Choose from: "dev", "test". See: modelswarms evaluate --help',
        command="evaluate my.yaml --expert base --split train",
    ),
    Row(
        "evaluate-yaml",
        "no such configuration to value on",
        "yours.yaml: no such configuration file; check the path.",
        command="evaluate yours.yaml --expert base",
    ),
    Row(
        "evaluate-out",
        "a place for answers that is a folder",
        "out: out cannot be a file; give a file in a folder that exists.",
        lambda work: (work / "out").mkdir(),
        "evaluate my.yaml --expert base --out out",
    ),
    Row(
        "evaluate-no-test",
        "a test split that is empty",
        "data: the test split is empty; give --split dev, or data with test examples.",
        written("data.json", '{"dev": [{"question": "1 + 1?", "answer": "2"}]}'),
        "evaluate my.yaml --expert base",
    ),
    Row(
        "evaluate-broken",
        "an expert to value that is damaged",
        "expert experts/ben: experts/ben/adapter_model.safetensors is damaged (…); copy or save the adapter again.",
        three_experts(written("adapter_model.safetensors", "x")),
        "evaluate my.yaml --expert experts/ben",
    ),
    Row(
        "export-nowhere",
        "an export of no run",
        "nowhere: is not the folder of a run (no run.yaml); check the path.",
        command="export nowhere out",
    ),
    Row(
        "export-there",
        "an export into a folder that holds something",
        "out: exists and is not empty; give a folder that is new or empty.",
        written("out/mine.txt", "x"),
        "export run out",
        needs_run=True,
    ),
    Row(
        "export-file",
        "an export onto a file",
        "data.json: exists and is a file; give a folder that is new or empty.",
        command="export run data.json",
        needs_run=True,
    ),
    Row(
        "export-early",
        "an export of a run that has no value yet",
        "run: nothing has a value yet; go on with 'modelswarms resume run'.",
        only_the_header,
        "export run out",
        needs_run=True,
    ),
    Row(
        "export-dtype",
        "an unknown precision to export in",
        "dtype: 'int8' is not allowed; give float32, bfloat16, float16.",
        command="export run out --full --dtype int8",
        needs_run=True,
    ),
    Row(
        "export-damaged",
        "an export of a run with a damaged manifest",
        "run/run.yaml: is not YAML in line 1; restore it from a copy.",
        written(RUN, "["),
        "export run out",
        needs_run=True,
    ),
    Row(
        "status-nowhere",
        "the status of no run",
        "nowhere: is not the folder of a run (no run.yaml); check the path.",
        command="status nowhere",
    ),
    Row(
        "status-run",
        "status without its run",
        'Command "status" parameter --run requires an argument. See: modelswarms status --help',
        command="status",
    ),
    Row(
        "status-damaged",
        "the status of a damaged journal",
        "run/journal.jsonl: line 1 is damaged; restore the file from a copy, or delete that line and "
        "all after it, then resume.",
        written(JOURNAL, "{}\n{}\n"),
        "status run",
        needs_run=True,
    ),
    Row(
        "utilities-unknown",
        "a utility that there is not",
        "utility: unknown name 'nlgraf'; did you mean 'nlgraph'?",
        command="utilities nlgraf",
    ),
]
