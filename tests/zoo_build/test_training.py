"""The feed keeps the sets apart, training goes on where it was killed, kept answers are not taught."""

from dataclasses import replace

import networkx as nx
import pytest
import torch

from modelswarms.zoo.build import full_settings, tiny_settings, train
from modelswarms.zoo.build.feed import Feed, FeedSettings, Source, draw_batch
from modelswarms.zoo.build.graphs import draw_graphs, fingerprints
from modelswarms.zoo.build.lora import with_replay
from modelswarms.zoo.build.model import Kernels
from modelswarms.zoo.build.muon import Optimiser
from modelswarms.zoo.build.questions import adjacency, held_out_fingerprints, make_questions, read_graph
from modelswarms.zoo.build.sequences import answer_targets, kept, with_kept_answers, without_kept_answers
from modelswarms.zoo.build.settings import EXPERTS, KEEP, TINY_DENSE
from modelswarms.zoo.build.tasks import INVALID, TASKS
from modelswarms.zoo.build.vocabulary import END_ID, NONE_ID, ROWS
from modelswarms.zoo.build.wordings import WEIGHTED_HEADER

CPU = torch.device("cpu")
NOTHING = torch.zeros(0, dtype=torch.long)


def graph_of(tokens):
    return read_graph("".join(ROWS[t] for t in tokens) + ".\n")


def test_questions_depend_on_the_seed_alone_and_share_no_graph():
    sets = make_questions(tiny_settings(), 3)
    assert sets == make_questions(tiny_settings(), 3) != make_questions(tiny_settings(), 4)
    graphs = [read_graph(item.question) for items in sets.values() for item in items]
    marks = [nx.weisfeiler_lehman_graph_hash(graph, edge_attr="weight") for graph in graphs]
    same = nx.isomorphism.numerical_edge_match("weight", 1)
    for i, graph in enumerate(graphs):
        for j in range(i):
            assert marks[i] != marks[j] or not nx.is_isomorphic(graph, graphs[j], edge_match=same)


def test_the_feed_drops_every_graph_that_is_held_out():
    source = Source(TINY_DENSE, {"edge_weight": 1.0}, (WEIGHTED_HEADER,))
    held_out = fingerprints(draw_graphs(TINY_DENSE, 300, torch.Generator().manual_seed(9)))
    feed = Feed((source,), FeedSettings(tokens=800, per_graph=2, pool=400, buckets=(80,)), held_out, 0, CPU)
    for _ in range(20):
        batch = feed.next()
        for i in range(len(batch)):
            graph = graph_of(batch.graph[i, 1 : batch.length[i]].tolist())
            assert not torch.isin(fingerprints(adjacency(graph)[None]), held_out)
    assert feed.dropped > 10


def test_held_out_graphs_are_read_from_the_questions():
    items = make_questions(tiny_settings(), 0)["dev"]
    matrices = torch.stack([adjacency(read_graph(item.question)) for item in items])
    assert torch.equal(held_out_fingerprints(items), fingerprints(matrices))


@pytest.mark.parametrize("fatal", [5, 9])
def test_training_that_was_killed_ends_with_the_same_weights(tmp_path, monkeypatch, fatal):
    tiny = tiny_settings()
    few = replace(tiny, feed=replace(tiny.feed, pool=24), base=replace(tiny.base, steps=10))

    def trained(name):
        return train.train_base(few, 0, CPU, NOTHING, Kernels(), tmp_path / name)

    plain, calls, original = trained("a"), 0, Optimiser.step

    def step(self, rate, momentum):
        nonlocal calls
        calls += 1
        if calls == fatal:
            raise KeyboardInterrupt
        original(self, rate, momentum)

    monkeypatch.setattr(train, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(Optimiser, "step", step)
    with pytest.raises(KeyboardInterrupt):
        trained("b")
    calls = fatal
    resumed = trained("b")
    assert 10 - fatal < calls - fatal < 10  # some steps again, not all of them
    assert all(torch.equal(plain[name], resumed[name]) for name in plain)
    before = calls
    finished = trained("b")
    assert calls == before
    assert all(torch.equal(plain[name], finished[name]) for name in plain)


def test_a_feed_restored_between_pools_goes_on_as_if_never_stopped():
    source = Source(TINY_DENSE, {"edge_weight": 1.0}, (WEIGHTED_HEADER,))
    sizes = FeedSettings(tokens=800, per_graph=2, pool=40, buckets=(80,))
    feed, other = (Feed((source,), sizes, NOTHING, 5, CPU) for _ in range(2))
    feed.next()
    while not feed.between_pools:
        with pytest.raises(ValueError, match="between pools"):
            feed.state()
        feed.next()
    other.restore(feed.state())
    for _ in range(7):
        one, two = feed.next(), other.next()
        assert torch.equal(one.graph, two.graph)
        assert torch.equal(one.questions, two.questions)


def test_kept_answers_are_another_models_or_not_taught():
    for family, (source, *_) in KEEP.items():
        batch, _ = draw_batch(source, 8, 3, 608, torch.Generator().manual_seed(1))
        assert kept(batch).all()
        silent = answer_targets(without_kept_answers(batch))
        asked = batch.target != INVALID
        assert asked.any(), family
        assert (silent[..., 0] == INVALID).all()
        assert (silent[..., 1][asked] == END_ID).all()
        other = with_kept_answers(batch, torch.full_like(batch.target, NONE_ID))
        spoken = other.questions.gather(2, other.ending[..., None] + 1)[..., 0]
        assert (other.target[asked] == NONE_ID).all()
        assert (spoken[asked] == NONE_ID).all()
        assert (other.target[~asked] == INVALID).all()
    taught, _ = draw_batch(EXPERTS[0].sources[0], 8, 3, 608, torch.Generator().manual_seed(1))
    assert torch.equal(with_kept_answers(taught, torch.zeros_like(taught.target)).target, taught.target)
    assert torch.equal(without_kept_answers(taught).target, taught.target)


def test_an_expert_keeps_the_families_it_is_not_tuned_on():
    training = full_settings().expert
    for plan in EXPERTS:
        sources = with_replay(plan.sources, training)
        assert sum(source.share for source in sources) == pytest.approx(1.0)
        asked = {name for source in sources for name in source.mixture}
        assert len({name for name in asked if name.startswith("keep_")}) == len(KEEP) - 1
        assert {task.name for task in TASKS} >= asked
