"""Searchers at equal evaluations and equal freedom, over many grounds and seeds.

    python benchmarks/searchers.py --grounds skills3 bowl3 skills10 bowl10 skills30 bowl30 skills100 bowl100
    python benchmarks/searchers.py --grounds zoo --device cuda --seeds 10

Every searcher pays for the experts alone first, since whoever combines experts wants to know the best of them. What it
found after 100, 200 and 1,000 evaluations, best on dev, is valued on unseen items. Prints a table for each ground and
adds the figures to benchmarks/results/searchers.json.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from landscapes import Ground, ZooGround, synthetic
from modelswarms import zoo
from modelswarms.baselines import RandomSearch
from modelswarms.swarm import PRESETS, Swarm, SwarmConfig
from modelswarms.types import Searcher
from seeds import markdown

log = logging.getLogger(__name__)

BUDGETS = (100, 200, 1000)
Array = np.ndarray
Proposals = Callable[[int, int], Iterator[Array]]
"""From a number of experts and a seed: points to value, (k, n); the values are sent back."""


def asked(make: Callable[[int, int], Searcher]) -> Proposals:
    """The proposals of a searcher with ask and tell."""

    def proposals(n: int, seed: int) -> Any:
        searcher = make(n, seed)
        while batch := searcher.ask():
            values = yield np.array([candidate.coefficients for candidate in batch])
            for candidate, value in zip(batch, values, strict=True):
                searcher.tell(candidate.id, float(value))

    return proposals


def swarm(config: SwarmConfig, **keys: Any) -> Proposals:
    """A swarm that goes on as long as it may."""
    endless = replace(config, patience=10**6, max_iterations=10**6, **keys)
    return asked(lambda n, seed: Swarm(n, endless, seed))


def random_search(freedom: Any) -> Proposals:
    def proposals(n: int, seed: int) -> Any:
        yield np.eye(n)
        yield from asked(lambda n, seed: RandomSearch(n, BUDGETS[-1], seed, freedom))(n, seed)

    return proposals


def cma_es(mean: float, sigma: float) -> Proposals:
    """CMA-ES (Hansen 2016) of the package ``cmaes``, begun anew where it has converged."""

    def proposals(n: int, seed: int) -> Any:
        import cmaes

        yield np.eye(n)
        for restart in range(10**6):
            search = cmaes.CMA(mean=np.full(n, mean), sigma=sigma, seed=seed + 1 + 10_000 * restart)
            while not search.should_stop():
                points = [search.ask() for _ in range(search.population_size)]
                values = yield np.array(points)
                search.tell([(point, -value) for point, value in zip(points, values, strict=True)])

    return proposals


OLD = SwarmConfig(motion="velocity", leaders=3)
METHODS: Mapping[str, Proposals] = {
    "swarm: default": swarm(PRESETS["default"]),
    "swarm: paper": swarm(PRESETS["paper"]),
    "swarm: original": swarm(PRESETS["original"]),
    "random: subsets": random_search("subsets"),
    "random: stretched": random_search("stretched"),
    "CMA-ES: mean 0.2": cma_es(0.2, 0.3),
    "CMA-ES: mean 0.5": cma_es(0.5, 0.3),
    "velocity, free sums": swarm(OLD),
    "velocity, Σ a = 1, one leader": swarm(
        OLD, leaders=1, draws_per="particle", populate_by="interpolation", include_base=False
    ),
    "bare bones, from interpolations": swarm(SwarmConfig(populate_by="interpolation")),
    "bare bones, from sums": swarm(SwarmConfig(populate_by="sums")),
    "bare bones, one in five leads": swarm(SwarmConfig(leaders=4)),
    "bare bones, half lead": swarm(SwarmConfig(leaders=10)),
    "bare bones, all lead": swarm(SwarmConfig(leaders=20)),
    "bare bones, 12 particles": swarm(SwarmConfig(particles=12)),
    "bare bones, 30 particles": swarm(SwarmConfig(particles=30)),
    "bare bones, spread 1": swarm(SwarmConfig(spread=1.0)),
    "bare bones, spread 2": swarm(SwarmConfig(spread=2.0)),
}  # fmt: skip


def run(ground: Ground, proposals: Iterator[Array]) -> list[dict[str, float]]:
    """Dev and test of the best on dev at each budget."""
    points: list[Array] = []
    values: list[float] = []
    batch = next(proposals)
    while True:
        room = BUDGETS[-1] - len(values)
        got = ground.dev(batch[:room])
        points += list(batch[:room])
        values += got.tolist()
        if len(values) >= BUDGETS[-1]:
            break
        try:
            batch = proposals.send(got)  # type: ignore[attr-defined]
        except StopIteration:
            break
    best = [int(np.argmax(values[:budget])) for budget in BUDGETS]
    tested = {place: ground.test(points[place]) for place in set(best)}
    return [{"dev": values[place], "test": tested[place]} for place in best]


def ground_of(name: str, seed: int, options: argparse.Namespace, cache: dict[Any, Ground]) -> Ground:
    if name not in ("zoo", "nlgraph"):
        return synthetic(name, seed)
    halves = seed if name == "nlgraph" else None
    if (name, halves) not in cache:
        folder = options.zoo or zoo.questions_path().parent
        questions = folder / "questions.json" if name == "zoo" else options.nlgraph
        cache[name, halves] = ZooGround(questions, folder, options.device, halves)
    return cache[name, halves]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grounds", nargs="+", default=["skills10", "bowl10"])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=24)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="of the zoo")
    parser.add_argument("--zoo", type=Path, help="folder of a built zoo; by default the embedded one")
    parser.add_argument("--nlgraph", type=Path, help="file of NLGraph questions, for the ground nlgraph")
    parser.add_argument("--minutes", type=float, default=1e9, help="no seed is begun after so long")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/searchers.json"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    warnings.simplefilter("ignore")  # cmaes warns of experimental parts
    began, figures, cache = time.monotonic(), _read(options.out), {}
    for name in options.grounds:
        found: dict[str, dict[str, list]] = {method: {} for method in options.methods}
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            if time.monotonic() - began > 60 * options.minutes:
                break
            ground = ground_of(name, seed, options, cache)
            for method in options.methods:
                found[method][str(seed)] = run(ground, METHODS[method](ground.n, seed))
                figures.setdefault(name, {}).setdefault(method, {}).update(found[method])
            log.info("%s, seed %d", name, seed)
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(figures, separators=(",", ":")) + "\n", encoding="utf-8")
        sys.stdout.write(_table(name, {m: f for m, f in figures[name].items() if m in METHODS}) + "\n\n")
        sys.stdout.flush()


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _table(name: str, methods: Mapping[str, Mapping[str, list]]) -> str:
    """Mean test value and its standard error over seeds at each budget; against the default, paired over seeds."""
    default = methods.get("swarm: default", {})
    rows = []
    for method, by_seed in methods.items():
        cells = []
        for place in range(len(BUDGETS)):
            values = {seed: 100 * figures[place]["test"] for seed, figures in by_seed.items()}
            gaps = [100 * (figures[place]["dev"] - figures[place]["test"]) for figures in by_seed.values()]
            both = [values[s] - 100 * default[s][place]["test"] for s in values if s in default]
            versus = "" if method == "swarm: default" or not both else f", {_mean(both)}"
            cells.append(f"{_mean(list(values.values()))}{versus} (gap {statistics.fmean(gaps):+.1f})")
        rows.append([method, str(len(by_seed)), *cells])
    header = [name, "seeds", *(f"{budget} evaluations: test, minus default" for budget in BUDGETS)]
    return markdown(header, rows)


def _mean(values: list[float]) -> str:
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{statistics.fmean(values):.1f} ± {error:.1f}"


if __name__ == "__main__":
    main()
