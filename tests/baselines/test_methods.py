"""Every method against a computation of its own, and what holds for all of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modelswarms.baselines import GIVEN, METHODS, Merging, MethodSearcher, make_searcher
from modelswarms.errors import AskTellError, ConfigError, MissingExtraError, SearchFailedError
from modelswarms.swarm import PRESETS, SwarmConfig
from modelswarms.types import RunSearcher

OPTIMUM = np.array([0.7, 0.1, 0.45, -0.2])
FIXED = ("best_single", "uniform_soup", "greedy_soup", "task_arithmetic", "pack")
"""Methods that cannot reach every point."""

MERGING = [name for name, method in METHODS.items() if issubclass(method, Merging)]
SEARCHING = [name for name in METHODS if name not in (*FIXED, *MERGING)]


def bowl(point):
    """The higher, the nearer to OPTIMUM; no two experts alike, and any merge counts as the mean of all."""
    point = np.asarray(point)
    away = point[:4] + point[4:].sum() / 4 - OPTIMUM
    return 1 - float(away @ np.diag([1.0, 1.3, 0.8, 1.1]) @ away)


def run(name, value=bowl, n=4, evaluations=60, seed=0, swarm="default", order=None, **keys):
    """The searcher at its end, and all that was asked with its values; ``order``: in which a batch is told."""
    searcher = make_searcher({"kind": name, "evaluations": evaluations, **keys}, PRESETS[swarm], n, seed)
    asked = []
    while batch := searcher.ask():
        for candidate in batch if order is None else order(batch):
            searcher.tell(candidate.id, value(candidate.coefficients))
        asked += [(c, value(c.coefficients)) for c in batch]
    return searcher, asked


def points_of(asked):
    points = [candidate.coefficients for candidate, _ in asked]
    wide = max(map(len, points))  # merges have coefficients of their own
    return np.array([np.pad(point, (0, wide - len(point))) for point in points])


# Against a computation of its own.


def test_the_best_single_expert():
    searcher, asked = run("best_single")
    assert len(asked) == 4
    assert searcher.best.coefficients.tolist() == np.eye(4)[int(np.argmax([bowl(e) for e in np.eye(4)]))].tolist()


def test_the_uniform_soup_is_the_mean_even_where_an_expert_is_better():
    searcher, asked = run("uniform_soup", value=lambda a: float(a[2]))
    assert len(asked) == 5
    assert searcher.best.coefficients.tolist() == [0.25] * 4
    assert searcher.best_value == 0.25


@pytest.mark.parametrize("seed", range(20))
def test_the_greedy_soup_is_that_of_plain_loops(seed):
    """Values rounded to quarters, so that there are ties."""
    generator = np.random.default_rng(seed)
    optimum = generator.uniform(0, 0.6, 6)

    def value(a):
        return round(4 * (1 - float(np.abs(np.asarray(a) - optimum).sum()))) / 4

    pool = sorted(range(6), key=lambda k: (-value([float(j == k) for j in range(6)]), k))
    soup = [pool[0]]
    for k in pool[1:]:
        tried = [*soup, k]
        if value(mean(tried, 6)) >= value(mean(soup, 6)):
            soup = tried
    searcher, asked = run("greedy_soup", value, n=6)
    np.testing.assert_allclose(searcher.best.coefficients, mean(soup, 6), atol=1e-15)
    assert len(asked) == 11


def mean(experts, n):
    return [sum(k == e for e in experts) / len(experts) for k in range(n)]


def test_task_arithmetic_takes_the_best_of_twenty_scales():
    searcher, asked = run("task_arithmetic")
    scales = [k / 20 for k in range(1, 21)]
    best = max(scales, key=lambda s: bowl([s] * 4))
    np.testing.assert_allclose(searcher.best.coefficients, [best] * 4)
    assert len(asked) == 24


def test_random_search_draws_what_random_search_beside_a_swarm_draws():
    from modelswarms.baselines import RandomSearch

    _, asked = run("random", evaluations=30, seed=5)
    beside = RandomSearch(4, 26, seed=5, freedom="subsets")
    drawn = []
    while batch := beside.ask():
        for candidate in batch:
            beside.tell(candidate.id, 0.0)
        drawn += [candidate.coefficients for candidate in batch]
    np.testing.assert_array_equal(points_of(asked)[4:], drawn)


@pytest.mark.parametrize("name", [name for name in SEARCHING if name != "random"])
def test_a_search_finds_a_known_optimum(name):
    searcher, _ = run(name, evaluations=BUDGETS.get(name, 150))
    assert searcher.best_value > 1 - NEARNESS.get(name, 0.01)


BUDGETS = {"bayesian": 30, "lorahub": 200}
NEARNESS = {"bayesian": 0.05, "lorahub": 0.1}
"""The second is that of its price on coefficients, and less of a search."""


def test_lorahub_takes_the_point_that_is_best_with_its_price_on_coefficients():
    """With a price of 100 nothing is worth what it costs, and the smallest coefficients are the result."""
    searcher, asked = run("lorahub", evaluations=60, l1=100.0)
    cheapest = min(asked[4:], key=lambda pair: 100 * np.abs(pair[0].coefficients).mean() - pair[1])[0]
    assert searcher.best.id == cheapest.id
    assert np.abs(points_of(asked)).max() <= 1.5
    assert np.abs(points_of(asked[4:])).mean(axis=1).min() == np.abs(searcher.best.coefficients).mean()


def test_coordinate_search_is_that_of_plain_loops():
    here, reached, step = [0.0] * 4, -math.inf, 0.5
    alone = sorted(range(4), key=lambda k: -bowl([float(j == k) for j in range(4)]))
    here[alone[0]] = 1.0
    reached = bowl(here)
    while step >= 0.01:
        moved = False
        for k in alone:
            tried = [[*here[:k], here[k] + sign * step, *here[k + 1 :]] for sign in (1, -1)]
            value, best = max(((bowl(p), p) for p in tried), key=lambda pair: pair[0])
            if value > reached:
                here, reached, moved = best, value, True
        step = step if moved else step / 2
    searcher, _ = run("coordinates", evaluations=10_000)
    np.testing.assert_allclose(searcher.best.coefficients, here)
    assert searcher.stopped_by == "converged"
    np.testing.assert_allclose(here, OPTIMUM, atol=0.02)


def test_pso_merging_is_that_of_plain_loops():
    """Particle by particle, coefficient by coefficient."""
    from modelswarms.swarm import uniforms

    x = [[0.0] * 4] + [[float(j == k) for j in range(4)] for _ in range(2) for k in range(4)]
    v, p = [[0.0] * 4 for _ in x], [list(row) for row in x]
    expected = []
    for step in range(1, 5):
        draws = [float(u) for u in uniforms(7, step, 18, stream=3)]
        g = list(max(p, key=bowl))
        for i in range(9):
            for k in range(4):
                pull = 2 * draws[i] * (p[i][k] - x[i][k]) + 2 * draws[9 + i] * (g[k] - x[i][k])
                v[i][k] = 0.2 * v[i][k] + pull
                x[i][k] += v[i][k]
        expected += [list(row) for row in x]
        p = [list(a) if bowl(a) > bowl(b) else b for a, b in zip(x, p, strict=True)]
    _, asked = run("pso_merging", evaluations=5 + 4 * 9, seed=7)
    assert points_of(asked)[4].tolist() == [0.0] * 4
    np.testing.assert_allclose(points_of(asked)[5:], expected, atol=1e-12)


@pytest.mark.parametrize("evaluations", [40, 8])
def test_the_pack_is_that_of_plain_loops(evaluations):
    alone = sorted(range(4), key=lambda k: -bowl([float(j == k) for j in range(4)]))
    steps = max(1, min(20, (evaluations - 4) // 3))
    pack = [float(k == alone[0]) for k in range(4)]
    for k in alone[1:]:
        shares = [j / max(2, steps) for j in range(steps + 1)]
        pack = max(([(1 - s) * p + s * (j == k) for j, p in enumerate(pack)] for s in shares), key=bowl)
    searcher, _ = run("pack", evaluations=evaluations)
    np.testing.assert_allclose(searcher.best.coefficients, pack, atol=1e-12)


# What holds for every method.


@pytest.fixture(params=sorted(set(METHODS) - set(GIVEN)))
def name(request):
    return request.param


def test_it_is_a_searcher_that_begins_with_the_experts(name):
    searcher, asked = run(name, evaluations=12)
    assert isinstance(searcher, RunSearcher)
    np.testing.assert_array_equal(points_of(asked[:4]), np.eye(4))
    assert [c.id for c, _ in asked[:4]] == [c.id for c in searcher.starting_candidates]
    assert len({c.id for c, _ in asked}) == len(asked)
    assert not asked[-1][0].coefficients.flags.writeable


@pytest.mark.parametrize("evaluations", [4, 5, 9, 23])
def test_it_keeps_to_its_budget(name, evaluations):
    searcher, asked = run(name, evaluations=evaluations)
    assert len(asked) <= evaluations
    assert searcher.done
    assert searcher.ask() == []
    assert searcher.stopped_by in ("converged", "evaluations")
    if searcher.stopped_by == "evaluations":
        assert len(asked) == evaluations


def test_a_seed_and_values_decide_all_whatever_the_order_of_telling(name):
    evaluations = 18 if name == "bayesian" else 40
    one, first = run(name, seed=3, evaluations=evaluations)
    other, again = run(name, seed=3, evaluations=evaluations, order=reversed)
    np.testing.assert_array_equal(points_of(first), points_of(again))
    assert one.best.id == other.best.id


def test_its_best_is_the_highest_value_unless_the_method_says_otherwise(name):
    searcher, asked = run(name, evaluations=24)
    highest = max(asked, key=lambda pair: pair[1])[0]
    assert searcher.best.id == (searcher.answer or highest).id
    if name in SEARCHING and searcher.answer is None:
        assert searcher.best_value == max(value for _, value in asked)


def test_identical_experts_give_that_expert_back(name):
    """Of equal experts only the sum of coefficients counts; where it has to be 1, every point is that expert."""
    searcher, asked = run(name, value=lambda a: 0.6, swarm="paper", evaluations=20)
    np.testing.assert_allclose(points_of(asked).sum(axis=1), 1.0, atol=1e-9)
    assert searcher.best.coefficients.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("name", [*FIXED, "coordinates"])
def test_permuting_the_experts_permutes_the_answer(name):
    order = np.array([2, 0, 3, 1])
    plain, _ = run(name)
    permuted, _ = run(name, value=lambda a: bowl(np.asarray(a)[np.argsort(order)]))
    np.testing.assert_allclose(permuted.best.coefficients, plain.best.coefficients[order])


def test_a_failed_evaluation_is_no_value(name):
    """The first expert fails and so do a few points; none of them is the best, and the search goes on."""

    def value(a):
        return math.nan if a[0] == 1 or int(abs(a[0]) * 1000) % 5 == 1 else bowl(a)

    searcher, asked = run(name, value, evaluations=24)
    assert math.isfinite(searcher.best_value)
    assert len(asked) > 3


def test_where_everything_fails_it_says_so(name):
    searcher = make_searcher({"kind": name, "evaluations": 20}, SwarmConfig(), 4)
    for candidate in searcher.ask():
        searcher.tell(candidate.id, None)
    with pytest.raises(SearchFailedError, match="cannot go on"):
        searcher.ask()


def test_one_expert_is_enough(name):
    searcher, asked = run(name, value=lambda a: 1 - abs(float(a[0]) - 0.8), n=1, evaluations=15)
    assert asked[0][0].coefficients.tolist() == [1.0]
    assert searcher.best is not None


def test_asking_and_telling_out_of_order_is_refused(name):
    searcher = make_searcher({"kind": name, "evaluations": 20}, SwarmConfig(), 4)
    first, *_ = searcher.ask()
    searcher.tell(first.id, 0.1)
    with pytest.raises(AskTellError, match="0000-001"):
        searcher.ask()
    with pytest.raises(AskTellError, match="tell each asked id once"):
        searcher.tell(first.id, 0.2)
    with pytest.raises(AskTellError, match="'nobody'"):
        searcher.tell("nobody", 0.2)


# What can be wrong.


def test_a_budget_below_the_number_of_experts_is_refused(name):
    with pytest.raises(ConfigError, match=r"searcher\.evaluations: 3 .* experts, 4"):
        make_searcher({"kind": name, "evaluations": 3}, SwarmConfig(), 4)


def test_a_missing_package_is_named(name, monkeypatch):
    needs = METHODS[name].needs
    if not needs:
        pytest.skip("needs nothing")
    monkeypatch.setattr("modelswarms.baselines.base.find_spec", lambda package: None)
    with pytest.raises(MissingExtraError, match=rf"{needs[0]}.*pip install 'modelswarms\[searchers\]'"):
        make_searcher(name, SwarmConfig(), 4)


def test_without_a_budget_it_may_do_what_the_swarm_may():
    swarm = SwarmConfig(particles=12, max_iterations=3)
    searcher = make_searcher("random", swarm, 4)
    assert isinstance(searcher, MethodSearcher)
    leading = make_searcher("swarm", SwarmConfig(particles=12, max_iterations=3, patience=99), 4)
    asked = 0
    while batch := leading.ask():
        asked += len(batch)
        for candidate in batch:
            leading.tell(candidate.id, bowl(candidate.coefficients))
    assert searcher.evaluations == asked == 48


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("cmaess", "did you mean 'cmaes'"),
        ({"kind": "cmaes", "sigmaa": 1}, "unknown key 'searcher.sigmaa'; did you mean 'searcher.sigma'"),
        ({"kind": "cmaes", "sigma": 0.0}, "searcher.sigma: 0.0 is not allowed; give a number above 0"),
        ({"kind": "cmaes", "population": 1}, "searcher.population"),
        ({"kind": "swarm", "particles": 3}, "write it under swarm"),
        (3, "write searcher: cmaes"),
    ],
)
def test_wrong_keys_are_named(given, said):
    with pytest.raises(ConfigError, match=said):
        make_searcher(given, SwarmConfig(), 4)
