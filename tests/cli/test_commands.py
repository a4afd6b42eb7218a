"""The command line: exit codes, one line for every mistake, kill and resume.

As processes of their own where that is the point; elsewhere a process would only load torch once more.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import modelswarms.zoo
from forked import Forked
from modelswarms.cli import main
from modelswarms.cli.options import file_and_keys
from modelswarms.errors import ConfigError

pytestmark = pytest.mark.usefixtures("signal_handlers")

SMALL = ["--swarm.particles", "11", "--swarm.max_iterations", "1", "--rescore", "false", "--engine.threads", "1"]
DERIVED = ("journal.jsonl", "result.json", "best/adapter_config.json", "best/adapter_model.safetensors")


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


def in_a_process(*arguments: str, cwd: Path) -> Done:
    arguments = (sys.executable, "-m", "modelswarms", *arguments)
    done = subprocess.run(arguments, cwd=cwd, capture_output=True, text=True, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """A command in this process."""

    def call(*arguments: str, cwd: Path) -> Done:
        monkeypatch.chdir(cwd)
        capsys.readouterr()
        try:
            code = main(list(arguments))
        except SystemExit as end:
            code = end.code
        return Done(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def small_zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration with eighteen of the zoo's questions, short ones."""
    folder = tmp_path_factory.mktemp("small")
    questions = json.loads(modelswarms.zoo.questions_path().read_text())
    short = {split: sorted(questions[split], key=lambda item: len(item["question"])) for split in ("dev", "test")}
    data = {"dataset": "small", "dev": short["dev"][:8], "test": short["test"][:10]}
    (folder / "data.json").write_text(json.dumps(data))
    text = "base: zoo\nexperts: zoo\nutility: {kind: exact_match, data: data.json, max_new_tokens: 1}\n"
    (folder / "small.yaml").write_text(text)
    return folder


@pytest.fixture(scope="session")
def undisturbed(small_zoo: Path) -> Path:
    done = in_a_process("search", "small.yaml", "--run-dir", "whole", *SMALL, cwd=small_zoo)
    assert done.returncode == 0, done.stderr
    assert "swarm" in done.stdout
    assert "95 % interval" in done.stdout
    return small_zoo / "whole"


def test_best_loads_in_peft_and_answers_as_in_the_run(undisturbed):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = modelswarms.zoo.base_path()
    model = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), undisturbed / "best"
    )
    tokenizer = AutoTokenizer.from_pretrained(base)
    result = json.loads((undisturbed / "result.json").read_text())
    items = json.loads((undisturbed.parent / "data.json").read_text())["test"]
    right = 0
    for item in items:
        ids = torch.tensor([tokenizer(item["question"])["input_ids"]])
        right += tokenizer.decode(model(input_ids=ids).logits[0, -1].argmax()).strip() == item["answer"]
    assert abs(right / len(items) - result["best"]["test"]) <= 0.1  # the run may have been in bfloat16


@pytest.mark.parametrize("lines", [0, 4, 14])
def test_killed_at_any_moment_it_resumes_to_the_same_bytes(small_zoo, undisturbed, lines, tmp_path, command):
    run, journal = tmp_path / "killed", tmp_path / "killed" / "journal.jsonl"
    process = Forked(["search", "small.yaml", "--run-dir", str(run), *SMALL], small_zoo, tmp_path / "errors")
    while process.poll() is None and not ((run / "run.yaml").exists() and count(journal) >= lines):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, process.stderr
    assert not (run / "result.json").exists(), "the run was over before it could be killed"
    done = command("resume", str(run), cwd=small_zoo)
    assert done.returncode == 0, done.stderr
    for name in DERIVED:
        assert (run / name).read_bytes() == (undisturbed / name).read_bytes(), name


