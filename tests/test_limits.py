"""What an engine can run at once is journalled, and kept to when a run goes on."""

from __future__ import annotations

import numpy as np

from modelswarms.datasets import DataSet
from modelswarms.engines import ScriptedEngine
from modelswarms.engines.base import Limited
from modelswarms.evaluator import Evaluator
from modelswarms.runs import RunFolder
from modelswarms.types import Candidate, Example
from modelswarms.utilities import ExactMatch


class Cards(ScriptedEngine):
    """Holds 100 tokens at first, and half as many after the second candidate."""

    held, asked = 100, 0

    @property
    def limits(self):
        return {"held_tokens": self.held}

    def limit(self, limits):
        self.held = min(self.held, limits.get("held_tokens", self.held))
        return self.limits

    def bind(self, coefficients):
        self.asked += 1
        if self.asked == 2:
            self.held = 50
        return super().bind(coefficients)


def candidate(k):
    return Candidate(f"000-{k:03d}", k, 0, np.array([1.0 + k]))


def test_limits_are_journalled_and_kept(tmp_path):
    data = DataSet("two", dev=(Example("a", "what", "yes"), Example("b", "and", "no")), test=())
    engine = Cards(lambda prompt, coefficients: "yes")
    assert isinstance(engine, Limited)
    with RunFolder.create(tmp_path / "run", {}) as run:
        list(Evaluator(engine, ExactMatch(), data, run).evaluate([candidate(k) for k in range(3)]))
        records = run.journal.read()
        said = [r["values"]["held_tokens"] for r in records if r.get("name") == "limits"]
        assert said == [100, 50]
        fresh = Cards(lambda prompt, coefficients: "yes")
        list(Evaluator(fresh, ExactMatch(), data, run, records).evaluate([candidate(3)]))
        assert fresh.held == 50
        assert sum(r.get("name") == "limits" for r in run.journal.read()) == 2
