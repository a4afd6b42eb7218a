import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelswarms import ExpertSpace, zoo
from modelswarms.engines import ScriptedEngine, make_plan
from modelswarms.testing import check_engine
from modelswarms.types import LoglikelihoodRequest, Request


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


def test_no_budget_is_refused():
    with pytest.raises(ValueError, match="block_tokens"):
        make_plan([1], 0)


def test_a_scripted_engine_keeps_the_contract():
    space = ExpertSpace.load(dict(list(zoo.expert_paths().items())[:2]))
    engine = ScriptedEngine(lambda prompt, a: f"{prompt.split()[-1]} {a.sum():.2f} end")
    check_engine(engine, space, ["one two", "three"])
    with engine.bind(np.array([0.5, 0.25])) as model:
        (response,) = model.generate([Request("say it", stop=(" end",))])
        assert response.text == "it 0.75"
        sure, unsure = model.loglikelihood(
            [LoglikelihoodRequest("it", "it 0.75 end"), LoglikelihoodRequest("it", "no")]
        )
        assert sure.logprob > unsure.logprob
