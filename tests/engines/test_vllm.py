"""A real vLLM on a processor: the local engine's answers, several candidates at once, and nothing left behind."""

from __future__ import annotations

import gc
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

if find_spec("vllm") is None:  # before the environment is changed, which is the other tests' too
    pytest.skip("vLLM has an environment of its own: make test-vllm", allow_module_level=True)
for name, value in {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "HF_HUB_OFFLINE": "1"}.items():
    os.environ.setdefault(name, value)  # one process: its memory is measured, and it starts sooner

from modelswarms import ConfigError, EngineError, ExpertSpace, search, zoo  # noqa: E402
from modelswarms.engines import EngineConfig, make_engine  # noqa: E402
from modelswarms.engines.vllm_package import RANKS  # noqa: E402
from modelswarms.testing import check_engine  # noqa: E402
from modelswarms.types import LoglikelihoodRequest, Request  # noqa: E402

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("default")]  # what vLLM warns of is its own business

SAFE = 1e-3
"""Two highest logits nearer than this may change places with another engine's order of additions."""

PROMPTS = 200

ITEMS = 20
"""Of the data of a whole search."""


@pytest.fixture(scope="module")
def space():
    return ExpertSpace.load(zoo.expert_paths(), base=zoo.base_path(), combine="factors")


@pytest.fixture(scope="module")
def engine(space):
    engine = make_engine(EngineConfig(kind="vllm", device="cpu", dtype="float32"), zoo.base_path())
    engine.start(space)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def local(space):
    engine = make_engine(EngineConfig(device="cpu", dtype="float32"), zoo.base_path())
    engine.start(space)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def prompts():
    items = json.loads(zoo.questions_path().read_text())
    return [item["question"] for item in items["dev"]][:PROMPTS]


@pytest.fixture(scope="module")
def mixture(space):
    return np.random.default_rng(3).dirichlet(np.ones(space.n)) * 1.5


@pytest.fixture
def nothing_else(engine):
    """One process holds one vLLM: the tests that start their own come last."""
    engine.close()


def resident() -> float:
    """MiB of this process, in which vLLM runs here."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_answers_are_the_local_engines(engine, local, prompts, mixture):
    """In float32, at least 99 % of 200; the others are near ties."""
    everything = [Request(prompt, 4) for prompt in prompts]
    assert len(everything) == PROMPTS
    for point, requests in ((mixture, everything), (None, everything[::4])):
        with engine.bind(point) as model, local.bind(point) as reference:
            there, here = model.generate(requests), reference.generate(requests)
        differ = [(a, b) for a, b in zip(there, here, strict=True) if a.text != b.text]
        assert len(differ) <= len(requests) // 100, differ
        assert all(min(a.margin, b.margin) < SAFE for a, b in differ), differ
        same = [(a, b) for a, b in zip(there, here, strict=True) if a.text == b.text]
        for a, b in same:
            assert (a.prompt_tokens, a.new_tokens) == (b.prompt_tokens, b.new_tokens)
            assert a.margin == pytest.approx(b.margin, abs=SAFE)


def test_stops_and_limits_are_the_local_engines(engine, local, space, prompts):
    wild = space.coefficients([-3.0] * space.n)  # far from any expert, so that answers go on
    with local.bind(wild) as reference, engine.bind(wild) as model:
        long = reference.generate([Request(prompt, 6) for prompt in prompts[:12]])
        asked = [Request(prompt, k % 4) for k, prompt in enumerate(prompts[:12])]
        asked += [Request(p, 6, stop=(r.text[2:4] or "none", "no such")) for p, r in zip(prompts, long, strict=False)]
        here, there = reference.generate(asked), model.generate(asked)
    assert any(r.new_tokens == 0 for r in here) and any(r.text for r in here[12:])
    differ = [(a, b) for a, b in zip(there, here, strict=True) if a.text != b.text]
    assert all(min(a.margin, b.margin) < SAFE for a, b in differ), differ
    assert len(differ) <= 1, differ
    assert [r.new_tokens for r in there[:12]] == [r.new_tokens for r in here[:12]]


def test_log_likelihoods_are_the_local_engines(engine, local, prompts, mixture):
    texts = (" Yes", " 12", " 7 Yes 3")
    asked = [LoglikelihoodRequest(prompt, text) for prompt in prompts[:10] for text in texts]
    asked += [LoglikelihoodRequest("", " ".join(prompts[:3])), LoglikelihoodRequest(prompts[0], " Yes", truncate=True)]
    with local.bind(mixture) as reference, engine.bind(mixture) as model:
        here, there = reference.loglikelihood(asked), model.loglikelihood(asked)
    for a, b in zip(there, here, strict=True):
        assert a.logprob == pytest.approx(b.logprob, abs=2e-3)
        assert (a.tokens, a.context_tokens, a.is_greedy) == (b.tokens, b.context_tokens, b.is_greedy)


def test_the_scaling_is_applied_once(engine, space, mixture):
    """The zoo's is 2: vLLM multiplies B by it when it loads an adapter, and by nothing afterwards."""
    assert space.adapters[0].scaling == 2
    composed = space.compose(mixture)
    module = next(name for name in composed.tensors if name.endswith("o_proj"))
    down, up = composed.tensors[module]
    with engine.bind(mixture):
        held = engine._loop.call(_loaded)
    (adapter,) = held.values()
    (layer,) = [weights for name, weights in adapter.loras.items() if name in module or module in name]
    assert layer.scaling == 1
    np.testing.assert_allclose(layer.lora_a.float().numpy(), down, rtol=1e-6)
    np.testing.assert_allclose(layer.lora_b.float().numpy(), 2 * up, rtol=1e-6)


