"""The model's own passes against each other, and its gradient."""

import torch

from modelswarms.zoo.build.feed import draw_batch
from modelswarms.zoo.build.model import Kernels, embed, initial_weights, next_token_logits, training_loss
from modelswarms.zoo.build.muon import orthogonal
from modelswarms.zoo.build.settings import BASE, tiny_settings
from modelswarms.zoo.build.tasks import INVALID

SHAPE = tiny_settings().shape


def busy_weights() -> dict[str, torch.Tensor]:
    """Weights whose layers do something (fresh ones start as the identity)."""
    generator = torch.Generator().manual_seed(0)
    weights = initial_weights(SHAPE, generator)
    return {name: w + 0.1 * torch.randn(w.shape, generator=generator) for name, w in weights.items()}


def test_a_packed_question_is_answered_as_if_asked_alone():
    weights = busy_weights()
    for source in BASE:
        batch, _ = draw_batch(source, 3, 4, 320, torch.Generator().manual_seed(4))
        _, said = training_loss(weights, SHAPE, batch, Kernels(), torch.float32)
        for i in range(len(batch)):
            for k in range(4):
                end = int(batch.ending[i, k]) + 1
                alone = torch.cat([batch.graph[i, : batch.length[i]], batch.questions[i, k, :end]])[None]
                logits = next_token_logits(weights, SHAPE, alone, torch.tensor([alone.shape[1]]))
                assert int(logits.argmax()) == int(said[i, k])


def test_the_loss_is_on_answers_only():
    weights = busy_weights()
    batch, _ = draw_batch(BASE[0], 4, 4, 320, torch.Generator().manual_seed(5))
    loss, _ = training_loss(weights, SHAPE, batch, Kernels(), torch.float32)
    batch.target[0] = INVALID
    other, _ = training_loss(weights, SHAPE, batch, Kernels(), torch.float32)
    assert torch.isfinite(loss) and loss != other


def test_embedding_gradient_is_the_stock_one():
    table = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    tokens = torch.tensor([[1, 1, 4], [6, 1, 0]])
    weight = torch.randn(2, 3, 3, dtype=torch.float64)
    (ours,) = torch.autograd.grad((embed(table, tokens) * weight).sum(), table)
    (stock,) = torch.autograd.grad((table[tokens] * weight).sum(), table)
    torch.testing.assert_close(ours, stock)


def test_orthogonal_drives_singular_values_to_one():
    for shape in ((2, 40, 16), (2, 16, 40)):
        singular = torch.linalg.svdvals(orthogonal(torch.randn(shape, generator=torch.Generator().manual_seed(0))))
        assert singular.min() > 0.3 and singular.max() < 1.4
