"""Training in Keras with a rule: the weights are those of the rule in NumPy.

That each optimiser is its rule, whatever the hyperparameters, is in test_updates_frameworks.py.
"""

import keras
import numpy as np
import pytest

from lrlab import CosineDecay
from lrlab.data import Dataset
from lrlab.keras.fitting import fit
from lrlab.keras.optimizers import make_optimizer, optimizer_arguments
from lrlab.optimizers import (
    RULES,
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdamW,
    Momentum,
    RMSProp,
    to_config,
)

SCHEDULE = CosineDecay(0.05, total_epochs=4)
TRAINED = [
    SGD(weight_decay=0.1),
    Momentum(momentum=0.5, nesterov=True, convention="keras"),
    AdaGrad(initial_accumulator=0.01, convention="keras"),
    RMSProp(rho=0.8, centered=True, momentum=0.5, convention="keras"),
    AdaDelta(rho=0.8, eps=0.01, convention="keras"),
    Adam(beta2=0.9, amsgrad=True, convention="keras"),
    AdamW(weight_decay=0.5, convention="keras"),
]


def points():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (20, 1, 2, 1), dtype=np.uint8)
    y = rng.integers(0, 3, 20)
    return Dataset("points", x, y, x, y, tuple("abc"), "embedded")


START = np.random.default_rng(1).normal(size=(2, 3)).astype(np.float32)


def run(optimizer=None, **options):
    """A run whose one batch holds all points, so that their order does not matter."""
    layers = [keras.layers.Flatten(), keras.layers.Dense(3, use_bias=False)]
    model = keras.Sequential([keras.Input((1, 2, 1)), *layers])
    model.set_weights([START])
    arguments = {"epochs": 4, "schedule": SCHEDULE, "batch_size": 20}
    history = fit(model, points(), optimizer=optimizer, **{**arguments, **options})
    return history, model.get_weights()[0]


@pytest.mark.parametrize("how", ["callback", "optimizer"])
@pytest.mark.parametrize("rule", TRAINED, ids=lambda rule: type(rule).__name__)
def test_a_trained_network_has_the_weights_of_its_rule(rule, how):
    history, trained = run(rule, how=how)
    dataset = points()
    x, w = dataset.x_train.reshape(20, 2) / 127.5 - 1, START.astype(float)
    state = rule.start(w)
    for epoch in range(4):
        p = np.exp(x @ w) / np.exp(x @ w).sum(axis=1, keepdims=True)
        p[np.arange(20), dataset.y_train] -= 1
        w, state = rule.step(w, x.T @ p / 20, state, SCHEDULE(epoch))
    np.testing.assert_allclose(trained - START, w - START, rtol=1e-3, atol=1e-6)
    assert np.abs(w - START).max() > 1e-3
    assert history.lr_deviation() <= 1e-7
    assert history.config["optimizer"] == to_config(rule)


def test_the_rules_of_that_test_are_all_there_are():
    assert [type(rule) for rule in TRAINED] == list(RULES.values())


def test_momentum_as_a_rule_is_the_momentum_of_fit():
    rule, weights = run(Momentum(momentum=0.5, convention="keras"))
    plain, same = run(momentum=0.5)
    np.testing.assert_array_equal(weights, same)
    assert "optimizer" not in plain.config
    assert (weights != run()[1]).any()
    assert rule.config["momentum"] == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "adam"}, r"optimizer must be a rule of lrlab\.updates, received 'adam'"),
        ({"optimizer": Adam()}, "optimizer must be of convention 'keras' here"),
        (
            {"optimizer": Adam(convention="keras"), "momentum": 0.9},
            "momentum must be 0 beside an optimizer",
        ),
    ],
)
def test_fit_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        run(**options)


def test_arguments_have_keras_names():
    assert optimizer_arguments(Adam(beta1=0.5, beta2=0.7, convention="keras")) == {
        "beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-7, "amsgrad": False, "weight_decay": 0.0,
    }  # fmt: skip
    assert make_optimizer(RMSProp(rho=0.75, convention="keras"), 0.5).rho == 0.75
    assert float(make_optimizer(SGD(), 0.5).learning_rate) == 0.5
