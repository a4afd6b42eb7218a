"""Answers are read as a person would, from left to right, in whole tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelswarms.utilities import stated_answer
from modelswarms.utilities.parsing import answer_kind

YES_NO = [("Yes", "yes"), (" no.", "no"), ("Yes, there is", "yes"), ("The answer is No", "no"), ("Node 3", None),
          ("None", None), ("Yesterday", None), ("nothing", None), ("No; well, yes", "no"), ("", None), ("know", None),
          ("no-one", None), ("**Yes**", "yes"), ("(no)", "no"), ("12", None), ("YES!", "yes")]  # fmt: skip
NUMBERS = [("12", "12"), ("1", "1"), ("3.", "3"), ("1,000", "1000"), ("1000", "1000"), ("3.0", "3"), ("3.50", "3.5"),
           ("-4", "-4"), ("−4", "-4"), ("$1,234.50 in all", "1234.5"), ("x=7", "7"), ("the 2nd of 5", "5"),
           ("node5 9", "9"), ("Yes", None), ("", None), ("0012", "12"), ("5%", "5"), ("10-3", "10"), ("+6", "6"),
           ("three", None), ("12, 13", "12"), ("1e5", None), ("(8)", "8"), ("7/2", "7"),
           ("0,3,5", "0"), ("12,34", "12"), ("1,0000", "1"), ("1, 2", "1"), (".5", "0.5"), ("-.5", "-0.5"),
           ("-$5", "-5"), ("$-5", "-5"), ("€1,200.50", "1200.5"), ("1.2.3", None), ("1,234.5.6", None),
           ("1,000km", None), ("5km, 6", "6"), ("v1.2", None), ("3..", "3"), ("1,000,", "1000")]  # fmt: skip
LAST = [
    ("3 and 4 make 7.", "7"),
    ("10-3", "3"),
    ("#### 1,200", "1200"),
    ("It costs $5.25", "5.25"),
    ("none", None),
    ("path 0,3,5", "5"),
    ("10,000 and 1,5", "5"),
]


@pytest.mark.parametrize(("text", "said"), YES_NO)
def test_yes_and_no(text, said):
    assert stated_answer(text, "yes_no") == said


@pytest.mark.parametrize(("text", "said"), NUMBERS)
def test_numbers(text, said):
    assert stated_answer(text, "number") == said


@pytest.mark.parametrize(("text", "said"), LAST)
def test_the_last_number(text, said):
    assert stated_answer(text, "number", "last") == said


@pytest.mark.parametrize(
    ("answer", "kind"), [("Yes", "yes_no"), ("no", "yes_no"), ("1,000", "number"), ("-3.5", "number"), ("B", "text")]
)
def test_kinds(answer, kind):
    assert answer_kind(answer) == kind


def test_text_is_compared_whole():
    assert stated_answer(" New  York. ", "text") == stated_answer("new york", "text")
    assert stated_answer("York", "text") != stated_answer("new york", "text")
    assert stated_answer("  ", "text") is None


@given(st.integers(-(10**9), 10**9), st.text(alphabet="abc :;!?()", max_size=8))
def test_any_number_is_found_in_any_writing(number, after):
    for written in (f"{number}", f"{number:,}", f"{number}.", f"{number}.00"):
        assert stated_answer(f"so: {written} {after}", "number") == str(number)


@given(st.lists(st.integers(0, 10**7).filter(lambda n: not 100 <= n <= 999), min_size=1, max_size=5))
def test_lists_are_read_from_both_ends(numbers):
    """Against plain splitting; three digits after a comma would be a thousand's group, also to a person."""
    for joint in (",", ", ", " and ", "; "):
        text = joint.join(map(str, numbers))
        assert stated_answer(text, "number") == str(numbers[0])
        assert stated_answer(text, "number", "last") == str(numbers[-1])


@given(st.text(max_size=40))
def test_no_text_breaks_it(text):
    for kind in ("yes_no", "number", "text"):
        stated_answer(text, kind)
        stated_answer(text, kind, "last")