def _loaded(vllm):
    """The adapters that vLLM holds, by their numbers."""
    worker = vllm.engine_core.engine_core.model_executor.driver_worker.worker
    return dict(worker.model_runner.lora_manager._adapter_manager.list_adapters())


def test_the_contract_with_six_candidates_in_flight(engine, space, prompts):
    """Threads bind at once; none gets another's answers, nor cached prefixes of one that was bound before."""
    assert engine.slots == 6
    adapters: list[int] = []
    step = engine._loop.call(lambda vllm: vllm.step)
    scheduler = engine._loop.call(lambda vllm: vllm.engine_core.engine_core.scheduler)

    def watched():
        adapters.append(len({r.lora_request.lora_int_id for r in scheduler.requests.values()}))
        return step()

    engine._loop.call(lambda vllm: setattr(vllm, "step", watched))
    points = [None, *(np.eye(space.n)[k] * 1.5 for k in range(5))]
    requests = [Request(prompt, 4) for prompt in prompts[:12]]

    def ask(point):
        with engine.bind(point) as model:
            return [r.text for r in model.generate(requests)]

    alone = [ask(point) for point in points]
    assert max(adapters) == 1
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(ask, points)) == alone
    engine._loop.call(lambda vllm: setattr(vllm, "step", step))
    assert max(adapters) == 6  # the requests of all candidates are in one scheduler
    assert len({tuple(texts) for texts in alone}) > 1
    with ExitStack() as held:
        for point in points:
            held.enter_context(engine.bind(point))
        with pytest.raises(EngineError, match=r"6 models are bound.*engine\.slots"):
            held.enter_context(engine.bind(None))


def test_many_candidates_leave_nothing_behind(engine, space, prompts):
    draws = np.random.default_rng(5).dirichlet(np.ones(space.n), size=200)
    request = [Request(prompts[0], 1)]
    sizes = []
    for k, point in enumerate(draws):
        with engine.bind(point) as model:
            model.generate(request)
            assert list(engine._weights._folder.iterdir()) == []  # loaded, so the files are gone already
        if k in (49, 199):
            sizes.append(resident())
    assert sizes[1] - sizes[0] < 20, sizes  # MiB; a composed adapter has 2
    assert engine._loop.call(lambda vllm: set(vllm.list_loras())) == set()


def test_what_vllm_refuses_is_an_error_and_the_engine_goes_on(engine, space, prompts, mixture):
    with engine.bind(mixture) as model:
        with pytest.raises(EngineError, match="context of"):
            model.generate([Request(prompts[0], 100_000)])
        with pytest.raises(EngineError, match="vLLM: "):
            engine._loop.answers([_refused(), _refused()])
        assert engine._loop.call(lambda vllm: vllm.has_unfinished_requests()) is False
        model.generate([Request(prompts[0], 1)])
    with pytest.raises(EngineError, match="released"):
        model.generate([Request(prompts[0], 1)])


