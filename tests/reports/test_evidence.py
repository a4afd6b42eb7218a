"""What a journal says: sorted, and no more than it says."""

from __future__ import annotations

import pytest

from made_runs import evidence_of, journal, manifest
from modelswarms.reports.evidence import gather
from modelswarms.reports.result import build_result


def test_everyone_is_found():
    records = journal()
    evidence = evidence_of(records)
    result = build_result(records)
    assert evidence.finished
    assert evidence.experts == ["a", "b", "c"]
    assert evidence.best["value"] == result["best"]["dev"] == max(r["value"] for r in evidence.searched)
    assert evidence.best_single["value"] == max(evidence.starting(name)["value"] for name in "abc")
    assert [evidence.starting(name)["coefficients"] for name in "abc"] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert evidence.base["coefficients"] == [0, 0, 0]
    assert evidence.best["candidate"] in evidence.test
    assert evidence.randoms == [] and evidence.best_random is None


def test_random_search_is_told_apart():
    records = journal(tested=False)
    first = next(r for r in records if r["kind"] == "evaluation")
    records += [{**first, "candidate": f"random-{i}", "particle": i, "value": v} for i, v in enumerate((0.1, 0.9, 0.9))]
    evidence = evidence_of(records)
    assert evidence.best_random["candidate"] == "random-1"  # ties go to the earlier
    assert all(not r["candidate"].startswith("random-") for r in evidence.searched)


@pytest.mark.parametrize("cut", [1, 2, 4, 8, -1])
def test_a_cut_journal_is_not_over(cut):
    records = journal()
    evidence = gather(records[:cut], manifest(records), build_result(records))
    assert not evidence.finished
    assert evidence.test == {}
    if evidence.result:
        assert evidence.result["best"]["test"] is None
        assert evidence.result["difference"] is None


def test_no_result_file_is_not_over():
    evidence = evidence_of(journal(), over=False)
    assert not evidence.finished and evidence.test == {} and evidence.result["best"]["test"] is None


def test_nothing_at_all():
    records = journal()
    evidence = gather([], manifest(records), None)
    assert evidence.result is None and evidence.best is None and evidence.base is None
    assert evidence.experts == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("bounds", "scores", "percent"),
    [((0, 1), [0.0, 1.0], True), (None, [0.0, 1.0], False), ((0, 1), [0.5, 1.0], False), ((0, 10), [0.0, 1.0], False)],
)
def test_percent_is_for_right_or_wrong(bounds, scores, percent):
    evidence = evidence_of(journal(bounds=bounds, scores=lambda a, split: scores))
    assert evidence.right_or_wrong is percent
    assert evidence.means


def test_a_value_that_is_no_mean_is_noticed():
    evidence = evidence_of(journal(aggregate=max))
    assert not evidence.means and not evidence.right_or_wrong
