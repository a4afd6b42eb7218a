"""report.html: whole, self-contained, true, and harmless whatever the names and values are."""

from __future__ import annotations

import json
import logging
import math
import re
from pathlib import Path

import numpy as np
import pytest

import modelswarms
from made_runs import evidence_of, journal, page_of, right_or_wrong, save, view_of
from modelswarms import RunError, resume
from modelswarms.cli import main
from modelswarms.engines import ScriptedEngine
from modelswarms.reports.html import write_report
from pages import Page

NBSP = "\N{NO-BREAK SPACE}"
HOSTILE = [
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "\"'><b onclick='x'>",
    "{{ 7 * 7 }}{% raw %}",
    "&amp;&lt;",
    "é漢字🦢مرحبا",
    "x" * 300,
    "漢" * 200,
    "line\nbreak\ttab",
    "]]>-->",
    "\udce9 odd bytes",
]


def read(text: str) -> Page:
    page = Page(text)
    page.check_needs_nothing()
    page.check_charts()
    return page


def test_a_search_ends_with_its_report(keys, scripted):
    run = modelswarms.search(keys, random_search=True, engine=scripted()).run_dir
    result = json.loads((run / "result.json").read_text())
    page = read((run / "report.html").read_text())
    best, single = result["best"], result["best_single"]
    for share in (best["dev"], best["test"], single["dev"], single["test"], result["random_search"]["test"]):
        assert f"{100 * share:.1f} %" in page.text.replace(NBSP, " ")
    assert f"“{single['expert']}”" in page.text
    assert "random search" in page.text
    for name in result["experts"]:
        assert name in page.text
    for warning in result["warnings"]:
        assert warning in page.text
    assert "modelswarms search search.yaml" in page.text
    assert result["fingerprints"]["data"] in page.text
    assert "How much is item" in page.text  # the questions of examples that changed
    assert "The search is not over" not in page.text


def test_the_figures_are_those_of_the_result():
    view = view_of(journal())
    evidence = evidence_of(journal())
    by_kind = {row.kind: row for row in view.rows}
    assert by_kind["best"].test.value == f"{100 * evidence.result['best']['test']:.1f}{NBSP}%"
    low, high = evidence.result["best"]["test_ci"]
    assert by_kind["best"].test.interval == f"{100 * low:.1f} to {100 * high:.1f}"
    assert by_kind["single"].name == evidence.result["best_single"]["expert"]
    assert by_kind["base"].dev.value == f"{100 * np.mean(right_or_wrong(np.zeros(3), 'dev')):.1f}{NBSP}%"
    devs = [float(row.dev.value.split(NBSP)[0]) for row in view.rows if row.kind in ("single", "expert")]
    assert devs == sorted(devs, reverse=True)
    assert [row.kind for row in view.rows][-1] == "best"


def test_curves_are_best_mean_and_worst_by_iteration():
    records = journal(iterations=4)
    values: dict[int, list[float]] = {}
    for r in records:
        if r["kind"] == "evaluation" and r["split"] == "dev":
            values.setdefault(r["iteration"], []).append(100 * r["value"])
    so_far = -math.inf
    rows = view_of(records).curves.rows
    assert len(rows) == len(values) == 5
    for iteration, best, mean, worst in rows:
        here = values[int(iteration)]
        so_far = max(so_far, *here)
        assert [best, mean, worst] == [f"{v:.1f}{NBSP}%" for v in (so_far, sum(here) / len(here), min(here))]


def test_coefficients_from_the_largest_to_the_smallest(tmp_path):
    records = journal(["p", "q", "r"])
    weights = evidence_of(records).result["best"]["coefficients"]
    narrow = view_of(records).coefficients.narrow
    assert re.findall(r"</title>(\w)</text>", narrow) == sorted(weights, key=lambda name: -weights[name])


@pytest.mark.parametrize("kept", [1, 3, 5, 9, 15])
def test_a_run_under_way_has_no_test_figures(kept, tmp_path):
    records = journal()
    run = save(records[:kept], tmp_path / "run", over=False)
    page = read(write_report(run).read_text())
    assert "The search is not over" in page.text
    assert "modelswarms resume" in page.text
    assert "on the same test examples" not in page.text


