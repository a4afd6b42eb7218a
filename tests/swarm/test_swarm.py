"""Properties and edges of the swarm, and the original program's defects."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelswarms import AskTellError, ConfigError, Evaluation, SearchFailedError
from modelswarms.swarm import PRESETS, Swarm, SwarmConfig, draws, uniforms

AFFINE = replace(PRESETS["paper"], particles=8, max_iterations=12)
SLOW = SwarmConfig(particles=8, max_iterations=12, patience=100, motion="velocity")


GOLDEN = Path(__file__).with_name("golden.json")


def value(candidate, target=(0.7, 0.6, 0, 0)):
    return -float(np.abs(candidate.coefficients - np.resize(target, candidate.coefficients.shape)).sum())


def run(swarm, utility=value, shuffle=None, batches=10**6):
    """Every candidate, in the order of asking."""
    seen = []
    while batches and (batch := swarm.ask()):
        batches -= 1
        seen += batch
        order = list(batch)
        if shuffle is not None:
            random.Random(shuffle).shuffle(order)
        for candidate in order:
            swarm.tell(candidate.id, utility(candidate))
    return seen


def rows(candidates):
    return [(c.id, c.coefficients.tolist()) for c in candidates]


@given(st.integers(0, 2**63 - 1), st.sampled_from(["interpolation", "sums"]), st.booleans())
@settings(max_examples=30, deadline=None)
def test_sums_are_what_the_method_says(seed, by, base):
    config = replace(AFFINE, populate_by=by, include_base=base, max_iterations=30, step_length_factor=1.0)
    swarm = Swarm(4, config, seed)
    for candidate in run(swarm):
        bound = 1e-12 * max(1.0, np.abs(candidate.coefficients).max())
        if not base and by == "interpolation":
            assert abs(candidate.coefficients.sum() - 1) <= bound
    if not base and by == "interpolation":
        assert np.abs(swarm.state.velocity.sum(axis=2)).max() <= 1e-12 * max(1.0, np.abs(swarm.state.position).max())


@given(st.integers(0, 2**32), st.integers(), st.sampled_from(list(PRESETS)))
@settings(max_examples=25, deadline=None)
def test_the_order_of_telling_changes_nothing(seed, shuffle, preset):
    config = replace(PRESETS[preset], particles=7, max_iterations=8)
    assert rows(run(Swarm(4, config, seed))) == rows(run(Swarm(4, config, seed), shuffle=shuffle))


@given(st.integers(0, 2**32), st.integers(1, 6), st.sampled_from(list(PRESETS)), st.integers(0, 6))
@settings(max_examples=25, deadline=None)
def test_saved_and_loaded_it_goes_on_bit_for_bit(seed, batches, preset, told):
    config = replace(PRESETS[preset], particles=7, max_iterations=10)
    whole = run(Swarm(4, config, seed))
    swarm = Swarm(4, config, seed)
    seen = run(swarm, batches=batches)
    open_batch = swarm.ask()
    for candidate in open_batch[:told]:  # saved in the middle of a batch
        swarm.tell(candidate.id, value(candidate))
    swarm = Swarm.from_dict(json.loads(json.dumps(swarm.to_dict(), allow_nan=False)))
    for candidate in open_batch[told:]:
        swarm.tell(candidate.id, value(candidate))
    assert rows(seen + open_batch + run(swarm)) == rows(whole)


@given(st.integers(0, 2**32), st.lists(st.sampled_from(["ok", "ok", "none", "nan", "inf", "failed"]), min_size=5))
@settings(max_examples=40, deadline=None)
def test_what_failed_is_never_a_best_or_a_worst(seed, fates):
    swarm, good = Swarm(4, SLOW, seed), {}

    def utility(candidate):
        fate = fates[(candidate.particle * 3 + candidate.iteration) % len(fates)]
        if fate == "ok":
            good[candidate.id] = value(candidate)
            return good[candidate.id]
        failed = Evaluation(candidate.id, 1e9, failure="no power")
        return {"none": None, "nan": math.nan, "inf": math.inf, "failed": failed}[fate]

    try:
        run(swarm, utility)
    except SearchFailedError:
        assert "ok" not in {fates[k % len(fates)] for k in range(1)} or swarm.best is None or swarm.best.id in good
    if good and swarm.best is not None:
        assert swarm.best_value == max(good[k] for k in good if k <= swarm.best.id or good[k] <= swarm.best_value)
        assert swarm.best.id in good
        assert swarm.worst.id in good
    for _, personal in swarm.personal_bests:
        assert personal is None or personal in good.values()


@pytest.mark.parametrize("config", [AFFINE, SLOW, replace(SLOW, starting_velocity="best"), replace(SLOW, repel=False)])
def test_every_move_is_a_convex_mix_of_four_terms(config):
    """From outside: weights between 0 and 1 that sum to 1 give the move, and they are eq. (1)'s."""
    config = replace(config, restart=False, leaders=1)
    width = 4 if config.draws_per == "coefficient" else 1
    swarm = Swarm(4, config, seed=2)
    run(swarm, batches=1)
    for _ in range(6):
        before = swarm.state
        run(swarm, batches=1)
        after = swarm.state
        if swarm.done:
            break
        weights = (
            draws(2, after.iteration, len(before.position), width).weights * np.array(config.coefficients)[:, None]
        )
        weights = weights / weights.sum(axis=1, keepdims=True)
        assert (weights >= 0).all()
        np.testing.assert_allclose(weights.sum(axis=1), 1)
        x = before.position
        moved = (after.position - x) / before.step_length
        terms = (before.velocity, before.personal_best - x, before.global_best.position - x,
                 x - before.global_worst.position)  # fmt: skip
        mixed = sum(w[:, None, :] * term for w, term in zip(np.moveaxis(weights, 1, 0), terms, strict=True))
        np.testing.assert_allclose(moved, mixed, atol=1e-9)


