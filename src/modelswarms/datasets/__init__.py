"""Data sets: files and hub ids read with every mistake named; what dev and test have in common."""

from modelswarms.datasets.dataset import DataSet, Leakage
from modelswarms.datasets.folder import data_folder, data_path
from modelswarms.datasets.leakage import Overlap, guarded, overlap, without_overlap
from modelswarms.datasets.reader import examples_from, read_dataset
from modelswarms.datasets.source import anchored_source

__all__ = [
    "DataSet",
    "Leakage",
    "Overlap",
    "anchored_source",
    "data_folder",
    "data_path",
    "examples_from",
    "guarded",
    "overlap",
    "read_dataset",
    "without_overlap",
]
