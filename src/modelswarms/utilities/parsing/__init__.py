"""What a text states, read strictly, as a person would; and, in ``compat``, as the original program read it."""

from modelswarms.utilities.parsing import compat
from modelswarms.utilities.parsing.answers import AnswerKind, Parsing, answer_kind, stated_answer
from modelswarms.utilities.parsing.options import stated_option
from modelswarms.utilities.parsing.ratings import stated_rating
from modelswarms.utilities.parsing.short_numbers import first_number
from modelswarms.utilities.parsing.solutions import final_number
from modelswarms.utilities.parsing.truth import stated_truth
from modelswarms.utilities.parsing.words import phrase, same_phrase, stated_phrase
from modelswarms.utilities.parsing.yes_no import stated_yes_no

__all__ = [
    "AnswerKind",
    "Parsing",
    "answer_kind",
    "compat",
    "final_number",
    "first_number",
    "phrase",
    "same_phrase",
    "stated_answer",
    "stated_option",
    "stated_phrase",
    "stated_rating",
    "stated_truth",
    "stated_yes_no",
]
