"""Methods whose weights the experts do not span: TIES, DARE, slerp, model stock, recipes, the data merge."""

from modelswarms.baselines.merges.base import Merging, Variant, with_merges
from modelswarms.baselines.merges.changes import Merged
from modelswarms.baselines.merges.data_merge import DataMerge
from modelswarms.baselines.merges.recipe import RecipeMerge
from modelswarms.baselines.merges.spherical import ModelStock, Slerp
from modelswarms.baselines.merges.ties import DareLinear, DareTies, Ties

__all__ = [
    "DareLinear",
    "DareTies",
    "DataMerge",
    "Merged",
    "Merging",
    "ModelStock",
    "RecipeMerge",
    "Slerp",
    "Ties",
    "Variant",
    "with_merges",
]
