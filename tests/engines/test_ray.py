"""Real Ray: several node processes on one machine, which lose actors, nodes and drivers. Run by ``make test-ray``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from many_workers import Scripted, answer, frail, late
from modelswarms import ConfigError, ExpertSpace, resume, search, zoo
from modelswarms.engines import EngineConfig, ScriptedEngine, make_engine
from modelswarms.engines.ray import RayEngine
from modelswarms.engines.ray_cluster import Placement
from modelswarms.runs import RunFolder
from modelswarms.testing import check_engine
from modelswarms.types import Request

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]  # Ray's own, in threads of its own

MEMORY = 100 * 2**20
NODE = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": MEMORY}
HELPERS = Path(__file__).resolve().parents[1] / "helpers"


@pytest.fixture(scope="module")
def cluster():
    """A head that works on nothing, and two nodes of one processor."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    import ray
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0})
    nodes = [found.add_node(**NODE) for _ in range(2)]
    ray.init(address=found.address, log_to_driver=False, logging_level="ERROR")
    yield found, nodes
    ray.shutdown()
    found.shutdown()


@pytest.fixture
def engine(cluster):
    """Workers on the cluster, as many as it holds unless told otherwise."""
    made = []

    def make(factory, workers=None, cpus=1.0):
        made.append(RayEngine(factory, Placement(cluster[0].address, workers, cpus=cpus)))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def long(keys):
    return {**keys, "swarm": {"particles": 12, "max_iterations": 5}, "rescore": False}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The result of the same search in one process, without any workers."""
    found: list[bytes] = []

    def result(keys) -> bytes:
        if not found:
            folder = tmp_path_factory.mktemp("undisturbed")
            engine = ScriptedEngine(answer, block_tokens=20)
            run = search({**keys, "run_dir": str(folder / "run")}, engine=engine).run_dir
            found.append((run / "result.json").read_bytes())
        return found[0]

    return result


def result_of(run: str | Path) -> bytes:
    return Path(run, "result.json").read_bytes()


def once(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def evaluations(run: str) -> int:
    try:
        return sum(r["kind"] == "evaluation" for r in RunFolder(run).journal.read())
    except FileNotFoundError:
        return 0


def test_the_contract(engine):
    space = ExpertSpace.load(dict(list(zoo.expert_paths().items())[:3]))
    check_engine(engine(Scripted()), space, ["one 2", "three 4"])


def test_actors_that_are_killed_are_replaced_and_what_takes_long_is_run_again(engine, long, undisturbed, tmp_path):
    began = time.monotonic()
    search(long, engine=engine(Scripted(frail, str(tmp_path), 2)))
    assert all((tmp_path / mark).exists() for mark in ("ended-0", "ended-1", "slept"))
    assert time.monotonic() - began < 120, "nobody waited for the one that slept"
    assert result_of(long["run_dir"]) == undisturbed(long)


def test_a_node_is_killed_and_another_joins(cluster, engine, long, undisturbed):
    found, nodes = cluster
    workers = engine(Scripted(late, 0.05))
    with ThreadPoolExecutor(1) as threads:
        searching = threads.submit(search, long, engine=workers)  # nodes can be added by the main thread alone
        once(lambda: workers.slots == 2 and evaluations(long["run_dir"]) >= 8)
        found.remove_node(nodes.pop(), allow_graceful=False)
        once(lambda: workers.slots == 1)
        nodes.append(found.add_node(**NODE))
        once(lambda: workers.slots == 2)
        known = evaluations(long["run_dir"])
        assert not searching.done()
        searching.result(timeout=60)
    assert evaluations(long["run_dir"]) > known
    assert result_of(long["run_dir"]) == undisturbed(long)
    answered = json.loads(Path(long["run_dir"], "timing.json").read_text())["workers"]
    assert len({worker["process"] for worker in answered}) == 3
    assert all(0 < worker["share"] <= 1 for worker in answered)


DRIVER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from many_workers import Scripted, late
from modelswarms import search
from modelswarms.engines.ray import RayEngine
from modelswarms.engines.ray_cluster import Placement
search(json.loads(sys.argv[3]), engine=RayEngine(Scripted(late, 0.05), Placement(sys.argv[2])))
"""


