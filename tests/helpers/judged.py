"""Searches that a judge decides, on a scripted model.

As a program, ``python judged.py ARGUMENTS`` is the command line on such a model.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import modelswarms.zoo
from faults import command
from judge_server import Body, JudgeServer
from modelswarms.engines import ScriptedEngine
from modelswarms.types import Array
from wrong_inputs.row import settings, working_folder


def answer(prompt: str, coefficients: Array) -> str:
    """Says how near the first two coefficients are to 0.8 and 0.6, in each item a little otherwise."""
    item = int(re.findall(r"item (\d+)", prompt)[0])
    first, second, *others = (*coefficients, 0.0)  # an expert that is evaluated may be alone
    missed = abs(first - 0.8) + abs(second - 0.6) + 0.1 * sum(map(abs, others))
    return f"answer {max(0, 99 - round((30 + 7 * item) * missed / 2))} to item {item}"


def opinion(body: Body) -> str:
    """Rates what the answer says of itself; in a comparison, the higher one is better."""
    said = [int(n) for n in re.findall(r"answer (\d+) to item", body["messages"][0]["content"])]
    if "Verdict:" in body["messages"][0]["content"]:
        return f"Verdict: {'tie' if said[0] == said[1] else 'A' if said[0] > said[1] else 'B'}"
    return f"Rating: {1 + said[0] // 10}/10"


def engine() -> ScriptedEngine:
    return ScriptedEngine(answer, block_tokens=40)


def folder_for(work: Path, server: JudgeServer, remote: Mapping[str, Any] | None = None, **keys: Any) -> Path:
    """``my.yaml`` and its data: three experts, and two iterations of which the server is the judge."""
    working_folder(work)
    utility = {
        "kind": "judge",
        "data": "data.json",
        "model": "judge-1",
        "remote": {"base_url": server.address, "price": {"input": 2.0, "output": 3.0}, **(remote or {})},
        **keys,
    }
    experts = {name: str(path) for name, path in list(modelswarms.zoo.expert_paths().items())[:3]}
    swarm = {"particles": 8, "max_iterations": 2}
    settings(utility=utility, experts=experts, swarm=swarm)(work)
    return work


def judged(*arguments: str) -> int:
    """The exit code of a command on the scripted model."""
    return command(list(arguments), engine())


if __name__ == "__main__":
    sys.exit(judged(*sys.argv[1:]))
