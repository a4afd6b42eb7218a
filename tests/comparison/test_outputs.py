"""Methods that combine answers, in whole comparisons with a scripted model."""

from __future__ import annotations

import io
import json
from collections import Counter

import numpy as np
import pytest

from modelswarms import ConfigError, compare, search
from modelswarms.baselines import OUTPUTS
from modelswarms.cli import main
from modelswarms.cli.compare import _table
from modelswarms.engines import ScriptedEngine
from modelswarms.runs import RunFolder
from modelswarms.zoo import expert_paths

BOTH = ["swarm", *OUTPUTS]


@pytest.fixture
def topics(tmp_path):
    """Two kinds of question, and three experts: good at the first, at the second, and fair at both."""

    def items(split, count):
        return [
            {"question": f"{('count the cats of house', 'solve the equation of line')[k % 2]} {split} {k}",
             "answer": str(k % 3), "id": f"{split}{k}"}
            for k in range(count)
        ]  # fmt: skip

    path = tmp_path / "topics.json"
    path.write_text(json.dumps({"dev": items("dev", 30), "test": items("test", 24)}))
    return {
        "utility": {"kind": "exact_match", "data": str(path)},
        "experts": {name: str(folder) for name, folder in list(expert_paths().items())[:3]},
        "swarm": {"particles": 4, "max_iterations": 1},
        "ensemble": 0,
    }


def said(prompt, coefficients):
    item = int(prompt.split()[-1] if prompt.split()[-1].isdigit() else "".join(c for c in prompt if c.isdigit()))
    right = str(item % 3)
    expert = int(np.argmax(coefficients))
    wrong = str((item + 1) % 3) if expert else "7"
    if expert == 2:
        return right if item % 5 < 3 else wrong
    return right if item % 2 == expert else wrong


def engine():
    return ScriptedEngine(said, block_tokens=60)


def records(folder, name):
    return RunFolder(folder / name).journal.read()


def evaluations(folder, name, split):
    found = [r for r in records(folder, name) if r["kind"] == "evaluation" and r["split"] == split]
    return [r for r in found if r["candidate"] != "combined"], [r for r in found if r["candidate"] == "combined"]


def test_both_are_what_plain_counting_gives(topics, tmp_path):
    found = compare(topics, BOTH, out=tmp_path / "c", engine=engine())
    rows = {row["method"]: row for row in found.rows}
    for split in ("dev", "test"):
        experts, (combined,) = evaluations(tmp_path / "c", "prediction_merge", split)
        dev = {r["particle"]: r["value"] for r in evaluations(tmp_path / "c", "prediction_merge", "dev")[0]}
        assert len(experts) == 3
        scores = []
        for place in range(len(experts[0]["scores"])):
            votes = [(r["answers"][place], dev[r["particle"]], r["scores"][place]) for r in experts]
            counts = Counter(answer for answer, _, _ in votes)
            weights = Counter()
            for answer, weight, _ in votes:
                weights[answer] += weight
            winner = max(counts, key=lambda answer: (counts[answer], weights[answer]))
            scores.append(next(score for answer, _, score in votes if answer == winner))
        assert combined["scores"] == scores
        assert rows["prediction_merge"][split] == pytest.approx(np.mean(scores))
        routed, (combined,) = evaluations(tmp_path / "c", "cbtm", split)
        assert all(score in {r["scores"][i] for r in routed} for i, score in enumerate(combined["scores"]))
    assert rows["cbtm"]["test"] == 1.0, "the topics are plain to see, and each has an expert that is always right"
    assert rows["cbtm"]["evaluations"] == 3
    routing = next(r for r in records(tmp_path / "c", "cbtm") if r.get("name") == "routing")
    assert routing["clusters"] == 2 and len(set(routing["experts"])) == 2
    assert rows["cbtm"]["from_swarm"]["ci"] is not None
    assert "cBTM" in found.markdown and "prediction merge" in (tmp_path / "c" / "swarm" / "report.html").read_text()


def test_experts_are_asked_once_for_both(topics, tmp_path):
    asked = []

    def counting(prompt, coefficients):
        asked.append((prompt, coefficients.tobytes()))
        return said(prompt, coefficients)

    compare(topics, ["best_single", *OUTPUTS], out=tmp_path / "c", engine=ScriptedEngine(counting, block_tokens=60))
    assert len(asked) == len(set(asked)) == 3 * 54