def test_a_run_that_goes_on_forgets_its_test_figures(tmp_path):
    records = journal(iterations=1)
    longer = [*records, {"kind": "constants", "name": "changed", "config": {"swarm.max_iterations": 3}}]
    run = save(records, tmp_path / "run")
    assert "On 12 test examples" in read(write_report(run).read_text()).text
    with modelswarms.runs.RunFolder.open(run) as folder:
        folder.journal.append(longer[-1])
    page = read(write_report(run).read_text())
    assert "The search is not over" in page.text
    assert "On 12 test examples" not in page.text


def test_a_run_without_a_line_has_a_report(tmp_path):
    run = save(journal(), tmp_path / "run", over=False)
    (run / "journal.jsonl").unlink()
    page = read(write_report(run).read_text())
    assert "nothing has a value yet" in page.text


def test_failures_say_why(tmp_path):
    records = journal(fails=lambda candidate: candidate.particle in (0, 4))
    page = read(page_of(records))
    assert "the <model> & its answer were lost" in page.text
    assert "no value" in page.text  # the first expert
    everything = [r for r in records if r["kind"] != "evaluation"]
    page = read(write_report(save(everything, tmp_path / "run", over=False)).read_text())
    assert "no starting expert has a value yet" in page.text


def test_hostile_names_are_only_text():
    records = journal(HOSTILE, utility="<img src=x onerror=alert(1)>", particles=14)
    page = read(page_of(records).encode("utf-8", "xmlcharrefreplace").decode())
    assert "<script>alert(1)</script>" in page.text
    assert "<img src=x onerror=alert(1)>" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "x" * 300 in page.text
    assert page.tags("b") == []


def test_hostile_answers_and_questions_are_only_text(keys, data_file):
    def answer(prompt: str, coefficients: np.ndarray) -> str:
        right = int(re.findall(r"\d+", prompt)[0]) % 5
        return str(right) if np.count_nonzero(coefficients) > 1 else "</dd><script>wrong</script>"

    data_file.write_text(data_file.read_text().replace("How much is item", "<script>x</script> </article> item"))
    run = modelswarms.search(keys, engine=ScriptedEngine(answer, block_tokens=20)).run_dir
    page = read((run / "report.html").read_text())
    assert "<script>x</script> </article> item" in page.text
    assert "</dd><script>wrong</script>" in page.text


@pytest.mark.parametrize("count", [1, 2, 30, 100])
def test_any_number_of_experts(count):
    page = read(page_of(journal([f"expert-{i:03d}" for i in range(count)], particles=max(4, count))))
    for i in range(count):
        assert f"expert-{i:03d}" in page.text


@pytest.mark.parametrize("iterations", [0, 1, 500])
def test_any_number_of_iterations(iterations):
    text = page_of(journal(["a", "b"], iterations=iterations, particles=3))
    page = read(text)
    assert f"in {iterations} iteration" in page.text.replace(NBSP, " ")
    assert len(text) < 400_000


@pytest.mark.parametrize("size", [1e-300, 1e-9, 1e-3, 1.0, 5e4, 1e9, 1e150, 1e300])
@pytest.mark.parametrize("sign", [1, -1])
def test_values_of_any_size(size, sign):
    def scores(coefficients: np.ndarray, split: str) -> list[float]:
        return [sign * size * (2 + i / 10 + float(coefficients.sum())) for i in range(5)]

    text = page_of(journal(scores=scores, bounds=None))
    page = read(text)
    assert not re.search(r"\b(nan|inf|infinity|None)\b", page.text)
    assert "%" not in page.text.split("Figures")[0].replace("95 %", "")


def test_the_same_value_everywhere():
    page = read(page_of(journal(scores=lambda a, split: [0.0] * 5, bounds=None)))
    assert "No combination was better" in page.text


def test_a_value_that_is_no_mean_has_no_intervals():
    view = view_of(journal(aggregate=lambda scores: min(scores) - 3, bounds=None))
    assert {row.dev.interval for row in view.rows} == {""}
    assert view.differences == []
    assert "95" not in view.headline


@pytest.mark.parametrize(
    ("gain", "said"), [(6, "more than the best single"), (0.2, "cannot be told apart"), (-6, "less than the best")]
)
def test_the_headline_says_what_the_interval_allows(gain, said):
    def scores(a: np.ndarray, split: str) -> list[float]:
        single = np.count_nonzero(a) == 1 and abs(a.sum() - 1) < 1e-9
        better = 0.0 if single else (gain if split == "test" else 6)
        return [better + 3 * math.sin(i + (0 if single else 1)) for i in range(40)]

    assert said in view_of(journal(scores=scores, bounds=None)).headline


