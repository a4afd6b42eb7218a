"""What a utility may be able to do besides scoring, through whole searches with a scripted model."""

from __future__ import annotations

import json
import math

import pytest

from modelswarms import RunError, SearchFailedError, evaluate, resume, search
from modelswarms.cli import main
from modelswarms.commands.status import status
from modelswarms.engines import ScriptedEngine
from modelswarms.runs import RunFolder
from modelswarms.utilities import load_utility
from modelswarms.utilities.abilities import Calibrated, Metered, Opened, Parted, abilities_of

OWN = '''
import math
from dataclasses import dataclass, field, replace
from pathlib import Path

from modelswarms.errors import EvaluationError, SearchFailedError
from modelswarms.types import Request, Score


def texts(examples, model):
    return [r.text for r in model.generate([Request(e.question, 5) for e in examples])]


@dataclass(frozen=True)
class Plain:
    name: str = "plain"
    range: tuple = (0.0, 1.0)

    def prompt(self, example):
        return example.question

    def score(self, examples, model):
        return [Score(float(t == e.answer), t) for t, e in zip(texts(examples, model), examples)]

    def aggregate(self, scores):
        return math.fsum(scores) / len(scores)


@dataclass(frozen=True)
class Halves(Plain):
    """The geometric mean of even and odd answers' shares."""

    name: str = "halves"

    def parts(self, examples, scores):
        found = {}
        for odd, name in enumerate(("even", "odd")):
            own = [s for e, s in zip(examples, scores) if int(e.answer) % 2 == odd]
            found[name] = sum(own) / len(own)
        return found

    def combine(self, parts):
        return math.sqrt(parts["even"] * parts["odd"])


@dataclass(frozen=True)
class Scaled(Plain):
    """Lengths of answers, against the longest that a starting expert gave."""

    name: str = "scaled"
    longest: float | None = None

    @property
    def needs_constants(self):
        return self.longest is None

    def measure(self, examples, model):
        if (Path(__file__).parent / "broken").exists():
            raise EvaluationError("the scale is broken")
        return [{"length": float(len(t))} for t in texts(examples, model)]

    def constants_from(self, measured):
        return {"longest": max(f["length"] for figures in measured for f in figures)}

    def with_constants(self, constants):
        return replace(self, longest=constants["longest"])

    def score(self, examples, model):
        return [Score(min(1.0, len(t) / self.longest)) for t in texts(examples, model)]


@dataclass(frozen=True)
class Metered(Plain):
    """Counts what it scores in a file of the run's folder, up to a limit."""

    name: str = "metered"
    state: dict = field(default_factory=dict)

    def open(self, folder):
        self.state["ledger"] = folder / "ledger.txt"
        self.state["log"] = Path(__file__).parent / "log.txt"
        self.note("open")

    def close(self):
        self.note("close")

    def note(self, word):
        with self.state["log"].open("a") as log:
            log.write(f"{word} {self.state['ledger'].parent.name}\\n")

    def usage(self):
        ledger = self.state["ledger"]
        return {"requests": len(ledger.read_text()) if ledger.exists() else 0}

    def score(self, examples, model):
        limit = Path(__file__).parent / "limit.txt"
        if limit.exists() and self.usage()["requests"] >= int(limit.read_text()):
            raise SearchFailedError("the limit is reached; raise utility.limit, then resume.")
        with self.state["ledger"].open("a") as ledger:
            ledger.write("." * len(examples))
        return super().score(examples, model)
'''


@pytest.fixture
def own(keys, tmp_path):
    """The keys of a search with a utility of one's own."""
    (tmp_path / "own.py").write_text(OWN)

    def of(name: str) -> dict:
        spec = {"kind": "function", "target": f"own:{name}", "data": keys["utility"]["data"], "folder": str(tmp_path)}
        return {**keys, "utility": spec, "rescore": False}

    return of


def records(run, kind):
    return [r for r in RunFolder(run).journal.read() if r["kind"] == kind]


def test_abilities_are_seen_in_ones_own_class(own, tmp_path):
    kinds = {"Plain": (), "Halves": (Parted,), "Scaled": (Calibrated,), "Metered": (Opened, Metered)}
    for name, has in kinds.items():
        utility, _ = load_utility(own(name)["utility"], tmp_path)
        able = abilities_of(utility)
        assert tuple(a for a in (Parted, Calibrated, Opened, Metered) if isinstance(able, a)) == has


def test_a_plain_utility_leaves_no_trace_of_them(own, scripted):
    run = search(own("Plain"), engine=scripted()).run_dir
    assert all("parts" not in r for r in records(run, "evaluation"))
    assert [r["name"] for r in records(run, "constants")] == ["run"]
    assert "remote" not in json.loads((run / "timing.json").read_text())


def test_parts_make_the_value_and_are_journalled(own, scripted):
    result = search(own("Halves"), engine=scripted())
    for record in records(result.run_dir, "evaluation"):
        parts = record["parts"]
        assert set(parts) == {"even", "odd"}
        assert math.isclose(record["value"], math.sqrt(parts["even"] * parts["odd"]))
    measured, _ = evaluate(own("Halves"), expert=["between", "degree"], split="dev", engine=scripted())
    assert math.isclose(measured.value, math.sqrt(math.prod(f["value"] for f in measured.parts.values())))


def test_constants_are_measured_once_and_kept(own, scripted):
    result = search(own("Scaled"), engine=scripted())
    (record,) = [r for r in records(result.run_dir, "constants") if r["name"] == "utility"]
    assert record["values"] == {"longest": float(len("none of them"))}
    kinds = [r["kind"] for r in RunFolder(result.run_dir).journal.read()]
    assert kinds[:4] == ["constants", "plan", "constants", "evaluation"]
    before = (result.run_dir / "journal.jsonl").read_bytes()
    resume(result.run_dir, engine=scripted())
    assert (result.run_dir / "journal.jsonl").read_bytes() == before
    timing = json.loads((result.run_dir / "timing.json").read_text())
    assert timing["stages"]["calibration"]["examples"] == 12 * 10


