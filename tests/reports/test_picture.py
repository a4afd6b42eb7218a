"""benchmarks/picture.py: an SVG that stands on its own, from a run that is over."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from made_runs import evidence_of, journal, save
from pages import Page

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def run_it(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / "picture.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_picture_of_a_run(tmp_path):
    records = journal(["first", "second", "third & <last>"])
    out = tmp_path / "picture.svg"
    done = run_it(str(save(records, tmp_path / "run")), "--out", str(out))
    assert done.returncode == 0, done.stderr
    root = ET.parse(out).getroot()
    said = " ".join(root.itertext()).replace("\N{NO-BREAK SPACE}", " ")
    result = evidence_of(records).result
    for value in (*result["experts"].values(), result["best"]["test"], result["best_single"]["test"]):
        assert f"{100 * value:.1f} %" in said
    assert "third & <last>" in said
    background = root[0]
    assert background.tag.endswith("rect") and float(background.get("width")) > 0.99 * float(root.get("width"))
    assert "http" not in out.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert Page(out.read_text()).check_charts() == 1


@pytest.mark.parametrize("over", [True, False])
def test_a_run_without_test_figures_has_no_picture(over, tmp_path):
    run = save(journal(tested=not over), tmp_path / "run", over=over)
    done = run_it(str(run), "--out", str(tmp_path / "picture.svg"))
    assert done.returncode == 1
    assert "has no test figures" in done.stderr
    assert not (tmp_path / "picture.svg").exists()


@pytest.mark.parametrize("count", [1, 100])
def test_any_number_of_experts_of_any_name(count, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import picture

    names = [f"漢\x07{i} " * 20 for i in range(count)]
    for scores in (lambda a, split: [-1e9 * (3 + float(a.sum()))] * 3, lambda a, split: [0.0] * 3):
        svg = picture.picture(evidence_of(journal(names, scores, bounds=None, particles=max(4, count))))
        ET.fromstring(svg)
        Page(svg).check_charts()