@pytest.mark.parametrize("after", [20, 130])
def test_an_interrupted_one_goes_on_to_the_same_bytes(topics, tmp_path, after):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    compare(topics, list(OUTPUTS), out=whole, engine=engine())
    left = [after]

    def stopping(prompt, coefficients):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return said(prompt, coefficients)

    with pytest.raises(KeyboardInterrupt):
        compare(topics, list(OUTPUTS), out=cut, engine=ScriptedEngine(stopping, block_tokens=60))
    compare(topics, list(OUTPUTS), out=cut, engine=engine())
    journals = [{p.parent.name: p.read_bytes() for p in folder.glob("*/journal.jsonl")} for folder in (whole, cut)]
    assert journals[0] == journals[1]


def test_one_cut_off_among_its_last_lines_goes_on_to_the_same_bytes(topics, tmp_path):
    compare(topics, list(OUTPUTS), out=tmp_path / "c", engine=engine())
    for name in OUTPUTS:
        journal = tmp_path / "c" / name / "journal.jsonl"
        whole = journal.read_bytes()
        journal.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
        (tmp_path / "c" / name / "result.json").unlink()
        compare(topics, list(OUTPUTS), out=tmp_path / "c", engine=engine())
        assert journal.read_bytes() == whole


def test_where_answers_cannot_be_voted_on_there_is_a_reason(topics, tmp_path):
    data = {"dev": [{"question": f"one {k}"} for k in range(6)], "test": [{"question": f"two {k}"} for k in range(6)]}
    (tmp_path / "texts.json").write_text(json.dumps(data))
    utility = {"kind": "perplexity", "data": str(tmp_path / "texts.json")}
    likely = ScriptedEngine(lambda prompt, a: "", logprob=lambda context, text, a: -1.0 - a[0], block_tokens=20)
    found = compare({**topics, "utility": utility}, BOTH, out=tmp_path / "c", engine=likely)
    rows = {row["method"]: row for row in found.rows}
    assert rows["prediction_merge"]["dev"] is None and rows["prediction_merge"]["test"] is None
    assert rows["prediction_merge"]["reason"].startswith("answers are not right or wrong")
    assert "prediction merge: no figures, as answers are not right or wrong" in found.markdown
    assert rows["cbtm"]["test"] is not None, "what is not discrete can be routed"
    assert found.rows[-1]["method"] == "prediction_merge"


def test_without_a_test_split_there_are_dev_figures(topics, tmp_path):
    found = compare({**topics, "test": "none"}, BOTH, out=tmp_path / "c", engine=engine())
    rows = {row["method"]: row for row in found.rows}
    assert all(rows[name]["test"] is None and rows[name]["dev"] is not None for name in OUTPUTS)


def test_they_are_no_searchers(topics, tmp_path):
    with pytest.raises(ConfigError, match="cbtm combines answers.*modelswarms compare --methods cbtm"):
        search({**topics, "searcher": "cbtm", "run_dir": str(tmp_path / "run")}, engine=engine())


def test_the_table_breaks_no_figure_at_any_width(topics, tmp_path, monkeypatch):
    from rich.console import Console

    found = compare(topics, BOTH, out=tmp_path / "c", engine=engine())
    for width in (60, 80, 100, 140):
        console = Console(width=width, record=True, file=io.StringIO())
        monkeypatch.setattr("modelswarms.cli.compare.output", console)
        console.print(_table(found.table))
        lines = console.export_text().splitlines()
        assert max(map(len, lines)) <= width
        for row in found.rows:
            (line,) = [line for line in lines if line.startswith(f"{row['title']} ")]
            assert f"{row['test']:.3f}" in line
            if width >= 80 and row["from_swarm"]:
                low, high = row["from_swarm"]["ci"]
                assert f"{low:+.3f} to {high:+.3f}" in line and f"{row['dev']:.3f}" in line


@pytest.mark.parametrize(("p", "written"), [(0.0004, "<0.001"), (0.001, "0.001"), (0.0312, "0.031"), (None, "")])
def test_a_small_p_is_not_nothing(p, written):
    from modelswarms.reports.compared import cells

    figures = dict.fromkeys(("test", "test_ci", "dev", "tokens", "seconds"))
    assert (
        cells({"title": "x", "evaluations": 3, **figures, "from_swarm": {"test": 0.1, "ci": None, "p": p}})[5]
        == written
    )


def test_the_command_shows_them(topics, tmp_path, monkeypatch, capsys):
    import yaml

    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(topics))
    monkeypatch.setattr("modelswarms.preparation.make_engine", lambda config, base: engine())
    assert main(["compare", "my.yaml", "--methods", "cbtm,prediction_merge", "--out", "c"]) == 0
    shown = capsys.readouterr().out
    assert "cBTM" in shown and "prediction merge" in shown
