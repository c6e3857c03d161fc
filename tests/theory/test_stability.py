"""The edge of stability: every optimizer's real steps on a bowl on both sides of it."""

import math

import numpy as np
import pytest

from lrlab.landscapes import Quadratic, descend
from lrlab.optimizers import SGD, AdaDelta, AdaGrad, Adam, AdamW, Momentum, RMSProp
from lrlab.schedules import Constant
from lrlab.theory.momentum import divergence_lr, regime
from lrlab.theory.stability import edge_of_stability

LINEAR = {
    "plain": SGD(),
    "heavy ball": Momentum(momentum=0.8),
    "dampened": Momentum(momentum=0.8, dampening=0.6),
    "Nesterov": Momentum(momentum=0.8, nesterov=True),
    "Keras' heavy ball": Momentum(momentum=0.3, convention="keras"),
    "Keras' decay": Momentum(momentum=0.8, weight_decay=0.5, convention="keras"),
    "Nesterov's decay": Momentum(momentum=0.8, nesterov=True, weight_decay=0.5, convention="keras"),
}
# A large ε outweighs the gradients' own size: the memory divides by one number all the time.
BIG = 1e6
ADAPTIVE = {
    "Adam": (Adam(eps=BIG), BIG),
    "another Adam": (Adam(beta1=0.5, amsgrad=True, bias_correction=False, eps=BIG), BIG),
    "AdamW": (AdamW(weight_decay=0.4, eps=BIG), BIG),
    "Keras' Adam": (Adam(beta2=0.5, weight_decay=0.4, eps=BIG, convention="keras"), BIG),
    "RMSProp": (RMSProp(eps=BIG), BIG),
    "RMSProp with momentum": (RMSProp(momentum=0.7, eps=BIG), BIG),
    "Keras' RMSProp": (
        RMSProp(momentum=0.7, weight_decay=0.4, eps=BIG, convention="keras"),
        math.sqrt(BIG),
    ),
    "AdaGrad": (AdaGrad(eps=BIG), BIG),
    "AdaDelta": (AdaDelta(eps=BIG), 1.0),
}
CASES = {name: (optimizer, 1.0) for name, optimizer in LINEAR.items()} | ADAPTIVE


@pytest.mark.parametrize("lr", [0.05, 0.6])
@pytest.mark.parametrize(("optimizer", "divisor"), CASES.values(), ids=CASES)
def test_real_steps_stay_below_the_edge_and_leave_above_it(optimizer, divisor, lr) -> None:
    edge = edge_of_stability(optimizer, lr)
    for share, stays in ((0.98, True), (1.02, False)):
        bowl = Quadratic([share * edge * divisor])
        path = descend(bowl, optimizer, Constant(lr), [1e-60], 600)
        assert (path.factor() < 1) == stays
    signs = np.sign(path.w[-9:, 0])
    assert (signs[1:] == -signs[:-1]).all(), "it leaves by swinging"


def test_coupled_decay_adds_to_the_curvature_and_leaves_the_edge() -> None:
    optimizer = Momentum(momentum=0.8, weight_decay=2.0)
    edge = edge_of_stability(optimizer, 0.1)
    assert edge == edge_of_stability(Momentum(momentum=0.8), 0.1) == pytest.approx(36)
    for curvature, stays in ((0.98 * edge - 2, True), (1.02 * edge - 2, False)):
        path = descend(Quadratic([curvature]), optimizer, Constant(0.1), [1.0], 600)
        assert (path.factor() < 1) == stays


def test_the_formulas() -> None:
    lr, beta, tau, decay = 0.3, 0.7, 0.4, 0.2
    edges = {
        SGD(): 2 / lr,
        Momentum(momentum=beta, dampening=tau): (2 + 2 * beta) / ((1 - tau) * lr),
        Momentum(momentum=beta, nesterov=True): (2 + 2 * beta) / ((1 + 2 * beta) * lr),
        Adam(): 38 / lr,
        Adam(beta1=beta): (2 + 2 * beta) / ((1 - beta) * lr),
        AdamW(beta1=beta, weight_decay=decay): (2 + 2 * beta)
        / ((1 - beta) * lr)
        * (1 - lr * decay / 2),
        RMSProp(momentum=beta): (2 + 2 * beta) / lr,
    }
    for optimizer, edge in edges.items():
        assert edge_of_stability(optimizer, lr) == pytest.approx(edge, rel=1e-14)


@pytest.mark.parametrize("nesterov", [False, True])
def test_it_is_where_the_regimes_end(nesterov) -> None:
    rates = np.array([[0.1, 0.2], [1.0, 3.0]])
    edges = edge_of_stability(Momentum(momentum=0.6, nesterov=nesterov), rates)
    assert edges.shape == (2, 2)
    for edge, lr in zip(edges.ravel(), rates.ravel(), strict=True):
        assert divergence_lr(Quadratic([edge]), 0.6, nesterov=nesterov) == pytest.approx(lr)
    assert (regime(edges * 0.999, rates, 0.6, nesterov=nesterov) == "alternating").all()
    assert type(edge_of_stability(SGD(), 0.1)) is float
    assert edge_of_stability(SGD(), 0) == math.inf


REFUSED = [
    (lambda: edge_of_stability(SGD(), -1), "lr must be .* of at least 0, received -1"),
    (lambda: edge_of_stability("sgd", 0.1), "optimizer must be one of SGD, .* received 'sgd'"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()