def test_a_killed_search_has_the_same_constants(own, scripted, tmp_path):
    whole = search(own("Scaled"), engine=scripted()).run_dir
    for kept in (2, 9):
        run = search({**own("Scaled"), "run_dir": str(tmp_path / f"cut{kept}")}, engine=scripted()).run_dir
        lines = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
        (run / "journal.jsonl").write_bytes(b"".join(lines[:kept]))
        resume(run, engine=scripted())
        assert (run / "journal.jsonl").read_bytes() == (whole / "journal.jsonl").read_bytes()


def test_evaluate_takes_the_constants_of_a_run(own, scripted):
    run = search(own("Scaled"), engine=scripted()).run_dir
    (record,) = [r for r in records(run, "constants") if r["name"] == "utility"]

    def brief(prompt, coefficients):
        return "x"

    of_run, _ = evaluate(run, expert=["between", "degree"], split="dev", engine=ScriptedEngine(brief, block_tokens=20))
    assert of_run.value == 1 / record["values"]["longest"]
    alone = evaluate(own("Scaled"), expert=["between", "degree"], split="dev", engine=ScriptedEngine(brief))
    assert [m.value for m in alone] == [1.0, 1.0], "measured on these two, whose longest answer is all there is"


def test_constants_that_cannot_be_measured_end_the_run_and_it_resumes(own, scripted, tmp_path):
    (tmp_path / "broken").touch()
    with pytest.raises(SearchFailedError, match=r"could not be measured: the scale is broken\. Mend"):
        search(own("Scaled"), engine=scripted())
    (tmp_path / "broken").unlink()
    assert resume(tmp_path / "run", engine=scripted()).best["dev"] > 0


def test_a_utility_is_opened_once_and_closed_and_its_usage_is_kept(own, scripted, tmp_path, capsys):
    run = search(own("Metered"), engine=scripted()).run_dir
    assert (tmp_path / "log.txt").read_text() == "open run\nclose run\n"
    used = json.loads((run / "timing.json").read_text())["remote"]["requests"]
    scored = {tuple(r["coefficients"]): r for r in records(run, "evaluation") if "same_as" not in r}
    assert used == sum(len(r["scores"]) for r in records(run, "evaluation") if "same_as" not in r) > len(scored)
    assert status(run).remote == {"requests": used}
    assert main(["status", str(run)]) == 0
    assert f"used of services: {used} requests" in capsys.readouterr().out.replace("\xa0", " ")
    assert "used of services" in (run / "report.html").read_text()
    evaluate(own("Metered"), expert=["between", "degree"], engine=scripted())
    assert (tmp_path / "log.txt").read_text().splitlines()[2].startswith("open tmp")
    assert len((run / "ledger.txt").read_text()) == used, "an evaluation leaves the run alone"


def test_a_limit_stops_at_once_and_the_run_goes_on_later(own, scripted, tmp_path):
    whole = search({**own("Metered"), "run_dir": str(tmp_path / "whole")}, engine=scripted())
    (tmp_path / "limit.txt").write_text("100")
    with pytest.raises(SearchFailedError, match="the limit is reached"):
        search(own("Metered"), engine=scripted())
    assert records(tmp_path / "run", "failure") == []
    assert json.loads((tmp_path / "run" / "timing.json").read_text())["remote"]["requests"] <= 112
    (tmp_path / "limit.txt").unlink()
    assert resume(tmp_path / "run", engine=scripted()).best == whole.best


def test_several_tasks_in_one_search(keys, scripted, tmp_path, data_file):
    """The run of two tasks has both in each record, and goes on from any line to the same bytes."""
    other = json.loads(data_file.read_text())
    for item in other["dev"] + other["test"]:
        item["answer"] = str((int(item["id"]) + 1) % 5)
    (tmp_path / "other.json").write_text(json.dumps(other))
    parts = {
        "same": {"kind": "exact_match", "data": "numbers.json"},
        "next": {"kind": "exact_match", "data": "other.json", "which": "last"},
    }
    config = tmp_path / "multi.yaml"
    config.write_text(json.dumps({"utility": {"kind": "multi_task", "parts": parts, "combine": "mean"}}))

    def both(prompt, coefficients):
        said = answers(prompt, coefficients)
        return said if said.startswith("none") else f"{said} or {(int(said) + 1) % 5}"

    answers = scripted()._answer
    engine = lambda: ScriptedEngine(both, block_tokens=20)  # noqa: E731
    swarm = {"particles": 12, "max_iterations": 2}
    run = search(config, swarm=swarm, run_dir=str(tmp_path / "run"), engine=engine()).run_dir
    valued = [record for record in records(run, "evaluation") if record["value"] is not None]
    assert len(valued) > 12
    for record in valued:
        assert record["parts"]["same"] == record["parts"]["next"] == record["value"]
    for plan in records(run, "plan"):
        half = len([i for block in plan["blocks"] for i in block]) // 2
        assert all(len({i < half for i in block}) == 1 for block in plan["blocks"])
    whole = (run / "journal.jsonl").read_bytes()
    (run / "journal.jsonl").write_bytes(b"".join(whole.splitlines(keepends=True)[:20]))
    resume(run, engine=engine())
    assert (run / "journal.jsonl").read_bytes() == whole
    (tmp_path / "other.json").write_text(json.dumps(other).replace("How much", "How many"))
    with pytest.raises(RunError, match="data changed"):
        resume(run, engine=engine())
