"""Twins: the frameworks' names for parameters, and what no framework can do is refused."""

import re

import pytest

from lrlab.optimizers.adam import Adam, AdamW
from lrlab.optimizers.adaptive import AdaDelta, AdaGrad, RMSProp
from lrlab.optimizers.lion import Lion
from lrlab.optimizers.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from lrlab.optimizers.sgd import SGD, Momentum
from lrlab.optimizers.twins import TWINS, twin
from tests.support.optimizer_samples import CONVENTIONS, SAMPLES


def test_every_optimizer_has_a_twin():
    assert set(TWINS) == set(SAMPLES)


@pytest.mark.parametrize(
    ("optimizer", "framework", "expected"),
    [
        (SGD(weight_decay=0.1), "pytorch", ("SGD", {"weight_decay": 0.1})),
        (SGD(weight_decay=0.1), "keras", ("SGD", {"weight_decay": 0.1})),
        (
            Momentum(nesterov=True, convention="keras"),
            "keras",
            ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.0}),
        ),
        (
            RMSProp(rho=0.8),
            "pytorch",
            (
                "RMSprop",
                {"alpha": 0.8, "eps": 1e-8, "momentum": 0, "centered": False, "weight_decay": 0},
            ),
        ),
        (AdaDelta(rho=0.8), "pytorch", ("Adadelta", {"rho": 0.8, "eps": 1e-6, "weight_decay": 0})),
        (
            AdaGrad(convention="keras"),
            "keras",
            ("Adagrad", {"epsilon": 1e-7, "initial_accumulator_value": 0.1, "weight_decay": 0}),
        ),
        (
            AdamW(beta1=0.5, beta2=0.7),
            "pytorch",
            ("AdamW", {"betas": (0.5, 0.7), "eps": 1e-8, "amsgrad": False, "weight_decay": 0.01}),
        ),
        (
            Adam(beta1=0.5, beta2=0.7, convention="keras"),
            "keras",
            (
                "Adam",
                {
                    "beta_1": 0.5,
                    "beta_2": 0.7,
                    "epsilon": 1e-7,
                    "amsgrad": False,
                    "weight_decay": 0,
                },
            ),
        ),
        (
            Lion(beta1=0.5, beta2=0.7),
            "pytorch",
            ("Lion", {"betas": (0.5, 0.7), "weight_decay": 0}),
        ),
        (
            ScheduleFreeAdamW(beta1=0.5, beta2=0.7, convention="keras"),
            "keras",
            (
                "ScheduleFreeAdamW",
                {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-8, "weight_decay": 0},
            ),
        ),
    ],
    ids=str,
)
def test_twins_by_hand(optimizer, framework, expected):
    assert twin(optimizer, framework) == expected


@pytest.mark.parametrize("framework", CONVENTIONS)
def test_a_framework_has_no_twin_of_the_others(framework):
    other = CONVENTIONS[1 - CONVENTIONS.index(framework)]
    for cls in (Momentum, AdaDelta, AdamW):
        twin(cls(convention=framework), framework)
        with pytest.raises(ValueError, match=f"must be of convention '{framework}' here, received"):
            twin(cls(convention=other), framework)
    bare = Adam(bias_correction=False, convention=framework)
    with pytest.raises(ValueError, match="must have bias_correction, which no framework lets"):
        twin(bare, framework)


def test_what_one_framework_lacks_is_refused():
    message = re.escape("optimizer must be one that Keras has, received ScheduleFreeSGD(momentum=")
    with pytest.raises(ValueError, match=message):
        twin(ScheduleFreeSGD(), "keras")


class Mine(Adam):
    """A reader's own, of which no framework knows."""


@pytest.mark.parametrize("optimizer", ["adam", None, Adam, {"class": "Adam"}, Mine()], ids=repr)
def test_what_has_no_twin_is_refused(optimizer):
    message = re.escape("optimizer must be one of lrlab.optimizers (SGD, Momentum, AdaGrad, ")
    with pytest.raises(ValueError, match=message):
        twin(optimizer, "pytorch")


@pytest.mark.parametrize("framework", ["torch", "Keras", None])
def test_an_unknown_framework_is_refused(framework):
    message = f"framework must be one of pytorch, keras, received {framework!r}"
    with pytest.raises(ValueError, match=message):
        twin(SGD(), framework)
