"""docs/errors.md is the table."""

from __future__ import annotations

from wrong_inputs.page import PAGE, page


def test_the_page_is_true():
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "docs/errors.md is not what the table says; write it with: PYTHONPATH=tests/helpers python -m wrong_inputs.page"
    )
