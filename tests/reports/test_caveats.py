"""Each warning comes when it is deserved, and not else."""

from __future__ import annotations

import pytest

from modelswarms.reports.caveats import caveats

HEADER = {"utility": {"name": "u", "range": [0.0, 1.0]}}
EVALUATION = {"kind": "evaluation", "candidate": "002-001", "split": "dev", "scores": [1.0] * 100, "unparsed": 0}


def result(**changes):
    best = {"candidate": "002-001", "dev": 0.8, "test": 0.79, "rescored": None}
    whole_best = best | changes.pop("best", {})
    whole = {
        "best": whole_best,
        "difference": {"test": 0.2, "ci": (0.1, 0.3)},
        "random_search": None,
        "failures": 0,
        "unparsed_rate": 0.0,
        "iterations": 5,
        "stopped_by": "max_iterations",
        "test_reason": None if whole_best["test"] is not None else "test: none",
        "leakage": None,
    }
    return whole | changes


def leakage(by_key, by_question, left_out):
    return {"test": 40, "by_key": by_key, "reordered": 0, "by_question": by_question, "left_out": left_out}


def rescored(differ, near_ties, dtype="float32", difference=-0.02):
    return {"value": 0.8 + difference, "difference": difference, "examples": 100, "differ": differ,
            "near_ties": near_ties, "dtype": dtype, "answers": []}  # fmt: skip


QUIET = {
    "a good result": {},
    "rescored alike": {"best": {"rescored": rescored(0, 0)}},
    "near ties alone": {"best": {"rescored": rescored(3, 3)}},
    "half precision rounds a little": {"best": {"rescored": rescored(2, 1, "bfloat16", -0.01)}},
    "a small gap": {"best": {"dev": 0.83}},
    "random search is behind": {"random_search": {"dev": 0.9, "test": 0.70}},
    "random search without test": {"random_search": {"dev": 0.9, "test": None}},
    "no patience left": {"best": {"candidate": "005-001"}, "stopped_by": "patience"},
}
LOUD = {
    "another expert than was searched": ({"best": {"rescored": rescored(3, 1)}}, "2 of 100 answers differ beyond near ties. Best/ is not what was searched"),  # noqa: E501
    "half precision rounds much": ({"best": {"rescored": rescored(9, 1, "bfloat16", -0.05)}}, "engine.dtype: float32 tells"),  # noqa: E501
    "one failure": ({"failures": 1}, "1 attempt at an evaluation failed"),
    "failures": ({"failures": 4}, "4 attempts at an evaluation failed"),
    "unparsed": ({"unparsed_rate": 0.06}, "No answer could be read from 6.0% of all texts"),
    "no test": ({"best": {"test": None}, "difference": None}, "There is no test figure (test: none); the dev"),
    "left out": ({"leakage": leakage(20, 40, 20)}, "Of 40 test examples, 20 are dev examples too, and were left out. 20 more have a dev example's question with other choices."),  # noqa: E501
    "kept": ({"leakage": leakage(20, 20, 0)}, "20 are dev examples too, and were kept all the same (utility.keep_overlap)."),  # noqa: E501
    "questions alone": ({"leakage": leakage(0, 9, 0)}, "Of 40 test examples, 9 have a dev example's question with other choices."),  # noqa: E501
    "a gap": ({"best": {"dev": 0.86}}, "0.070 worse on test than on dev"),
    "level": ({"difference": {"test": 0.02, "ci": (-0.01, 0.05)}}, "cannot be told from the best single"),
    "worse": ({"difference": {"test": -0.2, "ci": (-0.3, -0.1)}}, "worse than the best single expert: use that one"),
    "random search is level": ({"random_search": {"dev": 0.7, "test": 0.79}}, "no better than random mixtures"),
    "no step helped": ({"best": {"candidate": "000-004"}}, "No step of the search was better"),
    "it still gained": ({"best": {"candidate": "005-001"}}, "resume it with a larger swarm.max_iterations"),
}  # fmt: skip


@pytest.mark.parametrize("case", QUIET)
def test_no_warning(case):
    assert caveats(result(**QUIET[case]), [EVALUATION], HEADER) == []


@pytest.mark.parametrize("case", LOUD)
def test_one_warning(case):
    changes, says = LOUD[case]
    (warning,) = caveats(result(**changes), [EVALUATION], HEADER)
    assert says in warning
    assert warning.endswith(".")


def test_unparsed_answers_of_the_best_alone_count():
    (warning,) = caveats(result(), [EVALUATION | {"unparsed": 8}], HEADER)
    assert "8.0% of the best" in warning


def test_what_kept_peft_from_scoring_is_told():
    reason = "PEFT is not installed: pip install 'modelswarms[peft]', then resume the run"
    record = {"kind": "rescored", "candidate": "002-001", "split": "dev", "reason": reason}
    (warning,) = caveats(result(), [EVALUATION, record], HEADER)
    assert warning == f"best/ was not scored again by PEFT: {reason}."


def test_gaps_are_seen_against_the_range():
    wide = {"utility": {"name": "u", "range": [0.0, 100.0]}}
    assert caveats(result(best={"dev": 3.0, "test": 1.0}), [EVALUATION], wide) == []
    assert caveats(result(best={"dev": 60.0, "test": 1.0}), [EVALUATION], wide)
    endless = {"utility": {"name": "u", "range": None}}
    assert caveats(result(best={"dev": 60.0, "test": 1.0}), [EVALUATION], endless) == []


@pytest.mark.parametrize(
    ("utility", "harmful"),
    [
        ({"kind": "reward_model", "mode": "reverse", "allow_harmful": True}, True),
        ({"kind": "rm_reverse", "allow_harmful": True}, True),
        ({"kind": "multi_task", "parts": ["zoo", {"kind": "rm_reverse"}]}, True),
        ({"kind": "multi_task", "parts": {"a": {"kind": "reward_model", "mode": "reverse"}}}, True),
        ({"kind": "reward_model", "mode": "concise"}, False),
        ("rm_default", False),
    ],
)
def test_what_was_made_against_a_reward_says_so(utility, harmful):
    found = caveats(result(), [EVALUATION], {**HEADER, "config": {"utility": utility}})
    assert bool(found) == harmful
    assert not harmful or "do not give it to anybody else" in found[0]