def test_candidates_cannot_be_changed_and_nothing_given_is():
    swarm = Swarm(3, SwarmConfig(particles=4, max_iterations=2))
    candidate = swarm.ask()[0]
    with pytest.raises(ValueError, match="read-only"):
        candidate.coefficients[0] = 9
    with pytest.raises(ValueError, match="read-only"):
        swarm.state.position[0] = 9


@pytest.mark.parametrize("experts", [1, 2, 3, 30])
@pytest.mark.parametrize("base", [False, True])
@pytest.mark.parametrize("by", ["interpolation", "sums"])
def test_any_number_of_experts(experts, base, by):
    """One expert is an endless loop in the original program."""
    config = SwarmConfig(particles=6, max_iterations=5, include_base=base, populate_by=by)
    swarm = Swarm(experts, config)
    seen = run(swarm, lambda c: -abs(float(c.coefficients.sum()) - 0.8))
    assert swarm.done
    starts = [c for c in seen if c.iteration == 0]
    np.testing.assert_array_equal([c.coefficients for c in starts[:experts]], np.eye(experts))
    pairs_exist = experts > 1 or (base and by == "interpolation")
    assert len(starts) == (max(6, experts + base) if pairs_exist else experts + base)


def test_a_flat_utility_ends_by_patience():
    swarm = Swarm(4, SwarmConfig(particles=5, patience=3, max_iterations=40))
    run(swarm, lambda c: 0.5)
    assert (swarm.stopped_by, swarm.iteration) == ("patience", 3)
    assert swarm.best.id == "000-000"  # the earlier, then the lower index, for best and worst alike
    assert swarm.worst.id == "000-000"


def test_the_originals_patience_and_ties_only_under_its_rules():
    swarm = Swarm(4, replace(PRESETS["original"], particles=5, patience=3, max_iterations=40, repel_coeff=0.0))
    run(swarm, lambda c: 0.5)
    assert (swarm.stopped_by, swarm.iteration) == ("patience", 2)
    assert swarm.best.id == "000-000"
    assert swarm.worst.id.endswith("-004")


def test_weights_of_interpolations_lie_between_0_and_1():
    config = SwarmConfig(particles=60, include_base=False, populate_by="interpolation")
    pairs = np.array([c.coefficients for c in Swarm(3, config).ask()])[3:]
    assert pairs.min() >= 0
    original = np.array([c.coefficients for c in Swarm(3, replace(config, rules="original")).ask()])[3:]
    assert original.min() < 0  # w up to 2


def test_sums_are_distinct_pairs_first():
    starts = [
        tuple(c.coefficients) for c in Swarm(4, SwarmConfig(particles=11, include_base=False, populate_by="sums")).ask()
    ]
    assert len(set(starts[4:10])) == 6
    assert starts[10] == starts[4]
    assert all(sum(row) == 2 for row in starts[4:])


