"""What holds for any text that is read: statements are found in any dress, and words state nothing."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelswarms import Example
from modelswarms.types import Response
from modelswarms.utilities import ExactMatch
from modelswarms.utilities.parsing import (
    compat,
    final_number,
    first_number,
    same_phrase,
    stated_option,
    stated_phrase,
    stated_rating,
    stated_truth,
    stated_yes_no,
)

CHOICES = {letter: f"§{k} {letter * 3}" for k, letter in enumerate("ABCDEFGHIJ")}
"""Ten options whose texts nothing else says."""

DRESS = ["{}", "{}.", "({})", "[{}]", "**{}**", "**{}.**", "`{}`", '"{}"', " {}\n", "\\boxed{{{}}}", "$\\boxed{{{}}}$",
         "**({})**", "\n\n{}", "- {}", "> {}", "{}!", "“{}”", "<answer>{}</answer>", "__{}__",
         "\\textbf{{{}}}"]  # fmt: skip
SAID = ["{}", "The answer is {}", "The answer is {}.", "Answer: {}", "**Answer:** {}", "The correct answer is {}.",
        "So the answer is {}.", "Final answer: {}", "<think>hm</think>{}", "I think it is {}.", "\n{}\n"]  # fmt: skip
WORDS = st.lists(
    st.text(string.ascii_lowercase, min_size=2, max_size=9).map(lambda w: f"x{w}"), min_size=1, max_size=12
)

letters = st.sampled_from("ABCDEFGHIJ")
dressed = st.tuples(st.sampled_from(SAID), st.sampled_from(DRESS))
often = settings(deadline=None, max_examples=60)


@often
@given(letters, dressed)
def test_a_letter_is_found_in_any_dress(letter, form):
    said, dress = form
    assert stated_option(said.format(dress.format(letter)), CHOICES) == letter


@often
@given(
    letters, st.sampled_from(["{}. ", "({}) ", "{}: ", "The answer is {}. ", "{}\n", "Option {} is correct. "]), WORDS
)
def test_what_explains_a_letter_does_not_change_it(letter, form, words):
    explanation = " ".join(words).capitalize() + "."
    assert stated_option(form.format(letter) + explanation, CHOICES) == letter
    assert stated_option(f"{form.format(letter)}\n\nExplanation: {explanation}", CHOICES) == letter


@often
@given(WORDS, st.sampled_from([" ", ", ", "\n", ". "]), st.booleans())
def test_words_state_nothing(words, between, capitals):
    text = between.join(words)
    text = text.upper() if capitals else text.capitalize()
    for article in ("", "A ", "The ", "a "):
        assert stated_option(article + text, CHOICES) is None
        assert stated_yes_no(article + text) is None
        assert stated_truth(article + text) is None
        assert first_number(article + text) is None
        assert final_number(article + text) is None
        assert stated_rating(article + text) is None


@often
@given(st.lists(letters, min_size=2, max_size=4, unique=True), st.sampled_from([" and ", " or ", ", ", "/", " & "]))
def test_several_letters_state_none(several, between):
    for form in ("{}", "The answer is {}.", "I think both {}", "({})", "Options {} are correct."):
        assert stated_option(form.format(between.join(several)), CHOICES) is None


DENIALS = ["{} is wrong, so {}.", "Not {}, but {}.", "It isn't {}; it is {}.", "{} is incorrect. {} is correct.",
           "The answer is not {} but {}."]  # fmt: skip


@often
@given(letters, letters, st.sampled_from(DENIALS))
def test_the_letter_that_is_not_denied_counts(wrong, right, form):
    if wrong != right:
        assert stated_option(form.format(wrong, right), CHOICES) == right


@often
@given(st.text(max_size=60), st.lists(st.text(string.ascii_letters, max_size=6), min_size=2, max_size=5))
def test_the_published_option_rule(text, texts):
    """Against the rule as it is told: first five characters, last five, then the texts, options in their order."""
    choices = dict(zip(string.ascii_uppercase, texts, strict=False))
    stripped = text.strip()
    near = [k for part in (stripped[:5], stripped[-5:]) for k in choices if k in part]
    anywhere = [k for k in choices if choices[k].lower() in stripped.lower()]
    assert compat.option(text, choices) == next(iter(near + anywhere), None)


@often
@given(st.sampled_from(["yes", "no", "Yes", "NO"]), dressed, WORDS)
def test_yes_and_no_in_any_dress(word, form, words):
    said, dress = form
    text = said.format(dress.format(word))
    assert stated_yes_no(text) == word.lower()
    assert stated_yes_no(f"{text}\nExplanation: {' '.join(words)}, no, yes") == word.lower()


@often
@given(st.sampled_from(["true", "False", "TRUE", "false"]), dressed)
def test_true_and_false_in_any_dress(word, form):
    said, dress = form
    assert stated_truth(said.format(dress.format(word))) == (word.lower() == "true")


@often
@given(st.integers(-(10**9), 10**9), dressed, st.integers(0, 999))
def test_numbers_in_any_dress(number, form, other):
    said, dress = form
    text = said.format(dress.format(f"{number:,}"))
    assert first_number(text) == final_number(text) == str(number)
    assert final_number(f"There are {other} of {other}. #### {number:,}\n\nQuestion: {other}?") == str(number)
    assert final_number(f"It was {other}.\nThe answer is ${number}.00, not {other}.") == str(number)


@often
@given(
    st.integers(-20, 30), st.sampled_from(["Rating: {}/10", "**Rating:** {} / 10", "{}/10", "I'd give it {} out of 10"])
)
def test_ratings_keep_to_the_scale(value, form):
    assert stated_rating(form.format(value)) == (float(value) if 1 <= value <= 10 else None)


@often
@given(WORDS, dressed)
def test_phrases_in_any_dress(words, form):
    said, dress = form
    text = " ".join(words)
    assert stated_phrase(said.format(dress.format(text))) == text
    assert same_phrase(said.format(dress.format(text)), text.upper())
    assert not same_phrase(said.format(dress.format(text)), f"{text} xx")


@often
@given(st.text(max_size=80))
def test_no_text_breaks_a_reader(text):
    stated_option(text, CHOICES)
    stated_rating(text)
    stated_truth(text)
    stated_yes_no(text)
    stated_phrase(text)
    first_number(text)
    final_number(text)
    compat.rating(text)


@pytest.mark.parametrize(
    "said", ["it is ", "the answer is ", "A or ", "(", "*", "1 + ", "true or false ", "Rating: ", "\\boxed{"]
)
def test_a_model_that_repeats_itself_is_read_in_no_time(said):
    """512 tokens of one phrase: a pattern that tries all ways to part them would take years."""
    test_no_text_breaks_a_reader.hypothesis.inner_test(said * 512)


class Says:
    def __init__(self, *texts):
        self.texts = texts

    def generate(self, requests):
        return [Response(text) for text in self.texts]


def test_exact_match_as_published():
    utility = ExactMatch(parsing="compat")
    examples = [Example("0", "?", "No"), Example("1", "?", "1"), Example("2", "?", "Yes")]
    scores = utility.score(examples, Says("Node 3", "12", " none "))
    assert [(s.value, s.answer, s.parsed) for s in scores] == [(1, "No", True), (1, "1", True), (0, "none", True)]


def test_solutions_as_published_count_more_words_on_test():
    said = Says(*["So 42 is what she has got in all today."] * 3)
    examples = [Example("0", "?", "42", split="dev"), Example("0", "?", "42", split="test"), Example("0", "?", "42")]
    scores = ExactMatch(parsing="compat", which="last").score(examples, said)
    assert [s.value for s in scores] == [0, 1, 0]
    assert scores[0].answer == "has got in all today."
