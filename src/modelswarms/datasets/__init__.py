"""Data sets: files and hub ids read with every mistake named; what dev and test have in common."""

from modelswarms.datasets.dataset import DataSet
from modelswarms.datasets.folder import data_folder, data_path
from modelswarms.datasets.leakage import Overlap, overlap, without_overlap
from modelswarms.datasets.reader import examples_from, read_dataset
from modelswarms.datasets.source import anchored_source

__all__ = [
    "DataSet",
    "Overlap",
    "anchored_source",
    "data_folder",
    "data_path",
    "examples_from",
    "overlap",
    "read_dataset",
    "without_overlap",
]
