"""Real Ray: several node processes on one machine, which lose actors, nodes and drivers. Run by ``make test-ray``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from many_workers import Scripted, answer, frail, late
from modelswarms import ConfigError, ExpertSpace, resume, search, zoo
from modelswarms.engines import EngineConfig, ScriptedEngine, make_engine
from modelswarms.runs import RunFolder
from modelswarms.testing import check_engine
from modelswarms.types import Request

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]  # Ray's own, in threads of its own

MEMORY = 100 * 2**20
NODE = {"num_cpus": 2, "include_dashboard": False, "object_store_memory": MEMORY}
HELPERS = Path(__file__).resolve().parents[1] / "helpers"


@pytest.fixture(scope="module")
def cluster():
    """A head that works on nothing, and two nodes of two processors."""
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
    """Workers on the cluster, four of them unless told otherwise."""
    from modelswarms.engines.ray import RayEngine
    from modelswarms.engines.ray_cluster import Placement

    made = []

    def make(factory, workers=4, cpus=1.0):
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
    """The result of the same search without any workers."""
    found: dict[str, bytes] = {}

    def result(keys) -> dict:
        if not found:
            folder = tmp_path_factory.mktemp("undisturbed")
            engine = ScriptedEngine(answer, block_tokens=20)
            run = search({**keys, "run_dir": str(folder / "run")}, engine=engine).run_dir
            found["result"] = (run / "result.json").read_bytes()
        return json.loads(found["result"])

    return result


def same(run: Path, expected: dict) -> bool:
    """Whether a result is what it was to be, bit for bit; the engine calls itself by another name."""
    result = json.loads((run / "result.json").read_text())
    return {**result, "engine": None} == {**expected, "engine": None}


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
    check_engine(engine(Scripted(), workers=3), space, ["one 2", "three 4"])


def test_a_search_has_the_same_result_and_says_how_busy_workers_were(engine, long, undisturbed):
    run = search(long, engine=engine(Scripted())).run_dir
    assert same(run, undisturbed(long))
    workers = json.loads((run / "timing.json").read_text())["workers"]
    assert len(workers) == 4
    assert all(0 < worker["share"] <= 1 for worker in workers)


def test_actors_that_end_are_replaced(engine, long, undisturbed, tmp_path):
    run = search(long, engine=engine(Scripted(frail, str(tmp_path), 3))).run_dir
    assert sorted(path.name for path in tmp_path.glob("ended-*")) == ["ended-0", "ended-1", "ended-2"]
    assert same(run, undisturbed(long))
    assert json.loads((run / "result.json").read_text())["failures"] == 0


def test_a_node_is_lost_and_another_joins(cluster, engine, long, undisturbed):
    found, nodes = cluster
    workers = engine(Scripted(late, 0.02), workers=None)
    threads = []

    def lose_one():
        once(lambda: evaluations(long["run_dir"]) >= 8)
        found.remove_node(nodes.pop(), allow_graceful=False)
        nodes.append(found.add_node(**NODE))

    threads.append(threading.Thread(target=lose_one))
    threads[0].start()
    run = search(long, engine=workers).run_dir
    threads[0].join()
    assert same(run, undisturbed(long))


def test_a_node_that_joins_gets_workers(cluster, engine):
    found, nodes = cluster
    workers = engine(Scripted(), workers=None)
    workers.start(ExpertSpace.load(dict(list(zoo.expert_paths().items())[:2])))
    before = workers.slots
    nodes.append(found.add_node(**NODE))
    once(lambda: workers.slots >= before + 2, 120)


DRIVER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from many_workers import Scripted, late
from modelswarms import search
from modelswarms.engines.ray import RayEngine
from modelswarms.engines.ray_cluster import Placement
search(json.loads(sys.argv[3]), engine=RayEngine(Scripted(late, 0.02), Placement(sys.argv[2], 4)))
"""


def test_a_driver_that_is_killed_is_resumed(cluster, engine, long, undisturbed):
    address = cluster[0].address
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(HELPERS), address, json.dumps(long)])
    once(lambda: evaluations(long["run_dir"]) >= 20, 120)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    known = evaluations(long["run_dir"])
    assert not (Path(long["run_dir"]) / "result.json").exists()
    run = resume(long["run_dir"], engine=engine(Scripted(), workers=2)).run_dir
    assert evaluations(run) > known
    assert same(run, undisturbed(long))


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
    assert inside.describe() == {**make_engine(alone, base).describe(), "workers": "ray"}
    assert texts(inside) == texts(make_engine(alone, base))


def test_an_engine_that_cannot_start_is_named(engine):
    def broken():
        raise ConfigError("engine.device: not on this node")

    space = ExpertSpace.load(dict(list(zoo.expert_paths().items())[:2]))
    from modelswarms.engines.ray import RayEngine
    from modelswarms.engines.ray_cluster import Placement

    with pytest.raises(ConfigError, match="not on this node"):
        RayEngine(broken, Placement(workers=1), inner=ScriptedEngine(answer)).start(space)


def test_more_than_the_cluster_holds_is_refused(cluster):
    from modelswarms.engines.ray import RayEngine
    from modelswarms.engines.ray_cluster import Placement

    space = ExpertSpace.load(dict(list(zoo.expert_paths().items())[:2]))
    with pytest.raises(ConfigError, match=r"engine.workers: 1 of 64 processors .* Ray has \d"):
        RayEngine(Scripted(), Placement(cluster[0].address, 1, cpus=64.0)).start(space)
