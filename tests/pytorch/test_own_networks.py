"""Networks of the reader's own, written in ways that those of the book are not."""

import pytest
import torch
from torch import nn

from lrlab import Constant, Recipe
from lrlab.data import load
from lrlab.pytorch import evaluate, fit, logits

BLOBS = load("blobs", 100, test_limit=50)
RECIPE = Recipe(Constant(0.1), epochs=2, batch_size=40)


def linear(layer):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return layer()


class Keeps(nn.Module):
    """Computes something at its first call and keeps it, as some do with angles of positions."""

    def __init__(self):
        super().__init__()
        self.dense, self.kept = linear(lambda: nn.Linear(2, 3)), None

    def forward(self, x):
        if self.kept is None:
            self.kept = torch.ones(3, device=x.device)
        return self.dense(x.flatten(1)) * self.kept


@pytest.mark.parametrize("look", [lambda model: None, lambda model: evaluate(model, BLOBS),
                                  lambda model: logits(model, BLOBS.x_test)])  # fmt: skip
def test_what_a_network_keeps_of_an_evaluation_can_be_trained_with(look):
    model = Keeps()
    look(model)
    plain = nn.Sequential(nn.Flatten(), linear(lambda: nn.Linear(2, 3)))
    assert fit(model, BLOBS, RECIPE).train_loss == fit(plain, BLOBS, RECIPE).train_loss


def test_a_layer_that_takes_its_shape_from_the_images():
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(3))
    history = fit(model, BLOBS, RECIPE)
    assert model[1].weight.shape == (3, 2)
    assert history.train_loss[1] < history.train_loss[0]


class Gives(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.dense, self.outputs = nn.Linear(2, 3), outputs

    def forward(self, x):
        return self.outputs(self.dense(x.flatten(1)))


@pytest.mark.parametrize(
    ("outputs", "given"),
    [
        (lambda y: (y, y), "a tuple"),
        (lambda y: {"logits": y}, "a dict"),
        (lambda y: y[:, :2], r"\(N, 2\)"),
        (lambda y: y[:, 0], r"\(N\)"),
        (lambda y: y[:, None], r"\(N, 1, 3\)"),
        (torch.mean, "a Tensor"),
    ],
)
def test_outputs_that_are_no_logits_are_named(outputs, given):
    message = rf"model must give logits of shape \(N, 3\) for this data set, gives {given}$"
    with pytest.raises(ValueError, match=message):
        fit(Gives(outputs), BLOBS, RECIPE)