def test_without_test_there_is_no_claim():
    view = view_of(journal(tested=False))
    assert "no claim" in view.headline
    assert all(row.test is None for row in view.rows)


def test_the_same_run_gives_the_same_bytes(tmp_path):
    run = save(journal(), tmp_path / "run")
    first = write_report(run).read_bytes()
    assert write_report(run, tmp_path / "other.html").read_bytes() == first


def test_a_report_that_cannot_be_written_fails_no_search(keys, scripted, monkeypatch, caplog):
    import modelswarms.reports.html

    def fail(view: object) -> str:
        raise KeyError("template")

    monkeypatch.setattr(modelswarms.reports.html, "render", fail)
    with caplog.at_level(logging.WARNING):
        result = modelswarms.search(keys, engine=scripted())
    assert (result.run_dir / "result.json").exists()
    assert not (result.run_dir / "report.html").exists()
    assert "report.html could not be written" in caplog.text


def test_resuming_writes_it_anew(keys, scripted):
    run = modelswarms.search(keys, engine=scripted()).run_dir
    (run / "report.html").write_text("old")
    resume(run, engine=scripted())
    read((run / "report.html").read_text())


def test_a_damaged_result_is_named(tmp_path):
    run = save(journal(), tmp_path / "run")
    (run / "result.json").write_text("{")
    with pytest.raises(RunError, match=r"result\.json: cannot be read .* resume"):
        write_report(run)


def test_texts_that_are_gone_leave_the_report(keys, scripted):
    run = modelswarms.search(keys, engine=scripted()).run_dir
    for path in (run / "responses").iterdir():
        path.write_text("[")
    read(write_report(run).read_text())


def test_questions_of_other_data_are_not_shown(keys, scripted, data_file):
    run = modelswarms.search(keys, engine=scripted()).run_dir
    data_file.write_text(data_file.read_text().replace("How much", "How many"))
    page = read(write_report(run).read_text())
    assert "How many" not in page.text
    assert "not at hand" in page.text


def test_the_command(tmp_path, capsys):
    run = save(journal(), tmp_path / "run")
    assert main(["report", str(run)]) == 0
    said = capsys.readouterr().out
    assert str(run / "report.html") in said
    assert (run / "report.html").as_uri() in said
    assert main(["report", str(run), "--out", str(tmp_path / "mine.html")]) == 0
    assert (tmp_path / "mine.html").read_bytes() == (run / "report.html").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nowhere"], "nowhere: is not the folder of a run"),
        (["run", "--out", "."], "is a folder; give a file in it"),
        (["run", "--out", "no/such/report.html"], "no/such is no folder"),
    ],
)
def test_wrong_input_is_refused(arguments, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save(journal(), Path("run"))
    before = sorted(Path("run").iterdir())
    assert main(["report", *arguments]) == 2
    assert named in capsys.readouterr().err
    assert sorted(Path("run").iterdir()) == before


def test_the_templates_are_packaged():
    from importlib.resources import files

    folder = files("modelswarms.reports") / "templates"
    assert {"report.html", "report.css"} <= {f.name for f in folder.iterdir()}


def test_the_configuration_starts_the_same_search(keys, scripted, tmp_path):
    from html import unescape

    run = modelswarms.search(keys, engine=scripted()).run_dir
    text = re.search(r"<pre>(.*?)</pre>", (run / "report.html").read_text(), re.DOTALL)[1]
    (tmp_path / "again.yaml").write_text(unescape(text))
    again = modelswarms.search(tmp_path / "again.yaml", run_dir=tmp_path / "again", engine=scripted()).run_dir
    assert (again / "journal.jsonl").read_bytes() == (run / "journal.jsonl").read_bytes()


def test_the_closing_lines_name_the_report(keys, scripted, capsys):
    from modelswarms.cli.console import output
    from modelswarms.reports.table import result_table

    result = modelswarms.search(keys, engine=scripted())
    output.print(result_table(result), soft_wrap=True)
    assert str(result.run_dir / "report.html") in capsys.readouterr().out
