"""Adapters on disk, what they span, and composing them."""

from modelswarms.experts.adapter import Adapter, check_folder, read_adapter
from modelswarms.experts.base import base_fingerprint, check_base
from modelswarms.experts.check import CheckReport, check_experts
from modelswarms.experts.find import find_base, find_experts
from modelswarms.experts.space import Combine, ExpertSpace

__all__ = [
    "Adapter",
    "CheckReport",
    "Combine",
    "ExpertSpace",
    "base_fingerprint",
    "check_base",
    "check_experts",
    "check_folder",
    "find_base",
    "find_experts",
    "read_adapter",
]
