"""A run's folder on disk: manifest, journal, lock."""

from modelswarms.runs.folder import RunFolder
from modelswarms.runs.journal import Journal

__all__ = ["Journal", "RunFolder"]
