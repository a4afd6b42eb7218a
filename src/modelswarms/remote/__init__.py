"""Services on the network: asked once, patiently, and no more than was allowed."""

from modelswarms.remote.chat import Chat
from modelswarms.remote.client import Remote
from modelswarms.remote.config import Price, RemoteConfig, refuse_secrets
from modelswarms.remote.perspective import Perspective, PerspectiveConfig
from modelswarms.remote.service import Answer, Fault, Service
from modelswarms.remote.waiting import Waiting

__all__ = [
    "Answer",
    "Chat",
    "Fault",
    "Perspective",
    "PerspectiveConfig",
    "Price",
    "Remote",
    "RemoteConfig",
    "Service",
    "Waiting",
    "refuse_secrets",
]