@given(st.integers(0, 2**32), st.integers(2, 12))
@settings(max_examples=25, deadline=None)
def test_subsets_are_of_two_up_to_half_and_one_more(seed, n):
    starts = np.array([c.coefficients for c in Swarm(n, SwarmConfig(particles=n + 40), seed=seed).ask()])[n + 1 :]
    assert set(starts.ravel()) <= {0.0, 1.0}
    assert set(starts.sum(axis=1)) <= set(range(2, max(2, n // 2 + 1) + 1))
    assert len(starts) == 39
    if n > 3:
        assert len(set(starts.sum(axis=1))) > 1
        assert starts.sum(axis=0).min() > 0  # nobody is left out


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_permuted_experts_are_a_permuted_search(seed):
    """But for its draws, a bare bones swarm treats every expert alike."""
    order = [2, 0, 3, 1]
    values = [0.3, 0.9, 0.1, 0.7, 0.2, 0.5, 0.4]
    states = []
    for permuted in (False, True):
        swarm = Swarm(4, SwarmConfig(particles=7, max_iterations=1), seed)
        told = dict(zip([c.id for c in swarm.ask()], values, strict=True))
        state = swarm.state
        if permuted:
            flipped = {"position": state.position[..., order], "personal_best": state.personal_best[..., order]}
            swarm._state = replace(state, **flipped)
            swarm._batch = swarm._candidates()
        for name, number in told.items():
            swarm.tell(name, number)
        swarm.ask()
        states.append(swarm.state)
    plain, permuted = states
    np.testing.assert_allclose(permuted.centre, plain.centre[..., order])
    spread = [s.position - s.centre for s in states]
    np.testing.assert_allclose(
        spread[1] / draws(seed, 1, 7, normal=(1, 4)).normals,
        (spread[0] / draws(seed, 1, 7, normal=(1, 4)).normals)[..., order],
    )


def test_bare_bones_finds_an_optimum_that_is_no_mixture():
    """Weights that sum to 1.3, one of them negative; the published motion does not get there."""
    target = (0.9, 0.7, -0.3, 0.0)
    found = {}
    for name in ("default", "paper"):
        best = []
        for seed in range(5):
            swarm = Swarm(4, replace(PRESETS[name], max_iterations=40, patience=100), seed)
            run(swarm, lambda c: value(c, target))
            best.append(-swarm.best_value)
        found[name] = max(best)
    assert found["default"] < 0.1 < found["paper"]


def test_normal_draws_are_nearly_normal():
    many = draws(3, 5, 400, normal=(2, 50)).normals
    assert many.shape == (400, 2, 50)
    assert abs(many.mean()) < 0.02
    assert abs(many.std() - 1) < 0.02
    assert abs((np.abs(many) > 1.96).mean() - 0.05) < 0.005
    assert not np.array_equal(many, draws(3, 6, 400, normal=(2, 50)).normals)


def test_more_experts_than_particles_start_and_the_best_go_on():
    swarm = Swarm(9, SwarmConfig(particles=4, max_iterations=3))
    seen = run(swarm, lambda c: value(c, np.eye(9)[3] + np.eye(9)[5]))
    counts = [sum(c.iteration == k for c in seen) for k in range(4)]
    assert counts == [10, 4, 4, 4]
    assert {3, 5} <= {c.particle for c in seen if c.iteration == 1}


def test_leaders_pull_to_the_mean_of_the_best_personal_bests():
    config = SwarmConfig(
        particles=6, motion="velocity", leaders=2, inertia=0, cognitive_coeff=0, repel=False, max_iterations=1
    )
    swarm = Swarm(4, config)
    starts = swarm.ask()
    for candidate, value in zip(starts, [0.1, 0.9, 0.9, 0.2, 0.3, 0.9], strict=True):
        swarm.tell(candidate.id, value)
    for candidate in swarm.ask():
        np.testing.assert_allclose(candidate.coefficients, [0, 0.5, 0.5, 0], atol=1e-12)  # ties: the lower index


def test_dropped_positions_have_no_value():
    """The original program gives a skipped position its old score."""
    swarm = Swarm(4, SwarmConfig(particles=6, dropout_n=0.5, max_iterations=8, patience=50))
    asked = {}
    run(swarm, lambda c: asked.setdefault(c.id, value(c)))
    assert len([k for k in asked if not k.startswith("000")]) < 6 * 8
    assert swarm.best.id in asked


@pytest.mark.parametrize(("rules", "restarts"), [("fixed", [2, 4, 6]), ("original", [2, 3, 4, 5, 6, 7])])
def test_a_stale_particle_restarts_once_and_then_counts_anew(rules, restarts):
    config = replace(
        PRESETS["paper"], include_base=True, particles=3, rules=rules, restart_patience=2, patience=50,
        max_iterations=8, inertia=1.0,
    )  # fmt: skip
    swarm = Swarm(3, config)
    seen, before = [], None
    while batch := swarm.ask():
        state = swarm.state
        if before is not None:
            # after a restart the move begins at the personal best, with no velocity
            weights = draws(0, state.iteration, len(state.position)).weights[:, :, 0] * np.array(config.coefficients)
            weights = weights / weights.sum(axis=1, keepdims=True)
            p = before.personal_best
            fresh = p + before.step_length * (
                weights[:, 2, None, None] * (before.global_best.position - p)
                + weights[:, 3, None, None] * (p - before.global_worst.position)
            )
            if np.allclose(fresh[1], state.position[1], atol=1e-12) and state.iteration > 1:
                seen.append(state.iteration - 1)
        for candidate in batch:
            swarm.tell(candidate.id, [3.0, 2.0, 1.0, 0.0][candidate.particle] - (candidate.iteration > 0) * 0.001)
        before = swarm.state
    assert seen == restarts


def test_bounds_count_as_evaluated_without_becoming_a_best():
    swarm = Swarm(3, SwarmConfig(particles=3, patience=2, max_iterations=9, include_base=False))
    for candidate in swarm.ask():
        swarm.tell(candidate.id, 0.5)
    while batch := swarm.ask():
        for candidate in batch:
            swarm.tell(candidate.id, Evaluation(candidate.id, None, bounds=(0.1, 0.4)))
    assert swarm.stopped_by == "patience"
    assert swarm.best_value == 0.5


def test_a_lost_particle_returns_to_its_best(caplog):
    config = SwarmConfig(
        particles=3, motion="velocity", inertia=1.0, step_length=1e12, step_length_factor=1.0, patience=99
    )
    swarm = Swarm(3, replace(config, max_iterations=60, restart=False))
    seen = run(swarm, lambda c: float(c.particle == 1 and c.iteration == 0))
    assert all(np.isfinite(c.coefficients).all() for c in seen)
    assert swarm.stopped_by == "max_iterations"
    assert sum("absolute coefficients" in r.message for r in caplog.records) == 1


def test_when_all_fail_the_search_ends_resumably():
    swarm = Swarm(3, SwarmConfig(particles=4))
    for candidate in swarm.ask():
        swarm.tell(candidate.id, None)
    with pytest.raises(SearchFailedError, match="resum"):
        swarm.ask()


def test_ask_and_tell_out_of_order():
    swarm = Swarm(3, SwarmConfig(particles=4))
    with pytest.raises(AskTellError, match="not waiting"):
        swarm.tell("000-000", 1.0)
    batch = swarm.ask()
    with pytest.raises(AskTellError, match="000-003"):
        swarm.ask()
    swarm.tell(batch[0].id, 1)
    for wrong, says in (("000-000", "told before"), ("000-099", "not waiting")):
        with pytest.raises(AskTellError, match=says):
            swarm.tell(wrong, 1.0)
    for wrong_value in ("1.0", True, [1.0], Evaluation("000-003", 1.0)):
        with pytest.raises(AskTellError, match="000-001"):
            swarm.tell("000-001", wrong_value)
    swarm.tell("000-001", np.float32(0.25))


def test_groups_have_coefficients_of_their_own_shape():
    swarm = Swarm(3, SwarmConfig(particles=5, max_iterations=3), groups=4)
    seen = run(swarm, lambda c: -float(np.abs(c.coefficients - np.arange(12).reshape(4, 3)).sum()))
    assert {c.coefficients.shape for c in seen} == {(4, 3)}
    assert swarm.iteration == 3


def test_zero_iterations_value_the_starts_only():
    swarm = Swarm(4, SwarmConfig(particles=6, max_iterations=0))
    assert {c.iteration for c in run(swarm)} == {0}


SLOW_STEPS = SwarmConfig(
    particles=6, motion="velocity", step_length=0.4, step_length_factor=0.5, minimum_step_length=0.15
)


def test_the_step_decays_to_its_floor():
    swarm = Swarm(4, SLOW_STEPS)
    steps = []
    while batch := swarm.ask():
        steps.append(swarm.state.step_length)
        for candidate in batch:
            swarm.tell(candidate.id, value(candidate))
    assert steps[:4] == [0.4, 0.2, 0.15, 0.15]
    assert all(a >= b for a, b in pairwise(steps))


def test_draws_depend_on_seed_and_iteration_alone():
    assert draws(3, 7, 5).weights.tolist() == draws(3, 7, 5).weights.tolist()
    assert draws(3, 7, 5).weights.tolist() != draws(3, 8, 5).weights.tolist()
    many = uniforms(1, 1, 20_000)
    assert 0 < many.min() < 0.001
    assert 0.999 < many.max() < 1
    assert abs(many.mean() - 0.5) < 0.01
    np.testing.assert_allclose(uniforms(0, 0, 3), [0.011546754, 0.241549197, 0.111425855], atol=1e-8)


WRONG = [("particles", 0), ("particles", 2.5), ("particles", True), ("populate", 1),
         ("populate_by", "pairs"), ("draws_per", "row"), ("leaders", 0), ("leaders", 1.5),
         ("motion", "fast"), ("spread", 0), ("spread", math.inf),
         ("include_base", None), ("starting_velocity", "fast"), ("inertia", -0.1), ("cognitive_coeff", math.nan),
         ("social_coeff", math.inf), ("repel_coeff", "0.1"), ("weight_randomness", "yes"), ("repel", 0),
         ("step_length", 0), ("step_length_factor", 1.1), ("step_length_factor", 0), ("minimum_step_length", -1),
         ("patience", 0), ("restart", None), ("restart_patience", 0), ("max_iterations", -1), ("dropout_k", 1.0),
         ("dropout_n", -0.1), ("rules", "new")]  # fmt: skip


@pytest.mark.parametrize(("key", "wrong"), WRONG)
def test_a_wrong_setting_is_named(key, wrong):
    with pytest.raises(ConfigError, match=rf"swarm\.{key}: .*give"):
        SwarmConfig(**{key: wrong})


@pytest.mark.parametrize(
    ("key", "value", "motion"),
    [("inertia", 0.5, "bare_bones"), ("restart", False, "bare_bones"), ("step_length", 0.5, "bare_bones"),
     ("spread", 2.0, "velocity")],
)  # fmt: skip
def test_keys_without_effect_are_refused(key, value, motion):
    with pytest.raises(ConfigError, match=rf"swarm\.{key}: .* no effect with motion: {motion}; set swarm.motion"):
        SwarmConfig(**{key: value, "motion": motion})


def test_all_weights_zero_is_refused():
    with pytest.raises(ConfigError, match="nothing would move"):
        SwarmConfig(motion="velocity", inertia=0, cognitive_coeff=0, social_coeff=0, repel_coeff=0.3, repel=False)


def test_presets_are_the_published_ones():
    paper, original, light = (PRESETS[name] for name in ("paper", "original", "light"))
    assert (paper.particles, paper.max_iterations, paper.patience, paper.restart_patience) == (20, 50, 10, 5)
    assert (paper.step_length_factor, paper.populate_by, paper.include_base) == (0.95, "interpolation", False)
    assert original.coefficients == (0.4, 0.3, 0.3, 0.3)
    assert (original.max_iterations, original.rules, original.minimum_step_length) == (200, "original", 0.1)
    assert {p.motion for p in (paper, original, light)} == {"velocity"}
    assert {p.leader_count(9) for p in (paper, original, light)} == {1}
    assert (light.populate, light.dropout_k, light.dropout_n, light.patience, light.max_iterations) == (
        False, 0.5, 0.5, 5, 20)  # fmt: skip


@pytest.mark.parametrize(("n", "seed", "groups"), [(0, 0, 1), (2, -1, 1), (2, 2**64, 1), (2, 0, 0), (2.0, 0, 1)])
def test_wrong_sizes_are_refused(n, seed, groups):
    with pytest.raises(ConfigError):
        Swarm(n, seed=seed, groups=groups)


def golden() -> dict:
    """What every preset does on a fixed utility: ids and values of its bests, and the last positions."""
    found = {}
    for name, config in PRESETS.items():
        swarm = Swarm(4, replace(config, particles=7, max_iterations=9), seed=12)
        run(swarm)
        found[name] = {
            "stopped_by": swarm.stopped_by,
            "best": swarm.best.id,
            "best_value": swarm.best_value,
            "position": swarm.state.position[:, 0].tolist(),
        }
    return found


def test_golden_trajectories():
    """Changes only on purpose: ``python tests/swarm/test_swarm.py`` writes the file anew."""
    kept = json.loads(GOLDEN.read_text())
    for name, now in golden().items():
        then = kept[name]
        assert (now["stopped_by"], now["best"]) == (then["stopped_by"], then["best"])
        np.testing.assert_allclose(now["position"], then["position"], rtol=0, atol=1e-12)


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(golden(), indent=1) + "\n")
