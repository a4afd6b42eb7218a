"""Permissions: the command runs as a user who may not do everything."""

from __future__ import annotations

from pathlib import Path

from wrong_inputs.row import Arrange, Row, both, nothing, three_experts


def forbidden(name: str, mode: int = 0, prepared: Arrange = nothing) -> Arrange:
    """A file or folder that others may not read (or, in other modes, not write)."""

    def arrange(work: Path) -> None:
        prepared(work)
        (work / name).chmod(mode)

    return arrange


ROWS = [
    Row(
        "read-only",
        "the run folder is to be in a folder that may not be written",
        "there/run: there may not be written; give another run_dir or change the permissions.",
        forbidden("there", 0o555, lambda work: (work / "there").mkdir()),
        "search my.yaml --run-dir there/run",
        unprivileged=True,
    ),
    Row(
        "unreadable-yaml",
        "a configuration file that may not be read",
        "my.yaml: cannot be read (Permission denied); check what it is and who may read it.",
        forbidden("my.yaml"),
        unprivileged=True,
    ),
    Row(
        "unreadable-data",
        "a data file that may not be read",
        "data.json: cannot be read (Permission denied); check what it is and who may read it.",
        forbidden("data.json"),
        unprivileged=True,
    ),
    Row(
        "download-kept",
        "data is to come into a folder that may not be written",
        "there/.nlgraph.json.partial: cannot be written (Permission denied); make room, or give another folder.",
        forbidden("there", 0o555, lambda work: (work / "there").mkdir()),
        "data download nlgraph --from mirror --to there",
        unprivileged=True,
    ),
    Row(
        "unreadable-experts",
        "a folder of experts that may not be read",
        "expert experts: experts/adapter_config.json cannot be read (Permission denied); check who "
        "may read the folder and its files.",
        forbidden("experts", prepared=three_experts()),
        unprivileged=True,
    ),
    Row(
        "unreadable-expert",
        "an expert that may not be read",
        "expert ben: experts/ben/adapter_config.json cannot be read (Permission denied); check who "
        "may read the folder and its files.",
        forbidden("experts/ben", prepared=three_experts()),
        unprivileged=True,
    ),
    Row(
        "unreadable-config",
        "an adapter_config.json that may not be read",
        "expert ben: experts/ben/adapter_config.json cannot be read (Permission denied); check who "
        "may read the folder and its files.",
        forbidden("experts/ben/adapter_config.json", prepared=three_experts()),
        unprivileged=True,
    ),
    Row(
        "unreadable-weights",
        "weights that may not be read",
        "expert ben: experts/ben/adapter_model.safetensors cannot be read (Permission denied); check "
        "who may read the file.",
        forbidden("experts/ben/adapter_model.safetensors", prepared=three_experts()),
        unprivileged=True,
    ),
    Row(
        "unreadable-run",
        "a run that may not be read",
        "run/run.yaml: cannot be read (Permission denied); check what it is and who may read it.",
        forbidden("run"),
        "resume run",
        needs_run=True,
        unprivileged=True,
    ),
    Row(
        "unreadable-manifest",
        "a run.yaml that may not be read",
        "run/run.yaml: cannot be read (Permission denied); check what it is and who may read it.",
        forbidden("run/run.yaml"),
        "resume run",
        needs_run=True,
        unprivileged=True,
    ),
    Row(
        "unreadable-journal",
        "a journal that may not be read",
        "run/journal.jsonl: cannot be read (Permission denied); check what it is and who may read it.",
        both(forbidden("run/lock", 0o666), forbidden("run/journal.jsonl")),
        "resume run",
        needs_run=True,
        unprivileged=True,
    ),
    Row(
        "unwritable-lock",
        "a run of another user",
        "run: cannot be locked (Permission denied); change the permissions.",
        forbidden("run/lock", 0o444),
        "resume run",
        needs_run=True,
        unprivileged=True,
    ),
]
