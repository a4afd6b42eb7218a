"""Ensembles: votes against plain counting, and what they are made of in a whole search."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from modelswarms import search
from modelswarms.engines import ScriptedEngine
from modelswarms.reports.ensembles import ensembles, members, unfit, voted
from modelswarms.runs import RunFolder


def record(candidate, answers, right, *, particle=0, iteration=0, split="dev", **others):
    scores = [float(a == r) for a, r in zip(answers, right, strict=True)]
    return {"kind": "evaluation", "candidate": candidate, "particle": particle, "iteration": iteration, "split": split,
            "coefficients": [float(particle), float(iteration)], "answers": answers, "scores": scores,
            "value": sum(scores) / len(scores), **others}  # fmt: skip


@pytest.mark.parametrize("seed", range(30))
def test_votes_are_those_of_plain_counting(seed):
    """Few answers and few voters, so that ties are common; dev values are all different."""
    draw = random.Random(seed)
    right = [draw.choice("ABC") for _ in range(40)]
    voters = [record(str(k), [draw.choice(["A", "B", "C", None]) for _ in right], right) for k in range(5)]
    weights = [0.5, 0.4, 0.31, 0.22, 0.1]
    expected = []
    for place, truth in enumerate(right):
        votes = [(v["answers"][place], w) for v, w in zip(voters, weights, strict=True) if v["answers"][place]]
        counts = Counter(answer for answer, _ in votes)
        most = max(counts.values(), default=0)
        leading = [answer for answer, count in counts.items() if count == most]
        winner = max(leading, key=lambda a: sum(w for answer, w in votes if answer == a), default=None)
        expected.append(float(winner == truth))
    assert voted(voters, weights) == expected


def test_one_voter_is_itself_and_equal_voters_are_one():
    right = list("ABCA")
    alone = record("a", ["A", "B", None, "C"], right)
    assert voted([alone], [0.5]) == alone["scores"]
    assert voted([alone] * 3, [0.5] * 3) == alone["scores"]


def run_on_test(result):
    """The test evaluations of a run."""
    records = RunFolder(result.run_dir).journal.read()
    return [r for r in records if r["kind"] == "evaluation" and r["split"] == "test"]


def header(k, searcher="swarm"):
    return {"config": {"ensemble": k, "searcher": searcher}}


def journal():
    """Two starting particles; the second's best and second best are the highest of all."""
    right = list("AAAA")
    return [
        record("000-000", list("ABBB"), right, particle=0),
        record("000-001", list("AABB"), right, particle=1),
        record("001-000", list("BBBB"), right, particle=0, iteration=1),
        record("001-001", list("AAAB"), right, particle=1, iteration=1),
        record("002-001", list("AAAA"), right, particle=1, iteration=2),
        record("random-000-000", list("AAAA"), right),
    ]


def test_members_are_the_best_own_bests_at_the_end_and_the_best_starts():
    assert [r["candidate"] for r in members(journal(), header(2), "end")] == ["002-001", "000-000"]
    assert [r["candidate"] for r in members(journal(), header(2), "start")] == ["000-001", "000-000"]
    assert len(members(journal(), header(9), "end")) == 2, "k is at most the number of particles"
    points = members(journal(), header(3, "cmaes"), "end")
    assert [r["candidate"] for r in points] == ["002-001", "001-001", "000-001"]
    assert ensembles(journal(), header(0), None) is None


def test_what_was_not_tested_has_a_reason():
    found = ensembles(journal(), header(2), "the search is not over")
    assert found["end"]["dev"]["value"] == 1.0
    assert found["end"]["test"] == {"value": None, "ci": None, "reason": "the search is not over"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answers": [None] * 4}, "no answers"),
        ({"scores": [0.3, 1.0, 0.0, 0.0], "value": 0.325}, "not right or wrong"),
        ({"value": 0.9}, "not the mean"),
        ({"left_out": [2]}, "left out"),
    ],
)
def test_what_cannot_be_voted_on_has_a_reason(change, said):
    assert said in unfit([{**record("a", list("ABBB"), list("AAAA")), **change}])


def test_equal_answers_with_other_scores_cannot_be_voted_on():
    one = record("a", list("AB"), list("AA"))
    assert "scored differently" in unfit([one, {**one, "scores": [0.0, 1.0]}])


def test_a_whole_search_has_them_on_dev_and_on_test(keys, scripted):
    result = search({**keys, "ensemble": 5, "rescore": False}, engine=scripted())
    found = result.details["ensembles"]
    for when in ("start", "end"):
        assert found[when]["k"] == 5 == len(set(found[when]["members"]))
        for split in ("dev", "test"):
            low, high = found[when][split]["ci"]
            assert low <= found[when][split]["value"] <= high + 1e-12
    assert found["end"]["members"][0] == result.best["candidate"]
    tested = {
        r["candidate"] for r in RunFolder(result.run_dir).journal.read() if r.get("split") == "test" and "value" in r
    }
    assert tested == {*found["start"]["members"], *found["end"]["members"]}
    assert "5 best at the end" in (result.run_dir / "report.html").read_text()


def test_where_nothing_can_be_voted_on_nobody_else_is_run_on_test(keys, tmp_path):
    import json

    data = {"dev": [{"question": f"one {k}"} for k in range(6)], "test": [{"question": f"two {k}"} for k in range(6)]}
    (tmp_path / "texts.json").write_text(json.dumps(data))
    engine = ScriptedEngine(
        lambda prompt, coefficients: "", logprob=lambda context, text, a: -1.0 - a[0], block_tokens=20
    )
    utility = {"kind": "perplexity", "data": str(tmp_path / "texts.json")}
    result = search({**keys, "utility": utility, "rescore": False}, engine=engine)
    for when in ("start", "end"):
        figures = result.details["ensembles"][when]
        assert figures["dev"]["value"] is None and figures["dev"]["reason"].startswith("answers are not right")
        assert figures["test"]["value"] is None and figures["test"]["reason"].startswith("answers are not right")
    assert len(run_on_test(result)) <= 2
