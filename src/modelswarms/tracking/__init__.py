"""Trackers: a search told to W&B, trackio or TensorBoard, none of which can stop it."""

from modelswarms.tracking.background import Background
from modelswarms.tracking.base import Row, Tracker
from modelswarms.tracking.table import TRACKERS, make_trackers
from modelswarms.tracking.watcher import Tracking, tracked

__all__ = ["Background", "Row", "TRACKERS", "Tracker", "Tracking", "make_trackers", "tracked"]
