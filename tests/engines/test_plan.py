"""The batch plan: every example once, in blocks of like length that fit."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelswarms.engines import make_plan


@given(st.lists(st.integers(0, 300), max_size=80), st.integers(1, 1000))
def test_every_example_once_in_blocks_that_fit(lengths, budget):
    plan = make_plan(lengths, budget)
    assert sorted(i for block in plan for i in block) == list(range(len(lengths)))
    for block in plan:
        assert len(block) == 1 or len(block) * max(1, *(lengths[i] for i in block)) <= budget
    flat = [lengths[i] for block in plan for i in block]
    assert flat == sorted(flat)
    assert make_plan(list(lengths), budget) == plan
    assert json.loads(json.dumps(plan)) == [list(block) for block in plan]


@given(st.lists(st.integers(1, 50), min_size=2, max_size=40))
def test_blocks_are_as_full_as_they_can_be(lengths):
    plan = make_plan(lengths, 100)
    for block, following in zip(plan, plan[1:], strict=False):
        assert (len(block) + 1) * lengths[following[0]] > 100


@given(st.lists(st.integers(1, 4), max_size=40))
def test_ties_stay_in_the_order_of_the_data(lengths):
    flat = [i for block in make_plan(lengths, 9) for i in block]
    assert flat == sorted(range(len(lengths)), key=lambda i: (lengths[i], i))


def test_no_examples_have_no_blocks_and_a_long_one_has_its_own():
    assert make_plan([], 10) == ()
    assert make_plan([50, 3, 3, 99], 10) == ((1, 2), (0,), (3,))


@pytest.mark.parametrize("budget", [0, -5])
def test_no_budget_is_refused(budget):
    with pytest.raises(ValueError, match=rf"block_tokens: {budget} .*above 0"):
        make_plan([1], budget)


def test_no_block_holds_two_groups():
    lengths, groups = [3, 1, 2, 1, 9, 1], ["b", "a", "b", "a", "a", "b"]
    plan = make_plan(lengths, 100, groups)
    assert plan == ((5, 2, 0), (1, 3, 4))
    assert make_plan(lengths, 100, [None] * 6) == make_plan(lengths, 100) == ((1, 3, 5, 2, 0, 4),)
