"""The methods to compare with, behind the same ask and tell."""

from modelswarms.baselines.base import Method, MethodSearcher, Proposals, Start
from modelswarms.baselines.bayesian import Bayesian
from modelswarms.baselines.cma_es import CmaEs
from modelswarms.baselines.coordinates import CoordinateSearch
from modelswarms.baselines.lorahub import LoraHub
from modelswarms.baselines.merges import DareLinear, DareTies, Merging, ModelStock, Slerp, Ties
from modelswarms.baselines.pack import PackOfLlms
from modelswarms.baselines.pso_merging import PsoMerging
from modelswarms.baselines.random_mixtures import RandomMixtures
from modelswarms.baselines.random_search import Freedom, RandomSearch
from modelswarms.baselines.soups import BestSingle, GreedySoup, UniformSoup
from modelswarms.baselines.table import (
    GIVEN,
    METHODS,
    OUTPUTS,
    RECIPE,
    SWARM,
    budget_of,
    freedom_of,
    kind_of_searcher,
    make_searcher,
    merging_of,
    method_of,
    settled,
    title_of,
    variants_of,
    within,
)
from modelswarms.baselines.task_arithmetic import TaskArithmetic

__all__ = [
    "GIVEN",
    "METHODS",
    "OUTPUTS",
    "RECIPE",
    "SWARM",
    "Bayesian",
    "BestSingle",
    "CmaEs",
    "CoordinateSearch",
    "DareLinear",
    "DareTies",
    "Freedom",
    "GreedySoup",
    "LoraHub",
    "Merging",
    "Method",
    "MethodSearcher",
    "ModelStock",
    "PackOfLlms",
    "Proposals",
    "PsoMerging",
    "RandomMixtures",
    "RandomSearch",
    "Slerp",
    "Start",
    "TaskArithmetic",
    "Ties",
    "UniformSoup",
    "budget_of",
    "freedom_of",
    "kind_of_searcher",
    "make_searcher",
    "merging_of",
    "method_of",
    "settled",
    "title_of",
    "variants_of",
    "within",
]
