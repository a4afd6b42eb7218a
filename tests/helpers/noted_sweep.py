"""A sweep on a scripted model that writes down each evaluation that it runs."""

from __future__ import annotations

import os

import numpy as np

import modelswarms
import modelswarms.zoo
from modelswarms.engines import ScriptedEngine

SPACE = {"swarm.inertia": [0.1, 0.2, 0.3], "swarm.social_coeff": [0.2, 0.4, 0.6]}


def keys(data: str) -> dict:
    return {
        "experts": {name: str(path) for name, path in list(modelswarms.zoo.expert_paths().items())[:3]},
        "utility": {"kind": "exact_match", "data": data},
        "swarm": {"preset": "paper", "particles": 5, "max_iterations": 3},
        "sweep": {"trials": 5, "sampler": "random", "space": SPACE},
        "rescore": False,
    }


def engine(notes: str) -> ScriptedEngine:
    """Right on more items the nearer the first two coefficients are to 0.8 and 0.6."""

    def answer(prompt: str, coefficients: np.ndarray) -> str:
        item = int("".join(c for c in prompt if c.isdigit()))
        with open(notes, "ab", buffering=0) as file:  # one write: whole or not at all
            file.write(f"{os.getpid()} {item} {coefficients.tobytes().hex()}\n".encode())
        missed = abs(coefficients[0] - 0.8) + abs(coefficients[1] - 0.6) + 0.1 * abs(coefficients[2:]).sum()
        return str(item % 5) if item % 11 >= 6 * missed else "none of them"

    return ScriptedEngine(answer, block_tokens=10)


def run(folder: str, data: str, notes: str, **more: object) -> modelswarms.Sweep:
    return modelswarms.sweep({**keys(data), **more}, out=folder, engine=engine(notes))
