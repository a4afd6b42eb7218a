"""The judge against a real OpenAI-compatible server: ``transformers serve`` with the zoo's base.

That base is no judge, but it answers questions about graphs with numbers: shown such a question as the answer that is
to be rated, it replies with one, which can be compared with what the base says in this process.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

import modelswarms
import modelswarms.zoo
from modelswarms.datasets import read_dataset
from modelswarms.engines import EngineConfig, ScriptedEngine
from modelswarms.engines.local import LocalEngine
from modelswarms.experts import ExpertSpace
from modelswarms.remote import RemoteConfig
from modelswarms.types import Request, Response
from modelswarms.utilities.judge import UNRATED, Judge
from modelswarms.utilities.parsing import stated_rating

pytestmark = pytest.mark.slow  # the server takes half a minute to start

PARAMETERS = {"temperature": 0.0, "max_tokens": modelswarms.zoo.ANSWER_TOKENS}
START = 300.0


@dataclass(frozen=True)
class Served:
    """Where the server is, what it calls the model, and what it says of its requests."""

    address: str
    model: str
    log: Path

    @property
    def answered(self) -> int:
        return self.log.read_text().count('"POST /v1/chat/completions HTTP/1.1" 200')

    @property
    def remote(self) -> dict:
        return {"base_url": self.address, "api_key_env": None, "timeout": 120.0}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("transformers")
    base = str(modelswarms.zoo.base_path())
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub")}
    log = folder / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [program, "serve", base, *options], cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process, log)
        yield Served(f"http://127.0.0.1:{port}/v1", base, log)
    finally:
        process.terminate()
        process.wait(30)


def wait_for(address: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=1):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the server did not start: {log.read_text()}")


class Echo:
    """A model whose answer is the question."""

    def generate(self, requests):
        return [Response(request.prompt) for request in requests]

    def render_chat(self, messages):
        return messages[-1]["content"]


def test_ratings_are_what_the_served_model_says(served):
    examples = read_dataset(modelswarms.zoo.questions_path()).dev[:12]
    engine = LocalEngine(EngineConfig(device="cpu", dtype="float32"), modelswarms.zoo.base_path())
    engine.start(ExpertSpace.load(list(modelswarms.zoo.expert_paths().items())[:1], base=modelswarms.zoo.base_path()))
    with closing(engine), engine.bind(None) as base:
        tokens = sum(engine.count_tokens([e.question for e in examples]))
        replies = base.generate([Request(e.question, modelswarms.zoo.ANSWER_TOKENS) for e in examples])
    expected = [stated_rating(reply.text) for reply in replies]
    assert sum(rating is not None for rating in expected) >= 4, "the base says numbers from 1 to 10 now and then"

    before = served.answered
    judge = Judge(
        model=served.model,
        judge_template="{answer}",
        parameters=PARAMETERS,
        remote=RemoteConfig(**served.remote, concurrency=4),
    )
    with closing(judge):
        scores = judge.score(examples, Echo())
    # What states no rating is asked for again, with a reminder that this base does not understand.
    pairs = [(s.value, rating) for s, rating in zip(scores, expected, strict=True) if rating is not None]
    assert all(value == rating for value, rating in pairs)
    usage = judge.usage()
    assert usage["requests"] == usage["answered"] == served.answered - before
    assert usage["requests"] == len(examples) + expected.count(None)
    assert usage["untold"] == 0
    assert usage["prompt_tokens"] == tokens if None not in expected else usage["prompt_tokens"] > tokens
    assert {s.parsed for s in scores if s.value == UNRATED} <= {False}


def test_a_search_ends_at_the_cost_that_is_shown(served, tmp_path):
    """Every expert answers with the question, so that the values tell nothing, and the account everything."""
    content = json.loads(modelswarms.zoo.questions_path().read_text())
    data = tmp_path / "graphs.json"
    data.write_text(json.dumps({"dataset": "graphs", "dev": content["dev"][:6], "test": content["test"][:3]}))
    before = served.answered
    result = modelswarms.search(
        utility={
            "kind": "judge",
            "data": str(data),
            "model": served.model,
            "judge_template": "{question}{answer}",
            "parameters": PARAMETERS,
            "max_unparsed": 0.9,
            "remote": {**served.remote, "price": {"input": 1.0, "output": 2.0}},
        },
        experts=dict(list(modelswarms.zoo.expert_paths().items())[:3]),
        swarm={"particles": 4, "max_iterations": 1},
        engine=ScriptedEngine(lambda prompt, coefficients: ""),
        run_dir=tmp_path / "run",
    )
    assert 1 <= result.best["dev"] <= 10
    used = json.loads((tmp_path / "run" / "timing.json").read_text())["remote"]
    assert used["requests"] == served.answered - before
    assert used["cost"] == pytest.approx((used["prompt_tokens"] + 2 * used["completion_tokens"]) / 1e6)
    assert used["cached"] > 0, "equal answers are asked about once"


def test_a_judge_that_cannot_judge_is_named(served, tmp_path):
    data = tmp_path / "open.json"
    data.write_text(json.dumps({"dev": [{"prompt": f"Why is {k} odd?"} for k in (3, 5)]}))
    with pytest.raises(modelswarms.SearchFailedError, match="no rating that can be read"):
        modelswarms.search(
            utility={"kind": "judge", "data": str(data), "model": served.model, "remote": served.remote,
                     "parameters": {"temperature": 0.0, "max_tokens": 3}},
            experts=dict(list(modelswarms.zoo.expert_paths().items())[:2]),
            swarm={"particles": 2, "max_iterations": 1},
            engine=ScriptedEngine(lambda prompt, coefficients: "Because it is."),
            run_dir=tmp_path / "run",
        )  # fmt: skip