def count(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_run_in_use_is_refused_and_an_interrupt_says_how_to_go_on(small_zoo, tmp_path, how, command):
    run = tmp_path / "busy"
    process = Forked(["search", "small.yaml", "--run-dir", str(run)], small_zoo, tmp_path / "errors")
    while count(run / "journal.jsonl") < 3:
        assert process.poll() is None, process.stderr
        time.sleep(0.005)
    refused = command("resume", str(run), cwd=small_zoo)
    assert refused.returncode == 2
    assert f"process {process.pid} is working in this run" in refused.stderr
    process.send_signal(how)
    assert process.wait() == 130
    assert f"modelswarms resume {run}" in process.stderr


ALL_ZERO = [f"--swarm.{key}=0" for key in ("inertia", "cognitive_coeff", "social_coeff", "repel_coeff")]
ALL_ZERO.append("--swarm.motion=velocity")

MISTAKES = {
    "unknown key": (["search", "small.yaml", "--swarm.inertai", "1"], "swarm.inertia"),
    "unknown top key": (["search", "small.yaml", "--expert", "x"], "experts"),
    "key of another group": (["search", "small.yaml", "--inertia", "1"], "swarm.inertia"),
    "bad value": (["search", "small.yaml", "--swarm.particles", "many"], "swarm.particles"),
    "bad preset": (["search", "small.yaml", "--swarm.preset", "papper"], "'paper'"),
    "nothing would move": (
        ["search", "small.yaml", *ALL_ZERO],
        "nothing would move",
    ),
    "no such file": (["search", "smal.yaml"], "no such configuration file"),
    "no such experts": (["search", "small.yaml", "--experts", "./nowhere"], "nowhere"),
    "no such base": (["search", "small.yaml", "--base", "./nowhere"], "base"),
    "unknown utility": (["search", "small.yaml", "--utility", "zooo"], "'zoo'"),
    "unknown device": (["search", "small.yaml", "--engine.device", "tpu"], "engine.device"),
    "run folder exists": (["search", "small.yaml", "--run-dir", "."], "another run_dir"),
    "not a run": (["resume", "."], "run.yaml"),
    "no value": (["demo", "--seed"], "--seed"),
    "unknown command": (["serach", "small.yaml"], "serach"),
    "no configuration": (["search"], "CONFIG"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_with_a_remedy(small_zoo, arguments, says, command):
    before = sorted(os.listdir(small_zoo))
    done = command(*arguments, cwd=small_zoo)
    assert done.returncode == 2, done.stdout + done.stderr
    assert says.lower() in done.stderr.lower()
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(os.listdir(small_zoo)) == before


def broken_experts(folder: Path) -> Path:
    for name, path in list(modelswarms.zoo.expert_paths().items())[:3]:
        shutil.copytree(path, folder / name)
    return folder


def test_a_mistake_is_one_line_of_a_process_too(small_zoo):
    arguments, says = MISTAKES["unknown key"]
    done = in_a_process(*arguments, cwd=small_zoo)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_a_corrupt_adapter_is_named(small_zoo, tmp_path, command):
    experts = broken_experts(tmp_path / "experts")
    weights = next(experts.iterdir()) / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    done = command("search", "small.yaml", "--experts", str(experts), cwd=small_zoo)
    assert done.returncode == 2
    assert weights.parent.name in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_dev_set_is_named(small_zoo, tmp_path, command):
    (tmp_path / "data.json").write_text('{"dev": [], "test": []}')
    done = command("search", "small.yaml", "--utility.data", str(tmp_path / "data.json"), cwd=small_zoo)
    assert done.returncode == 2
    assert "'dev' holds no examples" in done.stderr


def test_a_failing_utility_is_a_failed_run(small_zoo, tmp_path, command):
    (tmp_path / "mine.py").write_text("def score(examples, model):\n    raise OSError('the judge is away')\n")
    (tmp_path / "my.yaml").write_text(
        f"utility: {{kind: function, target: 'mine:score', data: '{small_zoo / 'data.json'}'}}\nrun_dir: out\n"
    )
    done = command("search", "my.yaml", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "the judge is away" in done.stderr
    assert "modelswarms resume" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_teaches_by_example(small_zoo, command):
    for verb in ("demo", "search", "resume"):
        done = command(verb, "--help", cwd=small_zoo)
        assert done.returncode == 0
        assert f"modelswarms {verb}" in done.stdout


@pytest.mark.parametrize(
    ("config", "keys", "expected"),
    [
        (None, (), (None, ())),
        ("my.yaml", ("--seed", "1"), (Path("my.yaml"), ("--seed", "1"))),
        ("--utility", ("nlgraph", "--seed=1"), (None, ("--utility", "nlgraph", "--seed=1"))),
        ("--seed", ("1", "my.yaml"), (Path("my.yaml"), ("--seed", "1"))),
        ("--seed=1", ("my.yaml", "--swarm", "paper"), (Path("my.yaml"), ("--seed=1", "--swarm", "paper"))),
        ("--seed", (), (None, ("--seed",))),
    ],
)
def test_keys_may_stand_before_the_file_or_without_one(config, keys, expected):
    assert file_and_keys(config, keys) == expected


def test_two_files_are_refused():
    with pytest.raises(ConfigError, match=r"'other.yaml' is not an option"):
        file_and_keys("my.yaml", ("--seed", "1", "other.yaml"))


def test_a_search_needs_a_file_or_keys(tmp_path, command):
    done = command("search", cwd=tmp_path)
    assert done.returncode == 2
    assert "nothing to search" in done.stderr
