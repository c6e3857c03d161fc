"""Gradient descent, plain and with momentum: by hand, and what is said of it."""

import numpy as np
import pytest

from lrlab.optimizers.adaptive import RMSProp
from lrlab.optimizers.sgd import SGD, Momentum
from tests.support.optimizer_samples import CONVENTIONS, GRADS, LRS, W, follow


def test_sgd_by_hand() -> None:
    w, grad = np.array([[1.0, -2.0]]), np.array([[4.0, 0.5]])
    plain, decayed = SGD(), SGD(weight_decay=0.5)
    assert plain.step(w, grad, plain.start(w), 0.25)[0].tolist() == [[0, -2.125]]
    assert decayed.step(w, grad, decayed.start(w), 0.25)[0].tolist() == [[-0.125, -1.875]]
    assert plain.step(w, grad, plain.start(w), 0)[0].tolist() == w.tolist()
    state = plain.start(3)
    assert plain.step(3, 2, state, 0.5) == (2, state)


@pytest.mark.parametrize(
    ("options", "w", "velocity"),
    [
        # Gradients 8, 4, 0 at the rates 1/2, 1/4, 1, from w = 0, with momentum 1/2.
        ({}, [0, -4, -6, -10], [8, 8, 4]),
        ({"dampening": 0.75}, [0, -4, -5.25, -7.75], [8, 5, 2.5]),
        ({"nesterov": True}, [0, -6, -8, -10], [8, 8, 4]),
        ({"convention": "keras"}, [0, -4, -7, -8.5], [-4, -3, -1.5]),
        ({"convention": "keras", "nesterov": True}, [0, -6, -8.5, -9.25], [-4, -3, -1.5]),
        ({"momentum": 0.0}, [0, -4, -5, -5], [8, 4, 0]),
    ],
)
def test_momentum_by_hand(options, w, velocity) -> None:
    optimizer, path, velocities = Momentum(**{"momentum": 0.5} | options), [np.zeros(1)], []
    state = optimizer.start(path[0])
    for grad, lr in zip([8.0, 4.0, 0.0], [0.5, 0.25, 1.0], strict=True):
        moved, state = optimizer.step(path[-1], [grad], state, lr)
        path.append(moved)
        velocities.append(state.velocity)
    assert np.ravel(path).tolist() == w
    assert np.ravel(velocities).tolist() == velocity


def test_momentum_of_0_is_plain_descent() -> None:
    for weight_decay, convention in ((0.0, "pytorch"), (0.5, "pytorch"), (0.0, "keras")):
        optimizer = Momentum(momentum=0, weight_decay=weight_decay, convention=convention)
        plain, _ = follow(SGD(weight_decay=weight_decay), W, GRADS, LRS)
        assert follow(optimizer, W, GRADS, LRS)[0].tolist() == plain.tolist()


def test_keras_heavy_ball_is_polyaks_at_any_rate() -> None:
    for convention in CONVENTIONS:
        path, _ = follow(Momentum(momentum=0.8, convention=convention), W, GRADS, LRS)
        w, before = [W], W
        for k, (grad, lr) in enumerate(zip(GRADS, LRS, strict=True)):
            scale = lr / LRS[k - 1] if convention == "pytorch" and k else 1.0
            w.append(w[-1] - lr * grad + 0.8 * scale * (w[-1] - before))
            before = w[-2]
        assert path == pytest.approx(np.array(w), rel=1e-12)


def test_nesterov_looks_ahead() -> None:
    curvatures, mu = np.array([0.5, 2.0]), 0.75
    optimizer = Momentum(momentum=mu, nesterov=True, convention="keras")
    w = theta = np.array([3.0, -1.0])
    velocity, state = np.zeros(2), optimizer.start(w)
    for lr in LRS:
        velocity = mu * velocity - lr * curvatures * (theta + mu * velocity)
        theta = theta + velocity
        w, state = optimizer.step(w, curvatures * w, state, lr)
        assert w == pytest.approx(theta + mu * velocity, rel=1e-12)
        assert state.velocity == pytest.approx(velocity, rel=1e-12)


def test_a_lasting_gradient_moves_the_weights_by_its_share() -> None:
    # The velocity's limit, in units of the gradient: what stays over what comes in.
    limits = {
        Momentum(momentum=0.9): 10,
        Momentum(momentum=0.9, nesterov=True): 10,
        Momentum(momentum=0.9, convention="keras"): 10,
        Momentum(momentum=0.9, dampening=0.9): 1,
        RMSProp(rho=0.5, momentum=0.75, eps=1e-14): 4,
        RMSProp(rho=0.5, momentum=0.75, eps=1e-28, convention="keras"): 4,
    }
    for optimizer, limit in limits.items():
        path, _ = follow(optimizer, 0.0, [2.0] * 400, [0.01] * 400)
        gradient = 1 if isinstance(optimizer, RMSProp) else 2
        assert path[-2] - path[-1] == pytest.approx(0.01 * gradient * limit, rel=1e-9)


def test_a_dampened_first_step_is_a_whole_one() -> None:
    for momentum in (0.5, 0.9):
        path, _ = follow(Momentum(momentum=momentum, dampening=momentum), 0.0, [1.0] * 9, [1.0] * 9)
        assert path == pytest.approx(-np.arange(10.0), rel=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"dampening": 0.5, "convention": "keras"},
            "dampening belongs to convention 'pytorch' alone, received 0.5",
        ),
        (
            {"dampening": 0.5, "momentum": 0},
            "dampening must be 0 where momentum is 0, since torch then ignores it, received 0.5",
        ),
        (
            {"dampening": 0.5, "nesterov": True},
            "nesterov must be False unless momentum is above 0 and dampening 0, "
            "received True, 0.9 and 0.5",
        ),
        (
            {"momentum": 0, "nesterov": True},
            "nesterov must be False unless momentum is above 0 and dampening 0, "
            "received True, 0.0 and 0.0",
        ),
    ],
)
def test_momentum_refuses_what_does_not_go_together(options, message) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Momentum(**options)
