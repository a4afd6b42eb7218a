"""Searches that a judge decides, on a scripted model; as a program, ``python judged.py ARGUMENTS`` is the command line on it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

from faults import Faulty, command
from judge_server import Body, JudgeServer
from modelswarms.engines import ScriptedEngine
from modelswarms.types import Array


def answer(prompt: str, coefficients: Array) -> str:
    """Better answers the nearer the first two coefficients are to 0.8 and 0.6; the judge can see it."""
    missed = abs(coefficients[0] - 0.8) + abs(coefficients[1] - 0.6) + 0.1 * abs(coefficients[2:]).sum()
    return f"as good as {max(0, 9 - round(4 * missed))}, item {re.findall(r'[0-9]+', prompt)[0]}"


def opinion(body: Body) -> str:
    """The judge's reply: it sees how good the answer says that it is."""
    goods = re.findall(r"as good as (\d)", body["messages"][0]["content"])
    return f"Rating: {1 + int(goods[-1])}/10" if goods else "Rating: 1/10"
