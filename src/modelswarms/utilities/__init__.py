"""What "better" means: one file an objective, one table that names them."""

from modelswarms.utilities.abstention import Abstention
from modelswarms.utilities.exact_match import ExactMatch
from modelswarms.utilities.function import FunctionUtility
from modelswarms.utilities.multiple_choice import MultipleChoice
from modelswarms.utilities.named import NAMED
from modelswarms.utilities.parsing import stated_answer
from modelswarms.utilities.perplexity import Perplexity
from modelswarms.utilities.prompting import Prompting
from modelswarms.utilities.reward import RewardModel
from modelswarms.utilities.table import KINDS, load_examples, load_utility
from modelswarms.utilities.toxicity import Toxicity

__all__ = [
    "KINDS",
    "NAMED",
    "Abstention",
    "ExactMatch",
    "FunctionUtility",
    "MultipleChoice",
    "Perplexity",
    "Prompting",
    "RewardModel",
    "Toxicity",
    "load_examples",
    "load_utility",
    "stated_answer",
]
