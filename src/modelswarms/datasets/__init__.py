"""Data files: one JSON file a data set, read with every mistake named."""

from modelswarms.datasets.reader import DataSet, read_dataset

__all__ = ["DataSet", "read_dataset"]
