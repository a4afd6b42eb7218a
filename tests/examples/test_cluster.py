"""The recipes for clusters can be read by those who run them, and call our commands with keys that exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import yaml

from modelswarms.config import config_from_mapping

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "cluster"


def keys_of(text: str) -> dict[str, str]:
    """The engine's keys that commands in a recipe are given."""
    return dict(re.findall(r"--engine\.(\w+) (\S+?)[;\s]", text + "\n"))


def test_the_slurm_script_is_bash():
    script = FOLDER / "slurm.sh"
    subprocess.run(["bash", "-n", script], check=True)
    given = keys_of(script.read_text())
    assert set(given) == {"address", "gpus_per_worker"}
    config_from_mapping({"engine": {"address": "node:6379", "gpus_per_worker": float(given["gpus_per_worker"])}})


def test_the_kubernetes_job_is_yaml():
    (job,) = yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec = job["spec"]["rayClusterSpec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        mounted = {mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}
    given = keys_of(job["spec"]["entrypoint"])
    config_from_mapping({"engine": {"address": given["address"], "gpus_per_worker": float(given["gpus_per_worker"])}})
