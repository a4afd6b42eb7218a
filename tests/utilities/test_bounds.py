"""Bounds of values while scores are missing, against every way in which the missing ones can come out."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelswarms.datasets import DataSet
from modelswarms.remote import RemoteConfig
from modelswarms.testing import check_utility
from modelswarms.types import Example, Score, Thresholds
from modelswarms.utilities.abilities import bounds_from, value_from
from modelswarms.utilities.abstention import Abstention
from modelswarms.utilities.bounding import filled
from modelswarms.utilities.combining import Combination
from modelswarms.utilities.exact_match import ExactMatch
from modelswarms.utilities.judge import UNRATED, Judge
from modelswarms.utilities.multi_task import Joined, Part
from modelswarms.utilities.multiple_choice import MultipleChoice
from modelswarms.utilities.reward import RewardModel
from modelswarms.utilities.toxicity import Toxicity

SHARE, THIRDS = (0.0, 1.0), (0.0, 1 / 3, 0.1, 0.7, 1.0)


def joined(how: str, **keys) -> Joined:
    parts = {"a": ExactMatch(), "b": Abstention()}
    ranges = {name: part.range for name, part in parts.items()}
    weights = {"a": 0.3, "b": 1.9} if how == "weighted" else {}
    combination = Combination(how, ranges, weights, **keys)
    return Joined(tuple(Part(name, part, DataSet(name, (), ())) for name, part in parts.items()), combination)


JUDGE = Judge(model="j", remote=RemoteConfig(), max_unparsed=0.5)
PLAIN = {
    "exact_match": (ExactMatch(), SHARE),
    "multiple_choice": (MultipleChoice(), SHARE),
    "abstention": (Abstention(), (-1.0, 0.0, 1.0)),
    "judge": (JUDGE, (1.0, 4.5, 10.0, 3.3, UNRATED)),
    "pairs": (replace(JUDGE, mode="pairwise"), (0.0, 0.5, 1.0, UNRATED)),
    "reward": (RewardModel(), THIRDS),
    "reverse": (RewardModel(mode="reverse", allow_harmful=True), (-1.0, -0.3, 0.0)),
    "toxicity": (Toxicity(), THIRDS),
}
JOINED = {
    "harmonic": joined("harmonic"),
    "min": joined("min"),
    "mean": joined("mean"),
    "weighted": joined("weighted"),
    "zero counts": joined("mean", zero_counts_as=0.4),
    "zero counts, harmonic": joined("harmonic", zero_counts_as=0.2),
    "optimise": joined("harmonic", optimise="b"),
}


@pytest.mark.parametrize("name", [*PLAIN, *JOINED])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_way_to_score_the_rest_leaves_the_bounds(name, data):
    count = data.draw(st.integers(2, 5))
    if name in PLAIN:
        utility, possible = PLAIN[name]
        examples = [Example(str(k), "q", "A") for k in range(count)]
        of_each = [possible] * count
    else:
        utility = JOINED[name]
        examples = [Example(f"{'ab'[k % 2]}/{k}", "q", "A", task="ab"[k % 2]) for k in range(count)]
        of_each = [SHARE if k % 2 == 0 else (-1.0, 0.0, 1.0) for k in range(count)]
    scores = [data.draw(st.sampled_from([None, *values])) for values in of_each]
    bounds = bounds_from(utility, examples, scores)
    if bounds is None:
        assert isinstance(utility, Judge)
        assert scores.count(UNRATED) > 0.5 * count
        return
    low, high = bounds
    reached = []
    for whole in itertools.product(*([s] if s is not None else v for s, v in zip(scores, of_each, strict=True))):
        if isinstance(utility, Judge) and (whole.count(UNRATED) > 0.5 * count or set(whole) == {UNRATED}):
            continue  # that evaluation fails
        value = value_from(utility, examples, whole)
        assert low <= value <= high, whole
        reached.append(value)
    if reached and "zero" not in name:
        assert max(reached) == pytest.approx(high, abs=1e-10), "and they are no wider than they have to be"
        assert min(reached) == pytest.approx(low, abs=1e-10)


@settings(max_examples=200, deadline=None)
@given(
    known=st.lists(st.floats(0, 1), max_size=40),
    rest=st.lists(st.floats(0, 1), min_size=1, max_size=40),
)
def test_a_mean_of_any_numbers_is_never_beyond_its_bounds(known, rest):
    """To the last bit: there is no margin in these."""
    for mean in (lambda s: math.fsum(s) / len(s), lambda s: sum(s) / len(s)):
        low, high = filled(mean, [*known, *(None for _ in rest)], (0.0, 1.0))
        assert low <= mean([*known, *rest]) <= high


def test_a_score_beyond_what_is_possible_makes_no_bounds():
    assert filled(sum, [0.5, 1.5, None], (0.0, 1.0)) is None
    assert filled(sum, [0.5, math.nan, None], (0.0, 1.0)) is None


@pytest.mark.parametrize(
    ("scores", "best", "worst", "settled"),
    [
        ([0.0, None], 0.5, None, True),  # a tie with the best is no better
        ([0.0, None], 0.5, 0.0, True),  # nor is a tie with the worst any worse
        ([0.0, None], 0.4999, None, False),
        ([1.0, None], 1.0, 0.5, True),
        ([1.0, None], 1.0, 0.5001, False),
        ([None], 1.0, None, True),  # all right: nothing is better
        ([None], 1.0, 0.0, True),
        ([None], 0.0, None, False),
        ([0.0, 0.0, 0.0, None], 0.0, None, False),  # all wrong, and one more right would be better
        ([None, None], 0.5, 0.0, False),
        ([], 0.0, None, True),
    ],
)
def test_what_settles_a_value(scores, best, worst, settled):
    examples = [Example(str(k), "q", "A") for k in range(len(scores))]
    bounds = bounds_from(ExactMatch(), examples, scores) if scores else (0.0, 0.0)
    assert Thresholds(best, worst).settle(*bounds) is settled


def test_under_the_original_rules_a_tie_takes_the_worsts_place():
    assert Thresholds(1.0, 0.5).settle(0.5, 0.9)
    assert not Thresholds(1.0, 0.5, ties_worst=True).settle(0.5, 0.9)
    assert not Thresholds(1.0).settle(math.nan, math.nan)


def test_the_suite_for_own_utilities_finds_wrong_bounds():
    class Own:
        name, range, margin = "own", (0.0, 1.0), 0.0

        def prompt(self, example):
            return example.question

        def score(self, examples, model):
            return [Score(float(int(e.id) % 2)) for e in examples]

        def aggregate(self, scores):
            return math.fsum(scores) / len(scores)

        def bounds(self, examples, scores):
            low, high = filled(self.aggregate, scores, self.range)
            return low + self.margin, high

    examples = [Example(str(k), "q", "A") for k in range(4)]
    check_utility(Own(), examples, None)
    Own.margin = 0.01
    with pytest.raises(AssertionError, match="bounds"):
        check_utility(Own(), examples, None)
