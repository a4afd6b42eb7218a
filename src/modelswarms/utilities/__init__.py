"""What "better" means: one file an objective, one table that names them."""

from modelswarms.utilities.exact_match import ExactMatch
from modelswarms.utilities.function import FunctionUtility
from modelswarms.utilities.parsing import stated_answer
from modelswarms.utilities.table import KINDS, NAMES, load_utility

__all__ = ["KINDS", "NAMES", "ExactMatch", "FunctionUtility", "load_utility", "stated_answer"]
