"""What "better" means: one file an objective, one table that names them."""

from modelswarms.utilities.exact_match import ExactMatch
from modelswarms.utilities.function import FunctionUtility
from modelswarms.utilities.multiple_choice import MultipleChoice
from modelswarms.utilities.named import NAMED
from modelswarms.utilities.parsing import stated_answer
from modelswarms.utilities.prompting import Prompting
from modelswarms.utilities.table import KINDS, load_examples, load_utility

__all__ = [
    "KINDS",
    "NAMED",
    "ExactMatch",
    "FunctionUtility",
    "MultipleChoice",
    "Prompting",
    "load_examples",
    "load_utility",
    "stated_answer",
]
