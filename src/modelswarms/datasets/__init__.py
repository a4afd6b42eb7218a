"""Data files: one JSON file a data set, read with every mistake named."""

from modelswarms.datasets.leakage import Overlap, overlap, without_overlap
from modelswarms.datasets.reader import DataSet, read_dataset

__all__ = ["DataSet", "Overlap", "overlap", "read_dataset", "without_overlap"]
