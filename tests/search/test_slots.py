"""Several candidates in flight: whatever finishes first, the result is the one that one at a time gives."""

from __future__ import annotations

import json
import random
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from modelswarms import resume, search
from modelswarms.engines import ScriptedEngine
from modelswarms.reports import build_result
from modelswarms.runs import RunFolder

STILL = {"preset": "paper", "particles": 12, "max_iterations": 4, "starting_velocity": "zero", "repel": False}
"""The best particle stays where it is, so that some candidates are twins of earlier ones."""


class Uneven(ScriptedEngine):
    """Answers after a while of its own; the first expert never does, the second at the second attempt."""

    def __init__(self, inner, seed, **keys):
        super().__init__(self.late, block_tokens=20, **keys)
        self.inner, self.random, self.tried = inner, random.Random(seed), set()

    def late(self, prompt, coefficients):
        time.sleep(self.random.random() * 0.001)
        first, second = coefficients[:2]
        if first == 1 and coefficients.sum() == 1:
            raise RuntimeError("out of order")
        if second == 1 and coefficients.sum() == 1 and prompt not in self.tried:
            self.tried.add(prompt)
            raise RuntimeError("just once")
        return self.inner._answer(prompt, np.round(coefficients, 1))


def lines(run: Path) -> list[str]:
    return sorted((run / "journal.jsonl").read_text().splitlines())


@pytest.fixture
def still(keys):
    return {**keys, "swarm": STILL, "random_search": True, "rescore": False}


@pytest.fixture(scope="module")
def alone_in(tmp_path_factory):
    """Runs the search once, one candidate at a time."""
    found = []

    def run(keys, engine):
        if not found:
            found.append(search({**keys, "run_dir": str(tmp_path_factory.mktemp("alone"))}, engine=engine).run_dir)
        return found[0]

    return run


@pytest.fixture
def alone(still, scripted, alone_in):
    return alone_in(still, Uneven(scripted(), 0))


@pytest.mark.parametrize(("slots", "lanes", "seed"), [(3, 8, 2), (1, 4, 3), (20, 20, 4)])
def test_the_result_is_the_same_to_the_byte(still, scripted, alone, slots, lanes, seed):
    run = search(still, engine=Uneven(scripted(), seed, slots=slots, lanes=lanes)).run_dir
    for name in ("result.json", "best/adapter_model.safetensors", "best/adapter_config.json"):
        assert (run / name).read_bytes() == (alone / name).read_bytes(), name
    records = RunFolder(run).journal.read()
    twins = [r for r in records if r.get("same_as")]
    assert twins, "some candidates have weights that were evaluated before"
    evaluated = [line for line in lines(run) if '"failure"' not in line]
    assert evaluated == [line for line in lines(alone) if '"failure"' not in line]


def test_the_result_does_not_depend_on_the_order_of_the_journal(alone):
    records = RunFolder(alone).journal.read()
    result = json.dumps(build_result(records), sort_keys=True)
    for seed in range(5):
        head, tail = records[:1], records[1:]
        random.Random(seed).shuffle(tail)
        assert json.dumps(build_result([*head, *tail]), sort_keys=True) == result


@pytest.mark.parametrize("kept", [4, 22, 50])
def test_a_run_that_was_cut_goes_on_with_other_slots(still, scripted, alone, kept):
    run = search(still, engine=Uneven(scripted(), 5, slots=4)).run_dir
    journal = run / "journal.jsonl"
    whole = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(whole[:kept]) + whole[kept][:30])
    (run / "result.json").unlink()
    resume(run, engine=Uneven(scripted(), 6, slots=2, lanes=5))
    assert (
        json.loads((run / "result.json").read_text())["best"] == json.loads((alone / "result.json").read_text())["best"]
    )
    seen = [(r["candidate"], r["split"]) for r in RunFolder(run).journal.read() if r["kind"] == "evaluation"]
    assert len(set(seen)) == len(seen), "nothing is evaluated twice"


def test_an_interrupt_in_the_middle_can_be_resumed(still, scripted, alone):
    class Impatient:
        count = 0

        def started(self, about, swarm): ...
        def asked(self, stage, batch): ...
        def finished(self, result): ...
        def evaluated(self, stage, candidate, evaluation):
            self.count += 1
            if self.count == 17:
                raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        search(still, engine=Uneven(scripted(), 1, slots=3), watch=Impatient())
    assert threading.active_count() == before
    run = resume(still["run_dir"], engine=Uneven(scripted(), 2, slots=3)).run_dir
    assert (
        json.loads((run / "result.json").read_text())["best"] == json.loads((alone / "result.json").read_text())["best"]
    )


class Single:
    """Exact match that must not run twice at once, except while the model answers."""

    name, range = "single", (0.0, 1.0)

    def __init__(self, concurrent: bool = False):
        self.inside, self.most, self.answering, self.most_answering = 0, 0, 0, 0
        if concurrent:
            self.concurrent = True

    def prompt(self, example):
        return example.question

    def score(self, examples, model):
        from modelswarms.types import Request, Score

        def work():
            self.inside += 1
            self.most = max(self.most, self.inside)
            time.sleep(0.001)
            self.inside -= 1

        work()
        answers = [r.text for r in model.generate([Request(self.prompt(e)) for e in examples])]
        work()
        return [Score(float(a == e.answer), a) for a, e in zip(answers, examples, strict=True)]

    def aggregate(self, scores):
        return sum(scores) / len(scores)


@pytest.mark.parametrize("concurrent", [False, True])
def test_a_utility_runs_in_one_thread_at_a_time_unless_it_says_otherwise(
    still, scripted, alone, data_file, tmp_path, concurrent
):
    from modelswarms.datasets import read_dataset
    from modelswarms.evaluator import Evaluator
    from modelswarms.experts import ExpertSpace
    from modelswarms.types import Candidate
    from modelswarms.zoo import expert_paths

    utility, engine = Single(concurrent), ScriptedEngine(Uneven(scripted(), 1).inner._answer, block_tokens=9, slots=4)
    engine.start(ExpertSpace.load(dict(list(expert_paths().items())[:3])))
    batch = [Candidate(f"000-{k:03d}", k, 0, np.array([k / 8, 0.1, 0.3])) for k in range(8)]
    with RunFolder.create(tmp_path / "single", {"config": {}}) as run:
        evaluator = Evaluator(engine, utility, read_dataset(data_file), run)
        found = {e.candidate: e.value for e in evaluator.evaluate(batch)}
    assert len(found) == 8
    assert (utility.most > 1) == concurrent