def test_a_driver_that_is_killed_is_resumed(cluster, engine, long, undisturbed):
    address = cluster[0].address
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(HELPERS), address, json.dumps(long)])
    once(lambda: evaluations(long["run_dir"]) >= 20)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    known = RunFolder(long["run_dir"]).journal.read()
    assert not Path(long["run_dir"], "result.json").exists()
    resume(long["run_dir"], engine=engine(Scripted(), workers=1))
    journal = RunFolder(long["run_dir"]).journal.read()
    assert journal[: len(known)] == known
    assert len(journal) > len(known)
    assert result_of(long["run_dir"]) == undisturbed(long)


def test_the_local_engine_inside_gives_its_own_answers(cluster, tmp_path):
    base, experts = zoo.base_path(), zoo.expert_paths()
    space = ExpertSpace.load(experts, base=base)
    prompts = ["Is there a path between node 1 and node 2?", "How many edges does node 3 have?"]
    point = [1.0 / space.n] * space.n

    def texts(engine) -> list:
        engine.start(space)
        try:
            counted = engine.count_tokens(prompts)
            with engine.bind(space.coefficients(point)) as model:
                return [counted, model.generate([Request(p, 5) for p in prompts])]
        finally:
            engine.close()

    alone = EngineConfig(device="cpu", dtype="float32", threads=1)
    several = EngineConfig(device="cpu", dtype="float32", workers=2, address=cluster[0].address)
    inside = make_engine(several, base)
    assert inside.describe() == make_engine(alone, base).describe()
    assert texts(inside) == texts(make_engine(alone, base))


def test_an_engine_that_cannot_start_is_named(engine):
    def broken():
        raise ConfigError("engine.device: not on this node")

    space = ExpertSpace.load(dict(list(zoo.expert_paths().items())[:2]))
    with pytest.raises(ConfigError, match="not on this node"):
        RayEngine(broken, Placement(workers=1), inner=ScriptedEngine(answer)).start(space)


def test_more_than_the_cluster_holds_is_refused(cluster):
    space = ExpertSpace.load(dict(list(zoo.expert_paths().items())[:2]))
    with pytest.raises(ConfigError, match=r"engine.workers: 1 of 64 processors .* Ray has \d"):
        RayEngine(Scripted(), Placement(cluster[0].address, 1, cpus=64.0)).start(space)


HERE = """
import json, sys, time
from concurrent.futures import ThreadPoolExecutor
sys.path.insert(0, sys.argv[1])
import ray
from many_workers import Cards
from modelswarms import ExpertSpace, zoo
from modelswarms.engines.ray import RayEngine
from modelswarms.engines.ray_cluster import Placement
from modelswarms.types import Request
engine = RayEngine(Cards(), Placement(devices=(0, 2), workers=2, gpus=1.0, memory=100 * 2**20))
space = ExpertSpace.load(dict(list(zoo.expert_paths().items())[:2]))
engine.start(space)
while engine.slots < 2:
    time.sleep(0.02)
def card(_):
    with engine.bind(None) as model:
        return model.generate([Request("which", 1)])[0].text
with ThreadPoolExecutor(2) as threads:
    print(json.dumps(sorted(threads.map(card, range(2)))))
engine.close()
print(json.dumps(ray.is_initialized()))
"""


def test_ray_starts_here_by_itself_with_each_worker_on_a_card_of_its_own(tmp_path):
    """The numbers of cards count among those that this process may use."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "4,5,6", "RAY_AUTH_MODE": "disabled"}
    said = subprocess.run(
        [sys.executable, "-c", HERE, str(HELPERS)], env=environment, check=True, capture_output=True, text=True
    ).stdout
    assert [json.loads(line) for line in said.splitlines()] == [["4", "6"], False]
