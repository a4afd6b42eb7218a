"""What was used of services, in words."""

from __future__ import annotations

import pytest

from modelswarms.reports.usage import usage_said


@pytest.mark.parametrize(
    ("usage", "said"),
    [
        ({}, ""),
        ({"requests": 1.0}, "1 request"),
        ({"requests": 1340, "retried": 0, "cached": 1}, "1,340 requests; 1 answer from the cache"),
        (
            {"requests": 9, "retried": 2, "prompt_tokens": 12345, "completion_tokens": 0, "untold": 3, "cost": 1.5},
            "9 requests, 2 of them further attempts; 12,345 tokens read, 0 written; 3 answers without a number of "
            "tokens; cost $1.5000",
        ),
        ({"something": 3}, ""),
    ],
)
def test_it_is_one_line(usage, said):
    assert usage_said(usage).replace("\xa0", " ") == said