def test_an_overflow_is_its_candidates_alone(engine, space, prompts, mixture):
    """NaN stays in vLLM's cache, and would spoil whoever is given its blocks next: beside it, or after it."""
    requests = [Request(prompt, 4) for prompt in prompts[:12]]
    scored = [LoglikelihoodRequest(prompts[0], " Yes 2")]

    def ask(point):
        with engine.bind(point) as model:
            return [r.text for r in model.generate(requests)]

    points = [mixture, None, mixture / 2]
    alone = [ask(point) for point in points]
    with ThreadPoolExecutor(6) as threads:
        bad = [threads.submit(ask, np.full(space.n, size)) for size in (1e12, 1e15)]
        good = [threads.submit(ask, point) for point in points]
        for one in bad:
            with pytest.raises(EngineError, match="not finite"):
                one.result()
        assert [one.result() for one in good] == alone
    with engine.bind(np.full(space.n, 1e12)) as model, pytest.raises(EngineError, match="not finite"):
        model.loglikelihood(scored)
    assert [ask(point) for point in points] == alone
    with engine.bind(mixture) as model:
        assert np.isfinite(model.loglikelihood(scored)[0].logprob)


def _refused():
    from vllm import SamplingParams

    from modelswarms.engines.vllm_loop import Asked

    return Asked([10**9], SamplingParams(max_tokens=1))


def test_interrupted_requests_are_dropped(engine, prompts, mixture, monkeypatch):
    from modelswarms.engines import vllm_loop

    class Interrupted(vllm_loop.Future):
        def result(self, timeout=None):
            raise KeyboardInterrupt

    with engine.bind(mixture) as model:
        with monkeypatch.context() as patched:
            patched.setattr(vllm_loop, "Future", Interrupted)
            with pytest.raises(KeyboardInterrupt):
                model.generate([Request(prompt, 200) for prompt in prompts[:8]])
        assert engine._loop.call(lambda vllm: vllm.has_unfinished_requests()) is False
        assert len(model.generate([Request(prompts[0], 1)])) == 1


def test_ranks_are_vllms():
    from vllm.config.lora import MaxLoRARanks

    assert set(RANKS) <= set(get_args(MaxLoRARanks))
    assert max(RANKS) == max(get_args(MaxLoRARanks))


def test_the_general_contract(prompts, nothing_else):
    """All of it, on exact sums (rank 16) and an engine of its own."""
    two = dict(list(zoo.expert_paths().items())[:2])
    space = ExpertSpace.load(two, base=zoo.base_path(), combine="delta")
    other = make_engine(EngineConfig(kind="vllm", dtype="float32", slots=3), zoo.base_path())
    check_engine(other, space, prompts[:4])


def test_a_search_has_the_local_engines_result(tmp_path, nothing_else):
    settings = {
        "experts": {name: str(path) for name, path in list(zoo.expert_paths().items())[:4]},
        "swarm": {"particles": 4, "max_iterations": 2},
        "utility": {"kind": "exact_match", "data": str(_some(tmp_path)), "max_new_tokens": 4},
        "engine": {"kind": "local", "device": "cpu", "dtype": "float32"},
        "test": "none",
        "rescore": False,
        "racing": False,  # the engines cut other blocks, so that each would leave other answers unasked
    }
    here, there = tmp_path / "local", tmp_path / "vllm"
    expected = search(**settings, run_dir=str(here))
    settings["engine"] |= {"kind": "vllm", "slots": 4}
    found = search(**settings, run_dir=str(there))
    answers, points = zip(*map(_evaluations, (there, here)), strict=True)
    assert len(answers[1]) >= 12 and answers[0].keys() == answers[1].keys()
    asked = [(answers[0][c][k], answers[1][c][k]) for c in answers[1] for k in range(ITEMS)]
    differ = sum(a != b for a, b in asked)
    assert differ <= len(asked) // 100
    assert found.details["engine"]["kind"] == "vllm" and found.details["engine"]["slots"] == 4
    if not differ:
        assert points[0] == points[1]
        assert found.best == expected.best


def _evaluations(run):
    lines = map(json.loads, (run / "journal.jsonl").read_text().splitlines())
    records = {r["candidate"]: r for r in lines if r["kind"] == "evaluation"}
    return {c: r["answers"] for c, r in records.items()}, {c: r["coefficients"] for c, r in records.items()}


def _some(tmp_path):
    items = json.loads(zoo.questions_path().read_text())["dev"]
    path = tmp_path / "some.json"
    path.write_text(json.dumps({"dataset": "some", "dev": items[:ITEMS], "test": []}))
    return path


def test_what_vllm_cannot_start_with_is_said(space):
    engine = make_engine(EngineConfig(kind="vllm", device="cpu", max_model_len=10**6), zoo.base_path())
    with pytest.raises(ConfigError, match=r"engine\.kind: vLLM cannot start.*max_model_len.*see docs/vllm\.md"):
        engine.start(space)
    engine.close()
