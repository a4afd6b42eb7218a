"""Many searches with other settings: which settings do best on dev, and what the best of them does on test."""

from modelswarms.sweeping.run import Sweep, go_on, sweep
from modelswarms.sweeping.status import SweepStatus, is_sweep, sweep_status

__all__ = ["Sweep", "SweepStatus", "go_on", "is_sweep", "sweep", "sweep_status"]
